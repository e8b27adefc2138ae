//! A client of one service: the calls that tests make over and over.

mod local;
mod parts;
mod revisions;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use jackdaw_node::{channel, tls::ClientTls};
use jackdaw_proto::{
    control::{
        ConnectionString, CreateConnectionStringRequest, CreateDatabaseRequest,
        CreateExternalReplicationRequest, Database, DeleteExternalReplicationRequest,
        ExternalReplication, GetDatabaseRequest, GetExternalReplicationRequest,
        connection_strings_client::ConnectionStringsClient, databases_client::DatabasesClient,
        external_replications_client::ExternalReplicationsClient,
    },
    documents::{
        BulkWriteRequest, Command, Delete, DeleteDocumentRequest, Document, GetDocumentRequest,
        Put, PutDocumentRequest, StreamDocumentsRequest, TransactRequest, Written, command,
        documents_client::DocumentsClient,
    },
};
use tonic::transport::Channel;

pub use parts::Point;

/// Largest message that tests take.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A client of one service.
#[derive(Clone)]
pub struct Client {
    /// Its connection.
    pub channel: Channel,
}

/// Everything a database says of its documents: id to change vector, body, and the names and hashes
/// of what is attached.
pub type Content = BTreeMap<String, (String, Bytes, Vec<(String, String)>)>;

impl Client {
    /// Dials a service.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub async fn connect(url: &str, tls: &ClientTls) -> Result<Self> {
        Ok(Self { channel: channel::connect(&url.parse()?, tls).await? })
    }

    /// Its `Documents`.
    pub fn documents(&self) -> DocumentsClient<Channel> {
        DocumentsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Its `Databases`.
    pub fn databases(&self) -> DatabasesClient<Channel> {
        DatabasesClient::new(self.channel.clone())
    }

    /// Its `ConnectionStrings`.
    pub fn connection_strings(&self) -> ConnectionStringsClient<Channel> {
        ConnectionStringsClient::new(self.channel.clone())
    }

    /// Its `ExternalReplications`.
    pub fn tasks(&self) -> ExternalReplicationsClient<Channel> {
        ExternalReplicationsClient::new(self.channel.clone())
    }

    /// Creates a database.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn create_database(&self, name: &str) -> Result<Database> {
        let request = CreateDatabaseRequest { database_id: name.into(), ..Default::default() };
        Ok(self.databases().create_database(request).await?.into_inner())
    }

    /// A database with its counts.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn database(&self, name: &str) -> Result<Database> {
        let request = GetDatabaseRequest { name: format!("databases/{name}") };
        Ok(self.databases().get_database(request).await?.into_inner())
    }

    /// Creates a connection string "there" and a task that uses it; answers the task.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn replicate(
        &self,
        database: &str,
        destination: &str,
        urls: &[String],
    ) -> Result<ExternalReplication> {
        self.replicate_as("there", database, destination, urls).await
    }

    /// Deletes a task.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn delete_task(&self, name: &str) -> Result<()> {
        let request = DeleteExternalReplicationRequest { name: name.into(), ..Default::default() };
        self.tasks().delete_external_replication(request).await?;
        Ok(())
    }

    /// Creates a connection string of this name and a task that uses it; answers the task.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn replicate_as(
        &self,
        name: &str,
        database: &str,
        destination: &str,
        urls: &[String],
    ) -> Result<ExternalReplication> {
        let parent = format!("databases/{database}");
        let string = CreateConnectionStringRequest {
            parent: parent.clone(),
            connection_string_id: name.into(),
            connection_string: Some(ConnectionString {
                database: destination.into(),
                topology_discovery_urls: urls.to_vec(),
                ..ConnectionString::default()
            }),
            ..Default::default()
        };
        self.connection_strings().create_connection_string(string).await?;
        let task = CreateExternalReplicationRequest {
            parent,
            external_replication: Some(ExternalReplication {
                connection_string: name.into(),
                ..ExternalReplication::default()
            }),
            ..Default::default()
        };
        Ok(self.tasks().create_external_replication(task).await?.into_inner())
    }

    /// A task as it is now.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn task(&self, name: &str) -> Result<ExternalReplication> {
        let request = GetExternalReplicationRequest { name: name.into() };
        Ok(self.tasks().get_external_replication(request).await?.into_inner())
    }

    /// Writes one document.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn put(&self, database: &str, id: &str, body: &str) -> Result<Written> {
        let request = PutDocumentRequest { database: database.into(), put: Some(put(id, body)) };
        let written = self.documents().put_document(request).await?.into_inner().written;
        written.context("nothing written")
    }

    /// Deletes one document.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn delete(&self, database: &str, id: &str) -> Result<()> {
        let request = DeleteDocumentRequest {
            database: database.into(),
            delete: Some(Delete { id: id.into(), expected_change_vector: None }),
        };
        self.documents().delete_document(request).await?;
        Ok(())
    }

    /// Reads one document.
    ///
    /// # Errors
    ///
    /// The service's status, untouched.
    pub async fn document(&self, database: &str, id: &str) -> Result<Document, tonic::Status> {
        let request =
            GetDocumentRequest { database: database.into(), id: id.into(), derive_metadata: false };
        Ok(self.documents().get_document(request).await?.into_inner())
    }

    /// Writes several documents in one transaction.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn transact(&self, database: &str, documents: &[(String, String)]) -> Result<()> {
        let commands = commands(documents);
        let request = TransactRequest { database: database.into(), commands };
        self.documents().transact(request).await?;
        Ok(())
    }

    /// Writes many documents, `at_once` a transaction.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn write(
        &self,
        database: &str,
        documents: Vec<(String, String)>,
        at_once: usize,
    ) -> Result<u64> {
        self.bulk_write(transactions(database, &documents, at_once)).await
    }

    /// Carries out transactions, one after the other; answers the last etag.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn bulk_write(&self, transactions: Vec<BulkWriteRequest>) -> Result<u64> {
        let response = self.documents().bulk_write(tokio_stream::iter(transactions)).await?;
        Ok(response.into_inner().last_etag)
    }

    /// Everything a database holds.
    ///
    /// # Errors
    ///
    /// The service's; a document in conflict is one too.
    pub async fn content(&self, database: &str) -> Result<Content> {
        let request = StreamDocumentsRequest { database: database.into(), ..Default::default() };
        let mut stream = self.documents().stream_documents(request).await?.into_inner();
        let mut content = Content::new();
        while let Some(part) = stream.message().await? {
            anyhow::ensure!(part.conflicts.is_empty(), "conflicts: {:?}", part.conflicts);
            for document in part.documents {
                let attached = document.attachments.iter();
                let attached = attached.map(|it| (it.name.clone(), it.hash.clone())).collect();
                let versions = (document.change_vector, document.body, attached);
                content.insert(document.id, versions);
            }
        }
        Ok(content)
    }
}

/// Puts of these documents, `at_once` a transaction.
pub fn transactions(
    database: &str,
    documents: &[(String, String)],
    at_once: usize,
) -> Vec<BulkWriteRequest> {
    documents
        .chunks(at_once.max(1))
        .map(|chunk| BulkWriteRequest { database: database.into(), commands: commands(chunk) })
        .collect()
}

fn put(id: &str, body: &str) -> Put {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Put { id: id.into(), body, expected_change_vector: None }
}

fn commands(documents: &[(String, String)]) -> Vec<Command> {
    documents
        .iter()
        .map(|(id, body)| Command { command: Some(command::Command::Put(put(id, body))) })
        .collect()
}
