//! A replication task as it is shown.

use std::time::Duration;

use jackdaw_proto::control::ExternalReplication;
use jackdaw_proto::control::external_replication::{
    ConnectionState, LastError, Phase, PhaseKind, Progress, State, Warning,
};
use jackdaw_proto::wire::Reason;
use serde::Serialize;

use super::{bare, last_part, time};
use crate::report::output::{Shown, grouped};

/// One task.
#[derive(Debug, Serialize)]
pub(crate) struct TaskView {
    name: String,
    display_name: String,
    connection_string: String,
    state: String,
    connection_state: String,
    phase: PhaseView,
    destination_database: String,
    actual_destination_url: String,
    topology_discovery_urls: Vec<String>,
    progress: ProgressView,
    error: Option<ErrorView>,
    warning: Option<WarningView>,
    create_time: String,
    etag: String,
}

/// What a task is doing.
#[derive(Debug, Default, Serialize)]
struct PhaseView {
    kind: String,
    until: String,
    reason: String,
    message: String,
}

/// How far a task is.
#[derive(Debug, Default, Serialize)]
struct ProgressView {
    source_last_etag: u64,
    last_sent_etag: u64,
    last_acknowledged_etag: u64,
    source_change_vector: String,
    destination_change_vector: String,
    lag_items: u64,
    lag_seconds: f64,
    heard_time: String,
    items_sent: u64,
    bytes_sent: u64,
    batches_acknowledged: u64,
    items_applied: u64,
    items_already_present: u64,
    items_merged: u64,
    items_conflicted: u64,
    items_left_out: u64,
    reconciled_removed: u64,
    reconciled_kept: u64,
}

/// What went wrong last.
#[derive(Debug, Serialize)]
struct ErrorView {
    reason: String,
    message: String,
    time: String,
    retries: u32,
    next_try_time: String,
}

/// What somebody should know though it works.
#[derive(Debug, Serialize)]
struct WarningView {
    reason: String,
    message: String,
    time: String,
}

impl From<ExternalReplication> for TaskView {
    fn from(task: ExternalReplication) -> Self {
        let state = State::try_from(task.state).ok().map(|it| it.as_str_name());
        let connection = ConnectionState::try_from(task.connection_state).ok();
        let connection = connection.map(|it| it.as_str_name());
        Self {
            state: bare(state, "STATE_", task.state),
            connection_state: bare(connection, "CONNECTION_STATE_", task.connection_state),
            create_time: time(task.create_time.as_ref()),
            etag: task.etag,
            name: task.name,
            display_name: task.display_name,
            connection_string: task.connection_string,
            phase: task.phase.map(PhaseView::from).unwrap_or_default(),
            destination_database: task.destination_database,
            actual_destination_url: task.actual_destination_url,
            topology_discovery_urls: task.topology_discovery_urls,
            progress: task.progress.map(ProgressView::from).unwrap_or_default(),
            error: task.error.map(ErrorView::from),
            warning: task.warning.map(WarningView::from),
        }
    }
}

impl From<Phase> for PhaseView {
    fn from(phase: Phase) -> Self {
        Self {
            kind: phase_name(phase.kind),
            until: time(phase.until.as_ref()),
            reason: phase.reason,
            message: phase.message,
        }
    }
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        let lag = progress.lag.and_then(|lag| Duration::try_from(lag).ok());
        Self {
            lag_seconds: lag.unwrap_or_default().as_secs_f64(),
            heard_time: time(progress.heard_time.as_ref()),
            source_last_etag: progress.source_last_etag,
            last_sent_etag: progress.last_sent_etag,
            last_acknowledged_etag: progress.last_acknowledged_etag,
            source_change_vector: progress.source_change_vector,
            destination_change_vector: progress.destination_change_vector,
            lag_items: progress.lag_items,
            items_sent: progress.items_sent,
            bytes_sent: progress.bytes_sent,
            batches_acknowledged: progress.batches_acknowledged,
            items_applied: progress.items_applied,
            items_already_present: progress.items_already_present,
            items_merged: progress.items_merged,
            items_conflicted: progress.items_conflicted,
            items_left_out: progress.items_left_out,
            reconciled_removed: progress.reconciled_removed,
            reconciled_kept: progress.reconciled_kept,
        }
    }
}

impl From<LastError> for ErrorView {
    fn from(error: LastError) -> Self {
        Self {
            time: time(error.time.as_ref()),
            next_try_time: time(error.next_try_time.as_ref()),
            reason: error.reason,
            message: error.message,
            retries: error.retries,
        }
    }
}

