//! A backup is all of a database at one moment, or it is refused.

use std::collections::BTreeMap;

use jackdaw_common::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    Forget, OpenError, RecordKind, Store,
    declare::{self, DeclareError},
    engine::Memory,
    write::tests::harness::*,
};

fn another() -> IncarnationId {
    IncarnationId::from_bytes([0xee; 16])
}

/// Some of everything: documents, deletions, conflicts, history, cursors, records, a forgotten
/// deletion, a retired incarnation, a reconcile under way.
async fn everything(store: &Store, body: &str) {
    task(store, 7, true).await;
    for id in ["a", "B", "c", "d"] {
        put(store, id, body).await;
    }
    put(store, "a", "2").await;
    delete(store, "c").await;
    store.stand(at(7, etag(6))).await.unwrap();
    store.forget(Forget { before: Timestamp::from_micros(i64::MAX), after: None }).await.unwrap();
    delete(store, "d").await;
    let epoch = session(store, 2).await.epoch;
    let items = vec![
        arriving(1, "a", &vector(&[(2, 1)]), Some("3")),
        arriving(2, "e", &vector(&[(2, 2), (3, 1)]), Some("1")),
    ];
    store.apply(batch(2, epoch, 0, items)).await.unwrap();
    store.apply(progress(2, epoch, 2, &vector(&[(2, 2), (3, 1)]))).await.unwrap();
    store.retire(vec![identity(3).incarnation]).await.unwrap();
    let floor = crate::Begin { tombstone_floor: etag(50), ..calling(2) };
    assert!(store.begin(floor).await.unwrap().reconcile_after.is_some());
    put(store, "B", "2").await;
    assert_eq!(counts(store), (2, 1, 1));
    assert!(store.snapshot().header().history_rows > 0);
}

fn written(snapshot: &Snapshot) -> Vec<Bytes> {
    snapshot.backup().collect::<Result<_, _>>().unwrap()
}

/// Brings pieces into an engine, as whoever restores does.
fn restore(
    pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    engine: &dyn Engine,
) -> Result<(), BackupError> {
    let mut reader = BackupReader::default();
    for piece in pieces {
        reader.take(piece.as_ref())?;
        reader.received().write(engine)?;
    }
    reader.finish(engine, another())
}

fn refused(bytes: &[u8]) -> bool {
    restore([bytes], &Memory::new(&TABLES)).is_err()
}

type Rows = BTreeMap<(u8, Bytes), Bytes>;

/// All rows but those of `header`.
fn rows(engine: &dyn crate::engine::Snapshot) -> Rows {
    let mut rows = Rows::new();
    for table in TABLES.into_iter().filter(|table| *table != keys::HEADER) {
        for row in engine.scan(table, ScanRange::all(), Direction::Forward) {
            let (key, value) = row.unwrap();
            rows.insert((table.id, key), value);
        }
    }
    rows
}

/// What a header says, but for what a restore changes.
fn said(header: &Header, incarnation: IncarnationId) -> Header {
    let mut header = header.clone();
    header.incarnation = incarnation;
    let last = header.last_etag;
    let origin = Arc::make_mut(&mut header.origin);
    origin.lineage.begin_life(incarnation, last);
    origin.place = None;
    header
}

#[test]
fn everything_is_there_again() {
    on_both(async |place| {
        let store = place.open(1);
        everything(&store, "1").await;
        let snapshot = store.snapshot();
        let memory = Memory::new(&TABLES);
        restore(written(&snapshot), &memory).unwrap();
        let restored = Snapshot::inspect(&memory).unwrap().unwrap();
        assert_eq!(rows(&*restored.engine()), rows(&*snapshot.engine()));
        assert_eq!(*restored.header(), said(snapshot.header(), another()));
        audit(&restored);
        let tables = rows(&*restored.engine()).keys().map(|(table, _)| *table).collect::<Vec<_>>();
        assert!((2..=8).all(|table| tables.contains(&table)), "not every table has a row");
        // It opens, and what it writes it writes as another one.
        let again = opened(&memory, 1, 9);
        assert_eq!((again.incarnation(), again.vector()), (another(), store.vector()));
        assert_eq!(again.database_id(), store.database_id());
        let cursor = again.snapshot().cursor(source(2)).unwrap();
        assert_eq!(cursor, snapshot.cursor(source(2)).unwrap());
        let record = again.snapshot().record(RecordKind::ExternalReplication, &7u64.to_be_bytes());
        assert_eq!(record.unwrap().unwrap(), "a task");
        let last = store.last_etag();
        let next = put(&again, "new", "1").await;
        assert_eq!(next.vector.etag_of(another()), next.etag);
        assert_eq!(next.vector.etag_of(identity(1).incarnation), last);
        let run = again.snapshot().header().lineage().runs().last().copied().unwrap();
        assert_eq!((run.id.as_bytes()[0], run.first), (9, next.etag));
        audit(&again.snapshot());
    });
}

