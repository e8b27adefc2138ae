//! Who may send to a database when somebody does.

use std::time::Duration;

use jackdaw_common::{ChangeVector, DatabaseId, Etag, IncarnationId, frame::PROTOCOL};
use tokio::time::sleep;

use super::*;
use jackdaw_store::BeginError;

use crate::incoming::session::fixture::{INCARNATION, Rig, SOURCE, batch, etag, here};

const DESTINATION: DatabaseId = DatabaseId::from_bytes([1; 16]);

fn offer(task: u64) -> Offer {
    Offer {
        protocol: PROTOCOL,
        source_name: "shop".into(),
        source: SOURCE,
        lineage: jackdaw_common::Lineage::new(IncarnationId::from_bytes([2; 16])),
        last_etag: Etag::ZERO,
        tombstone_floor: Etag::ZERO,
        vector: ChangeVector::empty(),
        task,
        task_name: format!("task {task}"),
        generation: 1,
        destination: "copy".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_task_is_refused_while_the_first_is_alive() {
    let live = LiveSessions::default();
    live.none_of_another_task(DESTINATION, &offer(1)).await.unwrap();
    let mut rig = Rig::new().await;
    let entered = live.enter(DESTINATION, &offer(1), 1, rig.presence.clone());
    // Its own task, and another source or destination, are nobody else's.
    live.none_of_another_task(DESTINATION, &offer(1)).await.unwrap();
    live.none_of_another_task(SOURCE, &offer(2)).await.unwrap();
    let asking = live.clone();
    let asked =
        tokio::spawn(async move { asking.none_of_another_task(DESTINATION, &offer(2)).await });
    assert!(rig.heartbeat().await.answer_wanted);
    rig.send(here(0)).await;
    match asked.await.unwrap() {
        Err(IncomingError::AlreadyReplicated { task: 1, name }) => assert_eq!(name, "task 1"),
        other => panic!("{other:?}"),
    }
    // One that does not answer is not alive.
    sleep(Duration::from_secs(1)).await;
    live.none_of_another_task(DESTINATION, &offer(2)).await.unwrap();
    drop(entered);
    live.none_of_another_task(DESTINATION, &offer(2)).await.unwrap();
}

#[tokio::test]
async fn the_newer_session_stays() {
    let live = LiveSessions::default();
    let (old, new, late) = (Rig::new().await, Rig::new().await, Rig::new().await);
    let of_old = live.enter(DESTINATION, &offer(1), 1, old.presence.clone());
    let _of_new = live.enter(DESTINATION, &offer(1), 3, new.presence.clone());
    assert_eq!(old.ends().await, "SESSION_SUPERSEDED");
    // An older one that was slow to enter.
    let of_late = live.enter(DESTINATION, &offer(1), 2, late.presence.clone());
    assert_eq!(late.ends().await, "SESSION_SUPERSEDED");
    drop((of_old, of_late));
    assert_eq!(live.all().get(&(DESTINATION, SOURCE)).map(|live| live.epoch), Some(3));
    new.hang_up().await;
}

/// A source that went back is named as such, though another task of it is alive (the handshake
/// rules in their order).
#[tokio::test]
async fn a_fork_is_named_before_another_task() {
    let live = LiveSessions::default();
    let mut rig = Rig::new().await;
    rig.send_all(batch(1, 0, &[1, 2])).await;
    rig.ack().await;
    let _entered = live.enter(DESTINATION, &offer(1), 1, rig.presence.clone());
    let lineage = jackdaw_common::Lineage::new(INCARNATION);
    let behind = Offer { lineage, last_etag: etag(1), ..offer(2) };
    let refused = crate::incoming::greet(&live, &rig.store, &behind).await.map(|_| ());
    assert!(
        matches!(refused, Err(IncomingError::Begin(BeginError::SourceForked(_)))),
        "{refused:?}"
    );
    rig.hang_up().await;
}
