//! Contents come, stay as long as something refers to them, and go.

mod failing;

use std::sync::Arc;

use jackdaw_common::{Attachments, BlobHash};

use super::*;
use crate::{
    ApplyError, Command, Incoming, Store, TransactError,
    engine::{Engine as _, Memory},
    keys::TABLES,
    write::tests::harness::*,
};

/// A content of so many bytes, another for each seed.
fn content(seed: u8, bytes: usize) -> Vec<u8> {
    (0..=250).cycle().take(bytes).map(|byte: u8| seed.wrapping_mul(31).wrapping_add(byte)).collect()
}

/// More than is kept in a row.
const LARGE: usize = 100_000;

/// Contents and parts that lie beside the tables.
fn beside(store: &Store) -> (usize, usize) {
    let snapshot = store.snapshot();
    let blobs = &snapshot.contents().blobs;
    (blobs.list().unwrap().len(), blobs.parts().unwrap().len())
}

/// Attachments of live documents, and contents.
fn counted(store: &Store) -> (u64, u64) {
    let snapshot = store.snapshot();
    (snapshot.header().attachments, snapshot.header().blobs)
}

#[test]
fn contents_of_any_size_read_back() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "a", "{}").await;
        let sizes = [0, 1, 3, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, LARGE, 300_001];
        for (seed, size) in (0..).zip(sizes) {
            let written = attach(&store, "A", &format!("{size:06}"), &content(seed, size)).await;
            assert_eq!(written.id.as_str(), "a");
        }
        let expected: Vec<_> = (0..)
            .zip(sizes)
            .map(|(seed, size)| (format!("{size:06}"), content(seed, size)))
            .collect();
        assert_eq!(attached(&store.snapshot(), "a"), expected);
        assert_eq!(reads(&store, "a"), ["{}"]);
        assert_eq!(beside(&store), (3, 0));
        audit(&store.snapshot());
        drop(store);
        let store = place.open(1);
        assert_eq!(attached(&store.snapshot(), "a"), expected);
        assert_eq!(beside(&store), (3, 0));
    });
}

/// One content, however often it is attached; it goes with the last attachment that has it.
///
/// Found by: a content of its own for each attachment; one that goes with the first.
#[test]
fn a_content_is_kept_once_and_goes_with_its_last_attachment() {
    for size in [3, LARGE] {
        on_both(async |place| {
            let store = place.open(1);
            let (shared, own) = (content(1, size), content(2, size));
            for document in ["a", "b", "c"] {
                put(&store, document, "{}").await;
                attach(&store, document, "shared", &shared).await;
            }
            attach(&store, "a", "own", &own).await;
            assert_eq!(counted(&store), (4, 2));
            detach(&store, "a", "SHARED").await;
            assert_eq!(counted(&store), (3, 2));
            // A name that is given to another content.
            attach(&store, "b", "shared", &own).await;
            assert_eq!(counted(&store), (3, 2));
            delete(&store, "c").await;
            assert_eq!(counted(&store), (2, 1));
            audit(&store.snapshot());
            delete(&store, "a").await;
            delete(&store, "b").await;
            assert_eq!(counted(&store), (0, 0));
            audit(&store.snapshot());
            assert_eq!(beside(&store), (0, 0));
            // And may come again.
            put(&store, "a", "{}").await;
            attach(&store, "a", "x", &shared).await;
            assert_eq!(attached(&store.snapshot(), "a"), [("x".to_owned(), shared)]);
        });
    }
}

