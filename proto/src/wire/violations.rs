//! Fields of a request that are wrong, each by its path: all of them in one answer.

use std::fmt::Display;

use tonic_types::pb;

use super::{
    Reason, WireError,
    limit::{VIOLATION_BYTES_MAX, clip},
};

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for instance `commands[3].put.id`.
    pub path: String,
    /// What is wrong with it.
    pub text: String,
}

/// Something that must be otherwise before a call can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// What kind of thing it is, in upper case.
    pub kind: String,
    /// The resource that is in the way.
    pub subject: String,
    /// What it is, for people.
    pub text: String,
}

impl Precondition {
    pub(super) fn wire(&self) -> pb::precondition_failure::Violation {
        pb::precondition_failure::Violation {
            r#type: clip(&self.kind, VIOLATION_BYTES_MAX).into_owned(),
            subject: clip(&self.subject, VIOLATION_BYTES_MAX).into_owned(),
            description: clip(&self.text, VIOLATION_BYTES_MAX).into_owned(),
        }
    }
}

/// Collects the wrong fields of a request.
///
/// Those behind the first 1,024 are only counted: a request may have millions.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    named: Vec<Violation>,
    unnamed: usize,
}

/// Wrong fields that are held in memory: far more than an answer has room for.
const VIOLATIONS_MAX: usize = 1_024;

impl Violations {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub fn add(&mut self, path: impl Into<String>, text: impl Display) {
        if self.named.len() == VIOLATIONS_MAX {
            self.unnamed += 1;
            return;
        }
        self.named.push(Violation { path: path.into(), text: text.to_string() });
    }

    /// The value, or `None` after adding the field.
    pub fn check<T>(
        &mut self,
        path: impl Into<String>,
        value: Result<T, impl Display>,
    ) -> Option<T> {
        value.map_err(|error| self.add(path, error)).ok()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The error that names them all, when there is one.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` with all fields.
    pub fn finish(self) -> Result<(), WireError> {
        match WireError::fields(self.named, self.unnamed) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The value built of checked parts; `None` is a part that was wrong.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` with all fields.
    pub fn value<T>(self, value: Option<T>) -> Result<T, WireError> {
        self.finish()?;
        value.ok_or_else(|| WireError::new(Reason::FieldInvalid, "a field is wrong"))
    }
}

impl WireError {
    /// `FIELD_INVALID` about one field.
    #[must_use]
    pub fn field(path: impl Into<String>, text: impl Display) -> Self {
        let (path, text) = (path.into(), text.to_string());
        Self::new(Reason::FieldInvalid, format!("{path}: {text}"))
            .with("field", &path)
            .with("problem", &text)
            .violating(path, text)
    }

    /// `FIELD_INVALID` about these fields and so many more, if there are any.
    fn fields(violations: Vec<Violation>, unnamed: usize) -> Option<Self> {
        let mut violations = violations.into_iter();
        let first = violations.next()?;
        let mut error = Self::field(first.path, first.text);
        error.violations.extend(violations);
        let others = error.violations.len() - 1 + unnamed;
        if others > 0 {
            error.message = format!("{} (and {others} more)", error.message);
            error = error.with("others", others);
        }
        Some(error)
    }
}

/// The first of them, and how many more there are.
pub(super) fn wire(violations: &[Violation], most: usize) -> Vec<pb::bad_request::FieldViolation> {
    let one = |violation: &Violation| pb::bad_request::FieldViolation {
        field: clip(&violation.path, VIOLATION_BYTES_MAX).into_owned(),
        description: clip(&violation.text, VIOLATION_BYTES_MAX).into_owned(),
        ..Default::default()
    };
    violations.iter().take(most).map(one).collect()
}
