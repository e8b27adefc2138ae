//! A stream of documents that have very much beside their bodies.

use std::sync::Arc;

use jackdaw_proto::documents as wire;
use prost::Message as _;

use super::*;
use crate::{
    catalog::Database,
    control::fixture::replicate,
    documents::stream::{Reader, Step, Streamed},
};

/// What gRPC clients take as one message where nobody says otherwise.
const CLIENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The name of a counter, nearly as long as one may be.
fn long_name(number: usize) -> String {
    format!("{number:06}{}", "x".repeat(490))
}

async fn add_counters(site: &Site, numbers: std::ops::Range<usize>) {
    let increment = |number| {
        let (document_id, name) = ("b".to_owned(), long_name(number));
        wire::IncrementCounter { document_id, name, delta: 1 }
    };
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(15_000) {
        let steps = some.iter().map(|number| increment(*number));
        let steps = steps.map(wire::command::Command::IncrementCounter);
        let commands = steps.map(|step| wire::Command { command: Some(step) }).collect();
        site.documents(Caller::Writer).transact(transact_request(commands)).await.unwrap();
    }
}

async fn add_series(site: &Site, name: &str, entries: i64) {
    let times: Vec<_> = (0..entries).collect();
    for some in times.chunks(16_000) {
        let entry = |seconds: &i64| wire::TimeSeriesEntry {
            time: Some(prost_types::Timestamp { seconds: *seconds, nanos: 0 }),
            values: vec![1.0],
            tag: None,
        };
        let append = wire::AppendTimeSeries {
            document_id: "b".into(),
            name: name.into(),
            entries: some.iter().map(entry).collect(),
        };
        let request = wire::AppendTimeSeriesRequest {
            database: "Orders".into(),
            append_time_series: Some(append),
        };
        site.documents(Caller::Writer).append_time_series(request).await.unwrap();
    }
}

fn request() -> wire::StreamDocumentsRequest {
    wire::StreamDocumentsRequest {
        include_counters_and_time_series: true,
        include_time_series_digests: true,
        ..stream_request("")
    }
}

/// The parts of a stream, for a client with the usual bound.
async fn parts(site: &Site) -> Vec<wire::StreamDocumentsResponse> {
    let reader = site.documents(Caller::Reader);
    let mut reader = reader.max_decoding_message_size(CLIENT_BYTES_MAX);
    let mut stream = reader.stream_documents(request()).await.unwrap().into_inner();
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        parts.push(part);
    }
    parts
}

#[tokio::test]
async fn a_document_with_very_many_counters_goes_on_in_parts_of_the_usual_size() {
    let (site, _database) = Site::with_orders().await;
    fill(&site, &["a", "b", "c"], "{\"n\":1}").await;
    add_counters(&site, 0..30_000).await;
    add_series(&site, "heart", 3).await;
    let parts = parts(&site).await;
    assert!(parts.iter().all(|part| part.encoded_len() < 1_100_000));
    let documents: Vec<_> = parts.iter().flat_map(|part| &part.documents).collect();
    let ids: Vec<_> = documents.iter().map(|it| it.id.as_str()).collect();
    assert!(ids.starts_with(&["a", "b", "b"]) && ids.ends_with(&["b", "b", "c"]), "{ids:?}");
    for (at, document) in documents.iter().enumerate() {
        let goes_on = document.id == "b" && at > 1;
        assert_eq!(document.continued, goes_on, "{at}");
        if goes_on {
            let (counters, time_series) = (document.counters.clone(), document.time_series.clone());
            let (id, continued) = (document.id.clone(), true);
            let only =
                wire::Document { id, counters, time_series, continued, ..Default::default() };
            assert_eq!(document, &&only);
            assert!(!document.counters.is_empty() || !document.time_series.is_empty());
        } else {
            assert_eq!(&document.body[..], b"{\"n\":1}");
        }
    }
    let counters = documents.iter().flat_map(|it| &it.counters);
    assert!(counters.clone().all(|it| it.value == Some(1)));
    let names: Vec<_> = counters.map(|it| it.name.clone()).collect();
    assert_eq!(names, (0..30_000).map(long_name).collect::<Vec<_>>());
    let series: Vec<_> = documents.iter().flat_map(|it| &it.time_series).collect();
    assert_eq!((series.len(), series[0].entries), (1, 3));
}

/// They are of the document, whichever of its versions will be left.
#[tokio::test]
async fn a_conflict_with_very_many_counters_goes_on_too() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["a", "b"], "{}").await;
    add_counters(&site, 0..5_000).await;
    replicate(database.store(), "b", Some("{\"other\":1}"), 1).await;
    let parts = parts(&site).await;
    assert!(parts.iter().all(|part| part.encoded_len() < 1_100_000));
    let conflicts: Vec<_> = parts.iter().flat_map(|part| &part.conflicts).collect();
    let shape: Vec<_> = conflicts.iter().map(|it| (it.versions.len(), it.continued)).collect();
    assert_eq!(shape, [(2, false), (0, true), (0, true)]);
    let counters: Vec<_> = conflicts.iter().map(|it| it.counters.len()).collect();
    assert_eq!(counters.iter().sum::<usize>(), 5_000);
    assert!(parts.iter().flat_map(|part| &part.documents).all(|it| !it.continued));
}

/// What is read between two looks at whether somebody wants it still has a bound, however much one
/// document has, and what was read is told of in the end as a whole.
#[tokio::test]
async fn a_long_series_is_read_in_steps() {
    let (site, database) = Site::with_orders().await;
    fill(&site, &["b"], "{}").await;
    add_series(&site, "x", 30_000).await;
    add_series(&site, "y", 20_000).await;
    let read = |request: &wire::StreamDocumentsRequest| read_all(&database, request);
    let (steps, part) = read(&request());
    assert!(steps > 6, "{steps}");
    let entries: Vec<_> = part.documents[0].time_series.iter().map(|it| it.entries).collect();
    assert_eq!(entries, [30_000, 20_000]);
    let plain = wire::StreamDocumentsRequest { include_time_series_digests: false, ..request() };
    let (steps, without) = read(&plain);
    assert_eq!(steps, 1);
    let mut expected = part.clone();
    expected.documents[0].time_series.iter_mut().for_each(|it| it.digest = None);
    assert_eq!(without, expected);

    // The same entries have the same digest, wherever the steps ended.
    add_series(&site, "w", 11_111).await;
    fill(&site, &["a"], "{}").await;
    let (_, later) = read(&request());
    assert_eq!(later.documents[1].time_series[1..], part.documents[0].time_series);
    let end = wire::StreamDocumentsRequest { id_prefix: "none".into(), ..request() };
    assert_eq!(read(&end), (1, wire::StreamDocumentsResponse::default()));
}

/// How many steps it takes to read a stream of one part, and the part.
fn read_all(
    database: &Arc<Database>,
    request: &wire::StreamDocumentsRequest,
) -> (usize, wire::StreamDocumentsResponse) {
    let streamed = Streamed::read(request).unwrap();
    let mut reader = Reader::new(database.store().snapshot(), streamed);
    for steps in 1.. {
        match reader.step().unwrap() {
            Step::More => {}
            Step::Part(part) => panic!("another part: {part:?}"),
            Step::Last(part) => return (steps, part),
        }
    }
    unreachable!("it ends")
}
