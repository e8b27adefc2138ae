//! What `documents` promises about time series, tried out.

use jackdaw_common::item::series::ReadEntry;
use jackdaw_proto::{documents as wire, wire::Reason};
use prost_types::Timestamp;
use tonic::Status;

use super::*;
use crate::{
    control::{
        fixture::{fields, refused, replicate},
        paging::Page,
    },
    documents::series::page_of,
};

/// The time so many milliseconds after the Unix epoch.
fn at(millis: i64) -> Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1_000)).unwrap() * 1_000_000;
    Timestamp { seconds: millis.div_euclid(1_000), nanos }
}

fn entry(millis: i64, values: &[f64], tag: Option<&str>) -> wire::TimeSeriesEntry {
    let tag = tag.map(str::to_owned);
    wire::TimeSeriesEntry { time: Some(at(millis)), values: values.to_vec(), tag }
}

fn step(name: &str, entries: Vec<wire::TimeSeriesEntry>) -> wire::AppendTimeSeries {
    wire::AppendTimeSeries { document_id: "a".into(), name: name.into(), entries }
}

fn command(name: &str, entries: Vec<wire::TimeSeriesEntry>) -> wire::Command {
    let step = wire::command::Command::AppendTimeSeries(step(name, entries));
    wire::Command { command: Some(step) }
}

fn append_request(append: wire::AppendTimeSeries) -> wire::AppendTimeSeriesRequest {
    wire::AppendTimeSeriesRequest { database: "Orders".into(), append_time_series: Some(append) }
}

async fn append(
    site: &Site,
    name: &str,
    entries: Vec<wire::TimeSeriesEntry>,
) -> Result<wire::Written, Status> {
    let request = append_request(step(name, entries));
    let answer = site.documents(Caller::Writer).append_time_series(request).await?;
    Ok(answer.into_inner().written.unwrap())
}

fn deletion(name: &str, from: Option<i64>, to: Option<i64>) -> wire::DeleteTimeSeriesRangeRequest {
    let delete = wire::DeleteTimeSeriesRange {
        document_id: "a".into(),
        name: name.into(),
        first: from.map(at),
        last: to.map(at),
    };
    wire::DeleteTimeSeriesRangeRequest {
        database: "Orders".into(),
        delete_time_series_range: Some(delete),
    }
}

async fn delete(site: &Site, name: &str, from: Option<i64>, to: Option<i64>) -> wire::Written {
    let mut writer = site.documents(Caller::Writer);
    let answer = writer.delete_time_series_range(deletion(name, from, to)).await;
    answer.unwrap().into_inner().written.unwrap()
}

fn get_request(name: &str, from: Option<i64>, to: Option<i64>) -> wire::GetTimeSeriesRangeRequest {
    wire::GetTimeSeriesRangeRequest {
        database: "Orders".into(),
        document_id: "A".into(),
        name: name.into(),
        first: from.map(at),
        last: to.map(at),
    }
}

/// The parts of a series within a span.
async fn parts(
    site: &Site,
    request: wire::GetTimeSeriesRangeRequest,
) -> Result<Vec<Vec<wire::TimeSeriesEntry>>, Status> {
    let mut reader = site.documents(Caller::Reader);
    let mut stream = reader.get_time_series_range(request).await?.into_inner();
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await? {
        parts.push(part.entries);
    }
    Ok(parts)
}

async fn read(site: &Site, name: &str) -> Result<Vec<wire::TimeSeriesEntry>, Status> {
    Ok(parts(site, get_request(name, None, None)).await?.concat())
}

fn list_request(document: &str, page_size: i32, token: &str) -> wire::ListTimeSeriesRequest {
    wire::ListTimeSeriesRequest {
        database: "Orders".into(),
        document_id: document.into(),
        page_size,
        page_token: token.into(),
    }
}

