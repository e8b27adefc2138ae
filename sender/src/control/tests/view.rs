//! What `control` promises about `view`, tried out.

use jackdaw_common::{ChangeVector, Entry, Etag, Timestamp};
use jackdaw_proto::control::external_replication as part;
use jackdaw_store::tables::followers::Follower;

use super::fixture::{Caller, Site, task_request};
use crate::{
    control::records,
    progress::{Counts, LastError, Phase},
};

async fn site() -> Site {
    let site = Site::with_string().await;
    site.create_task(Caller::Operator, task_request("copy", "")).await.unwrap();
    site
}

fn error() -> LastError {
    LastError {
        reason: "CONNECTION_REFUSED".into(),
        message: "nothing listens".into(),
        time: Timestamp::from_micros(3_000_000),
        retries: 4,
        next_try: Some(Timestamp::from_micros(9_000_000)),
    }
}

#[tokio::test]
async fn active_means_connected_and_nothing_else_does() {
    let site = site().await;
    let key = site.key(1);
    let until = Timestamp::from_micros(1);
    let rows = [
        (Phase::Stopped, false, part::ConnectionState::NotActive),
        (Phase::Connecting, false, part::ConnectionState::Reconnect),
        (Phase::CatchingUp, false, part::ConnectionState::Reconnect),
        (Phase::CatchingUp, true, part::ConnectionState::Active),
        (Phase::Live, true, part::ConnectionState::Active),
        (Phase::Backoff { until }, false, part::ConnectionState::Reconnect),
        (Phase::Blocked, false, part::ConnectionState::NotActive),
    ];
    for (phase, connected, expected) in rows {
        site.board.update(key, |status| {
            status.phase = phase.clone();
            status.actual_url = connected.then(|| "https://receiver:8443".into());
        });
        let task = site.get_task("1").await.unwrap();
        assert_eq!(task.connection_state(), expected, "{phase:?} {connected}");
        assert_eq!(task.actual_destination_url.is_empty(), !connected);
    }
    site.board.update(key, |status| status.phase = Phase::Connecting);
    let disabled = site.disable_task("1").await.unwrap();
    assert_eq!(disabled.connection_state(), part::ConnectionState::NotActive);
}

#[tokio::test]
async fn a_waiting_phase_says_why_and_until_when() {
    let site = site().await;
    let key = site.key(1);
    site.board.update(key, |status| {
        status.phase = Phase::Backoff { until: Timestamp::from_micros(9_000_000) };
        status.error = Some(error());
    });
    let task = site.get_task("1").await.unwrap();
    let phase = task.phase.clone().unwrap();
    assert_eq!((phase.kind(), phase.until.unwrap().seconds), (part::PhaseKind::Backoff, 9));
    assert_eq!(
        (phase.reason.as_str(), phase.message.as_str()),
        ("CONNECTION_REFUSED", "nothing listens")
    );
    let last = task.error.unwrap();
    assert_eq!(
        (last.reason.as_str(), last.message.as_str()),
        ("CONNECTION_REFUSED", "nothing listens")
    );
    assert_eq!((last.time.unwrap().seconds, last.retries), (3, 4));
    assert_eq!(last.next_try_time.unwrap().seconds, 9);

    site.board.update(key, |status| status.phase = Phase::Blocked);
    let phase = site.get_task("1").await.unwrap().phase.unwrap();
    assert_eq!((phase.kind(), phase.until), (part::PhaseKind::Blocked, None));
    assert_eq!(phase.reason, "CONNECTION_REFUSED");

    site.board.update(key, |status| status.phase = Phase::Live);
    let phase = site.get_task("1").await.unwrap().phase.unwrap();
    assert_eq!((phase.kind(), phase.reason.as_str()), (part::PhaseKind::Live, ""));
}

