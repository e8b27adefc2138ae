//! Identities, as they are shown.

use jackdaw_proto::documents::Identity;
use serde::Serialize;

use crate::report::output::Shown;

/// One identity.
#[derive(Debug, Serialize)]
pub(crate) struct IdentityView {
    name: String,
    value: u64,
}

impl From<Identity> for IdentityView {
    fn from(identity: Identity) -> Self {
        let Identity { name, value } = identity;
        Self { name, value }
    }
}

impl Shown for IdentityView {
    const COLUMNS: &'static [&'static str] = &["NAME", "VALUE"];

    fn row(&self) -> Vec<String> {
        vec![self.name.clone(), self.value.to_string()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.name.clone()), ("value", self.value.to_string())]
    }
}
