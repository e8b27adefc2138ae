//! A sender with database "shop" and a receiver with database "copy", and what they use meanwhile.

use std::time::Duration;

use anyhow::Result;
use jackdaw_proto::control::{
    DisableExternalReplicationRequest, EnableExternalReplicationRequest,
    external_replication::{ConnectionState, Progress},
};
use jackdaw_tests::{client::Client, service::Service, site::Site, wait::until};

use crate::{
    documents::document,
    measure::{self, Usage},
};

/// Documents of one transaction where nothing else is asked for.
pub(crate) const AT_ONCE: usize = 1_000;
/// The longest that anything may take.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);
/// Documents that are made before they are written.
const FILL_PART: u64 = 50_000;

/// A pair of services.
pub(crate) struct Pair {
    pub(crate) site: Site,
    pub(crate) sender: Service,
    pub(crate) receiver: Service,
    pub(crate) source: Client,
    pub(crate) destination: Client,
    /// The load of the machine before they were started.
    pub(crate) load_before: f64,
}

impl Pair {
    /// Both services with their databases, and no task yet.
    pub(crate) async fn start() -> Result<Self> {
        let load_before = measure::load()?;
        let site = Site::new()?;
        let receiver = Service::start(&site, "receiver")?;
        let sender = Service::start(&site, "sender")?;
        let administrator = site.administrator()?;
        let source = Client::connect(&sender.url(), &administrator).await?;
        let destination = Client::connect(&receiver.url(), &administrator).await?;
        source.create_database("shop").await?;
        destination.create_database("copy").await?;
        Ok(Self { site, sender, receiver, source, destination, load_before })
    }

    /// Writes documents from zero on; answers the last etag.
    pub(crate) async fn fill(&self, documents: u64) -> Result<u64> {
        let mut last = 0;
        for first in (0..documents).step_by(usize::try_from(FILL_PART)?) {
            let part = (first..documents.min(first + FILL_PART)).map(document).collect();
            last = self.source.write("shop", part, AT_ONCE).await?;
        }
        Ok(last)
    }

    /// Starts to replicate "shop" to "copy"; answers the task's name.
    pub(crate) async fn replicate(&self) -> Result<String> {
        Ok(self.source.replicate("shop", "copy", &[self.receiver.url()]).await?.name)
    }

    /// Waits until the destination has acknowledged `etag`.
    pub(crate) async fn acknowledged(&self, task: &str, etag: u64) -> Result<Progress> {
        until(&format!("etag {etag} acknowledged"), LONGEST, async || {
            let progress = self.source.task(task).await?.progress.unwrap_or_default();
            Ok((progress.last_acknowledged_etag >= etag).then_some(progress))
        })
        .await
    }

    /// Disables the task, and waits until it has ended.
    pub(crate) async fn disable(&self, task: &str) -> Result<()> {
        let disable = DisableExternalReplicationRequest { name: task.to_owned() };
        self.source.tasks().disable_external_replication(disable).await?;
        until("the task disabled", LONGEST, async || {
            let state = self.source.task(task).await?.connection_state();
            Ok((state == ConnectionState::NotActive).then_some(()))
        })
        .await
    }

    /// Enables the task again.
    pub(crate) async fn enable(&self, task: &str) -> Result<()> {
        let enable = EnableExternalReplicationRequest { name: task.to_owned() };
        self.source.tasks().enable_external_replication(enable).await?;
        Ok(())
    }

    /// Starts the sender again.
    pub(crate) async fn restart_sender(&mut self) -> Result<()> {
        self.sender.terminate()?;
        self.sender.restart()?;
        self.source = Client::connect(&self.sender.url(), &self.site.administrator()?).await?;
        Ok(())
    }

    /// Kills the receiver and starts it again.
    pub(crate) async fn kill_receiver(&mut self) -> Result<()> {
        self.receiver.kill()?;
        self.receiver.restart()?;
        let administrator = self.site.administrator()?;
        self.destination = Client::connect(&self.receiver.url(), &administrator).await?;
        Ok(())
    }
}

/// Counts what both services use from its start on.
pub(crate) struct Meter {
    /// What the processes had used before.
    sender: f64,
    receiver: f64,
    /// The most that a receiver which is no more has had.
    receiver_peak_mib: f64,
}

impl Meter {
    /// From now on.
    pub(crate) fn start(pair: &Pair) -> Result<Self> {
        Ok(Self {
            sender: measure::cpu_seconds(pair.sender.pid())?,
            receiver: measure::cpu_seconds(pair.receiver.pid())?,
            receiver_peak_mib: 0.0,
        })
    }

    /// The receiver is about to be killed, and another will take its place.
    pub(crate) fn receiver_ends(&mut self, pair: &Pair) -> Result<()> {
        self.receiver -= measure::cpu_seconds(pair.receiver.pid())?;
        self.receiver_peak_mib = measure::peak_memory_mib(pair.receiver.pid())?;
        Ok(())
    }

    /// What was used until now.
    pub(crate) fn read(&self, pair: &Pair) -> Result<Usage> {
        let (sender, receiver) = (pair.sender.pid(), pair.receiver.pid());
        Ok(Usage {
            sender_cpu_seconds: measure::cpu_seconds(sender)? - self.sender,
            receiver_cpu_seconds: measure::cpu_seconds(receiver)? - self.receiver,
            sender_peak_mib: measure::peak_memory_mib(sender)?,
            receiver_peak_mib: measure::peak_memory_mib(receiver)?.max(self.receiver_peak_mib),
        })
    }
}
