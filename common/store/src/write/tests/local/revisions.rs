//! Revisions that a database keeps of what its clients write.

use jackdaw_common::{
    Content, KeptCounter, Timestamp,
    item::{RevisionsConfiguration, RevisionsRule},
};

use super::super::harness::*;
use super::parts::*;
use crate::{Configure, ConfigureError, Enforce, Enforced, Forget, Store};

/// All versions of every collection.
pub(crate) fn all() -> RevisionsRule {
    RevisionsRule::default()
}

pub(crate) fn newest(count: u64) -> RevisionsRule {
    RevisionsRule { minimum_to_keep: Some(count), ..all() }
}

pub(crate) fn purging() -> RevisionsRule {
    RevisionsRule { purge_on_delete: true, ..all() }
}

pub(crate) async fn configure(store: &Store, rule: Option<RevisionsRule>) {
    let configuration = RevisionsConfiguration::new(rule, Vec::new()).unwrap();
    let what = Configure { expected: None, configuration };
    store.configure_revisions(what).await.unwrap();
}

/// What the revisions of a document say, the newest first.
pub(crate) fn revised(store: &Store, document: &str) -> Vec<String> {
    let snapshot = store.snapshot();
    audit(&snapshot);
    let all = snapshot.revisions(&id(document), None).map(Result::unwrap);
    let all: Vec<_> =
        all.map(|(_, revision)| says(&snapshot.revised(&revision).unwrap())).collect();
    assert_eq!(snapshot.count_revisions(&id(document)).unwrap(), all.len() as u64);
    all
}

pub(crate) async fn enforce(store: &Store) -> Enforced {
    let mut all = Enforced::default();
    let mut step = Enforce::default();
    loop {
        let done = store.enforce_revisions(step).await.unwrap();
        audit(&store.snapshot());
        all.documents += done.documents;
        all.removed += done.removed;
        match done.next {
            Some(next) => step = next,
            None => return all,
        }
    }
}

async fn forget(store: &Store) -> (u64, u64) {
    let (mut after, mut all) = (None, (0, 0));
    loop {
        let before = Timestamp::from_micros(i64::MAX);
        let done = store.forget(Forget { before, after }).await.unwrap();
        audit(&store.snapshot());
        all = (all.0 + done.tombstones, all.1 + done.trims);
        after = done.next;
        if after.is_none() {
            return all;
        }
    }
}

#[test]
fn each_version_is_kept_and_so_is_the_deletion() {
    on_both(async |place| {
        let store = place.open(1);
        configure(&store, Some(all())).await;
        for body in ["1", "2", "3"] {
            put(&store, "d", body).await;
        }
        assert_eq!(revised(&store, "d"), ["3", "2", "1"]);
        delete(&store, "d").await;
        assert_eq!(revised(&store, "D"), ["†", "3", "2", "1"]);
        put(&store, "d", "4").await;
        assert_eq!(revised(&store, "d"), ["4", "†", "3", "2", "1"]);
        assert_eq!(reads(&store, "d"), ["4"]);
        assert_eq!(counts(&store), (1, 0, 0));
        drop(store);
        let store = place.open(1);
        assert_eq!(revised(&store, "d"), ["4", "†", "3", "2", "1"]);
        assert_eq!(store.snapshot().header().revisions, 5);
    });
}

/// What was there before anybody wanted revisions is kept when it is changed, once.
#[tokio::test]
async fn the_version_before_the_first_is_kept_too() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    put(&store, "d", "2").await;
    put(&store, "gone", "1").await;
    configure(&store, Some(all())).await;
    assert_eq!(revised(&store, "d"), [""; 0]);
    put(&store, "d", "3").await;
    assert_eq!(revised(&store, "d"), ["3", "2"]);
    delete(&store, "gone").await;
    assert_eq!(revised(&store, "gone"), ["†", "1"]);
    configure(&store, None).await;
    put(&store, "d", "4").await;
    put(&store, "d", "5").await;
    assert_eq!(revised(&store, "d"), ["3", "2"]);
}

/// What a transaction overwrites itself nobody has seen: it leaves one version.
#[tokio::test]
async fn a_transaction_leaves_one_revision() {
    let store = in_memory(1);
    configure(&store, Some(all())).await;
    let commands = vec![putting("d", "1"), putting("d", "2"), attaching(&store, "d", "a", b"x")];
    store.transact(commands).await.unwrap();
    assert_eq!(revised(&store, "d"), ["2"]);
    store.transact(vec![putting("d", "3"), deleting("d"), putting("d", "4")]).await.unwrap();
    assert_eq!(revised(&store, "d"), ["4", "2"]);
}

#[tokio::test]
async fn a_number_bounds_them() {
    let store = in_memory(1);
    configure(&store, Some(newest(3))).await;
    for body in ["1", "2", "3", "4", "5"] {
        put(&store, "d", body).await;
    }
    assert_eq!(revised(&store, "d"), ["5", "4", "3"]);
    assert_eq!(store.snapshot().header().trims, 1);
    delete(&store, "d").await;
    assert_eq!(revised(&store, "d"), ["†", "5", "4"]);
    // One row says what is gone, however much that is.
    assert_eq!(changes(&store, 0).len(), 4);
}

