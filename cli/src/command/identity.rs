//! `jackdaw identity`: lists, takes and sets the numbers that generated ids are made of.

use clap::{Args, Subcommand};
use jackdaw_proto::documents::{ListIdentitiesRequest, NextIdentityRequest, SetIdentityRequest};

use super::{DatabaseOption, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::IdentityView;

/// Identities of a database: the numbers that ids which end in "|" are completed with.
#[derive(Args, Debug)]
pub(crate) struct IdentityCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

/// An identity of a database.
#[derive(Args, Clone, Debug)]
struct IdentityOption {
    #[command(flatten)]
    database: DatabaseOption,

    /// Its name, any casing, with or without the "|" at its end
    name: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List identities, each with the number that was given out last
    List {
        #[command(flatten)]
        database: DatabaseOption,

        #[command(flatten)]
        list: ListOptions,
    },
    /// Take the next number
    Next {
        #[command(flatten)]
        identity: IdentityOption,
    },
    /// Set the number that was given out last, unless it is higher already
    Set {
        #[command(flatten)]
        identity: IdentityOption,

        /// The number
        value: u64,

        /// Set it also where it is higher: numbers are then given out again
        #[arg(long)]
        force: bool,
    },
}

impl IdentityCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::List { database, list: shown } => {
                list(&service, &database.database, shown, output).await?;
            }
            What::Next { identity: IdentityOption { database, name } } => {
                let request = NextIdentityRequest { database: database.database, name };
                let taken = service.answer(service.documents().next_identity(request)).await?;
                output.one(&IdentityView::from(taken))?;
            }
            What::Set { identity: IdentityOption { database, name }, value, force } => {
                let database = database.database;
                let request = SetIdentityRequest { database, name, value, force };
                let set = service.answer(service.documents().set_identity(request)).await?;
                if set.value != value {
                    note("it is higher, and stays as it is: --force");
                }
                output.one(&IdentityView::from(set))?;
            }
        }
        Ok(Exit::Done)
    }
}

async fn list(
    service: &Service,
    database: &str,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListIdentitiesRequest {
            database: database.to_owned(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_identities(request)).await?;
        let identities = page.identities.into_iter().map(IdentityView::from);
        Ok((identities.collect(), page.next_page_token))
    };
    shown.show("identity", output, page).await
}
