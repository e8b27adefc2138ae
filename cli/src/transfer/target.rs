//! Where an export, or the content of an attachment, is written to.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::report::exit::Failure;

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
