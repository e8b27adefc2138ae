//! I5: nothing is answered before it is durable; cursor, rows and vector are written together.

use std::collections::BTreeMap;

use jackdaw_common::{ChangeVector, DatabaseId, Etag, frame::ToSender};
use jackdaw_store::Written;

use super::{Check, Invariant, holds};
use crate::oracle::{
    Connection, Frame,
    commit::Commit,
    truth::{Truth, cursors_of},
};

pub(super) struct Durable;

impl Invariant for Durable {
    fn name(&self) -> &'static str {
        "I5"
    }

    /// Where a cursor stands, everything up to there is held.
    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let before = cursors_of(commit.standing.as_ref());
        let after = cursors_of(truth.nodes[commit.node].visible.as_ref());
        moved(truth, commit.node, &before, &after)
    }

    fn answered(&mut self, truth: &Truth, node: usize, written: &[Written]) -> Check {
        let durable = truth.nodes[node].durable.as_ref();
        let last = durable.map_or(Etag::ZERO, |durable| durable.header.last_etag);
        let missing = written.iter().find(|written| {
            let mut later = truth.nodes[node].journal.range(written.etag..);
            // Written again before the commit was, it is there as what took its place.
            let same = later.next().is_some_and(|(etag, row)| {
                let first = row.key == written.id.key() && row.vector == written.vector;
                (*etag == written.etag && first) || *etag > written.etag
            }) && truth.covers(node, written.id.key(), &written.vector);
            !written.etag.is_zero() && (written.etag > last || !same)
        });
        holds(missing.is_none(), || format!("node {node} answered {missing:?}, durable is {last}"))
    }

    fn answered_parts(&mut self, truth: &Truth, node: usize, written: &[Written]) -> Check {
        let durable = truth.nodes[node].durable.as_ref();
        let last = durable.map_or(Etag::ZERO, |durable| durable.header.last_etag);
        let missing = written.iter().find(|written| {
            // What the same transaction wrote again, or removed, has no row.
            let row = truth.nodes[node].journal.get(&written.etag);
            let same = row.is_none_or(|row| {
                row.key == written.id.key()
                    && row.part.is_some()
                    && row.vector == written.vector
                    && truth.has(node, row)
            });
            !written.etag.is_zero() && (written.etag > last || !same)
        });
        holds(missing.is_none(), || format!("node {node} answered {missing:?}, durable is {last}"))
    }

    fn frame(&mut self, truth: &Truth, on: Connection, frame: &Frame<'_>) -> Check {
        let (Frame::Answers(frame) | Frame::Arrives(frame)) = frame else { return Ok(()) };
        match frame {
            ToSender::Ack(ack) => told(truth, on, ack.cursor, &ack.vector),
            ToSender::Heartbeat(beat) => told(truth, on, beat.cursor, &beat.vector),
            ToSender::Accept(accept) => told(truth, on, accept.cursor, &accept.vector),
            ToSender::Rewind { .. } | ToSender::BlobNeed(_) => Ok(()),
        }
    }
}

fn told(truth: &Truth, on: Connection, cursor: Etag, vector: &ChangeVector) -> Check {
    let Some(durable) = &truth.nodes[on.to].durable else {
        return Err(format!("node {} tells of cursor {cursor} and holds nothing", on.to));
    };
    let source = truth.databases[on.from];
    let stands = durable.cursors.get(&source).map_or(Etag::ZERO, |cursor| cursor.etag());
    holds(cursor <= stands, || format!("{on:?} tells of cursor {cursor}, durable is {stands}"))?;
    holds(durable.header.vector.covers(vector), || {
        format!("{on:?} tells of vector {vector:?}, durable is {:?}", durable.header.vector)
    })
}

fn moved(
    truth: &Truth,
    node: usize,
    before: &BTreeMap<DatabaseId, Etag>,
    after: &BTreeMap<DatabaseId, Etag>,
) -> Check {
    for (source, cursor) in after {
        let was = before.get(source).copied().unwrap_or(Etag::ZERO);
        if *cursor <= was {
            continue;
        }
        let Some(from) = truth.databases.iter().position(|database| source == database) else {
            continue;
        };
        let journal = &truth.nodes[from].journal;
        let range = (std::ops::Bound::Excluded(was), std::ops::Bound::Included(*cursor));
        for (etag, change) in journal.range(range) {
            // A revision that the source has removed meanwhile, or has come to keep for somebody
            // else too, is not sent from there any more: what says so is, later.
            let revisions = &truth.nodes[from].revisions;
            let gone = revisions.behind(&change.key, &change.vector, *cursor);
            holds(truth.has_but(node, change, &gone), || {
                format!(
                    "node {node} stands at {cursor} of node {from} and lacks {etag}: {change:?}, \
                     it has {:?}",
                    truth.nodes[node].heads.get(&change.key)
                )
            })?;
        }
    }
    Ok(())
}
