//! What `access` promises, tried out.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use jackdaw_common::{DatabaseId, DatabaseName};
use jackdaw_proto::wire::Reason;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use self::changes::Lines;
use super::*;
use crate::tls::Peer;

const FIRST: DatabaseId = DatabaseId::from_bytes([1; 16]);
const SECOND: DatabaseId = DatabaseId::from_bytes([2; 16]);
const READS: &str = "/jackdaw.documents.v1.Documents/GetDocument";
const WRITES: &str = "/jackdaw.documents.v1.Documents/PutDocument";
const CREATES: &str = "/jackdaw.control.v1.Databases/CreateDatabase";

fn certificate(number: u8) -> Thumbprint {
    Thumbprint::from_bytes([number; 32])
}

fn name(text: &str) -> DatabaseName {
    text.parse().unwrap()
}

/// `shop` was taken by the first database, `later` by none.
struct Bound;

impl Bindings for Bound {
    fn database_of(&self, _: Thumbprint, name: &DatabaseName) -> Option<DatabaseId> {
        (name.as_str() == "shop").then_some(FIRST)
    }
}

/// The certificate that has this clearance or, as a user, this level on `shop` and `later`.
const ADMINISTRATOR: u8 = 1;
const OPERATOR: u8 = 2;
const NOTHING: u8 = 3;
const READ: u8 = 4;
const READ_WRITE: u8 = 5;
const ADMIN: u8 = 6;
const STRANGER: u8 = 7;

fn layer() -> AccessLayer {
    let entry = |number, clearance, level: Option<Level>| AccessEntry {
        thumbprint: certificate(number),
        name: format!("entry {number}"),
        clearance,
        databases: level
            .map(|level| BTreeMap::from([(name("shop"), level), (name("later"), level)]))
            .unwrap_or_default(),
    };
    let list = AccessList::new([
        entry(ADMINISTRATOR, Clearance::ClusterAdmin, None),
        entry(OPERATOR, Clearance::Operator, None),
        entry(NOTHING, Clearance::User, None),
        entry(READ, Clearance::User, Some(Level::Read)),
        entry(READ_WRITE, Clearance::User, Some(Level::ReadWrite)),
        entry(ADMIN, Clearance::User, Some(Level::Admin)),
    ]);
    AccessLayer::new(Arc::new(list), Arc::new(Bound))
}

fn identity(number: u8, method: &str) -> Result<Identity, Denied> {
    layer().identify(Some(certificate(number)), method)
}

#[test]
fn the_table_has_every_method_and_no_other() {
    let set = FileDescriptorSet::decode(jackdaw_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut methods = BTreeSet::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let (package, service, method) = (file.package(), service.name(), method.name());
                methods.insert(format!("/{package}.{service}/{method}"));
            }
        }
    }
    assert!(methods.len() > 20, "{methods:?}");
    let foreign = |method: &&str| method.starts_with("/grpc.");
    let rows: Vec<_> = ROWS.iter().map(|row| row.method).collect();
    let own: BTreeSet<_> =
        rows.iter().filter(|method| !foreign(method)).map(|it| (*it).to_owned()).collect();
    assert_eq!(own, methods);
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "a method has two rows");
    let served = [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];
    assert_eq!(rows.into_iter().filter(foreign).collect::<Vec<_>>(), served);
}

#[test]
fn every_method_asks_what_its_row_says() {
    for row in ROWS {
        assert_eq!(
            identity(STRANGER, row.method).unwrap_err(),
            Denied::CertificateNotTrusted { thumbprint: certificate(STRANGER) }
        );
        assert_eq!(layer().identify(None, row.method).unwrap_err(), Denied::NoCertificate);
        for (number, clearance) in [
            (ADMINISTRATOR, Clearance::ClusterAdmin),
            (OPERATOR, Clearance::Operator),
            (NOTHING, Clearance::User),
            (ADMIN, Clearance::User),
        ] {
            let needed = match row.rule {
                Rule::AnyTrusted | Rule::Database(_) => Clearance::User,
                Rule::Operator => Clearance::Operator,
                Rule::ClusterAdmin => Clearance::ClusterAdmin,
            };
            let passed = identity(number, row.method);
            assert_eq!(passed.is_ok(), clearance >= needed, "{number} {row:?} {passed:?}");
        }
    }
}

