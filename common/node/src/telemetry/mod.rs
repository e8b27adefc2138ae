//! Logs: one line an event, to stderr, as text or JSON.
//!
//! Owns the process's one tracing subscriber. Data goes to stdout and is not ours. Call it first,
//! once, from `main`.

use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::str::FromStr;

use thiserror::Error;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Which events are logged: a level, and levels for modules: `info,jackdaw_sender=debug,h2=off`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        let mut targets = Targets::new();
        let mut default = LevelFilter::OFF;
        for part in text.split(',') {
            // A bare word is a level here, never a module: "inof" is a mistake, not a module.
            let (module, level) = match part.split_once('=') {
                Some((module, level)) => (module.trim(), level.trim()),
                None => ("", part.trim()),
            };
            let level = level_of(level).ok_or_else(|| LogFilterError { part: part.to_owned() })?;
            if module.is_empty() {
                default = level;
            } else {
                targets = targets.with_target(module, level);
            }
        }
        Ok(Self { text: text.to_owned(), targets: targets.with_default(default) })
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A part of a filter is neither a level nor `module=level`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("part {part:?} is neither a level (off, error, warn, info, debug, trace) nor module=level")]
pub struct LogFilterError {
    /// The part.
    pub part: String,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(text: &str) -> Result<Self, LogFormatError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogFormatError),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// A text names no format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("neither \"text\" nor \"json\"")]
pub struct LogFormatError;

/// Begins logging, for the whole process. Fails when something else logs already.
pub fn init(filter: &LogFilter, format: LogFormat) -> Result<(), InitError> {
    let line = tracing_subscriber::fmt::layer().with_writer(stderr);
    let line = match format {
        LogFormat::Json => line.json().flatten_event(true).boxed(),
        LogFormat::Text if stderr().is_terminal() => line.boxed(),
        LogFormat::Text => line.with_ansi(false).boxed(),
    };
    let line = line.with_filter(filter.targets.clone());
    Ok(tracing_subscriber::registry().with(line).try_init()?)
}

/// Something else logs in this process already.
#[derive(Debug, Error)]
#[error("begin logging: {0}")]
pub struct InitError(#[from] TryInitError);

fn level_of(text: &str) -> Option<LevelFilter> {
    // `LevelFilter` itself also reads numbers and the empty text.
    match text.to_ascii_lowercase().as_str() {
        "off" => Some(LevelFilter::OFF),
        "error" => Some(LevelFilter::ERROR),
        "warn" => Some(LevelFilter::WARN),
        "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
