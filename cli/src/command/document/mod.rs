//! `jackdaw document`: reads, writes and watches documents. The commands for what documents have
//! stand beside it.

pub(crate) mod attachment;
pub(crate) mod counter;
pub(crate) mod revision;
pub(crate) mod time_series;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use jackdaw_proto::documents::{
    Delete, DeleteDocumentRequest, GetDocumentRequest, ListDocumentsRequest, Put,
    PutDocumentRequest, WatchChangesRequest, Written,
};

use super::{DatabaseOption, DeletionOptions, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, note};
use crate::report::view::{ChangeView, DocumentView, WrittenView};
use crate::transfer::read_whole;

/// Documents of a database.
#[derive(Args, Debug)]
pub(crate) struct DocumentCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

/// A document of a database.
#[derive(Args, Clone, Debug)]
struct DocumentOption {
    #[command(flatten)]
    database: DatabaseOption,

    /// Id of the document, any casing
    id: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a document: its body as it was written, the rest on standard error
    Get {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its id, any casing
        id: String,

        /// Put what the database knows besides into the body's "@metadata": attachments, counters,
        /// time series, flags
        #[arg(long)]
        metadata: bool,
    },
    /// Create or replace a document
    Put {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its id; one that ends in "/" or "|" is completed by the database
        id: String,

        /// File with its body, a JSON object; "-": standard input
        #[arg(default_value = "-")]
        file: PathBuf,

        /// Only if this is its change vector; empty: only if it does not exist
        #[arg(long, value_name = "VECTOR")]
        expected_change_vector: Option<String>,
    },
    /// Delete a document
    Delete {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its id, any casing
        id: String,

        /// Only if this is its change vector
        #[arg(long, value_name = "VECTOR")]
        expected_change_vector: Option<String>,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
    /// List documents in id order, without their bodies
    List {
        #[command(flatten)]
        database: DatabaseOption,

        /// Only ids that begin with this, any casing
        #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
        prefix: String,

        #[command(flatten)]
        list: ListOptions,
    },
    /// Print changes as they become durable, until interrupted
    Watch {
        #[command(flatten)]
        database: DatabaseOption,

        /// Begin with the first change after this etag; without it with the next one to come
        #[arg(long, value_name = "ETAG")]
        after: Option<u64>,
    },
}

impl DocumentCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Get { database, id, metadata } => {
                let document = get(&service, &database.database, id, metadata).await?;
                print(output, &document)?;
            }
            What::Put { database, id, file, expected_change_vector } => {
                let put = Put { id, body: body(&file)?, expected_change_vector };
                let request = PutDocumentRequest { database: database.database, put: Some(put) };
                let answer = service.answer(service.documents().put_document(request)).await?;
                output.one(&written(answer.written))?;
            }
            What::Delete { database, id, expected_change_vector, deletion } => {
                if deletion.dry_run {
                    let document = get(&service, &database.database, id.clone(), false).await?;
                    print(output, &document)?;
                }
                if deletion.confirmed(&format!("document {id}"))? {
                    let delete = Some(Delete { id, expected_change_vector });
                    let request = DeleteDocumentRequest { database: database.database, delete };
                    let mut client = service.documents();
                    let answer = service.answer(client.delete_document(request)).await?;
                    let written = written(answer.written);
                    if written.is_nothing() {
                        note("there was no such document");
                    }
                    output.one(&written)?;
                }
            }
            What::List { database, prefix, list: shown } => {
                list(&service, &database.database, &prefix, shown, output).await?;
            }
            What::Watch { database, after } => {
                watch(&service, database.database, after, output).await?;
            }
        }
        Ok(Exit::Done)
    }
}

async fn get(
    service: &Service,
    database: &str,
    id: String,
    derive_metadata: bool,
) -> Result<DocumentView, Failure> {
    let request = GetDocumentRequest { database: database.to_owned(), id, derive_metadata };
    DocumentView::new(service.answer(service.documents().get_document(request)).await?)
}

fn print(output: Output, document: &DocumentView) -> Result<(), Failure> {
    if output.format() != Format::Table {
        return output.value(document);
    }
    note(document.headline());
    output.body(document.body())
}

fn body(file: &Path) -> Result<Bytes, Failure> {
    read_whole(file).map(Bytes::from)
}

fn written(written: Option<Written>) -> WrittenView {
    WrittenView::from(written.unwrap_or_default())
}

async fn list(
    service: &Service,
    database: &str,
    prefix: &str,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListDocumentsRequest {
            database: database.to_owned(),
            id_prefix: prefix.to_owned(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_documents(request)).await?;
        // Bodies are not shown: let go of them page by page.
        let documents = page.documents.into_iter().map(DocumentView::listed);
        Ok((documents.collect(), page.next_page_token))
    };
    shown.show("document", output, page).await
}

async fn watch(
    service: &Service,
    database: String,
    after_etag: Option<u64>,
    output: Output,
) -> Result<(), Failure> {
    let request = WatchChangesRequest { database, after_etag };
    let mut client = service.documents();
    let mut changes = service.answer(client.watch_changes(request)).await?;
    while let Some(part) = changes.message().await? {
        for change in part.changes {
            output.event(&ChangeView::from(change))?;
        }
    }
    note("the database is gone");
    Ok(())
}
