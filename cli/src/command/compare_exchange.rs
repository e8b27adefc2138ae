//! `jackdaw compare-exchange`: puts, reads and deletes the compare-exchange items of a database.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jackdaw_proto::documents::{
    DeleteCompareExchangeRequest, GetCompareExchangeRequest, ListCompareExchangeRequest,
    PutCompareExchangeRequest,
};

use super::{DatabaseOption, DeletionOptions, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, note};
use crate::report::view::{ExchangedView, ItemView};
use crate::transfer::read_whole;

/// Compare-exchange items of a database: values that are written only by who knows what is there.
#[derive(Args, Debug)]
pub(crate) struct CompareExchangeCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

/// An item of a database.
#[derive(Args, Clone, Debug)]
struct ItemOption {
    #[command(flatten)]
    database: DatabaseOption,

    /// Its key, any casing
    #[arg(value_name = "KEY")]
    name: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create an item, or replace one whose index you know
    Put {
        #[command(flatten)]
        item: ItemOption,

        /// File with its value, any JSON; "-": standard input
        #[arg(default_value = "-")]
        file: PathBuf,

        /// The index that it must have; 0: it must not exist
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        expected_index: u64,
    },
    /// Print an item: its value as it was written, the rest on standard error
    Get {
        #[command(flatten)]
        item: ItemOption,
    },
    /// Delete an item whose index you know
    Delete {
        #[command(flatten)]
        item: ItemOption,

        /// The index that it must have
        #[arg(long, value_name = "INDEX")]
        expected_index: u64,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
    /// List items by key; with their values as JSON and YAML
    List {
        #[command(flatten)]
        database: DatabaseOption,

        /// Only keys that begin with this, any casing
        #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
        prefix: String,

        #[command(flatten)]
        list: ListOptions,
    },
}

impl CompareExchangeCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Put { item, file, expected_index } => {
                let request = PutCompareExchangeRequest {
                    database: item.database.database,
                    key: item.name,
                    value: read_whole(&file)?.into(),
                    expected_index,
                };
                let mut client = service.documents();
                let written = service.answer(client.put_compare_exchange(request)).await?;
                output.one(&ExchangedView::put(written))?;
            }
            What::Get { item } => print(output, &get(&service, &item).await?)?,
            What::Delete { item, expected_index, deletion } => {
                if deletion.dry_run {
                    print(output, &get(&service, &item).await?)?;
                }
                if deletion.confirmed(&format!("compare-exchange item {}", item.name))? {
                    delete(&service, item, expected_index, output).await?;
                }
            }
            What::List { database, prefix, list: shown } => {
                list(&service, &database.database, &prefix, shown, output).await?;
            }
        }
        Ok(Exit::Done)
    }
}

async fn get(service: &Service, item: &ItemOption) -> Result<ItemView, Failure> {
    let (database, key) = (item.database.database.clone(), item.name.clone());
    let request = GetCompareExchangeRequest { database, key };
    ItemView::new(service.answer(service.documents().get_compare_exchange(request)).await?)
}

fn print(output: Output, item: &ItemView) -> Result<(), Failure> {
    if output.format() != Format::Table {
        return output.value(item);
    }
    note(item.headline());
    output.body(item.value())
}

async fn delete(
    service: &Service,
    item: ItemOption,
    expected_index: u64,
    output: Output,
) -> Result<(), Failure> {
    let ItemOption { database, name: key } = item;
    let request = DeleteCompareExchangeRequest {
        database: database.database,
        key: key.clone(),
        expected_index,
    };
    let answer = service.answer(service.documents().delete_compare_exchange(request)).await?;
    let written = ExchangedView::deleted(key, answer);
    if written.is_nothing() {
        note("there was no such item");
    }
    output.one(&written)
}

async fn list(
    service: &Service,
    database: &str,
    prefix: &str,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListCompareExchangeRequest {
            database: database.to_owned(),
            key_prefix: prefix.to_owned(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_compare_exchange(request)).await?;
        let items: Result<_, _> = page.items.into_iter().map(ItemView::new).collect();
        Ok((items?, page.next_page_token))
    };
    shown.show("item", output, page).await
}
