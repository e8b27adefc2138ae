//! I16: no deletion is forgotten that the destination of a task, also of a disabled one, has not
//! passed yet.

use jackdaw_common::Etag;

use super::{Check, Invariant, holds};
use crate::oracle::{commit::Commit, now, truth::Truth};

pub(super) struct Forgetting;

impl Invariant for Forgetting {
    fn name(&self) -> &'static str {
        "I16"
    }

    fn committed(&mut self, truth: &Truth, commit: &Commit) -> Check {
        for (key, before) in &commit.before {
            if now(truth, commit, key).is_some() {
                continue;
            }
            let Some(forgotten) = before.as_ref().and_then(|heads| heads.first()) else {
                continue;
            };
            passed(truth, commit.node, forgotten.etag, || format!("{key} {forgotten:?}"))?;
        }
        for (key, etag) in &commit.trims {
            passed(truth, commit.node, *etag, || format!("what is removed of {key}, {etag}"))?;
        }
        Ok(())
    }
}

/// Every task has passed an etag of which something is forgotten.
fn passed(truth: &Truth, node: usize, etag: Etag, what: impl Fn() -> String) -> Check {
    for task in truth.tasks.iter().filter(|task| task.from == node) {
        let stands: Etag = truth.nodes[task.to].cursor(truth.databases[node]);
        holds(stands >= etag, || format!("{} is forgotten, {task:?} stands at {stands}", what()))?;
    }
    Ok(())
}