#[tokio::test]
async fn a_series_is_appended_to_read_and_deleted() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["A"], "{}").await;
    let (early, late) = (entry(-1, &[1.0, -0.0], None), entry(5_000, &[2.5], Some("watch")));
    let written = append(&site, "HeartRate", vec![late.clone(), early.clone()]).await.unwrap();
    // The document itself stays as it is.
    assert_eq!((written.id.as_str(), written.etag, written.counter_value), ("A", 2, None));
    assert_eq!(read(&site, "heartrate").await.unwrap(), [early.clone(), late.clone()]);
    let replaced = entry(5_000, &[3.0], None);
    append(&site, "HEARTRATE", vec![late, replaced.clone()]).await.unwrap();
    assert_eq!(read(&site, "heartrate").await.unwrap(), [early.clone(), replaced]);
    assert_eq!(database.store().snapshot().header().series_entries, 2);

    for (from, to, millis) in [
        (None, None, vec![-1, 5_000]),
        (Some(-1), Some(-1), vec![-1]),
        (Some(0), None, vec![5_000]),
        (None, Some(4_999), vec![-1]),
        (Some(0), Some(4_999), vec![]),
        (Some(5_000), Some(5_000), vec![5_000]),
    ] {
        let parts = parts(&site, get_request("heartRate", from, to)).await.unwrap();
        assert_eq!(parts.len(), 1, "the first response comes also when it is empty");
        let times: Vec<_> = parts.concat().into_iter().map(|it| it.time.unwrap()).collect();
        let expected: Vec<_> = millis.into_iter().map(at).collect();
        assert_eq!(times, expected, "{from:?} {to:?}");
    }

    assert_eq!(delete(&site, "heartrate", Some(0), Some(4_999)).await.etag, 0);
    assert!(delete(&site, "heartRATE", Some(0), Some(5_000)).await.etag > 0);
    assert_eq!(read(&site, "heartrate").await.unwrap(), [early]);
    assert!(delete(&site, "heartrate", None, None).await.etag > 0);
    let error = refused(read(&site, "heartrate").await, Reason::TimeSeriesNotFound);
    assert_eq!(error.metadata["name"], "heartrate");
    assert_eq!(delete(&site, "heartrate", None, None).await.change_vector, "");
    assert_eq!(database.store().snapshot().header().series_entries, 0);
}

