//! Counters: numbers that documents have, and that many databases add to at once.

use jackdaw_common::{Counter, CounterName, DocumentId, id::lower};
use jackdaw_proto::{
    convert::documents::counters as convert,
    documents as wire,
    wire::{Reason, Violations, WireError},
};
use jackdaw_store::{Command, Snapshot, Store, StoreError};

use super::{PAGE_BYTES_MAX, PAGE_SCAN_MAX, read, write};
use crate::{
    catalog::Database,
    control::{
        blocking, failure,
        paging::{Page, Scope},
    },
};

/// An increment as the store carries it out.
pub(super) fn increment_command(increment: convert::IncrementCounter) -> Command {
    let convert::IncrementCounter { document, name, delta } = increment;
    Command::Increment { id: document, name, delta }
}

/// A deletion, likewise.
pub(super) fn delete_command(delete: convert::DeleteCounter) -> Command {
    let convert::DeleteCounter { document, name } = delete;
    Command::DeleteCounter { id: document, name }
}

/// Adds to a counter.
pub(super) async fn increment(
    database: &Database,
    increment: Option<wire::IncrementCounter>,
) -> Result<wire::IncrementCounterResponse, WireError> {
    let mut violations = Violations::new();
    let increment = convert::increment(convert::INCREMENT, increment, &mut violations);
    let command = increment_command(violations.value(increment)?);
    let written = write::carry_out(database, command).await?;
    Ok(wire::IncrementCounterResponse { value: written.counter_value, written: Some(written) })
}

/// Deletes a counter.
pub(super) async fn delete(
    database: &Database,
    delete: Option<wire::DeleteCounter>,
) -> Result<wire::DeleteCounterResponse, WireError> {
    let mut violations = Violations::new();
    let delete = convert::delete(convert::DELETE, delete, &mut violations);
    let command = delete_command(violations.value(delete)?);
    let written = write::carry_out(database, command).await?;
    Ok(wire::DeleteCounterResponse { written: Some(written) })
}

/// One counter of the newest published snapshot.
pub(super) async fn get(
    store: &Store,
    request: &wire::GetCounterRequest,
) -> Result<wire::Counter, WireError> {
    let mut violations = Violations::new();
    let id = violations.check("document_id", DocumentId::new(&request.document_id));
    let name = violations.check("name", CounterName::new(&request.name));
    let (id, name) = violations.value(id.zip(name))?;
    let snapshot = store.snapshot();
    blocking(move || {
        read::check_live(&snapshot, &id)?;
        let head = snapshot.counter(&id, &name).map_err(|error| failure::store(&error))?;
        let Some(head) = head.filter(|head| !head.part.partials.is_empty()) else {
            return Err(not_found(&id, &name));
        };
        if head.part.partials.value().is_err() {
            let text = format!("the value of counter {name} of document {id} is beyond 64 bits");
            return Err(beyond(&id, &name, text));
        }
        Ok(convert::counter(&head.part))
    })
    .await
}

/// A page of a document's counters.
pub(super) async fn list(
    store: &Store,
    request: &wire::ListCountersRequest,
) -> Result<wire::ListCountersResponse, WireError> {
    let id = DocumentId::new(&request.document_id)
        .map_err(|error| WireError::field("document_id", error))?;
    let database = store.database_id().to_string();
    let key = lower(&request.document_id).into_owned();
    let arguments = ["counters", &database, &key];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let (counters, last) = blocking(move || {
        read::check_live(&snapshot, &id)?;
        page_of(&snapshot, &id, &page).map_err(|error| failure::store(&error))
    })
    .await?;
    let next_page_token = last.map(|last| scope.token(&last)).unwrap_or_default();
    Ok(wire::ListCountersResponse { counters, next_page_token })
}

/// The counters of a page, and the key of the last one looked at where there are others.
fn page_of(
    snapshot: &Snapshot,
    id: &DocumentId,
    page: &Page,
) -> Result<(Vec<wire::Counter>, Option<String>), StoreError> {
    let mut counters = Vec::new();
    let mut last = None;
    let mut bytes = 0;
    let after = page.after.as_deref().unwrap_or_default();
    for (scanned, head) in snapshot.counters(id, after).enumerate() {
        let counter = head?.part;
        if counters.len() == page.entries || bytes >= PAGE_BYTES_MAX || scanned == PAGE_SCAN_MAX {
            return Ok((counters, last));
        }
        last = Some(counter.name.key().to_owned());
        // Deleted ones are looked at too.
        if !counter.partials.is_empty() {
            let partials = counter.partials.as_slice().len();
            bytes += bytes_of(&counter.name) + PARTIAL_BYTES * partials;
            counters.push(convert::counter(&counter));
        }
    }
    Ok((counters, None))
}

/// A counter as a stream of documents has it; and about how many bytes it takes in a message.
pub(super) fn streamed(counter: &Counter) -> (wire::Counter, usize) {
    let bytes = bytes_of(&counter.name);
    let counter = convert::counter_streamed(counter);
    let bytes = bytes + PARTIAL_BYTES * counter.partials.len();
    (counter, bytes)
}

/// About how many bytes a counter takes in a message, without what it is the sum of.
fn bytes_of(name: &CounterName) -> usize {
    name.as_str().len() + 24
}

/// About how many bytes what one incarnation has added takes in a message.
const PARTIAL_BYTES: usize = 48;

fn not_found(id: &DocumentId, name: &CounterName) -> WireError {
    let text = format!("document {id} has no counter {name}");
    about(WireError::new(Reason::CounterNotFound, text), id, name)
}

/// A counter's value is beyond 64 bits, or would be.
pub(super) fn beyond(id: &DocumentId, name: &CounterName, text: String) -> WireError {
    about(WireError::new(Reason::CounterOverflow, text), id, name)
}

fn about(error: WireError, id: &DocumentId, name: &CounterName) -> WireError {
    let resource = format!("{id}/{name}");
    error.with("id", id).with("name", name).about("jackdaw/Counter", resource)
}
