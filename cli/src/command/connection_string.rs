//! `jackdaw connection-string`: creates, shows and deletes connection strings.

use clap::{Args, Subcommand};
use jackdaw_proto::control::{
    ConnectionString, CreateConnectionStringRequest, DeleteConnectionStringRequest,
    GetConnectionStringRequest, ListConnectionStringsRequest, UpdateConnectionStringRequest,
};

use super::{DatabaseOption, DeletionOptions, database_resource, page_size, pages};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::ConnectionStringView;

/// Connection strings of a source database.
#[derive(Args, Debug)]
pub(crate) struct ConnectionStringCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a connection string
    Create {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its name
        name: String,

        /// Name of the destination database
        #[arg(long, value_name = "NAME")]
        destination_database: String,

        /// URL of a receiver that has it, https://host:port; repeat it for several
        #[arg(long = "destination-url", value_name = "URL", required = true)]
        destination_urls: Vec<String>,

        /// Check everything, create nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Change a connection string; tasks that use it follow at once
    Update {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its name
        name: String,

        /// Name of the destination database [default: as it is]
        #[arg(long, value_name = "NAME")]
        destination_database: Option<String>,

        /// URL of a receiver that has it, https://host:port; repeat it for several, which take the
        /// place of all there were [default: as they are]
        #[arg(long = "destination-url", value_name = "URL")]
        destination_urls: Vec<String>,

        /// The etag it must have, as shown by get
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,

        /// Check everything, change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show one connection string
    Get {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its name
        name: String,
    },
    /// List the connection strings of a database
    List {
        #[command(flatten)]
        database: DatabaseOption,
    },
    /// Delete a connection string that no task uses
    Delete {
        #[command(flatten)]
        database: DatabaseOption,

        /// Its name
        name: String,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
}

impl ConnectionStringCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::Create { database, name, destination_database, destination_urls, dry_run } => {
                let string = ConnectionString {
                    database: destination_database,
                    topology_discovery_urls: destination_urls,
                    ..ConnectionString::default()
                };
                let created = create(&service, &database.database, &name, string, dry_run).await?;
                if dry_run {
                    note(format_args!("{name} could be created; nothing was created"));
                } else {
                    output.one(&ConnectionStringView::from(created))?;
                }
            }
            What::Update {
                database,
                name,
                destination_database,
                destination_urls,
                etag,
                dry_run,
            } => {
                let string = ConnectionString {
                    name: resource(&database, &name),
                    database: destination_database.unwrap_or_default(),
                    topology_discovery_urls: destination_urls,
                    etag,
                    ..ConnectionString::default()
                };
                let request = UpdateConnectionStringRequest {
                    connection_string: Some(string),
                    update_mask: None,
                    validate_only: dry_run,
                };
                let mut client = service.connection_strings();
                let after = service.answer(client.update_connection_string(request)).await?;
                if dry_run {
                    note(format_args!("{name} could be changed to this; nothing was changed"));
                }
                output.one(&ConnectionStringView::from(after))?;
            }
            What::Get { database, name } => output.one(&get(&service, &database, &name).await?)?,
            What::List { database } => output.many(&list(&service, &database).await?)?,
            What::Delete { database, name, deletion } => {
                if deletion.dry_run {
                    output.one(&get(&service, &database, &name).await?)?;
                }
                if deletion.confirmed(&format!("connection string {name}"))? {
                    let request = DeleteConnectionStringRequest {
                        name: resource(&database, &name),
                        ..DeleteConnectionStringRequest::default()
                    };
                    let mut client = service.connection_strings();
                    service.answer(client.delete_connection_string(request)).await?;
                    note(format_args!("connection string {name} is deleted"));
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// Creates a connection string of `database`.
pub(crate) async fn create(
    service: &Service,
    database: &str,
    name: &str,
    string: ConnectionString,
    validate_only: bool,
) -> Result<ConnectionString, Failure> {
    let request = CreateConnectionStringRequest {
        parent: database_resource(database),
        connection_string_id: name.to_owned(),
        connection_string: Some(string),
        validate_only,
        ..CreateConnectionStringRequest::default()
    };
    service.answer(service.connection_strings().create_connection_string(request)).await
}

fn resource(database: &DatabaseOption, name: &str) -> String {
    format!("{}/connectionStrings/{name}", database.resource())
}

async fn get(
    service: &Service,
    database: &DatabaseOption,
    name: &str,
) -> Result<ConnectionStringView, Failure> {
    let request = GetConnectionStringRequest { name: resource(database, name) };
    let mut client = service.connection_strings();
    Ok(service.answer(client.get_connection_string(request)).await?.into())
}

async fn list(
    service: &Service,
    database: &DatabaseOption,
) -> Result<Vec<ConnectionStringView>, Failure> {
    let (strings, _) = pages(usize::MAX, async |page_token, wanted| {
        let parent = database.resource();
        let page_size = page_size(wanted);
        let request = ListConnectionStringsRequest { parent, page_size, page_token };
        let mut client = service.connection_strings();
        let page = service.answer(client.list_connection_strings(request)).await?;
        Ok((page.connection_strings, page.next_page_token))
    })
    .await?;
    Ok(strings.into_iter().map(ConnectionStringView::from).collect())
}
