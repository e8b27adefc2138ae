//! `jackdaw serve`: runs a service until it is asked to end.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jackdaw_node::config::{Config, Flag, Sources};
use jackdaw_node::node::{Node, Running, StartError};
use jackdaw_node::role::Role;
use jackdaw_node::shutdown::Trigger;
use jackdaw_node::telemetry;

use crate::report::exit::{Exit, Failure};
use crate::report::output::Output;

/// Run a service: a sender, a receiver, or both in one process.
///
/// Configured by a TOML file, the environment (JACKDAW_LISTEN, JACKDAW_TLS_CERTIFICATE, …) and
/// flags; the last that sets a key counts. Who may call is set in the file only ([[access]]); with
/// no entry nobody may. Prints the URL that it serves at on standard output; logs go to standard
/// error. SIGTERM or SIGINT ends it once calls under way are finished, a second one at once.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// What the service is; repeat it for both
    #[arg(long = "role", value_name = "ROLE", value_enum, required = true)]
    roles: Vec<RoleName>,

    /// Configuration file, TOML [env: JACKDAW_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,

    /// Print every setting with its value and where it comes from, and end
    #[arg(long)]
    print_config: bool,
}

/// A role of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum RoleName {
    /// Owns source databases and sends their changes.
    Sender,
    /// Owns destination databases and applies what it is sent.
    Receiver,
}

/// Settings given as flags. Their values are the configuration's to check, which reports all
/// mistakes at once.
#[derive(Args, Debug, Default)]
struct Settings {
    /// Address and port to listen on; port 0: one that is free
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// Folder of all databases
    #[arg(long, value_name = "DIR")]
    data: Option<String>,

    /// Certificate of the service, PEM
    #[arg(long, value_name = "FILE", visible_alias = "certificate")]
    tls_certificate: Option<String>,

    /// Private key of that certificate, PEM, mode 0600
    #[arg(long, value_name = "FILE", visible_alias = "key")]
    tls_key: Option<String>,

    /// Authorities that others' certificates must come from, PEM; repeat it for several
    #[arg(long, value_name = "FILE", visible_alias = "authority")]
    tls_authorities: Vec<String>,

    /// Key that a receiver which is dialled must have, SHA-256; repeat it for several
    #[arg(long, value_name = "PIN")]
    tls_server_pins: Vec<String>,

    /// What is logged: off, error, warn, info, debug, trace, also module=level
    #[arg(long, value_name = "FILTER")]
    log_level: Option<String>,

    /// How it is logged: text, json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// How long calls under way may take to finish at the end
    #[arg(long, value_name = "SECONDS")]
    drain_seconds: Option<String>,

    /// How old a deletion is at least before it is forgotten
    #[arg(long, value_name = "SECONDS")]
    tombstone_age_seconds: Option<String>,
}

/// Variables of the environment that are for other commands.
pub(crate) const CLIENT_VARIABLES: &[&str] = &[
    "JACKDAW_AUTHORITY",
    "JACKDAW_CERTIFICATE",
    "JACKDAW_CERTIFICATES",
    "JACKDAW_DATABASE",
    "JACKDAW_KEY",
    "JACKDAW_TIMEOUT",
    "JACKDAW_URL",
];

impl Settings {
    fn flags(self) -> Vec<Flag> {
        let one = |key, name, value: Option<String>| (key, name, value.into_iter().collect());
        let all: [(_, _, Vec<String>); 10] = [
            one("listen", "--listen", self.listen),
            one("data", "--data", self.data),
            one("tls.certificate", "--tls-certificate", self.tls_certificate),
            one("tls.key", "--tls-key", self.tls_key),
            ("tls.authorities", "--tls-authorities", self.tls_authorities),
            ("tls.server_pins", "--tls-server-pins", self.tls_server_pins),
            one("log.level", "--log-level", self.log_level),
            one("log.format", "--log-format", self.log_format),
            one("drain_seconds", "--drain-seconds", self.drain_seconds),
            one("tombstone_age_seconds", "--tombstone-age-seconds", self.tombstone_age_seconds),
        ];
        let flag = |key, name| move |value| Flag { key, value, name };
        all.into_iter()
            .flat_map(|(key, name, values)| values.into_iter().map(flag(key, name)))
            .collect()
    }
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> Result<Exit, Failure> {
        let sources = Sources::of_process(self.config, self.settings.flags(), CLIENT_VARIABLES);
        let config = Config::load(&sources)
            .map_err(|errors| Failure::usage(format!("configuration\n{errors}")))?;
        if self.print_config {
            output.text(config.print().trim_end())?;
            return Ok(Exit::Done);
        }
        telemetry::init(&config.log_level, config.log_format).map_err(Failure::local)?;
        let (trigger, mut shutdown) = Trigger::new();
        trigger
            .fire_on_signals()
            .map_err(|error| Failure::local(format!("catch signals: {error}")))?;
        let mut running = start(config, &self.roles).await?;
        output.text(url(&running))?;
        let failed = tokio::select! {
            () = shutdown.requested() => None,
            reason = running.failed() => Some(reason),
        };
        running.stop().await;
        match failed {
            None => Ok(Exit::Done),
            Some(reason) => Err(Failure::local(reason)),
        }
    }
}

/// Starts a node with these roles; one that is named twice is mounted once.
pub(crate) async fn start(config: Config, roles: &[RoleName]) -> Result<Running, Failure> {
    let mut roles = roles.to_vec();
    roles.sort_unstable();
    roles.dedup();
    let roles = roles.into_iter().map(role).collect();
    Node::start(config, roles).await.map_err(|error| {
        let text = format!("failed to {error}");
        match error {
            StartError::Catalog(_) | StartError::Grants(_) => Failure::local(text),
            _ => Failure::usage(text),
        }
    })
}

/// Where a node is reached from this machine or, where it listens on all addresses, from itself.
pub(crate) fn url(running: &Running) -> String {
    format!("https://{}", running.address())
}

/// The one place where the roles' crates are named.
fn role(name: RoleName) -> Box<dyn Role> {
    match name {
        RoleName::Sender => jackdaw_sender::Sender::role(),
        RoleName::Receiver => jackdaw_receiver::Receiver::role(),
    }
}
