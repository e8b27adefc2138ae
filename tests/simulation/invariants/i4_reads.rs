//! I4: nobody reads what a power cut undoes.

use jackdaw_common::Etag;
use jackdaw_store::tables::header::Header;

use super::{Check, Invariant, holds};
use crate::oracle::truth::Truth;

pub(super) struct Reads;

impl Invariant for Reads {
    fn name(&self) -> &'static str {
        "I4"
    }

    fn read(&mut self, truth: &Truth, node: usize, header: &Header) -> Check {
        let durable = truth.nodes[node].durable.as_ref();
        let last = durable.map_or(Etag::ZERO, |durable| durable.header.last_etag);
        holds(header.last_etag <= last, || {
            format!("node {node} shows etag {}, durable is {last}", header.last_etag)
        })?;
        let covered = durable.is_some_and(|d| d.header.vector.covers(&header.vector));
        holds(covered || header.vector.is_empty(), || {
            format!("node {node} shows vector {:?}, durable is less", header.vector)
        })
    }
}
