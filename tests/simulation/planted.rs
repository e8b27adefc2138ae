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
    /// Of a commit that failed though the disk has it, a deletion is not there.
    LostTombstone,
    /// A database that was restored goes on under the incarnation it had.
    SameIncarnation,
    /// What a store writes after an opening belongs to the run that it wrote before.
    SameRun,
    /// A destination goes on where it was, though its source was restored.
    OldCursor,
    /// A source says that it has seen what only its destination has written.
    ReconcileClaims,
    /// A source does not name all that it has.
    ReconcileForgets,
    /// A batch is applied past one that was refused.
    PastRefused,
    /// A batch that is larger than the window waits for its own slot.
    WaitsForItself,
    /// An owner that was fenced offers the generation it had.
    KeepsGeneration,
    /// A session takes another task's place without asking whether that is alive.
    TakesOver,
    /// What documents have becomes visible after the documents.
    HalfParts,
    /// A counter that arrives is kept, and what leads to it is what it was.
    StaleCounter,
    /// What a document had, or a deletion of a span takes away, stays.
    PartsStay,
    /// Segments are left out of batches, and nobody told.
    LostSegment,
    /// So are deletions of counters.
    LostUncounting,
    /// What a counter is the sum of is added to what was sent before.
    CountedTwice,
    /// Segments arrive without what was deleted in them.
    LostDeadRange,
    /// A content is kept without its last byte.
    CutContent,
    /// A content that was kept is not durable.
    UnsyncedContent,
    /// Where a revision comes to hold a content that is there, that is not counted.
    Uncounted,
    /// A document becomes visible before its attachments.
    ContentLast,
    /// What says that revisions are gone is left out of batches, and nobody told.
    LostRemoval,
    /// What was kept of a document takes its place again.
    PastReturns,
    /// Revisions that are removed stay where they are.
    RemovedStays,
    /// What was kept is sent as if it were not.
    NotKept,
    /// A revision goes, and nothing says that it is removed.
    KeptIsLost,
    /// What a client attaches takes what has that name away, and is not attached.
    Unattached,
}

impl Planted {
    /// All of them, and the invariant that finds each.
    pub(crate) const ALL: [(Self, &'static str); 33] = [
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
        (Self::LostTombstone, "resurrection"),
        (Self::PastRefused, "I5"),
        (Self::WaitsForItself, "P2"),
        (Self::HalfParts, "I8"),
        (Self::StaleCounter, "I5"),
        (Self::PartsStay, "I8"),
        (Self::LostSegment, "I5"),
        (Self::LostUncounting, "I5"),
        (Self::CountedTwice, "I8"),
        (Self::LostDeadRange, "parts"),
        (Self::CutContent, "contents"),
        (Self::UnsyncedContent, "contents"),
        (Self::Uncounted, "contents"),
        (Self::ContentLast, "contents"),
        (Self::LostRemoval, "I5"),
        (Self::PastReturns, "revisions"),
        (Self::RemovedStays, "revisions"),
        (Self::NotKept, "I5"),
        (Self::KeptIsLost, "revisions"),
        (Self::Unattached, "contents"),
    ];

    /// Those that show themselves when disks are set back, and what finds each.
    pub(crate) const RESTORING: [(Self, &'static str); 5] = [
        (Self::SameIncarnation, "P2"),
        (Self::SameRun, "fork"),
        (Self::OldCursor, "P1"),
        (Self::ReconcileClaims, "reconcile"),
        (Self::ReconcileForgets, "reconcile"),
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
                | Self::HalfParts
                | Self::StaleCounter
                | Self::PartsStay
                | Self::Uncounted
                | Self::ContentLast
                | Self::PastReturns
                | Self::RemovedStays
                | Self::KeptIsLost
        )
    }

    /// Whether it shows itself in attachments only.
    pub(crate) fn is_of_contents(self) -> bool {
        matches!(
            self,
            Self::CutContent
                | Self::UnsyncedContent
                | Self::Uncounted
                | Self::ContentLast
                | Self::Unattached
        )
    }

    /// Whether it shows itself in revisions only.
    pub(crate) fn is_of_revisions(self) -> bool {
        matches!(
            self,
            Self::Uncounted
                | Self::LostRemoval
                | Self::PastReturns
                | Self::RemovedStays
                | Self::NotKept
                | Self::KeptIsLost
        )
    }

    /// Whether it shows itself in counters and series only.
    pub(crate) fn is_of_parts(self) -> bool {
        matches!(
            self,
            Self::LostItem
                | Self::LostSegment
                | Self::LostUncounting
                | Self::CountedTwice
                | Self::LostDeadRange
                | Self::HalfParts
                | Self::StaleCounter
                | Self::PartsStay
        )
    }

    /// Whether a wire carries it out, item by item.
    pub(crate) fn changes_items(self) -> bool {
        matches!(
            self,
            Self::LostItem
                | Self::LostSegment
                | Self::LostUncounting
                | Self::CountedTwice
                | Self::LostDeadRange
                | Self::LostRemoval
                | Self::NotKept
        )
    }
}
