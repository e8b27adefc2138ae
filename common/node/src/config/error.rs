//! Where a setting came from, and what may be wrong with it.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::source::{environment_name, flag_name};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable.
        name: String,
    },
    /// A flag on the command line.
    Flag {
        /// The flag with its dashes.
        name: &'static str,
    },
}

impl Origin {
    /// What relative paths of this origin are relative to; empty for the working directory.
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::File { path, .. } => path.parent().unwrap_or(Path::new("")),
            _ => Path::new(""),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => f.write_str(name),
            Self::Flag { name } => f.write_str(name),
        }
    }
}

/// Every mistake found in one [`Config::load`](super::Config::load), in the order of the sources.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key as in the file, `tls.certificate`; of an entry `access[2].thumbprint`, from 0. The
    /// name of a variable that is unknown or of a file that cannot be read; `this line` where the
    /// file is no TOML.
    pub key: String,
    /// Where it is.
    pub origin: Origin,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, origin, problem } = self;
        match origin {
            Origin::Default if matches!(problem, Problem::Missing) => {
                let (variable, flag) = (environment_name(key), flag_name(key));
                write!(f, "{key}: {problem}: set it in the file, as {variable} or with {flag}")
            }
            Origin::Default => write!(f, "{key}: {problem}"),
            Origin::Environment { name } if name == key => write!(f, "{key}: {problem}"),
            _ => write!(f, "{origin}: {key}: {problem}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// The order in which mistakes are told: the file from top to bottom, then the environment,
    /// the flags, and what is nowhere.
    pub(super) fn rank(&self) -> (u8, usize) {
        match (&self.problem, &self.origin) {
            (Problem::Unreadable { .. }, _) => (0, 0),
            (_, Origin::File { line, .. }) => (1, *line),
            (_, Origin::Environment { .. }) => (2, 0),
            (_, Origin::Flag { .. }) => (3, 0),
            (_, Origin::Default) => (4, 0),
        }
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// The system's words.
        reason: String,
    },
    /// The file is not TOML.
    #[error("not TOML: {reason}")]
    Syntax {
        /// The parser's words.
        reason: String,
    },
    /// There is no such key.
    #[error("unknown{}", suggest(.suggestion.as_deref()))]
    Unknown {
        /// A key that looks like it.
        suggestion: Option<String>,
    },
    /// It has no default and nobody set it.
    #[error("required")]
    Missing,
    /// It is of another kind.
    #[error("expected {expected}")]
    Expected {
        /// The kind.
        expected: &'static str,
    },
    /// It is of the kind, but means nothing.
    #[error("{reason}")]
    Invalid {
        /// Why.
        reason: String,
    },
    /// It cannot be set here, only in the file.
    #[error("is set in the file only")]
    FileOnly,
}

fn suggest(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}
