//! Who may depend on whom: every manifest against the table of ARCHITECTURE.md.

use crate::tree::Tree;
use crate::violation::{Violation, assert_none, lines};

/// One row of the table.
#[derive(Debug)]
struct Layer {
    /// The folder of its manifest.
    folder: &'static str,
    package: &'static str,
    /// Crates of this workspace that it may use, tests included.
    jackdaw: &'static [&'static str],
    foreign: Foreign,
}

/// Which crates from outside a layer may use.
#[derive(Debug)]
enum Foreign {
    /// These and no others, but for what its tests use.
    Only(&'static [&'static str]),
    /// Any but these.
    AnyBut(&'static [&'static [&'static str]]),
}

/// A dependency as a manifest names it.
#[derive(Debug, PartialEq, Eq)]
struct Dependency {
    line: usize,
    package: String,
    for_tests: bool,
}

/// What a manifest depends on against its row.
fn direction(layer: &Layer, path: &str, manifest: &str) -> Vec<Violation> {
    dependencies(manifest)
        .into_iter()
        .filter_map(|dependency| {
            let reason = refusal(layer, &dependency)?;
            let Layer { package, .. } = layer;
            let message = format!("{package} must not use {}: {reason}", dependency.package);
            Some(Violation::at(path, dependency.line, message))
        })
        .collect()
}

/// Why a layer may not have a dependency; nothing when it may.
fn refusal(layer: &Layer, dependency: &Dependency) -> Option<String> {
    let package = dependency.package.as_str();
    if package.starts_with("jackdaw-") {
        let allowed = layer.jackdaw;
        let list = if allowed.is_empty() { "no other".to_owned() } else { allowed.join(", ") };
        return (!allowed.contains(&package))
            .then(|| format!("of this workspace it may use {list}"));
    }
    match &layer.foreign {
        Foreign::Only(allowed) if !dependency.for_tests && !allowed.contains(&package) => {
            Some(format!("from outside it may use {}", allowed.join(", ")))
        }
        Foreign::AnyBut(refused) if refused.iter().any(|list| list.contains(&package)) => {
            Some("that is the business of another layer (ARCHITECTURE.md)".to_owned())
        }
        _ => None,
    }
}

/// The lints of the workspace hold in every crate.
fn lints(path: &str, manifest: &str) -> Vec<Violation> {
    let mut section = manifest.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
    if section.next().is_some_and(|line| line.replace(' ', "") == "workspace=true") {
        return Vec::new();
    }
    vec![Violation::of(
        path,
        "add `[lints]` with `workspace = true`: no crate has rules of its own",
    )]
}

/// The members of the workspace, as folders.
fn members(root_manifest: &str) -> Vec<String> {
    let list = root_manifest.split("members").nth(1).unwrap_or_default();
    let list = list.split('[').nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every dependency of a manifest, of every kind and for every target.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (at, line) in manifest.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let heading = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        let for_tests = section.contains("dev-dependencies");
        if let Some(heading) = heading {
            section = heading.replace(' ', "");
            // `[dependencies.name]`: the heading itself is the dependency.
            if let Some((kind, name)) = section.rsplit_once("dependencies.") {
                let for_tests = kind.ends_with("dev-");
                found.push(Dependency { line: at + 1, package: name.to_owned(), for_tests });
            }
        } else if section.ends_with("dependencies") && line.contains('=') {
            let package = renamed(line).unwrap_or_else(|| key(line));
            found.push(Dependency { line: at + 1, package, for_tests });
        }
    }
    found
}

/// The name before `=` or `.workspace`.
fn key(line: &str) -> String {
    line.split(['=', '.']).next().unwrap_or_default().trim().trim_matches('"').to_owned()
}

/// The value of `package = "…"` in an inline table.
fn renamed(line: &str) -> Option<String> {
    let value = line.split("package").nth(1)?.trim_start().strip_prefix('=')?;
    value.split('"').nth(1).map(str::to_owned)
}

/// What stores bytes on a disk or a server.
const ENGINES: &[&str] =
    &["fjall", "heed", "postgres", "redb", "rocksdb", "rusqlite", "sled", "tokio-postgres"];
/// What encrypts a connection.
const TLS: &[&str] = &["rustls", "tokio-rustls", "rcgen", "x509-parser"];
/// What puts calls on a wire.
const RPC: &[&str] = &["tonic", "tonic-prost", "tonic-types", "prost", "prost-types", "hyper"];

const COMMON: &str = "jackdaw-common";
const PROTO: &str = "jackdaw-proto";
const STORE: &str = "jackdaw-store";
const NODE: &str = "jackdaw-node";
const SENDER: &str = "jackdaw-sender";
const RECEIVER: &str = "jackdaw-receiver";

