//! `jackdaw database backup` and `restore --from`: a database into a file, and back.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jackdaw_proto::control::{BackupDatabaseRequest, Database, RestoreDatabaseRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::command::database_resource;
use crate::connection::Service;
use crate::report::exit::Failure;
use crate::report::output::{counted, note};
use crate::report::progress::Progress;
use crate::transfer::Target;

/// What is backed up, and into which file.
#[derive(Args, Debug)]
pub(super) struct Backup {
    /// Its name
    name: String,

    /// File to write; "-": standard output. It appears under its name when all is written
    file: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl Backup {
    /// Writes the backup.
    pub(super) async fn run(self, service: &Service) -> Result<(), Failure> {
        let mut target = Target::open(&self.file, self.force)?;
        let request = BackupDatabaseRequest { name: database_resource(&self.name) };
        let mut pieces = service.answer(service.databases().backup_database(request)).await?;
        let progress = Progress::counting("backing up");
        let mut bytes = 0;
        loop {
            let piece = service.in_time(pieces.message()).await.and_then(|piece| Ok(piece?));
            let Some(piece) = piece.inspect_err(|_| progress.finish())? else { break };
            target.write(&piece.data)?;
            bytes += piece.data.len() as u64;
            progress.set(bytes, counted(bytes, "byte"));
        }
        progress.finish();
        target.finish()?;
        note(format_args!("database {} is backed up: {}", self.name, counted(bytes, "byte")));
        Ok(())
    }
}

/// Bytes of a file that are sent at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that are read ahead.
const PIECES_QUEUED_MAX: usize = 4;

/// Restores a database from a file, `-` for standard input.
pub(super) async fn restore(
    service: &Service,
    name: &str,
    file: &Path,
) -> Result<Database, Failure> {
    let path = file.display().to_string();
    let unreadable = move |error| Failure::local(format!("read {path}: {error}"));
    let mut input: Box<dyn std::io::Read + Send> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(&unreadable)?)
    };
    let (sender, pieces) = mpsc::channel(PIECES_QUEUED_MAX);
    let database_id = name.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut database_id = Some(database_id);
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let read = input.read(&mut buffer)?;
            let piece = RestoreDatabaseRequest {
                database_id: database_id.take().unwrap_or_default(),
                data: bytes::Bytes::copy_from_slice(&buffer[..read]),
            };
            // Who listens is gone: its answer says why.
            if read == 0 || sender.blocking_send(piece).is_err() {
                return Ok(());
            }
        }
    });
    // As long as pieces are taken there is no hurry: a restore takes what it takes.
    let mut databases = service.databases();
    let restoring = databases.restore_database(ReceiverStream::new(pieces));
    let restored = restoring.await;
    reading.await.map_err(Failure::local)?.map_err(unreadable)?;
    Ok(restored?.into_inner())
}
