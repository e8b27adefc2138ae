//! What `wire` promises, tried out.

use std::{collections::BTreeSet, fs, path::Path};

use prost_types::Timestamp;

use super::{reason::catalogue, *};

fn read_back(error: WireError) -> (Status, RemoteError) {
    let status = Status::from(error);
    let remote = RemoteError::from_status(&status);
    (status, remote)
}

#[test]
fn what_goes_out_is_read_back() {
    let error = WireError::new(Reason::DatabaseNotFound, "there is no database \"Ordres\"")
        .with("database", "Ordres")
        .with("nearest", "Orders")
        .about("jackdaw/Database", "databases/Ordres")
        .violating("name", "names no database")
        .unmet("IN_USE", "tasks/1", "a task")
        .retry_after(Duration::from_millis(1_500));
    let (status, remote) = read_back(error);
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(remote.code, Code::NotFound);
    assert_eq!(remote.reason.as_deref(), Some("DATABASE_NOT_FOUND"));
    assert_eq!(remote.known(), Some(Reason::DatabaseNotFound));
    assert_eq!(remote.metadata["nearest"], "Orders");
    assert_eq!(remote.metadata["database"], "Ordres");
    assert_eq!(remote.violations[0].path, "name");
    let unmet = &remote.unmet[0];
    assert_eq!((&*unmet.kind, &*unmet.subject, &*unmet.text), ("IN_USE", "tasks/1", "a task"));
    assert_eq!(remote.retry_delay, Some(Duration::from_millis(1_500)));
    assert_eq!(remote.resource.as_ref().unwrap().name, "databases/Ordres");
    assert_eq!(remote.to_string(), "DATABASE_NOT_FOUND: there is no database \"Ordres\"");
}

#[test]
fn there_is_exactly_one_error_info_and_each_kind_once() {
    let error = WireError::field("a", "is missing")
        .violating("b", "is missing")
        .unmet("IN_USE", "c", "d")
        .about("x", "y");
    let status = Status::from(error);
    let details = pb::Status::decode(status.details()).unwrap().details;
    let types: Vec<_> = details.iter().map(|any| any.type_url.as_str()).collect();
    let different: BTreeSet<_> = types.iter().collect();
    assert_eq!(different.len(), types.len(), "{types:?}");
    assert_eq!(types[0], "type.googleapis.com/google.rpc.ErrorInfo");
    assert_eq!(pb::Status::decode(status.details()).unwrap().code, i32::from(status.code()));
}

#[test]
fn the_crate_of_the_details_reads_them_too() {
    use tonic_types::StatusExt as _;
    let status = Status::from(WireError::field("commands[3].put.id", "is empty"));
    let details = status.check_error_details().unwrap();
    assert_eq!(details.error_info().unwrap().reason, "FIELD_INVALID");
    assert_eq!(details.error_info().unwrap().domain, "jackdaw");
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "commands[3].put.id");
}

#[test]
fn an_error_always_fits_into_headers() {
    let long = "ä".repeat(100_000);
    let mut error = WireError::new(Reason::ChangeVectorMismatch, long.as_str())
        .about("jackdaw/Document", &long)
        .with_detail("google.protobuf.Any", &any("x", &Timestamp::default()))
        .retry_after(Duration::from_secs(1));
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        error = error.with(key, &long);
    }
    for _ in 0..1_000 {
        error = error.violating(long.as_str(), long.as_str());
        error = error.unmet(&long, long.as_str(), long.as_str());
    }
    let (status, remote) = read_back(error);
    let encoded = status.details().len().div_ceil(3) * 4 + status.message().len() * 3;
    assert!(encoded <= 8_000, "{encoded}");
    assert_eq!(remote.known(), Some(Reason::ChangeVectorMismatch));
    assert_eq!(remote.metadata.len(), 8);
    assert!(!remote.violations.is_empty());
    assert!(remote.message.ends_with('…'));
}

