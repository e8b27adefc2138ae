//! Revisions of two ends, merged by document and time.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::mem::take;

use futures_util::future::try_join;
use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt as _};
use jackdaw_common::DocumentId;
use jackdaw_proto::documents::{Flag, Revision, StreamRevisionsResponse};
use prost_types::Timestamp;

use super::report::NAMES_MAX;
use super::{CompareError, Part, Side, same_vector};

/// The revisions of a stream.
pub(super) struct Revisions<S> {
    side: Side,
    parts: Fuse<S>,
    /// What has come, in order, each with its document.
    waiting: VecDeque<(DocumentId, Revision)>,
    /// The place of the last one that came.
    last: Option<(DocumentId, Time)>,
    taken: u64,
}

/// When a revision was written, as it is ordered.
type Time = (i64, i32);

fn time(revision: &Revision) -> Time {
    let Timestamp { seconds, nanos } = revision.last_modified.unwrap_or_default();
    (seconds, nanos)
}

impl<S: Stream<Item = Part<StreamRevisionsResponse>> + Unpin> Revisions<S> {
    /// The revisions of a stream that begins behind those of a document.
    pub(super) fn new(side: Side, parts: S, behind: Option<&DocumentId>) -> Self {
        let last = behind.map(|id| (id.clone(), (i64::MAX, i32::MAX)));
        Self { side, parts: parts.fuse(), waiting: VecDeque::new(), last, taken: 0 }
    }

    /// How many were compared since this was last asked.
    pub(super) fn taken(&mut self) -> u64 {
        take(&mut self.taken)
    }

    /// The document of the next one, of those that have come.
    pub(super) fn id(&self) -> Option<&DocumentId> {
        self.waiting.front().map(|(id, _)| id)
    }

    /// Reads on until one waits, or there is none.
    pub(super) async fn fill(&mut self) -> Result<(), CompareError> {
        let side = self.side;
        while self.waiting.is_empty() {
            let part = match self.parts.next().await {
                None => return Ok(()),
                Some(Ok(part)) => part,
                Some(Err(status)) => {
                    return Err(CompareError::Read { side, status: Box::new(status) });
                }
            };
            for revision in part.revisions {
                let id = DocumentId::new(&revision.document_id);
                let id = id.map_err(|error| CompareError::Id { side, error })?;
                let place = (id.clone(), time(&revision));
                if self.last.replace(place.clone()).is_some_and(|last| last > place) {
                    return Err(CompareError::RevisionOrder { side, id });
                }
                self.waiting.push_back((id, revision));
            }
        }
        Ok(())
    }

    /// The time of the next one, where it is of this document.
    async fn next_time(&mut self, id: &DocumentId) -> Result<Option<Time>, CompareError> {
        self.fill().await?;
        let next = self.waiting.front().filter(|(of, _)| of == id);
        Ok(next.map(|(_, revision)| time(revision)))
    }

    /// All of a document that are of a time, which are the next ones.
    async fn of(&mut self, id: &DocumentId, at: Time) -> Result<Vec<Revision>, CompareError> {
        let mut revisions = Vec::new();
        while self.next_time(id).await? == Some(at) {
            revisions.extend(self.waiting.pop_front().map(|(_, revision)| revision));
            self.taken += 1;
        }
        Ok(revisions)
    }
}

/// The change vectors of revisions of a document that one end does not have, or that are not the
/// same at both: the first of them. Both streams go on behind the document.
pub(super) async fn differing<S, D>(
    source: &mut Revisions<S>,
    destination: &mut Revisions<D>,
    id: &DocumentId,
) -> Result<Vec<String>, CompareError>
where
    S: Stream<Item = Part<StreamRevisionsResponse>> + Unpin,
    D: Stream<Item = Part<StreamRevisionsResponse>> + Unpin,
{
    let mut names = Vec::new();
    loop {
        let (here, there) = try_join(source.next_time(id), destination.next_time(id)).await?;
        let (at, order) = match (here, there) {
            (None, None) => return Ok(names),
            (Some(here), None) => (here, Ordering::Less),
            (None, Some(there)) => (there, Ordering::Greater),
            (Some(here), Some(there)) => (here.min(there), here.cmp(&there)),
        };
        let here = if order.is_le() { source.of(id, at).await? } else { Vec::new() };
        let there = if order.is_ge() { destination.of(id, at).await? } else { Vec::new() };
        let differ = unlike(here, there).into_iter().map(|it| it.change_vector);
        names.extend(differ.take(NAMES_MAX.saturating_sub(names.len())));
    }
}

/// Those of two ends that the other one does not have so.
fn unlike(here: Vec<Revision>, mut there: Vec<Revision>) -> Vec<Revision> {
    let mut unlike = Vec::new();
    for revision in here {
        let same = |it: &Revision| same_vector(&it.change_vector, &revision.change_vector);
        match there.iter().position(same) {
            Some(at) if is_same(&revision, &there.swap_remove(at)) => {}
            _ => unlike.push(revision),
        }
    }
    unlike.append(&mut there);
    unlike
}

/// Whether two revisions of one vector and time say the same.
fn is_same(one: &Revision, other: &Revision) -> bool {
    let deleted = |it: &Revision| it.flags().any(|flag| flag == Flag::DeleteRevision);
    deleted(one) == deleted(other)
        && one.collection == other.collection
        && one.body == other.body
        && one.attachments == other.attachments
        && one.counters == other.counters
        && one.time_series == other.time_series
        && one.more_parts == other.more_parts
}
