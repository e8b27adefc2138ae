//! What a replication takes along, as it is shown.

use jackdaw_proto::control::replication_scope::Kind;
use serde::Serialize;

use crate::report::output::Shown;

/// One kind.
#[derive(Debug, Serialize)]
pub(crate) struct KindView {
    name: String,
    travels: bool,
    reason: String,
}

impl From<Kind> for KindView {
    fn from(kind: Kind) -> Self {
        let Kind { name, travels, reason } = kind;
        Self { name, travels, reason }
    }
}

impl Shown for KindView {
    const COLUMNS: &'static [&'static str] = &["KIND", "TRAVELS", "REASON"];

    fn row(&self) -> Vec<String> {
        let travels = if self.travels { "yes" } else { "no" };
        vec![self.name.clone(), travels.to_owned(), self.reason.clone()]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}
