//! `jackdaw task`: creates, shows, stops and watches replication tasks.

use clap::{Args, Subcommand};
use jackdaw_proto::control::{
    CreateExternalReplicationRequest, DeleteExternalReplicationRequest,
    DisableExternalReplicationRequest, EnableExternalReplicationRequest, ExternalReplication,
    GetExternalReplicationRequest, ListExternalReplicationsRequest,
    UpdateExternalReplicationRequest, WatchExternalReplicationRequest,
};
use prost_types::FieldMask;

use super::{DatabaseOption, DeletionOptions, database_resource, page_size, pages};
use crate::connection::{ConnectionOptions, Patience, Service};
use crate::copied::{Goal, until_copied};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Output, note};
use crate::report::view::{TaskView, last_part};

/// Replication tasks of a source database.
#[derive(Args, Debug)]
pub(crate) struct TaskCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

/// A task and its database.
#[derive(Args, Debug)]
struct TaskArguments {
    #[command(flatten)]
    database: DatabaseOption,

    /// The task: its number, or its name
    task: String,
}

/// What a task is to become.
#[derive(Args, Debug)]
struct ChangeArguments {
    /// Name of the connection string that says where to send [default: as it is]
    #[arg(long, value_name = "NAME")]
    connection_string: Option<String>,

    /// Its name for people; "" makes one of the connection string's [default: as it is]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The etag it must have, as shown by get
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,

