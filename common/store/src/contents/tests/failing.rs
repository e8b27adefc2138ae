//! Contents that cannot be made durable.

use std::{fs, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{StoreError, engine::EngineError, write::tests::harness::Place};

/// A file system tells of a failed sync once, and whoever syncs the same folder next may be told
/// that all is well: so nothing is acknowledged any more (invariant I14).
#[tokio::test]
async fn a_content_that_cannot_be_made_durable_ends_all_writing() {
    let folder = TempDir::new().unwrap();
    let blobs = folder.path().join("db/blobs");
    let place = Place::Folder(folder);
    let store = place.open(1);
    put(&store, "a", "{}").await;
    // No folder: what is kept cannot be moved into it.
    fs::write(&blobs, "").unwrap();
    let mut staging = store.stage();
    staging.write(&content(1, LARGE)).unwrap();
    let refused = staging.finish().map(drop);
    assert!(matches!(&refused, Err(StoreError::Engine(error))
        if matches!(**error, EngineError::Io { doing: "keeping a content", .. })));
    fs::remove_file(blobs).unwrap();
    assert_eq!(beside(&store), (0, 0));
    let refused = one(&store, putting("b", "{}")).await;
    assert!(
        matches!(&refused, Err(TransactError::Store(StoreError::Engine(error)))
        if matches!(**error, EngineError::Poisoned { .. })),
        "{refused:?}"
    );
    let mut failed = store.failed();
    let failed = tokio::time::timeout(Duration::from_secs(20), failed.wait_for(Option::is_some));
    assert!(failed.await.unwrap().unwrap().as_ref().is_some_and(StoreError::is_final));
    assert_eq!(reads(&store, "a"), ["{}"]);
}
