//! `jackdaw revision`: lists and prints revisions of documents, says of which collections they are
//! kept, and removes those that are not any more.

use clap::{Args, Subcommand};
use jackdaw_proto::documents::{
    CollectionRevisionsRule, ConfigureRevisionsRequest, EnforceRevisionsRequest,
    GetRevisionRequest, GetRevisionsConfigurationRequest, ListRevisionsRequest,
    RevisionsConfiguration, RevisionsRule,
};

use super::DocumentOption;
use crate::command::{DatabaseOption, DeletionOptions, ListOptions, page_size};
use crate::connection::{ConnectionOptions, Service};
use crate::report::exit::{Exit, Failure};
use crate::report::output::{Format, Output, note};
use crate::report::view::{EnforcedView, RevisionView, RuleView};

/// Revisions of documents.
#[derive(Args, Debug)]
pub(crate) struct RevisionCommand {
    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the revisions of a document, the newest first; also of one that was deleted
    List {
        #[command(flatten)]
        document: DocumentOption,

        #[command(flatten)]
        list: ListOptions,
    },
    /// Print a revision: its body as it was written, the rest on standard error
    Get {
        #[command(flatten)]
        document: DocumentOption,

        /// Its change vector, as the list has it
        change_vector: String,
    },
    /// Print of which collections revisions are kept
    Configuration {
        #[command(flatten)]
        database: DatabaseOption,
    },
    /// Set the whole rule of one collection, or of all that have none of their own: what is not
    /// given is no part of it any more
    Configure(Configure),
    /// Remove all revisions that no rule keeps, here and in every copy; where there is no rule, all
    Enforce {
        #[command(flatten)]
        database: DatabaseOption,

        #[command(flatten)]
        deletion: DeletionOptions,
    },
}

#[derive(Args, Debug)]
struct Configure {
    #[command(flatten)]
    database: DatabaseOption,

    /// The collection, any casing; without it all that have no rule of their own
    #[arg(long, value_name = "NAME")]
    collection: Option<String>,

    /// How many of each document stay in any case, the newest
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["remove", "disable"])]
    minimum_to_keep: Option<u64>,

    /// The age up to which they stay in any case
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["remove", "disable"])]
    minimum_age_to_keep_seconds: Option<u32>,

    /// Remove all of a document when it is deleted
    #[arg(long, conflicts_with_all = ["remove", "disable"])]
    purge_on_delete: bool,

    /// Keep none
    #[arg(long, conflicts_with = "remove")]
    disable: bool,

    /// Remove the rule
    #[arg(long)]
    remove: bool,
}

impl RevisionCommand {
    pub(in crate::command) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let service = self.connection.connect().await?;
        match self.what {
            What::List { document, list: shown } => {
                list(&service, &document, shown, output).await?;
            }
            What::Get { document, change_vector } => {
                let request = GetRevisionRequest {
                    database: document.database.database,
                    document_id: document.id,
                    change_vector,
                };
                let revision = service.answer(service.documents().get_revision(request)).await?;
                print(output, &RevisionView::new(revision)?)?;
            }
            What::Configuration { database } => {
                show(output, configuration(&service, database.database).await?)?;
            }
            What::Configure(configure) => {
                let database = configure.database.database.clone();
                let before = configuration(&service, database.clone()).await?;
                let configuration = Some(configure.apply(before));
                let request = ConfigureRevisionsRequest { database, configuration };
                let mut client = service.documents();
                show(output, service.answer(client.configure_revisions(request)).await?)?;
            }
            What::Enforce { database, deletion } => {
                let rules = configuration(&service, database.database.clone()).await?;
                if deletion.confirmed(&enforced(&database.database, &rules))? {
                    enforce(&service, database.database, output).await?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Configure {
    /// The configuration with the rule that is wanted.
    fn apply(self, mut configuration: RevisionsConfiguration) -> RevisionsConfiguration {
        let age = self
            .minimum_age_to_keep_seconds
            .map(|seconds| prost_types::Duration { seconds: i64::from(seconds), nanos: 0 });
        let rule = (!self.remove).then_some(RevisionsRule {
            disabled: self.disable,
            minimum_to_keep: self.minimum_to_keep,
            minimum_age_to_keep: age,
            purge_on_delete: self.purge_on_delete,
        });
        let Some(collection) = self.collection else {
            configuration.default_rule = rule;
            return configuration;
        };
        let rules = &mut configuration.collection_rules;
        rules.retain(|it| it.collection.to_lowercase() != collection.to_lowercase());
        rules.extend(rule.map(|rule| CollectionRevisionsRule { collection, rule: Some(rule) }));
        configuration
    }
}

/// What an enforcement removes, for whoever has to confirm it.
fn enforced(database: &str, rules: &RevisionsConfiguration) -> String {
    let everywhere = format!("of database {database}, here and in every copy");
    if rules.default_rule.is_none() && rules.collection_rules.is_empty() {
        return format!("EVERY revision {everywhere}: there is no rule that keeps any");
    }
    let others = match &rules.default_rule {
        Some(rule) if !rule.disabled => "",
        _ => ", and every one of collections without a rule",
    };
    format!("all revisions that the rules do not keep{others}, {everywhere}")
}

async fn configuration(
    service: &Service,
    database: String,
) -> Result<RevisionsConfiguration, Failure> {
    let request = GetRevisionsConfigurationRequest { database };
    service.answer(service.documents().get_revisions_configuration(request)).await
}

fn show(output: Output, configuration: RevisionsConfiguration) -> Result<(), Failure> {
    let default = configuration.default_rule.map(|rule| RuleView::new(String::new(), &rule));
    let rules = configuration.collection_rules.into_iter();
    let rules = rules.map(|it| RuleView::new(it.collection, &it.rule.unwrap_or_default()));
    let rules: Vec<_> = default.into_iter().chain(rules).collect();
    output.many(&rules)?;
    if rules.is_empty() {
        note("no revisions are kept");
    }
    Ok(())
}

fn print(output: Output, revision: &RevisionView) -> Result<(), Failure> {
    if output.format() != Format::Table {
        return output.value(revision);
    }
    note(revision.headline());
    output.body(revision.body())
}

async fn list(
    service: &Service,
    document: &DocumentOption,
    shown: ListOptions,
    output: Output,
) -> Result<(), Failure> {
    let page = async |page_token, wanted| {
        let request = ListRevisionsRequest {
            database: document.database.database.clone(),
            document_id: document.id.clone(),
            page_size: page_size(wanted),
            page_token,
        };
        let page = service.answer(service.documents().list_revisions(request)).await?;
        let revisions = page.revisions.into_iter().map(RevisionView::listed);
        Ok((revisions.collect(), page.next_page_token))
    };
    shown.show("revision", output, page).await
}

async fn enforce(service: &Service, database: String, output: Output) -> Result<(), Failure> {
    let request = EnforceRevisionsRequest { database };
    let mut client = service.documents();
    let mut steps = service.answer(client.enforce_revisions(request)).await?;
    let (mut last, mut done) = (EnforcedView::default(), false);
    while let Some(step) = service.in_time(steps.message()).await?? {
        done = step.done;
        last = EnforcedView::from(step);
    }
    if !done {
        return Err(Failure::local("the enforcement ended before it was done: repeat it"));
    }
    output.one(&last)
}
