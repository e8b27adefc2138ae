//! What a person or a program reads: data on standard output, messages on standard error.
//!
//! The only module that writes to either (progress bars excepted, which draw on standard error).
//! Nothing here is coloured, so `NO_COLOR` needs no care; what came from a service is printed
//! without its control characters, so it cannot drive a terminal.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::exit::Failure;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: columns.
    #[default]
    Table,
    /// For programs: one JSON value; commands that watch print one a line.
    Json,
    /// For both: one YAML document; commands that watch print one after the other.
    Yaml,
}

/// Something that is printed as a row of a table, as lines of its own, or as JSON.
pub(crate) trait Shown: Serialize {
    /// The headings of its columns.
    const COLUMNS: &'static [&'static str];

    /// Its cells, one a column.
    fn row(&self) -> Vec<String>;

    /// All that there is to tell, as names and values.
    fn fields(&self) -> Vec<(&'static str, String)>;
}

/// Where the output of one command goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// Output in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// The format.
    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// Prints one thing in full.
    pub(crate) fn one<T: Shown>(self, shown: &T) -> Result<(), Failure> {
        match self.format {
            Format::Json | Format::Yaml => self.value(shown),
            Format::Table => {
                let mut table = plain_table();
                for (name, value) in shown.fields() {
                    table.add_row([name, &*printable(&value)]);
                }
                self.text(trimmed(&table))
            }
        }
    }

    /// Prints several things, in columns or as a JSON array.
    pub(crate) fn many<T: Shown>(self, shown: &[T]) -> Result<(), Failure> {
        match self.format {
            Format::Json | Format::Yaml => self.value(&shown),
            Format::Table => {
                let mut table = plain_table();
                table.set_header(T::COLUMNS.iter().copied());
                for row in shown {
                    table.add_row(row.row().iter().map(|cell| printable(cell)));
                }
                self.text(trimmed(&table))
            }
        }
    }

    /// Prints one event of a stream: in columns of fixed width, as a line of JSON, or as a document
    /// of YAML.
    pub(crate) fn event<T: Shown>(self, shown: &T) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.line(&json_text(shown)?),
            Format::Yaml => self.line(&format!("---\n{}", yaml_text(shown)?)),
            Format::Table => self.line(&printable(&shown.row().join("  "))),
        }
    }

    /// Prints a value for programs: JSON with line breaks, or YAML where that is asked for.
    pub(crate) fn value<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        let text = match self.format {
            Format::Yaml => yaml_text(value)?,
            _ => serde_json::to_string_pretty(value).map_err(Failure::local)?,
        };
        self.text(text)
    }

    /// Prints the body of a document as it stands; on a terminal with a line end behind it.
    pub(crate) fn body(self, body: &[u8]) -> Result<(), Failure> {
        self.bytes(body)?;
        if io::stdout().is_terminal() && !body.ends_with(b"\n") {
            self.bytes(b"\n")
        } else {
            Ok(())
        }
    }

    /// Prints text as it stands, and a line end.
    pub(crate) fn text(self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.line(text.as_ref())
    }

    fn line(self, text: &str) -> Result<(), Failure> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes bytes to standard output.
    fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::output_closed()),
            Err(error) => Err(Failure::local(format!("write standard output: {error}"))),
        }
    }
}

/// Prints a message for people on standard error. One that cannot be printed is lost.
pub(crate) fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a question on standard error and leaves the cursor behind it.
pub(crate) fn prompt(text: impl fmt::Display) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{text}").and_then(|()| err.flush());
}

/// Text of others without control characters, line ends excepted: each becomes U+FFFD.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let bad = |character: char| character.is_control() && character != '\n';
    if text.contains(bad) { Cow::Owned(text.replace(bad, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 document`, `2 documents`, `2 entries`, `2 time series`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let number_text = grouped(number);
    match noun.strip_suffix('y') {
        _ if number == 1 || noun.ends_with("series") => format!("{number_text} {noun}"),
        Some(stem) => format!("{number_text} {stem}ies"),
        None => format!("{number_text} {noun}s"),
    }
}

fn json_text<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(Failure::local)
}

fn yaml_text<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    // By way of JSON, so that both say the same of everything.
    let value = serde_json::to_value(value).map_err(Failure::local)?;
    let text = serde_saphyr::to_string(&value).map_err(Failure::local)?;
    Ok(text.trim_end().to_owned())
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// The table without the blanks around its lines.
fn trimmed(table: &Table) -> String {
    let lines = table.to_string();
    let lines: Vec<&str> =
        lines.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n")
}
