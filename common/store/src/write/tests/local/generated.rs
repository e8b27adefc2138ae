//! Ids that the database completes.

use std::collections::BTreeSet;

use jackdaw_common::{DocumentId, Etag, IncarnationId};
use proptest::prelude::*;

use super::super::harness::*;
use crate::{Identity, NewId, Store, TransactError, engine::Memory, keys::TABLES};

#[test]
fn an_id_is_meant_by_its_end() {
    assert_eq!(NewId::parse(id("users/1")), NewId::Given(id("users/1")));
    assert_eq!(NewId::parse(id("users/")), NewId::Etag(id("users/")));
    assert_eq!(NewId::parse(id("users|")), NewId::Number(id("users|")));
    assert_eq!(NewId::parse(id("users/|")), NewId::Number(id("users/|")));
    assert_eq!(NewId::parse(id("users|/")), NewId::Etag(id("users|/")));
}

#[test]
fn a_slash_is_completed_with_the_etag() {
    on_both(async |place| {
        let store = place.open(1);
        let tag = store.tag();
        let written = put(&store, "Users/", "a").await;
        assert_eq!(written.id.as_str(), format!("Users/0000000000000000001-{tag}"));
        assert_eq!(reads(&store, written.id.as_str()), ["a"]);
        let commands = vec![putting("x", "1"), putting("users/", "b"), putting("users/", "c")];
        let written = store.transact(commands).await.unwrap();
        for one in &written[1..] {
            assert_eq!(one.id.as_str(), format!("users/{:019}-{tag}", one.etag.get()));
        }
        assert_eq!(counts(&store), (4, 0, 0));
        audit(&store.snapshot());
    });
}

/// What a client has written under the very id that would be generated stays.
///
/// Found by: the id is not looked for.
#[test]
fn an_id_that_is_taken_is_not_generated() {
    on_both(async |place| {
        let store = place.open(1);
        let tag = store.tag();
        let taken = [format!("users/{:019}-{tag}", 3), format!("users/{:019}.2-{tag}", 3)];
        for id in &taken {
            put(&store, id, "mine").await;
        }
        let written = put(&store, "users/", "a").await;
        assert_eq!(written.id.as_str(), format!("users/{:019}.3-{tag}", 3));
        assert_eq!(reads(&store, &taken[0]), ["mine"]);
        delete(&store, &taken[0]).await;
        assert_eq!(counts(&store), (2, 1, 0));
        audit(&store.snapshot());
    });
}

#[test]
fn a_pipe_is_completed_with_a_number_counted_for_it() {
    on_both(async |place| {
        let store = place.open(1);
        let tag = store.tag();
        let mut ids = Vec::new();
        for given in ["users|", "Users|", "orders|", "users|", "|"] {
            ids.push(put(&store, given, "a").await.id.as_str().to_owned());
        }
        let numbers = ["users/1", "Users/2", "orders/1", "users/3", "/1"];
        let expected: Vec<_> = numbers.iter().map(|number| format!("{number}-{tag}")).collect();
        assert_eq!(ids, expected);
        audit(&store.snapshot());
    });
}

/// Where very many numbers are taken, since somebody has set the count back, the writer is not held
/// up: it goes on in ever longer steps.
#[tokio::test]
async fn a_count_that_was_set_back_finds_a_number_soon() {
    let store = in_memory(1);
    let tag = store.tag();
    let all = (1..=2_000).map(|number| putting(&format!("users/{number}-{tag}"), "a"));
    store.transact(all.collect()).await.unwrap();
    let id = put(&store, "users|", "b").await.id;
    let number = id.as_str()["users/".len()..].split('-').next().unwrap().parse::<u64>().unwrap();
    assert!((2_001..5_000).contains(&number), "{id}");
    assert_eq!(put(&store, "users|", "b").await.id.as_str(), format!("users/{}-{tag}", number + 1));
}

