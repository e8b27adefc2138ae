//! Runs of many seeds, and what they must show.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ops::Range,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    chaos::Fault,
    chaos::restoring::Setback,
    plan::Plan,
    planted::Planted,
    world::{Outcome, run},
};

/// The seeds of the gate.
const SEEDS: Range<u64> = 0..150;
/// Those in which disks are set back.
const RESTORING: Range<u64> = 0..150;
/// Those in which much is forgotten before a destination is set back.
const FORGETTING: Range<u64> = 0..200;

fn seeds(gate: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("JACKDAW_SEEDS") else { return gate };
    let number = |text: &str| text.trim().parse::<u64>().expect("JACKDAW_SEEDS=17 or =100..5000");
    match text.split_once("..") {
        Some((begin, end)) => number(begin)..number(end),
        None => number(&text)..number(&text) + 1,
    }
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What has panicked on this thread, in whichever task; a runtime keeps that to itself.
pub(crate) fn panicked() -> Option<String> {
    PANIC.take()
}

/// Has panics noted, besides what is done about them anyway.
pub(crate) fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANIC.set(Some(panic.to_string()));
            before(panic);
        }));
    });
}

/// Runs plans in which everything must hold. One that does not is no reason not to run the others.
fn all_hold(seeds: Range<u64>, plan: impl Fn(u64) -> Plan + Sync) -> Vec<Outcome> {
    let outcomes = side_by_side(seeds, |seed| (seed, run(plan(seed))));
    let found = outcomes.iter().filter_map(|(seed, it)| Some((*seed, it.violation.as_ref()?)));
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(seed, _)| *seed);
    for (seed, violation) in &found {
        println!("seed {seed}: {} does not hold: {}", violation.invariant, violation.what);
    }
    if let Some((seed, violation)) = found.first() {
        let last = outcomes.iter().find(|(it, _)| it == seed).map(|(_, it)| it.last.as_str());
        panic!(
            "{} of {} seeds; seed {seed}: {} does not hold: {}\n{}\n{:#?}\n\
             again: JACKDAW_SEEDS={seed}",
            found.len(),
            outcomes.len(),
            violation.invariant,
            violation.what,
            last.unwrap_or_default(),
            plan(*seed),
        );
    }
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What each seed gives, worked out on as many threads as there are cores.
pub(crate) fn side_by_side<T: Send>(seeds: Range<u64>, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return done;
                }
                done.push(run(seed));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.collect()
    })
}

/// What was done in many runs, by kind.
type Counts = BTreeMap<&'static str, u64>;

fn add(all: &mut Counts, more: Counts) {
    for (kind, count) in more {
        *all.entry(kind).or_default() += count;
    }
}

/// What must have been done in the seeds of the gate, at least.
const COUNTS: [(&str, u64); 9] = [
    ("attached", 5_000),
    ("attachments that arrived", 10_000),
    ("contents offered", 10_000),
    ("contents needed", 2_000),
    ("contents gone on with", 20),
    ("pieces of contents", 2_000),
    ("kept", 50_000),
    ("kept, and removed", 20_000),
    ("removals", 10_000),
];

/// Every invariant holds in every seed, everything becomes equal and silent, and each kind of fault
/// did happen.
#[test]
fn every_seed_holds() {
    let mut fired: BTreeMap<Fault, u64> = BTreeMap::new();
    let (mut merged, mut parts) = (0, BTreeMap::<&str, u64>::new());
    let mut counts = Counts::new();
    let (mut altered, mut batches, mut conflicts, mut forgotten) = (0, 0, 0, 0);
    let seeds = seeds(SEEDS);
    let alone = seeds.clone().count() < SEEDS.count();
    for outcome in all_hold(seeds, |seed| Plan::new(seed, None)) {
        for (fault, count) in outcome.fired {
            *fired.entry(fault).or_default() += count;
        }
        for (kind, count) in outcome.parts {
            *parts.entry(kind).or_default() += count;
        }
        add(&mut counts, outcome.counts);
        merged += outcome.merged;
        altered += outcome.altered;
        batches += outcome.batches;
        conflicts += u64::from(outcome.conflicts);
        forgotten += u64::from(outcome.forgotten);
    }
    println!("{fired:?}, {batches} batches, {conflicts} with conflicts");
    println!("{merged} merged, {parts:?}");
    println!("{counts:?}");
    if alone {
        return;
    }
    for fault in Fault::ALL {
        assert!(fired.get(&fault).is_some_and(|count| *count >= 50), "{fault:?}: {fired:?}");
    }
    assert!(altered >= 50 && batches >= 10_000, "{altered} altered, {batches} batches");
    assert!(merged >= 1_000 && parts.len() == 5, "{merged} merged, {parts:?}");
    assert!(parts.values().all(|count| *count >= 1_000), "{parts:?}");
    for (kind, least) in COUNTS {
        assert!(counts.get(kind).is_some_and(|count| *count >= least), "{kind}: {counts:?}");
    }
    assert!(conflicts >= 5 && forgotten >= 20, "{conflicts} conflicts, {forgotten} forgotten");
}

