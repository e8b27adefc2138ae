//! Contents that cannot be made durable.

use std::{fs, io::ErrorKind, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{
    StoreError,
    engine::{EngineError, embedded::SYNC_FAILS},
    write::tests::harness::Place,
};

/// A file system tells of a failed sync once, and whoever syncs the same folder next may be told
/// that all is well: so nothing is acknowledged any more (invariant I14).
///
/// The second sync of a content is that of its folder, where a full disk too is found too late.
#[tokio::test]
async fn a_content_that_cannot_be_made_durable_ends_all_writing() {
    for (syncs, kind) in [(0, ErrorKind::Other), (1, ErrorKind::Other), (1, ErrorKind::StorageFull)]
    {
        let place = Place::Folder(TempDir::new().unwrap());
        let store = place.open(1);
        put(&store, "a", "{}").await;
        let mut staging = store.stage();
        staging.write(&content(1, LARGE)).unwrap();
        SYNC_FAILS.set(Some((syncs, kind)));
        let refused = staging.finish().map(drop);
        assert!(
            matches!(&refused, Err(StoreError::Engine(error))
            if matches!(**error, EngineError::Unsynced { .. })),
            "{syncs}: {refused:?}"
        );
        assert_eq!(beside(&store), (0, 0));
        let refused = one(&store, putting("b", "{}")).await;
        assert!(
            matches!(&refused, Err(TransactError::Store(StoreError::Engine(error)))
            if matches!(**error, EngineError::Poisoned { .. })),
            "{refused:?}"
        );
        let mut failed = store.failed();
        let failed = failed.wait_for(Option::is_some);
        let failed = tokio::time::timeout(Duration::from_secs(20), failed);
        assert!(failed.await.unwrap().unwrap().as_ref().is_some_and(StoreError::is_final));
        assert_eq!(reads(&store, "a"), ["{}"]);
    }
}

/// What fails at one content alone fails it, and nothing else.
#[tokio::test]
async fn a_content_that_cannot_be_kept_is_refused_alone() {
    let folder = TempDir::new().unwrap();
    let blobs = folder.path().join("db/blobs");
    let place = Place::Folder(folder);
    let store = place.open(1);
    put(&store, "a", "{}").await;
    let finish = || {
        let mut staging = store.stage();
        staging.write(&content(1, LARGE)).unwrap();
        staging.finish().map(drop)
    };
    // No folder: what is kept cannot be moved into it.
    fs::write(&blobs, "").unwrap();
    let refused = finish();
    assert!(
        matches!(&refused, Err(StoreError::Engine(error))
        if matches!(**error, EngineError::Io { doing: "keeping a content", .. })),
        "{refused:?}"
    );
    fs::remove_file(&blobs).unwrap();
    SYNC_FAILS.set(Some((0, ErrorKind::StorageFull)));
    assert!(matches!(finish(), Err(error) if error.is_no_space()));
    assert_eq!(beside(&store), (0, 0));
    finish().unwrap();
    put(&store, "b", "{}").await;
}
