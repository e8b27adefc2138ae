//! `jackdaw database`: creates, shows and deletes databases.

use clap::{Args, Subcommand};
use jackdaw_proto::control::{
    CreateDatabaseRequest, Database, DeleteDatabaseRequest, GetDatabaseRequest,
    ListDatabasesRequest,
};

use super::{DeletionOptions, database_resource, page_size, pages};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::DatabaseView;

/// Databases of a service.
#[derive(Args, Debug)]
pub(crate) struct DatabaseCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create an empty database
    Create {
        /// Its name: letters, digits, "-", "_" and "."
        name: String,

        /// Check everything, create nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show one database
    Get {
        /// Its name
        name: String,
    },
    /// List the databases that you may read
    List,
    /// Delete a database with all it holds, for good
    Delete {
        /// Its name
        name: String,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
}

impl DatabaseCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Create { name, dry_run } => {
                let database = create(&service, &name, dry_run).await?;
                if dry_run {
                    note(format_args!("database {name} could be created; nothing was created"));
                } else {
                    output.one(&DatabaseView::from(database))?;
                }
            }
            What::Get { name } => output.one(&get(&service, &name).await?)?,
            What::List => output.many(&list(&service).await?)?,
            What::Delete { name, deletion } => delete(&service, &name, deletion, output).await?,
        }
        Ok(Exit::Done)
    }
}

/// Creates a database.
pub(crate) async fn create(
    service: &Service,
    name: &str,
    validate_only: bool,
) -> Result<Database, Failure> {
    let request = CreateDatabaseRequest {
        database_id: name.to_owned(),
        validate_only,
        ..CreateDatabaseRequest::default()
    };
    service.answer(service.databases().create_database(request)).await
}

async fn get(service: &Service, name: &str) -> Result<DatabaseView, Failure> {
    let request = GetDatabaseRequest { name: database_resource(name) };
    Ok(service.answer(service.databases().get_database(request)).await?.into())
}

async fn list(service: &Service) -> Result<Vec<DatabaseView>, Failure> {
    let (databases, _) = pages(usize::MAX, async |page_token, wanted| {
        let request = ListDatabasesRequest { page_size: page_size(wanted), page_token };
        let page = service.answer(service.databases().list_databases(request)).await?;
        Ok((page.databases, page.next_page_token))
    })
    .await?;
    Ok(databases.into_iter().map(DatabaseView::from).collect())
}

async fn delete(
    service: &Service,
    name: &str,
    deletion: DeletionOptions,
    output: Output,
) -> Result<(), Failure> {
    if deletion.dry_run {
        output.one(&get(service, name).await?)?;
    }
    if deletion.confirmed(&format!("database {name} with all it holds, for good"))? {
        let request = DeleteDatabaseRequest { name: database_resource(name) };
        service.answer(service.databases().delete_database(request)).await?;
        note(format_args!("database {name} is deleted"));
    }
    Ok(())
}
