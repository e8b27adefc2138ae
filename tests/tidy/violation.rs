//! A broken rule, and how a test reports all of them at once.

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Relative to the workspace root, with `/`.
    pub(crate) path: String,
    /// From 1; 0 means the file or folder as a whole.
    pub(crate) line: usize,
    /// What is wrong and what to do about it.
    pub(crate) message: String,
}

impl Violation {
    /// A violation at a line.
    pub(crate) fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// A violation of a file or folder as a whole.
    pub(crate) fn of(path: &str, message: impl Into<String>) -> Self {
        Self::at(path, 0, message)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Fails with every violation on a line of its own.
pub(crate) fn assert_none(rule: &str, violations: &[Violation]) {
    let list: Vec<String> = violations.iter().map(|v| format!("  {v}")).collect();
    assert!(list.is_empty(), "{rule}: {} broken\n{}\n", list.len(), list.join("\n"));
}

/// The lines at which a rule fired, for tests on planted samples.
pub(crate) fn lines(violations: &[Violation]) -> Vec<usize> {
    violations.iter().map(|violation| violation.line).collect()
}

#[test]
fn a_violation_names_file_line_and_remedy() {
    let text = Violation::at("a/b.rs", 3, "too long; split it").to_string();
    assert_eq!(text, "a/b.rs:3: too long; split it");
    assert_eq!(Violation::of("a", "crowded").to_string(), "a: crowded");
}

#[test]
#[should_panic(expected = "a/b.rs:3: bad")]
fn a_violation_fails_the_test() {
    assert_none("rule", &[Violation::at("a/b.rs", 3, "bad")]);
}
