//! A backup: every row of one published snapshot, in frames that tell when one is damaged or
//! missing, and the way back into an empty engine.
//!
//! ```text
//!   "jackdaw" version │ frame │ frame │ … │ last frame: no rows, how many there were
//!   frame = length, 4 bytes │ rows │ xxh3-64 with the frame's number as its seed, 8 bytes
//!   row   = table id │ key length, varint │ key │ value length, varint │ value
//! ```
//!
//! Numbers are little endian. Behind the rows of all tables come the contents that lie beside them,
//! in pieces, as rows of a table 255. The two rows of `header` come first, so that whoever reads
//! knows whose backup it is; they are written last, so that an unfinished restore is no database.

mod contents;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use jackdaw_common::{IncarnationId, limits::BACKUP_FRAME_BYTES};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use contents::{Beside, PIECES, Piece};

use crate::{
    engine::{Direction, Engine, ScanRange, Table, WriteBatch},
    error::StoreError,
    keys::{self, TABLES},
    read::Snapshot,
    tables::header::Header,
};

/// What a backup begins with: a name, and the version of the format.
const MAGIC: &[u8; 8] = b"jackdaw\x01";
/// Bytes before and behind the rows of a frame.
const LENGTH_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 8;
/// Longest frame that is read: one row of the greatest length there is, and what is around it.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// Why a backup cannot be read.
#[derive(Debug, Error)]
pub enum BackupError {
    /// It does not begin as a backup does.
    #[error("it is no backup of a Jackdaw database, or of a later version")]
    NotABackup,
    /// A frame is not what was written, or one is missing.
    #[error("it is damaged in frame {frame}: {what}")]
    Damaged {
        /// Which frame, counted from zero.
        frame: u64,
        /// What is wrong.
        what: String,
    },
    /// It ends before its end.
    #[error("it is cut off behind frame {frame}")]
    CutOff {
        /// The last whole frame, counted from one.
        frame: u64,
    },
    /// It cannot be written into the engine.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Snapshot {
    /// The snapshot as a backup, piece by piece; read as the iterator is driven. Blocking.
    pub fn backup(&self) -> impl Iterator<Item = Result<Bytes, StoreError>> + Send + use<> {
        Writing {
            snapshot: self.clone(),
            table: 0,
            after: None,
            beside: Beside::default(),
            frame: 0,
            rows: 0,
            done: false,
        }
    }
}

/// A backup that is being written.
struct Writing {
    snapshot: Snapshot,
    /// Place in `TABLES` of the table that comes next.
    table: usize,
    /// Its last key that is written.
    after: Option<Bytes>,
    /// What comes behind all tables.
    beside: Beside,
    frame: u64,
    rows: u64,
    done: bool,
}

impl Iterator for Writing {
    type Item = Result<Bytes, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let piece = self.piece();
        self.done |= piece.is_err();
        Some(piece)
    }
}

impl Writing {
    fn piece(&mut self) -> Result<Bytes, StoreError> {
        let mut frame = BytesMut::with_capacity(BACKUP_FRAME_BYTES * 2);
        if self.frame == 0 {
            frame.put_slice(MAGIC);
        }
        let begin = frame.len();
        frame.put_u32_le(0);
        self.fill(&mut frame)?;
        let rows = frame.len() - begin - LENGTH_BYTES;
        if rows == 0 {
            frame.put_u64_le(self.rows);
            self.done = true;
        }
        let Ok(length) = u32::try_from(rows) else {
            unreachable!("a frame ends with the first row that passes its bound");
        };
        frame[begin..begin + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        let checksum = xxh3_64_with_seed(&frame[begin..], self.frame);
        frame.put_u64_le(checksum);
        self.frame += 1;
        Ok(frame.freeze())
    }

    /// Appends rows until the frame is long enough, or there are none left.
    fn fill(&mut self, frame: &mut BytesMut) -> Result<(), StoreError> {
        let engine = self.snapshot.engine();
        while let Some(table) = TABLES.get(self.table).copied() {
            let range = self.after.take().map_or_else(ScanRange::all, ScanRange::after);
            for row in engine.scan(table, range, Direction::Forward) {
                let (key, value) = row?;
                frame.put_u8(table.id);
                put_string(frame, &key);
                put_string(frame, &value);
                self.rows += 1;
                if frame.len() >= BACKUP_FRAME_BYTES {
                    self.after = Some(key);
                    return Ok(());
                }
            }
            self.table += 1;
        }
        if let Some(piece) = self.beside.next(&self.snapshot)? {
            frame.put_u8(PIECES);
            put_string(frame, &piece.key());
            put_string(frame, &piece.bytes);
            self.rows += 1;
        }
        Ok(())
    }
}

/// A part of a backup that was read.
#[derive(Default)]
pub struct Received {
    rows: WriteBatch,
    pieces: Vec<Piece>,
}

impl Received {
    /// Writes it where the rest of the backup goes. Blocking.
    ///
    /// # Errors
    ///
    /// The engine fails, or a piece of a content is missing.
    pub fn write(self, engine: &dyn Engine) -> Result<(), StoreError> {
        let blobs = engine.blobs();
        self.pieces.into_iter().try_for_each(|piece| piece.write(&*blobs))?;
        Ok(engine.commit(self.rows)?)
    }
}

/// A backup that is being read: takes it in pieces of any length, answers rows.
#[derive(Default)]
pub struct BackupReader {
    buffer: BytesMut,
    begun: bool,
    ended: bool,
    frame: u64,
    rows: u64,
    /// Both rows of `header`.
    header: (Option<Bytes>, Option<Bytes>),
    received: Received,
    /// Bytes of what was received.
    bytes: usize,
}

impl BackupReader {
    /// Takes the next piece in.
    ///
    /// # Errors
    ///
    /// It is not a backup, or damaged; nothing more can be read from it.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), BackupError> {
        self.buffer.extend_from_slice(piece);
        if !self.begun {
            let known = self.buffer.len().min(MAGIC.len());
            if self.buffer[..known] != MAGIC[..known] {
                return Err(BackupError::NotABackup);
            }
            if known < MAGIC.len() {
                return Ok(());
            }
            self.buffer.advance(MAGIC.len());
            self.begun = true;
        }
        while self.whole_frame()? {}
        Ok(())
    }

