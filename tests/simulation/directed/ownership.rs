//! Who owns a task, after restarts and where there are two: pitfall 13.

use std::time::Duration;

use jackdaw_store::{
    engine::{Direction, Engine as _, ScanRange},
    keys::RECORDS,
};
use tokio::time::{Instant, sleep};

use super::put;
use crate::{
    plan::{Plan, Topology},
    planted::Planted,
    world::{World, simulate},
};

fn pair(planted: Option<Planted>) -> Plan {
    Plan { planted, ..Plan::calm(1, Topology::Pair) }
}

/// How long it takes until what the source has is at the destination, and how many connections.
async fn until_equal(world: &mut World) -> Result<(Duration, u64), String> {
    let (begin, before) = (Instant::now(), world.network.connections(0, 1));
    world.converge().await.map_err(|violation| violation.what)?;
    Ok((begin.elapsed(), world.network.connections(0, 1) - before))
}

/// The records of a source are older than what its destination has accepted, as after a power loss
/// that its disk did not survive whole; then it is started again, as always.
fn fenced(planted: Option<Planted>) -> Result<(Duration, u64), String> {
    simulate(pair(planted), async |mut world| {
        world.begin().await;
        let records = || {
            let rows = world.nodes[0].disk.visible().snapshot().unwrap();
            let rows = rows.scan(RECORDS, ScanRange::all(), Direction::Forward);
            rows.map(Result::unwrap).collect::<Vec<_>>()
        };
        let old = records();
        for number in 0..4 {
            put(&world, number, r#"{"n":1}"#).await;
            until_equal(&mut world).await?;
            world.stop(0, false).await;
            world.start(0);
        }
        world.converge().await.map_err(|violation| violation.what)?;
        put(&world, 9, r#"{"n":9}"#).await;
        world.stop(0, false).await;
        for (key, value) in old {
            world.nodes[0].disk.put(RECORDS, &key, &value);
        }
        world.start(0);
        until_equal(&mut world).await
    })
}

#[test]
fn pitfall_13_a_fenced_owner_mints_a_generation_and_goes_on() {
    // The first is refused and says what to be above of; the second is accepted.
    let (took, connections) = fenced(None).unwrap();
    assert!(took < Duration::from_secs(5) && connections == 2, "{took:?}, {connections}");
    let planted = fenced(Some(Planted::KeepsGeneration));
    assert!(planted.as_ref().is_err_and(|what| what.contains("TASK_FENCED")), "{planted:?}");
}

/// How many sessions there were while two tasks of one source go to one database for an hour.
fn rivals(planted: Option<Planted>) -> u64 {
    simulate(pair(planted), async |mut world| {
        world.begin().await;
        let edge = world.plan.topology.edges()[0];
        assert!(world.nodes[0].define(edge.task + 1, Some(true)).await);
        for minute in 0..60 {
            put(&world, minute, r#"{"n":1}"#).await;
            sleep(Duration::from_secs(60)).await;
        }
        world.converge().await.unwrap();
        world.oracle.with(|truth| {
            let there = truth.nodes[1].durable.as_ref().unwrap();
            there.cursors[&truth.databases[0]].epoch
        })
    })
}

#[test]
fn pitfall_13_two_tasks_do_not_take_over_from_each_other_for_ever() {
    let sessions = rivals(None);
    assert!(sessions <= 2, "{sessions} sessions");
    let sessions = rivals(Some(Planted::TakesOver));
    assert!(sessions > 60, "the planted bug must be found: {sessions} sessions");
}
