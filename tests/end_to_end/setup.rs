//! A sender with database "shop" and a receiver with database "copy", and what is asked of them
//! again and again.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Result, ensure};
use jackdaw_proto::control::{
    ExternalReplication,
    external_replication::{ConnectionState, PhaseKind},
};
use jackdaw_tests::{
    client::Client,
    service::{Service, binary},
    site::Site,
    wait::until,
};

/// Long enough for anything that happens by itself.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A pair of services.
pub(crate) struct Pair {
    pub(crate) site: Site,
    pub(crate) sender: Service,
    pub(crate) receiver: Service,
    pub(crate) source: Client,
    pub(crate) destination: Client,
}

impl Pair {
    /// Both services with their databases, and no task yet.
    pub(crate) async fn new() -> Result<Self> {
        Self::at(Site::new()?).await
    }

    /// The same at a site.
    pub(crate) async fn at(site: Site) -> Result<Self> {
        let receiver = Service::start(&site, "receiver")?;
        let sender = Service::start(&site, "sender")?;
        Self::of(site, sender, receiver).await
    }

    /// The same of services that were started.
    pub(crate) async fn of(site: Site, sender: Service, receiver: Service) -> Result<Self> {
        let administrator = site.administrator()?;
        let source = Client::connect(&sender.url(), &administrator).await?;
        let destination = Client::connect(&receiver.url(), &administrator).await?;
        source.create_database("shop").await?;
        destination.create_database("copy").await?;
        Ok(Self { site, sender, receiver, source, destination })
    }

    /// Kills one of the two, the receiver in even rounds, and starts it again.
    pub(crate) async fn kill_in_turn(&mut self, round: u64) -> Result<()> {
        let one = if round.is_multiple_of(2) { &mut self.receiver } else { &mut self.sender };
        one.kill()?;
        one.restart()?;
        self.reconnect().await
    }

    /// Dials both services again: they were restarted.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        let administrator = self.site.administrator()?;
        self.source = Client::connect(&self.sender.url(), &administrator).await?;
        self.destination = Client::connect(&self.receiver.url(), &administrator).await?;
        Ok(())
    }

    /// Dials the receiver again, which was restarted.
    pub(crate) async fn destination_again(&self) -> Result<Client> {
        Client::connect(&self.receiver.url(), &self.site.administrator()?).await
    }

    /// Dials the sender again, which was restarted.
    pub(crate) async fn source_again(&self) -> Result<Client> {
        Client::connect(&self.sender.url(), &self.site.administrator()?).await
    }

    /// Starts to replicate "shop" to "copy"; answers the task's name.
    pub(crate) async fn replicate(&self) -> Result<String> {
        Ok(self.source.replicate("shop", "copy", &[self.receiver.url()]).await?.name)
    }

    /// Waits until the destination has acknowledged everything the source holds now.
    pub(crate) async fn caught_up(&self, task: &str) -> Result<()> {
        let last = self.source.database("shop").await?.last_etag;
        let waited = until(&format!("etag {last} acknowledged"), SOON, async || {
            let progress = self.source.task(task).await?.progress.unwrap_or_default();
            Ok((progress.last_acknowledged_etag >= last).then_some(()))
        })
        .await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(format!("{:?}", self.source.task(task).await?))),
        }
    }

    /// Waits until the task is in this phase; answers it.
    pub(crate) async fn phase(&self, task: &str, phase: PhaseKind) -> Result<ExternalReplication> {
        until(&format!("phase {phase:?}"), SOON, async || {
            let task = self.source.task(task).await?;
            let kind = task.phase.as_ref().map(|phase| phase.kind());
            Ok((kind == Some(phase)).then_some(task))
        })
        .await
    }

    /// Both databases hold the same documents, under the same vectors, byte for byte.
    pub(crate) async fn assert_equal(&self) -> Result<usize> {
        let source = self.source.content("shop").await?;
        let destination = self.destination.content("copy").await?;
        assert_eq!(
            source.keys().collect::<Vec<_>>(),
            destination.keys().collect::<Vec<_>>(),
            "the same ids"
        );
        assert_eq!(source, destination);
        Ok(source.len())
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Makes the files of a folder what they were in a copy of it, as bringing back a snapshot of the
/// disk does: the lock files, which nobody writes, stay the files they are.
pub(crate) fn bring_back(copy: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(to)? {
        let entry = entry?;
        let (here, there) = (entry.path(), copy.join(entry.file_name()));
        if entry.file_type()?.is_dir() && there.is_dir() {
            bring_back(&there, &here)?;
        } else if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(here)?;
        } else if !(there.is_file() && entry.file_name() == "lock") {
            std::fs::remove_file(here)?;
        }
    }
    for entry in std::fs::read_dir(copy)? {
        let entry = entry?;
        let here = to.join(entry.file_name());
        if entry.file_type()?.is_dir() && !here.exists() {
            copy_folder(&entry.path(), &here)?;
        } else if !here.exists() {
            std::fs::copy(entry.path(), here)?;
        }
    }
    Ok(())
}

/// Runs `jackdaw` with these arguments.
pub(crate) fn jackdaw(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(binary("jackdaw")?).args(arguments).output()?)
}

/// The same; its standard error, once it has succeeded.
pub(crate) fn done(arguments: &[&str]) -> Result<String> {
    let output = jackdaw(arguments)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{arguments:?}: {text}");
    Ok(text)
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Whether a task is connected.
pub(crate) fn is_active(task: &ExternalReplication) -> bool {
    task.connection_state() == ConnectionState::Active
}

/// `count` small documents of one collection.
pub(crate) fn documents(prefix: &str, count: usize, text: &str) -> Vec<(String, String)> {
    (0..count)
        .map(|n| {
            let body =
                format!(r#"{{"n":{n},"text":"{text}","@metadata":{{"@collection":"Things"}}}}"#);
            (format!("{prefix}/{n}"), body)
        })
        .collect()
}
