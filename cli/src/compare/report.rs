//! What a comparison found, for programs and for people.

use std::fmt;

use jackdaw_common::DocumentId;
use serde::Serialize;

use super::Side;
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
    /// The first differences, in id order.
    pub differences: Vec<Difference>,
    #[serde(skip)]
    total: u64,
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
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Id of the document, as the source writes it, where the source has it.
    pub id: String,
    /// What is different.
    pub kind: DifferenceKind,
}

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
            differences: Vec::new(),
            total: 0,
            named_max,
        }
    }

    /// Whether both ends hold the same.
    pub fn is_equal(&self) -> bool {
        self.total == 0
    }

    /// How many documents differ, named or not.
    pub fn total(&self) -> u64 {
        self.total
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
        match &row.content {
            Content::Document(document) => {
                counts.documents += 1;
                counts.bytes += document.body.len() as u64;
                counts.attachments += document.attachments.len() as u64;
            }
            Content::Conflict(_) => counts.conflicts += 1,
        }
    }

    pub(super) fn add(&mut self, kind: DifferenceKind, id: &DocumentId) {
        self.total += 1;
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
        }
        if self.differences.len() < self.named_max {
            self.differences.push(Difference { id: id.as_str().to_owned(), kind });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { documents, bytes, conflicts, attachments } = self.source;
        if self.is_equal() {
            write!(f, "equal: {}, {} of bodies", counted(documents, "document"), byte_text(bytes))?;
            if attachments > 0 {
                write!(f, ", {}", counted(attachments, "attachment"))?;
            }
            if conflicts > 0 {
                write!(f, ", {}", counted(conflicts, "conflict"))?;
            }
            return write!(f, "; the same ids, bodies and change vectors at both ends");
        }
        writeln!(f, "different: {}", counted(self.total, "document"))?;
        writeln!(f, "  {:<28}{:>16}{:>16}", "", "source", "destination")?;
        let there = self.destination;
        for (name, source, destination) in [
            ("documents", documents, there.documents),
            ("bytes of bodies", bytes, there.bytes),
            ("attachments", attachments, there.attachments),
            ("documents in conflict", conflicts, there.conflicts),
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
            ("in conflict", self.different_conflict),
        ] {
            if count > 0 {
                writeln!(f, "  {name:<28}{:>16}", grouped(count))?;
            }
        }
        writeln!(f)?;
        for Difference { id, kind } in &self.differences {
            writeln!(f, "  {kind:<28}{id}")?;
        }
        let unnamed = self.total.saturating_sub(self.differences.len() as u64);
        if unnamed > 0 {
            writeln!(f, "  and {} more", grouped(unnamed))?;
        }
        Ok(())
    }
}

fn byte_text(bytes: u64) -> String {
    counted(bytes, "byte")
}
