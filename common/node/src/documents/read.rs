//! Reading one document, and pages of them.

use jackdaw_common::{DocumentId, Version, id::lower};
use jackdaw_proto::{
    convert::documents::{CONFLICT_DETAIL, conflict_detail, document},
    documents as wire,
    wire::{Reason, WireError},
};
use jackdaw_store::{Lookup, Snapshot, Store, StoreError, tables::changes::ChangeRow};

use super::{PAGE_BYTES_MAX, PAGE_SCAN_MAX, body, revisions::Derived};
use crate::control::{
    blocking, failure,
    paging::{Page, Scope},
};

/// One document of the newest published snapshot.
pub(super) async fn get(
    store: &Store,
    id: DocumentId,
    derive_metadata: bool,
) -> Result<wire::Document, WireError> {
    let snapshot = store.snapshot();
    blocking(move || match snapshot.document(&id).map_err(|error| failure::store(&error))? {
        Lookup::Found(row) if !row.version.content.is_tombstone() => {
            whole(&snapshot, *row, derive_metadata)
        }
        Lookup::Found(_) | Lookup::Missing => Err(not_found(&id)),
        Lookup::Conflict(rows) => {
            Err(in_conflict(&id, rows.into_iter().map(Version::from).collect()))
        }
    })
    .await
}

/// A document with what the database says of it, also within its metadata where that is wanted.
fn whole(
    snapshot: &Snapshot,
    row: ChangeRow,
    derive_metadata: bool,
) -> Result<wire::Document, WireError> {
    let derived = Derived::read(snapshot, &row, derive_metadata);
    let derived = derived.map_err(|error| failure::store(&error))?;
    let mut document = document(row.etag, row.version);
    if derive_metadata {
        let members = derived.members();
        let body =
            members.map_err(Into::into).and_then(|it| body::with_derived(&document.body, &it));
        document.body = body.map_err(|error| {
            let text = format!("the body of document {} cannot be read: {error}", document.id);
            WireError::new(Reason::RowCorrupt, text)
        })?;
    }
    document.flags = derived.flags.into_iter().map(Into::into).collect();
    Ok(document)
}

/// Checks that a document has a version that is live, so that what it has can be read.
pub(super) fn check_live(snapshot: &Snapshot, id: &DocumentId) -> Result<(), WireError> {
    match snapshot.is_live(id).map_err(|error| failure::store(&error))? {
        true => Ok(()),
        false => Err(not_found(id)),
    }
}

pub(super) fn not_found(id: &DocumentId) -> WireError {
    WireError::new(Reason::DocumentNotFound, format!("there is no document {id}"))
        .with("id", id)
        .about(DOCUMENT, id)
}

pub(super) fn in_conflict(id: &DocumentId, versions: Vec<Version>) -> WireError {
    let count = versions.len();
    WireError::new(
        Reason::DocumentConflict,
        format!("document {id} is in conflict: {count} versions stand side by side"),
    )
    .with("id", id)
    .with("versions", count)
    .about(DOCUMENT, id)
    .with_detail(CONFLICT_DETAIL, &conflict_detail(versions))
}

/// A page of documents in id order.
pub(super) async fn list(
    store: &Store,
    request: &wire::ListDocumentsRequest,
) -> Result<wire::ListDocumentsResponse, WireError> {
    let prefix = prefix(&request.id_prefix)?;
    let database = store.database_id().to_string();
    let arguments = ["documents", &database, &prefix];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let (documents, last) = {
        let prefix = prefix.clone();
        blocking(move || {
            read_page(&snapshot, &prefix, &page).map_err(|error| failure::store(&error))
        })
        .await?
    };
    let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
    Ok(wire::ListDocumentsResponse { documents, next_page_token })
}

/// The documents of a page, and the key of the last one looked at where there are others.
fn read_page(
    snapshot: &Snapshot,
    prefix: &str,
    page: &Page,
) -> Result<(Vec<wire::Document>, Option<String>), StoreError> {
    let mut documents = Vec::new();
    let mut last = page.after.clone();
    let mut bytes = 0;
    for (scanned, entry) in snapshot.documents(prefix, page.after.as_deref()).enumerate() {
        let entry = entry?;
        let full = documents.len() == page.entries || scanned == PAGE_SCAN_MAX;
        let size = size(&entry);
        if full || (!documents.is_empty() && bytes + size > PAGE_BYTES_MAX) {
            return Ok((documents, last));
        }
        last = key(&entry);
        if let Lookup::Found(row) = entry {
            bytes += size;
            documents.push(document(row.etag, row.version));
        }
    }
    Ok((documents, None))
}

/// The key of an entry of a list.
pub(super) fn key(entry: &Lookup) -> Option<String> {
    id(entry).map(|id| id.key().to_owned())
}

/// The id of an entry of a list.
pub(super) fn id(entry: &Lookup) -> Option<&DocumentId> {
    let row = match entry {
        Lookup::Missing => None,
        Lookup::Found(row) => Some(&**row),
        Lookup::Conflict(rows) => rows.first(),
    };
    row.map(|row| &row.version.id)
}

/// About how many bytes an entry of a list takes in a message.
pub(super) fn size(entry: &Lookup) -> usize {
    let of = |version: &Version| {
        version.content.bytes()
            + version.id.as_str().len()
            + version.attachments.encoded_bytes_max()
            + 64 * version.vector.len()
            + 128
    };
    match entry {
        Lookup::Missing => 0,
        Lookup::Found(row) => of(&row.version),
        Lookup::Conflict(rows) => rows.iter().map(|row| of(&row.version)).sum(),
    }
}

/// Reads the prefix of ids, in lower case.
pub(super) fn prefix(text: &str) -> Result<String, WireError> {
    lowered("id_prefix", text)
}

/// Reads behind which id a stream begins, in lower case; none: with the first.
pub(super) fn after(text: &str) -> Result<Option<String>, WireError> {
    let after = lowered("after_id", text)?;
    Ok(Some(after).filter(|after| !after.is_empty()))
}

fn lowered(field: &'static str, text: &str) -> Result<String, WireError> {
    if text.len() > DocumentId::KEY_BYTES_MAX {
        return Err(WireError::field(field, "is longer than any id"));
    }
    Ok(lower(text).into_owned())
}

/// Type of a document as a resource.
const DOCUMENT: &str = "jackdaw/Document";
