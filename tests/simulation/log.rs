//! What happened, told apart by where: two runs of one seed must tell the same.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;
use xxhash_rust::xxh3::Xxh3;

/// Lines that are kept for whoever reads of a failure.
const KEPT: usize = 60;

/// What happened. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<Inner>>);

struct Inner {
    begin: Instant,
    places: BTreeMap<String, (Xxh3, u64)>,
    last: VecDeque<String>,
}

impl Log {
    /// Nothing yet. Its time is the runtime's.
    pub(crate) fn new() -> Self {
        let (places, last) = (BTreeMap::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(Inner { begin: Instant::now(), places, last })))
    }

    /// Something happened at a place.
    pub(crate) fn note(&self, place: &str, what: fmt::Arguments<'_>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{:9} ms {place}: {what}", inner.begin.elapsed().as_millis());
        let (hash, lines) = inner.places.entry(place.to_owned()).or_default();
        hash.update(line.as_bytes());
        *lines += 1;
        if inner.last.len() == KEPT {
            inner.last.pop_front();
        }
        inner.last.push_back(line);
    }

    /// One number for all that happened, and how much that was, by place.
    pub(crate) fn digest(&self) -> BTreeMap<String, (u64, u64)> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let places = inner.places.iter();
        places.map(|(place, (hash, lines))| (place.clone(), (hash.digest(), *lines))).collect()
    }

    /// What happened last.
    pub(crate) fn last(&self) -> String {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}
