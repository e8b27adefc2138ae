//! Revisions: lists of them, one whole, and of which collections they are kept.

mod derived;
mod put;
mod stream;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use jackdaw_common::{ChangeVector, DocumentId, RevisionsConfiguration, id::lower};
use jackdaw_proto::{
    convert::documents::revisions as convert,
    documents as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{
    Configure, ConfigureError, Enforce, Snapshot, Store, StoreError,
    tables::{changes::ChangeRow, revisions::Revision},
};
use prost::Message as _;

use super::{PAGE_BYTES_MAX, PARTS_QUEUED_MAX};
pub(super) use derived::Derived;
pub(super) use put::new_revision;
pub(super) use stream::stream;

use crate::{
    catalog::Database,
    control::{
        blocking, editing, failure,
        feeding::{self, Feeder, Parts},
        pace,
        paging::{Page, Scope},
    },
};

/// A page of a document's revisions.
pub(super) async fn list(
    store: &Store,
    request: &wire::ListRevisionsRequest,
) -> Result<wire::ListRevisionsResponse, WireError> {
    let id = DocumentId::new(&request.document_id)
        .map_err(|error| WireError::field("document_id", error))?;
    let database = store.database_id().to_string();
    let key = lower(&request.document_id).into_owned();
    let arguments = ["revisions", &database, &key];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let (revisions, last) =
        blocking(move || page_of(&snapshot, &id, &page).map_err(|error| failure::store(&error)))
            .await?;
    let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
    Ok(wire::ListRevisionsResponse { revisions, next_page_token })
}

/// The revisions of a page, and the place of the last one where there are others.
fn page_of(
    snapshot: &Snapshot,
    id: &DocumentId,
    page: &Page,
) -> Result<(Vec<wire::Revision>, Option<String>), StoreError> {
    let after = page.after.as_deref().and_then(|after| URL_SAFE_NO_PAD.decode(after).ok());
    let after = after.map(Bytes::from);
    let (mut revisions, mut last, mut bytes) = (Vec::new(), None, 0);
    for entry in snapshot.revisions(id, after.as_ref()) {
        let (place, revision) = entry?;
        if revisions.len() == page.entries || bytes >= PAGE_BYTES_MAX {
            return Ok((revisions, last));
        }
        let flags = derived::of_revision(snapshot, &revision);
        let Revision { id, vector, last_modified, collection, size, .. } = &revision;
        bytes += id.as_str().len() + 64 * vector.len() + 256;
        revisions.push(convert::listed(convert::Listed {
            id,
            vector,
            last_modified: *last_modified,
            collection,
            size: *size,
            flags,
        }));
        last = Some(URL_SAFE_NO_PAD.encode(&place));
    }
    Ok((revisions, None))
}

/// One revision, whole.
pub(super) async fn get(
    store: &Store,
    request: &wire::GetRevisionRequest,
) -> Result<wire::Revision, WireError> {
    let mut violations = Violations::new();
    let id = violations.check("document_id", DocumentId::new(&request.document_id));
    let vector = vector("change_vector", &request.change_vector, &mut violations);
    let (id, vector) = violations.value(id.zip(vector))?;
    let snapshot = store.snapshot();
    blocking(move || {
        let (revision, row) = find(&snapshot, &id, &vector)?;
        let flags = derived::of_revision(&snapshot, &revision);
        Ok(convert::revision(row.version, flags))
    })
    .await
}

/// Reads the vector that names a revision; `None` after adding what is wrong.
pub(super) fn vector(path: &str, text: &str, violations: &mut Violations) -> Option<ChangeVector> {
    let vector = text.parse::<ChangeVector>();
    let vector = violations.check(path, vector)?;
    if vector.is_empty() {
        violations.add(path, "is empty: it names no revision");
        return None;
    }
    Some(vector)
}

/// A revision, and the version that it is.
pub(super) fn find(
    snapshot: &Snapshot,
    id: &DocumentId,
    vector: &ChangeVector,
) -> Result<(Revision, ChangeRow), WireError> {
    let found = snapshot.revision(id, vector).map_err(|error| failure::store(&error))?;
    found.ok_or_else(|| {
        let text = format!("document {id} has no revision {vector}");
        WireError::new(Reason::RevisionNotFound, text)
            .with("id", id)
            .with("change_vector", vector)
            .about("jackdaw/Revision", format!("{id}@{vector}"))
    })
}

/// Of which collections revisions are kept.
pub(super) fn configuration(store: &Store) -> wire::RevisionsConfiguration {
    shown(store.snapshot().revisions_configuration())
}

fn shown(configuration: &RevisionsConfiguration) -> wire::RevisionsConfiguration {
    let message = convert::configuration(configuration);
    let etag = editing::etag([URL_SAFE_NO_PAD.encode(message.encode_to_vec()).as_str()]);
    wire::RevisionsConfiguration { etag, ..message }
}

/// Sets that.
pub(super) async fn configure(
    database: &Database,
    configuration: Option<wire::RevisionsConfiguration>,
) -> Result<wire::RevisionsConfiguration, WireError> {
    let mut violations = Violations::new();
    let Some(configuration) = configuration else {
        return Err(WireError::field("configuration", "is missing: send an empty one for none"));
    };
    let etag = configuration.etag.clone();
    let wanted = convert::read_configuration("configuration", configuration, &mut violations);
    let wanted = violations.value(wanted)?;
    let store = database.store();
    let current = store.snapshot().revisions_configuration().clone();
    let actual = shown(&current).etag;
    let what = "the configuration of revisions";
    editing::check_etag(&etag, &actual, CONFIGURATION, what)?;
    let expected = (!etag.is_empty()).then_some(current);
    let answer = shown(&wanted);
    match store.configure_revisions(Configure { expected, configuration: wanted }).await {
        Ok(()) => Ok(answer),
        Err(ConfigureError::Changed) => {
            let actual = self::configuration(store).etag;
            Err(editing::check_etag(&etag, &actual, CONFIGURATION, what).err().unwrap_or_else(
                || {
                    let text = format!("{what} was changed by somebody else meanwhile");
                    WireError::new(Reason::ConcurrentChange, text)
                },
            ))
        }
        Err(ConfigureError::Store(error)) => Err(failure::store(&error)),
    }
}

/// Removes all revisions that are not kept any more, and says how far that has come, to a client
/// that takes a part within `stall_max`.
pub(super) fn enforce(
    database: Arc<Database>,
    stall_max: Duration,
) -> Parts<wire::EnforceRevisionsResponse> {
    let store = database.store().clone();
    feeding::parts(database, PARTS_QUEUED_MAX, |sender| steps(sender, store, stall_max))
}

async fn steps(
    sender: Feeder<wire::EnforceRevisionsResponse>,
    store: Store,
    stall_max: Duration,
) -> Result<(), WireError> {
    let mut response = wire::EnforceRevisionsResponse::default();
    let mut step = Enforce::default();
    loop {
        let Some(room) = pace::room(&sender, stall_max).await? else { return Ok(()) };
        let done = store.enforce_revisions(step).await;
        let done = done.map_err(|jackdaw_store::EnforceError::Store(it)| failure::store(&it))?;
        response.documents += done.documents;
        response.removed += done.removed;
        response.done = done.next.is_none();
        room.send(Ok(response));
        match done.next {
            Some(next) => step = next,
            None => return Ok(()),
        }
    }
}

/// Type of a configuration as a resource.
const CONFIGURATION: &str = "jackdaw/RevisionsConfiguration";
