//! `jackdaw attachment`: reads and writes what is attached to documents.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use futures_util::stream::unfold;
use jackdaw_proto::documents::{
    AttachmentHeader, DeleteAttachmentRequest, GetAttachmentRequest, ListAttachmentsRequest,
    PutAttachmentRequest,
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::DocumentOption;
use crate::command::{DeletionOptions, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::{AttachmentView, WrittenView};
use crate::transfer::{Target, open};

/// Attachments of documents.
#[derive(Args, Debug)]
pub(crate) struct AttachmentCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Attach a file to a document, in the place of what has that name
    Put {
        #[command(flatten)]
        document: DocumentOption,

        /// Name of the attachment
        name: String,

        /// File with its content; "-": standard input
        #[arg(default_value = "-")]
        file: PathBuf,

        /// What the content is
        #[arg(long, value_name = "TYPE", default_value = "", hide_default_value = true)]
        content_type: String,

        /// Only if this is the document's change vector
        #[arg(long, value_name = "VECTOR")]
        expected_change_vector: Option<String>,
    },
    /// Write the content of an attachment to a file
    Get {
        #[command(flatten)]
        document: DocumentOption,

        /// Name of the attachment, any casing
        name: String,

        /// File to write; "-": standard output
        #[arg(default_value = "-")]
        file: PathBuf,

        /// Where in the content to begin, bytes
        #[arg(long, value_name = "BYTES", default_value_t = 0, hide_default_value = true)]
        offset: u64,

        /// How many bytes to read; without it all that follow
        #[arg(long, value_name = "BYTES")]
        length: Option<u64>,

        /// Replace the file if it exists
        #[arg(long)]
        force: bool,

        /// Of the revision of the document with this change vector
        #[arg(long, value_name = "VECTOR")]
        revision: Option<String>,
    },
    /// List the attachments of a document
    List {
        #[command(flatten)]
        document: DocumentOption,

        #[command(flatten)]
        list: ListOptions,
    },
    /// Remove an attachment
    Delete {
        #[command(flatten)]
        document: DocumentOption,

        /// Name of the attachment, any casing
        name: String,

        /// Only if this is the document's change vector
        #[arg(long, value_name = "VECTOR")]
        expected_change_vector: Option<String>,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
}

impl AttachmentCommand {
    pub(in crate::command) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Put { document, name, file, content_type, expected_change_vector } => {
                let header = AttachmentHeader {
                    database: document.database.database,
                    document_id: document.id,
                    name,
                    content_type,
                    expected_change_vector,
                    ..AttachmentHeader::default()
                };
                output.one(&put(&service, header, &file).await?)?;
            }
            What::Get { document, name, file, offset, length, force, revision } => {
                let request = GetAttachmentRequest {
                    database: document.database.database,
                    document_id: document.id,
                    name,
                    offset,
                    length,
                    revision_change_vector: revision,
                };
                get(&service, request, Target::open(&file, force)?).await?;
            }
            What::List { document, list: shown } => {
                list(&service, &document, shown, output).await?
            }
            What::Delete { document, name, expected_change_vector, deletion } => {
                if deletion.confirmed(&format!("attachment {name} of document {}", document.id))? {
                    let request = DeleteAttachmentRequest {
                        database: document.database.database,
                        document_id: document.id,
                        name,
                        expected_change_vector,
                    };
                    delete(&service, request, output).await?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// Sends a file, piece by piece.
async fn put(
    service: &Service,
    header: AttachmentHeader,
    file: &Path,
) -> Result<AttachmentView, Failure> {
    let (input, bytes) = open(file)?;
    // A file that is cut off on the way is refused by its size.
    let header = AttachmentHeader { size: bytes, ..header };
    let (sender, receiver) = mpsc::channel(PIECES_QUEUED_MAX);
    let path = file.to_path_buf();
    let reading = spawn_blocking(move || match read(input, header, &sender) {
        Ok(()) => Ok(()),
        // The stream must not end: that would say that this was all.
        Err(error) => Err((Failure::local(format!("read {}: {error}", path.display())), sender)),
    });
    let pieces = unfold(receiver, async |mut receiver: mpsc::Receiver<_>| {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let mut client = service.documents();
    let call = client.put_attachment(Box::pin(pieces));
    let failed = async {
        match reading.await {
            Ok(Err((failure, _open))) => failure,
            Ok(Ok(())) => std::future::pending().await,
            Err(error) => Failure::local(format!("read a file: {error}")),
        }
    };
    let answer = tokio::select! {
        answer = call => answer?.into_inner(),
        failure = failed => return Err(failure),
    };
    Ok(AttachmentView::from(answer.attachment.unwrap_or_default()))
}

/// Reads a file to its end, or until nobody takes pieces of it any more.
fn read(
    mut input: impl io::Read,
    header: AttachmentHeader,
    pieces: &mpsc::Sender<PutAttachmentRequest>,
) -> io::Result<()> {
    let mut header = Some(header);
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let read = input.read(&mut piece)?;
        piece.truncate(read);
        let request = PutAttachmentRequest { header: header.take(), chunk: piece.into() };
        if pieces.blocking_send(request).is_err() || read == 0 {
            return Ok(());
        }
    }
}

/// Writes what comes.
async fn get(
    service: &Service,
    request: GetAttachmentRequest,
    mut target: Target,
) -> Result<(), Failure> {
    let mut client = service.documents();
    let mut pieces = service.answer(client.get_attachment(request)).await?;
    loop {
        let piece = service.in_time(pieces.message()).await?;
        let Some(piece) = piece? else { break };
        if let Some(attachment) = piece.attachment {
            note(AttachmentView::from(attachment).headline());
        }
        target.write(&piece.chunk)?;
    }
    target.finish()
}

async fn list(
    service: &Service,
    document: &DocumentOption,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListAttachmentsRequest {
            database: document.database.database.clone(),
            document_id: document.id.clone(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_attachments(request)).await?;
        let attachments = page.attachments.into_iter().map(AttachmentView::from);
        Ok((attachments.collect(), page.next_page_token))
    };
    shown.show("attachment", output, page).await
}

async fn delete(
    service: &Service,
    request: DeleteAttachmentRequest,
    output: Output,
) -> Result<(), Failure> {
    let answer = service.answer(service.documents().delete_attachment(request)).await?;
    let written = WrittenView::from(answer.written.unwrap_or_default());
    if written.is_nothing() {
        note("there was no such attachment");
    }
    output.one(&written)
}

/// Bytes of a piece that is sent.
const PIECE_BYTES: usize = 256 * 1024;

/// Pieces that wait to be sent.
const PIECES_QUEUED_MAX: usize = 4;
