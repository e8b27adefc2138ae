//! How a command ends: the exit codes, and the error that carries one.
//!
//! The codes are an interface: scripts depend on them, `--help` lists them, a test pins them.

use std::fmt;
use std::process::ExitCode;

use jackdaw_proto::wire::RemoteError;
use tonic::{Code, Status};

use super::refusal;

/// The exit codes, for the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done; compare: equal
  1  done, and the answer is no: the databases differ, an export is not whole,
     a copy is not complete
  2  a mistake of usage or configuration
  3  no service could be reached, or it did not answer in time
  4  the service refused
  5  a file could not be read or written, or a line of it is not valid
  130 interrupted before all was done";

/// How a command ended. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done; for a comparison: equal.
    Done,
    /// All was done and the answer is no: different, not whole, not complete.
    No,
    /// What was typed or configured cannot be carried out.
    Usage,
    /// No service answered.
    Unreachable,
    /// A service answered with an error.
    Refused,
    /// A file here could not be read or written, or what it says is not valid.
    Local,
    /// Ctrl-C or SIGTERM before all was done.
    Interrupted,
    /// Who read standard output went away (`| head`): nothing is said about it.
    OutputClosed,
}

impl Exit {
    /// The code that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Local => 5,
            // What shells report for a command that SIGINT ended, and SIGPIPE.
            Self::Interrupted => 130,
            Self::OutputClosed => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command could not do what was asked: an exit code and a text for people.
///
/// The text may have several lines. It is printed after `error: ` and never shows a `Debug`.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    text: String,
    /// What a service answered.
    answer: Option<Box<RemoteError>>,
}

impl Failure {
    fn new(exit: Exit, text: impl fmt::Display) -> Self {
        Self { exit, text: text.to_string(), answer: None }
    }

    /// A mistake of usage or configuration.
    pub fn usage(text: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// A service could not be reached.
    pub fn unreachable(text: impl fmt::Display) -> Self {
        Self::new(Exit::Unreachable, text)
    }

    /// What a service has does not allow it.
    pub fn refused(text: impl fmt::Display) -> Self {
        Self::new(Exit::Refused, text)
    }

    /// A file could not be read or written, or is not valid.
    pub fn local(text: impl fmt::Display) -> Self {
        Self::new(Exit::Local, text)
    }

    /// Who read standard output went away.
    pub(crate) fn output_closed() -> Self {
        Self::new(Exit::OutputClosed, "nobody reads standard output")
    }

    /// What was to come about did not.
    pub fn no(text: impl fmt::Display) -> Self {
        Self::new(Exit::No, text)
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The reason that a service gave, one of `docs/errors.md`.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.answer.as_ref()?.reason.as_deref()
    }

    /// The field of a request that a service's answer is about, by its path.
    pub(crate) fn field(&self) -> Option<&str> {
        self.answer.as_ref()?.metadata.get("field").map(String::as_str)
    }

    /// The same failure with a line before its text that says what was being done.
    pub(crate) fn while_doing(self, what: impl fmt::Display) -> Self {
        Self { text: format!("{what}: {}", self.text), ..self }
    }

    /// The same failure with a line after its text.
    pub(crate) fn with_line(self, line: impl fmt::Display) -> Self {
        Self { text: format!("{}\n{line}", self.text), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl From<Status> for Failure {
    /// What a service answered is a refusal; a status that this side made because nobody answered
    /// is "unreachable". Only a service attaches details.
    fn from(status: Status) -> Self {
        let silent = status.details().is_empty()
            && matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Unknown);
        let exit = if silent { Exit::Unreachable } else { Exit::Refused };
        let answer = Box::new(RemoteError::from_status(&status));
        Self { exit, text: refusal::text(&status), answer: Some(answer) }
    }
}