#[test]
fn it_is_restored_into_a_folder_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = in_memory(1);
        everything(&store, "1").await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let engine = embedded(&path);
        restore(written(&store.snapshot()), &engine).unwrap();
        let place = engine.place().unwrap();
        assert!(place.is_some());
        drop(engine);
        let again = Store::open(embedded(&path), TestClock::at(0), running(1, 9)).unwrap();
        assert_eq!(again.snapshot().header().origin.place, place);
        assert_eq!(rows(&*again.snapshot().engine()), rows(&*store.snapshot().engine()));
        audit(&again.snapshot());
    });
}

/// Pitfall 2, by way of a backup.
#[tokio::test]
async fn a_destination_goes_on_where_the_backup_was_made() {
    let (source, destination) = (in_memory(1), in_memory(2));
    put(&source, "a", "1").await;
    let backup = written(&source.snapshot());
    put(&source, "a", "lost").await;
    copy(&source, &destination).await;
    let memory = Memory::new(&TABLES);
    restore(backup, &memory).unwrap();
    let source = opened(&memory, 1, 9);
    put(&source, "a", "new").await;
    let (session, sent) = bring(&source, &destination).await.unwrap();
    assert_eq!((session.cursor, session.went_back_from, sent), (etag(1), Some(etag(2)), 1));
    assert_eq!(reads(&destination, "a"), ["lost", "new"]);
}

#[test]
fn it_is_of_one_moment_though_writes_go_on() {
    on_both(async |place| {
        let store = place.open(1);
        let body = "x".repeat(BACKUP_FRAME_BYTES / 3);
        for number in 0..12 {
            put(&store, &format!("d/{number:02}"), &body).await;
        }
        let snapshot = store.snapshot();
        let (header, before) = (snapshot.header().clone(), rows(&*snapshot.engine()));
        let mut pieces = Vec::new();
        for (number, piece) in snapshot.backup().enumerate() {
            pieces.push(piece.unwrap());
            put(&store, "d/03", &number.to_string()).await;
            put(&store, &format!("d/{number:02}x"), "new").await;
            delete(&store, &format!("d/{:02}", 11 - number)).await;
        }
        assert!(pieces.len() > 4, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.len() < BACKUP_FRAME_BYTES * 2));
        let memory = Memory::new(&TABLES);
        restore(pieces, &memory).unwrap();
        let restored = Snapshot::inspect(&memory).unwrap().unwrap();
        assert_eq!(rows(&*restored.engine()), before);
        assert_eq!(*restored.header(), said(&header, another()));
        audit(&restored);
    });
}

async fn small() -> Vec<u8> {
    let store = in_memory(1);
    everything(&store, "1").await;
    let pieces = written(&store.snapshot());
    let bytes = pieces.concat();
    assert!(!refused(&bytes));
    bytes
}

#[tokio::test]
async fn every_cut_is_refused() {
    let bytes = small().await;
    for length in 0..bytes.len() {
        assert!(refused(&bytes[..length]), "cut behind {length} of {}", bytes.len());
    }
}

#[tokio::test]
async fn every_flipped_bit_is_refused() {
    let bytes = small().await;
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&damaged), "bit {bit} of {}", bytes.len() * 8);
    }
}

