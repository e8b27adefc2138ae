//! What clients attach: contents out of a small pool, so that documents, versions and nodes share
//! them; most of them little, some so large that they come in pieces.

use std::sync::Arc;

use bytes::Bytes;
use jackdaw_common::DocumentId;
use jackdaw_store::{Command, NewId, Staged, Store};
use jackdaw_tests::random::Random;

use super::{Client, Mark, SHARED};

/// Bytes of the contents there are: what lies in a row, what no longer does, and what takes two
/// pieces and three.
const SIZES: [usize; 10] = [0, 1, 40, 700, 5_000, 16_384, 16_385, 70_000, 300_000, 600_000];
const NAMES: [&str; 4] = ["photo.png", "Photo.PNG", "notes", "a b/ü"];
const TYPES: [&str; 3] = ["", "image/png", "text/plain; charset=utf-8"];
/// How much is written to a content at once.
const PIECE: usize = 100_000;

impl Client {
    /// Commands to attachments, among those to documents.
    pub(super) fn attachments(
        &self,
        random: &mut Random,
        store: &Store,
        transaction: &mut Vec<Command>,
        mark: Mark,
    ) {
        for _ in 0..1 + random.below(2) {
            let shares = self.plan.shares && random.chance(200);
            let prefix = if shares { SHARED.to_owned() } else { self.plan.prefix(self.node) };
            let id: DocumentId = format!("{prefix}doc-{}", random.below(4)).parse().unwrap();
            let mut steps = Vec::new();
            // What is not there takes nothing.
            if random.chance(600) {
                let body = format!(r#"{},"has":{}}}"#, mark.body(), random.below(1 << 30));
                let body = Bytes::from(body);
                let (id, collection) = (NewId::Given(id.clone()), "things".parse().unwrap());
                steps.push(Command::Put { id, collection, body, expected: None });
            }
            for _ in 0..1 + random.below(2) {
                steps.extend(command(random, &id, store));
            }
            let at = random.index(transaction.len() + 1);
            transaction.splice(at..at, steps);
        }
    }
}

/// A command to an attachment; `None` where the disk takes no content now.
fn command(random: &mut Random, id: &DocumentId, store: &Store) -> Option<Command> {
    let (id, name) = (id.clone(), NAMES[random.index(NAMES.len())].parse().unwrap());
    if random.chance(200) {
        return Some(Command::DeleteAttachment { id, name, expected: None });
    }
    let content_type = TYPES[random.index(TYPES.len())].parse().unwrap();
    // One of the little ones more often.
    let sizes = if random.chance(600) { 5 } else { SIZES.len() };
    let content = staged(store, SIZES[random.index(sizes)], random.below(2))?.into();
    Some(Command::PutAttachment { id, name, content_type, content, expected: None })
}

/// The content of that size and kind, as a client brings it.
fn staged(store: &Store, size: usize, kind: u64) -> Option<Arc<Staged>> {
    let mut bytes = Random::new(size as u64 ^ (kind << 40));
    let content: Vec<u8> =
        (0..size.div_ceil(8)).flat_map(|_| bytes.number().to_be_bytes()).take(size).collect();
    let mut staging = store.stage();
    for piece in content.chunks(PIECE) {
        staging.write(piece).ok()?;
    }
    Some(Arc::new(staging.finish().ok()?))
}