/// What a snapshot refers to can be read as long as it lives.
///
/// Found by: the file goes with the commit.
#[test]
fn a_snapshot_keeps_its_contents() {
    on_both(async |place| {
        let store = place.open(1);
        let bytes = content(1, LARGE);
        put(&store, "a", "{}").await;
        attach(&store, "a", "x", &bytes).await;
        let (first, second) = (store.snapshot(), store.snapshot());
        delete(&store, "a").await;
        put(&store, "b", "{}").await;
        attach(&store, "b", "y", &content(2, LARGE)).await;
        let third = store.snapshot();
        delete(&store, "b").await;
        drop(first);
        assert_eq!(beside(&store).0, 2);
        assert_eq!(attached(&second, "a"), [("x".to_owned(), bytes)]);
        assert_eq!(attached(&third, "b"), [("y".to_owned(), content(2, LARGE))]);
        // An older snapshot holds what the newer one sees, too.
        drop(third);
        assert_eq!(beside(&store).0, 2);
        drop(second);
        assert_eq!(beside(&store).0, 0);
    });
}

/// A long-lived snapshot holds as many commits as there were; they end one after the other.
#[test]
fn many_epochs_end_at_once() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "a", "{}").await;
        let old = store.snapshot();
        for seed in 0..50 {
            attach(&store, "a", "x", &content(seed, LARGE)).await;
        }
        assert_eq!(beside(&store).0, 50);
        drop(old);
        assert_eq!(beside(&store).0, 1);
        audit(&store.snapshot());
    });
}

#[test]
fn what_is_staged_in_vain_leaves_nothing() {
    on_both(async |place| {
        let store = place.open(1);
        let mut half = store.stage();
        half.write(&content(1, LARGE)).unwrap();
        let whole = staged(&store, &content(2, LARGE));
        assert_eq!(beside(&store).0, 1);
        drop((half, whole));
        assert_eq!(beside(&store), (0, 0));
        let refused = one(&store, attaching(&store, "a", "x", &content(3, LARGE))).await;
        assert!(matches!(refused, Err(TransactError::NoDocument { .. })), "{refused:?}");
        assert_eq!(beside(&store), (0, 0));
    });
}

