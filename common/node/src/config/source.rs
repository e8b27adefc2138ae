//! Collects settings from the file, the environment and the flags, the last one winning, each with
//! its origin; keys that nobody knows are mistakes.
//!
//! The only place that reads the process's environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::entry;
use super::error::{ConfigError, Origin, Problem};
use crate::access::AccessEntry;

/// What every variable of ours begins with.
const PREFIX: &str = "JACKDAW_";
/// The variable that names the file.
const FILE_VARIABLE: &str = "JACKDAW_CONFIG";
/// The key that is set in the file only: a list of tables.
const ACCESS: &str = "access";

/// How a key is written outside the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Many,
}

/// Every key but `access`, in the order of printing.
const KEYS: &[(&str, Kind)] = &[
    ("listen", Kind::One),
    ("data", Kind::One),
    ("tls.certificate", Kind::One),
    ("tls.key", Kind::One),
    ("tls.authorities", Kind::Many),
    ("tls.server_pins", Kind::Many),
    ("log.level", Kind::One),
    ("log.format", Kind::One),
    ("drain_seconds", Kind::One),
    ("tombstone_age_seconds", Kind::One),
];

/// Where the configuration of a process comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file named by a flag; without it `JACKDAW_CONFIG` may name one.
    pub file: Option<PathBuf>,
    /// The variables, as the process has them; others than `JACKDAW_…` are passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// Variables that begin with `JACKDAW_` and belong to another part of the program.
    pub foreign: Vec<&'static str>,
    /// The flags given, in their order.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// The environment of this process with a file and flags of its command line.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>, foreign: &[&'static str]) -> Self {
        let environment = std::env::vars_os().collect();
        Self { file, environment, foreign: foreign.to_vec(), flags }
    }
}

/// One flag given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The key that it sets, `tls.certificate`. Of a list, every flag adds one.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Its name with dashes, `--tls-certificate`.
    pub name: &'static str,
}

/// What all sources say.
#[derive(Default)]
pub(super) struct Collected {
    /// The winning value of each key that is set.
    pub(super) settings: BTreeMap<&'static str, Setting>,
    /// The entries of `access` with their origins.
    pub(super) entries: Vec<(AccessEntry, Origin)>,
    pub(super) errors: Vec<ConfigError>,
    /// Whether the file could not be used: then no key is called missing, it may stand there.
    pub(super) file_failed: bool,
}

#[derive(Clone)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

#[derive(Clone)]
pub(super) enum Value {
    One(String),
    Many(Vec<String>),
}

impl Collected {
    /// Whether a mistake about this key is known already.
    pub(super) fn is_spoiled(&self, key: &str) -> bool {
        self.errors.iter().any(|error| error.key == key)
    }

    pub(super) fn error(&mut self, key: impl Into<String>, origin: Origin, problem: Problem) {
        self.errors.push(ConfigError { key: key.into(), origin, problem });
    }

    fn set(&mut self, key: &'static str, value: Value, origin: Origin) {
        self.settings.insert(key, Setting { value, origin });
    }
}

pub(super) fn collect(sources: &Sources) -> Collected {
    let mut collected = Collected::default();
    let named = |(name, _): &&(OsString, OsString)| name == FILE_VARIABLE;
    let variable = || sources.environment.iter().find(named).map(|(_, path)| PathBuf::from(path));
    if let Some(path) = sources.file.clone().or_else(variable) {
        from_file(&path, &mut collected);
    }
    from_environment(sources, &mut collected);
    from_flags(&sources.flags, &mut collected);
    collected
}

/// The variable that sets a key.
pub(super) fn environment_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// The flag that sets a key.
pub(super) fn flag_name(key: &str) -> String {
    format!("--{}", key.replace(['.', '_'], "-"))
}

fn from_file(path: &Path, collected: &mut Collected) {
    let whole =
        |problem| ConfigError { key: path.display().to_string(), origin: Origin::Default, problem };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let reason = format!("read the configuration file: {error}");
            collected.errors.push(whole(Problem::Unreadable { reason }));
            collected.file_failed = true;
            return;
        }
    };
    let file = TomlFile { path, text: &text };
    let (table, errors) = DeTable::parse_recoverable(&text);
    collected.file_failed = !errors.is_empty();
    if errors.is_empty() {
        file.table("", table.get_ref(), collected);
    }
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let reason = error.message().to_owned();
        collected.error("this line", file.origin(at), Problem::Syntax { reason });
    }
}

