//! Histories that break a plausible design, each with that design planted: it must be found.

mod arriving;
mod sending;

use std::{collections::BTreeSet, sync::Arc};

use jackdaw_common::Timestamp;
use tokio::sync::oneshot;

use super::harness::*;
use crate::{
    Command, Forget, NewId, Store,
    engine::{Blobs, Engine, EngineError, Memory, Snapshot, WriteBatch},
    keys::{self, TABLES},
    overlay,
    write::{Intent, Writer},
};

/// A writer without a thread, in which two sources have a session.
fn writer() -> Writer {
    let mut writer = bare(&Memory::new(&TABLES), 1);
    let sessions = [2, 3].map(|n| Intent::Begin(calling(n), oneshot::channel().0));
    writer.execute(sessions.into(), |_| {}).unwrap();
    writer
}

fn write(command: Command) -> Intent {
    Intent::Transact(vec![command], oneshot::channel().0)
}

/// Source `n` sends its etag 5 of a document, after it has seen what `seen` says.
fn send(n: u8, seen: &[(u8, u64)], document: &str, body: Option<&str>) -> Intent {
    let vector = vector(&[seen, &[(n, 5)]].concat());
    let items = vec![arriving(5, document, &vector, body)];
    Intent::Apply(batch(n, 1, 0, items), oneshot::channel().0)
}

/// Carries out one group, and says what the document is then.
fn after(group: Vec<Intent>, document: &str) -> Vec<String> {
    let mut left = Vec::new();
    let read = |snapshot: &crate::Snapshot| left = said(snapshot, document);
    writer().execute(group, read).unwrap();
    left
}

/// Two batches of one group touch a document, or a batch and a client's write: what the second is
/// decided against is what the first left, not what was there before the group.
#[test]
fn pitfall_16_stale_load() {
    type Group = fn() -> Vec<Intent>;
    let groups: [(Group, &[&str]); 4] = [
        (|| vec![send(2, &[], "x", Some("2")), send(3, &[], "x", Some("3"))], &["2", "3"]),
        (|| vec![write(putting("x", "1")), send(2, &[], "x", Some("2"))], &["1", "2"]),
        (|| vec![send(2, &[], "x", Some("2")), send(3, &[(2, 5)], "x", None)], &["†"]),
        // The client had the last word, over a version that it could not read yet.
        (|| vec![send(2, &[], "x", Some("2")), write(deleting("x"))], &["†"]),
    ];
    for (group, expected) in groups {
        assert_eq!(after(group(), "x"), expected);
    }
    overlay::STALE.set(true);
    for (group, expected) in groups {
        assert_ne!(after(group(), "x"), expected, "the planted bug must be found");
    }
    overlay::STALE.set(false);
}

/// An engine in memory; with the planted bug, what is collected from `changes` stays.
struct Kept {
    memory: Memory,
    collects: bool,
}

impl Engine for Kept {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, EngineError> {
        self.memory.snapshot()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.memory.blobs()
    }

    fn commit(&self, batch: WriteBatch) -> Result<(), EngineError> {
        let mut operations = batch.into_operations();
        operations.retain(|it| self.collects || it.table != keys::CHANGES || it.value.is_some());
        self.memory.commit(operations.into_iter().collect())
    }
}

/// Documents that are written again and again.
const CHURNED: u64 = 200;
/// How often.
const ROUNDS: u64 = 10;

/// Churns, while one destination follows; answers how many rows a scan from the beginning looks at
/// then, and how many items that makes for a new copy.
async fn first_sync_after_churn(collects: bool) -> (u64, u64) {
    let engine = Kept { memory: Memory::new(&TABLES), collects };
    let store = Store::open(engine, TestClock::at(1), identity(1)).unwrap();
    task(&store, 1, true).await;
    for round in 0..ROUNDS {
        for document in 0..CHURNED {
            put(&store, &format!("d/{document}"), &format!("{round}")).await;
        }
        // One that comes and goes, for each that stays.
        for document in 0..CHURNED {
            put(&store, &format!("gone/{round}/{document}"), "x").await;
            delete(&store, &format!("gone/{round}/{document}")).await;
        }
        // Followed closely, but for the last round.
        if round + 1 < ROUNDS {
            store.stand(at(1, store.last_etag())).await.unwrap();
            let before = Timestamp::from_micros(i64::MAX);
            store.forget(Forget { before, after: None }).await.unwrap();
        }
    }
    let mut published = store.subscribe();
    while store.snapshot().header().history_rows > 3 * CHURNED {
        published.changed().await.unwrap();
    }
    let looked_at = changes(&store, 0).len() as u64;
    let new = in_memory(2);
    let items = copy(&store, &new).await as u64;
    assert_eq!(counts(&new).0, CHURNED);
    (looked_at, items)
}

/// What a first sync costs is what is live and what is kept for others, not what there ever was.
#[tokio::test]
async fn pitfall_23_first_sync_after_ten_times_churn() {
    // The documents, the deletions that are not passed yet, and what the last round superseded.
    let live_and_kept = CHURNED + CHURNED + 2 * CHURNED;
    let (looked_at, items) = first_sync_after_churn(true).await;
    assert!(
        looked_at <= live_and_kept && items <= live_and_kept,
        "{looked_at} rows, {items} items"
    );
    let (looked_at, items) = first_sync_after_churn(false).await;
    assert!(looked_at > 3 * live_and_kept, "the planted bug must be found: {looked_at}, {items}");
}

/// How a client's id is completed.
type Complete = fn(&Store, &str) -> NewId;

/// A pair generates ids at both ends, between two syncs and together; answers how many of them
/// there are at both ends then, live and not in conflict, and how many were given out.
async fn generated_in_a_pair(complete: Complete) -> (u64, u64) {
    let (one, other) = (in_memory(1), in_memory(2));
    let (mut there, mut back) = (Link::open(&one, &other).await, Link::open(&other, &one).await);
    let mut given = 0;
    for _ in 0..3 {
        for store in [&one, &other] {
            for prefix in ["users/", "users|"] {
                let Command::Put { collection, body, .. } = putting("x", &given.to_string()) else {
                    unreachable!("a put");
                };
                let id = complete(store, prefix);
                let command = Command::Put { id, collection, body, expected: None };
                super::harness::one(store, command).await.unwrap();
                given += 1;
            }
        }
        there.run(usize::MAX).await;
        back.run(usize::MAX).await;
    }
    let rows = changes(&one, 0);
    let ids: BTreeSet<_> = rows.iter().map(|row| row.version.id.clone()).collect();
    let both = ids.iter().filter(|id| {
        let said = reads(&one, id.as_str());
        said.len() == 1 && said == reads(&other, id.as_str())
    });
    (both.count() as u64, given)
}

/// What a database would complete an id to whose tag is every other's too.
fn with_the_same_tag(store: &Store, prefix: &str) -> NewId {
    let own = store.snapshot().header().vector.etag_of(store.incarnation()).get();
    let text = match prefix.strip_suffix('|') {
        None => format!("{prefix}{:019}-A", store.last_etag().get() + 1),
        Some(prefix) => format!("{prefix}/{}-A", own / 2 + 1),
    };
    NewId::Given(id(&text))
}

/// The same is asked of both ends of a pair, again and again: nobody generates what the other has.
#[tokio::test]
async fn pitfall_24_generated_ids_of_a_pair_never_meet() {
    let (both, given) = generated_in_a_pair(|_, prefix| NewId::parse(id(prefix))).await;
    assert_eq!(both, given);
    let (both, given) = generated_in_a_pair(with_the_same_tag).await;
    assert!(both < given, "the planted bug must be found: {both} of {given}");
}