/// A crash leaves contents that nothing refers to; opening removes them, and nothing else.
#[test]
fn opening_removes_what_a_crash_has_left() {
    let memory = Memory::new(&TABLES);
    let open = || Store::open(memory.clone(), TestClock::at(1), identity(1)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = open();
    runtime.block_on(async {
        put(&store, "a", "{}").await;
        attach(&store, "a", "x", &content(1, LARGE)).await;
    });
    let mut upload = memory.blobs().part("upload-1").unwrap().unwrap();
    upload.append(b"half").unwrap();
    drop(upload);
    let mut lost = memory.blobs().part("p").unwrap().unwrap();
    lost.append(b"lost").unwrap();
    lost.keep(BlobId::from_bytes([9; 16])).unwrap();
    let mut coming = memory.blobs().part("task-1").unwrap().unwrap();
    coming.append(b"coming").unwrap();
    drop((coming, store));
    let store = open();
    assert_eq!(beside(&store), (1, 1));
    assert_eq!(store.staged_bytes("task-1").unwrap(), 6);
    assert_eq!(attached(&store.snapshot(), "a").len(), 1);
    assert_eq!(store.forget_staged(Duration::ZERO).unwrap(), 1);
    assert_eq!(beside(&store), (1, 0));
}

/// What came over a stream that broke is gone on with.
#[test]
fn a_content_is_resumed_where_it_was() {
    on_both(async |place| {
        let store = place.open(1);
        let bytes = content(1, LARGE);
        let mut first = store.resume("task-1".into()).unwrap();
        first.write(&bytes[..40_000]).unwrap();
        // Whoever else begins it meanwhile does so apart.
        let mut other = store.resume("task-1".into()).unwrap();
        assert_eq!(other.bytes(), 0);
        other.write(b"x").unwrap();
        drop(other);
        drop(first);
        assert_eq!(store.staged_bytes("task-1").unwrap(), 40_000);
        drop(store);
        let store = place.open(1);
        let mut second = store.resume("task-1".into()).unwrap();
        assert_eq!(second.bytes(), 40_000);
        second.write(&bytes[40_000..]).unwrap();
        let whole = second.finish().unwrap();
        assert_eq!(whole.hash(), BlobHash::of(&bytes));
        // Nothing came to refer to it: it need not come again.
        drop(whole);
        assert_eq!(store.staged_bytes("task-1").unwrap(), LARGE as u64);
        let again = store.resume("task-1".into()).unwrap();
        assert_eq!(again.hash(), BlobHash::of(&bytes));
        let again = Arc::new(again.finish().unwrap());
        put(&store, "a", "{}").await;
        let command = Command::PutAttachment {
            id: id("a"),
            name: "x".parse().unwrap(),
            content_type: "".parse().unwrap(),
            content: again.into(),
            expected: None,
        };
        one(&store, command).await.unwrap();
        assert_eq!(beside(&store), (1, 0));
        assert_eq!(attached(&store.snapshot(), "a"), [("x".to_owned(), bytes)]);
    });
}

/// The item of a document with one attachment.
fn with_attachment(number: u64, document: &str, bytes: &[u8]) -> jackdaw_common::Item {
    let mut item = arriving(number, document, &vector(&[(2, number)]), Some("{}"));
    item.version.attachments = Attachments::default().with(jackdaw_common::Attachment {
        name: "x".parse().unwrap(),
        content_type: "".parse().unwrap(),
        hash: BlobHash::of(bytes),
        size: bytes.len() as u64,
        origin: entry(2, number),
    });
    item
}

/// Pitfall 17: a content that was said to be there is there when it is used, though its last
/// attachment went in between.
///
/// Found by, planted: what is there is not pinned; then the batch is refused, and nothing is lost.
///
/// Bug 7: a content was collected while what refers to it was on its way.
#[test]
fn a_content_does_not_go_between_have_and_use() {
    for pinned in [true, false] {
        for size in [3, LARGE] {
            on_both(async |place| {
                let store = place.open(1);
                let bytes = content(1, size);
                put(&store, "a", "{}").await;
                attach(&store, "a", "x", &bytes).await;
                let epoch = session(&store, 2).await.epoch;
                let mut brought = Brought::default();
                if pinned {
                    let content = store.snapshot().content(&BlobHash::of(&bytes)).unwrap();
                    brought.pin(content.unwrap());
                }
                delete(&store, "a").await;
                put(&store, "c", "{}").await;
                let items = vec![with_attachment(1, "b", &bytes)];
                let incoming = Incoming { brought, ..batch(2, epoch, 0, items) };
                let applied = store.apply(incoming).await;
                if !pinned {
                    let Err(ApplyError::ContentMissing { id, hash, .. }) = applied else {
                        panic!("{applied:?}")
                    };
                    assert_eq!((id.as_str(), hash), ("b", BlobHash::of(&bytes)));
                    assert_eq!(counted(&store), (0, 0));
                    return;
                }
                assert_eq!(applied.unwrap().applied, 1);
                assert_eq!(attached(&store.snapshot(), "b"), [("x".to_owned(), bytes)]);
                audit(&store.snapshot());
                delete(&store, "b").await;
                assert_eq!(beside(&store), (0, 0));
            });
        }
    }
}

/// Two sessions bring the same content: the first that is applied is kept, the other goes.
#[test]
fn a_content_that_comes_twice_is_kept_once() {
    on_both(async |place| {
        let store = place.open(1);
        let bytes = content(1, LARGE);
        let epoch = session(&store, 2).await.epoch;
        let bring = |document: &str, number| {
            let mut brought = Brought::default();
            brought.add(staged(&store, &bytes));
            let items = vec![with_attachment(number, document, &bytes)];
            Incoming { brought, ..batch(2, epoch, number - 1, items) }
        };
        let (first, second) = (bring("a", 1), bring("b", 2));
        assert_eq!(beside(&store).0, 2);
        store.apply(first).await.unwrap();
        store.apply(second).await.unwrap();
        assert_eq!((counted(&store), beside(&store)), ((2, 1), (1, 0)));
        audit(&store.snapshot());
    });
}

/// History keeps the contents of what was overwritten, until every task has passed it.
#[test]
fn history_keeps_its_contents() {
    on_both(async |place| {
        let store = place.open(1);
        task(&store, 7, true).await;
        put(&store, "a", "{}").await;
        attach(&store, "a", "x", &content(1, LARGE)).await;
        attach(&store, "a", "x", &content(2, LARGE)).await;
        delete(&store, "a").await;
        assert_eq!((counted(&store), beside(&store).0), ((0, 2), 2));
        assert!(store.snapshot().header().history_bytes >= 2 * LARGE as u64);
        audit(&store.snapshot());
        store.stand(at(7, etag(3))).await.unwrap();
        put(&store, "b", "{}").await;
        assert_eq!(counted(&store), (0, 1));
        audit(&store.snapshot());
        store.stand(at(7, etag(4))).await.unwrap();
        put(&store, "c", "{}").await;
        assert_eq!((counted(&store), beside(&store).0), ((0, 0), 0));
        audit(&store.snapshot());
    });
}

/// A put keeps what is attached; a deletion does not, and what is created again begins without.
#[test]
fn attachments_are_the_documents() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "a", "1").await;
        let first = attach(&store, "a", "x", b"1").await;
        let second = put(&store, "a", "2").await;
        assert!(second.vector.covers(&first.vector));
        assert_eq!(attached(&store.snapshot(), "a"), [("x".to_owned(), b"1".to_vec())]);
        let written = detach(&store, "a", "y").await;
        assert!(written.vector.is_empty());
        let stale = expecting(&first.vector, attaching(&store, "a", "y", b"2"));
        let refused = one(&store, stale).await;
        assert!(matches!(refused, Err(TransactError::Mismatch { .. })), "{refused:?}");
        delete(&store, "a").await;
        put(&store, "a", "3").await;
        assert_eq!(attached(&store.snapshot(), "a"), []);
        // In one transaction, each command over what the ones before it did.
        let commands = vec![
            putting("b", "1"),
            attaching(&store, "b", "x", b"1"),
            attaching(&store, "b", "y", b"2"),
            putting("b", "2"),
            Command::DeleteAttachment { id: id("b"), name: "X".parse().unwrap(), expected: None },
        ];
        store.transact(commands).await.unwrap();
        assert_eq!(reads(&store, "b"), ["2"]);
        assert_eq!(attached(&store.snapshot(), "b"), [("y".to_owned(), b"2".to_vec())]);
        audit(&store.snapshot());
    });
}