#[test]
fn a_path_without_a_row_is_refused_to_everybody() {
    for path in ["", "/", "/x", "/jackdaw.documents.v1.Documents/GetDocument/", "/a.B/C"] {
        let denied = identity(ADMINISTRATOR, path).unwrap_err();
        assert_eq!(denied, Denied::MethodUnknown { method: path.to_owned() });
    }
    let Denied::MethodUnknown { method } =
        identity(ADMINISTRATOR, &"é".repeat(10_000)).unwrap_err()
    else {
        panic!()
    };
    assert_eq!(method.chars().count(), 200);
}

#[test]
fn levels_and_clearances_open_databases() {
    for (number, highest) in [
        (ADMINISTRATOR, Some(Level::Admin)),
        (OPERATOR, Some(Level::Admin)),
        (NOTHING, None),
        (READ, Some(Level::Read)),
        (READ_WRITE, Some(Level::ReadWrite)),
        (ADMIN, Some(Level::Admin)),
    ] {
        for level in [Level::Read, Level::ReadWrite, Level::Admin] {
            let identity = identity(number, READS).unwrap();
            let passed = identity.require_database(&name("shop"), Some(FIRST), level);
            assert_eq!(passed.is_ok(), Some(level) <= highest, "{number} {level}");
            assert_eq!(passed.is_ok(), identity.may(&name("shop"), Some(FIRST), level));
        }
    }
}

#[test]
fn a_service_that_asks_too_little_still_asks_what_the_row_says() {
    let reader = identity(READ, WRITES).unwrap();
    let denied = reader.require_database(&name("shop"), Some(FIRST), Level::Read).unwrap_err();
    let Denied::Database { method, needed, .. } = denied else { panic!("{denied:?}") };
    assert_eq!((method, needed), (WRITES, Level::ReadWrite));
}

#[test]
fn a_grant_is_for_the_database_that_took_it_and_no_other() {
    for (number, passes) in [(ADMIN, false), (OPERATOR, true)] {
        let identity = identity(number, READS).unwrap();
        // Deleted and created anew, not there, never bound, another name, another casing.
        for (database, id) in [
            ("shop", Some(SECOND)),
            ("shop", None),
            ("later", Some(FIRST)),
            ("later", None),
            ("other", Some(FIRST)),
            ("Shop", Some(FIRST)),
        ] {
            let passed = identity.require_database(&name(database), id, Level::Read);
            assert_eq!(passed.is_ok(), passes, "{number} {database} {id:?}");
        }
    }
}

#[test]
fn who_has_no_access_cannot_tell_whether_a_database_exists() {
    let identity = identity(NOTHING, READS).unwrap();
    let there = identity.require_database(&name("shop"), Some(FIRST), Level::Read).unwrap_err();
    let gone = identity.require_database(&name("shop"), None, Level::Read).unwrap_err();
    assert_eq!(there, gone);
}

#[test]
fn require_operator_is_for_operators() {
    assert_eq!(identity(OPERATOR, READS).unwrap().require_operator(), Ok(()));
    assert_eq!(identity(ADMINISTRATOR, READS).unwrap().require_operator(), Ok(()));
    let denied = identity(ADMIN, READS).unwrap().require_operator().unwrap_err();
    let Denied::Clearance { needed, actual, .. } = denied else { panic!("{denied:?}") };
    assert_eq!((needed, actual), (Clearance::Operator, Clearance::User));
}

#[test]
fn granted_names_the_entries_that_wait_for_a_database() {
    let layer = layer();
    let granted = |text: &str| {
        let database = name(text);
        layer.list.granted(&database).collect::<BTreeSet<_>>()
    };
    assert_eq!(granted("shop"), [READ, READ_WRITE, ADMIN].map(certificate).into());
    assert_eq!(granted("other"), BTreeSet::new());
}

#[test]
fn every_refusal_has_a_code_a_reason_of_the_catalogue_and_its_variables() {
    let (method, who) = (READS, "me".to_owned());
    let needed = Clearance::Operator;
    let database = name("shop");
    for (denied, code, keys) in [
        (Denied::NoCertificate, Code::Unauthenticated, &[][..]),
        (
            Denied::CertificateNotTrusted { thumbprint: certificate(1) },
            Code::PermissionDenied,
            &["thumbprint"],
        ),
        (Denied::method_unknown("/x"), Code::Unimplemented, &["method"]),
        (
            Denied::Clearance { method, name: who.clone(), needed, actual: Clearance::User },
            Code::PermissionDenied,
            &["actual", "method", "name", "needed"],
        ),
        (
            Denied::Database { method, name: who, database, needed: Level::Admin },
            Code::PermissionDenied,
            &["database", "method", "name", "needed"],
        ),
    ] {
        let text = denied.to_string();
        let reason = Reason::parse(denied.reason()).unwrap();
        let status = Status::from(denied);
        assert_eq!((status.code(), status.message()), (code, text.as_str()));
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason.as_str(), "jackdaw"));
        let found: BTreeSet<_> = info.metadata.keys().map(String::as_str).collect();
        assert_eq!(found, keys.iter().copied().collect());
        assert!(info.metadata.values().all(|value| text.contains(value)), "{info:?} {text}");
    }
}

