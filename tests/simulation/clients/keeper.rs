//! Who says of which documents revisions are kept, changes his mind, and has it enforced.

use std::time::Duration;

use jackdaw_common::{RevisionsConfiguration, RevisionsRule};
use jackdaw_store::{Configure, Enforce, Store};
use jackdaw_tests::random::Random;
use tokio::time::sleep;

use super::Stores;
use crate::plan::Keeping;

/// Configures revisions of a node and has them enforced, until it is aborted.
pub(crate) async fn keeper(node: usize, keeping: Keeping, stores: Stores, mut random: Random) {
    let mut wanted = keeping.rule(&mut random);
    loop {
        if let Some(configuration) = &wanted
            && let Some(store) = stores.of(node)
        {
            let configuration = configuration.clone();
            let configure = Configure { expected: None, configuration };
            if store.configure_revisions(configure).await.is_ok() {
                wanted = None;
            }
        }
        let pause = if wanted.is_some() { 20 } else { 1 + random.below(2 * keeping.every) };
        sleep(Duration::from_millis(pause)).await;
        let Some(store) = stores.of(node).filter(|_| wanted.is_none()) else { continue };
        if random.chance(keeping.changes) {
            wanted = keeping.rule(&mut random);
        } else if random.chance(keeping.enforces) {
            enforce(&store).await;
        }
    }
}

/// All steps of an enforcement; one that fails is left to the next.
async fn enforce(store: &Store) {
    let mut next = Some(Enforce::default());
    while let Some(step) = next {
        next = match store.enforce_revisions(step).await {
            Ok(enforced) => enforced.next,
            Err(_) => None,
        };
    }
}

impl Keeping {
    /// What somebody wants now; `None`: nothing else than before.
    fn rule(&self, random: &mut Random) -> Option<RevisionsConfiguration> {
        let default = random.chance(700).then(|| rule(random));
        let things = random.chance(500).then(|| rule(random));
        let things = things.map(|rule| ("things".parse().unwrap(), rule));
        RevisionsConfiguration::new(default, things.into_iter().collect()).ok()
    }
}

fn rule(random: &mut Random) -> RevisionsRule {
    let (bounded, aged) = (random.chance(750), random.chance(250));
    RevisionsRule {
        disabled: random.chance(150),
        minimum_to_keep: bounded.then(|| 1 + random.below(5)),
        minimum_age_micros: aged.then(|| random.below(4_000_000)),
        purge_on_delete: random.chance(300),
    }
}
