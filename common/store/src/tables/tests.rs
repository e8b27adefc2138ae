//! Rows read back as they were written, in any content; damaged ones do not read.

mod strategies;

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::{
    Attachment, Attachments, BlobHash, ChangeVector, Collection, CompareExchangeIndex,
    CompareExchangeKey, Content, ContentHash, Counter, DatabaseId, DocumentId, Entry, Etag,
    IncarnationId, Kept, KeptCounter, KeptParts, Lineage, Partial, Partials,
    RevisionsConfiguration, RevisionsRule, RunId, Segment, Timestamp, TransactionMark, Version,
    conflict::Seen,
    item::{
        Extent,
        series::{SeriesSummary, SeriesTime, Span},
    },
    lineage::{Life, Position, Run},
};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::codec::{RowError, RowWriter};
use super::{
    blobs::{BlobRow, Place, decode_content, encode_content},
    changes::ChangeRow,
    cursors::{Cursor, Owner, Reconciling},
    followers::{Follower, Followers},
    header::Header,
    heads::Head,
    history::Superseded,
    local::CompareExchangeItem,
    origin::Origin,
    revisions::{Has, Ledger, Revision, Trim},
};

use crate::engine::BlobId;
use strategies::*;

/// Equality of ids and collections does not look at their casing; a row must keep it.
fn casing<'a>(id: &'a DocumentId, collection: &'a Collection) -> (&'a str, &'a str) {
    (id.as_str(), collection.as_str())
}

proptest! {
    #[test]
    fn a_change_reads_back(row in rows()) {
        let read = ChangeRow::decode(row.etag, row.encode()).unwrap();
        prop_assert_eq!(
            casing(&read.version.id, &read.version.collection),
            casing(&row.version.id, &row.version.collection)
        );
        prop_assert_eq!(&read, &row);
        // As it travels it is the same version.
        let item = read.into_item();
        prop_assert_eq!((item.etag, item.transaction), (row.etag, row.transaction));
        prop_assert_eq!((item.minted, item.version), (row.minted, row.version));
    }

    #[test]
    fn a_head_reads_back(head in heads()) {
        let read = Head::decode(head.encode()).unwrap();
        prop_assert_eq!(casing(&read.id, &read.collection), casing(&head.id, &head.collection));
        prop_assert_eq!(read, head);
    }

    #[test]
    fn the_heads_of_a_conflict_read_back(all in prop::collection::vec(heads(), 0..5)) {
        let read = Head::decode_all(Head::encode_all(&all)).unwrap();
        for (read, head) in read.iter().zip(&all) {
            prop_assert_eq!(casing(&read.id, &read.collection), casing(&head.id, &head.collection));
        }
        prop_assert_eq!(read, all);
    }

    #[test]
    fn a_header_reads_back(header in headers()) {
        let read = Header::decode(header.encode(), header.origin.encode()).unwrap();
        prop_assert_eq!(read, header);
    }

    #[test]
    fn a_revision_reads_back(revision in revisions()) {
        prop_assert_eq!(Revision::decode(revision.encode()).unwrap(), revision);
    }

    #[test]
    fn a_cursor_reads_back(cursor in cursors()) {
        prop_assert_eq!(Cursor::decode(cursor.encode()).unwrap(), cursor);
    }

    #[test]
    fn a_compare_exchange_item_reads_back(
        key in "\\PC{1,60}",
        index in any::<u64>(),
        value in any::<Vec<u8>>(),
    ) {
        let key: CompareExchangeKey = key.parse().unwrap();
        let (index, value) = (CompareExchangeIndex::new(index), value.into());
        let item = CompareExchangeItem { key: key.clone(), index, value };
        let read = CompareExchangeItem::decode(item.encode()).unwrap();
        prop_assert_eq!(read.key.as_str(), key.as_str());
        prop_assert_eq!(read, item);
    }

    /// A head says of a version what the version says of itself.
    #[test]
    fn a_head_is_of_its_version(version in versions(), etag in etags()) {
        let head = Head::of(etag, &version, version.content_hash());
        prop_assert_eq!(head.id.as_str(), version.id.as_str());
        prop_assert_eq!(head.collection.as_str(), version.collection.as_str());
        prop_assert_eq!(head.vector(), &version.vector);
        prop_assert_eq!(head.last_modified, version.last_modified);
        prop_assert_eq!(head.seen.tombstone, version.content.is_tombstone());
        prop_assert_eq!(head.size, version.content.bytes() as u64);
        prop_assert_eq!((head.etag, head.seen.hash), (etag, version.content_hash()));
    }
}

