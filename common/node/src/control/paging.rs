//! Pages of lists: how large, and from where on.
//!
//! A token carries the arguments it was given for, and is good for these only. To callers it is
//! opaque; it holds nothing that they have not sent or been answered.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackdaw_proto::wire::{Reason, WireError};

/// Entries of a page when none is asked for.
pub const PAGE_ENTRIES: usize = 100;

/// Entries of a page at most: a page is held in memory whole.
pub const PAGE_ENTRIES_MAX: usize = 1_000;

/// Which list: its kind and every argument that decides what is on it.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a>(pub &'a [&'a str]);

/// A page that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Entries, 1 to [`PAGE_ENTRIES_MAX`].
    pub entries: usize,
    /// The key of the last entry of the page before.
    pub after: Option<String>,
}

impl Scope<'_> {
    /// Reads which page is asked for.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a negative size, `PAGE_TOKEN_INVALID` for a token that is not one of
    /// this list.
    pub fn page(&self, size: i32, token: &str) -> Result<Page, WireError> {
        let size =
            usize::try_from(size).map_err(|_| WireError::field("page_size", "is negative"))?;
        let entries = if size == 0 { PAGE_ENTRIES } else { size.min(PAGE_ENTRIES_MAX) };
        if token.is_empty() {
            return Ok(Page { entries, after: None });
        }
        let after = self.read(token).ok_or_else(|| {
            WireError::new(
                Reason::PageTokenInvalid,
                "page_token is none of this list with these arguments",
            )
            .violating("page_token", "is none of this list with these arguments")
        })?;
        Ok(Page { entries, after: Some(after) })
    }

    /// The token of the page behind the entry with this key.
    #[must_use]
    pub fn token(&self, after: &str) -> String {
        let parts: Vec<&str> = [VERSION].iter().chain(self.0).chain([&after]).copied().collect();
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&parts).unwrap_or_default())
    }

    fn read(&self, token: &str) -> Option<String> {
        let mut parts: Vec<String> =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let after = parts.pop()?;
        let expected = [VERSION].iter().chain(self.0);
        parts.iter().map(String::as_str).eq(expected.copied()).then_some(after)
    }
}

/// Of the tokens' form: a token of another version is none.
const VERSION: &str = "1";
