//! `jackdaw counter`: adds to counters of documents, reads and deletes them.

use clap::{Args, Subcommand};
use jackdaw_proto::documents::{
    DeleteCounter, DeleteCounterRequest, GetCounterRequest, IncrementCounter,
    IncrementCounterRequest, ListCountersRequest,
};

use super::{DocumentOption, written};
use crate::command::{DeletionOptions, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::CounterView;

/// Counters of documents.
#[derive(Args, Debug)]
pub(crate) struct CounterCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add to a counter; one that does not exist begins with 0
    Increment {
        #[command(flatten)]
        document: DocumentOption,

        /// Name of the counter
        name: String,

        /// What to add; may be negative
        #[arg(default_value_t = 1, allow_negative_numbers = true)]
        delta: i64,
    },
    /// Print a counter, and what each database has added to it
    Get {
        #[command(flatten)]
        document: DocumentOption,

        /// Name of the counter, any casing
        name: String,
    },
    /// List the counters of a document
    List {
        #[command(flatten)]
        document: DocumentOption,

        #[command(flatten)]
        list: ListOptions,
    },
    /// Delete a counter
    Delete {
        #[command(flatten)]
        document: DocumentOption,

        /// Name of the counter, any casing
        name: String,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
}

impl CounterCommand {
    pub(in crate::command) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Increment { document, name, delta } => {
                let increment = IncrementCounter { document_id: document.id, name, delta };
                let request = IncrementCounterRequest {
                    database: document.database.database,
                    increment_counter: Some(increment),
                };
                let answer = service.answer(service.documents().increment_counter(request)).await?;
                output.one(&written(answer.written))?;
            }
            What::Get { document, name } => {
                let request = GetCounterRequest {
                    database: document.database.database,
                    document_id: document.id,
                    name,
                };
                let counter = service.answer(service.documents().get_counter(request)).await?;
                output.one(&CounterView::from(counter))?;
            }
            What::List { document, list: shown } => {
                list(&service, &document, shown, output).await?
            }
            What::Delete { document, name, deletion } => {
                if deletion.confirmed(&format!("counter {name} of document {}", document.id))? {
                    delete(&service, document, name, output).await?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

async fn list(
    service: &Service,
    document: &DocumentOption,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListCountersRequest {
            database: document.database.database.clone(),
            document_id: document.id.clone(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_counters(request)).await?;
        let counters = page.counters.into_iter().map(CounterView::from);
        Ok((counters.collect(), page.next_page_token))
    };
    shown.show("counter", output, page).await
}

async fn delete(
    service: &Service,
    document: DocumentOption,
    name: String,
    output: Output,
) -> Result<(), Failure> {
    let request = DeleteCounterRequest {
        database: document.database.database,
        delete_counter: Some(DeleteCounter { document_id: document.id, name }),
    };
    let answer = service.answer(service.documents().delete_counter(request)).await?;
    let written = written(answer.written);
    if written.is_nothing() {
        note("there was no such counter");
    }
    output.one(&written)
}