/// What is counted apart must not come out the same.
#[test]
fn ids_that_differ_in_pipes_stay_apart() {
    on_both(async |place| {
        let store = place.open(1);
        let mut ids = BTreeSet::new();
        for given in ["users|", "users||", "users/|", "users|||"] {
            for _ in 0..2 {
                let written = put(&store, given, "a").await;
                assert!(ids.insert(written.id.clone()), "{} came out twice", written.id);
            }
        }
        assert_eq!(counts(&store).0, 8);
    });
}

#[test]
fn the_count_goes_on_after_opening_again() {
    on_both(async |place| {
        let store = place.open(1);
        let tag = store.tag();
        put(&store, "users|", "a").await;
        delete(&store, &format!("users/1-{tag}")).await;
        drop(store);
        let store = place.open(1);
        assert_eq!(put(&store, "users|", "b").await.id.as_str(), format!("users/2-{tag}"));
    });
}

#[test]
fn a_transaction_that_fails_takes_its_numbers_back() {
    on_both(async |place| {
        let store = place.open(1);
        let wrong = expecting(&vector(&[(1, 77)]), putting("x", "1"));
        let commands = vec![putting("users|", "a"), putting("users|", "b"), wrong];
        assert!(store.transact(commands).await.is_err());
        assert_eq!(
            put(&store, "users|", "c").await.id.as_str(),
            format!("users/1-{}", store.tag())
        );
        assert_eq!(counts(&store), (1, 0, 0));
    });
}

#[test]
fn an_id_that_would_be_too_long_is_refused() {
    on_both(async |place| {
        let store = place.open(1);
        for end in ["/", "|"] {
            let given = format!("{}{end}", "x".repeat(511));
            let outcome = store.transact(vec![putting("a", "1"), putting(&given, "1")]).await;
            let Err(TransactError::Generated { command: 1, id, .. }) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(id.as_str(), given);
        }
        assert_eq!((store.last_etag(), counts(&store)), (Etag::ZERO, (0, 0, 0)));
    });
}

#[test]
fn two_databases_never_generate_the_same() {
    on_both(async |place| {
        let (one, other) = (place.open(1), in_memory(2));
        let (mut ids, mut all) = (BTreeSet::new(), 0);
        for store in [&one, &other] {
            for given in ["users/", "users|", "users/", "users|"] {
                ids.insert(put(store, given, "a").await.id);
                all += 1;
            }
        }
        assert_eq!(ids.len(), all);
    });
}

fn open(incarnation: [u8; 16]) -> Store {
    let incarnation = IncarnationId::from_bytes(incarnation);
    let identity = Identity { incarnation, ..identity(1) };
    Store::open(Memory::new(&TABLES), TestClock::at(0), identity).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Nor does a database and the same one under a new incarnation.
    #[test]
    fn incarnations_never_generate_the_same(one: [u8; 16], other: [u8; 16]) {
        prop_assume!(one != other);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (one, other) = (open(one), open(other));
        let ids: BTreeSet<DocumentId> = runtime.block_on(async {
            let mut ids = BTreeSet::new();
            for store in [&one, &other] {
                ids.insert(put(store, "users/", "a").await.id);
                ids.insert(put(store, "users|", "a").await.id);
            }
            ids
        });
        prop_assert_eq!(ids.len(), 4);
    }
}

#[test]
fn ids_are_unique_however_many_ask_at_once() {
    on_both(async |place| {
        let store = place.open(1);
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let store = store.clone();
                let given = if number % 2 == 0 { "users/" } else { "users|" };
                tokio::spawn(async move { put(&store, given, "a").await.id })
            })
            .collect();
        let mut ids = BTreeSet::new();
        for task in tasks {
            assert!(ids.insert(task.await.unwrap()));
        }
        assert_eq!(counts(&store), (200, 0, 0));
        let last = format!("users/100-{}", store.tag());
        assert!(ids.contains(&id(&last)), "numbers are counted without holes");
        audit(&store.snapshot());
    });
}
