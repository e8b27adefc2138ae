//! A database into lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use jackdaw_proto::documents::StreamDocumentsRequest;
use tempfile::NamedTempFile;

use crate::connection::Service;
use crate::json_lines::write_document;
use crate::report::exit::Failure;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Documents written.
    pub(crate) documents: u64,
    /// Attachments of those, which are not among the lines.
    pub(crate) attachments_left_out: u64,
    /// Documents that could not be written because they are in conflict: how many, and the first.
    pub(crate) in_conflict: u64,
    /// The ids of the first of them.
    pub(crate) conflicts_named: Vec<String>,
}

/// Ids of conflicts that are named at most.
const CONFLICTS_NAMED_MAX: usize = 10;

/// Writes all documents of one snapshot of a database as lines, in id order.
///
/// `written` hears of documents written so far.
pub(crate) async fn export(
    service: &Service,
    database: &str,
    id_prefix: &str,
    target: &mut Target,
    mut written: impl FnMut(u64),
) -> Result<Exported, Failure> {
    let request =
        StreamDocumentsRequest { database: database.to_owned(), id_prefix: id_prefix.to_owned() };
    let mut parts = Box::pin(service.stream_documents(request).await?);
    let mut exported = Exported::default();
    let mut lines = Vec::new();
    while let Some(part) = parts.next().await {
        let part = part?;
        lines.clear();
        for document in &part.documents {
            write_document(&mut lines, &document.id, &document.body).map_err(Failure::local)?;
        }
        target.write(&lines)?;
        exported.documents += part.documents.len() as u64;
        let attachments = part.documents.iter().map(|document| document.attachments.len() as u64);
        exported.attachments_left_out += attachments.sum::<u64>();
        for conflict in part.conflicts {
            exported.in_conflict += 1;
            if exported.conflicts_named.len() < CONFLICTS_NAMED_MAX {
                exported.conflicts_named.push(conflict.id);
            }
        }
        written(exported.documents);
    }
    Ok(exported)
}

/// Where lines are written to.
#[derive(Debug)]
pub(crate) enum Target {
    /// Standard output.
    Output(io::Stdout),
    /// A file that appears under its name when all is written and synced, not before.
    NewFile {
        /// The file, under another name yet.
        file: BufWriter<NamedTempFile>,
        /// Its name to be.
        path: PathBuf,
    },
    /// Something that is there and no file: a pipe, a device.
    Device {
        /// It, open.
        file: BufWriter<File>,
        /// Its path.
        path: PathBuf,
    },
}

impl Target {
    /// Opens a path, `-` for standard output. A file that exists is replaced only if `force`.
    pub(crate) fn open(path: &Path, force: bool) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Output(io::stdout()));
        }
        let failed = |error| unwritable(path, &error);
        let path = path.to_owned();
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                Err(Failure::local(format!("write {}: it is a folder", path.display())))
            }
            Ok(meta) if !meta.is_file() => {
                let file = File::options().write(true).open(&path).map_err(failed)?;
                Ok(Self::Device { file: BufWriter::new(file), path })
            }
            Ok(_) if !force => Err(Failure::local(format!(
                "write {}: it exists; --force replaces it",
                path.display()
            ))),
            _ => {
                let file = NamedTempFile::new_in(folder_of(&path)).map_err(failed)?;
                Ok(Self::NewFile { file: BufWriter::new(file), path })
            }
        }
    }

    /// Appends to it.
    pub(crate) fn write(&mut self, lines: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Output(out) => match out.write_all(lines) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    Err(Failure::output_closed())
                }
                written => written.map_err(|error| unwritable(Path::new("-"), &error)),
            },
            Self::NewFile { file, path } => {
                file.write_all(lines).map_err(|error| unwritable(path, &error))
            }
            Self::Device { file, path } => {
                file.write_all(lines).map_err(|error| unwritable(path, &error))
            }
        }
    }

    /// Makes all that was written durable and gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Output(mut out) => {
                out.flush().map_err(|error| unwritable(Path::new("-"), &error))
            }
            Self::Device { mut file, path } => {
                file.flush().map_err(|error| unwritable(&path, &error))
            }
            Self::NewFile { file, path } => {
                let failed = |error| unwritable(&path, &error);
                let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
                file.as_file().sync_all().map_err(failed)?;
                file.persist(&path).map_err(|error| failed(error.error))?;
                // Its name too.
                File::open(folder_of(&path)).and_then(|folder| folder.sync_all()).map_err(failed)
            }
        }
    }
}

/// The folder that a file is to stand in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("write {}: {error}", path.display()))
}