#[tokio::test]
async fn values_of_an_incremental_series_add_up() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    append(&site, "INC:Downloads", vec![entry(1, &[1.0, 2.0], None)]).await.unwrap();
    let more = vec![entry(1, &[10.0], None), entry(1, &[100.0], None), entry(2, &[1.0], None)];
    append(&site, "inc:downloads", more).await.unwrap();
    let sums = [entry(1, &[111.0, 2.0], None), entry(2, &[1.0], None)];
    assert_eq!(read(&site, "Inc:downloads").await.unwrap(), sums);
    let tagged = vec![entry(1, &[1.0], None), entry(3, &[1.0], Some(""))];
    let error = refused(append(&site, "Inc:downloads", tagged).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["append_time_series.entries[1].tag"]);
    let both = vec![entry(1, &[], Some(""))];
    let error = refused(append(&site, "Inc:downloads", both).await, Reason::FieldInvalid);
    let paths = ["values", "tag"].map(|field| format!("append_time_series.entries[0].{field}"));
    assert_eq!(fields(&error), paths);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let (site, database) = Site::with_orders().await;
    let entries = || vec![entry(1, &[1.0], None)];
    refused(append(&site, "x", entries()).await, Reason::DocumentNotFound);
    refused(read(&site, "x").await, Reason::DocumentNotFound);
    let mut reader = site.documents(Caller::Reader);
    let listed = reader.list_time_series(list_request("a", 0, "")).await;
    refused(listed, Reason::DocumentNotFound);
    assert_eq!(delete(&site, "x", None, None).await.etag, 0);
    fill(&site, &["a"], "{}").await;
    refused(read(&site, "x").await, Reason::TimeSeriesNotFound);
    let listed = reader.list_time_series(list_request("a", 0, "")).await.unwrap().into_inner();
    assert_eq!(listed, wire::ListTimeSeriesResponse::default());
    assert_eq!(delete(&site, "x", None, None).await.etag, 0);
    assert_eq!(database.store().last_etag().get(), 1);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let timed = |seconds, nanos| wire::TimeSeriesEntry {
        time: Some(Timestamp { seconds, nanos }),
        ..entry(0, &[1.0], None)
    };
    let times = vec![
        entry(1, &[1.0], None),
        timed(0, 1_500_000),
        timed(0, -1_000_000),
        timed(253_402_300_800, 0),
        timed(-62_135_596_801, 999_000_000),
        timed(i64::MAX, 0),
        wire::TimeSeriesEntry { time: None, ..entry(0, &[1.0], None) },
    ];
    let error = refused(append(&site, "", times).await, Reason::FieldInvalid);
    let paths = (1..=6).map(|index| format!("append_time_series.entries[{index}].time"));
    let paths: Vec<_> = ["append_time_series.name".to_owned()].into_iter().chain(paths).collect();
    assert_eq!(fields(&error), paths);
    assert!(error.violations[1].text.contains("finer than a millisecond"), "{error:?}");

    let rest = vec![
        entry(1, &[1.0, f64::NAN, f64::INFINITY], None),
        entry(1, &[0.0; 33], Some(&"x".repeat(256))),
        entry(1, &[0.0; 32], Some(&"x".repeat(256))),
        wire::TimeSeriesEntry { time: None, ..entry(0, &[], None) },
    ];
    let error = refused(append(&site, "x", rest).await, Reason::FieldInvalid);
    let paths = ["[0].values[1]", "[1].values", "[1].tag", "[2].tag", "[3].time", "[3].values"];
    let paths = paths.map(|path| format!("append_time_series.entries{path}"));
    assert_eq!(fields(&error), paths);

    for entries in [vec![], vec![entry(1, &[1.0], None); 16_385]] {
        let error = refused(append(&site, "x", entries).await, Reason::FieldInvalid);
        assert_eq!(fields(&error), ["append_time_series.entries"]);
    }
    append(&site, "x", vec![entry(1, &[1.0], None); 16_384]).await.unwrap();
    let mut writer = site.documents(Caller::Writer);
    let empty = wire::AppendTimeSeriesRequest { database: "Orders".into(), ..Default::default() };
    let error = refused(writer.append_time_series(empty).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["append_time_series"]);

    let wrong = writer.delete_time_series_range(deletion("", Some(2), Some(1))).await;
    let error = refused(wrong, Reason::FieldInvalid);
    let paths = ["delete_time_series_range.name", "delete_time_series_range.last"];
    assert_eq!(fields(&error), paths);
    let request = wire::GetTimeSeriesRangeRequest {
        first: Some(Timestamp { seconds: 0, nanos: 1 }),
        last: Some(Timestamp { seconds: 0, nanos: -1 }),
        document_id: String::new(),
        ..get_request("", None, None)
    };
    let error = refused(parts(&site, request).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["document_id", "name", "first", "last"]);
    assert_eq!(database.store().snapshot().header().series_entries, 1);
}

