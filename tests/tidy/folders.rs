//! The shape of the tree: few entries in a folder, and at the top only what belongs there.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::Tree;
use crate::violation::{Violation, assert_none};

/// A folder that one cannot take in at a glance lacks a level. A module and the folder of its
/// children are one entry.
fn crowded<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Violation> {
    let mut entries: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        for (at, _) in path.match_indices('/') {
            let rest = &path[at + 1..];
            let entry = rest.split('/').next().unwrap_or(rest);
            let entry = entry.strip_suffix(".rs").unwrap_or(entry);
            entries.entry(&path[..at]).or_default().insert(entry);
        }
    }
    entries
        .into_iter()
        .filter(|(_, entries)| entries.len() > FOLDER_ENTRIES_MAX)
        .map(|(folder, entries)| {
            let message = format!(
                "{} entries, at most {FOLDER_ENTRIES_MAX}: group what belongs together",
                entries.len()
            );
            Violation::of(folder, message)
        })
        .collect()
}

/// What stands at the top is named in ARCHITECTURE.md, with its reason.
fn strangers<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Violation> {
    let entries: BTreeSet<&str> =
        paths.into_iter().map(|path| path.split('/').next().unwrap_or(path)).collect();
    entries
        .into_iter()
        .filter(|entry| !TOP_LEVEL.contains(entry))
        .map(|entry| {
            let remedy = "not an entry of the top level: move it, or give its reason in \
                          ARCHITECTURE.md and add it to TOP_LEVEL";
            Violation::of(entry, remedy)
        })
        .collect()
}

/// Entries of a folder, the root excepted.
const FOLDER_ENTRIES_MAX: usize = 14;

/// The entries of the root; `ARCHITECTURE.md`, "The top level", gives their reasons.
const TOP_LEVEL: [&str; 22] = [
    "Cargo.toml",
    "Cargo.lock",
    "proto",
    "common",
    "sender",
    "receiver",
    "cli",
    "tests",
    "docs",
    "deploy",
    "examples",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "LICENSE",
    ".ci",
    ".cargo",
    ".gitignore",
    "buf.yaml",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
];

#[test]
fn no_folder_is_crowded() {
    assert_none("entries of a folder", &crowded(Tree::open().paths()));
}

#[test]
fn the_top_level_holds_what_belongs_there() {
    assert_none("the top level", &strangers(Tree::open().paths()));
}

#[test]
fn a_crowded_folder_is_found() {
    let paths = |files: usize| -> Vec<String> {
        let children = ["a/c/d.rs", "a/b/0/e.rs"].map(str::to_owned);
        (0..files).map(|file| format!("a/b/{file}.rs")).chain(children).collect()
    };
    let found = |files| crowded(paths(files).iter().map(String::as_str));
    assert_eq!(found(FOLDER_ENTRIES_MAX), []);
    let folders: Vec<String> =
        found(FOLDER_ENTRIES_MAX + 1).into_iter().map(|violation| violation.path).collect();
    assert_eq!(folders, ["a/b"]);
}

#[test]
fn the_root_may_be_crowded() {
    let files: Vec<String> = (0..40).map(|file| format!("{file}.md")).collect();
    assert_eq!(crowded(files.iter().map(String::as_str)), []);
}

#[test]
fn a_stranger_at_the_top_is_found() {
    let found = strangers(["Cargo.toml", "scripts/a.sh", "common/src/lib.rs"]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "scripts");
}