    /// Check everything, change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a task and start it
    Create {
        #[command(flatten)]
        database: DatabaseOption,

        /// Name of the connection string that says where to send
        #[arg(long, value_name = "NAME")]
        connection_string: String,

        /// Its name for people [default: External Replication to CONNECTION STRING]
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        name: String,

        /// Check everything, create nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Change a task; it keeps its place at every destination
    Update {
        #[command(flatten)]
        task: TaskArguments,

        #[command(flatten)]
        change: ChangeArguments,
    },
    /// Show one task with its progress
    Get {
        #[command(flatten)]
        task: TaskArguments,
    },
    /// List the tasks of a database
    List {
        #[command(flatten)]
        database: DatabaseOption,
    },
    /// Delete a task; what was copied stays
    Delete {
        #[command(flatten)]
        task: TaskArguments,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
    /// Start a disabled task
    Enable {
        #[command(flatten)]
        task: TaskArguments,
    },
    /// Stop a task; it keeps its place
    Disable {
        #[command(flatten)]
        task: TaskArguments,
    },
    /// Print a task whenever it changes, until interrupted
    Watch {
        #[command(flatten)]
        task: TaskArguments,

        /// End with 0 once the destination has everything that the source has now, with 1 when the
        /// task is blocked or gets no further
        #[arg(long)]
        until_copied: bool,

        /// With --until-copied: how long the task may get no further: 30s, 5m
        #[arg(long, value_name = "TIME", default_value = "60s")]
        stalled_after: Patience,
    },
}

impl TaskCommand {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        let mut client = service.tasks();
        match self.what {
            What::Create { database, connection_string, name: display_name, dry_run } => {
                let task = ExternalReplication {
                    display_name,
                    connection_string,
                    ..ExternalReplication::default()
                };
                let created = Box::pin(create(&service, &database.database, task, dry_run)).await?;
                if dry_run {
                    note("the task could be created; nothing was created");
                } else {
                    output.one(&TaskView::from(created))?;
                }
            }
            What::Update { task, change } => {
                Box::pin(update(&service, &task, change, output)).await?;
            }
            What::Get { task } => {
                let request = GetExternalReplicationRequest { name: task.find(&service).await? };
                show(output, service.answer(client.get_external_replication(request)).await?)?;
            }
            What::List { database } => {
                let tasks = list(&service, &database).await?;
                let tasks: Vec<_> = tasks.into_iter().map(TaskView::from).collect();
                output.many(&tasks)?;
            }
            What::Delete { task, deletion } => delete(&service, &task, deletion, output).await?,
            What::Enable { task } => {
                let name = task.find(&service).await?;
                let request = EnableExternalReplicationRequest { name };
                show(output, service.answer(client.enable_external_replication(request)).await?)?;
            }
            What::Disable { task } => {
                let name = task.find(&service).await?;
                let request = DisableExternalReplicationRequest { name };
                show(output, service.answer(client.disable_external_replication(request)).await?)?;
            }
            What::Watch { task, until_copied, stalled_after } => {
                let name = task.find(&service).await?;
                if until_copied {
                    wait(&service, &name, stalled_after, output).await?;
                } else {
                    watch(&service, name, output).await?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl TaskArguments {
    /// The resource name of the task that is meant: one whose number or name was typed.
    async fn find(&self, service: &Service) -> Result<String, Failure> {
        let Self { database, task } = self;
        if task.starts_with("databases/") {
            return Ok(task.clone());
        }
        let tasks = list(service, database).await?;
        let numbered = tasks.iter().find(|it| last_part(&it.name) == task);
        let named = || tasks.iter().find(|it| it.display_name == *task);
        match numbered.or_else(named) {
            Some(found) => Ok(found.name.clone()),
            None => Err(no_such_task(&database.database, task, &tasks)),
        }
    }
}

/// Creates a task of `database`.
pub(crate) async fn create(
    service: &Service,
    database: &str,
    task: ExternalReplication,
    validate_only: bool,
) -> Result<ExternalReplication, Failure> {
    let request = CreateExternalReplicationRequest {
        parent: database_resource(database),
        external_replication: Some(task),
        validate_only,
        ..CreateExternalReplicationRequest::default()
    };
    Box::pin(service.answer(service.tasks().create_external_replication(request))).await
}

fn no_such_task(database: &str, task: &str, tasks: &[ExternalReplication]) -> Failure {
    let failure = Failure::refused(format!("database {database} has no task {task:?}"));
    tasks.iter().fold(failure, |failure, task| {
        failure.with_line(format_args!("  {} is {:?}", last_part(&task.name), task.display_name))
    })
}

fn show(output: Output, task: ExternalReplication) -> Result<(), Failure> {
    output.one(&TaskView::from(task))
}

async fn list(
    service: &Service,
    database: &DatabaseOption,
) -> Result<Vec<ExternalReplication>, Failure> {
    let (tasks, _) = pages(usize::MAX, async |page_token, wanted| {
        let parent = database.resource();
        let page_size = page_size(wanted);
        let request = ListExternalReplicationsRequest { parent, page_size, page_token };
        let page = service.answer(service.tasks().list_external_replications(request)).await?;
        Ok((page.external_replications, page.next_page_token))
    })
    .await?;
    Ok(tasks)
}

async fn update(
    service: &Service,
    task: &TaskArguments,
    change: ChangeArguments,
    output: Output,
) -> Result<(), Failure> {
    let ChangeArguments { connection_string, name, etag, dry_run } = change;
    let given =
        [("connection_string", connection_string.is_some()), ("display_name", name.is_some())];
    let paths = given.iter().filter(|(_, given)| *given);
    let paths = paths.map(|(path, _)| (*path).to_owned()).collect();
    let change = ExternalReplication {
        name: task.find(service).await?,
        connection_string: connection_string.unwrap_or_default(),
        display_name: name.unwrap_or_default(),
        etag,
        ..ExternalReplication::default()
    };
    let request = UpdateExternalReplicationRequest {
        external_replication: Some(change),
        update_mask: Some(FieldMask { paths }),
        validate_only: dry_run,
    };
    let after = service.answer(service.tasks().update_external_replication(request)).await?;
    if dry_run {
        note("the task could be changed to this; nothing was changed");
    }
    show(output, after)
}

async fn delete(
    service: &Service,
    task: &TaskArguments,
    deletion: DeletionOptions,
    output: Output,
) -> Result<(), Failure> {
    let name = task.find(service).await?;
    if deletion.dry_run {
        let request = GetExternalReplicationRequest { name: name.clone() };
        show(output, service.answer(service.tasks().get_external_replication(request)).await?)?;
    }
    if deletion.confirmed(&format!("task {}; what was copied stays", task.task))? {
        let request = DeleteExternalReplicationRequest {
            name,
            ..DeleteExternalReplicationRequest::default()
        };
        service.answer(service.tasks().delete_external_replication(request)).await?;
        note(format_args!("task {} is deleted", task.task));
    }
    Ok(())
}

async fn watch(service: &Service, name: String, output: Output) -> Result<(), Failure> {
    let request = WatchExternalReplicationRequest { name };
    let mut client = service.tasks();
    let mut tasks = service.answer(client.watch_external_replication(request)).await?;
    while let Some(task) = tasks.message().await? {
        output.event(&TaskView::from(task))?;
    }
    note("the task is gone");
    Ok(())
}

async fn wait(
    service: &Service,
    name: &str,
    Patience(stalled_after): Patience,
    output: Output,
) -> Result<(), Failure> {
    let goal = Goal { task: name.to_owned(), etag: None, stalled_after };
    let print = |task: &ExternalReplication| output.event(&TaskView::from(task.clone()));
    until_copied(service, goal, print).await?;
    Ok(())
}
