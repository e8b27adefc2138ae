//! I16: no deletion is forgotten that the destination of a task, also of a disabled one, has not
//! passed yet.

use jackdaw_common::Etag;

use super::{Check, Invariant, holds};
use crate::oracle::{
    now,
    truth::{Commit, Truth},
};

pub(super) struct Forgetting;

impl Invariant for Forgetting {
    fn name(&self) -> &'static str {
        "I16"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        let source = truth.databases[commit.node];
        for (key, before) in &commit.before {
            if now(truth, commit, key).is_some() {
                continue;
            }
            let Some(forgotten) = before.as_ref().and_then(|heads| heads.first()) else {
                continue;
            };
            for task in truth.tasks.iter().filter(|task| task.from == commit.node) {
                let stands: Etag = truth.nodes[task.to].cursor(source);
                holds(stands >= forgotten.etag, || {
                    format!("{key} {forgotten:?} is forgotten, {task:?} stands at {stands}")
                })?;
            }
        }
        Ok(())
    }
}