/// The table of ARCHITECTURE.md, "Who may use whom".
const LAYERS: [Layer; 8] = [
    Layer {
        folder: "common",
        package: COMMON,
        jackdaw: &[],
        foreign: Foreign::Only(&[
            "base64",
            "blake2",
            "blake2b_simd",
            "bytes",
            "thiserror",
            "uuid",
            "xxhash-rust",
        ]),
    },
    Layer {
        folder: "proto",
        package: PROTO,
        jackdaw: &[COMMON],
        foreign: Foreign::AnyBut(&[ENGINES, TLS]),
    },
    Layer {
        folder: "common/store",
        package: STORE,
        jackdaw: &[COMMON],
        foreign: Foreign::AnyBut(&[RPC, TLS]),
    },
    Layer {
        folder: "common/node",
        package: NODE,
        jackdaw: &[COMMON, STORE, PROTO],
        foreign: Foreign::AnyBut(&[ENGINES]),
    },
    Layer {
        folder: "sender",
        package: SENDER,
        jackdaw: &[COMMON, STORE, PROTO, NODE],
        foreign: Foreign::AnyBut(&[ENGINES, TLS]),
    },
    Layer {
        folder: "receiver",
        package: RECEIVER,
        jackdaw: &[COMMON, STORE, PROTO, NODE],
        foreign: Foreign::AnyBut(&[ENGINES, TLS]),
    },
    Layer {
        folder: "cli",
        package: "jackdaw-cli",
        jackdaw: &[COMMON, STORE, PROTO, NODE, SENDER, RECEIVER],
        foreign: Foreign::AnyBut(&[ENGINES]),
    },
    Layer {
        folder: "tests",
        package: "jackdaw-tests",
        jackdaw: &[COMMON, STORE, PROTO, NODE, SENDER, RECEIVER, "jackdaw-cli"],
        foreign: Foreign::AnyBut(&[ENGINES]),
    },
];

fn every(rule: impl Fn(&Layer, &str, &str) -> Vec<Violation>) -> Vec<Violation> {
    let tree = Tree::open();
    let check = |layer: &Layer| {
        let path = format!("{}/Cargo.toml", layer.folder);
        match tree.text(&path) {
            Some(manifest) => rule(layer, &path, &manifest),
            None => vec![Violation::of(&path, "in the table of layers, but not in the tree")],
        }
    };
    LAYERS.iter().flat_map(check).collect()
}

#[test]
fn dependencies_point_down() {
    assert_none("the direction of dependencies", &every(direction));
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    assert_none("lints", &every(|_, path, manifest| lints(path, manifest)));
}

#[test]
fn every_member_has_a_row_in_the_table() {
    let root = Tree::open().text("Cargo.toml").unwrap_or_default();
    let mut members = members(&root);
    members.sort();
    let mut rows: Vec<&str> = LAYERS.iter().map(|layer| layer.folder).collect();
    rows.sort_unstable();
    assert_eq!(members, rows, "members of the workspace, and rows of LAYERS in tests/tidy");
}

#[test]
fn every_row_names_the_package_of_its_folder() {
    let names = every(|layer, path, manifest| {
        let named = manifest.contains(&format!("name = \"{}\"", layer.package));
        let message = || vec![Violation::of(path, format!("is not {}", layer.package))];
        if named { Vec::new() } else { message() }
    });
    assert_none("names of packages", &names);
}

#[test]
fn a_dependency_that_points_up_is_found() {
    let sender = &LAYERS[4];
    let manifest = "[dependencies]\njackdaw-node.workspace = true\nfjall = \"3\"\n\
                    bytes.workspace = true\n\n[dev-dependencies]\n\
                    jackdaw-receiver.workspace = true\n\n[dependencies.rustls]\nversion = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nstore = { package = \"redb\" }";
    assert_eq!(lines(&direction(sender, "sender/Cargo.toml", manifest)), [3, 7, 9, 12]);
}

#[test]
fn common_may_use_what_is_listed_only() {
    let manifest = "[dependencies]\nbytes.workspace = true\ntokio.workspace = true\n\
                    jackdaw-proto.workspace = true\n[dev-dependencies]\nproptest.workspace = true\n\
                    [build-dependencies]\ncc = \"1\"\n";
    assert_eq!(lines(&direction(&LAYERS[0], "common/Cargo.toml", manifest)), [3, 4, 8]);
}

#[test]
fn a_crate_without_the_lints_is_found() {
    assert_eq!(lints("a/Cargo.toml", "[lints]\nworkspace = true\n"), []);
    assert_eq!(lints("a/Cargo.toml", "[package]\nname = \"a\"\n").len(), 1);
    assert_eq!(lints("a/Cargo.toml", "[lints.rust]\nworkspace = true\n").len(), 1);
}

#[test]
fn members_are_read() {
    assert_eq!(members("[workspace]\nmembers = [\"a\",\n \"b/c\"]\nx = [\"d\"]"), ["a", "b/c"]);
}