/// Disks are set back, with and without somebody saying so: what any disk still has is lost to
/// nobody, and everything goes on.
#[test]
fn every_restore_holds() {
    let mut fired: BTreeMap<Setback, u64> = BTreeMap::new();
    let (mut blocked, mut reconciled, mut counts) = (0, 0, Counts::new());
    let seeds = seeds(RESTORING);
    let alone = seeds.clone().count() < RESTORING.count();
    for outcome in all_hold(seeds, |seed| Plan::restoring(seed, None)) {
        for (setback, count) in outcome.setbacks {
            *fired.entry(setback).or_default() += count;
        }
        add(&mut counts, outcome.counts);
        blocked += outcome.blocked;
        reconciled += outcome.reconciled;
    }
    println!("{fired:?}, {blocked} blocked, {reconciled} reconciled");
    println!("{counts:?}");
    if alone {
        return;
    }
    for setback in Setback::ALL {
        assert!(fired.get(&setback).is_some_and(|count| *count >= 30), "{setback:?}: {fired:?}");
    }
    assert!(blocked >= 10 && reconciled >= 2, "{blocked} blocked, {reconciled} removed");
    all_happened(&counts);
}

/// Documents whose deletion a source has forgotten are removed by full reconciles, in many seeds,
/// and nothing else is.
#[test]
fn every_forgetting_source_reconciles() {
    let seeds = seeds(FORGETTING);
    let alone = seeds.clone().count() < FORGETTING.count();
    let outcomes = all_hold(seeds, Plan::forgetting);
    let removed: Vec<_> = outcomes.iter().map(|it| it.reconciled).filter(|it| *it > 0).collect();
    let all: u64 = removed.iter().sum();
    println!("{} seeds of {} removed {all}", removed.len(), outcomes.len());
    let mut counts = Counts::new();
    outcomes.iter().for_each(|outcome| add(&mut counts, outcome.counts.clone()));
    println!("{counts:?}");
    assert!(alone || removed.len() >= 50 && all >= 75, "{} seeds, {all}", removed.len());
    if !alone {
        all_happened(&counts);
    }
}

/// Everything that is counted of contents and revisions happened in a family of runs too.
fn all_happened(counts: &Counts) {
    for (kind, _) in COUNTS {
        assert!(counts.get(kind).is_some_and(|count| *count > 0), "{kind}: {counts:?}");
    }
}

/// What happens in a run depends on its seed and nothing else.
#[test]
fn a_seed_says_everything() {
    for seed in 0..20 {
        let (one, other) = (run(Plan::new(seed, None)), run(Plan::new(seed, None)));
        assert_eq!(one.digest, other.digest, "seed {seed}");
    }
    for seed in 0..10 {
        let plan = Plan::restoring(seed, None);
        assert_eq!(run(plan.clone()).digest, run(plan).digest, "restoring, seed {seed}");
    }
    let (one, other) = (run(Plan::new(1, None)), run(Plan::new(2, None)));
    assert_ne!(one.digest, other.digest);
}

/// Each planted bug is found, by the invariant that stands against it.
#[test]
fn planted_bugs_are_found() {
    are_found(&Planted::ALL, Plan::new);
}

/// Those that show themselves when disks are set back.
#[test]
fn planted_bugs_of_restores_are_found() {
    are_found(&Planted::RESTORING, Plan::restoring);
}

fn are_found(all: &[(Planted, &str)], plan: impl Fn(u64, Option<Planted>) -> Plan) {
    let mut missed = Vec::new();
    for (planted, invariant) in all.iter().copied() {
        let mut others = Vec::new();
        let found = (0..150).find_map(|seed| {
            let violation = run(plan(seed, Some(planted))).violation?;
            let meant = violation.invariant == invariant;
            if !meant {
                others.push(format!("{}: {}", violation.invariant, violation.what));
            }
            meant.then_some(seed)
        });
        match found {
            Some(seed) => println!("{planted:?} was found by {invariant} in seed {seed}"),
            None => {
                missed.push(format!("{planted:?}, not by {invariant} but {:?}", others.first()))
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
