//! Databases that write and copy in the middle of transfers, batch by batch: whatever has come to
//! whom meanwhile, they end alike, and nothing that was added is lost.

use std::collections::{BTreeMap, BTreeSet};

use jackdaw_common::item::series::NewEntry;
use proptest::prelude::*;

use super::super::{harness::*, local::parts::*};
use crate::{Command, Store};

const DOCUMENT: &str = "d";
const COUNTERS: [&str; 2] = ["likes", "stars"];
const SERIES: [&str; 2] = ["heat", "INC:hits"];
const TIMES: i64 = 48;

#[derive(Clone, Debug)]
enum Step {
    Increment {
        at: usize,
        counter: usize,
        delta: i64,
    },
    Append {
        at: usize,
        series: usize,
        time: i64,
        width: usize,
    },
    Put {
        at: usize,
    },
    /// These three only where something may be lost.
    DeleteCounter {
        at: usize,
        counter: usize,
    },
    Clear {
        at: usize,
        series: usize,
        first: i64,
    },
    Delete {
        at: usize,
    },
    /// A batch of so many items; all there is.
    Ship {
        link: usize,
        items: usize,
    },
    All {
        link: usize,
    },
}

fn steps(deletes: bool) -> impl Strategy<Value = Vec<Step>> {
    let at = || 0usize..3;
    let which = || 0usize..2;
    let seldom = u32::from(deletes);
    let step = prop_oneof![
        3 => (at(), which(), 1i64..50)
            .prop_map(|(at, counter, delta)| Step::Increment { at, counter, delta }),
        6 => (at(), which(), 0..TIMES, prop_oneof![Just(1usize), Just(32)])
            .prop_map(|(at, series, time, width)| Step::Append { at, series, time, width }),
        3 => at().prop_map(|at| Step::Put { at }),
        2 * seldom => (at(), which())
            .prop_map(|(at, counter)| Step::DeleteCounter { at, counter }),
        2 * seldom => (at(), which(), 0..TIMES)
            .prop_map(|(at, series, first)| Step::Clear { at, series, first }),
        seldom => at().prop_map(|at| Step::Delete { at }),
        12 => (0usize..6, 1usize..3).prop_map(|(link, items)| Step::Ship { link, items }),
        2 => (0usize..6).prop_map(|link| Step::All { link }),
    ];
    prop::collection::vec(step, 1..60)
}

/// What was added, where nothing is ever deleted: sums of counters, times of series.
#[derive(Default, Debug, PartialEq)]
struct Added {
    sums: BTreeMap<&'static str, i64>,
    times: BTreeSet<(&'static str, i64)>,
}

impl Added {
    fn of(store: &Store) -> Self {
        let sums =
            COUNTERS.iter().filter_map(|name| Some((*name, counted(store, DOCUMENT, name)?)));
        let times = SERIES.iter().flat_map(|name| {
            shown(store, DOCUMENT, name).into_iter().map(move |(time, _)| (*name, time))
        });
        Self { sums: sums.collect(), times: times.collect() }
    }
}

async fn write(store: &Store, step: &Step, added: &mut Added) {
    if let Step::Put { .. } = step {
        put(store, DOCUMENT, "1").await;
        return;
    }
    if !store.snapshot().is_live(&id(DOCUMENT)).unwrap() {
        return;
    }
    let command = match *step {
        Step::Increment { counter, delta, .. } => {
            *added.sums.entry(COUNTERS[counter]).or_default() += delta;
            adding(DOCUMENT, COUNTERS[counter], delta)
        }
        Step::Append { series, time: at, width, .. } => {
            added.times.insert((SERIES[series], at));
            let values: Vec<_> =
                (0..width).map(|n| ((at + 1) as f64 * (n + 2) as f64).sqrt()).collect();
            let entries = vec![NewEntry::new(time(at), values, None).unwrap()];
            Command::Append { id: id(DOCUMENT), name: series_name(SERIES[series]), entries }
        }
        Step::DeleteCounter { counter, .. } => uncounting(DOCUMENT, COUNTERS[counter]),
        Step::Clear { series, first, .. } => {
            clearing(DOCUMENT, SERIES[series], span(first, first + 9))
        }
        _ => deleting(DOCUMENT),
    };
    one(store, command).await.unwrap();
}

fn run(steps: &[Step], deletes: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stores: Vec<_> = (1..).take(3).map(in_memory).collect();
        put(&stores[0], DOCUMENT, "1").await;
        let mut links = Vec::new();
        for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)] {
            links.push(Link::open(&stores[from], &stores[to]).await);
        }
        let mut added = Added::default();
        for step in steps {
            match *step {
                Step::Ship { link, items } => {
                    let batch = links[link].next(items);
                    links[link].apply(batch).await;
                }
                Step::All { link } => {
                    links[link].run(usize::MAX).await;
                }
                Step::Increment { at, .. }
                | Step::Append { at, .. }
                | Step::Put { at }
                | Step::DeleteCounter { at, .. }
                | Step::Clear { at, .. }
                | Step::Delete { at } => write(&stores[at], step, &mut added).await,
            }
        }
        for _ in 0..6 {
            for link in &mut links {
                link.run(usize::MAX).await;
            }
        }
        stores.iter().for_each(|store| audit(&store.snapshot()));
        let entries = |store: &Store| SERIES.map(|name| shown(store, DOCUMENT, name));
        let all: Vec<_> = stores.iter().map(|store| (Added::of(store), entries(store))).collect();
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        if !deletes {
            assert_eq!(all[0].0, added, "something that was added is not there");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_was_added_is_lost(steps in steps(false)) {
        run(&steps, false);
    }

    #[test]
    fn whatever_is_deleted_all_end_alike(steps in steps(true)) {
        run(&steps, true);
    }
}
