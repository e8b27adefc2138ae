//! Which of two vectors has seen more, and the total order that settles a tie.

use core::cmp::Ordering;

use super::binary::Varint;
use super::{ChangeVector, Entry};
use crate::etag::Etag;
use crate::id::IncarnationId;

/// How a remote vector stands to a local one (semantics 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The remote one has seen all that the local one has, and more.
    Update,
    /// The local one has seen all that the remote one has; they may be equal.
    AlreadyMerged,
    /// Each has seen something that the other has not.
    Conflict,
}

impl ChangeVector {
    /// How this vector, the remote one, stands to a local one (semantics 1.4).
    ///
    /// A missing entry is a zero. Unlike RavenDB's, a zero is as good as a missing entry too
    /// (semantics 1.4.4): a vector cannot hold one.
    pub fn compare(&self, local: &Self) -> Order {
        let mut remote_larger = false;
        let mut local_larger = false;
        for both in Walk::new(self, local) {
            remote_larger |= both.left > both.right;
            local_larger |= both.left < both.right;
            if remote_larger && local_larger {
                return Order::Conflict;
            }
        }
        if remote_larger { Order::Update } else { Order::AlreadyMerged }
    }

    /// Whether this vector has seen all that the other has.
    pub fn covers(&self, other: &Self) -> bool {
        other.len() <= self.len() && Walk::new(self, other).all(|both| both.left >= both.right)
    }

    /// How far this vector is ahead of the other: the sum over all ids of the differences of
    /// their etags, negative when it is behind (semantics 1.6.5).
    pub fn distance(&self, other: &Self) -> i128 {
        Walk::new(self, other)
            .map(|both| i128::from(both.left.get()) - i128::from(both.right.get()))
            .sum()
    }
}

impl PartialOrd for ChangeVector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the binary forms, byte by byte. It says nothing about who has seen more.
impl Ord for ChangeVector {
    fn cmp(&self, other: &Self) -> Ordering {
        // Ids have one length and no varint is the beginning of another, so entry by entry is
        // byte by byte.
        let bytes = |entry: &Entry| (entry.incarnation, Varint::of(entry.etag));
        self.entries().iter().map(bytes).cmp(other.entries().iter().map(bytes))
    }
}

/// What two vectors have seen of one incarnation that at least one of them knows.
pub(super) struct Both {
    pub(super) incarnation: IncarnationId,
    pub(super) left: Etag,
    pub(super) right: Etag,
}

/// Walks two vectors side by side, by id; a missing entry is a zero.
pub(super) struct Walk<'a> {
    left: &'a [Entry],
    right: &'a [Entry],
}

impl<'a> Walk<'a> {
    pub(super) fn new(left: &'a ChangeVector, right: &'a ChangeVector) -> Self {
        Self { left: left.entries(), right: right.entries() }
    }
}

impl Iterator for Walk<'_> {
    type Item = Both;

    fn next(&mut self) -> Option<Both> {
        let (left, right) = (self.left.first(), self.right.first());
        // Which side is next: the lower id, or both.
        let side = match (left, right) {
            (Some(left), Some(right)) => left.incarnation.cmp(&right.incarnation),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let left = take_if(&mut self.left, side.is_le());
        let right = take_if(&mut self.right, side.is_ge());
        let incarnation = left.or(right)?.incarnation;
        let etag = |entry: Option<&Entry>| entry.map_or(Etag::ZERO, |entry| entry.etag);
        Some(Both { incarnation, left: etag(left), right: etag(right) })
    }
}

/// Takes the first entry off, when it is its turn.
fn take_if<'a>(entries: &mut &'a [Entry], turn: bool) -> Option<&'a Entry> {
    if turn { entries.split_off_first() } else { None }
}