#[tokio::test]
async fn what_follows_its_end_is_refused() {
    let bytes = small().await;
    let end = bytes[bytes.len() - 20..].to_vec();
    for more in [vec![0], vec![0; 3], vec![0; 64], end, bytes.clone()] {
        assert!(refused(&[bytes.clone(), more.clone()].concat()), "{more:?}");
        let memory = Memory::new(&TABLES);
        assert!(restore([bytes.clone(), more.clone()], &memory).is_err(), "{more:?}");
    }
}

#[tokio::test]
async fn a_frame_that_is_missing_swapped_or_doubled_is_refused() {
    let store = in_memory(1);
    // Rows of one length, so that frames have one length too.
    let body = "x".repeat(BACKUP_FRAME_BYTES);
    for number in 0..6 {
        put(&store, &format!("d/{number}"), &body).await;
    }
    let pieces = written(&store.snapshot());
    assert!(pieces.len() > 6);
    let bad = |pieces: Vec<Bytes>| refused(&pieces.concat());
    for one in 0..pieces.len() {
        let mut missing = pieces.clone();
        missing.remove(one);
        assert!(bad(missing), "{one} is missing");
        let mut doubled = pieces.clone();
        doubled.insert(one, pieces[one].clone());
        assert!(bad(doubled), "{one} is doubled");
        for other in 0..one {
            let mut swapped = pieces.clone();
            swapped.swap(one, other);
            assert!(bad(swapped), "{one} and {other} are swapped");
        }
        // Cut at the border, a little before it and a little behind it.
        let border = pieces[..=one].concat().len();
        let all = pieces.concat();
        for cut in [border - 9, border - 1, border, border + 1, border + 5] {
            assert!(cut >= all.len() || refused(&all[..cut]), "cut behind {cut}");
        }
    }
}

#[tokio::test]
async fn what_is_no_backup_is_refused_at_once() {
    let take = |bytes: &[u8]| BackupReader::default().take(bytes);
    for bytes in [&b"x"[..], b"jackdaw\x02 later", b"jackdoor", b"{\"json\":1}"] {
        assert!(matches!(take(bytes), Err(BackupError::NotABackup)), "{bytes:?}");
    }
    assert!(take(b"").is_ok() && take(b"jack").is_ok());
    let finish = BackupReader::default().finish(&Memory::new(&TABLES), another());
    assert!(matches!(finish, Err(BackupError::CutOff { frame: 0 })), "{finish:?}");
    // A length that nobody would write is not waited for.
    let long = [&MAGIC[..], &u32::MAX.to_le_bytes()].concat();
    assert!(matches!(take(&long), Err(BackupError::Damaged { frame: 0, .. })));
}

/// A frame with a right checksum, whatever its rows say.
fn frame(number: u64, rows: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(rows.len()).unwrap().to_le_bytes().to_vec();
    frame.extend_from_slice(rows);
    let checksum = xxh3_64_with_seed(&frame, number);
    frame.extend_from_slice(&checksum.to_le_bytes());
    frame
}

#[test]
fn rows_that_nobody_writes_are_refused() {
    let cases: [(&[u8], &str); 6] = [
        (&[99, 1, b'k', 1, b'v'], "of no table"),
        (&[1, 1, b'z', 1, b'v'], "of the header"),
        (&[2, 9, b'k', 1, b'v'], "a key that is cut off"),
        (&[2, 1, b'k', 9, b'v'], "a value that is cut off"),
        (&[2, 0x80, 0x80, 0x80, 0x80, 0x80, 1], "a length without an end"),
        (&[2], "nothing behind the table"),
    ];
    for (rows, what) in cases {
        let bytes = [MAGIC.to_vec(), frame(0, rows)].concat();
        let outcome = BackupReader::default().take(&bytes);
        assert!(matches!(outcome, Err(BackupError::Damaged { frame: 0, .. })), "{what}");
    }
}

#[test]
fn rows_that_are_not_all_there_are_missed() {
    let row = [2, 1, b'k', 1, b'v'];
    for (said, refused) in [(0u64, true), (1, false), (2, true)] {
        let mut last = [&0u32.to_le_bytes()[..], &said.to_le_bytes()].concat();
        let checksum = xxh3_64_with_seed(&last, 1);
        last.extend_from_slice(&checksum.to_le_bytes());
        let bytes = [MAGIC.to_vec(), frame(0, &row), last].concat();
        assert_eq!(BackupReader::default().take(&bytes).is_err(), refused, "{said} rows");
    }
}

