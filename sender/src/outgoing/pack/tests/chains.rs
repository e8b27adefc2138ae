//! The batches of any history, cut anywhere, in a chain of databases.

use super::*;

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A transaction over few documents.
async fn some(store: &Store, random: &mut Random, number: u64) {
    let commands = (0..1 + random.below(4)).map(|step| {
        let id = format!("d{}", random.below(6));
        if random.below(4) == 0 { delete(&id) } else { put(&id, &format!("{number}.{step}")) }
    });
    write(store, commands.collect()).await;
}

/// Sends the next batch; what was acknowledged is written down at `from` now and then, and
/// deletions are forgotten.
async fn relay(
    from: &Store,
    to: &Store,
    session: &Session,
    random: &mut Random,
    after: Etag,
) -> Etag {
    let items_max = usize::try_from(1 + random.below(6)).unwrap();
    let cursor = send(from, to, session, items_max, after).await;
    if random.below(2) == 0 {
        from.stand(Follower { task: 1, destination: 1, acknowledged: cursor }).await.unwrap();
    }
    if random.below(4) == 0 {
        let before = Timestamp::from_micros(i64::MAX);
        from.forget(Forget { before, after: None }).await.unwrap();
    }
    cursor
}

/// A chain of three, random writes at its head, batches cut anywhere: every state that the middle
/// and the end ever show is one that the head showed between two transactions (invariant I8), and
/// in the end all are equal.
#[tokio::test]
async fn a_chain_shows_nothing_but_states_of_its_head() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (head, middle, end) = (store(1), store(2), store(3));
        follow(&head).await;
        follow(&middle).await;
        let (to_middle, to_end) = (begin(&middle, 1).await, begin(&end, 2).await);
        let (mut at_middle, mut at_end) = (Etag::ZERO, Etag::ZERO);
        let mut states = vec![shown(&head)];
        let check = |states: &[Shown], store: &Store, what: &str| {
            let now = shown(store);
            assert!(states.contains(&now), "seed {seed}: {what} shows {now:?}");
        };
        for number in 0..60 {
            match random.below(5) {
                0 | 1 => {
                    some(&head, &mut random, number).await;
                    states.push(shown(&head));
                }
                2 | 3 => {
                    at_middle = relay(&head, &middle, &to_middle, &mut random, at_middle).await;
                    check(&states, &middle, "the middle");
                }
                _ => {
                    at_end = relay(&middle, &end, &to_end, &mut random, at_end).await;
                    check(&states, &end, "the end");
                }
            }
        }
        while at_middle < head.last_etag() || middle.vector() != head.vector() {
            at_middle = relay(&head, &middle, &to_middle, &mut random, at_middle).await;
            check(&states, &middle, "the middle");
        }
        while at_end < middle.last_etag() || end.vector() != head.vector() {
            at_end = relay(&middle, &end, &to_end, &mut random, at_end).await;
            check(&states, &end, "the end");
        }
        assert_eq!(shown(&end), shown(&head), "seed {seed}");
    }
}
