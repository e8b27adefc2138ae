//! What a replication takes along and what it leaves where it is: one table, which services answer
//! with and ARCHITECTURE.md shows ("What travels"; a test compares the two).

/// A kind of thing that a database, or its service, has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Lower case with `_`; programs go by it, so it never changes.
    pub name: &'static str,
    /// Whether it is at the destination too.
    pub travels: bool,
    /// How it travels, or why it does not; a fragment for people.
    pub reason: &'static str,
}

/// All kinds, those that travel first.
pub const KINDS: &[Kind] = &[
    travels("documents", "every collection, metadata too, bodies byte for byte"),
    travels(
        "attachments",
        "with their documents: names, content types, contents byte for byte; a content crosses \
         once",
    ),
    travels("counters", "what each database has added; sums are the same on both ends"),
    travels("time_series", "entry by entry, with tags; deleted spans too"),
    travels(
        "revisions",
        "with their attachments, whatever is configured at the destination; one that is removed \
         is removed in every copy",
    ),
    travels("deletions", "as tombstones; what a document has goes with it"),
    stays("compare_exchange", "who won is decided in one database, and means nothing in another"),
    stays(
        "identities",
        "a database counts the ids that it generates; they carry its tag, so no other generates \
         the same",
    ),
    stays("revisions_configuration", "it says what this database keeps; another has its own"),
    stays("tasks", "they say what this service does; another has its own"),
    stays("connection_strings", "they say where this service sends; another has its own"),
    stays("certificates", "a service is known by its own, and its key never leaves it"),
    stays("access", "whom a service trusts is for its own configuration to say"),
    stays("conflict_resolvers", "there are none here: a client ends a conflict"),
    stays("indexes", "there are none here"),
    stays("subscriptions", "there are none here"),
    stays("etl_tasks", "there are none here"),
    stays("backup_tasks", "there are none here: a backup is made when somebody asks for it"),
    stays("hub_sink_tasks", "there are none here"),
];

const fn travels(name: &'static str, reason: &'static str) -> Kind {
    Kind { name, travels: true, reason }
}

const fn stays(name: &'static str, reason: &'static str) -> Kind {
    Kind { name, travels: false, reason }
}

#[cfg(test)]
mod tests;