    /// What the database was whose backup it is; `None` until that has come.
    ///
    /// # Errors
    ///
    /// It does not read.
    pub fn header(&self) -> Result<Option<Header>, BackupError> {
        let (Some(header), Some(origin)) = self.header.clone() else { return Ok(None) };
        let header = Header::decode(header, origin);
        header.map(Some).map_err(|error| self.damaged(format!("header: {}", error.0)))
    }

    /// What has come since the last call, without the rows of `header`.
    pub fn received(&mut self) -> Received {
        self.bytes = 0;
        std::mem::take(&mut self.received)
    }

    /// Bytes of what has come since it was taken last.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// There is nothing more to come: writes into `engine`, where all rows are, that they are a
    /// database, restored: what it writes from now on it writes as `incarnation`.
    ///
    /// # Errors
    ///
    /// The backup is not whole, or the engine fails.
    pub fn finish(
        self,
        engine: &dyn Engine,
        incarnation: IncarnationId,
    ) -> Result<(), BackupError> {
        if !self.ended || !self.buffer.is_empty() || self.bytes > 0 {
            return Err(BackupError::CutOff { frame: self.frame });
        }
        let missing = || self.damaged("it has no header".to_owned());
        let mut header = self.header()?.ok_or_else(missing)?;
        let last = header.last_etag;
        let origin = Arc::make_mut(&mut header.origin);
        origin.lineage.begin_life(incarnation, last);
        origin.place = engine.place().map_err(StoreError::from)?;
        header.incarnation = incarnation;
        let mut batch = WriteBatch::with_capacity(2);
        batch.put(keys::HEADER, keys::HEADER_KEY, header.encode());
        batch.put(keys::HEADER, keys::ORIGIN_KEY, header.origin.encode());
        Ok(engine.commit(batch).map_err(StoreError::from)?)
    }

    /// Reads the next frame, if all of it is there.
    fn whole_frame(&mut self) -> Result<bool, BackupError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(false) };
        if self.ended {
            return Err(self.damaged("something follows its end".to_owned()));
        }
        let rows = u32::from_le_bytes(*length) as usize;
        if rows > FRAME_BYTES_MAX {
            return Err(self.damaged(format!("a frame of {rows} bytes")));
        }
        // The last frame has no rows, but their number.
        let length = LENGTH_BYTES + if rows == 0 { size_of::<u64>() } else { rows };
        if self.buffer.len() < length + CHECKSUM_BYTES {
            return Ok(false);
        }
        let mut frame = self.buffer.split_to(length + CHECKSUM_BYTES).freeze();
        let mut checksum = frame.split_off(length);
        if xxh3_64_with_seed(&frame, self.frame) != checksum.get_u64_le() {
            return Err(self.damaged("its checksum does not match".to_owned()));
        }
        frame.advance(LENGTH_BYTES);
        if rows == 0 {
            let count = frame.get_u64_le();
            if count != self.rows {
                return Err(self.damaged(format!("{} rows of {count}", self.rows)));
            }
            self.ended = true;
        }
        while frame.has_remaining() {
            self.row(&mut frame)?;
        }
        self.frame += 1;
        Ok(true)
    }

    fn row(&mut self, frame: &mut Bytes) -> Result<(), BackupError> {
        let id = frame.get_u8();
        if id == PIECES {
            return self.piece(frame);
        }
        let table = TABLES.iter().find(|table| table.id == id).copied();
        let table: Table = table.ok_or_else(|| self.damaged(format!("a row of table {id}")))?;
        let key = string(frame).ok_or_else(|| self.damaged("a key is cut off".to_owned()))?;
        let value = string(frame).ok_or_else(|| self.damaged("a row is cut off".to_owned()))?;
        self.rows += 1;
        if table == keys::HEADER {
            match &key[..] {
                keys::HEADER_KEY => self.header.0 = Some(value),
                keys::ORIGIN_KEY => self.header.1 = Some(value),
                _ => return Err(self.damaged("an unknown row of the header".to_owned())),
            }
        } else {
            self.bytes += key.len() + value.len();
            self.received.rows.put(table, key, value);
        }
        Ok(())
    }

    fn piece(&mut self, frame: &mut Bytes) -> Result<(), BackupError> {
        let key = string(frame);
        let bytes = string(frame);
        let piece = key.zip(bytes).and_then(|(key, bytes)| Piece::read(&key, bytes));
        let piece = piece.ok_or_else(|| self.damaged("a piece of a content".to_owned()))?;
        self.rows += 1;
        self.bytes += piece.bytes.len();
        self.received.pieces.push(piece);
        Ok(())
    }

    fn damaged(&self, what: String) -> BackupError {
        BackupError::Damaged { frame: self.frame, what }
    }
}

fn put_string(frame: &mut BytesMut, bytes: &[u8]) {
    let mut length = bytes.len();
    while length >= 0x80 {
        frame.put_u8(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    frame.put_u8(length.to_le_bytes()[0]);
    frame.put_slice(bytes);
}

fn string(frame: &mut Bytes) -> Option<Bytes> {
    let mut length = 0usize;
    for shift in (0..35).step_by(7) {
        let byte = frame.try_get_u8().ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (length <= frame.len()).then(|| frame.split_to(length));
        }
    }
    None
}
