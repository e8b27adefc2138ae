//! Who may name what, inside the crates: the part of the layers that no manifest can say.

use crate::code::{code, first_segments, line_of, words};
use crate::tree::Tree;
use crate::violation::{Violation, assert_none, lines};

/// An engine is named in one folder (invariant I2).
fn engines(path: &str, source: &str) -> Vec<Violation> {
    if path.starts_with(ENGINE_FOLDER) {
        return Vec::new();
    }
    named(path, &code(source), &ENGINES, |engine| {
        format!("{engine} is named below {ENGINE_FOLDER} only: go through the engine trait")
    })
}

/// Generated types are named at the two doors only (invariant I2).
fn generated(path: &str, source: &str) -> Vec<Violation> {
    if DOORS.iter().any(|door| path.starts_with(door)) {
        return Vec::new();
    }
    first_segments(&code(source), "jackdaw_proto")
        .into_iter()
        .filter(|(_, module)| GENERATED.contains(&module.as_str()))
        .map(|(line, module)| {
            let message = format!(
                "jackdaw_proto::{module} is generated code: convert at a door \
                 (proto::convert), or list this adapter in DOORS"
            );
            Violation::at(path, line, message)
        })
        .collect()
}

/// The domain does no I/O, awaits nothing, reads no clock, draws no randomness (invariant I1).
fn purity(path: &str, source: &str) -> Vec<Violation> {
    if !path.starts_with(PURE_FOLDER) {
        return Vec::new();
    }
    let code = code(source);
    let mut found = named(path, &code, &IMPURE_WORDS, |word| {
        format!("`{word}` in the domain, which is pure: let a caller hand in what it gives")
    });
    let modules = first_segments(&code, "std").into_iter();
    found.extend(modules.filter(|(_, module)| IMPURE_MODULES.contains(&module.as_str())).map(
        |(line, module)| {
            let message = format!("std::{module} in the domain, which is pure: do it in a caller");
            Violation::at(path, line, message)
        },
    ));
    found
}

/// Entries of change vectors are minted by the store's writer only (invariant I3).
fn minting(path: &str, source: &str) -> Vec<Violation> {
    if MINTS.iter().any(|mint| path.starts_with(mint)) || path.contains("tests") {
        return Vec::new();
    }
    let code = code(source);
    words(&code, "raise")
        .filter(|&at| code[..at].ends_with('.') && code[at..].starts_with("raise("))
        .map(|at| {
            let message = "an entry is raised outside of the writer: merge what was received, and \
                           let the store mint";
            Violation::at(path, line_of(&code, at), message)
        })
        .collect()
}

/// Sender and receiver do not know each other (invariant I13).
fn strangers(path: &str, source: &str) -> Vec<Violation> {
    let other = if path.starts_with("sender/") {
        "jackdaw_receiver"
    } else if path.starts_with("receiver/") {
        "jackdaw_sender"
    } else {
        return Vec::new();
    };
    named(path, &code(source), &[other], |other| {
        format!("{other} is the other role: what both need belongs to jackdaw_node")
    })
}

fn named(
    path: &str,
    code: &str,
    refused: &[&str],
    message: impl Fn(&str) -> String,
) -> Vec<Violation> {
    refused
        .iter()
        .flat_map(|word| words(code, word).map(|at| (*word, line_of(code, at))))
        .map(|(word, line)| Violation::at(path, line, message(word)))
        .collect()
}

/// Where an engine may be named.
const ENGINE_FOLDER: &str = "common/store/src/engine/";
/// Crates that store bytes.
const ENGINES: [&str; 8] =
    ["fjall", "heed", "postgres", "redb", "rocksdb", "rusqlite", "sled", "tokio_postgres"];

/// The modules of `jackdaw_proto` that are generated, and a rename that would hide them.
const GENERATED: [&str; 5] = ["replication", "documents", "control", "google", "as"];

/// The thin adapters that may name generated types: service implementations, the ends of the
/// stream, clients. Below them stand domain types.
const DOORS: [&str; 9] = [
    "proto/src/",
    "common/node/src/documents/",
    "common/node/src/control/",
    "sender/src/outgoing/offer.rs",
    "sender/src/control/",
    "receiver/src/service.rs",
    "receiver/src/control/",
    "cli/src/",
    "tests/",
];

/// Where a change vector is made, and where an entry is minted.
const MINTS: [&str; 2] = ["common/src/change_vector/", "common/store/src/write/"];

/// Where nothing happens but deciding.
const PURE_FOLDER: &str = "common/src/";
/// What needs a runtime, a wire, a clock or luck.
const IMPURE_WORDS: [&str; 11] = [
    "tokio",
    "tonic",
    "prost",
    "rustls",
    "SystemTime",
    "Instant",
    "getrandom",
    "rand",
    "async",
    "await",
    "println",
];
/// Modules of the standard library that touch the world.
const IMPURE_MODULES: [&str; 6] = ["env", "fs", "io", "net", "process", "thread"];

fn every(rule: fn(&str, &str) -> Vec<Violation>) -> Vec<Violation> {
    let tree = Tree::open();
    tree.texts(".rs").into_iter().flat_map(|(path, source)| rule(path, &source)).collect()
}

#[test]
fn engines_are_named_in_one_folder() {
    assert_none("names of engines", &every(engines));
}

#[test]
fn generated_types_stay_at_the_doors() {
    assert_none("generated types", &every(generated));
}

#[test]
fn the_domain_is_pure() {
    assert_none("purity of the domain", &every(purity));
}

#[test]
fn only_the_writer_mints() {
    assert_none("minting", &every(minting));
}

#[test]
fn the_roles_do_not_know_each_other() {
    assert_none("the two roles", &every(strangers));
}

#[test]
fn an_engine_out_of_place_is_found() {
    let source = "//! fjall in a comment\nuse fjall::Keyspace;\nlet a = \"redb\";\n";
    assert_eq!(lines(&engines("common/store/src/read.rs", source)), [2]);
    assert_eq!(engines("common/store/src/engine/embedded.rs", source), []);
}

#[test]
fn a_generated_type_below_a_door_is_found() {
    let source = "use jackdaw_proto::{convert, wire::WireError};\n\
                  use jackdaw_proto::{\n    wire,\n    replication as pb,\n};\n\
                  fn a(_: jackdaw_proto::documents::Document) {}\nuse jackdaw_proto as p;\n";
    assert_eq!(lines(&generated("common/node/src/node.rs", source)), [4, 6, 7]);
    assert_eq!(generated("receiver/src/service.rs", source), []);
}

#[test]
fn an_impure_domain_is_found() {
    let source = "use std::{collections::BTreeMap, fs::File};\nuse std::time::Instant;\n\
                  async fn a() {}\n// tokio\nuse core::time::Duration;\n";
    let mut found = lines(&purity("common/src/apply/mod.rs", source));
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(purity("common/store/src/store.rs", source), []);
}

#[test]
fn an_entry_minted_elsewhere_is_found() {
    let source = "//! raise(\nfn raise() {}\nfn a() { b.vector.raise(entry); raise(); }\n";
    assert_eq!(lines(&minting("receiver/src/incoming/session.rs", source)), [3]);
    assert_eq!(minting("common/store/src/write/work.rs", source), []);
}

#[test]
fn a_role_that_knows_the_other_is_found() {
    let source = "//! head\nuse jackdaw_receiver::Receiver;\n";
    assert_eq!(lines(&strangers("sender/src/supervisor.rs", source)), [2]);
    assert_eq!(strangers("cli/src/serve.rs", source), []);
}
