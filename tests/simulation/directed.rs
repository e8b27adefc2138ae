//! Histories that are made on purpose: a crash at every commit, and a row that goes bad.

mod ownership;

use std::time::Duration;

use bytes::Bytes;
use jackdaw_common::{Content, Etag};
use jackdaw_store::{
    Command, Lookup, NewId, Snapshot,
    engine::{Direction, Engine as _, ScanRange},
    keys::CHANGES,
};

use crate::{
    disk::{Crash, Failure},
    plan::{Plan, Topology},
    seeds::side_by_side,
    world::{World, run, simulate},
};

/// Commits of each node at which it crashes.
const COMMITS: u64 = 40;

/// A node that dies in any of its commits, whether the disk has it or not, goes on as if nothing
/// had been: nothing is lost, nothing comes twice, everything becomes equal.
#[test]
fn a_crash_in_any_commit_loses_nothing() {
    let images = 0..COMMITS * 2 * 2;
    let restarted = side_by_side(images, |image| {
        let crash = Crash {
            node: usize::from(image % 2 == 1),
            commit: 1 + image / 4,
            failure: Failure { kept: image / 2 % 2 == 0 },
        };
        let topology = if image % 4 < 2 { Topology::Chain } else { Topology::TwoWay };
        let outcome = run(Plan { crash: Some(crash), ..Plan::calm(7, topology) });
        if let Some(violation) = outcome.violation {
            panic!("{crash:?}: {violation:?}\n{}", outcome.last);
        }
        outcome.restarts
    });
    // Where a run has fewer commits, nothing happened.
    let happened = restarted.iter().filter(|restarts| **restarts > 0).count();
    assert!(happened > restarted.len() * 3 / 4, "{happened} of {}", restarted.len());
}

async fn put(world: &World, document: u64, body: &str) {
    let command = Command::Put {
        id: NewId::Given(format!("n0/doc-{document}").parse().unwrap()),
        collection: "things".parse().unwrap(),
        body: Bytes::from(body.to_owned()),
        expected: None,
    };
    world.nodes[0].store().unwrap().transact(vec![command]).await.unwrap();
}

/// A row in which a bit has changed is found when it is read, named, and never sent, nor is what
/// comes behind it; once it is whole again, everything arrives.
#[test]
fn a_row_that_has_gone_bad_is_never_sent() {
    simulate(Plan::calm(1, Topology::Pair), async |mut world| {
        world.begin().await;
        put(&world, 1, r#"{"n":1}"#).await;
        world.converge().await.unwrap();
        world.network.wire(0, 1).cut();
        put(&world, 2, r#"{"n":2}"#).await;
        put(&world, 3, r#"{"n":3}"#).await;
        put(&world, 4, r#"{"n":4}"#).await;
        let disk = world.nodes[0].disk.clone();
        let engine = disk.visible().snapshot().unwrap();
        let rows = engine.scan(CHANGES, ScanRange::all(), Direction::Forward);
        let (key, whole) = rows.map(Result::unwrap).nth(2).unwrap();
        for bit in [0, whole.len() * 4, whole.len() * 8 - 1] {
            let mut bad = whole.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            disk.put(CHANGES, &key, &bad);
            world.stop(0, false).await;
            world.start(0);
            world.network.wire(0, 1).heal();
            tokio::time::sleep(Duration::from_secs(70)).await;
            let status = world.nodes[0].status();
            let named = status.contains("ROW_CORRUPT") && status.contains("table changes");
            assert!(named, "bit {bit}: {status}");
            let there = Snapshot::inspect(&world.nodes[1].disk.visible()).unwrap().unwrap();
            let bodies = there.changes_after(Etag::ZERO).map(|row| row.unwrap().version.content);
            for body in bodies {
                let Content::Document(body) = body else { panic!("a deletion of nothing") };
                assert!(body.starts_with(b"{\"n\":"), "bit {bit}: {body:?}");
            }
            let third = there.document(&"n0/doc-3".parse().unwrap()).unwrap();
            assert_eq!(third, Lookup::Missing, "bit {bit}");
        }
        disk.put(CHANGES, &key, &whole);
        // A process reads what it opened.
        world.stop(0, false).await;
        world.start(0);
        world.converge().await.unwrap();
    });
}
