//! The whole key space on one page.
//!
//! | id | table | key | value |
//! |---|---|---|---|
//! | 1 | `header` | `h` | [`Header`](crate::tables::header::Header) |
//! | 1 | `header` | `o` | [`Origin`](crate::tables::origin::Origin) |
//! | 2 | `changes` | etag, 8 bytes big endian | [`ChangeRow`](crate::tables::changes::ChangeRow) |
//! | 3 | `documents` | document id, lower case | [`Head`](crate::tables::heads::Head), live |
//! | 4 | `tombstones` | document id, lower case | `Head`, deleted |
//! | 5 | `conflicts` | document id, lower case | all `Head`s of the document |
//! | 6 | `cursors` | source database id, 16 bytes | [`Cursor`](crate::tables::cursors::Cursor) |
//! | 7 | `records` | kind, one byte, then the record's key | the record, opaque |
//! | 8 | `history` | etag of a row that took the place of others | all its [`Superseded`] |
//! | 9 | `blobs` | hash of a content, 32 bytes | [`BlobRow`](crate::tables::blobs::BlobRow) |
//! | 10 | `contents` | hash of a content, 32 bytes | the content, where it is little |
//! | 11 | `counters` | document id and name, lower case, a zero byte between | [`CounterHead`] |
//! | 12 | `segments` | the same of a series, a zero byte, first time, 8 bytes | [`SegmentHead`] |
//! | 13 | `compare_exchange` | key, lower case | [`CompareExchangeItem`] |
//! | 14 | `revisions` | document id, lower case, a zero byte | [`Ledger`] |
//! | 14 | `revisions` | that, last modified, 8 bytes, a vector's digest, 16 bytes | [`Revision`] |
//! | 15 | `trims` | document id, lower case | [`Trim`] |
//! | 16 | `dead` | etag of a counter or segment that holds nothing any more | its table and key |
//!
//! [`Superseded`]: crate::tables::history::Superseded
//! [`CounterHead`]: crate::tables::parts::CounterHead
//! [`SegmentHead`]: crate::tables::parts::SegmentHead
//! [`CompareExchangeItem`]: crate::tables::local::CompareExchangeItem
//! [`Ledger`]: crate::tables::revisions::Ledger
//! [`Revision`]: crate::tables::revisions::Revision
//! [`Trim`]: crate::tables::revisions::Trim
//!
//! Table ids and key shapes are part of the format: they never change their meaning.

use bytes::Bytes;
use jackdaw_common::{
    BlobHash, ChangeVector, CompareExchangeKey, CounterName, DatabaseId, DocumentId, Etag,
    Timestamp,
    item::series::{SeriesName, SeriesTime},
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    engine::{Profile, Table},
    error::StoreError,
};

/// What the database is.
pub const HEADER: Table = Table { id: 1, name: "header", profile: Profile::Small };
/// Every version, by etag.
pub const CHANGES: Table = Table { id: 2, name: "changes", profile: Profile::Sequential };
/// Live documents, by id.
pub const DOCUMENTS: Table = Table { id: 3, name: "documents", profile: Profile::Random };
/// Deletions, by id.
pub const TOMBSTONES: Table = Table { id: 4, name: "tombstones", profile: Profile::Random };
/// Documents in conflict, by id.
pub const CONFLICTS: Table = Table { id: 5, name: "conflicts", profile: Profile::Random };
/// How far each source has come.
pub const CURSORS: Table = Table { id: 6, name: "cursors", profile: Profile::Small };
/// What the services keep: tasks, connection strings, the list of databases.
pub const RECORDS: Table = Table { id: 7, name: "records", profile: Profile::Small };

/// What was overwritten and is kept until every task has sent what took its place.
pub const HISTORY: Table = Table { id: 8, name: "history", profile: Profile::Small };

/// Contents of attachments, by hash.
pub const BLOBS: Table = Table { id: 9, name: "blobs", profile: Profile::Random };
/// Those that are little.
pub const CONTENTS: Table = Table { id: 10, name: "contents", profile: Profile::Sequential };

/// Counters, by document.
pub const COUNTERS: Table = Table { id: 11, name: "counters", profile: Profile::Random };
/// Parts of time series, by document, series and time.
pub const SEGMENTS: Table = Table { id: 12, name: "segments", profile: Profile::Random };

/// Compare-exchange items, by key.
pub const COMPARE_EXCHANGE: Table =
    Table { id: 13, name: "compare_exchange", profile: Profile::Random };

/// Versions that are kept, by document.
pub const REVISIONS: Table = Table { id: 14, name: "revisions", profile: Profile::Random };
/// What was removed of them, by document.
pub const TRIMS: Table = Table { id: 15, name: "trims", profile: Profile::Random };

/// Counters and segments that hold nothing any more, by etag.
pub const DEAD: Table = Table { id: 16, name: "dead", profile: Profile::Small };

/// All tables, in the order of their ids, which begin with 1.
pub const TABLES: [Table; 16] = [
    HEADER,
    CHANGES,
    DOCUMENTS,
    TOMBSTONES,
    CONFLICTS,
    CURSORS,
    RECORDS,
    HISTORY,
    BLOBS,
    CONTENTS,
    COUNTERS,
    SEGMENTS,
    COMPARE_EXCHANGE,
    REVISIONS,
    TRIMS,
    DEAD,
];

/// Key of the row of `header` that is written with every commit.
pub(crate) const HEADER_KEY: &[u8] = b"h";
/// Key of the row of `header` that is seldom written.
pub(crate) const ORIGIN_KEY: &[u8] = b"o";

/// Key in `changes`.
pub(crate) fn change(etag: Etag) -> Bytes {
    Bytes::copy_from_slice(&etag.to_be_bytes())
}

