//! Contents that a node has, as its disk says, and what refers to them, as its rows do: two
//! accounts, which must agree.

use std::collections::BTreeMap;

use jackdaw_common::{Attachments, BlobHash, BlobHasher, Etag};
use jackdaw_store::{Snapshot, engine::Operation, keys::BLOBS};

/// How much of a content is read at once.
const PIECE: usize = 1 << 20;

/// A content that a database says it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) size: u64,
    /// How many attachments it says have it.
    pub(crate) references: u64,
    /// What is wrong with it, if it is not there as a whole.
    pub(crate) wrong: Option<String>,
}

/// All of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    /// What each row of `changes` refers to.
    rows: BTreeMap<Etag, Vec<(BlobHash, u64)>>,
    /// How many attachments have each, and how large they say it is.
    pub(crate) attached: BTreeMap<BlobHash, (u64, u64)>,
    pub(crate) listed: BTreeMap<BlobHash, Listed>,
}

impl Contents {
    /// A row of `changes` refers to these now.
    pub(super) fn refer(&mut self, etag: Etag, attachments: &Attachments) {
        self.let_go(etag);
        let all = attachments.as_slice().iter().map(|one| (one.hash, one.size));
        let all: Vec<_> = all.collect();
        for (hash, size) in &all {
            let (count, bytes) = self.attached.entry(*hash).or_insert((0, *size));
            *count += 1;
            // One that is said to have two sizes has none.
            *bytes = if bytes == size { *size } else { u64::MAX };
        }
        if !all.is_empty() {
            self.rows.insert(etag, all);
        }
    }

    /// A row of `changes` is gone.
    pub(super) fn let_go(&mut self, etag: Etag) {
        for (hash, _) in self.rows.remove(&etag).unwrap_or_default() {
            let attached = self.attached.get_mut(&hash).expect("it was counted");
            attached.0 -= 1;
            if attached.0 == 0 {
                self.attached.remove(&hash);
            }
        }
    }

    /// Reads again what a commit has written, and whether the rest is still there.
    pub(super) fn read(&mut self, operations: &[Operation], snapshot: &Snapshot) {
        for operation in operations.iter().filter(|operation| operation.table == BLOBS) {
            let hash = BlobHash::from_bytes(operation.key[..].try_into().unwrap());
            if operation.value.is_none() {
                self.listed.remove(&hash);
                continue;
            }
            let known = self.listed.get(&hash).map(|known| known.size);
            let listed = listed(snapshot, &hash, known);
            self.listed.insert(hash, listed);
        }
        for (hash, listed) in &mut self.listed {
            if listed.wrong.is_none() {
                listed.wrong = unreadable(snapshot, hash, listed.size);
            }
        }
    }

    /// Reads all there are again.
    pub(super) fn reread(&mut self, hashes: impl Iterator<Item = BlobHash>, snapshot: &Snapshot) {
        self.listed = hashes.map(|hash| (hash, listed(snapshot, &hash, None))).collect();
    }
}

/// A content, read as a whole unless one of that size is known to be there.
fn listed(snapshot: &Snapshot, hash: &BlobHash, known: Option<u64>) -> Listed {
    let content = snapshot.content(hash).expect("the oracle reads").expect("it was written");
    let (size, references) = (content.size(), content.references());
    if known == Some(size) {
        return Listed { size, references, wrong: None };
    }
    let (mut hasher, mut offset) = (BlobHasher::default(), 0);
    let mut wrong = None;
    while offset < size && wrong.is_none() {
        match content.read(offset, PIECE) {
            Ok(piece) if !piece.is_empty() => {
                hasher.update(&piece);
                offset += piece.len() as u64;
            }
            Ok(_) => wrong = Some(format!("it ends at {offset}")),
            Err(error) => wrong = Some(error.to_string()),
        }
    }
    if wrong.is_none() && hasher.finish() != *hash {
        wrong = Some("it is another".to_owned());
    }
    Listed { size, references, wrong }
}

/// Why the end of a content cannot be read.
fn unreadable(snapshot: &Snapshot, hash: &BlobHash, size: u64) -> Option<String> {
    let content = snapshot.content(hash).expect("the oracle reads");
    let Some(content) = content else { return Some("its row is gone".to_owned()) };
    let last = content.read(size.saturating_sub(1), 1);
    match last {
        Ok(bytes) if bytes.len() as u64 == size.min(1) => None,
        other => Some(format!("its end reads {other:?}")),
    }
}
