//! Records of the services: compared, then written, all or none.

use bytes::Bytes;

use super::harness::*;
use crate::{Record, RecordError, RecordKind, Store};

fn record(key: &str, expected: Option<&str>, value: Option<&str>) -> Record {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Record {
        kind: RecordKind::ConnectionString,
        key: bytes(key),
        expected: expected.map(bytes),
        value: value.map(bytes),
    }
}

fn all(store: &Store, kind: RecordKind) -> Vec<(String, String)> {
    let records = store.snapshot().records(kind).unwrap();
    records.iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn records_are_written_changed_and_removed() {
    on_both(async |place| {
        let store = place.open(1);
        let kind = RecordKind::ConnectionString;
        let new = vec![
            record("b", None, Some("1")),
            record("a", None, Some("")),
            record("c", None, Some("3")),
        ];
        store.record(new).await.unwrap();
        assert_eq!(all(&store, kind), pairs(&[("a", ""), ("b", "1"), ("c", "3")]));
        let change = vec![record("b", Some("1"), Some("2")), record("c", Some("3"), None)];
        store.record(change).await.unwrap();
        assert_eq!(all(&store, kind), pairs(&[("a", ""), ("b", "2")]));
        assert_eq!(store.snapshot().record(kind, b"b").unwrap(), Some(Bytes::from_static(b"2")));
        assert_eq!(store.snapshot().record(kind, b"c").unwrap(), None);
        // They are no changes of documents.
        assert_eq!((store.last_etag(), counts(&store)), (etag(0), (0, 0, 0)));
        drop(store);
        assert_eq!(all(&place.open(1), kind), pairs(&[("a", ""), ("b", "2")]));
    });
}

#[test]
fn a_record_that_is_not_as_expected_stops_all() {
    on_both(async |place| {
        let store = place.open(1);
        store.record(vec![record("there", None, Some("1"))]).await.unwrap();
        let wrong = [
            record("there", None, Some("2")),
            record("there", Some("0"), Some("2")),
            record("there", Some(""), Some("2")),
            record("new", Some("1"), Some("2")),
            record("there", None, None),
        ];
        for wrong in wrong {
            let list =
                vec![record("first", None, Some("1")), wrong, record("last", None, Some("1"))];
            let refused = store.record(list).await;
            assert!(matches!(refused, Err(RecordError::Changed { index: 1 })), "{refused:?}");
            assert_eq!(all(&store, RecordKind::ConnectionString), pairs(&[("there", "1")]));
        }
    });
}

#[test]
fn a_record_twice_in_a_list_meets_itself() {
    on_both(async |place| {
        let store = place.open(1);
        let steps = vec![
            record("a", None, Some("1")),
            record("a", Some("1"), None),
            record("a", None, Some("2")),
        ];
        store.record(steps).await.unwrap();
        assert_eq!(all(&store, RecordKind::ConnectionString), pairs(&[("a", "2")]));
    });
}

#[test]
fn kinds_are_apart() {
    on_both(async |place| {
        let store = place.open(1);
        let kinds = [
            RecordKind::Database,
            RecordKind::ConnectionString,
            RecordKind::ExternalReplication,
            RecordKind::Identity,
            RecordKind::GrantBinding,
        ];
        let list = kinds.into_iter().map(|kind| {
            let value = format!("{kind:?}");
            Record { kind, ..record("key", None, Some(&value)) }
        });
        store.record(list.collect()).await.unwrap();
        for kind in kinds {
            assert_eq!(all(&store, kind), pairs(&[("key", &format!("{kind:?}"))]));
        }
    });
}

#[tokio::test]
async fn of_many_that_write_one_record_one_wins() {
    let store = in_memory(1);
    let asked: Vec<_> = (0..50)
        .map(|number: u32| {
            let store = store.clone();
            let mine = record("a", None, Some(&number.to_string()));
            tokio::spawn(async move { store.record(vec![mine]).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for asked in asked {
        won += u32::from(asked.await.unwrap());
    }
    assert_eq!(won, 1);
}
