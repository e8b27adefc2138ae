//! The two nodes of a quickstart, and what they need before a document can be copied.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use jackdaw_node::channel::ReceiverUrl;
use jackdaw_node::config::{Config, Sources};
use jackdaw_node::node::Running;
use jackdaw_proto::control::{ConnectionString, ExternalReplication};

use super::home::Home;
use super::{DESTINATION, SOURCE};
use crate::command::certificate::{RECEIVER, SENDER};
use crate::command::serve::{RoleName, start, url};
use crate::command::{connection_string, database, task};
use crate::connection::{IdentityOptions, Patience, Service};
use crate::report::exit::Failure;
use crate::report::output::note;
use crate::report::view::last_part;

/// A sender and a receiver that run in this process.
pub(super) struct Pair {
    sender: Running,
    receiver: Running,
    ends: Ends,
}

/// Where the two are reached.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) sender: ReceiverUrl,
    pub(super) receiver: ReceiverUrl,
}

/// The two, reached as an administrator.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    pub(super) urls: Ends,
    pub(super) source: Service,
    pub(super) destination: Service,
}

impl Pair {
    /// Starts both, each on a port that the system chooses, and notes the ports in their
    /// configuration files, so that `serve --config` goes on where this ends.
    pub(super) async fn start(home: &Home) -> Result<Self, Failure> {
        home.write_receiver(ANY_PORT)?;
        let receiver = start(config(home, RECEIVER)?, &[RoleName::Receiver]).await?;
        home.write_receiver(receiver.address())?;
        note(format_args!("receiver at {}", url(&receiver)));
        home.write_sender(ANY_PORT)?;
        let sender = start(config(home, SENDER)?, &[RoleName::Sender]).await?;
        home.write_sender(sender.address())?;
        note(format_args!("sender at {}", url(&sender)));
        let parsed = |running: &Running| url(running).parse().map_err(Failure::local);
        let ends = Ends { sender: parsed(&sender)?, receiver: parsed(&receiver)? };
        Ok(Self { sender, receiver, ends })
    }

    /// Where they are reached.
    pub(super) fn ends(&self) -> Ends {
        self.ends.clone()
    }

    /// Completes with the reason when one of them cannot go on.
    pub(super) async fn failed(&mut self) -> String {
        tokio::select! {
            reason = self.sender.failed() => format!("sender: {reason}"),
            reason = self.receiver.failed() => format!("receiver: {reason}"),
        }
    }

    /// Ends both at once, so that it takes no longer than one.
    pub(super) async fn stop(self) {
        tokio::join!(self.sender.stop(), self.receiver.stop());
    }
}

impl Ends {
    /// Connects to both with the administrator's certificate of a folder.
    pub(super) async fn connect(self, certificates: &Path) -> Result<Connected, Failure> {
        let folder = Some(certificates.to_owned());
        let files = IdentityOptions { folder, ..IdentityOptions::default() }.files();
        let source = Service::connect(&self.sender, &files, PATIENCE).await?;
        let destination = Service::connect(&self.receiver, &files, PATIENCE).await?;
        Ok(Connected { urls: self, source, destination })
    }
}

/// Creates a database at each end.
pub(super) async fn prepare_databases(
    source: &Service,
    destination: &Service,
) -> Result<(), Failure> {
    database::create(source, SOURCE, false).await?;
    database::create(destination, DESTINATION, false).await?;
    note(format_args!("database {SOURCE} at the sender, {DESTINATION} at the receiver"));
    Ok(())
}

/// Creates the connection string and the task; answers the task's resource name.
pub(super) async fn prepare_task(source: &Service, urls: &Ends) -> Result<String, Failure> {
    let string = ConnectionString {
        database: DESTINATION.to_owned(),
        topology_discovery_urls: vec![urls.receiver.to_string()],
        ..ConnectionString::default()
    };
    connection_string::create(source, SOURCE, DESTINATION, string, false).await?;
    let wanted = ExternalReplication {
        connection_string: DESTINATION.to_owned(),
        ..ExternalReplication::default()
    };
    let created = Box::pin(task::create(source, SOURCE, wanted, false)).await?;
    let number = last_part(&created.name);
    note(format_args!("task {number}, \"{}\"", created.display_name));
    Ok(created.name)
}

/// How long a service may take for an answer.
const PATIENCE: Patience = Patience(std::time::Duration::from_secs(30));

/// Loopback, on a port that the system chooses.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The configuration of a service, from its file alone.
fn config(home: &Home, role: &str) -> Result<Config, Failure> {
    let sources = Sources { file: Some(home.config(role)), ..Sources::default() };
    Config::load(&sources).map_err(|errors| Failure::usage(format!("configuration\n{errors}")))
}
