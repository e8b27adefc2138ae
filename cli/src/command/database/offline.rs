//! `jackdaw database adopt` and `restore` without a backup: what is declared of a database while
//! its service does not run.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jackdaw_common::{DatabaseName, Etag};
use jackdaw_node::catalog::offline;
use jackdaw_node::clock::SystemClock;
use jackdaw_node::config::{Config, Sources};

use crate::command::serve::CLIENT_VARIABLES;
use crate::report::exit::Failure;
use crate::report::output::{counted, note};

/// Where the databases of the service are.
#[derive(Args, Debug)]
pub(super) struct DataOptions {
    /// The service's folder of all databases, instead of what it is configured with
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The service's configuration file, TOML [env: JACKDAW_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DataOptions {
    fn folder(self) -> Result<PathBuf, Failure> {
        if let Some(data) = self.data {
            return Ok(data);
        }
        let sources = Sources::of_process(self.config, Vec::new(), CLIENT_VARIABLES);
        let config = Config::load(&sources).map_err(|errors| {
            Failure::usage(format!("configuration\n{errors}"))
                .with_line("--data names the folder of the databases without a configuration")
        })?;
        Ok(config.data)
    }
}

/// Declares that databases were moved: all, where none is named.
pub(super) fn adopt(name: Option<DatabaseName>, data: DataOptions) -> Result<(), Failure> {
    let adopted = offline::adopt(&data.folder()?, name.as_ref(), Arc::new(SystemClock));
    for name in adopted.map_err(failed)? {
        note(format_args!("database {name} lies here now; the service can be started"));
    }
    Ok(())
}

/// Declares that a database went back to an etag, or is a copy.
pub(super) fn restored(
    name: &DatabaseName,
    forked_at: Option<Etag>,
    data: DataOptions,
) -> Result<(), Failure> {
    let folder = data.folder()?;
    let declared = offline::restored(&folder, name, forked_at, Arc::new(SystemClock));
    let declared = declared.map_err(failed)?;
    note(format_args!(
        "database {name} begins incarnation {} behind etag {}",
        declared.incarnation, declared.common
    ));
    if declared.last > declared.common {
        note(format_args!(
            "{} that it has written since, up to etag {}, are that incarnation's now",
            counted(declared.reissued, "version"),
            declared.last
        ));
    }
    note(format_args!(
        "the service can be started; destinations keep what they have of it behind etag {}",
        declared.common
    ));
    Ok(())
}

fn failed(error: offline::OfflineError) -> Failure {
    Failure::local(format!("failed to {error}"))
}
