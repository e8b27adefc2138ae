//! Planted bugs: each is what a plausible mistake would do, and each must be found.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    /// Some commits return before they are durable.
    NoSync,
    /// A cursor is written without the rows that it stands for.
    CursorAlone,
    /// A commit becomes visible in two halves.
    HalfCommits,
    /// An item that arrives gets two etags.
    NewEtag,
    /// A batch is acknowledged when it has arrived, not when it is durable.
    EarlyAck,
    /// The frontier is the source's vector at any point of the scan.
    EarlyFrontier,
    /// An item is left out of a batch, and nobody told.
    LostItem,
    /// A receiver does not say what became of an item.
    Miscounted,
    /// A sender takes a window that was not granted.
    WideWindow,
    /// A source believes that its destination is further than it is.
    FalseHeartbeat,
    /// What arrives is written again by the destination.
    PingPong,
    /// A disabled task does not hold deletions back.
    DisabledForgets,
    /// A session begins, and what tells it from the one before it is not written.
    SharedEpoch,
}

impl Planted {
    /// All of them, and the invariant that finds each.
    pub(crate) const ALL: [(Self, &'static str); 13] = [
        (Self::NoSync, "I4"),
        (Self::CursorAlone, "I5"),
        (Self::HalfCommits, "I8"),
        (Self::NewEtag, "I7"),
        (Self::EarlyAck, "I5"),
        (Self::EarlyFrontier, "I6"),
        (Self::LostItem, "I5"),
        (Self::Miscounted, "I11"),
        (Self::WideWindow, "I12"),
        (Self::FalseHeartbeat, "I5"),
        (Self::PingPong, "I10"),
        (Self::DisabledForgets, "I16"),
        (Self::SharedEpoch, "I15"),
    ];

    /// Whether a disk carries it out.
    pub(crate) fn is_on_disk(self) -> bool {
        matches!(
            self,
            Self::NoSync
                | Self::CursorAlone
                | Self::HalfCommits
                | Self::NewEtag
                | Self::SharedEpoch
        )
    }
}