#[test]
fn a_short_error_is_told_whole_and_a_large_detail_is_left_out_first() {
    let detail = pb::Help { links: vec![] };
    let small = WireError::new(Reason::Internal, "x").with_detail("google.rpc.Help", &detail);
    assert!(read_back(small).1.detail::<pb::Help>("google.rpc.Help").is_some());
    let detail = pb::DebugInfo { detail: "x".repeat(5_000), ..Default::default() };
    let value = "v".repeat(400);
    let large = WireError::new(Reason::Internal, "x")
        .with("value", &value)
        .with_detail("google.rpc.DebugInfo", &detail);
    let (_, remote) = read_back(large);
    assert!(remote.detail::<pb::DebugInfo>("google.rpc.DebugInfo").is_none());
    assert_eq!(remote.metadata["value"], value);
}

#[test]
fn all_wrong_fields_are_named_and_counted() {
    let mut violations = Violations::new();
    assert_eq!(violations.check("a", Ok::<_, String>(1)), Some(1));
    assert!(violations.is_empty());
    assert_eq!(violations.check("b", Err::<u8, _>("is missing")), None);
    violations.add("c[2]", "is too long");
    let error = violations.value(None::<u8>).unwrap_err();
    assert_eq!(error.message(), "b: is missing (and 1 more)");
    let (_, remote) = read_back(error);
    let paths: Vec<_> = remote.violations.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["b", "c[2]"]);
    assert_eq!(remote.metadata["others"], "1");
    assert_eq!(Violations::new().value(Some(7)).unwrap(), 7);
}

#[test]
fn a_status_that_is_not_ours_has_no_reason() {
    let remote = RemoteError::from_status(&Status::unavailable("broken pipe"));
    assert_eq!((remote.reason.as_deref(), remote.known()), (None, None));
    assert_eq!(remote.to_string(), "Unavailable: broken pipe");

    let garbage = Status::with_details(Code::Aborted, "x", vec![0xff; 9].into());
    assert_eq!(RemoteError::from_status(&garbage).reason, None);

    let info = pb::ErrorInfo {
        reason: "DISK_FULL".into(),
        domain: "elsewhere".into(),
        metadata: Default::default(),
    };
    let status =
        pb::Status { details: vec![any("google.rpc.ErrorInfo", &info)], ..Default::default() };
    let status = Status::with_details(Code::Aborted, "x", status.encode_to_vec().into());
    assert_eq!(RemoteError::from_status(&status).reason, None);
}

#[test]
fn a_reason_of_a_newer_service_is_kept_as_text() {
    let info = pb::ErrorInfo {
        reason: "OUT_OF_MIND".into(),
        domain: DOMAIN.into(),
        metadata: Default::default(),
    };
    let status =
        pb::Status { details: vec![any("google.rpc.ErrorInfo", &info)], ..Default::default() };
    let status = Status::with_details(Code::Aborted, "x", status.encode_to_vec().into());
    let remote = RemoteError::from_status(&status);
    assert_eq!((remote.reason.as_deref(), remote.known()), (Some("OUT_OF_MIND"), None));
}

#[test]
fn reasons_are_unique_and_well_formed() {
    let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        let name = reason.as_str();
        assert!(name.len() <= 63 && name.starts_with(|it: char| it.is_ascii_uppercase()), "{name}");
        assert!(name.bytes().all(|it| it.is_ascii_uppercase() || it == b'_'), "{name}");
        assert_eq!(Reason::parse(name), Some(*reason));
        assert_ne!(reason.code(), Code::Unknown, "{name}");
        assert!(reason.remedy().ends_with('.'), "{name}");
    }
    assert_eq!(Reason::parse("NOT_A_REASON"), None);
}

#[test]
fn the_published_catalogue_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    if std::env::var_os("JACKDAW_BLESS").is_some() {
        fs::write(&path, catalogue()).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == catalogue(),
        "docs/errors.md differs from the table of reasons; JACKDAW_BLESS=1 rewrites it"
    );
}
