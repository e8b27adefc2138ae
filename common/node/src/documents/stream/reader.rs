//! The documents of a snapshot, read step by step into parts.

use jackdaw_common::Version;
use jackdaw_proto::{
    convert::documents::{conflict, document},
    documents::StreamDocumentsResponse,
};
use jackdaw_store::{Lookup, Snapshot, StoreError};

use super::{
    Streamed, With,
    having::Having,
    part::{Entry, Part},
};
use crate::documents::read::{id, key, size};

/// Reads a snapshot from its first document to its last.
pub(in crate::documents) struct Reader {
    snapshot: Snapshot,
    streamed: Streamed,
    /// The key of the last document that was read, or behind which to begin.
    after: Option<String>,
    /// That document, where what it has is not all read.
    having: Option<Having>,
    part: Part,
}

/// What a step led to.
#[derive(Debug)]
pub(in crate::documents) enum Step {
    /// Nothing that can be sent yet.
    More,
    /// A part; others follow.
    Part(StreamDocumentsResponse),
    /// The last part, which may be empty.
    Last(StreamDocumentsResponse),
}

impl Reader {
    /// Nothing is read yet.
    pub(in crate::documents) fn new(snapshot: Snapshot, streamed: Streamed) -> Self {
        let after = streamed.after.clone();
        Self { snapshot, streamed, after, having: None, part: Part::default() }
    }

    /// Reads on, but not for long: some thousand rows, or what fills a part.
    pub(in crate::documents) fn step(&mut self) -> Result<Step, StoreError> {
        self.part.begin();
        let is_last = self.read()?;
        if is_last {
            return Ok(Step::Last(self.part.take()));
        }
        if !self.part.is_full() {
            return Ok(Step::More);
        }
        if let Some(having) = &mut self.having {
            having.give(&mut self.part);
        }
        Ok(Step::Part(self.part.take()))
    }

    /// Answers whether all is read.
    fn read(&mut self) -> Result<bool, StoreError> {
        let Self { snapshot, streamed, after, having, part } = self;
        if let Some(begun) = having
            && !read_on(begun, snapshot, part)?
        {
            return Ok(false);
        }
        *having = None;
        let before = after.clone();
        for lookup in snapshot.documents(&streamed.prefix, before.as_deref()) {
            if part.is_enough() {
                return Ok(false);
            }
            let lookup = lookup?;
            part.read(1);
            part.grow(size(&lookup));
            *after = key(&lookup);
            let id = id(&lookup).cloned();
            let entry = match lookup {
                Lookup::Missing => continue,
                Lookup::Found(row) => Entry::Document(document(row.etag, row.version)),
                Lookup::Conflict(rows) => {
                    Entry::Conflict(conflict(rows.into_iter().map(Version::from).collect()))
                }
            };
            let Some(id) = id.filter(|_| streamed.with != With::Nothing) else {
                part.add(entry);
                continue;
            };
            let mut begun = Having::new(id, entry, streamed.with == With::Digests);
            if !read_on(&mut begun, snapshot, part)? {
                *having = Some(begun);
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Reads what a document has; answers whether all is read, and stands in the part.
fn read_on(having: &mut Having, snapshot: &Snapshot, part: &mut Part) -> Result<bool, StoreError> {
    let is_whole = having.read(snapshot, part)?;
    if is_whole {
        having.give(part);
    }
    Ok(is_whole)
}
