//! The configuration of a service: defaults, then a TOML file, then the environment, then flags;
//! the last that sets a key wins.
//!
//! Owns what can be configured, where from, and the reading of the environment, which nothing else
//! in the workspace reads. Every mistake of all sources is reported in one answer. It checks what a
//! value looks like, not what it leads to: files are opened by who uses them.
//!
//! A key of the file is nested in tables (`tls.certificate`). Its environment variable is
//! `JACKDAW_` and the key in capitals with `_` for `.` (`JACKDAW_TLS_CERTIFICATE`), its flag the
//! key with `-` for `.` and `_` (`--tls-certificate`). Lists are comma-separated in the
//! environment, and repeated as flags. Relative paths in the file are relative to its folder,
//! others to the working directory. `access` is set in the file only.

mod entry;
mod error;
mod print;
mod source;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::access::AccessEntry;
use crate::telemetry::{LogFilter, LogFormat};
use crate::tls::{SpkiPin, TlsFiles};

pub use error::{ConfigError, ConfigErrors, Origin, Problem};
pub use source::{Flag, Sources};

use source::{Setting, Value};

/// Where a service listens unless told otherwise: this machine only.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7443);
/// How long the end may take, unless told otherwise: whoever runs containers kills after ten
/// seconds by default, and what follows the drain takes up to one more.
const DRAIN_SECONDS_DEFAULT: u64 = 8;
/// The longest that may be told: an hour.
const DRAIN_SECONDS_MAX: u64 = 3600;
/// How old a deletion is at least before it is forgotten, unless told otherwise: a day, in seconds.
const TOMBSTONE_AGE_DEFAULT: u64 = 24 * 3600;
/// The longest that may be told: ten years.
const TOMBSTONE_AGE_MAX: u64 = 10 * 365 * 24 * 3600;
/// What is logged unless told otherwise.
const LOG_LEVEL_DEFAULT: &str = "info";

/// The configuration of one service process.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address of the one port.
    pub listen: SocketAddr,
    /// The folder of all databases.
    pub data: PathBuf,
    /// Certificate, key and authorities.
    pub tls: TlsFiles,
    /// The keys that a receiver which we dial may have; empty when any will do that an authority
    /// vouches for.
    pub server_pins: Vec<SpkiPin>,
    /// Who may call. Empty: nobody.
    pub access: Vec<AccessEntry>,
    /// What is logged.
    pub log_level: LogFilter,
    /// How it is written.
    pub log_format: LogFormat,
    /// How long the end of the service may take: open calls and background work together.
    pub drain: Duration,
    /// How old a deletion is at least before it is forgotten; it stays while a task needs it.
    pub tombstone_age: Duration,
    origins: BTreeMap<&'static str, Origin>,
    entry_origins: Vec<Origin>,
}

impl Config {
    /// Reads all sources. Blocks on the file.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        let mut reader = Reader { collected: source::collect(sources) };
        let listen = reader.one("listen", Some(LISTEN_DEFAULT));
        let data = reader.path("data");
        let certificate = reader.path("tls.certificate");
        let key = reader.path("tls.key");
        let authorities = reader.paths("tls.authorities");
        let server_pins = reader.list("tls.server_pins");
        let log_level = reader.one("log.level", LOG_LEVEL_DEFAULT.parse().ok());
        let log_format = reader.one("log.format", Some(LogFormat::Text));
        let drain = reader.seconds("drain_seconds", DRAIN_SECONDS_DEFAULT, DRAIN_SECONDS_MAX);
        let tombstone_age =
            reader.seconds("tombstone_age_seconds", TOMBSTONE_AGE_DEFAULT, TOMBSTONE_AGE_MAX);
        let source::Collected { settings, entries, mut errors, .. } = reader.collected;
        let complete = || {
            let origins = settings.into_iter().map(|(key, setting)| (key, setting.origin));
            let (access, entry_origins) = entries.into_iter().unzip();
            Some(Self {
                listen: listen?,
                data: data?,
                tls: TlsFiles { certificate: certificate?, key: key?, authorities: authorities? },
                server_pins: server_pins?,
                access,
                log_level: log_level?,
                log_format: log_format?,
                drain: drain?,
                tombstone_age: tombstone_age?,
                origins: origins.collect(),
                entry_origins,
            })
        };
        if errors.is_empty()
            && let Some(config) = complete()
        {
            return Ok(config);
        }
        errors.sort_by_key(ConfigError::rank);
        Err(ConfigErrors(errors))
    }
}

