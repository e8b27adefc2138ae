//! What the calls that edit have in common: request ids, etags, update masks.

use jackdaw_proto::wire::{Reason, WireError};
use prost_types::FieldMask;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use crate::catalog::Asked;

/// Reads the request id of a call that asks for `what`; `None` where it has none.
///
/// # Errors
///
/// `FIELD_INVALID` for one that is no UUID.
pub fn asked(request_id: &str, what: &impl prost::Message) -> Result<Option<Asked>, WireError> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let id = Uuid::try_parse(request_id)
        .map_err(|error| WireError::field("request_id", format!("is no UUID: {error}")))?;
    Ok(Some(Asked::new(id, &what.encode_to_vec())))
}

/// Whether `before`, which created something, was the same call: false where it was another one.
///
/// # Errors
///
/// `REQUEST_ID_REUSED` where it had the same id, and asked for something else.
pub fn repeats(asked: Option<&Asked>, before: Option<&Asked>) -> Result<bool, WireError> {
    let (Some(asked), Some(before)) = (asked, before) else { return Ok(false) };
    if asked == before {
        return Ok(true);
    }
    if !asked.has_id_of(before) {
        return Ok(false);
    }
    let text = "an earlier call with this request id asked for something else";
    Err(WireError::new(Reason::RequestIdReused, text).violating("request_id", "was used before"))
}

/// The etag of what has these texts, in this order: changes with any of them.
#[must_use]
pub fn etag<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hasher = Xxh3::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    format!("{:016x}", hasher.digest())
}

/// What somebody expected is what is there.
///
/// # Errors
///
/// `ETAG_MISMATCH`.
pub fn check_etag(expected: &str, actual: &str, kind: &str, name: &str) -> Result<(), WireError> {
    if expected.is_empty() || expected == actual {
        return Ok(());
    }
    let text = format!("{name} has etag {actual}, not {expected}");
    Err(WireError::new(Reason::EtagMismatch, text)
        .with("expected", expected)
        .with("actual", actual)
        .about(kind, name))
}

/// Which fields an update is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(Option<Vec<String>>);

impl Mask {
    /// Reads a mask over fields that can be written; `others` are those of the resource that
    /// cannot, and are passed over (AIP-161).
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for paths that are no fields of the resource.
    pub fn read(
        mask: Option<FieldMask>,
        writable: &[&str],
        others: &[&str],
    ) -> Result<Self, WireError> {
        let Some(mask) = mask else { return Ok(Self(None)) };
        if mask.paths == ["*"] {
            return Ok(Self(Some(writable.iter().map(|path| (*path).to_owned()).collect())));
        }
        let known = |path: &str| writable.contains(&path) || others.contains(&path);
        if let Some(wrong) = mask.paths.iter().find(|path| !known(path)) {
            let list = writable.join(", ");
            let text = format!("{wrong:?} is no field that can be updated: those are {list}");
            return Err(WireError::field("update_mask", text));
        }
        Ok(Self(Some(mask.paths)))
    }

    /// Whether a field shall be as given, which is `populated` or empty.
    #[must_use]
    pub fn takes(&self, path: &str, populated: bool) -> bool {
        match &self.0 {
            None => populated,
            Some(paths) => paths.iter().any(|taken| taken == path),
        }
    }
}

#[cfg(test)]
mod tests;
