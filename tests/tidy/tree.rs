//! The files that the rules look at: what git tracks or would track, never what it ignores.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The work tree, listed once.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Lists the workspace that this test was built from.
    pub(crate) fn open() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().expect("the folder above tests/ is the workspace root");
        let listed = listed_by_git(&root).unwrap_or_else(|| walked(&root));
        let paths: BTreeSet<String> =
            listed.into_iter().filter(|path| root.join(path).is_file()).collect();
        assert!(paths.contains("Cargo.toml"), "no Cargo.toml among the files of {root:?}");
        Self { root, paths }
    }

    /// Every file, relative to the root, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// Every file whose name ends so, with its text.
    pub(crate) fn texts(&self, ending: &str) -> Vec<(&str, String)> {
        self.paths()
            .filter(|path| path.ends_with(ending))
            .filter_map(|path| Some((path, self.text(path)?)))
            .collect()
    }

    /// A file's text, or nothing when it is binary or gone.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.root.join(path)).ok()?;
        String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
    }

    /// Whether this names a file, or a folder with a file in it.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self.paths.iter().any(|file| file.starts_with(&folder))
    }
}

/// Tracked and untracked files, without the ignored ones; nothing where git does not answer.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Every file below the root, but for what is built and for git's own.
fn walked(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the work tree can be listed");
        for entry in entries {
            let path = entry.expect("an entry of the work tree can be read").path();
            let name = path.file_name().unwrap_or_default();
            if path.is_symlink() || name == "target" || name == ".git" {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

#[test]
fn the_tree_holds_this_file_and_nothing_built() {
    let tree = Tree::open();
    assert!(tree.exists("tests/tidy/tree.rs"));
    assert!(tree.exists("tests/tidy"));
    assert!(!tree.exists("tests/tidy/nothing.rs"));
    assert!(tree.paths().all(|path| !path.starts_with("target/")));
    assert!(tree.texts(".rs").iter().any(|(path, _)| *path == "tests/tidy/main.rs"));
}

#[test]
fn without_git_the_tree_is_the_same_for_source() {
    let tree = Tree::open();
    let walked: BTreeSet<String> = walked(&tree.root).into_iter().collect();
    let missing: Vec<&str> = tree.paths().filter(|path| !walked.contains(*path)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
