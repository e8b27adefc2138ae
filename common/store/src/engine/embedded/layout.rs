//! How a table lies on disk, by its profile. Chosen when a table is created and stored with it:
//! a change here is for new databases only.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::config::{BloomConstructionPolicy, HashRatioPolicy, PinningPolicy};
use fjall::{CompressionType, Database, KeyspaceCreateOptions};

use super::super::{EngineError, Profile, Table};
use super::folder;
use super::view::Keyspaces;

/// Bytes of one sorted file. Compactions rewrite about a dozen of them at a time, so this decides
/// how much space they take until they are done (see `space`); smaller means more files.
pub(super) const FILE_BYTES: u64 = 16 << 20;

/// Opens every table, creating those that are missing.
pub(super) fn keyspaces(
    database: &Database,
    tables: &[Table],
    path: &Path,
) -> Result<Keyspaces, EngineError> {
    let mut opened = Vec::with_capacity(tables.len());
    for table in tables {
        let keyspace = database.keyspace(table.name, || layout(table.profile));
        opened.push((*table, keyspace.map_err(|error| folder::unusable(error, path))?));
    }
    Ok(Keyspaces::new(opened))
}

fn layout(profile: Profile) -> KeyspaceCreateOptions {
    // The size at which a table is written out is kept by `pressure`, where it can be changed.
    let options = KeyspaceCreateOptions::default()
        .max_memtable_size(u64::MAX)
        .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(FILE_BYTES)));
    match profile {
        Profile::Small => options,
        Profile::Sequential => options
            .data_block_size_policy(BlockSizePolicy::all(16 << 10))
            .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
            // Asked only for keys that are there: no filter where nearly all of the rows are.
            .expect_point_read_hits(true),
        Profile::Random => options
            .data_block_size_policy(BlockSizePolicy::all(4 << 10))
            .data_block_hash_ratio_policy(HashRatioPolicy::all(8.0))
            .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
            .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(
                BloomConstructionPolicy::BitsPerKey(10.0),
            )))
            .filter_block_pinning_policy(PinningPolicy::all(true)),
    }
}
