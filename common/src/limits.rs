//! Every maximum, named, with its reason.
//!
//! A queue or loop anywhere in Jackdaw is bounded by a constant of this page (invariant I12).

/// Bytes of a document id: RavenDB's bound, and small against an engine's key limit.
pub const DOCUMENT_ID_BYTES_MAX: usize = 512;

/// Bytes of a collection name: as a document id.
pub const COLLECTION_BYTES_MAX: usize = 512;

/// Characters of a database name: it is also the name of a folder in messages and scripts.
pub const DATABASE_NAME_CHARS_MAX: usize = 128;

/// Entries of a change vector: beyond it every comparison and every row pays; real deployments
/// have a handful. A session whose vectors would exceed it is refused.
pub const CHANGE_VECTOR_ENTRIES_MAX: usize = 256;

/// Entries of a change vector from which on whoever runs the databases is warned: three quarters.
pub const CHANGE_VECTOR_ENTRIES_WARN: usize = CHANGE_VECTOR_ENTRIES_MAX / 4 * 3;

/// Incarnations of a database that are remembered: each has an entry in change vectors.
pub const INCARNATIONS_MAX: usize = CHANGE_VECTOR_ENTRIES_MAX;

/// Runs of a database that are remembered: a destination that was away for more than so many
/// openings cannot tell any more whether the source is the one it knew.
pub const RUNS_MAX: usize = 1_024;

/// Longest time that one run goes on, milliseconds: within it a machine that was set back, memory
/// and all, is not told from what it was. Six hours: the log reaches back for most of a year.
pub const RUN_MILLIS_MAX: u64 = 6 * 60 * 60 * 1_000;

/// Keys that one frame of a full reconcile names; bounded by a frame's bytes too.
pub const PRESENT_KEYS_MAX: usize = 16_384;

/// Documents of its own that a destination looks at in one step of a full reconcile: it must not
/// hold the writer up.
pub const RECONCILE_ROWS_MAX: usize = 4_096;

/// Bytes from which on a frame of a backup is closed: a message's worth.
pub const BACKUP_FRAME_BYTES: usize = 256 * 1024;

/// Bytes of a backup that a restore commits together: an fsync costs little beside them.
pub const RESTORE_COMMIT_BYTES: usize = 8 * 1024 * 1024;

/// Rows that one step of a declared restore rewrites.
pub const REISSUE_ROWS_MAX: usize = 4_096;

/// Bytes of a document body as stored.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Levels of nesting in a JSON body: a parser's stack is finite.
pub const JSON_DEPTH_MAX: usize = 100;

/// Bytes of the name of an attachment: as a document id.
pub const ATTACHMENT_NAME_BYTES_MAX: usize = 512;

/// Bytes of the content type of an attachment: as its name.
pub const CONTENT_TYPE_BYTES_MAX: usize = 512;

/// Attachments of one document: their list is part of each of its versions.
pub const ATTACHMENTS_MAX: usize = 16_384;

/// Bytes of the list of a document's attachments, without their contents: for the same reason.
pub const ATTACHMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of the content of an attachment: what a disk may hold, and a length that lies is told by.
pub const BLOB_BYTES_MAX: u64 = 1 << 40;

/// Bytes of a content up to which it is kept in a row instead of a file of its own, which costs
/// two more fsyncs.
pub const BLOB_INLINE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one piece of a content, in a message and in memory.
pub const BLOB_CHUNK_BYTES: usize = 256 * 1024;

/// How long what has come of a content is kept after its session broke, seconds: a day. A
/// destination that was away for longer begins it anew.
pub const STAGED_SECONDS_MAX: u64 = 24 * 60 * 60;

/// Contents that the documents of one transaction may have attached: a batch offers all of its own
/// at once.
pub const TRANSACTION_BLOBS_MAX: usize = 65_536;

/// Bytes of little contents that a receiver holds in memory for one batch; the others wait on disk.
pub const BATCH_INLINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Contents that a session makes durable side by side: from four on the disk is the bound, and each
/// has a file open and a thread.
pub const BLOBS_KEPT_AT_ONCE_MAX: usize = 8;