/// What does not add up to a number shows the same at each end, and so has the same digest.
#[test]
fn digests_know_one_thing_only_that_is_no_number() {
    let digest = |value: f64| {
        let mut digest = crate::documents::series::Digest::default();
        let time = jackdaw_common::item::series::SeriesTime::new(7).unwrap();
        digest.add(&ReadEntry { time, values: vec![value], tag: None });
        digest.value()
    };
    let other = f64::from_bits(f64::NAN.to_bits() | 1 << 63 | 5);
    assert!(other.is_nan() && other.to_bits() != f64::NAN.to_bits());
    assert_eq!(digest(other), digest(f64::NAN));
    assert_ne!(digest(-0.0), digest(0.0));
    assert_ne!(digest(f64::INFINITY), digest(f64::NEG_INFINITY));
    let mut bytes = 7_i64.to_be_bytes().to_vec();
    bytes.extend([1, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(digest(f64::NAN), xxhash_rust::xxh3::xxh3_64(&bytes));
}

/// However many are wrong, they are told of in one answer of bounded size.
#[tokio::test]
async fn thousands_of_wrong_entries_are_counted() {
    let (site, _database) = Site::with_orders().await;
    let wrong = vec![entry(1, &[], None); 16_384];
    let error = refused(append(&site, "x", wrong).await, Reason::FieldInvalid);
    assert_eq!(error.metadata["others"], "16383");
}

#[tokio::test]
async fn series_are_listed_by_name_page_by_page() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    for (count, name) in (1..).zip(["c", "B", "gone", "a", "d", "E", "c2"]) {
        let entries = (1..=count).map(|millis| entry(millis, &[1.0], None)).collect();
        append(&site, name, entries).await.unwrap();
    }
    delete(&site, "gone", None, None).await;
    let mut reader = site.documents(Caller::Reader);
    let (mut all, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = list_request("A", 2, &token);
        let page = reader.list_time_series(request).await.unwrap().into_inner();
        all.extend(page.time_series);
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    let expected = [("a", 4), ("B", 2), ("c", 1), ("c2", 7), ("d", 5), ("E", 6)];
    let expected = expected.map(|(name, entries)| wire::TimeSeriesSummary {
        name: name.into(),
        entries,
        first: Some(at(1)),
        last: Some(at(i64::try_from(entries).unwrap())),
        digest: None,
    });
    assert_eq!((all, pages), (expected.to_vec(), 3));
    let other = reader.list_time_series(list_request("b", 2, "x")).await;
    refused(other, Reason::PageTokenInvalid);
}

/// A page does not look at any number of entries, however few its series are.
#[tokio::test]
async fn a_page_of_long_series_ends_early() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    for (count, name) in [(3, "a"), (2, "b"), (9, "c"), (1, "d")] {
        let entries = (1..=count).map(|millis| entry(millis, &[1.0], None)).collect();
        append(&site, name, entries).await.unwrap();
    }
    let snapshot = database.store().snapshot();
    let mut after = None;
    let mut pages = Vec::new();
    loop {
        let page = Page { entries: 3, after };
        let (series, last) = page_of(&snapshot, &"a".parse().unwrap(), &page, 5).unwrap();
        pages.push(series.into_iter().map(|it| it.name).collect::<String>());
        after = last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["ab", "c", "d"]);
}

/// A long series comes in parts of bounded size, none of it twice, and none of it from behind the
/// beginning of the stream.
#[tokio::test]
async fn a_long_series_is_one_snapshot_in_parts() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let count = 40_000_i64;
    let commands: Vec<_> = (0..count).collect();
    let commands = commands.chunks(10_000).map(|chunk| {
        let entries = chunk.iter().map(|millis| entry(*millis, &[0.1; 8], Some("tag"))).collect();
        command("x", entries)
    });
    let mut writer = site.documents(Caller::Writer);
    writer.transact(transact_request(commands.collect())).await.unwrap();
    let request = get_request("x", None, None);
    let stream = site.documents(Caller::Reader).get_time_series_range(request).await;
    let mut stream = stream.unwrap().into_inner();
    append(&site, "x", vec![entry(count, &[1.0], None)]).await.unwrap();
    let (mut times, mut sizes) = (Vec::new(), Vec::new());
    while let Some(part) = stream.message().await.unwrap() {
        sizes.push(prost::Message::encoded_len(&part));
        times.extend(part.entries.into_iter().map(|it| it.time.unwrap()));
    }
    assert!(sizes.len() >= 3 && sizes.iter().all(|size| *size < 1_100_000), "{sizes:?}");
    assert_eq!(times, (0..count).map(at).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_of_a_series_ends_with_its_database() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let commands = (0..16).map(|part| {
        let entries = (0..10_000).map(|millis| entry(part * 10_000 + millis, &[0.1; 8], None));
        command("x", entries.collect())
    });
    let mut writer = site.documents(Caller::Writer);
    writer.transact(transact_request(commands.collect())).await.unwrap();
    let request = get_request("x", None, None);
    let stream = site.documents(Caller::Reader).get_time_series_range(request).await;
    let mut stream = stream.unwrap().into_inner();
    stream.message().await.unwrap();
    drop(database);
    site.catalog.delete(&"Orders".parse().unwrap()).await.unwrap();
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    refused(ended, Reason::DatabaseNotFound);
}

#[tokio::test]
async fn appends_stand_in_transactions_and_are_bounded_with_them() {
    let (site, database) = Site::with_orders().await;
    let range = deletion("x", Some(2), None).delete_time_series_range.unwrap();
    let commands = vec![
        put_command("a", "{}"),
        command("x", vec![entry(1, &[1.0], None), entry(2, &[1.0], None)]),
        wire::Command { command: Some(wire::command::Command::DeleteTimeSeriesRange(range)) },
    ];
    let mut writer = site.documents(Caller::Writer);
    let written = writer.transact(transact_request(commands)).await.unwrap().into_inner().written;
    assert!(written.iter().all(|one| one.etag > 0), "{written:?}");
    assert_eq!(read(&site, "x").await.unwrap(), [entry(1, &[1.0], None)]);

    let commands = vec![put_command("b", "{}"), command("x", vec![entry(1, &[], None)])];
    let error = refused(writer.transact(transact_request(commands)).await, Reason::FieldInvalid);
    assert_eq!(fields(&error), ["commands[1].append_time_series.entries[0].values"]);
    let before = database.store().last_etag();
    let entries: Vec<_> = (0..16_384).map(|millis| entry(millis, &[0.5; 32], None)).collect();
    let commands = vec![command("x", entries); 14];
    let error =
        refused(writer.transact(transact_request(commands)).await, Reason::TransactionTooLarge);
    assert_eq!(error.metadata["what"], "bytes");
    assert_eq!(database.store().last_etag(), before);
}

#[tokio::test]
async fn a_document_in_conflict_has_its_series() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    replicate(database.store(), "a", Some("{\"other\":1}"), 1).await;
    append(&site, "x", vec![entry(1, &[1.0], None)]).await.unwrap();
    assert_eq!(read(&site, "x").await.unwrap().len(), 1);
    let (_, conflicts) = stream_parts(&site).await;
    assert_eq!((conflicts[0].versions.len(), conflicts[0].time_series.len()), (2, 1));
}

