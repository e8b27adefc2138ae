//! Documents, and what they have, in bulk between a service and lines or files: what import, export
//! and quickstart share.
//!
//! Reading and writing of files happens here; the format of a line is `json_lines`, the calls are
//! `connection`'s.

mod attach;
mod batches;
mod export;
mod later;
mod load;
mod target;

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

pub(crate) use export::{ExportOptions, Exported, export};
pub(crate) use load::{Loaded, load};
pub(crate) use target::Target;

use crate::report::exit::Failure;

/// A file, or standard input for `-`, with its size where that is known.
pub(crate) fn open(path: &Path) -> Result<(Box<dyn io::Read + Send>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let failed = |error| unreadable(path, &error);
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_dir() {
        return Err(Failure::local(format!("read {}: it is a folder", path.display())));
    }
    Ok((Box::new(file), meta.is_file().then_some(meta.len())))
}

/// As [`open`], for reading lines.
pub(crate) fn open_lines(path: &Path) -> Result<(Input, Option<u64>), Failure> {
    let (input, bytes) = open(path)?;
    Ok((BufReader::with_capacity(READ_BYTES, input), bytes))
}

/// Where lines are read from.
pub(crate) type Input = BufReader<Box<dyn io::Read + Send>>;

/// All that a file, or standard input for `-`, holds; at most a little more than a document may.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<u8>, Failure> {
    let (input, _) = open(path)?;
    let mut content = Vec::new();
    // One byte more than is allowed is enough for the service to say so.
    let bound = jackdaw_common::limits::DOCUMENT_BYTES_MAX as u64 + 1;
    let read = input.take(bound).read_to_end(&mut content);
    read.map_err(|error| unreadable(path, &error))?;
    Ok(content)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("read {}: {error}", path.display()))
}

/// How much of a file is read at a time.
const READ_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests;
