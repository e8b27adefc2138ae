//! Whether a session may begin: the handshake rules, in their order.

use std::sync::Arc;

use jackdaw_common::{
    DatabaseName,
    frame::{Accept, Offer, PROTOCOL, Window},
    limits::{
        BATCH_BYTES_MAX, CHANGE_VECTOR_ENTRIES_MAX, CHANGE_VECTOR_ENTRIES_WARN, ITEM_BYTES_MAX,
        WINDOW_BATCHES, WINDOW_BYTES,
    },
};
use jackdaw_node::{
    access::{Identity, Level},
    catalog::{Catalog, Database},
    offload::offload,
};
use jackdaw_proto::wire::Reason;
use jackdaw_store::{Begin, BeginError, Session as Opened, Store};

use super::{error::IncomingError, live::LiveSessions};

/// A session that may begin.
pub(crate) struct Admitted {
    /// The destination.
    pub(crate) database: Arc<Database>,
    /// What the store opened.
    pub(crate) opened: Opened,
    /// The answer to the sender.
    pub(crate) accept: Accept,
}

/// Tries the rules in their order: version, access and existence of the database, whether the
/// source went back, other tasks of it, and what else the store knows of it.
pub(crate) async fn admit(
    catalog: &Catalog,
    live: &LiveSessions,
    identity: &Identity,
    offer: &Offer,
) -> Result<Admitted, IncomingError> {
    protocol(offer)?;
    let database = destination(catalog, identity, &offer.destination)?;
    let (opened, accept) = greet(live, database.store(), offer).await?;
    Ok(Admitted { database, opened, accept })
}

/// Tries the rules that are about the two databases, and opens the session in the destination.
///
/// # Errors
///
/// The first rule that does not hold.
pub async fn greet(
    live: &LiveSessions,
    store: &Store,
    offer: &Offer,
) -> Result<(Opened, Accept), IncomingError> {
    let protocol = protocol(offer)?;
    let id = store.database_id();
    if id == offer.source {
        return Err(BeginError::SelfReplication(id).into());
    }
    let (known, told) = (store.clone(), offer.clone());
    offload(move || known.judge(told.source, &told.lineage, told.last_etag))
        .await
        .map_err(|_| IncomingError::Draining)??;
    live.none_of_another_task(id, offer).await?;
    let begin = Begin {
        source: offer.source,
        lineage: offer.lineage.clone(),
        last_etag: offer.last_etag,
        tombstone_floor: offer.tombstone_floor,
        vector: offer.vector.clone(),
        task: offer.task,
        generation: offer.generation,
    };
    let opened = store.begin(begin).await?;
    warn(store, offer, &opened);
    let accept = Accept {
        protocol,
        destination: id,
        incarnation: store.incarnation(),
        cursor: opened.cursor,
        went_back_from: opened.went_back_from,
        reconcile_after: opened.reconcile_after.clone(),
        vector: opened.vector.clone(),
        window: Window { batches: WINDOW_BATCHES, bytes: WINDOW_BYTES },
        item_bytes_max: ITEM_BYTES_MAX as u64,
        transaction_bytes_max: BATCH_BYTES_MAX as u64,
    };
    Ok((opened, accept))
}

/// What whoever runs the destination should know, though the session begins.
fn warn(store: &Store, offer: &Offer, opened: &Opened) {
    if let Some(from) = opened.went_back_from {
        let above = from.get().saturating_sub(opened.cursor.get());
        tracing::warn!(
            reason = Reason::SourceRestored.as_str(),
            source = %offer.source_name,
            common_etag = opened.cursor.get(),
            received_etag = from.get(),
            "the source was restored or copied; {above} of its etags were received that it has not"
        );
    }
    let entries = store.vector().merge(&offer.vector).len();
    if entries >= CHANGE_VECTOR_ENTRIES_WARN {
        tracing::warn!(
            entries,
            max = CHANGE_VECTOR_ENTRIES_MAX,
            "change vectors grow long; retire the incarnations that are gone for good"
        );
    }
}

/// The highest protocol version that both ends speak.
fn protocol(offer: &Offer) -> Result<u32, IncomingError> {
    let (least, most) = PROTOCOL;
    let protocol = most.min(offer.protocol.1);
    if protocol < least.max(offer.protocol.0) {
        return Err(IncomingError::Protocol { offered: offer.protocol, spoken: PROTOCOL });
    }
    Ok(protocol)
}

/// The destination database, if it exists and the caller may write it. Who may not list databases
/// does not learn which exist.
fn destination(
    catalog: &Catalog,
    identity: &Identity,
    name: &str,
) -> Result<Arc<Database>, IncomingError> {
    let parsed: DatabaseName =
        name.parse().map_err(|error: jackdaw_common::id::DatabaseNameError| {
            IncomingError::DatabaseName { name: name.to_owned(), why: error.to_string() }
        })?;
    let database = catalog.find(&parsed);
    let id = database.as_ref().map(|database| database.store().database_id());
    identity.require_database(&parsed, id, Level::ReadWrite)?;
    database.ok_or_else(|| IncomingError::DatabaseNotFound {
        nearest: catalog.nearest(&parsed).map(|name| name.to_string()),
        name: parsed,
    })
}
