//! Random histories of three copies: whatever happens, and however states travel, they come to
//! what the oracle says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::Index};

use super::oracle::{Appended, Oracle, What, Write};
use super::*;

/// One step of a history; the first number is the copy that takes it.
#[derive(Clone, Debug)]
enum Step {
    Append(usize, Vec<NewEntry>),
    Delete(usize, Span),
    DeleteDocument(usize),
    /// The state of another copy arrives.
    Receive(usize, usize),
    /// A state that some copy once had arrives.
    Replay(usize, Index),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0_usize..3;
    let ends = (0_i64..8, 0_i64..8);
    prop_oneof![
        8 => (node(), vec(entry(), 1..4)).prop_map(|(node, all)| Step::Append(node, all)),
        4 => (node(), ends)
            .prop_map(|(node, (a, b))| Step::Delete(node, span(a.min(b), a.max(b)))),
        1 => node().prop_map(Step::DeleteDocument),
        8 => (node(), node()).prop_map(|(to, from)| Step::Receive(to, from)),
        4 => (node(), any::<Index>()).prop_map(|(node, which)| Step::Replay(node, which)),
    ]
}

fn entry() -> impl Strategy<Value = NewEntry> {
    let value = prop::sample::select(vec![-0.0, 0.0, 0.1, 0.2, -3.0, 7.0, 1e300]);
    let tag = prop::option::weighted(0.3, prop::sample::select(vec!["", "a", "b"]));
    (0_i64..8, vec(value, 1..4), tag).prop_map(|(millis, values, tag)| {
        NewEntry::new(at(millis), values, tag.map(Arc::from)).unwrap()
    })
}

/// Three copies, what each of them has seen, and every state that there ever was.
struct World {
    nodes: [Node; 3],
    seen: [BTreeSet<usize>; 3],
    oracle: Oracle,
    reached: Vec<(State, BTreeSet<usize>)>,
}

impl World {
    fn new(incremental: bool) -> Self {
        let node = if incremental { Node::incremental } else { Node::new };
        Self {
            nodes: ['B', 'A', 'C'].map(node),
            seen: Default::default(),
            oracle: Oracle { incremental, ..Oracle::default() },
            reached: vec![Default::default()],
        }
    }

    fn take(&mut self, step: Step) -> usize {
        match step {
            Step::Append(node, all) => self.append(node, all),
            Step::Delete(node, span) => self.delete(node, span),
            Step::DeleteDocument(node) => {
                self.write(node, What::DeleteDocument);
                self.nodes[node].delete_document();
                node
            }
            Step::Receive(to, from) => {
                let (state, seen) = (self.nodes[from].state.clone(), self.seen[from].clone());
                self.receive(to, &state, &seen)
            }
            Step::Replay(node, which) => {
                let (state, seen) = which.get(&self.reached).clone();
                self.receive(node, &state, &seen)
            }
        }
    }

    fn append(&mut self, node: usize, all: Vec<NewEntry>) -> usize {
        let content = self.oracle.content(&self.seen[node]);
        let own = incarnation(self.nodes[node].letter);
        let mut appended: BTreeMap<SeriesTime, Appended> = BTreeMap::new();
        for new in &all {
            let (mut values, mut tag) = (new.values.clone(), new.tag.clone());
            if self.oracle.incremental {
                let there =
                    content.iter().find(|it| (it.time, it.origin.incarnation) == (new.time, own));
                let there = appended.get(&new.time).map(|it| &it.0).or(there.map(|it| &it.values));
                values = sum(&values, there.map(Vec::as_slice).unwrap_or_default());
                tag = None;
            }
            appended.insert(new.time, (values, tag));
        }
        self.write(node, What::Append(appended));
        self.nodes[node].append_all(all);
        node
    }

    fn delete(&mut self, node: usize, span: Span) -> usize {
        let content = self.oracle.content(&self.seen[node]);
        let finds = content.iter().any(|entry| span.contains(entry.time));
        if finds {
            self.write(node, What::Delete(span));
        }
        assert_eq!(self.nodes[node].delete(span), finds);
        node
    }

