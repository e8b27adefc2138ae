//! `jackdaw database`: creates, shows, deletes, backs up and restores databases.

mod backup;
mod offline;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jackdaw_common::{DatabaseName, Etag};
use jackdaw_proto::control::{
    CreateDatabaseRequest, Database, DeleteDatabaseRequest, GetDatabaseRequest,
    GetReplicationScopeRequest, ListDatabasesRequest, RetireIncarnationsRequest,
};

use self::{backup::Backup, offline::DataOptions};
use super::{DeletionOptions, database_resource, page_size, pages};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::{DatabaseView, KindView};

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
    /// Show what a replication of a database takes along, what it leaves, and why
    Scope {
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
    /// Write everything a database holds at this moment into a file, tasks included
    Backup(Backup),
    /// Make a database of a backup, or declare that one is a restored or copied one
    ///
    /// With --from: the service makes the database of a backup, its tasks disabled; enable them
    /// when it takes the original's place. Without: the database is there already, its folder was
    /// brought back from a copy or is one, and the service does not run; what it writes from now
    /// on, and what it has written behind --forked-at, becomes another incarnation's, so that
    /// destinations can tell it from what the original wrote.
    Restore(Restore),
    /// Declare that the folder of databases was moved, while the service does not run
    ///
    /// Only if nobody uses it where it was, nor a copy of it: two that write as one are not told
    /// apart. Of a copy use restore.
    Adopt {
        /// Its name [default: all databases of the service]
        #[arg(value_parser = database_name)]
        name: Option<DatabaseName>,

        /// That it was moved, and is no copy
        #[arg(long, required = true)]
        moved: bool,

        #[command(flatten)]
        data: DataOptions,
    },
    /// Declare incarnations dead: nothing new will ever come from them
    ///
    /// They leave the database's change vector. Retire one at every database that has it. It cannot
    /// be undone.
    Retire {
        /// Its name
        name: String,

        /// The incarnations, 22 characters each, as `get` and change vectors show them
        #[arg(required = true)]
        incarnations: Vec<String>,
    },
}

/// What is restored.
#[derive(Args, Debug)]
struct Restore {
    /// Its name
    #[arg(value_parser = database_name)]
    name: DatabaseName,

    /// The backup; "-": standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["forked_at", "data", "config"])]
    from: Option<PathBuf>,

    /// The last etag that it has in common with what it was copied from [default: its last]
    #[arg(long, value_name = "ETAG")]
    forked_at: Option<Etag>,

    #[command(flatten)]
    data: DataOptions,
}

fn database_name(text: &str) -> Result<DatabaseName, String> {
    text.parse().map_err(|error: jackdaw_common::id::DatabaseNameError| error.to_string())
}

impl DatabaseCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let what = match self.what {
            What::Adopt { name, moved: _, data } => {
                offline::adopt(name, data)?;
                return Ok(Exit::Done);
            }
            What::Restore(Restore { name, from: None, forked_at, data }) => {
                offline::restored(&name, forked_at, data)?;
                return Ok(Exit::Done);
            }
            what => what,
        };
        let service = self.connection.connect().await?;
        match what {
            What::Create { name, dry_run } => {
                let database = create(&service, &name, dry_run).await?;
                if dry_run {
                    note(format_args!("database {name} could be created; nothing was created"));
                } else {
                    output.one(&DatabaseView::from(database))?;
                }
            }
            What::Get { name } => output.one(&get(&service, &name).await?)?,
            What::Scope { name } => output.many(&scope(&service, &name).await?)?,
            What::List => output.many(&list(&service).await?)?,
            What::Delete { name, deletion } => delete(&service, &name, deletion, output).await?,
            What::Backup(backup) => backup.run(&service).await?,
            What::Restore(Restore { name, from, .. }) => {
                let from = from.unwrap_or_default();
                let database = backup::restore(&service, name.as_str(), &from).await?;
                output.one(&DatabaseView::from(database))?;
                note("its tasks are disabled; enable them when it takes the original's place");
            }
            What::Retire { name, incarnations } => {
                let name = database_resource(&name);
                let request = RetireIncarnationsRequest { name, incarnations };
                let retired = service.databases().retire_incarnations(request).await?;
                output.one(&DatabaseView::from(retired.into_inner()))?;
            }
            // Both are done, without a service.
            What::Adopt { .. } => {}
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

async fn scope(service: &Service, name: &str) -> Result<Vec<KindView>, Failure> {
    let request = GetReplicationScopeRequest { name: database_resource(name) };
    let scope = service.answer(service.databases().get_replication_scope(request)).await?;
    Ok(scope.kinds.into_iter().map(KindView::from).collect())
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