#[test]
fn an_age_bounds_them() {
    on_both(async |place| {
        let clock = TestClock::at(1_000_000);
        let store = place.open_at(1, clock.clone());
        let rule = RevisionsRule { minimum_age_micros: Some(500), ..newest(2) };
        configure(&store, Some(rule)).await;
        for (at, body) in ["1", "2", "3", "4"].into_iter().enumerate() {
            clock.set(1_000_000 + 100 * at as i64);
            put(&store, "d", body).await;
        }
        assert_eq!(revised(&store, "d"), ["4", "3", "2", "1"], "none is old enough");
        clock.set(1_000_601);
        put(&store, "d", "5").await;
        assert_eq!(revised(&store, "d"), ["5", "4", "3"]);
        clock.set(9_000_000);
        assert_eq!(enforce(&store).await, Enforced { documents: 1, removed: 1, next: None });
        assert_eq!(revised(&store, "d"), ["5", "4"]);
    });
}

#[tokio::test]
async fn a_deletion_may_purge_them() {
    let store = in_memory(1);
    configure(&store, Some(purging())).await;
    put(&store, "d", "1").await;
    put(&store, "d", "2").await;
    delete(&store, "d").await;
    assert_eq!(revised(&store, "d"), [""; 0]);
    let header = store.snapshot().header().clone();
    assert_eq!((header.tombstones, header.trims, header.revisions), (1, 1, 0));
    assert_eq!(changes(&store, 0).len(), 2);
    // The next life has revisions of its own.
    put(&store, "d", "3").await;
    assert_eq!(revised(&store, "d"), ["3"]);
}

/// A collection's own rule is the one that counts.
#[tokio::test]
async fn a_collection_may_be_left_out() {
    let store = in_memory(1);
    let disabled = RevisionsRule { disabled: true, ..all() };
    let rules = vec![("USERS".parse().unwrap(), disabled)];
    let configuration = RevisionsConfiguration::new(Some(all()), rules).unwrap();
    let what = Configure { expected: None, configuration: configuration.clone() };
    store.configure_revisions(what).await.unwrap();
    put(&store, "d", "1").await;
    put(&store, "d", "2").await;
    assert_eq!(revised(&store, "d"), [""; 0]);
    let other = Configure { expected: Some(configuration), configuration: Default::default() };
    store.configure_revisions(other.clone()).await.unwrap();
    let again = store.configure_revisions(other).await;
    assert!(matches!(again, Err(ConfigureError::Changed)), "{again:?}");
}

/// What is configured no longer is removed when somebody asks for it, in bounded steps.
#[tokio::test]
async fn a_configuration_is_enforced() {
    let store = in_memory(1);
    configure(&store, Some(all())).await;
    for number in 0..300 {
        put(&store, "much", &format!("{number}")).await;
    }
    for document in ["a", "b", "deleted"] {
        put(&store, document, "1").await;
        put(&store, document, "2").await;
    }
    delete(&store, "deleted").await;
    assert_eq!(enforce(&store).await.removed, 0);
    configure(&store, Some(RevisionsRule { purge_on_delete: true, ..newest(1) })).await;
    let done = enforce(&store).await;
    assert_eq!((done.documents, done.removed), (4, 299 + 2 + 3));
    assert_eq!(revised(&store, "much"), ["299"]);
    assert_eq!(revised(&store, "deleted"), [""; 0]);
    configure(&store, None).await;
    assert_eq!(enforce(&store).await.removed, 3);
    assert_eq!(store.snapshot().header().revisions, 0);
    assert_eq!(reads(&store, "much"), ["299"], "the document itself stays");
}

/// A deletion that is forgotten stays as a revision; what was removed is forgotten likewise.
#[tokio::test]
async fn revisions_outlive_what_is_forgotten() {
    let store = in_memory(1);
    configure(&store, Some(newest(2))).await;
    for body in ["1", "2"] {
        put(&store, "d", body).await;
    }
    delete(&store, "d").await;
    assert_eq!(forget(&store).await, (1, 1));
    assert_eq!(revised(&store, "d"), ["†", "2"]);
    assert_eq!(counts(&store), (0, 0, 0));
    assert_eq!(changes(&store, 0).len(), 2);
    put(&store, "d", "3").await;
    assert_eq!(revised(&store, "d"), ["3", "†"]);
}

