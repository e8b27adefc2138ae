//! What `documents` promises, tried out.

mod attachments;
mod body;
mod bulk;
mod compare_exchange;
mod counters;
mod follow;
mod identities;
mod many;
mod pace;
mod read;
mod revisions;
mod series;
mod transact;
mod write;

use jackdaw_proto::documents as wire;
use tonic::Request;

use crate::control::fixture::{Caller, Site};

/// A put as a client writes it.
fn put(id: &str, body: &str) -> wire::Put {
    wire::Put { id: id.into(), body: body.as_bytes().to_vec().into(), expected_change_vector: None }
}

fn put_command(id: &str, body: &str) -> wire::Command {
    wire::Command { command: Some(wire::command::Command::Put(put(id, body))) }
}

fn delete_command(id: &str) -> wire::Command {
    let delete = wire::Delete { id: id.into(), expected_change_vector: None };
    wire::Command { command: Some(wire::command::Command::Delete(delete)) }
}

fn put_request(put: wire::Put) -> wire::PutDocumentRequest {
    wire::PutDocumentRequest { database: "Orders".into(), put: Some(put) }
}

fn get_request(id: &str) -> wire::GetDocumentRequest {
    wire::GetDocumentRequest { database: "Orders".into(), id: id.into(), derive_metadata: false }
}

fn transact_request(commands: Vec<wire::Command>) -> wire::TransactRequest {
    wire::TransactRequest { database: "Orders".into(), commands }
}

fn list_request(prefix: &str, page_size: i32, token: &str) -> wire::ListDocumentsRequest {
    wire::ListDocumentsRequest {
        database: "Orders".into(),
        id_prefix: prefix.into(),
        page_size,
        page_token: token.into(),
    }
}

fn stream_request(prefix: &str) -> wire::StreamDocumentsRequest {
    wire::StreamDocumentsRequest {
        database: "Orders".into(),
        id_prefix: prefix.into(),
        ..Default::default()
    }
}

/// All of a stream, with what documents have.
async fn stream_parts(site: &Site) -> (Vec<wire::Document>, Vec<wire::DocumentConflict>) {
    let request = wire::StreamDocumentsRequest {
        include_counters_and_time_series: true,
        include_time_series_digests: true,
        ..stream_request("")
    };
    let stream = site.documents(Caller::Reader).stream_documents(request).await;
    let mut stream = stream.unwrap().into_inner();
    let (mut documents, mut conflicts) = (Vec::new(), Vec::new());
    while let Some(part) = stream.message().await.unwrap() {
        documents.extend(part.documents);
        conflicts.extend(part.conflicts);
    }
    (documents, conflicts)
}

/// Writes documents as a client does.
async fn fill(site: &Site, ids: &[&str], body: &str) {
    let commands = ids.iter().map(|id| put_command(id, body)).collect();
    let request = Request::new(transact_request(commands));
    site.documents(Caller::Writer).transact(request).await.unwrap();
}
