//! The ends of journals, looked at before fjall replays them.
//!
//! fjall appends one record a commit to a file of zeros and syncs it before the next begins, so
//! after a crash at most the last record is not whole, in whatever way the disk left it. fjall
//! itself drops such a record only if its outline is broken; with a hole inside a long value it
//! refuses to open. The other way round it takes damage *before* whole records for such an end and
//! drops what was acknowledged. So here: what is not whole is cut off if nothing whole follows, and
//! is an error if something does. A journal that another one follows was synced before that was
//! made: it is whole, or it has gone bad since. Called by `folder` alone, under the folder's lock.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::super::EngineError;
use super::folder::io_while;

/// The journals in a folder, oldest first.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension() == Some(OsStr::new("jnl")));
    paths.sort_by_key(|path| {
        let number = path.file_stem().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
        (number.unwrap_or(u64::MAX), path.clone())
    });
    Ok(paths)
}

/// Whether there is anything but zeros in it.
pub(super) fn has_bytes(file: &Path) -> io::Result<bool> {
    Ok(!zeros(&mut File::open(file)?)?)
}

/// Cuts off the end of the newest of these journals, oldest first, if it is not whole.
///
/// # Errors
///
/// [`EngineError::Corrupt`] if whole records follow what is not, in the same journal or in a later
/// one: nothing is changed then.
pub(super) fn mend_all(journals: &[PathBuf]) -> Result<(), EngineError> {
    let Some((newest, sealed)) = journals.split_last() else { return Ok(()) };
    for path in sealed {
        mend(path, true)?;
    }
    mend(newest, false)
}

fn mend(path: &Path, sealed: bool) -> Result<(), EngineError> {
    let failed = io_while("reading a journal");
    let file = File::options().read(true).write(true).open(path).map_err(&failed)?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, &file);
    let whole = whole_records(&mut reader, 0).map_err(&failed)?;
    if rest_is_zeros(&mut reader, whole).map_err(&failed)? {
        return Ok(());
    }
    let corrupt = |what| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let key = Bytes::copy_from_slice(name);
        Err(EngineError::Corrupt { table: "journal", key, what })
    };
    if let Some(next) = record_behind(&mut reader, whole).map_err(&failed)? {
        return corrupt(format!(
            "the record at byte {whole} is damaged, the one at {next} is whole"
        ));
    }
    if sealed {
        return corrupt(format!("the record at byte {whole} is damaged, a later journal follows"));
    }
    tracing::warn!(path = %path.display(), whole, "cutting off an unfinished commit");
    let cut = file.set_len(whole).and_then(|()| file.sync_all());
    cut.map_err(io_while("cutting off the end of a journal"))
}

/// Offset behind the whole records that follow each other from `offset` on.
fn whole_records(reader: &mut BufReader<&File>, offset: u64) -> io::Result<u64> {
    reader.seek(SeekFrom::Start(offset))?;
    let mut end = offset;
    loop {
        match record(reader) {
            Ok(length) => end += length,
            Err(Broken::NotWhole) => return Ok(end),
            Err(Broken::Io(error)) => return Err(error),
        }
    }
}

/// Offset of the first place behind `offset` from which whole records reach to the end of what
/// was written. The bytes of a row that look like a record are not enough: others follow them.
fn record_behind(reader: &mut BufReader<&File>, offset: u64) -> io::Result<Option<u64>> {
    let mut from = offset;
    while let Some(start) = next_trailer(reader, from)? {
        let end = whole_records(reader, start)?;
        if end > start && rest_is_zeros(reader, end)? {
            return Ok(Some(start));
        }
        from = start;
    }
    Ok(None)
}

/// Offset behind the next trailer of a record, or what looks like one, at or behind `offset`.
fn next_trailer(reader: &mut BufReader<&File>, offset: u64) -> io::Result<Option<u64>> {
    reader.seek(SeekFrom::Start(offset))?;
    let mut window = [0; TRAILER.len()];
    for (position, byte) in (offset..).zip(reader.bytes()) {
        window.rotate_left(1);
        window[TRAILER.len() - 1] = byte?;
        if window == *TRAILER {
            return Ok(Some(position + 1));
        }
    }
    Ok(None)
}

fn rest_is_zeros(reader: &mut BufReader<&File>, offset: u64) -> io::Result<bool> {
    reader.seek(SeekFrom::Start(offset))?;
    zeros(reader)
}

fn zeros(reader: &mut impl Read) -> io::Result<bool> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(read) if buffer[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Why a record was not read to its end.
enum Broken {
    /// It is torn, damaged, or there is none.
    NotWhole,
    /// The device failed.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::NotWhole,
            _ => Self::Io(error),
        }
    }
}

/// Reads the record at the reader's position and checks it; answers its length.
///
/// Integers are little endian: tag 1, number of entries (4), sequence number (8); the entries; tag
/// 3, xxh3 of all entries (8), trailer. An entry is tag 2, kind of row, compression, keyspace (8),
/// length of the key (2), of the value (4), of the value as written (4), key, value; or tag 4 and a
/// keyspace (8).
fn record(reader: &mut impl Read) -> Result<u64, Broken> {
    let mut record = Record { reader, length: 0, hash: Xxh3::new() };
    let [1, a, b, c, d, ..] = record.bytes::<13>()? else { return Err(Broken::NotWhole) };
    for _ in 0..u32::from_le_bytes([a, b, c, d]) {
        record.entry()?;
    }
    let hash = record.hash.digest();
    let [3, end @ ..] = record.bytes::<13>()? else { return Err(Broken::NotWhole) };
    if end[..8] != hash.to_le_bytes() || end[8..] != *TRAILER {
        return Err(Broken::NotWhole);
    }
    Ok(record.length)
}

/// A record being read.
struct Record<'a, R> {
    reader: &'a mut R,
    length: u64,
    hash: Xxh3,
}

impl<R: Read> Record<'_, R> {
    fn entry(&mut self) -> Result<(), Broken> {
        match self.hashed::<1>()? {
            [2] => {}
            [4] => return self.hashed::<8>().map(|_| ()),
            _ => return Err(Broken::NotWhole),
        }
        let [kind, compression, ..] = self.hashed::<10>()?;
        if !matches!((kind, compression), (0..=2 | 4, 0..=1)) {
            return Err(Broken::NotWhole);
        }
        let key = u16::from_le_bytes(self.hashed()?);
        let [_, _, _, _, value @ ..] = self.hashed::<8>()?;
        self.skip(u64::from(key) + u64::from(u32::from_le_bytes(value)))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.length += N as u64;
        Ok(bytes)
    }

    fn hashed<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let bytes = self.bytes()?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), Broken> {
        let mut buffer = [0; 4096];
        while bytes > 0 {
            let part = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
            self.reader.read_exact(&mut buffer[..part])?;
            self.hash.update(&buffer[..part]);
            self.length += part as u64;
            bytes -= part as u64;
        }
        Ok(())
    }
}

/// Last bytes of every record.
const TRAILER: &[u8; 4] = b"FJL\x03";

/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 << 10;