/// Key in `history`: as in `changes`.
pub(crate) fn history(successor: Etag) -> Bytes {
    change(successor)
}

/// The etag that a key of `changes` or `history` is.
pub(crate) fn etag(table: Table, key: &[u8]) -> Result<Etag, StoreError> {
    let etag = key.try_into().ok().and_then(|bytes| Etag::from_be_bytes(bytes).ok());
    etag.ok_or_else(|| StoreError::Row {
        table: table.name,
        key: key.to_vec(),
        what: "the key is not an etag".into(),
    })
}

/// Key in `documents`, `tombstones` and `conflicts`.
pub(crate) fn document(id: &DocumentId) -> Bytes {
    Bytes::copy_from_slice(id.key().as_bytes())
}

/// Stands between the texts of a key: neither ids nor names have it.
const SEPARATOR: u8 = 0;

/// What the keys of all that a document has begin with, in `counters` and `segments`.
pub(crate) fn parts(document: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(document.len() + 1);
    key.extend_from_slice(document);
    key.push(SEPARATOR);
    key.into()
}

/// Key in `revisions` of how many there are of a document, before those of all of them.
pub(crate) fn ledger(document: &[u8]) -> Bytes {
    parts(document)
}

/// Behind the keys in `revisions` of a document, before those of the next one.
pub(crate) fn revisions_end(document: &[u8]) -> Bytes {
    // Longer than a time and a digest, and behind all of them.
    [document, &[SEPARATOR], &[u8::MAX; 25]].concat().into()
}

/// What the key of a revision ends with.
pub(crate) fn revision_digest(vector: &ChangeVector) -> [u8; 16] {
    xxh3_128(&vector.to_bytes()).to_be_bytes()
}

/// Key in `revisions`: those of a document by time, the oldest first.
pub(crate) fn revision(id: &DocumentId, last_modified: Timestamp, vector: &ChangeVector) -> Bytes {
    [&revisions_at(id, last_modified)[..], &revision_digest(vector)].concat().into()
}

/// What the keys of those of one time begin with.
pub(crate) fn revisions_at(id: &DocumentId, last_modified: Timestamp) -> Bytes {
    // Times before 1970 come before those after it.
    let time = (last_modified.micros() as u64 ^ (1 << 63)).to_be_bytes();
    [id.key().as_bytes(), &[SEPARATOR], &time].concat().into()
}

/// Whether a key of `revisions` is that of a document's ledger.
pub(crate) fn is_ledger(key: &[u8]) -> bool {
    // No id has the separator, and behind it stands a time.
    key.last() == Some(&SEPARATOR) && !key[..key.len() - 1].contains(&SEPARATOR)
}

/// The document that a key of `counters` or `segments` is of.
pub(crate) fn document_of(part: &Bytes) -> Bytes {
    let end = part.iter().position(|byte| *byte == SEPARATOR).unwrap_or(part.len());
    part.slice(..end)
}

/// Comes behind the keys of all that a document has, and before those of the next one.
pub(crate) fn behind_parts(document: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(document.len() + 1);
    key.extend_from_slice(document);
    key.push(SEPARATOR + 1);
    key.into()
}

/// Key in `counters`.
pub(crate) fn counter(id: &DocumentId, name: &CounterName) -> Bytes {
    let (id, name) = (id.key().as_bytes(), name.key().as_bytes());
    [id, &[SEPARATOR], name].concat().into()
}

/// What the keys of all segments of a time series begin with.
pub(crate) fn series(id: &DocumentId, name: &SeriesName) -> Bytes {
    let (id, name) = (id.key().as_bytes(), name.key().as_bytes());
    [id, &[SEPARATOR], name, &[SEPARATOR]].concat().into()
}

/// Key in `segments`.
pub(crate) fn segment(id: &DocumentId, name: &SeriesName, first: SeriesTime) -> Bytes {
    [&series(id, name)[..], &first.to_be_bytes()].concat().into()
}

/// The id that a key of `documents` is, in lower case.
pub(crate) fn id(key: &[u8]) -> Result<DocumentId, StoreError> {
    let id = std::str::from_utf8(key).ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| StoreError::Row {
        table: DOCUMENTS.name,
        key: key.to_vec(),
        what: "the key is not the id of a document".into(),
    })
}

/// Key in `blobs` and `contents`.
pub(crate) fn blob(hash: &BlobHash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

/// The hash that a key of `blobs` is.
pub(crate) fn blob_hash(key: &[u8]) -> Result<BlobHash, StoreError> {
    key.try_into().map(BlobHash::from_bytes).map_err(|_| StoreError::Row {
        table: BLOBS.name,
        key: key.to_vec(),
        what: "the key is not the hash of a content".into(),
    })
}

/// Key in `compare_exchange`.
pub(crate) fn compare_exchange(key: &CompareExchangeKey) -> Bytes {
    Bytes::copy_from_slice(key.lower().as_bytes())
}

/// Key in `cursors`.
pub(crate) fn cursor(source: DatabaseId) -> Bytes {
    Bytes::copy_from_slice(source.as_bytes())
}

/// What a record is; its number is part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A database of this service.
    Database = 1,
    /// A connection string of this database.
    ConnectionString = 2,
    /// An external replication task of this database.
    ExternalReplication = 3,
    /// The last number given out for ids that end in "|".
    Identity = 4,
    /// A configured grant that a database has taken.
    GrantBinding = 5,
    /// The last id given to a task of this database.
    TaskCounter = 6,
    /// The last index given to a write of a compare-exchange item.
    CompareExchangeIndex = 7,
}

/// Key in `records`.
pub(crate) fn record(kind: RecordKind, key: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(1 + key.len());
    bytes.push(kind as u8);
    bytes.extend_from_slice(key);
    bytes.into()
}
