//! What counters say, and what is left when their states meet.

use proptest::prelude::*;

use super::*;
use crate::{ChangeVector, Etag, IncarnationId};

fn id(n: u8) -> IncarnationId {
    IncarnationId::from_bytes([n; 16])
}

fn entry(n: u8, etag: u64) -> Entry {
    Entry { incarnation: id(n), etag: Etag::new(etag).unwrap() }
}

fn partials(list: &[(u8, u64, i64)]) -> Partials {
    let list = list.iter().map(|&(n, etag, value)| Partial { origin: entry(n, etag), value });
    Partials::new(list.collect()).unwrap()
}

fn vector(list: &[(u8, u64)]) -> ChangeVector {
    ChangeVector::from_entries(list.iter().map(|&(n, etag)| entry(n, etag)))
}

/// A state of a counter.
#[derive(Clone, Debug, PartialEq)]
struct State {
    partials: Partials,
    vector: ChangeVector,
    since: ChangeVector,
}

impl State {
    fn context(&self) -> Context<'_> {
        Context { vector: &self.vector, since: &self.since }
    }

    fn merge(&self, other: &Self) -> Self {
        let one = (&self.partials, self.context());
        Self {
            partials: Partials::merged(one, (&other.partials, other.context())),
            vector: self.vector.merge(&other.vector),
            since: self.since.merge(&other.since),
        }
    }
}

fn state(list: &[(u8, u64, i64)], seen: &[(u8, u64)]) -> State {
    State { partials: partials(list), vector: vector(seen), since: ChangeVector::empty() }
}

#[test]
fn names_are_checked() {
    assert_eq!("".parse::<CounterName>(), Err(CounterNameError::Empty));
    assert_eq!("a\nb".parse::<CounterName>(), Err(CounterNameError::Control));
    let long = "x".repeat(COUNTER_NAME_BYTES_MAX + 1);
    assert_eq!(long.parse::<CounterName>(), Err(CounterNameError::TooLong { bytes: long.len() }));
    let name: CounterName = "Likes ♥".parse().unwrap();
    assert_eq!((name.as_str(), name.key()), ("Likes ♥", "likes ♥"));
    assert_eq!(name, "LIKES ♥".parse().unwrap());
}

/// Bug 39: a malformed list ended replication for good where it was read.
#[test]
fn a_list_is_checked() {
    let one = Partial { origin: entry(2, 1), value: 1 };
    let other = Partial { origin: entry(1, 1), value: 1 };
    assert_eq!(Partials::new(vec![one, other]), Err(PartialsError::Order));
    assert_eq!(Partials::new(vec![one, one]), Err(PartialsError::Order));
    let unwritten = Partial { origin: Entry { incarnation: id(1), etag: Etag::ZERO }, value: 1 };
    assert_eq!(Partials::new(vec![unwritten]), Err(PartialsError::Etag));
}

#[test]
fn a_value_is_the_sum() {
    assert_eq!(partials(&[(1, 5, 10), (2, 1, -3)]).value(), Ok(7));
    assert_eq!(partials(&[(1, 5, i64::MAX), (2, 1, 1)]).value(), Err(CounterOverflow));
    assert_eq!(partials(&[(1, 5, i64::MIN), (2, 1, -1)]).value(), Err(CounterOverflow));
}

#[test]
fn an_increment_is_refused_where_it_leads_beyond() {
    let full = partials(&[(1, 5, i64::MAX)]);
    assert_eq!(full.incremented(1, entry(1, 6)), Err(CounterOverflow));
    assert_eq!(full.incremented(1, entry(2, 6)), Err(CounterOverflow));
    assert_eq!(full.incremented(-1, entry(2, 6)).unwrap().value(), Ok(i64::MAX - 1));
    // Others have led beyond: the way back is open, further on it is not.
    let beyond = partials(&[(1, 5, i64::MAX), (2, 1, 10)]);
    assert_eq!(beyond.incremented(1, entry(3, 6)), Err(CounterOverflow));
    assert_eq!(beyond.incremented(0, entry(3, 6)), Err(CounterOverflow));
    let nearer = beyond.incremented(-4, entry(3, 6)).unwrap();
    assert_eq!(nearer.value(), Err(CounterOverflow));
    assert_eq!(nearer.incremented(-6, entry(3, 7)).unwrap().value(), Ok(i64::MAX));
    let below = partials(&[(1, 5, i64::MIN), (2, 1, -10)]);
    assert_eq!(below.incremented(-1, entry(3, 6)), Err(CounterOverflow));
    assert!(below.incremented(5, entry(3, 6)).is_ok());
}