    fn write(&mut self, node: usize, what: What) {
        let origin = self.nodes[node].next();
        let number = self.oracle.writes.len();
        self.oracle.writes.push(Write { origin, seen: self.seen[node].clone(), what });
        self.seen[node].insert(number);
    }

    fn receive(&mut self, node: usize, state: &State, seen: &BTreeSet<usize>) -> usize {
        self.nodes[node].receive(state);
        self.seen[node].extend(seen);
        node
    }

    /// What must be true of a copy at any time.
    fn check(&self, node: usize) -> Result<(), TestCaseError> {
        let State { points, vector, since } = &self.nodes[node].state;
        let content = self.oracle.content(&self.seen[node]);
        prop_assert_eq!(points.entries(), &content);
        let shown: Vec<_> = points.read(self.oracle.incremental).collect();
        prop_assert_eq!(shown, self.oracle.shown(&content));
        prop_assert_eq!(points.check(span(0, 7), vector), Ok(()));
        prop_assert!(vector.covers(since));
        prop_assert_eq!(Points::decode(&points.encode()), Ok(points.clone()));
        Ok(())
    }

    fn run(&mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for step in steps {
            let node = self.take(step);
            self.check(node)?;
            self.reached.push((self.nodes[node].state.clone(), self.seen[node].clone()));
        }
        Ok(())
    }

    /// Lets states travel round until nothing changes.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        loop {
            let before = self.nodes.clone().map(|node| node.state);
            for (to, from) in [(1, 0), (2, 1), (0, 2)] {
                self.take(Step::Receive(to, from));
                self.check(to)?;
            }
            if self.nodes.iter().zip(&before).all(|(node, before)| node.state == *before) {
                return Ok(());
            }
        }
    }
}

fn sum(one: &[f64], other: &[f64]) -> Vec<f64> {
    let length = one.len().max(other.len());
    let value = |values: &[f64], at: usize| values.get(at).copied();
    (0..length)
        .map(|at| match (value(one, at), value(other, at)) {
            (Some(one), Some(other)) => one + other,
            (one, other) => one.or(other).unwrap(),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn copies_come_to_the_same_and_to_what_they_should(
        steps in vec(step(), 1..40), incremental: bool,
    ) {
        let mut world = World::new(incremental);
        world.run(steps)?;
        world.settle()?;
        let [a, b, c] = &world.nodes;
        prop_assert_eq!(&a.state, &b.state);
        prop_assert_eq!(&b.state, &c.state);
        // Whatever any copy once was, it has nothing new to say.
        for (state, _) in &world.reached {
            prop_assert_eq!(&a.state.merged(state), &a.state);
            prop_assert_eq!(&state.merged(&a.state), &a.state);
        }
    }

    #[test]
    fn a_merge_is_commutative_associative_idempotent(
        steps in vec(step(), 1..40), incremental: bool, which in vec(any::<[Index; 3]>(), 20),
    ) {
        let mut world = World::new(incremental);
        world.run(steps)?;
        for which in which {
            let [a, b, c] = which.map(|which| &which.get(&world.reached).0);
            let both = a.merged(b);
            prop_assert_eq!(&both, &b.merged(a));
            prop_assert_eq!(&both.merged(c), &a.merged(&b.merged(c)));
            prop_assert_eq!(&both.merged(a), &both);
            prop_assert_eq!(&a.merged(a), a);
        }
    }

    /// Segments end at different times in different copies: it must not matter where.
    #[test]
    fn the_parts_of_a_merge_are_merges_of_the_parts(
        steps in vec(step(), 1..40), incremental: bool, which: [Index; 2], cut in 0_i64..7,
    ) {
        let mut world = World::new(incremental);
        world.run(steps)?;
        let [one, other] = which.map(|which| &which.get(&world.reached).0);
        let whole = one.merged(other);
        let parts = [span(0, cut), span(cut + 1, 7)];
        let merged = |part| one.restrict(part).merged(&other.restrict(part));
        let [mut first, second] = parts.map(merged);
        prop_assert_eq!(&first, &whole.restrict(parts[0]));
        prop_assert_eq!(&second, &whole.restrict(parts[1]));
        first.points.extend(second.points);
        prop_assert_eq!(&first.points, &whole.points);
    }
}