/// Contents that a batch may refer to, at a receiver: a nearly full batch and one transaction, and
/// as much again for the same reason as [`BATCH_ITEMS_MAX`].
pub const BATCH_BLOBS_MAX: usize = 2 * (BATCH_BLOBS + TRANSACTION_BLOBS_MAX);

/// Contents after which a batch closes at the next transaction border.
pub const BATCH_BLOBS: usize = 4_096;

/// Bytes of contents after which a batch closes at the next transaction border: what is sent is
/// then soon applied, and need not be kept apart for long.
pub const BATCH_BLOB_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of the counters and time series, names and numbers, that are kept with a revision: they
/// are part of the version. Those beyond are left out, which the revision says.
pub const REVISION_PARTS_BYTES_MAX: usize = 256 * 1024;

/// Rows of counters and segments that are looked at for a revision: likewise, and it must not hold
/// up the writes behind it.
pub const REVISION_PARTS_ROWS_MAX: usize = 4_096;

/// Collections that have a rule of their own for revisions: each is looked for at every write.
pub const REVISIONS_RULES_MAX: usize = 1_024;

/// How far ahead of the database's time a revision that a client puts may have been written: clocks
/// of two hosts differ, and whatever is written to its document afterwards is listed behind it.
pub const REVISION_AHEAD_MICROS_MAX: i64 = 300_000_000;

/// Revisions of one document and one time beyond which clients put no others: each is compared with
/// all of them.
pub const REVISIONS_AT_ONCE_MAX: usize = 1_024;

/// Revisions of one document that one write removes, of those that its collection's rule no longer
/// keeps: it must not hold up the writes behind it. The next write, or an enforcement, goes on.
pub const REVISIONS_TRIMMED_MAX: usize = 256;

/// Revisions, and documents, that one step of an enforcement looks at: likewise.
pub const ENFORCE_ROWS_MAX: usize = 4_096;

/// Bytes of one encoded item on the stream: a body and everything around it.
pub const ITEM_BYTES_MAX: usize =
    DOCUMENT_BYTES_MAX + ATTACHMENTS_BYTES_MAX + REVISION_PARTS_BYTES_MAX + 64 * 1024;

/// Bytes of all bodies in one transaction: it is sent and applied whole, in memory.
pub const TRANSACTION_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Encoded bytes of one transaction, with ids and change vectors: what a receiver takes as one
/// batch must take it, so that what a client may write can always be sent.
pub const TRANSACTION_ENCODED_BYTES_MAX: usize = TRANSACTION_BYTES_MAX + TRANSACTION_BYTES_MAX / 4;

/// Commands in one transaction.
pub const TRANSACTION_COMMANDS_MAX: usize = 16_384;

/// Items after which a batch closes at the next transaction border.
pub const BATCH_ITEMS: usize = 16_384;

/// Bytes after which a batch closes at the next transaction border: large enough that one fsync
/// a batch costs little, small enough that a window of them fits the memory bound.
pub const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of one frame of the stream: with HTTP/2 frames of the same size the best of what was
/// measured. One larger item stands alone.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the name of a counter: as of an attachment.
pub const COUNTER_NAME_BYTES_MAX: usize = 512;

/// Intents that wait for one database's writer: senders of more wait before they are queued.
pub const WRITER_QUEUE_MAX: usize = 256;

/// Bytes of the intents that wait for one database's writer or are being written: the largest
/// transaction a client can ask for, or two windows of a session.
pub const WRITER_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes that one group commit takes together: more would only make its members wait.
pub const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Intents that one group commit takes together.
pub const GROUP_INTENTS_MAX: usize = 128;

/// Bytes of superseded rows that a database keeps for its tasks: beyond them the oldest history is
/// folded to the latest versions, so that a task which is away for long costs bounded space.
pub const HISTORY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Superseded rows that one commit collects: it must not hold up the writes it goes with.
pub const COLLECT_ROWS_MAX: usize = 4_096;

/// Deletions that one step of forgetting looks at: as above.
pub const FORGET_ROWS_MAX: usize = 4_096;

/// Documents that a session's beginning looks at, to see whether a destination that never received
/// from a source holds something of it: it holds the writer up. Beyond them it is taken to.
pub const NEW_COPY_ROWS_MAX: usize = 65_536;

/// Tasks of one source whose generations a destination remembers: a source has few to one
/// destination; the one heard of longest ago gives way.
pub const CURSOR_TASKS_MAX: usize = 16;

