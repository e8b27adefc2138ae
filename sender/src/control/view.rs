//! Tasks and connection strings as they go out.
//!
//! What a task is comes from its definition, what it is doing from the board, how far it is from
//! both and the database.

use jackdaw_common::{DatabaseName, Etag, Timestamp};
use jackdaw_node::{
    catalog::Database,
    control::{blocking, failure, names},
};
use jackdaw_proto::{
    control::{self as wire, external_replication as part},
    convert::{
        change_vector,
        time::{duration, timestamp},
    },
    wire::WireError,
};
use jackdaw_store::{Snapshot, StoreError};

use super::{connection_strings, records};
use crate::{
    definition::{ConnectionString, TaskDefinition},
    progress::{LastError, Phase, Status, Warning},
};

/// Type of the resource.
pub(super) const KIND: &str = "jackdaw/ExternalReplication";

/// Part of the resource name.
pub(super) const COLLECTION: &str = "externalReplications";

/// The name of a task as a resource.
pub(super) fn task_name(database: &DatabaseName, id: u64) -> String {
    names::of_child(database, COLLECTION, &id.to_string())
}

/// A connection string as it goes out.
pub(super) fn connection_string(
    database: &DatabaseName,
    string: ConnectionString,
) -> wire::ConnectionString {
    wire::ConnectionString {
        etag: string.etag(),
        name: names::of_child(database, connection_strings::COLLECTION, &string.name),
        database: string.database,
        topology_discovery_urls: string.topology_discovery_urls,
        create_time: Some(timestamp(Timestamp::from_micros(string.created))),
    }
}

/// What the database says of a task, all of one snapshot.
pub(super) struct Facts {
    task: TaskDefinition,
    destination: Option<ConnectionString>,
    /// How it is doing, towards that destination.
    status: Status,
    snapshot: Snapshot,
    /// What the destination has, as it was heard of last or as it is written down.
    acknowledged: Etag,
    /// When the oldest change was committed that is not acknowledged.
    oldest: Option<Timestamp>,
}

impl Facts {
    /// Reads them; `None` when there is no such task.
    pub(super) async fn gather(
        database: &Database,
        id: u64,
        status: &Status,
    ) -> Result<Option<Self>, WireError> {
        let snapshot = database.store().snapshot();
        let status = status.clone();
        blocking(move || Self::read(snapshot, id, status).map_err(|error| failure::store(&error)))
            .await
    }

    fn read(snapshot: Snapshot, id: u64, status: Status) -> Result<Option<Self>, StoreError> {
        let Some(task) = records::task(&snapshot, id)? else { return Ok(None) };
        let task = task.value;
        let destination = records::connection_string(&snapshot, &task.connection_string)?;
        let destination = destination.map(|destination| destination.value);
        let current = destination.as_ref().map_or(0, ConnectionString::destination);
        // What is known of another destination says nothing of this one.
        let other = status.destination != 0 && status.destination != current;
        let status = if other { status.towards(current) } else { status };
        // Before it was heard of: what is written down, if that is of this one.
        let unheard = status.heard.is_none() && status.last_acknowledged.is_zero();
        let written = snapshot.header().followers.acknowledged_by(id, current);
        let written = written.filter(|_| unheard);
        let acknowledged = written.unwrap_or(status.last_acknowledged);
        let oldest = snapshot.changes_after(acknowledged).next().transpose()?;
        let oldest = oldest.map(|row| row.stamp);
        Ok(Some(Self { task, destination, status, snapshot, acknowledged, oldest }))
    }
}

/// A task as it goes out.
pub(super) fn task(
    database: &DatabaseName,
    facts: &Facts,
    now: Timestamp,
) -> wire::ExternalReplication {
    let (destination, status) = (facts.destination.as_ref(), &facts.status);
    wire::ExternalReplication {
        connection_state: connection_state(facts.task.enabled, status).into(),
        phase: Some(phase(status)),
        destination_database: destination.map(|it| it.database.clone()).unwrap_or_default(),
        actual_destination_url: status.actual_url.clone().unwrap_or_default(),
        topology_discovery_urls: destination
            .map(|it| it.topology_discovery_urls.clone())
            .unwrap_or_default(),
        progress: Some(progress(facts, now)),
        error: status.error.as_ref().map(last_error),
        warning: status.warning.as_ref().map(warning),
        ..planned(database, &facts.task)
    }
}

