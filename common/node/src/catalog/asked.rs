//! Who asked for something, and for what: so that a call that is repeated changes nothing.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

/// A call that created something: kept with what it created, and known as long as that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A UUID, as text in its one form.
    id: String,
    /// xxh3-128 over what was asked for, in hexadecimal.
    digest: String,
}

impl Asked {
    /// The call of this request id, for what these bytes say.
    #[must_use]
    pub fn new(id: Uuid, what: &[u8]) -> Self {
        Self { id: id.to_string(), digest: format!("{:032x}", xxh3_128(what)) }
    }

    /// Whether `other` has the same request id.
    #[must_use]
    pub fn has_id_of(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
