//! Counters and time series between the binaries: copied, merged, and the same after every kill.

use std::time::Duration;

use anyhow::Result;
use jackdaw_proto::documents::{
    AppendTimeSeries, BulkWriteRequest, Command, IncrementCounter, TimeSeriesEntry, command,
};
use jackdaw_tests::{
    client::{Client, Point},
    random::Random,
    service::Service,
    site::Site,
    wait::until,
};
use prost_types::Timestamp;
use tokio::time::Instant;

use crate::setup::{Pair, SOON};

/// Year 1 and year 9999, their first and their last millisecond.
const FIRST: i64 = -62_135_596_800_000;
const LAST: i64 = 253_402_300_799_999;

/// Counters by name and value, and what each series shows.
type Shown = (Vec<(String, Option<i64>)>, Vec<Vec<Point>>);

async fn shown(client: &Client, database: &str, id: &str, series: &[&str]) -> Result<Shown> {
    let counters = client.counters(database, id).await?.into_iter();
    let counters = counters.map(|counter| (counter.name, counter.value)).collect();
    let mut all = Vec::new();
    for name in series {
        all.push(match client.series(database, id, name).await {
            Ok(entries) => entries,
            Err(status) if status.code() == tonic::Code::NotFound => Vec::new(),
            Err(status) => return Err(status.into()),
        });
    }
    Ok((counters, all))
}

/// Both ends of a pair show the same of a document; answers what.
async fn same(pair: &Pair, id: &str, series: &[&str]) -> Result<Shown> {
    let source = shown(&pair.source, "shop", id, series).await?;
    let copy = shown(&pair.destination, "copy", id, series).await?;
    assert_eq!(source, copy);
    Ok(source)
}

