//! The table of kinds.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::{
    ChangeVector, Content, Counter, Partials, Segment,
    item::{Extent, series::Span},
};

#[test]
fn names_are_unique_and_well_formed() {
    let names: BTreeSet<_> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), KINDS.len());
    let fits = |name: &str| name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    assert!(names.iter().all(|name| fits(name)), "{names:?}");
    assert!(KINDS.is_sorted_by_key(|kind| !kind.travels), "those that travel come first");
}

/// Whoever adds a kind of item says here which line of the table it has.
fn kind_of(content: &Content) -> &'static str {
    match content {
        Content::Document(_) => "documents",
        Content::Tombstone => "deletions",
        Content::Counter(_) => "counters",
        Content::Segment(_) => "time_series",
        Content::RevisionTombstone(_) => "revisions",
    }
}

#[test]
fn what_stands_on_the_stream_travels_and_nothing_else_does() {
    let counter = Counter { name: "a".parse().unwrap(), partials: Partials::default() };
    let name = "a".parse().unwrap();
    let extent = Extent { name, span: Span::ALL, live: 0, bounds: None };
    let contents = [
        Content::Document("{}".into()),
        Content::Tombstone,
        Content::Counter(counter),
        Content::Segment(Segment { extent, points: Bytes::new() }),
        Content::RevisionTombstone(ChangeVector::empty()),
    ];
    let mut items: BTreeSet<_> = contents.iter().map(kind_of).collect();
    // No item: part of the versions of its document.
    items.insert("attachments");
    let travelling = KINDS.iter().filter(|kind| kind.travels).map(|kind| kind.name);
    assert_eq!(travelling.collect::<BTreeSet<_>>(), items);
}