/// While a task has not passed what took their place they are history too: each goes once neither
/// needs it.
#[tokio::test]
async fn history_and_revisions_share_rows() {
    let store = in_memory(1);
    configure(&store, Some(newest(2))).await;
    task(&store, 1, true).await;
    for body in ["1", "2", "3"] {
        put(&store, "d", body).await;
    }
    assert_eq!(revised(&store, "d"), ["3", "2"]);
    let bodies = |store: &Store| changes(store, 0).iter().map(says).collect::<Vec<_>>();
    assert_eq!(bodies(&store).len(), 4, "{:?}", bodies(&store));
    store.stand(at(1, store.last_etag())).await.unwrap();
    put(&store, "other", "1").await;
    assert_eq!(bodies(&store).len(), 4, "{:?}", bodies(&store));
    assert_eq!(store.snapshot().header().history_rows, 0);
    assert_eq!(revised(&store, "d"), ["3", "2"]);
}

/// Their attachments are kept with them, and go with the last that has them.
#[tokio::test]
async fn their_contents_are_counted() {
    let store = in_memory(1);
    configure(&store, Some(newest(2))).await;
    put(&store, "d", "1").await;
    attach(&store, "d", "a", b"content").await;
    detach(&store, "d", "a").await;
    assert_eq!(store.snapshot().header().blobs, 1);
    assert_eq!(revised(&store, "d"), ["1", "1"]);
    put(&store, "d", "2").await;
    assert_eq!(revised(&store, "d"), ["2", "1"]);
    assert_eq!(store.snapshot().header().blobs, 0);
}

/// They say what the document had when they were written.
#[tokio::test]
async fn they_have_what_the_document_had() {
    let store = in_memory(1);
    configure(&store, Some(all())).await;
    put(&store, "d", "1").await;
    wrote(&store, adding("d", "Likes", 5)).await;
    wrote(&store, adding("d", "gone", 5)).await;
    wrote(&store, uncounting("d", "gone")).await;
    wrote(&store, appending("d", "Heat", &[(1, &[1.0]), (9, &[2.0])])).await;
    put(&store, "d", "2").await;
    wrote(&store, adding("d", "likes", 1)).await;
    let snapshot = store.snapshot();
    let kept: Vec<_> = snapshot
        .revisions(&id("d"), None)
        .map(|it| snapshot.revised(&it.unwrap().1).unwrap().version.kept.unwrap())
        .collect();
    let likes = KeptCounter { name: counter_name("Likes"), value: Some(5) };
    assert_eq!(kept[0].parts.counters, [likes]);
    let series: Vec<_> = kept[0].parts.series.iter().map(|it| (it.entries, it.bounds)).collect();
    assert_eq!(series, [(2, span(1, 9))]);
    assert!(!kept[0].parts.more);
    assert!(kept[1].parts.counters.is_empty() && kept[1].parts.series.is_empty());
}

/// Of very many counters only the first are kept, which the revision says.
#[tokio::test]
async fn they_have_so_much_at_most() {
    let store = in_memory(1);
    put(&store, "d", "1").await;
    let name = |number| format!("{number:04}{}", "x".repeat(400));
    let adding = (0..1_000).map(|number| adding("d", &name(number), 1)).collect();
    store.transact(adding).await.unwrap();
    configure(&store, Some(all())).await;
    put(&store, "d", "2").await;
    let row = found(&store, "d");
    let kept = row.version.kept.unwrap();
    assert!(kept.parts.more);
    let (count, bytes) = (kept.parts.counters.len(), kept.parts.bytes());
    assert!((500..600).contains(&count) && bytes < 300 * 1024, "{count}, {bytes}");
}

/// Where the clock went back they are still in the order in which they were written.
#[test]
fn a_clock_that_goes_back_does_not_mix_them_up() {
    on_both(async |place| {
        let clock = TestClock::at(1_000_000);
        let store = place.open_at(1, clock.clone());
        configure(&store, Some(newest(3))).await;
        for (at, body) in ["1", "2", "3", "4", "5"].into_iter().enumerate() {
            clock.set(1_000_000 - 1_000 * at as i64);
            put(&store, "d", body).await;
        }
        assert_eq!(revised(&store, "d"), ["5", "4", "3"]);
    });
}

/// A list of them goes on where it ended.
#[tokio::test]
async fn a_list_goes_on() {
    let store = in_memory(1);
    configure(&store, Some(all())).await;
    for body in ["1", "2", "3"] {
        put(&store, "d", body).await;
        put(&store, "d2", "other").await;
        put(&store, "c", "other").await;
    }
    let snapshot = store.snapshot();
    let (mut after, mut said) = (None, Vec::new());
    while let Some(next) = snapshot.revisions(&id("d"), after.as_ref()).next() {
        let (place, revision) = next.unwrap();
        let row = snapshot.revised(&revision).unwrap();
        assert!(matches!(row.version.content, Content::Document(_)));
        let by_vector = snapshot.revision(&id("d"), &revision.vector).unwrap();
        assert_eq!(by_vector, Some((revision.clone(), row.clone())));
        said.push(says(&row));
        after = Some(place);
    }
    assert_eq!(said, ["3", "2", "1"]);
    assert_eq!(snapshot.revision(&id("c"), &found(&store, "d").version.vector).unwrap(), None);
}