#[tokio::test]
async fn an_unfinished_restore_is_no_database() {
    let store = in_memory(1);
    everything(&store, "1").await;
    let memory = Memory::new(&TABLES);
    let mut reader = BackupReader::default();
    assert!(reader.header().unwrap().is_none());
    for piece in written(&store.snapshot()) {
        reader.take(&piece).unwrap();
        reader.received().write(&memory).unwrap();
        assert_eq!(reader.header().unwrap().as_ref(), Some(store.snapshot().header()));
        assert!(Snapshot::inspect(&memory).unwrap().is_none());
    }
    let open = || Store::open(memory.clone(), TestClock::at(0), identity(1));
    assert!(matches!(open(), Err(OpenError::Store(_))));
    let declared = declare::restored(&memory, another(), None);
    assert!(matches!(declared, Err(DeclareError::Missing)), "{declared:?}");
    reader.finish(&memory, another()).unwrap();
    open().unwrap();
}

/// Also when nothing was ever written in it but records.
#[tokio::test]
async fn an_unfinished_restore_of_a_database_without_changes_is_none_either() {
    let store = in_memory(1);
    task(&store, 7, true).await;
    let memory = Memory::new(&TABLES);
    let mut reader = BackupReader::default();
    written(&store.snapshot()).iter().for_each(|piece| reader.take(piece).unwrap());
    reader.received().write(&memory).unwrap();
    let opened = Store::open(memory.clone(), TestClock::at(0), identity(1));
    assert!(matches!(opened, Err(OpenError::Store(_))));
    reader.finish(&memory, another()).unwrap();
    let opened = Store::open(memory, TestClock::at(0), identity(1)).unwrap();
    assert_eq!(opened.snapshot().records(RecordKind::ExternalReplication).unwrap().len(), 1);
}

#[tokio::test]
async fn rows_that_were_not_taken_over_are_missed() {
    let store = in_memory(1);
    everything(&store, "1").await;
    let mut reader = BackupReader::default();
    written(&store.snapshot()).iter().for_each(|piece| reader.take(piece).unwrap());
    let memory = Memory::new(&TABLES);
    assert!(reader.finish(&memory, another()).is_err());
    assert!(Snapshot::inspect(&memory).unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_may_have_any_length(lengths in prop::collection::vec(1usize..400, 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (memory, other) = (Memory::new(&TABLES), Memory::new(&TABLES));
        let bytes = runtime.block_on(small());
        let mut rest = &bytes[..];
        let pieces = lengths.iter().cycle().map_while(|length| {
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        restore(pieces, &memory).unwrap();
        restore([&bytes], &other).unwrap();
        let [one, other] = [&memory, &other].map(|it| Snapshot::inspect(it).unwrap().unwrap());
        prop_assert_eq!(rows(&*one.engine()), rows(&*other.engine()));
        prop_assert_eq!(one.header(), other.header());
    }
}

/// Contents are in a backup, whatever their size, and read back.
#[tokio::test]
async fn contents_are_backed_up() {
    let store = in_memory(1);
    put(&store, "a", "{}").await;
    let sizes = [0, 1, 20_000, 700_001];
    for size in sizes {
        attach(&store, "a", &format!("{size:07}"), &vec![7; size]).await;
    }
    // One that is empty, and lies beside the tables all the same.
    let empty = store.resume("task-1".into()).unwrap().finish().unwrap();
    drop(empty);
    let memory = Memory::new(&TABLES);
    restore(written(&store.snapshot()), &memory).unwrap();
    let restored = Store::open(memory, TestClock::at(1), identity(9)).unwrap();
    let expected: Vec<_> =
        sizes.iter().map(|&size| (format!("{size:07}"), vec![7; size])).collect();
    assert_eq!(attached(&restored.snapshot(), "a"), expected);
    audit(&restored.snapshot());
}
