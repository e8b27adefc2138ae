//! Revisions that a client puts.

use jackdaw_common::Content;
use jackdaw_proto::{
    convert::{
        attachments::Attaching,
        documents::revisions::{PutRevision, PutVersion},
    },
    wire::{Violations, WireError},
};
use jackdaw_store::{NewAttachment, NewRevision, Store};

use crate::documents::{attachments, body::Body, write};

/// A version as the store takes it; `None` after adding what is wrong. Blocking where a content of
/// it is more than a row may have.
pub(in crate::documents) fn new_revision(
    store: &Store,
    put: PutRevision,
    path: impl Fn(&str) -> String,
    violations: &mut Violations,
) -> Result<Option<NewRevision>, WireError> {
    let PutRevision { document: id, last_modified, version, attachments: attached, parts } = put;
    let (content, collection) = match version {
        PutVersion::Deletion(collection) => (Content::Tombstone, collection),
        PutVersion::Live(body) => {
            let Some(body) = write::body(|| path("put_revision.body"), body, violations)? else {
                return Ok(None);
            };
            let Body { json, collection } = body;
            (Content::Document(json), collection)
        }
    };
    let staged = attached.into_iter().map(|it| {
        let Attaching { name, content_type, source } = it;
        let content = attachments::new_content(store, source)?;
        Ok(NewAttachment { name, content_type, content })
    });
    let attachments = staged.collect::<Result<_, WireError>>()?;
    Ok(Some(NewRevision { id, collection, content, last_modified, attachments, parts }))
}