#[tokio::test]
async fn progress_is_that_of_the_board_and_the_database() {
    let site = site().await;
    for id in ["a", "b", "c"] {
        site.put(id).await;
    }
    let database = site.database();
    let theirs = ChangeVector::from_entries([Entry {
        incarnation: database.store().incarnation(),
        etag: Etag::new(1).unwrap(),
    }]);
    site.board.update(site.key(1), |status| {
        status.last_sent = Etag::new(2).unwrap();
        status.last_acknowledged = Etag::new(1).unwrap();
        status.destination_vector = theirs.clone();
        status.heard = Some(Timestamp::from_micros(2_000_000));
        status.counts = Counts {
            items_sent: 1,
            bytes_sent: 2,
            batches_acknowledged: 3,
            applied: 4,
            already_present: 5,
            merged: 6,
            conflicted: 7,
            left_out: 8,
            reconciled_removed: 9,
            reconciled_kept: 10,
            content_bytes_sent: 11,
        };
    });
    let progress = site.get_task("1").await.unwrap().progress.unwrap();
    assert_eq!(progress.source_last_etag, 3);
    assert_eq!((progress.last_sent_etag, progress.last_acknowledged_etag), (2, 1));
    assert_eq!(progress.lag_items, 2);
    assert_eq!(progress.source_change_vector, database.store().vector().to_string());
    assert_eq!(progress.destination_change_vector, theirs.to_string());
    assert_eq!(progress.heard_time.unwrap().seconds, 2);
    let counts = [
        progress.items_sent,
        progress.bytes_sent,
        progress.batches_acknowledged,
        progress.items_applied,
        progress.items_already_present,
        progress.items_merged,
        progress.items_conflicted,
        progress.items_left_out,
        progress.reconciled_removed,
        progress.reconciled_kept,
        progress.attachment_bytes_sent,
    ];
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
}

/// What one destination has acknowledged says nothing of another: neither what the board knows, nor
/// what is written down.
///
/// Found by: the position is the task's, whatever its connection string leads to.
#[tokio::test]
async fn a_task_that_is_led_elsewhere_has_sent_nothing_there() {
    let site = site().await;
    for id in ["a", "b", "c"] {
        site.put(id).await;
    }
    let last = Etag::new(3).unwrap();
    let snapshot = site.database().store().snapshot();
    let string = records::connection_string(&snapshot, "copy").unwrap().unwrap().value;
    let current = string.destination();
    let stand = async |destination| {
        let follower = Follower { task: 1, destination, acknowledged: last };
        site.database().store().stand(follower).await.unwrap();
    };
    stand(current ^ 1).await;
    let shown = async || {
        let progress = site.get_task("1").await.unwrap().progress.unwrap();
        (progress.last_acknowledged_etag, progress.lag_items, progress.heard_time.is_some())
    };
    assert_eq!(shown().await, (0, 3, false));
    stand(current).await;
    assert_eq!(shown().await, (3, 0, false));
    site.board.update(site.key(1), |status| {
        status.destination = current + 1;
        status.phase = Phase::Connecting;
        status.actual_url = Some("https://receiver:8443".into());
        status.last_acknowledged = last;
        status.heard = Some(Timestamp::from_micros(2_000_000));
    });
    assert_eq!(shown().await, (3, 0, false), "what is written down of this one");
    assert_eq!(site.get_task("1").await.unwrap().actual_destination_url, "");
    site.board.update(site.key(1), |status| status.destination = current);
    assert_eq!(shown().await, (3, 0, true));
}

#[tokio::test]
async fn the_lag_is_the_age_of_the_oldest_change_that_is_not_acknowledged() {
    let site = site().await;
    let lag = async || {
        let lag = site.get_task("1").await.unwrap().progress.unwrap().lag.unwrap();
        (lag.seconds, lag.nanos)
    };
    assert_eq!(lag().await, (0, 0));
    site.clock.set(10_000_000);
    site.put("a").await;
    site.clock.set(20_000_000);
    site.put("b").await;
    site.clock.set(30_500_000);
    assert_eq!(lag().await, (20, 500_000_000));
    site.board.update(site.key(1), |status| status.last_acknowledged = Etag::new(1).unwrap());
    assert_eq!(lag().await, (10, 500_000_000));
    site.clock.set(15_000_000);
    assert_eq!(lag().await, (0, 0), "a clock that went back");
    site.clock.set(90_000_000);
    site.board.update(site.key(1), |status| status.last_acknowledged = Etag::new(2).unwrap());
    assert_eq!(lag().await, (0, 0));
}
