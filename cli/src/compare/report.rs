//! What a comparison found, for programs and for people.

use std::fmt;

use jackdaw_common::DocumentId;
use serde::Serialize;

use super::Side;
use super::contents::Outcome;
use super::rows::{Content, Row};
use crate::report::output::{counted, grouped};

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the source holds.
    pub source: Counts,
    /// What the destination holds.
    pub destination: Counts,
    /// Documents that the destination does not have.
    pub missing: u64,
    /// Documents that only the destination has.
    pub extra: u64,
    /// Documents whose bodies are not the same bytes.
    pub different_body: u64,
    /// Documents whose change vectors are not the same; those with a different body too.
    pub different_vector: u64,
    /// Documents with the same bodies and change vectors and other attachments: names, content
    /// types, contents.
    pub different_attachments: u64,
    /// Documents in conflict at one end, or at both with other versions.
    pub different_conflict: u64,
    /// Documents in conflict at both ends with the same vectors and sizes, of which an end has left
    /// bodies or lists of attachments out: whether they are the same nobody has compared.
    pub not_compared: u64,
    /// Documents with counters that one end does not have, or that have other values.
    pub different_counters: u64,
    /// Documents with time series that one end does not have, or that show something else.
    pub different_time_series: u64,
    /// Documents with revisions that one end does not have, or that are not the same.
    pub different_revisions: u64,
    /// What came of reading the contents of attachments; absent where they were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<ContentsRead>,
    /// The first differences, in id order, those of revisions behind all others but those of
    /// contents.
    pub differences: Vec<Difference>,
    /// Behind which documents both ends were read on as they then were, because one had ended its
    /// stream: what is behind is of a later moment, at both ends. The first 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub later_behind: Vec<String>,
    /// The same of revisions, which are of a later moment than documents anyway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions_later_behind: Vec<String>,
    /// Documents that differ, but for their revisions.
    #[serde(skip)]
    total: u64,
    /// Differences, of which a document may have several.
    #[serde(skip)]
    found: u64,
    #[serde(skip)]
    named_max: usize,
}

/// What one end holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Documents that are not in conflict.
    pub documents: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Documents in conflict.
    pub conflicts: u64,
    /// Attachments of the documents that are not in conflict.
    pub attachments: u64,
    /// Counters.
    pub counters: u64,
    /// Times that time series have entries at.
    pub time_series_entries: u64,
    /// Revisions.
    pub revisions: u64,
}

/// What came of reading the contents of attachments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ContentsRead {
    /// Distinct contents that were read whole at the source.
    pub source: u64,
    /// And at the destination.
    pub destination: u64,
    /// Contents at either end whose bytes are not those that their hashes are of.
    pub corrupt: u64,
    /// Contents at either end that were not there any more where they had been listed.
    pub gone: u64,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Id of the document, as the source writes it, where the source has it.
    pub id: String,
    /// What is different.
    pub kind: DifferenceKind,
    /// Whether it was found behind the first of `later_behind`, or of `revisions_later_behind`: it
    /// is of a later moment than what was compared before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
    /// Of counters and time series the first names, of revisions the first change vectors, of those
    /// that differ, at most 10; the attachment whose content is corrupt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The end at which a content is corrupt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Side>,
}

/// A difference of a document.
pub(super) struct Found {
    kind: DifferenceKind,
    names: Vec<String>,
}

impl From<DifferenceKind> for Found {
    fn from(kind: DifferenceKind) -> Self {
        Self { kind, names: Vec::new() }
    }
}

impl Found {
    /// What has these names is different, where there is a name.
    pub(super) fn named(kind: DifferenceKind, mut names: Vec<String>) -> Option<Self> {
        names.truncate(NAMES_MAX);
        (!names.is_empty()).then_some(Self { kind, names })
    }
}

/// Names of counters or time series, or change vectors of revisions, that are told of one document.
pub(super) const NAMES_MAX: usize = 10;

/// What is different about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The destination does not have it.
    Missing,
    /// Only the destination has it.
    Extra,
    /// The body.
    Body,
    /// The change vector.
    Vector,
    /// Both.
    BodyAndVector,
    /// The attachments, and nothing else.
    Attachments,
    /// It is in conflict at one end only, or with other versions at the other.
    Conflict,
    /// None that is known: its versions in conflict were not compared whole.
    NotCompared,
    /// The counters: their names and values.
    Counters,
    /// The time series: their names and what they show.
    TimeSeries,
    /// The revisions.
    Revisions,
    /// The content of an attachment is not what its hash is of.
    Content,
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "missing at the destination",
            Self::Extra => "only at the destination",
            Self::Body => "another body",
            Self::Vector => "another change vector",
            Self::BodyAndVector => "another body and vector",
            Self::Attachments => "other attachments",
            Self::Conflict => "in conflict",
            Self::NotCompared => "not compared",
            Self::Counters => "other counters",
            Self::TimeSeries => "other time series",
            Self::Revisions => "other revisions",
            Self::Content => "a corrupt content",
        })
    }
}