/// A task of which nothing is known but its definition.
pub(super) fn planned(database: &DatabaseName, task: &TaskDefinition) -> wire::ExternalReplication {
    let state = if task.enabled { part::State::Enabled } else { part::State::Disabled };
    wire::ExternalReplication {
        etag: task.etag(),
        name: task_name(database, task.id),
        display_name: task.display_name.clone(),
        connection_string: task.connection_string.clone(),
        state: state.into(),
        create_time: Some(timestamp(Timestamp::from_micros(task.created))),
        ..Default::default()
    }
}

fn connection_state(enabled: bool, status: &Status) -> part::ConnectionState {
    match status.phase {
        _ if status.actual_url.is_some() => part::ConnectionState::Active,
        _ if !enabled => part::ConnectionState::NotActive,
        Phase::Stopped | Phase::Blocked => part::ConnectionState::NotActive,
        Phase::Connecting
        | Phase::Reconciling
        | Phase::CatchingUp
        | Phase::Live
        | Phase::Backoff { .. } => part::ConnectionState::Reconnect,
    }
}

fn phase(status: &Status) -> part::Phase {
    let (kind, until) = match status.phase {
        Phase::Stopped => (part::PhaseKind::Unspecified, None),
        Phase::Connecting => (part::PhaseKind::Connecting, None),
        Phase::Reconciling => (part::PhaseKind::Reconciling, None),
        Phase::CatchingUp => (part::PhaseKind::CatchingUp, None),
        Phase::Live => (part::PhaseKind::Live, None),
        Phase::Backoff { until } => (part::PhaseKind::Backoff, Some(timestamp(until))),
        Phase::Blocked => (part::PhaseKind::Blocked, None),
    };
    let waits = matches!(kind, part::PhaseKind::Backoff | part::PhaseKind::Blocked);
    let error = status.error.clone().filter(|_| waits);
    let (reason, message) = error.map(|error| (error.reason, error.message)).unwrap_or_default();
    part::Phase { kind: kind.into(), until, reason, message }
}

fn progress(facts: &Facts, now: Timestamp) -> part::Progress {
    let status = &facts.status;
    let header = facts.snapshot.header();
    let acknowledged = facts.acknowledged.get();
    let counts = &status.counts;
    let lag = facts.oldest.map_or(0, |oldest| now.micros_since(oldest));
    part::Progress {
        source_last_etag: header.last_etag.get(),
        last_sent_etag: status.last_sent.get(),
        last_acknowledged_etag: acknowledged,
        source_change_vector: change_vector::text(&header.vector),
        destination_change_vector: change_vector::text(&status.destination_vector),
        lag_items: header.last_etag.get().saturating_sub(acknowledged),
        lag: Some(duration(lag)),
        heard_time: status.heard.map(timestamp),
        items_sent: counts.items_sent,
        bytes_sent: counts.bytes_sent,
        batches_acknowledged: counts.batches_acknowledged,
        items_applied: counts.applied,
        items_already_present: counts.already_present,
        items_merged: counts.merged,
        items_conflicted: counts.conflicted,
        items_left_out: counts.left_out,
        reconciled_removed: counts.reconciled_removed,
        reconciled_kept: counts.reconciled_kept,
        attachment_bytes_sent: counts.content_bytes_sent,
    }
}

fn warning(warning: &Warning) -> part::Warning {
    part::Warning {
        reason: warning.reason.clone(),
        message: warning.message.clone(),
        time: Some(timestamp(warning.time)),
    }
}

fn last_error(error: &LastError) -> part::LastError {
    part::LastError {
        reason: error.reason.clone(),
        message: error.message.clone(),
        time: Some(timestamp(error.time)),
        retries: error.retries,
        next_try_time: error.next_try.map(timestamp),
    }
}

/// Whether the destination still lacks changes.
pub(super) fn lags(task: &wire::ExternalReplication) -> bool {
    task.progress.as_ref().is_some_and(|progress| progress.lag_items > 0)
}
