//! The lines of calls that change something.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tracing::Subscriber;
use tracing::instrument::WithSubscriber as _;

use super::*;
use crate::control::fixture::{Caller, Site, refused, wire};

#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(super) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let writer = self.clone();
        tracing_subscriber::fmt()
            .json()
            .with_writer(move || writer.clone())
            .with_max_level(tracing::Level::TRACE)
            .finish()
    }

    /// What was logged since it was asked last.
    pub(super) fn take(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The calls that were audited since it was asked last: method, resource and outcome.
    fn changes(&self) -> Vec<[String; 3]> {
        let events = self.take();
        let audited = events.iter().filter(|event| event["target"] == "audit");
        let fields = audited.map(|event| &event["fields"]).filter(|it| it["event"] == "change");
        let texts = fields.map(|fields| {
            let field = |name: &str| fields[name].as_str().unwrap_or("").to_owned();
            let who = [field("thumbprint"), field("name")];
            assert_eq!(who, [certificate(Caller::Operator as u8).to_string(), "Operator".into()]);
            let method = field("method").rsplit('/').next().unwrap().to_owned();
            [method, field("resource"), field("outcome")]
        });
        texts.collect()
    }
}

#[test]
fn every_method_of_who_runs_it_that_does_not_only_show_is_audited() {
    for row in ROWS {
        let (service, method) = row.method.rsplit_once('/').unwrap();
        let shows = ["Get", "List", "Watch"].iter().any(|verb| method.starts_with(verb));
        let expected = match method {
            "BackupDatabase" => Audit::Stream,
            _ if service.starts_with("/jackdaw.control.") && !shows => Audit::Answer,
            _ if row.rule == Rule::Database(Level::Admin) && !shows => Audit::Answer,
            _ => Audit::Refusals,
        };
        assert_eq!(row.audit, expected, "{row:?}");
    }
}

fn create(name: &str) -> wire::CreateDatabaseRequest {
    wire::CreateDatabaseRequest { database_id: name.into(), ..Default::default() }
}

fn backup(name: &str) -> wire::BackupDatabaseRequest {
    wire::BackupDatabaseRequest { name: name.into() }
}

async fn change_everything(lines: &Lines) {
    let site = Site::new().await;
    let mut operator = site.databases(Caller::Operator);
    operator.create_database(create("Orders")).await.unwrap();
    // Another test may have come by when nobody listened: see above.
    while lines.take().is_empty() {
        refused(operator.create_database(create("Orders")).await, Reason::DatabaseAlreadyExists);
        tracing::callsite::rebuild_interest_cache();
    }
    let line = |method: &str, resource: &str, outcome: &str| {
        [method.to_owned(), resource.to_owned(), outcome.to_owned()]
    };

    operator.create_database(create("Shop")).await.unwrap();
    refused(operator.create_database(create("Shop")).await, Reason::DatabaseAlreadyExists);
    refused(operator.create_database(create("?")).await, Reason::FieldInvalid);
    let retired = wire::RetireIncarnationsRequest {
        name: "databases/Shop".into(),
        incarnations: vec!["AAAAAAAAAAAAAAAAAAAAAA".into()],
    };
    refused(operator.retire_incarnations(retired).await, Reason::IncarnationUnknown);
    let expected = [
        line("CreateDatabase", "databases/Shop", "OK"),
        line("CreateDatabase", "databases/Shop", "DATABASE_ALREADY_EXISTS"),
        line("CreateDatabase", "databases/?", "FIELD_INVALID"),
        line("RetireIncarnations", "databases/Shop", "INCARNATION_UNKNOWN"),
    ];
    assert_eq!(lines.changes(), expected);

    let mut pieces = operator.backup_database(backup("databases/Shop")).await.unwrap().into_inner();
    assert_eq!(lines.changes(), Vec::<[String; 3]>::new(), "it is not over yet");
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        whole.push(piece.unwrap().data);
    }
    drop(operator.backup_database(backup("databases/Shop")).await.unwrap());
    refused(operator.backup_database(backup("databases/No")).await, Reason::DatabaseNotFound);
    let name = "databases/Shop".to_owned();
    operator.delete_database(wire::DeleteDatabaseRequest { name }).await.unwrap();
    let database_id = "Again".to_owned();
    let piece = wire::RestoreDatabaseRequest { database_id, data: whole.concat().into() };
    operator.restore_database(tokio_stream::iter([piece])).await.unwrap();
    let expected = [
        line("BackupDatabase", "databases/Shop", "OK"),
        line("BackupDatabase", "databases/Shop", "ABANDONED"),
        line("BackupDatabase", "databases/No", "DATABASE_NOT_FOUND"),
        line("DeleteDatabase", "databases/Shop", "OK"),
        line("RestoreDatabase", "databases/Again", "OK"),
    ];
    assert_eq!(lines.changes(), expected);

    // What only shows is none, nor is what never got to a service.
    let name = "databases/Again".to_owned();
    operator.get_database(wire::GetDatabaseRequest { name }).await.unwrap();
    let reader = site.databases(Caller::Reader).create_database(create("More")).await;
    refused(reader, Reason::ClearanceInsufficient);
    // Whoever goes before the answer is there may have changed something.
    let waits = tokio_stream::pending::<wire::RestoreDatabaseRequest>();
    let left = timeout(Duration::from_millis(100), operator.restore_database(waits)).await;
    assert!(left.is_err());
    assert_eq!(lines.changes(), [line("RestoreDatabase", "", "ABANDONED")]);
}

#[tokio::test]
async fn every_change_is_one_line_of_the_audit_log_with_its_outcome() {
    let lines = Lines::default();
    change_everything(&lines).with_subscriber(lines.subscriber()).await;
}