impl Report {
    pub(super) fn new(named_max: usize) -> Self {
        Self {
            source: Counts::default(),
            destination: Counts::default(),
            missing: 0,
            extra: 0,
            different_body: 0,
            different_vector: 0,
            different_attachments: 0,
            different_conflict: 0,
            not_compared: 0,
            different_counters: 0,
            different_time_series: 0,
            different_revisions: 0,
            contents: None,
            differences: Vec::new(),
            later_behind: Vec::new(),
            revisions_later_behind: Vec::new(),
            total: 0,
            found: 0,
            named_max,
        }
    }

    /// Whether both ends hold the same, all of which was compared.
    pub fn is_equal(&self) -> bool {
        let gone = self.contents.is_some_and(|it| it.gone > 0);
        !self.is_different() && self.not_compared == 0 && !gone
    }

    fn is_different(&self) -> bool {
        self.total > 0 || self.different_revisions > 0 || self.corrupt() > 0
    }

    fn corrupt(&self) -> u64 {
        self.contents.map_or(0, |it| it.corrupt)
    }

    /// How many documents differ, named or not, but for their revisions.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Documents behind this one are of a later moment than those before.
    pub(super) fn documents_are_later_behind(&mut self, id: &DocumentId) {
        later_behind(&mut self.later_behind, id);
    }

    /// Revisions of documents behind this one likewise.
    pub(super) fn revisions_are_later_behind(&mut self, id: &DocumentId) {
        later_behind(&mut self.revisions_later_behind, id);
    }

    /// Rows of both ends so far.
    pub(super) fn rows(&self) -> u64 {
        [self.source, self.destination].iter().map(|it| it.documents + it.conflicts).sum()
    }

    pub(super) fn count(&mut self, side: Side, row: &Row) {
        let counts = match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        };
        counts.counters += row.counters.len() as u64;
        counts.time_series_entries += row.time_series.iter().map(|it| it.entries).sum::<u64>();
        match &row.content {
            Content::Document(document) => {
                counts.documents += 1;
                counts.bytes += document.body.len() as u64;
                counts.attachments += document.attachments.len() as u64;
            }
            Content::Conflict(_) => counts.conflicts += 1,
        }
    }

    /// Adds the differences of one document; there may be none.
    pub(super) fn add(&mut self, id: &DocumentId, found: Vec<Found>) {
        let differs = found.iter().any(|it| it.kind != DifferenceKind::NotCompared);
        self.total += u64::from(differs);
        for Found { kind, names } in found {
            self.note(id, kind, names);
        }
    }

    /// Adds that these revisions of a document differ; there may be none.
    pub(super) fn add_revisions(&mut self, id: &DocumentId, names: Vec<String>) {
        let Some(Found { kind, names }) = Found::named(DifferenceKind::Revisions, names) else {
            return;
        };
        self.note(id, kind, names);
    }

    /// Adds what came of a content.
    pub(super) fn add_content(&mut self, end: Side, outcome: Outcome, id: &str, name: &str) {
        let contents = self.contents.get_or_insert_default();
        match (outcome, end) {
            (Outcome::Same, Side::Source) => contents.source += 1,
            (Outcome::Same, Side::Destination) => contents.destination += 1,
            (Outcome::Gone, _) => contents.gone += 1,
            (Outcome::Other, _) => {
                contents.corrupt += 1;
                self.found += 1;
                if self.differences.len() < self.named_max {
                    self.differences.push(Difference {
                        id: id.to_owned(),
                        kind: DifferenceKind::Content,
                        later: false,
                        names: vec![name.to_owned()],
                        end: Some(end),
                    });
                }
            }
        }
    }

    fn note(&mut self, id: &DocumentId, kind: DifferenceKind, names: Vec<String>) {
        self.found += 1;
        self.count_kind(kind);
        if self.differences.len() < self.named_max {
            let later = match kind {
                DifferenceKind::Revisions => &self.revisions_later_behind,
                _ => &self.later_behind,
            };
            let (id, later) = (id.as_str().to_owned(), !later.is_empty());
            self.differences.push(Difference { id, kind, later, names, end: None });
        }
    }

    fn count_kind(&mut self, kind: DifferenceKind) {
        match kind {
            DifferenceKind::Missing => self.missing += 1,
            DifferenceKind::Extra => self.extra += 1,
            DifferenceKind::Body => self.different_body += 1,
            DifferenceKind::Vector => self.different_vector += 1,
            DifferenceKind::BodyAndVector => {
                self.different_body += 1;
                self.different_vector += 1;
            }
            DifferenceKind::Attachments => self.different_attachments += 1,
            DifferenceKind::Conflict => self.different_conflict += 1,
            DifferenceKind::NotCompared => self.not_compared += 1,
            DifferenceKind::Counters => self.different_counters += 1,
            DifferenceKind::TimeSeries => self.different_time_series += 1,
            DifferenceKind::Revisions => self.different_revisions += 1,
            // It is not found here, but added by itself.
            DifferenceKind::Content => {}
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_equal() {
            return self.write_equal(f);
        }
        let (here, there) = (self.source, self.destination);
        self.write_headline(f)?;
        writeln!(f, "  {:<28}{:>16}{:>16}", "", "source", "destination")?;
        for (name, source, destination) in [
            ("documents", here.documents, there.documents),
            ("bytes of bodies", here.bytes, there.bytes),
            ("attachments", here.attachments, there.attachments),
            ("counters", here.counters, there.counters),
            ("time series entries", here.time_series_entries, there.time_series_entries),
            ("revisions", here.revisions, there.revisions),
            ("documents in conflict", here.conflicts, there.conflicts),
        ] {
            let (source, destination) = (grouped(source), grouped(destination));
            writeln!(f, "  {name:<28}{source:>16}{destination:>16}")?;
        }
        for (name, count) in [
            ("missing at the destination", self.missing),
            ("only at the destination", self.extra),
            ("another body", self.different_body),
            ("another change vector", self.different_vector),
            ("other attachments", self.different_attachments),
            ("other counters", self.different_counters),
            ("other time series", self.different_time_series),
            ("other revisions", self.different_revisions),
            ("in conflict", self.different_conflict),
            ("not compared", self.not_compared),
        ] {
            if count > 0 {
                writeln!(f, "  {name:<28}{:>16}", grouped(count))?;
            }
        }
        writeln!(f)?;
        for Difference { id, kind, later, names, end } in &self.differences {
            write!(f, "  {kind:<28}{id}")?;
            if *later {
                write!(f, " (later)")?;
            }
            if !names.is_empty() {
                write!(f, ": {}", names.join(", "))?;
            }
            if let Some(end) = end {
                write!(f, ", at the {end}")?;
            }
            writeln!(f)?;
        }
        let unnamed = self.found.saturating_sub(self.differences.len() as u64);
        if unnamed > 0 {
            writeln!(f, "  and {} more", grouped(unnamed))?;
        }
        self.write_notes(f)
    }
}