/// Answers with the caller's name; unreachable for who is refused.
async fn answer(request: Request<()>) -> Result<Response<Body>, Infallible> {
    let identity = Identity::of(request.extensions()).unwrap();
    Ok(Response::builder().header("who", identity.name()).body(Body::empty()).unwrap())
}

#[tokio::test]
async fn the_layer_admits_by_the_peer_of_the_connection() {
    let call = |peer: Option<u8>, path: &'static str| {
        let mut request = Request::builder().uri(path).body(()).unwrap();
        if let Some(number) = peer {
            request.extensions_mut().insert(Peer {
                thumbprint: certificate(number),
                common_name: "entry 1".to_owned(),
                not_after: jackdaw_common::Timestamp::from_micros(0),
                spki_pin: crate::tls::SpkiPin::from_bytes([0; 32]),
            });
        }
        layer().layer(service_fn(answer)).oneshot(request)
    };
    let admitted = call(Some(READ), READS).await.unwrap();
    assert_eq!(admitted.headers()["who"], "entry 4");
    for (peer, path, code) in [
        (None, READS, Code::Unauthenticated),
        (Some(STRANGER), READS, Code::PermissionDenied),
        (Some(ADMIN), CREATES, Code::PermissionDenied),
        (Some(ADMIN), "/x", Code::Unimplemented),
    ] {
        let refused = call(peer, path).await.unwrap();
        assert!(!refused.headers().contains_key("who"));
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), code, "{status:?}");
    }
    let nobody = http::Extensions::new();
    assert_eq!(Identity::of(&nobody).unwrap_err(), Denied::NoCertificate);
}

#[test]
fn every_refusal_is_one_line_of_the_audit_log() {
    let lines = Lines::default();
    let subscriber = lines.subscriber();
    tracing::subscriber::with_default(subscriber, || {
        // Another test may be the first to come by, when nobody listens: then tracing takes the
        // line for one that nobody wants, until it is told to ask again.
        while lines.take().is_empty() {
            layer().identify(None, READS).unwrap_err();
            tracing::callsite::rebuild_interest_cache();
        }
        identity(ADMIN, READS)
            .unwrap()
            .require_database(&name("shop"), Some(FIRST), Level::Admin)
            .unwrap();
        assert!(!identity(NOTHING, READS).unwrap().may(&name("shop"), Some(FIRST), Level::Read));
        layer().identify(None, READS).unwrap_err();
        identity(STRANGER, READS).unwrap_err();
        identity(ADMIN, "/x").unwrap_err();
        identity(ADMIN, CREATES).unwrap_err();
        let reader = identity(READ, WRITES).unwrap();
        reader.require_database(&name("shop"), Some(FIRST), Level::Read).unwrap_err();
    });
    let events = lines.take();
    let found: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(
                (&event["target"], &event["fields"]["event"]),
                (&"audit".into(), &"refused".into())
            );
            let field = |name: &str| event["fields"][name].as_str().unwrap_or("").to_owned();
            (field("reason"), field("thumbprint"), field("method"))
        })
        .collect();
    let line = |reason: &str, number: Option<u8>, method: &str| {
        let thumbprint = number.map(|number| certificate(number).to_string());
        (reason.to_owned(), thumbprint.unwrap_or_default(), method.to_owned())
    };
    assert_eq!(
        found,
        [
            line("CERTIFICATE_REQUIRED", None, READS),
            line("CERTIFICATE_NOT_TRUSTED", Some(STRANGER), READS),
            line("METHOD_UNKNOWN", Some(ADMIN), "/x"),
            line("CLEARANCE_INSUFFICIENT", Some(ADMIN), CREATES),
            line("DATABASE_ACCESS_DENIED", Some(READ), WRITES),
        ]
    );
}
