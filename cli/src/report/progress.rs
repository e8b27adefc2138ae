//! Progress on a terminal: one line on standard error, gone when the work is done. Nothing where
//! standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress of one piece of work.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Progress in bytes of an input; without a size, only what has been done is shown.
    pub(crate) fn bytes(what: &'static str, total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => "{prefix} {bar:30} {bytes}/{total_bytes} · {msg} · {elapsed}",
            None => "{spinner} {prefix} {bytes} · {msg} · {elapsed}",
        };
        Self::new(what, total, template)
    }

    /// Progress towards a number; the message says how it goes.
    pub(crate) fn towards(what: &'static str, total: u64) -> Self {
        Self::new(what, Some(total), "{prefix} {bar:30} {msg} · {elapsed}")
    }

    /// Progress without an end that is known.
    pub(crate) fn counting(what: &'static str) -> Self {
        Self::new(what, None, "{spinner} {prefix} {msg} · {elapsed}")
    }

    fn new(what: &'static str, total: Option<u64>, template: &str) -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(total, target).with_prefix(what);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Whether anybody sees it.
    pub(crate) fn is_visible(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Shows how far it is.
    pub(crate) fn set(&self, position: u64, message: String) {
        self.0.set_position(position);
        self.0.set_message(message);
    }

    /// Sets what it goes towards.
    pub(crate) fn set_total(&self, total: u64) {
        self.0.set_length(total);
    }

    /// Prints something while it is off the terminal.
    pub(crate) fn above(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Takes it off the terminal.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// How often the time that has passed is drawn anew.
const TICK: Duration = Duration::from_millis(200);