fn later_behind(all: &mut Vec<String>, id: &DocumentId) {
    if all.len() < NAMES_MAX {
        all.push(id.as_str().to_owned());
    }
}

impl Report {
    fn write_headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_different() {
            return writeln!(f, "not all compared; the rest is equal");
        }
        write!(f, "different: {}", counted(self.total, "document"))?;
        if self.different_revisions > 0 {
            write!(f, ", and revisions of {}", counted(self.different_revisions, "document"))?;
        }
        if self.corrupt() > 0 {
            write!(f, ", and contents of {}", counted(self.corrupt(), "attachment"))?;
        }
        writeln!(f)
    }

    fn write_equal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { documents, bytes, conflicts, .. } = self.source;
        let bytes = counted(bytes, "byte");
        write!(f, "equal: {}, {bytes} of bodies", counted(documents, "document"))?;
        let Counts { attachments, counters, time_series_entries, revisions, .. } = self.source;
        let entries = format!("time series with {}", counted(time_series_entries, "entry"));
        let parts = [
            (attachments, counted(attachments, "attachment")),
            (counters, counted(counters, "counter")),
            (time_series_entries, entries),
            (revisions, counted(revisions, "revision")),
            (conflicts, counted(conflicts, "conflict")),
        ];
        for (_, part) in parts.iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {part}")?;
        }
        let mut same = vec!["ids", "bodies", "change vectors"];
        same.extend((counters > 0).then_some("counters"));
        same.extend((time_series_entries > 0).then_some("time series"));
        same.extend((revisions > 0).then_some("revisions"));
        let last = same.pop().unwrap_or_default();
        write!(f, "; the same {} and {last} at both ends", same.join(", "))?;
        let later = !self.later_behind.is_empty() || !self.revisions_later_behind.is_empty();
        if later || self.contents.is_some() {
            writeln!(f)?;
        }
        self.write_notes(f)
    }

    /// What contents were read, and from where on the rest is of a later moment.
    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ContentsRead { source, destination, gone, .. }) = self.contents {
            let (here, there) = (grouped(source), grouped(destination));
            writeln!(
                f,
                "  contents read and hashed: {here} at the source, {there} at the destination"
            )?;
            if gone > 0 {
                let gone = grouped(gone);
                writeln!(f, "  contents that were no more where they were listed: {gone}")?;
            }
        }
        for (what, ids) in [
            ("documents", &self.later_behind),
            ("revisions of documents", &self.revisions_later_behind),
        ] {
            if !ids.is_empty() {
                let ids = ids.join(", ");
                writeln!(
                    f,
                    "  later: {what} behind {ids} are compared as they were later, at both ends: \
                     one of them had ended its stream"
                )?;
            }
        }
        Ok(())
    }
}
