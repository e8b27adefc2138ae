//! SIGKILL, over and over, sides in turn, while the source is written to.
//!
//! Five in the ordinary run; a hundred by
//! `cargo test --release -p jackdaw-tests --test end_to_end -- --ignored a_hundred`.
//! The moments are random: `JACKDAW_SEED` repeats them as far as the machine does.

#![expect(clippy::print_stderr, reason = "a run of minutes says how far it is")]

mod told;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use jackdaw_common::limits::WINDOW_BYTES;
use jackdaw_node::tls::ClientTls;
use jackdaw_proto::control::DeleteDatabaseRequest;
use jackdaw_tests::{client::Client, random::Random, service::Service, site::Site, wait::until};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use self::told::Told;

/// Long enough for a copy to complete on a busy machine.
const COPIED: Duration = Duration::from_secs(120);
/// Documents the source begins with: more than two windows full.
const FIRST: u64 = 30_000;
/// Bytes of each of them.
const FIRST_BYTES: u64 = 4_096;
/// Ids that are written again and again.
const HOT: u64 = 500;
/// Ids that are written now and then. They are small: a window holds all of them.
const NEW: u64 = 2_000;
/// Kills of one copy, one a side; then it is completed, compared and begun anew. They come while
/// most of it is missing.
const KILLS_A_COPY: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn five_kills_lose_nothing() -> Result<()> {
    Kills::new().await?.run(5).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_hundred_kills_lose_nothing() -> Result<()> {
    Kills::new().await?.run(100).await
}

/// A pair that is killed.
struct Kills {
    random: Random,
    site: Site,
    administrator: ClientTls,
    sender: Service,
    receiver: Service,
    source: Client,
    destination: Client,
}

impl Kills {
    async fn new() -> Result<Self> {
        let seed = env::var("JACKDAW_SEED").ok().map(|seed| seed.parse()).transpose()?;
        let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("JACKDAW_SEED={seed}");
        let site = Site::new()?.logging("info,jackdaw_receiver=debug,jackdaw_sender=debug");
        let (receiver, sender) =
            (Service::start(&site, "receiver")?, Service::start(&site, "sender")?);
        let administrator = site.administrator()?;
        let source = Client::connect(&sender.url(), &administrator).await?;
        let destination = Client::connect(&receiver.url(), &administrator).await?;
        source.create_database("shop").await?;
        let random = Random::new(seed);
        Ok(Self { random, site, administrator, sender, receiver, source, destination })
    }

    async fn run(mut self, kills: usize) -> Result<()> {
        // Else a copy that is sent all over again would be within what may be.
        assert!(WINDOW_BYTES * (KILLS_A_COPY as u64) < FIRST * FIRST_BYTES);
        let body = "x".repeat(usize::try_from(FIRST_BYTES)?);
        let first = (0..FIRST).map(|n| (format!("first/{n}"), format!(r#"{{"t":"{body}"}}"#)));
        self.source.write("shop", first.collect(), 1_000).await?;
        let mut done = 0;
        for copy in 0.. {
            if done == kills {
                break;
            }
            let round = KILLS_A_COPY.min(kills - done);
            self.copy(&format!("copy-{copy}"), done, round).await?;
            done += round;
        }
        eprintln!("{done} kills, everything equal each time");
        Ok(())
    }

    /// Makes one copy, killed so many times meanwhile.
    async fn copy(&mut self, name: &str, before: usize, kills: usize) -> Result<()> {
        self.destination.create_database(name).await?;
        let task = self.source.replicate_as(name, "shop", name, &[self.receiver.url()]).await?.name;
        let writer = Writer::start(&self.sender, &self.administrator, self.random.number());
        for kill in before..before + kills {
            self.kill_after_progress(name, kill.is_multiple_of(2)).await?;
        }
        writer.stop().await?;
        let last = self.source.database("shop").await?.last_etag;
        until(&format!("etag {last} acknowledged"), COPIED, async || {
            let progress = self.source.task(&task).await?.progress.unwrap_or_default();
            Ok((progress.last_acknowledged_etag >= last).then_some(()))
        })
        .await?;
        let (source, copy) =
            (self.source.content("shop").await?, self.destination.content(name).await?);
        assert_eq!(source.len(), copy.len(), "documents");
        assert!(source == copy, "the copy differs");
        self.account(name, &task, kills).await?;
        self.source.delete_task(&task).await?;
        let request = DeleteDatabaseRequest { name: format!("databases/{name}") };
        self.destination.databases().delete_database(request).await?;
        Ok(())
    }

    /// The destination has as many etags as items were applied, over all acknowledgements there
    /// ever were, those that a kill swallowed included; and no session has sent more than one
    /// window again.
    async fn account(&self, name: &str, task: &str, kills: usize) -> Result<()> {
        let last = self.destination.database(name).await?.last_etag;
        let number = task.rsplit('/').next().context("no number")?.parse()?;
        let told = until("both logs are written", COPIED, async || {
            let told = Told::read(&self.sender.log()?, &self.receiver.log()?, number, name)?;
            Ok(told.is_complete().then_some(told))
        })
        .await?;
        let (applied, swallowed) = (told.applied(), told.swallowed());
        let again = told.sent_again()?;
        eprintln!("{name}: {last} etags, {swallowed} not told of, batches sent again {again:?}");
        assert_eq!(applied + swallowed, last, "of which {swallowed} in acks that were swallowed");
        assert!(told.sessions() > kills, "every kill ends a session");
        Ok(())
    }

    async fn kill_after_progress(&mut self, name: &str, receiver: bool) -> Result<()> {
        let before = self.destination.database(name).await?.last_etag;
        until("some progress", COPIED, async || {
            Ok((self.destination.database(name).await?.last_etag > before).then_some(()))
        })
        .await?;
        sleep(Duration::from_millis(50 + self.random.number() % 1_950)).await;
        let service = if receiver { &mut self.receiver } else { &mut self.sender };
        service.kill()?;
        service.restart()?;
        self.source = Client::connect(&self.sender.url(), &self.administrator).await?;
        self.destination = Client::connect(&self.receiver.url(), &self.administrator).await?;
        // The site outlives its services.
        assert!(self.site.path().exists());
        Ok(())
    }
}

/// Writes to the source all the time, whatever becomes of it.
struct Writer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<u64>>,
}

impl Writer {
    fn start(sender: &Service, administrator: &ClientTls, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (url, tls, until) = (sender.url(), administrator.clone(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut random = Random::new(seed);
            let mut written = 0;
            while !until.load(Ordering::Relaxed) {
                let Ok(client) = Client::connect(&url, &tls).await else {
                    sleep(Duration::from_millis(20)).await;
                    continue;
                };
                while !until.load(Ordering::Relaxed) && some(&client, &mut random).await.is_ok() {
                    written += 1;
                    sleep(Duration::from_millis(random.number() % 5)).await;
                }
            }
            Ok(written)
        });
        Self { stop, task }
    }

    async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let written = tokio::time::timeout_at(Instant::now() + COPIED, self.task).await???;
        assert!(written > 0, "nothing was written meanwhile");
        Ok(())
    }
}

/// One transaction of puts, or one deletion.
async fn some(client: &Client, random: &mut Random) -> Result<()> {
    if random.number().is_multiple_of(4) {
        return client.delete("shop", &format!("hot/{}", random.number() % HOT)).await;
    }
    let documents: Vec<_> = (0..1 + random.number() % 5)
        .map(|_| {
            let n = random.number();
            let hot = n.is_multiple_of(2);
            let id = if hot { format!("hot/{}", n % HOT) } else { format!("new/{}", n % NEW) };
            (id, format!(r#"{{"n":{n}}}"#))
        })
        .collect();
    client.transact("shop", &documents).await
}
