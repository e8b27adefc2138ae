//! Which revisions go, and what a configuration may be.

use proptest::prelude::*;

use super::{RevisionsConfiguration, RevisionsRule, RuleError, left, removal};
use crate::{ChangeVector, Collection, Entry, Etag, IncarnationId, Timestamp};

fn by(entries: &[(u8, u64)]) -> ChangeVector {
    ChangeVector::from_entries(entries.iter().map(|&(n, etag)| Entry {
        incarnation: IncarnationId::from_bytes([n; 16]),
        etag: Etag::new(etag).unwrap(),
    }))
}

fn keeping(keep: Option<u64>, age: Option<u64>) -> RevisionsRule {
    let (minimum_to_keep, minimum_age_micros) = (keep, age);
    RevisionsRule { minimum_to_keep, minimum_age_micros, ..RevisionsRule::default() }
}

proptest! {
    /// What is removed are victims, and whatever stays is not.
    #[test]
    fn a_removal_takes_nothing_that_stays(
        all in prop::collection::vec((1..4_u8, 1..40_u64, any::<bool>()), 0..20),
    ) {
        let kept: Vec<_> = all.iter().map(|(n, etag, goes)| (by(&[(*n, *etag)]), *goes)).collect();
        let stays: Vec<_> = kept.iter().filter(|it| !it.1).map(|it| it.0.clone()).collect();
        let victims: Vec<_> = kept.iter().filter(|it| it.1).map(|it| it.0.clone()).collect();
        let removed = removal(victims.iter(), stays.iter());
        for stay in &stays {
            prop_assert!(!removed.covers(stay), "{removed:?} takes {stay:?}");
        }
        for victim in &victims {
            // One stays only where something older of the same incarnation does.
            let older = stays.iter().any(|stay| victim.covers(stay));
            prop_assert_eq!(removed.covers(victim), !older);
        }
    }
}

#[test]
fn what_several_keep_goes_when_it_is_gone_for_each() {
    let (both, removed) = (by(&[(1, 5), (2, 7)]), by(&[(1, 9)]));
    assert_eq!(left(&both, &removed), by(&[(2, 7)]));
    assert_eq!(left(&both, &by(&[(1, 4)])), both);
    assert!(left(&both, &by(&[(1, 5), (2, 7)])).is_empty());
}

/// Number and age both keep: what either of them keeps stays.
#[test]
fn a_rule_says_how_many_and_how_old() {
    assert_eq!(keeping(None, None).excess(1_000), 0);
    assert_eq!(keeping(Some(3), None).excess(5), 2);
    assert_eq!(keeping(Some(3), None).excess(2), 0);
    assert_eq!(keeping(None, Some(10)).excess(5), 5);
    let at = Timestamp::from_micros;
    assert!(keeping(Some(3), None).is_old(at(100), at(100)));
    assert!(!keeping(None, Some(10)).is_old(at(90), at(100)));
    assert!(keeping(None, Some(10)).is_old(at(89), at(100)));
}

#[test]
fn a_collection_has_the_rule_of_its_own() {
    let users: Collection = "Users".parse().unwrap();
    let disabled = RevisionsRule { disabled: true, ..RevisionsRule::default() };
    let rules =
        vec![(users.clone(), disabled), ("Orders".parse().unwrap(), keeping(Some(2), None))];
    let configuration = RevisionsConfiguration::new(Some(keeping(Some(9), None)), rules).unwrap();
    let rule = |name: &str| configuration.rule(&name.parse().unwrap()).cloned();
    assert_eq!(rule("users"), None);
    assert_eq!(rule("ORDERS"), Some(keeping(Some(2), None)));
    assert_eq!(rule("Others"), Some(keeping(Some(9), None)));
    assert_eq!(RevisionsConfiguration::default().rule(&users), None);
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    let one = |name: &str, rule: RevisionsRule| (name.parse::<Collection>().unwrap(), rule);
    let new = RevisionsConfiguration::new;
    assert_eq!(new(Some(keeping(Some(0), None)), vec![]), Err(RuleError::KeepsNone));
    let none = one("a", keeping(Some(0), Some(5)));
    assert_eq!(new(None, vec![none]), Err(RuleError::KeepsNone));
    let unnamed = one("", RevisionsRule::default());
    assert_eq!(new(None, vec![unnamed]), Err(RuleError::NoCollection));
    let twice = vec![one("Users", keeping(None, None)), one("users", keeping(None, None))];
    let collection = "users".parse().unwrap();
    assert_eq!(new(None, twice), Err(RuleError::Twice { collection }));
    let many = (0..1_025).map(|n| one(&format!("c{n}"), RevisionsRule::default())).collect();
    assert_eq!(new(None, many), Err(RuleError::TooMany { rules: 1_025 }));
}
