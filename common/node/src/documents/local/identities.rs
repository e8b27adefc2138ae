//! Identities: the numbers that ids which end in "|" are completed with.

use jackdaw_common::{IdentityName, limits::IDENTITY_MAX};
use jackdaw_proto::{
    documents as wire,
    wire::{Violations, WireError},
};
use jackdaw_store::{Numbering, Store, StoreError};

use crate::{
    catalog::Database,
    control::{blocking, failure, paging::Scope},
};

/// Takes the next number.
pub(in crate::documents) async fn next(
    database: &Database,
    request: &wire::NextIdentityRequest,
) -> Result<wire::Identity, WireError> {
    let mut violations = Violations::new();
    let name = violations.check("name", IdentityName::new(&request.name));
    number(database, violations.value(name)?, Numbering::Next).await
}

/// Sets the number that was given out last.
pub(in crate::documents) async fn set(
    database: &Database,
    request: &wire::SetIdentityRequest,
) -> Result<wire::Identity, WireError> {
    let mut violations = Violations::new();
    let name = violations.check("name", IdentityName::new(&request.name));
    if request.value > IDENTITY_MAX {
        violations.add("value", format!("is greater than {IDENTITY_MAX}"));
    }
    let (last, force) = (request.value, request.force);
    number(database, violations.value(name)?, Numbering::Set { last, force }).await
}

/// A page of identities.
pub(in crate::documents) async fn list(
    store: &Store,
    request: &wire::ListIdentitiesRequest,
) -> Result<wire::ListIdentitiesResponse, WireError> {
    let database = store.database_id().to_string();
    let arguments = ["identities", &database];
    let scope = Scope(&arguments);
    let page = scope.page(request.page_size, &request.page_token)?;
    let snapshot = store.snapshot();
    let (identities, more) = blocking(move || {
        let after = page.after.unwrap_or_default();
        let mut all = snapshot.identities(&after);
        let read: Result<Vec<_>, StoreError> = all.by_ref().take(page.entries).collect();
        let read = read.map_err(|error| failure::store(&error))?;
        Ok((read, all.next().is_some()))
    })
    .await?;
    let last = identities.last().filter(|_| more);
    let next_page_token = last.map(|(name, _)| scope.token(name)).unwrap_or_default();
    let identities = identities.into_iter();
    let identities = identities.map(|(name, value)| wire::Identity { name, value }).collect();
    Ok(wire::ListIdentitiesResponse { identities, next_page_token })
}

async fn number(
    database: &Database,
    name: IdentityName,
    numbering: Numbering,
) -> Result<wire::Identity, WireError> {
    let value = database.store().number(name.clone(), numbering).await;
    let value = value.map_err(|error| failure::store(&error))?;
    Ok(wire::Identity { name: name.key().to_owned(), value })
}