/// Turns what the sources say into typed values, and notes every value that is none.
struct Reader {
    collected: source::Collected,
}

impl Reader {
    fn one<T: FromStr>(&mut self, key: &'static str, default: Option<T>) -> Option<T>
    where
        T::Err: Display,
    {
        let Some(setting) = self.setting(key) else {
            return self.unset(key, default);
        };
        match &setting.value {
            Value::One(text) => {
                let origin = setting.origin.clone();
                self.note(key, origin, parse(text))
            }
            Value::Many(_) => self.expected(key, setting.origin.clone(), "one value"),
        }
    }

    fn list<T: FromStr>(&mut self, key: &'static str) -> Option<Vec<T>>
    where
        T::Err: Display,
    {
        let Some(setting) = self.setting(key) else {
            return Some(Vec::new());
        };
        let Value::Many(texts) = &setting.value else {
            return self.expected(key, setting.origin.clone(), "a list");
        };
        let mut list = Vec::new();
        let mut good = true;
        for text in texts.clone() {
            match self.note(key, setting.origin.clone(), parse(&text)) {
                Some(value) => list.push(value),
                None => good = false,
            }
        }
        good.then_some(list)
    }

    fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let origin = self.setting(key).map(|setting| setting.origin.clone());
        let text: String = self.one(key, None)?;
        self.resolve(key, origin?, &text)
    }

    fn paths(&mut self, key: &'static str) -> Option<Vec<PathBuf>> {
        let Some(setting) = self.setting(key) else {
            return self.unset(key, None);
        };
        let origin = setting.origin.clone();
        let texts: Vec<String> = self.list(key)?;
        if texts.is_empty() {
            return self.expected(key, origin, "at least one file");
        }
        texts.iter().map(|text| self.resolve(key, origin.clone(), text)).collect()
    }

    fn resolve(&mut self, key: &'static str, origin: Origin, text: &str) -> Option<PathBuf> {
        if text.is_empty() {
            return self.expected(key, origin, "a path");
        }
        Some(origin.folder().join(text))
    }

    fn seconds(&mut self, key: &'static str, default: u64, max: u64) -> Option<Duration> {
        let origin = self.setting(key).map(|setting| setting.origin.clone());
        let seconds = self.one(key, Some(default))?;
        if seconds > max {
            let invalid = Err(format!("at most {max} seconds"));
            return self.note(key, origin?, invalid);
        }
        Some(Duration::from_secs(seconds))
    }

    fn setting(&self, key: &'static str) -> Option<Setting> {
        self.collected.settings.get(key).cloned()
    }

    fn unset<T>(&mut self, key: &'static str, default: Option<T>) -> Option<T> {
        let excused = self.collected.file_failed || self.collected.is_spoiled(key);
        if default.is_none() && !excused {
            self.error(key, Origin::Default, Problem::Missing);
        }
        default
    }

    fn expected<T>(
        &mut self,
        key: &'static str,
        origin: Origin,
        expected: &'static str,
    ) -> Option<T> {
        self.error(key, origin, Problem::Expected { expected });
        None
    }

    fn note<T>(
        &mut self,
        key: &'static str,
        origin: Origin,
        parsed: Result<T, String>,
    ) -> Option<T> {
        parsed.map_err(|reason| self.error(key, origin, Problem::Invalid { reason })).ok()
    }

    fn error(&mut self, key: &'static str, origin: Origin, problem: Problem) {
        self.collected.errors.push(ConfigError { key: key.to_owned(), origin, problem });
    }
}

/// The value that a text stands for; an error repeats the text.
fn parse<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

#[cfg(test)]
mod tests;