/// Reads a row of each kind, by the name of its table.
type Read = fn(Bytes) -> Result<(), RowError>;

fn sample() -> ChangeRow {
    let etag = |number| Etag::new(number).unwrap();
    let incarnation = |byte| IncarnationId::from_bytes([byte; 16]);
    let minted = Entry { incarnation: incarnation(2), etag: etag(300) };
    let other = Entry { incarnation: incarnation(1), etag: etag(7) };
    ChangeRow {
        etag: etag(300),
        transaction: TransactionMark { first: etag(299), rows: 2 },
        stamp: Timestamp::from_micros(0x0102_0304_0506),
        previous: etag(5),
        minted: Some(minted),
        conflicted: true,
        version: Version {
            id: "Users/1".parse().unwrap(),
            collection: "Users".parse().unwrap(),
            vector: ChangeVector::from_entries([minted, other]),
            last_modified: Timestamp::from_micros(-1),
            content: Content::Document(Bytes::from_static(b"{}")),
            attachments: Attachments::default().with(Attachment {
                name: "a".parse().unwrap(),
                content_type: "b".parse().unwrap(),
                hash: BlobHash::of(b"c"),
                size: 1,
                origin: minted,
            }),
            since: ChangeVector::empty(),
            kept: Some(Arc::new(Kept {
                by: ChangeVector::from_entries([other]),
                parts: KeptParts::default(),
            })),
        },
    }
}

fn sample_origin() -> Origin {
    let mut origin = Origin::new(IncarnationId::from_bytes([2; 16]), Some("here".to_owned()));
    origin.lineage.begin_run(RunId::from_bytes([5; 16]), Etag::new(3).unwrap());
    origin.retired.push(IncarnationId::from_bytes([7; 16]));
    origin
}

fn samples() -> Vec<(&'static str, Bytes, Read)> {
    let row = sample();
    let version = &row.version;
    let head = Head::of(row.etag, version, version.content_hash());
    let header = Header {
        last_etag: row.etag,
        vector: version.vector.clone(),
        documents: 1,
        followers: following(&[(3, row.etag)]),
        ..Header::new(DatabaseId::from_bytes([3; 16]), sample_origin(), row.stamp)
    };
    let lineage = sample_origin().lineage;
    let cursor = Cursor {
        reconciling: Some(Reconciling { floor: row.etag, after: Bytes::from_static(b"a") }),
        epoch: 4,
        owners: vec![Owner { task: 6, generation: 5 }],
        ..Cursor::new(&lineage, row.stamp)
    };
    let origin = header.origin.encode();
    let item = CompareExchangeItem {
        key: "Emails/1".parse().unwrap(),
        index: CompareExchangeIndex::new(7),
        value: Bytes::from_static(b"{\"by\":\"users/1\"}"),
    };
    let contents = vec![BlobHash::of(b"c")];
    let history =
        [Superseded { etag: row.etag, bytes: 400, contents, kept: true, unremembered: false }];
    let revision = Revision {
        etag: row.etag,
        id: version.id.clone(),
        has: Has { attachments: true, counters: false, series: true },
        by: version.vector.clone(),
        vector: version.vector.clone(),
        last_modified: row.stamp,
        collection: version.collection.clone(),
        size: 2,
        tombstone: false,
        past: true,
    };
    let mut ledger = Ledger::default();
    ledger.add(&revision);
    let (vector, removed) = (version.vector.clone(), version.vector.clone());
    let trim = Trim { etag: row.etag, vector, removed };
    let blob = BlobRow { size: 1, references: 2, place: Place::Kept(BlobId::from_bytes([9; 16])) };
    vec![
        ("changes", row.encode(), |row| ChangeRow::decode(sample().etag, row).map(drop)),
        ("documents", head.encode(), |row| Head::decode(row).map(drop)),
        ("conflicts", Head::encode_all(&[head.clone(), head]), |row| {
            Head::decode_all(row).map(drop)
        }),
        ("header", header.encode(), |row| Header::decode(row, sample_origin().encode()).map(drop)),
        ("origin", origin, |row| Origin::decode(row).map(drop)),
        ("cursors", cursor.encode(), |row| Cursor::decode(row).map(drop)),
        ("compare_exchange", item.encode(), |row| CompareExchangeItem::decode(row).map(drop)),
        ("blobs", blob.encode(), |row| BlobRow::decode(row).map(drop)),
        ("contents", encode_content(b"c"), |row| decode_content(row).map(drop)),
        ("revisions", revision.encode(), |row| Revision::decode(row).map(drop)),
        ("ledgers", ledger.encode(), |row| Ledger::decode(row).map(drop)),
        ("trims", trim.encode(), |row| Trim::decode(row).map(drop)),
        ("history", Superseded::encode_all(&history), |row| Superseded::decode_all(row).map(drop)),
    ]
}

