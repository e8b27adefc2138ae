//! The network: one wire from each node to each other, which delays, holds, cuts and alters.

mod dial;
mod pump;
mod tap;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jackdaw_common::{Etag, frame::Window};
use jackdaw_tests::random::Random;
use tokio::sync::Notify;

use crate::{node::Door, oracle::Oracle, plan::Plan, planted::Planted};
pub(crate) use dial::Phone;

/// The way from one node to another, and back.
#[derive(Default)]
pub(crate) struct Wire {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Nothing comes through, towards the receiver and back; what was sent waits.
    held: [bool; 2],
    /// Nobody gets through.
    refuses: bool,
    /// Connections that were begun before are gone.
    cuts: u64,
    /// Frames with items, or pieces of contents, that are yet to be altered.
    altering: u32,
}

/// Towards the receiver, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Towards the receiver.
    There,
    /// To the sender.
    Back,
}

impl Wire {
    /// Holds back what goes one way, or lets it go on.
    pub(crate) fn hold(&self, way: Way, held: bool) {
        self.state().held[way as usize] = held;
        self.changed.notify_waiters();
    }

    /// Cuts every connection; nobody gets through until it is healed.
    pub(crate) fn cut(&self) {
        let mut state = self.state();
        state.cuts += 1;
        state.refuses = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Alters a byte of the next frames with items, or pieces of contents.
    pub(crate) fn alter(&self, frames: u32) {
        self.state().altering = frames;
    }

    /// Everything comes through again.
    pub(crate) fn heal(&self) {
        let cuts = self.state().cuts;
        *self.state() = State { cuts, ..State::default() };
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All wires, and who can be reached. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Network(Arc<Inner>);

struct Inner {
    wires: BTreeMap<(usize, usize), Arc<Wire>>,
    doors: Mutex<Vec<Option<Door>>>,
    oracle: Oracle,
    planted: Option<Planted>,
    window: Window,
    random: Random,
    connections: Mutex<BTreeMap<(usize, usize), u64>>,
    items: AtomicU64,
    altered: AtomicU64,
    reconciled: AtomicU64,
    merged: AtomicU64,
    /// By a planted bug: where destinations were before their source was restored.
    old: Mutex<BTreeMap<(usize, usize), Etag>>,
    /// By a planted bug: the generation with which an owner was fenced, and stays.
    fenced: Mutex<BTreeMap<(usize, usize), u64>>,
}

impl Network {
    /// Between so many nodes.
    pub(crate) fn new(nodes: usize, oracle: Oracle, plan: &Plan, random: &Random) -> Self {
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        let wires = pairs.map(|pair| (pair, Arc::default())).collect();
        Self(Arc::new(Inner {
            wires,
            doors: Mutex::new((0..nodes).map(|_| None).collect()),
            oracle,
            planted: plan.planted,
            window: plan.window,
            random: random.named("network"),
            connections: Mutex::default(),
            items: AtomicU64::new(0),
            altered: AtomicU64::new(0),
            reconciled: AtomicU64::new(0),
            merged: AtomicU64::new(0),
            old: Mutex::default(),
            fenced: Mutex::default(),
        }))
    }

    /// The wire between two.
    pub(crate) fn wire(&self, from: usize, to: usize) -> Arc<Wire> {
        Arc::clone(&self.0.wires[&(from, to)])
    }

    /// A node can be reached now, or no longer.
    pub(crate) fn set_door(&self, node: usize, door: Option<Door>) {
        self.doors()[node] = door;
    }

    /// Frames with items that have left so far.
    pub(crate) fn items(&self) -> u64 {
        self.0.items.load(Ordering::Relaxed)
    }

    /// Frames that were altered so far.
    pub(crate) fn altered(&self) -> u64 {
        self.0.altered.load(Ordering::Relaxed)
    }

    /// Documents that full reconciles have removed so far.
    pub(crate) fn reconciled(&self) -> u64 {
        self.0.reconciled.load(Ordering::Relaxed)
    }

    /// Items that were merged with what was there, so far.
    pub(crate) fn merged(&self) -> u64 {
        self.0.merged.load(Ordering::Relaxed)
    }

    /// Connections between two so far, also those that came to nothing.
    pub(crate) fn connections(&self, from: usize, to: usize) -> u64 {
        let connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Number of the next connection between two.
    fn next(&self, from: usize, to: usize) -> u64 {
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let number = connections.entry((from, to)).or_default();
        *number += 1;
        *number
    }

    fn door(&self, node: usize) -> Option<Door> {
        self.doors()[node].clone()
    }

    fn doors(&self) -> MutexGuard<'_, Vec<Option<Door>>> {
        self.0.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
