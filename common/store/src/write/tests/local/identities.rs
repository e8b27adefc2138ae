//! Identities: numbers that are given once, unless somebody forces it.

use std::collections::BTreeSet;

use bytes::Bytes;
use jackdaw_common::{IdentityName, limits::IDENTITY_MAX};

use super::super::harness::*;
use crate::{Numbering, Record, RecordKind, Store};

fn name(text: &str) -> IdentityName {
    IdentityName::new(text).unwrap()
}

async fn next(store: &Store, identity: &str) -> u64 {
    store.number(name(identity), Numbering::Next).await.unwrap()
}

async fn set(store: &Store, identity: &str, last: u64, force: bool) -> u64 {
    store.number(name(identity), Numbering::Set { last, force }).await.unwrap()
}

fn all(store: &Store, after: &str) -> Vec<(String, u64)> {
    store.snapshot().identities(after).map(Result::unwrap).collect()
}

fn pairs(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|&(name, number)| (name.to_owned(), number)).collect()
}

/// Found by: they are counted under a name of their own.
#[test]
fn clients_and_generated_ids_count_together() {
    on_both(async |place| {
        let store = place.open(1);
        let tag = store.tag();
        assert_eq!(next(&store, "Users|").await, 1);
        assert_eq!(put(&store, "USERS|", "a").await.id.as_str(), format!("USERS/2-{tag}"));
        assert_eq!(next(&store, "users").await, 3);
        assert_eq!(next(&store, "users||").await, 1);
        assert_eq!(all(&store, ""), pairs(&[("users|", 3), ("users||", 1)]));
        drop(store);
        let store = place.open(1);
        assert_eq!(next(&store, "USERS").await, 4);
        assert_eq!(set(&store, "users", 10, false).await, 10);
        assert_eq!(put(&store, "users|", "b").await.id.as_str(), format!("users/11-{tag}"));
    });
}

/// Found by: what is lower is set too; what is forced is not.
#[test]
fn a_number_goes_back_by_force_only() {
    on_both(async |place| {
        let store = place.open(1);
        assert_eq!(set(&store, "a", 5, false).await, 5);
        assert_eq!(set(&store, "a", 4, false).await, 5);
        assert_eq!(set(&store, "a", 5, false).await, 5);
        assert_eq!(next(&store, "a").await, 6);
        assert_eq!(set(&store, "a", 0, true).await, 0);
        assert_eq!(next(&store, "a").await, 1);
        assert_eq!(set(&store, "a", IDENTITY_MAX, true).await, IDENTITY_MAX);
        assert_eq!(next(&store, "a").await, IDENTITY_MAX + 1);
        // What does not go up is no identity yet.
        assert_eq!(set(&store, "none", 0, false).await, 0);
        assert_eq!(all(&store, ""), pairs(&[("a|", IDENTITY_MAX + 1)]));
    });
}

/// Found by: the list begins with the first row of its kind.
#[test]
fn identities_are_listed_by_name_and_nothing_else_is() {
    on_both(async |place| {
        let store = place.open(1);
        let other = |kind, key: &'static str| Record {
            kind,
            key: Bytes::from_static(key.as_bytes()),
            expected: None,
            value: Some(Bytes::from_static(b"12345678")),
        };
        let others = vec![
            other(RecordKind::ExternalReplication, "zzz|"),
            other(RecordKind::Identity, "\0externalReplications"),
            other(RecordKind::GrantBinding, "a|"),
        ];
        store.record(others).await.unwrap();
        assert_eq!(all(&store, ""), []);
        for name in ["b", "!", "Ä", "a"] {
            next(&store, name).await;
        }
        assert_eq!(all(&store, ""), pairs(&[("!|", 1), ("a|", 1), ("b|", 1), ("ä|", 1)]));
        assert_eq!(all(&store, "a|"), pairs(&[("b|", 1), ("ä|", 1)]));
        assert_eq!(all(&store, "ä|"), []);
    });
}

#[test]
fn a_number_is_given_once_however_many_ask() {
    on_both(async |place| {
        let store = place.open(1);
        let asked: Vec<_> = (0..100)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { next(&store, "a").await })
            })
            .collect();
        let mut given = BTreeSet::new();
        for asked in asked {
            assert!(given.insert(asked.await.unwrap()));
        }
        assert_eq!(given, (1..=100).collect());
    });
}

/// What no task can see it cannot send.
#[test]
fn identities_are_no_changes() {
    on_both(async |place| {
        let store = place.open(1);
        task(&store, 1, true).await;
        let before = store.snapshot().header().clone();
        next(&store, "a").await;
        set(&store, "a", 9, false).await;
        assert_eq!(*store.snapshot().header(), before);
        assert!(changes(&store, 0).is_empty());
    });
}