impl From<Warning> for WarningView {
    fn from(warning: Warning) -> Self {
        let time = time(warning.time.as_ref());
        Self { reason: warning.reason, message: warning.message, time }
    }
}

impl PhaseView {
    /// Whether the task is not running, or has not said anything yet.
    fn is_none(&self) -> bool {
        self.kind == "UNSPECIFIED"
    }

    /// The kind, and why where there is a why.
    fn text(&self) -> String {
        let Self { kind, until, reason, message } = self;
        let mut text = if self.is_none() { "-".to_owned() } else { kind.clone() };
        if !reason.is_empty() {
            text.push_str(&format!(" ({reason}: {message})"));
        }
        if !until.is_empty() {
            text.push_str(&format!(", next try {until}"));
        }
        text
    }
}

impl ProgressView {
    fn position(&self) -> String {
        format!("{} of {}", self.last_acknowledged_etag, self.source_last_etag)
    }

    fn lag(&self) -> String {
        format!("{} ({:.1} s)", grouped(self.lag_items), self.lag_seconds)
    }

    fn outcomes(&self) -> String {
        format!(
            "{} applied, {} already present, {} merged, {} in conflict",
            grouped(self.items_applied),
            grouped(self.items_already_present),
            grouped(self.items_merged),
            grouped(self.items_conflicted),
        )
    }
}

impl Shown for TaskView {
    const COLUMNS: &'static [&'static str] =
        &["TASK", "NAME", "STATE", "CONNECTION", "PHASE", "ACKNOWLEDGED", "LAG"];

    fn row(&self) -> Vec<String> {
        vec![
            last_part(&self.name).to_owned(),
            self.display_name.clone(),
            self.state.clone(),
            self.connection_state.clone(),
            self.phase.text(),
            self.progress.position(),
            self.progress.lag(),
        ]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let progress = &self.progress;
        let mut fields = vec![
            ("task", last_part(&self.name).to_owned()),
            ("name", self.display_name.clone()),
            ("connection string", self.connection_string.clone()),
            ("created", self.create_time.clone()),
            ("etag", self.etag.clone()),
            ("state", self.state.clone()),
            ("connection", self.connection_state.clone()),
            ("phase", self.phase.text()),
            ("destination database", self.destination_database.clone()),
            ("topology discovery URLs", self.topology_discovery_urls.join("\n")),
            ("URL in use", self.actual_destination_url.clone()),
            ("acknowledged etag", progress.position()),
            ("sent etag", progress.last_sent_etag.to_string()),
            ("lag in items", progress.lag()),
            ("last heard of", progress.heard_time.clone()),
            ("source vector", progress.source_change_vector.clone()),
            ("destination vector", progress.destination_change_vector.clone()),
            (
                "sent",
                format!(
                    "{} items, {} left out, {} bytes, {} batches acknowledged",
                    grouped(progress.items_sent),
                    grouped(progress.items_left_out),
                    grouped(progress.bytes_sent),
                    grouped(progress.batches_acknowledged),
                ),
            ),
            ("outcomes", progress.outcomes()),
        ];
        if let Some(error) = &self.error {
            fields.push(("last error", format!("{} ({})", error.message, error.reason)));
            let tries = format!("{}, {} in a row", error.time, error.retries);
            fields.push(("failed at", tries));
            if !error.next_try_time.is_empty() {
                fields.push(("next try", error.next_try_time.clone()));
            }
            // A newer service's reason may not be in this build's catalogue.
            if let Some(reason) = Reason::parse(&error.reason) {
                fields.push(("what to do", reason.remedy().to_owned()));
            }
        }
        if progress.reconciled_removed + progress.reconciled_kept > 0 {
            let (removed, kept) = (progress.reconciled_removed, progress.reconciled_kept);
            let text = format!("{} removed, {} kept", grouped(removed), grouped(kept));
            fields.push(("reconciled", text));
        }
        if let Some(warning) = &self.warning {
            let text = format!("{} ({}, {})", warning.message, warning.reason, warning.time);
            fields.push(("warning", text));
        }
        fields
    }
}

/// The name of a phase.
pub(crate) fn phase_name(kind: i32) -> String {
    let name = PhaseKind::try_from(kind).ok().map(|it| it.as_str_name());
    bare(name, "PHASE_KIND_", kind)
}
