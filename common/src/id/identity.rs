//! What numbers are counted for.

use core::fmt;

use super::{DocumentId, DocumentIdError};

/// The name of an identity: what ids that end in "|" begin with, the "|" included.
///
/// Bounded and compared as the [`DocumentId`] that it is when a client writes it as one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityName(DocumentId);

impl IdentityName {
    /// Checks and takes a name; a "|" that is missing at its end is added.
    pub fn new(text: &str) -> Result<Self, DocumentIdError> {
        if text.is_empty() || text.ends_with('|') {
            return DocumentId::new(text).map(Self);
        }
        DocumentId::new(&format!("{text}|")).map(Self)
    }

    /// The name in lower case: what it is equal, ordered, hashed and stored by.
    pub fn key(&self) -> &str {
        self.0.key()
    }
}

impl fmt::Debug for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdentityName").field(&self.0.as_str()).finish()
    }
}
