//! Every engine against `suite`, and `suite` against engines that break its promises.

mod faults;

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::suite::{self, Place};

struct InMemory(Memory);

impl Place for InMemory {
    fn open(&self) -> Result<Arc<dyn Engine>, EngineError> {
        Ok(Arc::new(self.0.clone()))
    }
}

struct InFolder {
    folder: TempDir,
    options: EmbeddedOptions,
}

impl Place for InFolder {
    fn open(&self) -> Result<Arc<dyn Engine>, EngineError> {
        let path = self.folder.path().join("made").join("with its parents");
        Ok(Arc::new(Embedded::open(&path, &suite::TABLES, self.options.clone())?))
    }
}

fn in_folder(options: &EmbeddedOptions) -> Box<dyn Place> {
    Box::new(InFolder { folder: TempDir::new().unwrap(), options: options.clone() })
}

#[test]
fn memory_keeps_the_promises() {
    suite::run(|| Box::new(InMemory(Memory::new(&suite::TABLES))));
}

#[test]
fn embedded_keeps_the_promises() {
    suite::run(|| in_folder(&EmbeddedOptions::default()));
}

/// Written out every few commits, so that files, merges and memory all take part.
#[test]
fn embedded_keeps_the_promises_with_little_memory() {
    let options = EmbeddedOptions {
        cache_bytes: 64 << 10,
        memtable_bytes_max: 128 << 10,
        write_buffer_bytes_max: 256 << 10,
        worker_threads: 2,
        ..EmbeddedOptions::default()
    };
    suite::run(|| in_folder(&options));
}

/// Each check must find something, or it checks nothing; each fault must be found.
#[test]
fn every_check_finds_a_planted_fault() {
    let mut idle: Vec<_> = suite::CHECKS.iter().map(|(name, _)| *name).collect();
    for (fault, meant_for) in faults::FAULTS {
        let (name, check) = suite::CHECKS.iter().find(|(name, _)| name == meant_for).unwrap();
        let place = faults::Faulty::new(*fault);
        assert!(suite::breaks(*check, &place).is_some(), "{fault:?} gets past: {name}");
        idle.retain(|idle| idle != name);
    }
    assert!(idle.is_empty(), "no fault planted for: {idle:?}");
}

#[test]
fn a_batch_counts_its_bytes() {
    let mut batch = WriteBatch::with_capacity(2);
    batch.put(suite::TABLES[0], "key", "value");
    batch.delete(suite::TABLES[1], "key");
    assert_eq!((batch.len(), batch.bytes(), batch.is_empty()), (2, 11, false));
}