/// A parsed file, for the origin of what stands in it.
pub(super) struct TomlFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl TomlFile<'_> {
    pub(super) fn origin(&self, at: usize) -> Origin {
        let before = self.text.bytes().take(at);
        let line = before.filter(|byte| *byte == b'\n').count().saturating_add(1);
        Origin::File { path: self.path.to_owned(), line }
    }

    fn table(&self, prefix: &str, table: &DeTable<'_>, collected: &mut Collected) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let origin = self.origin(name.span().start);
            let section = format!("{key}.");
            let known = KEYS.iter().find(|(known, _)| *known == key);
            match (known, value.get_ref()) {
                (Some((known, kind)), value) => match file_value(value, *kind) {
                    Ok(value) => collected.set(known, value, origin),
                    Err(expected) => collected.error(key, origin, Problem::Expected { expected }),
                },
                (None, DeValue::Table(inner)) if is_section(&section) => {
                    self.table(&section, inner, collected);
                }
                (None, _) if is_section(&section) => {
                    collected.error(key, origin, Problem::Expected { expected: "a table" });
                }
                (None, value) if key == ACCESS => entry::read(self, value, origin, collected),
                (None, _) => {
                    let known = KEYS.iter().map(|(known, _)| *known).chain([ACCESS]);
                    let suggestion = nearest(&key, known);
                    collected.error(key, origin, Problem::Unknown { suggestion });
                }
            }
        }
    }
}

fn is_section(section: &str) -> bool {
    KEYS.iter().any(|(key, _)| key.starts_with(section))
}

fn file_value(value: &DeValue<'_>, kind: Kind) -> Result<Value, &'static str> {
    match (kind, value) {
        (Kind::One, DeValue::String(text)) => Ok(Value::One(text.to_string())),
        (Kind::One, DeValue::Integer(number)) if number.radix() == 10 => {
            Ok(Value::One(number.as_str().to_owned()))
        }
        (Kind::One, _) => Err("a string or a decimal number"),
        (Kind::Many, DeValue::Array(items)) => {
            let text = |item: &DeValue<'_>| item.as_str().map(str::to_owned);
            let texts: Option<Vec<_>> = items.iter().map(|item| text(item.get_ref())).collect();
            texts.map(Value::Many).ok_or("a list of strings")
        }
        (Kind::Many, _) => Err("a list of strings"),
    }
}

fn from_environment(sources: &Sources, collected: &mut Collected) {
    for (name, value) in &sources.environment {
        let name = name.to_string_lossy().into_owned();
        let foreign = sources.foreign.contains(&name.as_str()) || name == FILE_VARIABLE;
        if !name.starts_with(PREFIX) || foreign {
            continue;
        }
        let origin = Origin::Environment { name: name.clone() };
        let Some((key, kind)) = KEYS.iter().find(|(key, _)| environment_name(key) == name) else {
            let problem = if name == environment_name(ACCESS) {
                Problem::FileOnly
            } else {
                Problem::Unknown { suggestion: nearest_variable(&name) }
            };
            collected.error(name, origin, problem);
            continue;
        };
        match value.to_str() {
            Some(value) => collected.set(key, outside_value(value, *kind), origin),
            None => {
                let reason = "not UTF-8".to_owned();
                collected.error(*key, origin, Problem::Invalid { reason });
            }
        }
    }
}

/// The known variable that looks most like this one, but for what they all begin with.
fn nearest_variable(name: &str) -> Option<String> {
    let names: Vec<_> = KEYS.iter().map(|(key, _)| environment_name(key)).collect();
    let rest = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let rests: Vec<_> = names.iter().map(|name| rest(name)).collect();
    let found = nearest(&rest(name), rests.iter().map(String::as_str))?;
    Some(format!("{PREFIX}{found}"))
}

/// A value as a variable has it; an empty one is an empty list.
fn outside_value(text: &str, kind: Kind) -> Value {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    match kind {
        Kind::One => Value::One(text.to_owned()),
        Kind::Many => Value::Many(parts.map(str::to_owned).collect()),
    }
}

fn from_flags(flags: &[Flag], collected: &mut Collected) {
    for Flag { key, value, name } in flags {
        let origin = Origin::Flag { name };
        let Some((key, kind)) = KEYS.iter().find(|(known, _)| known == key) else {
            collected.error(*key, origin, Problem::Unknown { suggestion: None });
            continue;
        };
        match collected.settings.get_mut(key) {
            Some(Setting { value: Value::Many(values), origin: Origin::Flag { .. } }) => {
                values.push(value.clone());
            }
            _ => {
                let value = match kind {
                    Kind::One => Value::One(value.clone()),
                    Kind::Many => Value::Many(vec![value.clone()]),
                };
                collected.set(key, value, origin);
            }
        }
    }
}

/// The known word that looks most like this one, if any does.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|other| (strsim::jaro_winkler(word, other), other))
        .filter(|(likeness, _)| *likeness >= 0.85)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, other)| other.to_owned())
}

#[cfg(test)]
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(key, _)| *key)
}
