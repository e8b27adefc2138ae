//! How a copy gets on, live: a line on a terminal, elsewhere a line a second.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use jackdaw_proto::control::ExternalReplication;
use jackdaw_proto::control::external_replication::PhaseKind;
use tokio::time::Instant;

use crate::report::output::{grouped, note};
use crate::report::progress::Progress;
use crate::report::view::phase_name;

/// Shows a task while it copies.
pub(super) struct Display {
    bar: Progress,
    /// How many documents there will be; 0 where nobody knows.
    documents: u64,
    began: Instant,
    sent: Cell<u64>,
    acknowledged: Cell<u64>,
    /// When which etag was acknowledged, over the last [`RATE_OVER`].
    recent: RefCell<VecDeque<(Instant, u64)>>,
    printed: Cell<Option<Instant>>,
}

/// The time over which a rate is measured.
const RATE_OVER: Duration = Duration::from_secs(2);

/// How often a line is printed where there is no terminal.
const PRINT_EVERY: Duration = Duration::from_secs(1);

impl Display {
    /// A display for so many documents, where that is known.
    pub(super) fn new(documents: Option<u64>) -> Self {
        Self {
            // A bar towards nothing is full.
            bar: Progress::towards("copying", documents.unwrap_or(1).max(1)),
            documents: documents.unwrap_or(0),
            began: Instant::now(),
            sent: Cell::new(0),
            acknowledged: Cell::new(0),
            recent: RefCell::default(),
            printed: Cell::new(None),
        }
    }

    /// Hears how many documents were sent to the source.
    pub(super) fn sent(&self, documents: u64) {
        self.sent.set(documents);
    }

    /// Shows the task as it is now.
    pub(super) fn show(&self, task: &ExternalReplication) {
        let progress = task.progress.clone().unwrap_or_default();
        let phase = task.phase.clone().unwrap_or_default();
        if phase.kind() == PhaseKind::Unspecified {
            return;
        }
        let (acknowledged, last) = (progress.last_acknowledged_etag, progress.source_last_etag);
        self.acknowledged.set(acknowledged);
        let lag = progress.lag.and_then(|lag| Duration::try_from(lag).ok()).unwrap_or_default();
        let mut text = format!(
            "{} · acknowledged etag {} of {} · {}/s · lag {:.1} s",
            phase_name(phase.kind),
            grouped(acknowledged),
            grouped(last),
            grouped(self.rate(acknowledged)),
            lag.as_secs_f64(),
        );
        if !phase.reason.is_empty() {
            text.push_str(&format!(" · {}", phase.reason));
        }
        if self.bar.is_visible() {
            self.bar.set_total(self.documents.max(last).max(self.sent.get()));
            self.bar.set(acknowledged, text);
        } else if self.print_is_due() {
            note(text);
        }
    }

    /// Prints a line above the one that moves.
    pub(super) fn note(&self, text: &str) {
        self.bar.above(|| note(text));
    }

    /// How it went, once it is done.
    pub(super) fn summary(&self) -> String {
        let took = self.began.elapsed().as_secs_f64();
        let etags = self.acknowledged.get();
        format!("{} etags in {took:.1} s", grouped(etags))
    }

    /// Takes the line off the terminal.
    pub(super) fn finish(&self) {
        self.bar.finish();
    }

    /// Etags a second, of late.
    fn rate(&self, acknowledged: u64) -> u64 {
        let now = Instant::now();
        let mut recent = self.recent.borrow_mut();
        recent.push_back((now, acknowledged));
        while recent.len() > 2 && recent.front().is_some_and(|(at, _)| now - *at > RATE_OVER) {
            recent.pop_front();
        }
        let Some((then, before)) = recent.front() else { return 0 };
        let millis = u64::try_from((now - *then).as_millis()).unwrap_or(u64::MAX);
        let etags = acknowledged.saturating_sub(*before);
        etags.saturating_mul(1000).checked_div(millis).unwrap_or_default()
    }

    fn print_is_due(&self) -> bool {
        let now = Instant::now();
        let due = self.printed.get().is_none_or(|last| now - last >= PRINT_EVERY);
        if due {
            self.printed.set(Some(now));
        }
        due
    }
}