/// The digest is what the protocol says it is, byte for byte.
#[tokio::test]
async fn a_stream_has_digests_of_what_series_show() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a", "b"], "{}").await;
    let entries = vec![entry(-1, &[1.5, -0.0], None), entry(5_000, &[2.0], Some("ä"))];
    append(&site, "X", entries).await.unwrap();
    let (documents, _) = stream_parts(&site).await;
    let mut bytes = Vec::new();
    bytes.extend((-1_i64).to_be_bytes());
    bytes.push(2);
    bytes.extend(1.5_f64.to_be_bytes());
    bytes.extend((-0.0_f64).to_be_bytes());
    bytes.push(0);
    bytes.extend(5_000_i64.to_be_bytes());
    bytes.push(1);
    bytes.extend(2.0_f64.to_be_bytes());
    bytes.extend([1, 2]);
    bytes.extend("ä".as_bytes());
    let expected = wire::TimeSeriesSummary {
        name: "X".into(),
        entries: 2,
        first: Some(at(-1)),
        last: Some(at(5_000)),
        digest: Some(xxhash_rust::xxh3::xxh3_64(&bytes)),
    };
    assert_eq!(documents[0].time_series, [expected]);
    assert!(documents[1].time_series.is_empty());
}

#[tokio::test]
async fn a_watch_tells_of_series() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    append(&site, "Heart", vec![entry(1, &[1.0], None)]).await.unwrap();
    let request = wire::WatchChangesRequest { database: "Orders".into(), after_etag: Some(1) };
    let changes = site.documents(Caller::Reader).watch_changes(request).await;
    let part = changes.unwrap().into_inner().message().await.unwrap().unwrap();
    let seen: Vec<_> =
        part.changes.iter().map(|it| (it.kind(), it.id.as_str(), it.name.as_str())).collect();
    assert_eq!(seen, [(wire::ChangeKind::TimeSeries, "a", "Heart")]);
}

#[tokio::test]
async fn every_call_passes_the_door() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a"], "{}").await;
    let denied = Reason::DatabaseAccessDenied;
    for caller in [Caller::Nobody, Caller::Reader] {
        let mut documents = site.documents(caller);
        let request = append_request(step("x", vec![entry(1, &[1.0], None)]));
        refused(documents.append_time_series(request).await, denied);
        refused(documents.delete_time_series_range(deletion("x", None, None)).await, denied);
    }
    let mut nobody = site.documents(Caller::Nobody);
    refused(nobody.list_time_series(list_request("a", 0, "")).await, denied);
    refused(nobody.get_time_series_range(get_request("x", None, None)).await, denied);
    assert_eq!(database.store().last_etag().get(), 1);
}
