//! Records of the services: opaque values under a kind and a key, written all or none.

use bytes::Bytes;
use thiserror::Error;

use super::work::Work;
use crate::{
    error::StoreError,
    keys::{self, RecordKind},
};

/// One record to write.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// Its key, at least one byte.
    pub key: Bytes,
    /// What must be there: `None` is nothing.
    pub expected: Option<Bytes>,
    /// What shall be there: `None` removes it.
    pub value: Option<Bytes>,
}

/// Why no record was written.
#[derive(Clone, Debug, Error)]
pub enum RecordError {
    /// A record is not what it was expected to be: somebody else wrote it.
    #[error("record {index} was changed by somebody else")]
    Changed {
        /// Which of the list, counted from zero.
        index: usize,
    },
    /// The database cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes records, if all are what they are expected to be.
pub(crate) fn write(work: &mut Work<'_>, list: Vec<Record>) -> Result<(), RecordError> {
    for (index, record) in list.into_iter().enumerate() {
        let key = keys::record(record.kind, &record.key);
        if work.small(keys::RECORDS, &key)? != record.expected {
            return Err(RecordError::Changed { index });
        }
        follow(work, &record);
        work.set_small(keys::RECORDS, key, record.value);
    }
    Ok(())
}

/// A replication task follows its database from the transaction that creates it to the one that
/// deletes it: nobody can forget to say so. Its key is its id.
fn follow(work: &mut Work<'_>, record: &Record) {
    let RecordKind::ExternalReplication = record.kind else { return };
    let Ok(task) = record.key.as_ref().try_into().map(u64::from_be_bytes) else { return };
    match record.value {
        Some(_) => work.header.followers.begin(task),
        None => work.header.followers.end(task),
    }
}
