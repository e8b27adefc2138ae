//! Counters and time series show what the account of what clients did says: at every commit of
//! those that write them, and as far as each has heard elsewhere.

use std::collections::BTreeSet;

use jackdaw_common::{DocumentId, item::series::Span};
use jackdaw_store::Snapshot;

use super::{Check, Invariant, holds, writer};
use crate::disk::Seen;
use crate::oracle::{
    commit::Commit,
    model::{Heard, is_shared},
    parts::{Place, Spanned, counter_print, entry_digest, entry_print},
    truth::{Edge, Key, Truth, merged},
};

pub(super) struct Account;

impl Invariant for Account {
    fn name(&self) -> &'static str {
        "parts"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let node = commit.node;
        let mut documents: BTreeSet<&Key> = commit.shown.keys().collect();
        for replayed in commit.replayed.values() {
            documents.extend(&replayed.as_ref().map_err(String::clone)?.documents);
        }
        for document in documents.into_iter().filter(|it| writer(it) == Some(node)) {
            own(truth, node, document)?;
        }
        if truth.is_restoring {
            return Ok(());
        }
        for place in commit.places.iter().filter(|place| is_shared(place.document())) {
            shared(truth, node, place)?;
        }
        // What a document had may have gone with it.
        for document in commit.before.keys().filter(|key| is_shared(key)) {
            for place in truth.nodes[node].parts.places(document) {
                shared(truth, node, &place)?;
            }
        }
        Ok(())
    }
}

/// What a node writes alone is there as it was left.
fn own(truth: &Truth, node: usize, document: &str) -> Check {
    let (shown, expected) =
        (truth.nodes[node].parts.print(document), truth.model.print(node, document));
    holds(shown == expected, || {
        format!(
            "node {node} shows of its own {document} {}, not {}",
            truth.nodes[node].parts.describe(document),
            truth.model.describe(node, document)
        )
    })
}

/// What several write shows what the operations say that whoever wrote the row had heard of.
fn shared(truth: &Truth, node: usize, place: &Place) -> Check {
    let there = &truth.nodes[node];
    let document = place.document();
    let heads = there.heads.get(document).map(|heads| merged(heads));
    match place {
        Place::Counter(_, name) => {
            let Some(counter) = there.parts.counters.get(&(document.clone(), name.clone())) else {
                return Ok(());
            };
            let heard = Heard { part: Some(&counter.vector), document: heads.as_ref() };
            let expected = truth.model.shared.counter(document, name, heard);
            holds(counter.value == expected, || {
                format!("node {node}: {document} {name} is {counter:?}, not {expected:?}")
            })
        }
        Place::Segment(_, name, first) => {
            let series = there.parts.segments.get(&(document.clone(), name.clone()));
            let Some(segment) = series.and_then(|series| series.get(first)) else {
                return Ok(());
            };
            let Spanned { span, vector, shown, .. } = segment;
            let heard = Heard { part: Some(vector), document: heads.as_ref() };
            let expected = truth.model.shared.series(document, name, span, heard);
            holds(*shown == expected, || {
                format!("node {node}: {document} {name} is {segment:?}, not {expected:?}")
            })
        }
    }
}

/// What two databases show of counters and series, where they differ in peace; and what they lack
/// of what is to be there when all have heard of everything.
pub(crate) fn unequal(truth: &Truth, edge: Edge) -> Option<String> {
    let (from, to) = (&truth.nodes[edge.from].parts, &truth.nodes[edge.to].parts);
    let documents: BTreeSet<_> = from.showing().collect();
    let different = documents.into_iter().find(|it| from.print(it) != to.print(it));
    if let Some(document) = different {
        let (one, other) = (from.describe(document), to.describe(document));
        return Some(format!("{document}: {one} at the source, {other} at the destination"));
    }
    let nodes = [edge.from, edge.to].into_iter();
    nodes.flat_map(|node| truth.model.shared.documents().map(move |it| (node, it))).find_map(
        |(node, document)| {
            let (shown, expected) =
                (truth.nodes[node].parts.print(document), truth.model.shared.print(document));
            let there = || truth.nodes[node].parts.describe(document);
            (shown != expected).then(|| {
                format!("node {node} shows of {document} {}, not what all have written", there())
            })
        },
    )
}

/// What has one vector in two databases and is not the same there. Where disks were set back there
/// is no more to say: a destination may have heard of what its source has lost.
pub(crate) fn contradicting(truth: &Truth, edge: Edge) -> Option<String> {
    let (from, to) = (&truth.nodes[edge.from].parts, &truth.nodes[edge.to].parts);
    let counter = from.counters.iter().find_map(|(key, one)| {
        let other = to.counters.get(key).filter(|other| other.vector == one.vector)?;
        (one != other).then(|| format!("{key:?}: {one:?} and {other:?}"))
    });
    let segments = || {
        let all = from
            .segments
            .iter()
            .flat_map(|(key, segments)| segments.values().map(move |segment| (key, segment)));
        all.into_iter().find_map(|(key, one)| {
            let other = to.segments.get(key)?.get(&one.span.first())?;
            let same = other.span == one.span && other.vector == one.vector;
            (same && one != other).then(|| format!("{key:?}: {one:?} and {other:?}"))
        })
    };
    counter.or_else(segments)
}

/// What a database counts, lists and reads of counters and series is what its rows say.
pub(crate) fn recounted(truth: &Truth, node: usize, visible: &Seen) -> Option<String> {
    let snapshot = Snapshot::inspect(visible).expect("the oracle reads")?;
    let there = &truth.nodes[node];
    let header = snapshot.header();
    let counts = (header.counters, header.series_entries, header.parts);
    if counts != there.parts.counts() {
        return Some(format!("node {node} counts {counts:?}, it has {:?}", there.parts.counts()));
    }
    let documents: BTreeSet<_> = there.parts.all().map(|(document, ..)| document).collect();
    documents.into_iter().find_map(|document| {
        let id: DocumentId = document.parse().unwrap();
        let lives = snapshot.is_live(&id).expect("the oracle reads");
        let read = listed(&snapshot, &id);
        let is = there.parts.print(document);
        (read != is || !lives).then(|| {
            let what = there.parts.describe(document);
            format!("node {node}: {document} (there: {lives}) reads otherwise than {what}")
        })
    })
}

/// The print of what a reader who lists everything of a document finds.
fn listed(snapshot: &Snapshot, id: &DocumentId) -> u128 {
    let mut print = 0;
    for head in snapshot.counters(id, "") {
        let head = head.expect("the oracle reads");
        let partials = head.part.partials.as_slice();
        if !partials.is_empty() {
            let sum = partials.iter().map(|one| i128::from(one.value)).sum();
            print ^= counter_print(id.key(), head.part.name.key(), sum);
        }
    }
    for series in snapshot.series(id, "") {
        let series = series.expect("the oracle reads");
        let entries = snapshot.entries(id, &series.name, Span::ALL);
        let entries: Vec<_> = entries.map(|entry| entry.expect("the oracle reads")).collect();
        let bounds = entries.first().zip(entries.last()).map(|(one, other)| (one.time, other.time));
        let said = (series.bounds.first(), series.bounds.last());
        if entries.len() as u64 != series.entries || bounds != Some(said) {
            return u128::MAX;
        }
        for entry in entries {
            let (name, digest) = (series.name.key(), entry_digest(&entry));
            print ^= entry_print(id.key(), name, entry.time, digest);
        }
    }
    print
}