/// A put that ends a conflict keeps what either side has attached, and nothing that one has
/// removed.
#[test]
fn a_conflicts_end_keeps_what_is_attached() {
    on_both(async |place| {
        let store = place.open(1);
        put(&store, "a", "1").await;
        attach(&store, "a", "mine", b"1").await;
        let epoch = session(&store, 2).await.epoch;
        let mut brought = Brought::default();
        brought.add(staged(&store, b"theirs"));
        let items = vec![with_attachment(1, "a", b"theirs")];
        let applied = store.apply(Incoming { brought, ..batch(2, epoch, 0, items) }).await.unwrap();
        assert_eq!(applied.conflicted, 1);
        let refused = one(&store, attaching(&store, "a", "z", b"2")).await;
        assert!(matches!(refused, Err(TransactError::InConflict { .. })), "{refused:?}");
        audit(&store.snapshot());
        put(&store, "a", "2").await;
        let names: Vec<_> = attached(&store.snapshot(), "a").into_iter().map(|it| it.0).collect();
        assert_eq!(names, ["mine", "x"]);
        audit(&store.snapshot());
    });
}

/// A commit that is refused has changed nothing: what was staged stays as long as its owner does.
#[test]
fn a_refused_commit_takes_no_content() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let memory = Memory::new(&TABLES);
        let engine = Faulty::over(memory.clone());
        let store = Store::open(engine.clone(), TestClock::at(1), identity(1)).unwrap();
        put(&store, "a", "{}").await;
        let content = content(1, LARGE);
        engine.fail_after(0, Fault::NoSpace);
        let command = attaching(&store, "a", "x", &content);
        let Command::PutAttachment { content: held, .. } = command.clone() else { unreachable!() };
        let refused = one(&store, command.clone()).await;
        assert!(matches!(refused, Err(TransactError::Store(error)) if error.is_no_space()));
        assert_eq!(beside(&store), (1, 0));
        one(&store, command).await.unwrap();
        drop(held);
        assert_eq!(attached(&store.snapshot(), "a"), [("x".to_owned(), content)]);
        audit(&store.snapshot());
    });
}

