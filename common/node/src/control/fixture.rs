//! A service without a network, for tests: real stores in a temporary folder, the real services
//! behind the real access layer, and callers with the certificates below.

use jackdaw_common::{Lineage, RunId};
use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use http::{Request, Response};
use jackdaw_common::{
    Attachments, ChangeVector, Collection, Content, DatabaseId, DatabaseName, Entry, Etag,
    IncarnationId, Item, Timestamp, TransactionMark, Version,
};
pub(crate) use jackdaw_proto::control as wire;
use jackdaw_proto::{
    control::databases_client::DatabasesClient,
    documents::documents_client::DocumentsClient,
    wire::{Reason, RemoteError},
};
use jackdaw_store::{Begin, Brought, Incoming, Store};
use tempfile::TempDir;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Layer as _, ServiceExt as _, util::BoxCloneSyncService};

use crate::{
    access::grants::Grants,
    access::{AccessEntry, AccessLayer, AccessList, Clearance, Level},
    catalog::{Catalog, Database},
    clock::SystemClock,
    control::DatabasesService,
    documents::DocumentsService,
    tls::{Peer, SpkiPin, Thumbprint},
};

/// Who calls.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Caller {
    /// An operator.
    Operator = 1,
    /// A user with READ on `Orders`.
    Reader = 2,
    /// A user with READ_WRITE on `Orders`.
    Writer = 3,
    /// A user with nothing.
    Nobody = 4,
}

pub(crate) type Service = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// A service in a temporary folder.
pub(crate) struct Site {
    pub(crate) catalog: Catalog,
    grants: Grants,
    access: AccessLayer,
    pub(crate) folder: TempDir,
}

impl Site {
    /// A service without a database.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path(), Arc::new(SystemClock)).await.unwrap();
        let list = Arc::new(access_list());
        let grants = Grants::open(Arc::clone(&list), &catalog).await.unwrap();
        let access = AccessLayer::new(list, Arc::new(grants.clone()));
        Self { catalog, grants, access, folder }
    }

    /// A service with the database `Orders`.
    pub(crate) async fn with_orders() -> (Self, Arc<Database>) {
        let site = Self::new().await;
        let database = site.create("Orders").await;
        (site, database)
    }

    /// Creates a database, which takes the grants that wait for it.
    pub(crate) async fn create(&self, name: &str) -> Arc<Database> {
        let database = self.catalog.create(name.parse().unwrap()).await.unwrap();
        self.grants.bind(database.name(), database.id()).await.unwrap();
        database
    }

    fn service(&self, caller: Caller) -> Service {
        let documents = DocumentsService::server(self.catalog.clone());
        let databases = DatabasesService::server(self.catalog.clone(), self.grants.clone());
        let routes = Routes::new(documents).add_service(databases).prepare();
        let service = self.access.layer(routes);
        let peer = Peer {
            thumbprint: certificate(caller),
            common_name: String::new(),
            not_after: Timestamp::from_micros(0),
            spki_pin: SpkiPin::from_bytes([0; 32]),
        };
        BoxCloneSyncService::new(tower::service_fn(move |mut request: Request<Body>| {
            request.extensions_mut().insert(peer.clone());
            service.clone().oneshot(request)
        }))
    }

    pub(crate) fn documents(&self, caller: Caller) -> DocumentsClient<Service> {
        let most = usize::MAX;
        DocumentsClient::new(self.service(caller)).max_decoding_message_size(most)
    }

    pub(crate) fn databases(&self, caller: Caller) -> DatabasesClient<Service> {
        DatabasesClient::new(self.service(caller))
    }
}

fn certificate(caller: Caller) -> Thumbprint {
    Thumbprint::from_bytes([caller as u8; 32])
}

fn access_list() -> AccessList {
    let entry = |caller, clearance, level: Option<Level>| AccessEntry {
        thumbprint: certificate(caller),
        name: format!("{caller:?}"),
        clearance,
        databases: level
            .map(|level| BTreeMap::from([(DatabaseName::new("Orders").unwrap(), level)]))
            .unwrap_or_default(),
    };
    AccessList::new([
        entry(Caller::Operator, Clearance::Operator, None),
        entry(Caller::Reader, Clearance::User, Some(Level::Read)),
        entry(Caller::Writer, Clearance::User, Some(Level::ReadWrite)),
        entry(Caller::Nobody, Clearance::User, None),
    ])
}

/// The error of a call, with the reason it must have.
pub(crate) fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    reason: Reason,
) -> RemoteError {
    let status = answer.unwrap_err();
    let error = RemoteError::from_status(&status);
    assert_eq!(error.reason.as_deref(), Some(reason.as_str()), "{status:?}");
    assert_eq!(status.code(), reason.code());
    assert_ne!(status.code(), Code::Unknown);
    error
}

/// The paths of the wrong fields.
pub(crate) fn fields(error: &RemoteError) -> Vec<&str> {
    error.violations.iter().map(|violation| violation.path.as_str()).collect()
}

/// Writes a version of a document as another database would, at the etag `etag` of it.
pub(crate) async fn replicate(store: &Store, id: &str, body: Option<&str>, etag: u64) {
    let content =
        body.map_or(Content::Tombstone, |body| Content::Document(body.as_bytes().to_vec().into()));
    receive(store, id, etag, |_| content).await;
}

/// Writes something of a document as another database would, at the etag `etag` of it. `content`
/// is given the entry that it mints.
pub(crate) async fn receive(
    store: &Store,
    id: &str,
    etag: u64,
    content: impl FnOnce(Entry) -> Content,
) {
    let source = DatabaseId::from_bytes([9; 16]);
    let incarnation = IncarnationId::from_bytes([9; 16]);
    let etag = Etag::new(etag).unwrap();
    let begin = Begin {
        source,
        lineage: Lineage::new(incarnation),
        last_etag: etag,
        tombstone_floor: Etag::ZERO,
        vector: ChangeVector::empty(),
        task: 1,
        generation: 1,
    };
    let session = store.begin(begin).await.unwrap();
    let entry = Entry { incarnation, etag };
    let version = Version {
        id: id.parse().unwrap(),
        collection: Collection::default(),
        vector: ChangeVector::from_entries([entry]),
        last_modified: Timestamp::from_micros(5_000_000),
        content: content(entry),
        attachments: Attachments::default(),
        since: ChangeVector::empty(),
        kept: None,
    };
    let transaction = TransactionMark { first: etag, rows: 1 };
    let item = Item { etag, transaction, minted: Some(entry), past: false, version };
    let incoming = Incoming {
        brought: Brought::default(),
        source,
        epoch: session.epoch,
        after: session.cursor,
        last: etag,
        run: RunId::NONE,
        frontier: None,
        items: vec![item.into()],
    };
    store.apply(incoming).await.unwrap();
}
