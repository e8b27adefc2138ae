//! I10: when nobody writes, nothing is sent and nothing is written.

use jackdaw_common::Etag;

use super::{Check, holds};
use crate::oracle::truth::Truth;

/// What has happened so far, taken twice with a silent time between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    items: u64,
    etags: Vec<Etag>,
}

impl Traffic {
    /// Now, after so many frames with items.
    pub(crate) fn of(truth: &Truth, items: u64) -> Self {
        let etag = |node: &crate::oracle::truth::NodeTruth| {
            node.visible.as_ref().map_or(Etag::ZERO, |standing| standing.header.last_etag)
        };
        Self { items, etags: truth.nodes.iter().map(etag).collect() }
    }

    /// Nothing was written since, whatever was told.
    pub(crate) fn wrote_nothing_since(&self, before: &Self) -> Check {
        holds(self.etags == before.etags, || {
            format!("nobody wrote, and {before:?} became {self:?}")
        })
    }

    /// Nothing has happened since.
    pub(crate) fn is_silent_since(&self, before: &Self) -> Check {
        holds(self == before, || format!("nobody wrote, and {before:?} became {self:?}"))
    }
}