#[test]
fn a_damaged_row_does_not_read() {
    for (table, row, read) in samples() {
        read(row.clone()).unwrap();
        for bit in 0..row.len() * 8 {
            let mut damaged = row.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(damaged.into()).is_err(), "{table}: bit {bit}");
        }
        for length in 0..row.len() {
            assert!(read(row.slice(..length)).is_err(), "{table}: cut at {length}");
        }
        let longer: Bytes = [&row[..], &[0]].concat().into();
        assert!(read(longer).is_err(), "{table}: a byte too many");
    }
}

#[test]
fn a_row_of_one_table_is_none_of_another() {
    for (table, row, _) in samples() {
        for (other, _, read) in samples() {
            assert_eq!(read(row.clone()).is_ok(), table == other, "{table} read as {other}");
        }
    }
}

/// Rows of the bytes between version and checksum, sealed anew.
fn resealed(bytes: &[u8]) -> Bytes {
    [bytes, &xxh3_64(bytes).to_be_bytes()].concat().into()
}

/// A checksum that fits is not enough: what it covers must be a row, all of it.
#[test]
fn a_sealed_row_must_make_sense() {
    for (table, row, read) in samples() {
        let inside = &row[..row.len() - 8];
        read(resealed(inside)).unwrap();
        for length in 0..inside.len() {
            assert!(read(resealed(&inside[..length])).is_err(), "{table}: ends at {length}");
        }
        let longer = [inside, &[0]].concat();
        assert!(read(resealed(&longer)).is_err(), "{table}: something behind its end");
        let mut newer = inside.to_vec();
        newer[0] = 2;
        let error = read(resealed(&newer)).unwrap_err();
        assert!(error.0.contains("version 2"), "{table}: {error}");
    }
}

#[test]
fn fields_out_of_their_range_do_not_read() {
    let change = |id: &[u8], etag: u64, rows: u64, vector: &[u8]| {
        let mut row = RowWriter::new(100);
        row.byte(0);
        row.varint(etag);
        row.varint(rows);
        row.timestamp(Timestamp::from_micros(0));
        row.varint(0);
        row.varint(0);
        row.timestamp(Timestamp::from_micros(0));
        row.string(vector);
        row.string(id);
        row.string(b"Users");
        row.string(b"{}");
        ChangeRow::decode(Etag::ZERO, row.seal())
    };
    let vector = sample().version.vector.to_bytes();
    let most = u64::from(u32::MAX);
    change(b"users/1", Etag::MAX.get(), most, &vector).unwrap();
    assert!(change(b"", 1, 1, &vector).is_err(), "an empty id");
    assert!(change(b"a\0b", 1, 1, &vector).is_err(), "a control character");
    assert!(change(&[0xff], 1, 1, &vector).is_err(), "no UTF-8");
    assert!(change(&[b'x'; 513], 1, 1, &vector).is_err(), "an id that is too long");
    assert!(change(b"users/1", Etag::MAX.get() + 1, 1, &vector).is_err(), "an etag too large");
    assert!(change(b"users/1", 1, most + 1, &vector).is_err(), "too many rows");
    assert!(change(b"users/1", 1, 1, &vector[..vector.len() - 1]).is_err(), "a vector cut off");

    // A count of heads, or a length, far beyond what there is asks for no memory.
    let mut row = RowWriter::new(10);
    row.varint(u64::MAX);
    assert!(Head::decode_all(row.seal()).is_err());
    let mut row = RowWriter::new(10);
    row.varint(1);
    row.byte(0);
    row.varint(u64::MAX);
    assert!(Head::decode_all(row.seal()).is_err());
}