fn point(time: i64, values: &[f64], tag: Option<&str>) -> Point {
    (time, values.to_vec(), tag.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_and_series_are_copied() -> Result<()> {
    let pair = Pair::new().await?;
    let task = pair.replicate().await?;
    let (source, series) = (&pair.source, ["Heartrate", "INC:hits"]);
    source.put("shop", "users/1", "{}").await?;
    assert_eq!(source.increment("shop", "USERS/1", "Likes", 10).await?, Some(10));
    assert_eq!(source.increment("shop", "users/1", "likes", -3).await?, Some(7));
    source.increment("shop", "users/1", "gone", i64::MIN).await?;
    let wide: Vec<f64> = (0..32).map(f64::from).collect();
    let entries = [
        point(LAST, &wide, Some("watches/fitbit")),
        point(FIRST, &[-0.5], None),
        point(1, &[59.0], Some("a")),
        point(2, &[60.0], Some("a")),
        point(1, &[58.0], None),
    ];
    source.append("shop", "users/1", "Heartrate", &entries).await?;
    source.append("shop", "users/1", "INC:hits", &[point(5, &[1.0, 2.0], None)]).await?;
    source.append("shop", "users/1", "inc:hits", &[point(5, &[10.0], None)]).await?;
    pair.caught_up(&task).await?;
    let (counters, entries) = same(&pair, "users/1", &series).await?;
    let likes = ("Likes".to_owned(), Some(7));
    assert_eq!(counters, [("gone".to_owned(), Some(i64::MIN)), likes.clone()]);
    let times: Vec<_> = entries[0].iter().map(|entry| entry.0).collect();
    assert_eq!(times, [FIRST, 1, 2, LAST]);
    assert_eq!(entries[0][1], point(1, &[58.0], None), "the later one of two");
    assert_eq!(entries[0][3], point(LAST, &wide, Some("watches/fitbit")));
    assert_eq!(entries[1], [point(5, &[11.0, 2.0], None)]);
    // What is deleted goes; the rest stays.
    source.delete_counter("shop", "users/1", "GONE").await?;
    source.delete_span("shop", "users/1", "HEARTRATE", (Some(2), None)).await?;
    source.delete_span("shop", "users/1", "INC:hits", (None, None)).await?;
    pair.caught_up(&task).await?;
    let (counters, entries) = same(&pair, "users/1", &series).await?;
    assert_eq!(counters, [likes]);
    assert_eq!((entries[0].len(), entries[1].len()), (2, 0));
    let counts = async |client: &Client, database: &str| {
        let database = client.database(database).await?;
        anyhow::Ok((database.counters, database.time_series_entries))
    };
    assert_eq!(counts(source, "shop").await?, (1, 2));
    assert_eq!(counts(&pair.destination, "copy").await?, (1, 2));
    // All of it goes with the document, and does not come back with the next one.
    source.delete("shop", "users/1").await?;
    source.put("shop", "users/1", "{}").await?;
    source.increment("shop", "users/1", "new", 1).await?;
    pair.caught_up(&task).await?;
    let (counters, entries) = same(&pair, "users/1", &series).await?;
    assert_eq!(counters, [("new".to_owned(), Some(1))]);
    assert_eq!((entries[0].len(), entries[1].len()), (0, 0));
    assert_eq!(counts(&pair.destination, "copy").await?, (1, 0));
    Ok(())
}

/// What was acknowledged to a client is at both ends, once, whoever is killed when.
#[tokio::test(flavor = "multi_thread")]
async fn every_increment_counts_once() -> Result<()> {
    let mut pair = Pair::new().await?;
    let task = pair.replicate().await?;
    pair.source.put("shop", "d", "{}").await?;
    let mut random = Random::new(9);
    let (mut sum, mut time) = (0, 0);
    for round in 0..6 {
        for _ in 0..40 {
            let delta = i64::try_from(random.number() % 100)?;
            sum += delta;
            assert_eq!(pair.source.increment("shop", "d", "likes", delta).await?, Some(sum));
            time += 1;
            let value = f64::from(u32::try_from(random.number() % 100)?);
            pair.source.append("shop", "d", "heat", &[point(time * 1_000, &[value], None)]).await?;
        }
        pair.kill_in_turn(round).await?;
        assert_eq!(pair.source.counters("shop", "d").await?[0].value, Some(sum));
    }
    pair.caught_up(&task).await?;
    let (counters, entries) = same(&pair, "d", &["heat"]).await?;
    assert_eq!(counters, [("likes".to_owned(), Some(sum))]);
    assert_eq!(i64::try_from(entries[0].len())?, time);
    Ok(())
}

/// Both sides count and append at once: sums and entries are the same on both, and then it is
/// quiet (checklist A15, A16).
#[tokio::test(flavor = "multi_thread")]
async fn two_ways_add_up() -> Result<()> {
    let site = Site::new()?.two_way();
    let one = Service::start_both(&site, "sender")?;
    let other = Service::start_both(&site, "receiver")?;
    let administrator = site.administrator()?;
    let here = Client::connect(&one.url(), &administrator).await?;
    let there = Client::connect(&other.url(), &administrator).await?;
    here.create_database("shop").await?;
    there.create_database("shop").await?;
    here.replicate("shop", "shop", &[other.url()]).await?;
    there.replicate("shop", "shop", &[one.url()]).await?;
    here.put("shop", "d", "{}").await?;
    here.increment("shop", "d", "likes", 0).await?;
    let series = ["heat", "INC:hits"];
    for name in series {
        here.append("shop", "d", name, &[point(0, &[0.0], None)]).await?;
    }
    until("the document is there", SOON, async || {
        Ok((shown(&there, "shop", "d", &series).await.ok().filter(|it| it.1[1].len() == 1))
            .map(drop))
    })
    .await?;
    let load = async |client: &Client, side: i64| {
        for round in 0..100 {
            client.increment("shop", "d", "likes", 1 + side).await?;
            let minute = 60_000 * (5 * round + side);
            client.append("shop", "d", "heat", &[point(minute, &[1.0], None)]).await?;
            client.append("shop", "d", "INC:hits", &[point(round, &[1.0], None)]).await?;
        }
        anyhow::Ok(())
    };
    let (one, other) = tokio::join!(load(&here, 0), load(&there, 1));
    one?;
    other?;
    until("both show the same", SOON, async || {
        let shown =
            [shown(&here, "shop", "d", &series).await?, shown(&there, "shop", "d", &series).await?];
        let (counters, entries) = &shown[0];
        let all = counters == &[("likes".to_owned(), Some(300))]
            && entries[0].len() == 200
            && entries[1].iter().all(|entry| entry.1 == [2.0]);
        Ok((all && shown[0] == shown[1]).then_some(()))
    })
    .await?;
    let etags = async || {
        let last =
            [here.database("shop").await?.last_etag, there.database("shop").await?.last_etag];
        anyhow::Ok(last)
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = etags().await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(etags().await?, before, "there are new etags although nobody writes");
    Ok(())
}

/// Commands of one document: increments of its counters, or entries of its series.
fn million(document: usize, batch: usize) -> Vec<Command> {
    let id = || format!("d/{document}");
    let increments = (0..100).map(|n| {
        let name = format!("counter {}", n % 10);
        let increment = IncrementCounter { document_id: id(), name, delta: 1 };
        command::Command::IncrementCounter(increment)
    });
    let entries = (0..100).map(|n| {
        let seconds = i64::try_from(batch * 100 + n).unwrap_or_default() * 60;
        let values = vec![20.0 + f64::from(u32::try_from(n % 17).unwrap_or_default()) / 4.0];
        TimeSeriesEntry { time: Some(Timestamp { seconds, nanos: 0 }), values, tag: None }
    });
    let append =
        AppendTimeSeries { document_id: id(), name: "heat".into(), entries: entries.collect() };
    let append = command::Command::AppendTimeSeries(append);
    increments.chain([append]).map(|command| Command { command: Some(command) }).collect()
}

/// 1,000,000 increments and as many entries, written while they are copied, and from nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute or two"]
async fn a_million_of_each() -> Result<()> {
    let pair = Pair::new().await?;
    let documents = 1_000;
    let ids = (0..documents).map(|n| (format!("d/{n}"), "{}".to_owned())).collect();
    pair.source.write("shop", ids, 100).await?;
    let begin = Instant::now();
    let transactions = (0..10).flat_map(|batch| (0..documents).map(move |n| million(n, batch)));
    let transactions =
        transactions.map(|commands| BulkWriteRequest { database: "shop".into(), commands });
    pair.source.bulk_write(transactions.collect()).await?;
    let written = begin.elapsed();
    let begin = Instant::now();
    let task = pair.replicate().await?;
    pair.caught_up(&task).await?;
    let copied = begin.elapsed();
    println!("written in {written:.1?}, copied in {copied:.1?}");
    for (client, database) in [(&pair.source, "shop"), (&pair.destination, "copy")] {
        let database = client.database(database).await?;
        assert_eq!((database.counters, database.time_series_entries), (10_000, 1_000_000));
    }
    for n in [0, 500, 999] {
        let (counters, entries) = same(&pair, &format!("d/{n}"), &["heat"]).await?;
        assert!(counters.iter().all(|counter| counter.1 == Some(100)) && counters.len() == 10);
        assert_eq!(entries[0].len(), 1_000);
    }
    let begin = Instant::now();
    let transactions = (10..12).flat_map(|batch| (0..documents).map(move |n| million(n, batch)));
    let transactions =
        transactions.map(|commands| BulkWriteRequest { database: "shop".into(), commands });
    pair.source.bulk_write(transactions.collect()).await?;
    pair.caught_up(&task).await?;
    println!("200,000 of each written and copied at once in {:.1?}", begin.elapsed());
    Ok(())
}
