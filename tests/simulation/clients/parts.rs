//! What clients do to counters and time series: deltas of all sizes, entries out of order, twice
//! and over one another, so wide that few of them fill a segment, and deletions of all that.

use std::{collections::BTreeSet, sync::Arc};

use jackdaw_common::{
    DocumentId,
    item::series::{NewEntry, SeriesTime, Span},
    limits::SERIES_VALUES_MAX,
};
use jackdaw_store::Command;
use jackdaw_tests::random::Random;

/// Names of counters. The last is led to the ends of 64 bits.
const COUNTERS: [&str; 4] = ["likes", "Likes", "stars", "edge"];
const SERIES: [&str; 4] = ["heat", "Heat", "INC:hits", "inc:Hits"];
/// Times of a series: few, so that they are written again.
const TIMES: u64 = 40;

/// Counters and series that a transaction has written to: of what several nodes write, each once.
pub(super) type Written = BTreeSet<(String, String)>;

/// A command to a counter or a series of a document; `once`: to none that the transaction has
/// written to.
pub(super) fn command(
    random: &mut Random,
    id: &DocumentId,
    once: Option<&mut Written>,
) -> Option<Command> {
    let id = id.clone();
    let kind = random.below(10);
    let (counter, series) = (COUNTERS[random.index(4)], SERIES[random.index(4)]);
    let name = if kind < 5 { counter } else { series };
    if once.is_some_and(|it| !it.insert((id.key().to_owned(), name.to_lowercase()))) {
        return None;
    }
    Some(match kind {
        0..4 => {
            Command::Increment { id, name: name.parse().unwrap(), delta: delta(random, counter) }
        }
        4 => Command::DeleteCounter { id, name: name.parse().unwrap() },
        5..9 => {
            Command::Append { id, name: name.parse().unwrap(), entries: entries(random, series) }
        }
        _ => Command::DeleteSpan { id, name: name.parse().unwrap(), span: span(random) },
    })
}

fn delta(random: &mut Random, name: &str) -> i64 {
    if name != "edge" {
        return random.below(200).cast_signed() - 60;
    }
    let near = random.below(3).cast_signed();
    [i64::MAX - near, i64::MIN + near, near - 1, i64::MAX / 2][random.index(4)]
}

fn time(random: &mut Random) -> SeriesTime {
    if random.chance(10) {
        return [SeriesTime::MIN, SeriesTime::MAX][random.index(2)];
    }
    SeriesTime::new(1_000_000 + 60_000 * random.below(TIMES).cast_signed()).unwrap()
}

fn span(random: &mut Random) -> Span {
    if random.chance(150) {
        return Span::ALL;
    }
    let (one, other) = (time(random), time(random));
    Span::new(one.min(other), one.max(other)).unwrap()
}

/// Entries in any order, some of one time.
fn entries(random: &mut Random, name: &str) -> Vec<NewEntry> {
    let count = 1 + random.below(1 + random.clone().below(12));
    let incremental = name.to_lowercase().starts_with("inc:");
    let mut entries = Vec::new();
    for _ in 0..count {
        let width = [1, 2, SERIES_VALUES_MAX, SERIES_VALUES_MAX][random.index(4)];
        // Few bits: sums of them are exact in any order.
        let value = |random: &mut Random| {
            let value = i32::try_from(random.below(1 << 30)).unwrap() - (1 << 28);
            f64::from(value) / 1_024.0
        };
        let values = (0..width).map(|_| value(random)).collect();
        let tagged = !incremental && random.chance(200);
        let tag = tagged.then(|| Arc::from(["a", "watches/b"][random.index(2)]));
        entries.push(NewEntry::new(time(random), values, tag).unwrap());
    }
    entries
}