/// 7.3: of one incarnation the later value counts, whether it is greater or not.
#[test]
fn the_later_partial_value_counts() {
    let (one, other) = (state(&[(1, 5, 10)], &[(1, 5)]), state(&[(1, 7, 3)], &[(1, 7)]));
    assert_eq!(one.merge(&other).partials, partials(&[(1, 7, 3)]));
    assert_eq!(other.merge(&one).partials, partials(&[(1, 7, 3)]));
}

#[test]
fn a_deletion_takes_what_it_has_seen() {
    let there = state(&[(1, 5, 10), (2, 3, 7)], &[(1, 5), (2, 3)]);
    let deleted = state(&[], &[(1, 6), (2, 3)]);
    assert!(there.merge(&deleted).partials.is_empty());
    // An increment that it has not seen wins.
    let on = state(&[(1, 5, 10), (2, 4, 8)], &[(1, 5), (2, 4)]);
    assert_eq!(on.merge(&deleted).partials, partials(&[(2, 4, 8)]));
    assert_eq!(deleted.merge(&on).partials, partials(&[(2, 4, 8)]));
}

#[test]
fn an_earlier_life_of_the_document_says_nothing() {
    let old = state(&[(1, 5, 10)], &[(1, 5)]);
    let new = State { since: vector(&[(2, 8)]), ..state(&[(2, 9, 1)], &[(1, 4), (2, 9)]) };
    assert_eq!(old.merge(&new).partials, partials(&[(2, 9, 1)]));
    assert_eq!(new.merge(&old).partials, partials(&[(2, 9, 1)]));
    // Two that each came after another deletion: both have gone.
    let other = State { since: vector(&[(3, 8)]), ..state(&[(3, 9, 1)], &[(3, 9)]) };
    assert!(new.merge(&other).partials.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize, i64),
    Delete(usize),
    /// One state reaches another database, and is kept to come again.
    Send(usize, usize),
    Again(usize, usize),
}

/// The incarnations of three databases.
const AT: [u8; 3] = [1, 2, 3];

/// States as they come about: each database adds, deletes, and takes in those of others.
fn histories() -> impl Strategy<Value = Vec<State>> {
    let at = 0usize..3;
    let step = prop_oneof![
        3 => (at.clone(), -9i64..9).prop_map(|(at, delta)| Step::Add(at, delta)),
        1 => at.clone().prop_map(Step::Delete),
        3 => (at.clone(), at.clone()).prop_map(|(from, to)| Step::Send(from, to)),
        1 => (any::<usize>(), at).prop_map(|(old, to)| Step::Again(old, to)),
    ];
    prop::collection::vec(step, 1..30).prop_map(|steps| {
        let mut states = [(); 3].map(|()| state(&[], &[]));
        let mut sent = Vec::new();
        for (number, step) in (1..).zip(steps) {
            match step {
                Step::Add(at, delta) => {
                    let origin = entry(AT[at], number);
                    let state = &mut states[at];
                    state.partials = state.partials.incremented(delta, origin).unwrap();
                    state.vector.raise(origin);
                }
                Step::Delete(at) => {
                    states[at].partials = Partials::default();
                    states[at].vector.raise(entry(AT[at], number));
                }
                Step::Send(from, to) => {
                    sent.push(states[from].clone());
                    states[to] = states[to].merge(&states[from]);
                }
                Step::Again(old, to) if !sent.is_empty() => {
                    states[to] = states[to].merge(&sent[old % sent.len()]);
                }
                Step::Again(..) => {}
            }
        }
        states.into_iter().chain(sent).collect()
    })
}

proptest! {
    /// Commutative, associative, idempotent (RV-15).
    #[test]
    fn merges_are_a_matter_of_what_was_seen(states in histories()) {
        for one in &states {
            prop_assert_eq!(&one.merge(one), one);
            for other in &states {
                let both = one.merge(other);
                prop_assert_eq!(&other.merge(one), &both);
                prop_assert_eq!(&both.merge(other), &both);
                for third in states.iter().take(3) {
                    prop_assert_eq!(both.merge(third), one.merge(&other.merge(third)));
                }
            }
        }
    }
}
