//! Compare-exchange items: compared and written at once, and nobody else's business.

use std::collections::BTreeSet;

use bytes::Bytes;
use jackdaw_common::{ChangeVector, CompareExchangeIndex};

use super::super::harness::*;
use crate::{CompareExchangeItem, Exchange, ExchangeError, Exchanged, Store};

fn asking(key: &str, expected: u64, value: Option<&str>) -> Exchange {
    Exchange {
        key: key.parse().unwrap(),
        expected: CompareExchangeIndex::new(expected),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    }
}

/// Puts an item, or deletes it; answers its key and the index of the write.
async fn exchange(
    store: &Store,
    key: &str,
    expected: u64,
    value: Option<&str>,
) -> Result<(String, u64), ExchangeError> {
    let Exchanged { key, index } = store.exchange(asking(key, expected, value)).await?;
    Ok((key.as_str().to_owned(), index.get()))
}

fn shown(item: &CompareExchangeItem) -> (String, u64, String) {
    (item.key.as_str().to_owned(), item.index.get(), text(&item.value))
}

fn all(store: &Store, prefix: &str, after: Option<&str>) -> Vec<(String, u64, String)> {
    let snapshot = store.snapshot();
    let items = snapshot.compare_exchange_items(prefix, after);
    items.map(|item| shown(&item.unwrap())).collect()
}

fn item(key: &str, index: u64, value: &str) -> (String, u64, String) {
    (key.to_owned(), index, value.to_owned())
}

#[test]
fn an_item_is_put_changed_and_deleted() {
    on_both(async |place| {
        let store = place.open(1);
        let put = exchange(&store, "Emails/A", 0, Some("1")).await.unwrap();
        assert_eq!(put, ("Emails/A".to_owned(), 1));
        // The casing of the first write stays.
        let again = exchange(&store, "EMAILS/a", 1, Some("2")).await.unwrap();
        assert_eq!(again, ("Emails/A".to_owned(), 2));
        let found = store.snapshot().compare_exchange_item(&"emails/A".parse().unwrap()).unwrap();
        assert_eq!(shown(&found.unwrap()), item("Emails/A", 2, "2"));
        let gone = exchange(&store, "emails/a", 2, None).await.unwrap();
        assert_eq!(gone, ("Emails/A".to_owned(), 3));
        assert_eq!(all(&store, "", None), []);
        // Nothing is deleted where there is nothing, and no index is given for it.
        assert_eq!(exchange(&store, "emails/a", 2, None).await.unwrap().1, 0);
        let anew = exchange(&store, "emails/A", 0, Some("3")).await.unwrap();
        assert_eq!(anew, ("emails/A".to_owned(), 4));
    });
}

/// Found by: whatever is there is written over; an index is taken before it is compared.
#[test]
fn what_is_not_as_expected_is_not_written() {
    on_both(async |place| {
        let store = place.open(1);
        exchange(&store, "a", 0, Some("1")).await.unwrap();
        exchange(&store, "b", 0, Some("2")).await.unwrap();
        for (key, expected, value, there) in [
            ("a", 0, Some("x"), Some(item("a", 1, "1"))),
            ("A", 2, Some("x"), Some(item("a", 1, "1"))),
            ("b", 1, None, Some(item("b", 2, "2"))),
            ("b", 0, None, Some(item("b", 2, "2"))),
            ("c", 1, Some("x"), None),
        ] {
            let refused = exchange(&store, key, expected, value).await;
            let Err(ExchangeError::Mismatch { actual }) = refused else { panic!("{refused:?}") };
            assert_eq!(actual.as_ref().map(shown), there, "{key} {expected}");
        }
        assert_eq!(all(&store, "", None), [item("a", 1, "1"), item("b", 2, "2")]);
        assert_eq!(exchange(&store, "c", 0, Some("3")).await.unwrap().1, 3);
    });
}

/// Found by: the index is the greatest there is and one more.
#[test]
fn an_index_is_never_given_twice() {
    on_both(async |place| {
        let mut given = BTreeSet::new();
        for round in 0..3 {
            let store = place.open(1);
            for key in ["a", "b"] {
                let put = exchange(&store, key, 0, Some("1")).await.unwrap().1;
                let deleted = exchange(&store, key, put, None).await.unwrap().1;
                assert!(given.insert(put) && given.insert(deleted), "{given:?}");
            }
            assert_eq!(given.last(), Some(&(4 * round + 4)));
        }
    });
}

/// Found by: the item is looked up in the published snapshot.
#[test]
fn of_many_that_expect_the_same_one_wins() {
    on_both(async |place| {
        let store = place.open(1);
        exchange(&store, "lock", 0, Some("0")).await.unwrap();
        let mut last = 1;
        for _ in 0..3 {
            let asked: Vec<_> = (0..40)
                .map(|number: u32| {
                    let store = store.clone();
                    let mine = number.to_string();
                    tokio::spawn(async move {
                        let answer = exchange(&store, "Lock", last, Some(&mine)).await;
                        (mine, answer)
                    })
                })
                .collect();
            let (mut won, mut lost) = (Vec::new(), Vec::new());
            for asked in asked {
                match asked.await.unwrap() {
                    (mine, Ok((_, index))) => won.push(item("lock", index, &mine)),
                    (_, Err(ExchangeError::Mismatch { actual })) => {
                        lost.push(shown(&actual.unwrap()));
                    }
                    (_, Err(error)) => panic!("{error}"),
                }
            }
            assert_eq!((won.len(), lost.len()), (1, 39));
            // Who lost is told who won.
            assert!(lost.iter().all(|there| *there == won[0]), "{won:?} {lost:?}");
            assert_eq!(all(&store, "", None), won);
            last = won[0].1;
        }
        assert_eq!(last, 4);
    });
}

#[test]
fn items_are_listed_by_key() {
    on_both(async |place| {
        let store = place.open(1);
        for key in ["b/2", "a/1", "B/1", "c", "b"] {
            exchange(&store, key, 0, Some(key)).await.unwrap();
        }
        let keys = |prefix, after| -> Vec<String> {
            all(&store, prefix, after).into_iter().map(|it| it.0).collect()
        };
        assert_eq!(keys("", None), ["a/1", "b", "B/1", "b/2", "c"]);
        assert_eq!(keys("b", Some("b/1")), ["b/2"]);
        assert_eq!(keys("b/", None), ["B/1", "b/2"]);
        assert_eq!(keys("", Some("b/2")), ["c"]);
        assert_eq!(keys("d", None), Vec::<String>::new());
    });
}

/// What no task can see it cannot send.
#[test]
fn items_are_no_changes() {
    on_both(async |place| {
        let store = place.open(1);
        task(&store, 1, true).await;
        let before = store.snapshot().header().clone();
        let put = exchange(&store, "a", 0, Some("1")).await.unwrap().1;
        exchange(&store, "a", put, None).await.unwrap();
        assert_eq!(*store.snapshot().header(), before);
        assert_eq!((changes(&store, 0).len(), store.vector()), (0, ChangeVector::empty()));
        audit(&store.snapshot());
    });
}
