//! Histories that once broke the writer.

use bytes::Bytes;

use super::super::harness::*;
use crate::{Command, NewId, Store};

#[tokio::test]
async fn deletions_that_are_all_there_is_become_one() {
    // one way: source 2 -> destination 1
    let (src, dst) = (in_memory(2), in_memory(1));
    put(&src, "x", "1").await;
    copy(&src, &dst).await;
    delete(&dst, "x").await;
    put(&src, "x", "2").await;
    copy(&src, &dst).await;
    delete(&src, "x").await;
    copy(&src, &dst).await;
    assert_eq!(reads(&dst, "x"), ["†"]);
}

#[tokio::test]
async fn merged_deletions_are_the_same_row_everywhere() {
    let (a, b) = (in_memory(1), in_memory(2));
    for (store, c) in [(&a, "Users"), (&b, "Companies")] {
        store
            .transact(vec![Command::Put {
                id: NewId::Given(id("x")),
                collection: c.parse().unwrap(),
                body: Bytes::from_static(b"1"),
                expected: None,
            }])
            .await
            .unwrap();
        delete(store, "x").await;
    }
    let mut there = Link::open(&a, &b).await;
    let mut back = Link::open(&b, &a).await;
    let (one_way, other_way) = (there.next(9), back.next(9));
    there.apply(one_way).await;
    back.apply(other_way).await;
    assert_eq!(found(&a, "x").version, found(&b, "x").version);
    let applied = there.apply(there.next(9)).await;
    assert_eq!(applied.collided, 0, "{applied:?}");
}

#[tokio::test]
async fn a_counted_id_overwrites_nobody() {
    let store = in_memory(1);
    let name = format!("users/1-{}", store.tag());
    put(&store, &name, "precious").await;
    let written = put(&store, "users|", "generated").await;
    assert_ne!(written.id.as_str(), name);
    assert_eq!(reads(&store, &name), ["precious"]);
}

#[tokio::test]
async fn what_was_refused_or_empty_commits_nothing() {
    let engine = Faulty::new();
    let store = Store::open(engine.clone(), TestClock::at(0), identity(1)).unwrap();
    let mut news = store.subscribe();
    news.borrow_and_update();
    let before = engine.tried();
    assert!(one(&store, expecting(&vector(&[(1, 9)]), putting("a", "1"))).await.is_err());
    delete(&store, "nothing").await;
    assert_eq!(engine.tried(), before);
}

#[tokio::test]
async fn an_item_from_this_databases_own_future_is_refused() {
    let store = in_memory(1);
    let session = store.begin(calling(2)).await.unwrap();
    let item = arriving(1, "x", &vector(&[(1, 100)]), Some("from before it went back"));
    let incoming = crate::Incoming {
        source: calling(2).source,
        epoch: session.epoch,
        after: session.cursor,
        last: item.etag,
        run: jackdaw_common::RunId::NONE,
        frontier: None,
        items: vec![item.into()],
        brought: crate::Brought::default(),
    };
    let error = store.apply(incoming).await.unwrap_err();
    assert!(matches!(error, crate::ApplyError::FrontierForged { .. }), "{error}");
    assert!(reads(&store, "x").is_empty());
}

#[tokio::test]
async fn a_database_without_its_header_does_not_begin_anew() {
    use crate::engine::{Engine as _, Memory, WriteBatch};
    let memory = Memory::new(&crate::keys::TABLES);
    let store = Store::open(memory.clone(), TestClock::at(0), identity(1)).unwrap();
    put(&store, "a", "1").await;
    drop(store);
    let mut batch = WriteBatch::new();
    batch.delete(crate::keys::HEADER, crate::keys::HEADER_KEY);
    memory.commit(batch).unwrap();
    assert!(Store::open(memory, TestClock::at(0), identity(5)).is_err());
}