/// A content that is on its way for two batches, and goes between them, is there for the second.
///
/// Found by: the file goes with the last snapshot, though somebody still brings it along.
#[test]
fn a_content_that_is_brought_twice_does_not_go_in_between() {
    on_both(async |place| {
        let store = place.open(1);
        let bytes = content(1, LARGE);
        let epoch = session(&store, 2).await.epoch;
        let mut first = Brought::default();
        first.add(staged(&store, &bytes));
        let second = first.clone();
        let items = vec![with_attachment(1, "a", &bytes)];
        store.apply(Incoming { brought: first, ..batch(2, epoch, 0, items) }).await.unwrap();
        delete(&store, "a").await;
        put(&store, "c", "{}").await;
        assert_eq!((counted(&store), beside(&store).0), ((0, 0), 1));
        let items = vec![with_attachment(2, "b", &bytes)];
        store.apply(Incoming { brought: second, ..batch(2, epoch, 1, items) }).await.unwrap();
        assert_eq!(attached(&store.snapshot(), "b"), [("x".to_owned(), bytes)]);
        audit(&store.snapshot());
        delete(&store, "b").await;
        assert_eq!(beside(&store), (0, 0));
    });
}

/// A size that lies is not stored.
#[test]
fn a_size_that_lies_is_refused() {
    on_both(async |place| {
        let store = place.open(1);
        let epoch = session(&store, 2).await.epoch;
        let mut item = with_attachment(1, "a", b"1");
        let lying = jackdaw_common::Attachment {
            size: 1 << 40,
            ..item.version.attachments.as_slice()[0].clone()
        };
        item.version.attachments = Attachments::default().with(lying);
        let mut brought = Brought::default();
        brought.add(staged(&store, b"1"));
        let refused = store.apply(Incoming { brought, ..batch(2, epoch, 0, vec![item]) }).await;
        assert!(matches!(refused, Err(ApplyError::ContentMissing { .. })), "{refused:?}");
        assert_eq!(counted(&store), (0, 0));
    });
}

/// What two sides have attached may be more than one document may have: a put that ends their
/// conflict is refused, a deletion is not.
#[test]
fn a_conflicts_end_keeps_to_the_bounds() {
    use jackdaw_common::{Attachment, limits::ATTACHMENTS_MAX};
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = in_memory(1);
        let many = |n: u8| {
            let list = (0..=ATTACHMENTS_MAX / 2).map(|at| Attachment {
                name: format!("{n}/{at:06}").parse().unwrap(),
                content_type: "".parse().unwrap(),
                hash: BlobHash::of(b"1"),
                size: 1,
                origin: entry(n, 1),
            });
            Attachments::new(list.collect()).unwrap()
        };
        for n in [2, 3] {
            let epoch = session(&store, n).await.epoch;
            let mut item = arriving(1, "a", &vector(&[(n, 1)]), Some("{}"));
            item.version.attachments = many(n);
            let mut brought = Brought::default();
            brought.add(staged(&store, b"1"));
            store.apply(Incoming { brought, ..batch(n, epoch, 0, vec![item]) }).await.unwrap();
        }
        let refused = one(&store, putting("a", "{}")).await;
        assert!(matches!(refused, Err(TransactError::Attachments { .. })), "{refused:?}");
        delete(&store, "a").await;
        put(&store, "a", "{}").await;
        audit(&store.snapshot());
    });
}
