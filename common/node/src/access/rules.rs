//! Who may call what: a row for every method of every service, and nothing without a row.
//!
//! A method that is added to a `.proto` and not here cannot be called; a test compares this table
//! with the compiled descriptors. Rows of `Database` are decided where the request is decoded,
//! by `Identity::require_database`, since only the message says which database.

use super::Level;

/// What a method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Any certificate of the access list.
    AnyTrusted,
    /// OPERATOR or CLUSTER_ADMIN.
    Operator,
    /// CLUSTER_ADMIN.
    ClusterAdmin,
    /// OPERATOR or CLUSTER_ADMIN, or a USER with at least this level on the database named.
    Database(Level),
}

/// Which calls of a method are lines of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Those that are refused, as of every method.
    Refusals,
    /// All, once they are answered.
    Answer,
    /// All, once the stream of their answer has ended.
    Stream,
}

/// A method and its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The path as it stands in the request: `/package.Service/Method`.
    pub method: &'static str,
    /// What it asks.
    pub rule: Rule,
    /// What is logged of it.
    pub audit: Audit,
}

/// The row of a request path; none means refused.
pub fn row_of(path: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.method == path)
}

const fn row(method: &'static str, rule: Rule) -> Row {
    Row { method, rule, audit: Audit::Refusals }
}

/// A method that changes databases, connection strings or tasks.
const fn change(method: &'static str, rule: Rule) -> Row {
    Row { method, rule, audit: Audit::Answer }
}

/// A method that takes all of a database away.
const fn export(method: &'static str, rule: Rule) -> Row {
    Row { method, rule, audit: Audit::Stream }
}

const READ: Rule = Rule::Database(Level::Read);
const READ_WRITE: Rule = Rule::Database(Level::ReadWrite);
const ADMIN: Rule = Rule::Database(Level::Admin);

/// The table, by service.
pub const ROWS: &[Row] = &[
    change("/jackdaw.control.v1.Databases/CreateDatabase", Rule::Operator),
    row("/jackdaw.control.v1.Databases/GetDatabase", READ),
    row("/jackdaw.control.v1.Databases/GetReplicationScope", READ),
    // Answers with the databases that the caller may read.
    row("/jackdaw.control.v1.Databases/ListDatabases", Rule::AnyTrusted),
    change("/jackdaw.control.v1.Databases/DeleteDatabase", Rule::Operator),
    export("/jackdaw.control.v1.Databases/BackupDatabase", Rule::Operator),
    change("/jackdaw.control.v1.Databases/RestoreDatabase", Rule::Operator),
    change("/jackdaw.control.v1.Databases/RetireIncarnations", Rule::Operator),
    change("/jackdaw.control.v1.ConnectionStrings/CreateConnectionString", ADMIN),
    row("/jackdaw.control.v1.ConnectionStrings/GetConnectionString", ADMIN),
    row("/jackdaw.control.v1.ConnectionStrings/ListConnectionStrings", ADMIN),
    change("/jackdaw.control.v1.ConnectionStrings/UpdateConnectionString", ADMIN),
    change("/jackdaw.control.v1.ConnectionStrings/DeleteConnectionString", ADMIN),
    change("/jackdaw.control.v1.ExternalReplications/CreateExternalReplication", Rule::Operator),
    row("/jackdaw.control.v1.ExternalReplications/GetExternalReplication", READ),
    row("/jackdaw.control.v1.ExternalReplications/ListExternalReplications", READ),
    change("/jackdaw.control.v1.ExternalReplications/UpdateExternalReplication", Rule::Operator),
    change("/jackdaw.control.v1.ExternalReplications/DeleteExternalReplication", Rule::Operator),
    change("/jackdaw.control.v1.ExternalReplications/EnableExternalReplication", Rule::Operator),
    change("/jackdaw.control.v1.ExternalReplications/DisableExternalReplication", Rule::Operator),
    row("/jackdaw.control.v1.ExternalReplications/WatchExternalReplication", READ),
    row("/jackdaw.documents.v1.Documents/GetDocument", READ),
    row("/jackdaw.documents.v1.Documents/PutDocument", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/DeleteDocument", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/Transact", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/ListDocuments", READ),
    row("/jackdaw.documents.v1.Documents/StreamDocuments", READ),
    row("/jackdaw.documents.v1.Documents/StreamRevisions", READ),
    row("/jackdaw.documents.v1.Documents/BulkWrite", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/PutAttachment", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/GetAttachment", READ),
    row("/jackdaw.documents.v1.Documents/DeleteAttachment", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/ListAttachments", READ),
    row("/jackdaw.documents.v1.Documents/IncrementCounter", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/GetCounter", READ),
    row("/jackdaw.documents.v1.Documents/ListCounters", READ),
    row("/jackdaw.documents.v1.Documents/DeleteCounter", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/AppendTimeSeries", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/GetTimeSeriesRange", READ),
    row("/jackdaw.documents.v1.Documents/DeleteTimeSeriesRange", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/ListTimeSeries", READ),
    row("/jackdaw.documents.v1.Documents/PutCompareExchange", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/GetCompareExchange", READ),
    row("/jackdaw.documents.v1.Documents/DeleteCompareExchange", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/ListCompareExchange", READ),
    row("/jackdaw.documents.v1.Documents/ListIdentities", READ),
    row("/jackdaw.documents.v1.Documents/NextIdentity", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/SetIdentity", READ_WRITE),
    row("/jackdaw.documents.v1.Documents/ListRevisions", READ),
    row("/jackdaw.documents.v1.Documents/GetRevision", READ),
    row("/jackdaw.documents.v1.Documents/GetRevisionsConfiguration", READ),
    change("/jackdaw.documents.v1.Documents/ConfigureRevisions", ADMIN),
    change("/jackdaw.documents.v1.Documents/EnforceRevisions", ADMIN),
    row("/jackdaw.documents.v1.Documents/WatchChanges", READ),
    // Being a source that replicates into a database is writing to it.
    row("/jackdaw.replication.v1.Replication/Replicate", READ_WRITE),
    row("/grpc.health.v1.Health/Check", Rule::AnyTrusted),
    row("/grpc.health.v1.Health/Watch", Rule::AnyTrusted),
    row("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Rule::AnyTrusted),
    row("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Rule::AnyTrusted),
];
