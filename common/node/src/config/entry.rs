//! The entries of `access`: who may call, read from the file's tables.

use std::collections::BTreeMap;

use jackdaw_common::DatabaseName;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Origin, Problem};
use super::source::{Collected, TomlFile, nearest};
use crate::access::{AccessEntry, Clearance, Level};
use crate::tls::Thumbprint;

/// The fields of an entry.
const FIELDS: [&str; 4] = ["name", "thumbprint", "clearance", "databases"];
const CLEARANCES: [(&str, Clearance); 3] = [
    ("user", Clearance::User),
    ("operator", Clearance::Operator),
    ("cluster-admin", Clearance::ClusterAdmin),
];
const LEVELS: [(&str, Level); 3] =
    [("read", Level::Read), ("read-write", Level::ReadWrite), ("admin", Level::Admin)];

/// The word for a clearance in the file.
pub(super) fn clearance_word(clearance: Clearance) -> &'static str {
    word_of(&CLEARANCES, clearance)
}

/// The word for a level in the file.
pub(super) fn level_word(level: Level) -> &'static str {
    word_of(&LEVELS, level)
}

/// Reads the list of entries; mistakes of all entries are noted.
pub(super) fn read(
    file: &TomlFile<'_>,
    value: &DeValue<'_>,
    origin: Origin,
    collected: &mut Collected,
) {
    let expected = Problem::Expected { expected: "a list of tables, [[access]]" };
    let DeValue::Array(entries) = value else {
        collected.error("access", origin, expected);
        return;
    };
    for (at, entry) in entries.iter().enumerate() {
        let path = format!("access[{at}]");
        let origin = file.origin(entry.span().start);
        let DeValue::Table(table) = entry.get_ref() else {
            collected.error(path, origin, expected.clone());
            continue;
        };
        let mut reading = Reading { file, path, table, origin, collected };
        if let Some(entry) = reading.entry() {
            let origin = reading.origin;
            let twin = |(other, _): &&(AccessEntry, Origin)| other.thumbprint == entry.thumbprint;
            if let Some((_, first)) = collected.entries.iter().find(twin) {
                let reason = format!("the same certificate as in {first}");
                let key = format!("access[{at}].thumbprint");
                collected.error(key, origin, Problem::Invalid { reason });
                continue;
            }
            collected.entries.push((entry, origin));
        }
    }
}

/// One entry that is being read.
struct Reading<'a> {
    file: &'a TomlFile<'a>,
    path: String,
    table: &'a DeTable<'a>,
    origin: Origin,
    collected: &'a mut Collected,
}

impl Reading<'_> {
    fn entry(&mut self) -> Option<AccessEntry> {
        for field in self.table.keys() {
            if !FIELDS.contains(&field.get_ref().as_ref()) {
                let suggestion = nearest(field.get_ref(), FIELDS.into_iter());
                self.error(field.get_ref(), field.span().start, Problem::Unknown { suggestion });
            }
        }
        let name = self.text("name", |text| match text.trim() {
            "" => Err("empty: write whose certificate it is".to_owned()),
            name => Ok(name.to_owned()),
        });
        let thumbprint: Option<Thumbprint> =
            self.text("thumbprint", |text| text.parse().map_err(|e| format!("{e}")));
        let clearance = self.text("clearance", |text| word(&CLEARANCES, text));
        let databases = self.databases(clearance);
        Some(AccessEntry {
            thumbprint: thumbprint?,
            name: name?,
            clearance: clearance?,
            databases: databases?,
        })
    }

    fn text<T>(&mut self, field: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Some(value) = self.table.get(field) else {
            self.collected.error(
                format!("{}.{field}", self.path),
                self.origin.clone(),
                Problem::Missing,
            );
            return None;
        };
        self.value(field, value, parse)
    }

    fn value<T>(
        &mut self,
        field: &str,
        value: &Spanned<DeValue<'_>>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            self.error(field, at, Problem::Expected { expected: "a string" });
            return None;
        };
        parse(text).map_err(|reason| self.error(field, at, Problem::Invalid { reason })).ok()
    }

    fn databases(&mut self, clearance: Option<Clearance>) -> Option<BTreeMap<DatabaseName, Level>> {
        let Some(value) = self.table.get("databases") else {
            return Some(BTreeMap::new());
        };
        let at = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            let expected = "a table of database names and levels";
            self.error("databases", at, Problem::Expected { expected });
            return None;
        };
        if let Some(higher) = clearance.filter(|clearance| *clearance != Clearance::User) {
            let word = clearance_word(higher);
            let reason = format!("{word} reaches every database; only a user has this field");
            self.error("databases", at, Problem::Invalid { reason });
            return None;
        }
        let mut databases = BTreeMap::new();
        let mut good = true;
        for (name, level) in table {
            let field = format!("databases.{}", name.get_ref());
            let parsed: Result<DatabaseName, _> = name.get_ref().parse();
            let parsed = parsed.map_err(|error| {
                let reason = error.to_string();
                self.error(&field, name.span().start, Problem::Invalid { reason });
            });
            let level = self.value(&field, level, |text| word(&LEVELS, text));
            match (parsed, level) {
                (Ok(name), Some(level)) => {
                    databases.insert(name, level);
                }
                _ => good = false,
            }
        }
        good.then_some(databases)
    }

    fn error(&mut self, field: &str, at: usize, problem: Problem) {
        let key = format!("{}.{field}", self.path);
        self.collected.error(key, self.file.origin(at), problem);
    }
}

fn word<T: Copy>(words: &[(&'static str, T)], text: &str) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        format!("{text:?} is none of {}", all.join(", "))
    })
}

fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, of)| *of == value).map_or("", |(word, _)| word)
}
