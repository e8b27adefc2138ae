//! Change vectors as text, for clients.

use jackdaw_common::ChangeVector;

use crate::wire::Violations;

/// As it goes out.
#[must_use]
pub fn text(vector: &ChangeVector) -> String {
    vector.to_string()
}

/// What a write expects, as it comes in: absent, or a vector; empty is "must not exist".
///
/// `None` after adding a violation.
pub fn expected(
    path: impl Into<String>,
    text: Option<&str>,
    violations: &mut Violations,
) -> Option<Option<ChangeVector>> {
    let Some(text) = text else { return Some(None) };
    let vector =
        text.parse::<ChangeVector>().map_err(|error| error.to_string()).and_then(|vector| {
            match vector.check_bound() {
                Ok(()) => Ok(vector),
                Err(error) => Err(error.to_string()),
            }
        });
    violations.check(path, vector).map(Some)
}

#[cfg(test)]
mod tests;