/// Bytes of encoded items one session may have in flight towards a receiver.
pub const WINDOW_BYTES: u64 = 32 * 1024 * 1024;

/// Batches one session may have in flight towards a receiver.
pub const WINDOW_BATCHES: u32 = 4;

/// Rows that are looked at for one batch: where nearly all of them are left out, progress is told
/// all the same.
pub const PACK_ROWS_MAX: usize = 65_536;

/// Rewinds in a row, without an ack between them, after which a session ends: what failed twice
/// needs somebody to look at it.
pub const REWINDS_MAX: u32 = 2;

/// Time in which commits gather before a receiver tells of them, milliseconds.
pub const TELL_MILLIS: u64 = 50;

/// Time within which a session answers whether it is alive, milliseconds.
pub const PROBE_MILLIS_MAX: u64 = 3_000;

/// What is asked of a session from outside and waits for its turn.
pub const PRESENCE_QUEUE_MAX: usize = 8;

/// Frames between a session and its connection, each at most [`FRAME_BYTES_MAX`] or one item.
pub const FRAMES_QUEUED_MAX: usize = 4;

/// Bytes of a batch that a receiver takes: one that is nearly full and a transaction as large, or a
/// larger transaction, which goes alone.
pub const BATCH_BYTES_MAX: usize = TRANSACTION_ENCODED_BYTES_MAX;

/// Bytes of batches that are not durable yet, over all sessions of a receiver: two windows. One
/// batch more may be on its way to be whole.
pub const RECEIVED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of a segment that arrives: one time with very many values at most, since larger ones are
/// cut. In memory it takes some hundred times as much.
pub const SEGMENT_RECEIVED_BYTES_MAX: usize = 256 * 1024;

/// Rows that one transaction writes: a batch that is full twice. A command writes one, or as many
/// as a time series has segments.
pub const TRANSACTION_ROWS_MAX: usize = 2 * BATCH_ITEMS;

/// Items of a batch that a receiver takes: likewise, twice, since a transaction of a middle node
/// may be a whole batch of the node before. Decoded they take many times the bytes of the smallest.
pub const BATCH_ITEMS_MAX: usize = 4 * BATCH_ITEMS;

/// Time between heartbeats of an end that has nothing else to send, milliseconds.
pub const HEARTBEAT_MILLIS: u64 = 8_000;

/// Time without any frame after which an end gives its peer up, milliseconds: three heartbeats.
pub const SILENCE_MILLIS_MAX: u64 = 25_000;

/// First wait before a failed session is tried again, milliseconds; doubled each time.
pub const BACKOFF_MILLIS_MIN: u64 = 250;

/// Longest wait before a failed session is tried again, milliseconds.
pub const BACKOFF_MILLIS_MAX: u64 = 60_000;

/// Bytes of the name of a time series: half a document's id, beside which it stands in a key.
pub const SERIES_NAME_BYTES_MAX: usize = 256;

/// Values of one entry of a time series: RavenDB's bound.
pub const SERIES_VALUES_MAX: usize = 32;

/// Bytes of the tag of an entry of a time series: RavenDB's bound.
pub const SERIES_TAG_BYTES_MAX: usize = 255;

/// Bytes of a segment of a time series, encoded, above which it is cut: RavenDB's bound. One time
/// with many siblings may have more. A write and a copy rewrite a segment whole, so it is small;
/// each has a key and a vector, so it is not smaller.
pub const SEGMENT_BYTES_MAX: usize = 2_048;

/// Entries that a client appends to a time series in one command: as commands of a transaction.
pub const APPEND_ENTRIES_MAX: usize = 16_384;

/// Greatest number that an identity is set to: RavenDB's bound. As many again are left to count on
/// from it.
pub const IDENTITY_MAX: u64 = u64::MAX >> 1;

/// Bytes of the key of a compare-exchange item: RavenDB's bound, and that of a document's id.
pub const COMPARE_EXCHANGE_KEY_BYTES_MAX: usize = 512;

/// Bytes of the value of a compare-exchange item: it says who holds a name or a lock, and is no
/// document. A page of a list has room for the largest.
pub const COMPARE_EXCHANGE_BYTES_MAX: usize = 1024 * 1024;
