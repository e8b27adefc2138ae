//! Every reason an error may have: one table, from which the code of a status, the enum and the
//! published catalogue `docs/errors.md` come.
//!
//! A reason never changes its meaning. Clients must expect ones that they do not know.

use std::fmt;

use tonic::Code;

/// Makes the enum and its table of the rows.
macro_rules! reasons {
    ($($group:literal {
        $($name:ident = $text:literal, $code:ident, $meaning:literal, $remedy:literal;)+
    })+) => {
        /// Why a call was not carried out, or a session ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(
                #[doc = $meaning]
                $name,
            )+)+
        }

        impl Reason {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            fn row(self) -> Row {
                match self {
                    $($(Self::$name => Row {
                        group: $group,
                        text: $text,
                        code: Code::$code,
                        meaning: $meaning,
                        remedy: $remedy,
                    },)+)+
                }
            }
        }
    };
}

reasons! {
    "Requests" {
        FieldInvalid = "FIELD_INVALID", InvalidArgument,
            "A field of the request does not hold what it must; `BadRequest` names every such \
             field.",
            "Correct the fields that are named.";
        PageTokenInvalid = "PAGE_TOKEN_INVALID", InvalidArgument,
            "The page token is not one of this list with these arguments.",
            "Send the token with the arguments it was given for, or begin without a token.";
        RequestIdReused = "REQUEST_ID_REUSED", InvalidArgument,
            "The request id is that of an earlier call, which asked for something else.",
            "Make a new request id for each thing that is asked for.";
        EtagMismatch = "ETAG_MISMATCH", Aborted,
            "What is to be changed does not have the etag that the call expected.",
            "Read it again, and repeat the call with its etag.";
        ConcurrentChange = "CONCURRENT_CHANGE", Aborted,
            "Somebody else kept changing the same thing.",
            "Read it again, and repeat the call.";
        ClientStalled = "CLIENT_STALLED", Aborted,
            "The client took nothing of a stream for too long, so the stream was ended.",
            "Call again, and read what comes; a watch of changes goes on from the last etag seen, \
             a stream of documents or revisions behind the last document that came whole, in \
             `after_id`.";
        RequestMalformed = "REQUEST_MALFORMED", Internal,
            "What came as a request is no message of its type, or not framed as gRPC does; `cause` \
             says what is wrong.",
            "Generate the client of this version's `.proto` files; look at what is between the \
             two.";
        MessageTooLarge = "MESSAGE_TOO_LARGE", OutOfRange,
            "A message of a request is larger than the service takes; `bytes_max` says how large \
             it may be.",
            "Divide the request, or send what is large in a stream.";
        CompressionUnsupported = "COMPRESSION_UNSUPPORTED", Unimplemented,
            "The request is compressed in a way that the service does not take.",
            "Send it uncompressed; `grpc-accept-encoding` has what is taken.";
        ServiceNotFound = "SERVICE_NOT_FOUND", NotFound,
            "Health was asked for a service that this process does not have.",
            "Ask with the full name of a service, or with the empty name for the whole process.";
        DescriptorNotFound = "DESCRIPTOR_NOT_FOUND", NotFound,
            "Reflection was asked for a symbol, a file or an extension that it does not know.",
            "Check the name; reflection lists the services that there are.";
        Internal = "INTERNAL", Internal,
            "The service failed in a way that it does not expect.",
            "Look at the service's log, and report it.";
    }
    "Access" {
        CertificateRequired = "CERTIFICATE_REQUIRED", Unauthenticated,
            "The call came over a connection without a certificate.",
            "Call with a client certificate.";
        CertificateNotTrusted = "CERTIFICATE_NOT_TRUSTED", PermissionDenied,
            "The caller's certificate is not among those that the service trusts.",
            "Register the certificate with the thumbprint that is named, or call with another.";
        DatabaseAccessDenied = "DATABASE_ACCESS_DENIED", PermissionDenied,
            "The caller may not do this with the database, or there is no such database.",
            "Give the caller's certificate the access it needs, or check the database's name.";
        ClearanceInsufficient = "CLEARANCE_INSUFFICIENT", PermissionDenied,
            "The call needs a higher clearance than the caller has.",
            "Call with a certificate of the clearance that is named.";
        MethodUnknown = "METHOD_UNKNOWN", Unimplemented,
            "The service has no such method, or it belongs to a role that the service does not \
             have.",
            "Check whether it is a sender or a receiver that is called, and which version.";
    }
    "Databases" {
        DatabaseNotFound = "DATABASE_NOT_FOUND", NotFound,
            "There is no database of this name, or it was deleted during the call.",
            "Check the name, its casing too; `nearest` is the most similar one.";
        DatabaseAlreadyExists = "DATABASE_ALREADY_EXISTS", AlreadyExists,
            "There is a database of this name.",
            "Choose another name, or use the database there is.";
        DiskFull = "DISK_FULL", ResourceExhausted,
            "The disk has no space left for a write; reading goes on.",
            "Free space on the disk; the service needs no restart.";
        RowCorrupt = "ROW_CORRUPT", DataLoss,
            "A stored row does not read back as it was written.",
            "Check the disk, and restore the database from a copy.";
        StoreFailed = "STORE_FAILED", Internal,
            "The database's files can be written no more, for instance because an fsync failed.",
            "Look at the service's log, check the disk, then restart the service.";
        DatabaseMovedOrCopied = "DATABASE_MOVED_OR_COPIED", FailedPrecondition,
            "The folder of a database is not where it was made, so the service does not start: it \
             was moved, or it is a copy, and only a person knows which.",
            "If it was moved and nobody uses it where it was: `jackdaw database adopt --moved`. If \
             it is a copy, or was brought back from one: `jackdaw database restore`.";
        BackupInvalid = "BACKUP_INVALID", InvalidArgument,
            "What was to be restored is not a whole, undamaged backup of a database.",
            "Use another copy of the backup; `frame` says where this one is damaged.";
        IncarnationInUse = "INCARNATION_IN_USE", FailedPrecondition,
            "The incarnation writes: it is the database's own, or that of one it receives from.",
            "Retire only what is gone for good.";
        IncarnationUnknown = "INCARNATION_UNKNOWN", NotFound,
            "The database's change vector has no entry of this incarnation.",
            "Check the id: the 22 characters behind the \"-\" of an entry.";
        Draining = "DRAINING", Unavailable,
            "The service is shutting down.",
            "Repeat the call when it is back, or at another node.";
    }
    "Documents" {
        DocumentNotFound = "DOCUMENT_NOT_FOUND", NotFound,
            "There is no document of this id.",
            "Check the id.";
        DocumentConflict = "DOCUMENT_CONFLICT", Aborted,
            "Versions of the document stand side by side; the detail `DocumentConflict` has them.",
            "Put or delete the document: that ends the conflict.";
        ChangeVectorMismatch = "CHANGE_VECTOR_MISMATCH", Aborted,
            "The document does not have the change vector that the write expected.",
            "Read the document again, and repeat the write with its change vector.";
        DocumentTooLarge = "DOCUMENT_TOO_LARGE", ResourceExhausted,
            "The body of a document is larger than a body may be.",
            "Divide the document.";
        TransactionTooLarge = "TRANSACTION_TOO_LARGE", ResourceExhausted,
            "A transaction has more commands or bytes than a transaction may have, or would write \
             more rows; `what` says which, `most` how many may be.",
            "Divide the transaction; of rows, each part of a time series that is written is one.";
        AttachmentNotFound = "ATTACHMENT_NOT_FOUND", NotFound,
            "The document has no attachment of this name.",
            "Check the name.";
        ContentNotFound = "CONTENT_NOT_FOUND", NotFound,
            "The database has no content of this hash: nothing that is attached to a document or \
             a revision has it.",
            "Send the content itself.";
        AttachmentsTooMany = "ATTACHMENTS_TOO_MANY", ResourceExhausted,
            "A document has more attachments, or longer names of attachments, than it may have.",
            "Attach to several documents.";
        ContentMismatch = "CONTENT_MISMATCH", InvalidArgument,
            "The content that came is not of the size or hash that was declared.",
            "Send the content again; look at what is between the two.";
        ContentTooLarge = "CONTENT_TOO_LARGE", ResourceExhausted,
            "The content of an attachment is larger than one may be.",
            "Divide the content.";
        ContentCorrupt = "CONTENT_CORRUPT", DataLoss,
            "The content of an attachment does not read back as it was written.",
            "Check the disk, and put the attachment again, or restore the database from a copy.";
        CounterNotFound = "COUNTER_NOT_FOUND", NotFound,
            "The document has no counter of this name.",
            "Check the name.";
        CounterOverflow = "COUNTER_OVERFLOW", OutOfRange,
            "The value of a counter is beyond 64 bits, or an increment would lead it there, or \
             what this database has added; then nothing is written.",
            "Increment by less, or the other way; `ListCounters` has what each database has added.";
        TimeSeriesNotFound = "TIME_SERIES_NOT_FOUND", NotFound,
            "The document has no time series of this name: none with an entry.",
            "Check the name.";
        RevisionNotFound = "REVISION_NOT_FOUND", NotFound,
            "The document has no revision with this change vector.",
            "List its revisions; one may have been removed meanwhile.";
        RangeInvalid = "RANGE_INVALID", OutOfRange,
            "The range begins behind the end of the content.",
            "Begin at `size` or before.";
        EtagNotIssued = "ETAG_NOT_ISSUED", OutOfRange,
            "The etag to go on from was never given out by this database: it went back, or is \
             another one.",
            "Read the database anew.";
    }
    "Compare-exchange" {
        CompareExchangeNotFound = "COMPARE_EXCHANGE_NOT_FOUND", NotFound,
            "There is no compare-exchange item of this key.",
            "Check the key.";
        CompareExchangeMismatch = "COMPARE_EXCHANGE_MISMATCH", Aborted,
            "The item does not have the index that the write expected; `actual_index` is the one \
             it has, 0 where there is no item, and the detail `CompareExchangeMismatch` has it.",
            "Decide again with what is there, and repeat the write with its index.";
        CompareExchangeTooLarge = "COMPARE_EXCHANGE_TOO_LARGE", ResourceExhausted,
            "The value of a compare-exchange item is larger than one may be.",
            "Put it into a document, and the document's id into the item.";
    }
    "Connection strings and tasks" {
        ConnectionStringNotFound = "CONNECTION_STRING_NOT_FOUND", NotFound,
            "The database has no connection string of this name.",
            "Check the name; `nearest` is the most similar one.";
        ConnectionStringAlreadyExists = "CONNECTION_STRING_ALREADY_EXISTS", AlreadyExists,
            "The database has a connection string of this name.",
            "Choose another name, or delete the one there is.";
        ConnectionStringInUse = "CONNECTION_STRING_IN_USE", FailedPrecondition,
            "Tasks use the connection string; `tasks` names them.",
            "Delete the tasks first.";
        ExternalReplicationNotFound = "EXTERNAL_REPLICATION_NOT_FOUND", NotFound,
            "The database has no external replication task of this id.",
            "Check the id.";
        DisplayNameTaken = "DISPLAY_NAME_TAKEN", AlreadyExists,
            "Another task of the database has this display name.",
            "Choose another name, or leave it empty.";
    }
    "Connecting to a destination" {
        NameResolutionFailed = "NAME_RESOLUTION_FAILED", Unavailable,
            "The host name of a URL does not resolve to an address.",
            "Check the URL of the connection string, and the name service.";
        ConnectionRefused = "CONNECTION_REFUSED", Unavailable,
            "Nothing listens at the address.",
            "Check the port of the URL, and that the receiver runs.";
        ConnectTimeout = "CONNECT_TIMEOUT", Unavailable,
            "The address did not answer in time.",
            "Check the network, and firewalls on the way.";
        TlsHandshakeFailed = "TLS_HANDSHAKE_FAILED", Unavailable,
            "The TLS handshake failed.",
            "Check that a Jackdaw receiver listens there, and the certificates of both ends.";
        ServerCertificateNotTrusted = "SERVER_CERTIFICATE_NOT_TRUSTED", Unauthenticated,
            "The receiver's certificate is not of a trusted authority, not valid now, or not for \
             this host name.",
            "Check the receiver's certificate and the authorities that the sender trusts.";
        NetworkError = "NETWORK_ERROR", Unavailable,
            "The network failed while connecting.",
            "Check the network; the text says what failed.";
        ConnectionLost = "CONNECTION_LOST", Unavailable,
            "The connection broke.",
            "Nothing: it is tried again. If it goes on, check the network.";
    }
    "Replication" {
        ProtocolVersionUnsupported = "PROTOCOL_VERSION_UNSUPPORTED", FailedPrecondition,
            "Sender and receiver have no protocol version in common.",
            "Bring the older one up to date.";
        SelfReplication = "SELF_REPLICATION", FailedPrecondition,
            "Source and destination are the same database.",
            "Correct the connection string.";
        SourceForked = "SOURCE_FORKED", FailedPrecondition,
            "The source went back behind what the destination has received, or is a copy of the \
             database.",
            "Find out which of the two is the right one. If it is this source, stop its service, \
             declare it with `jackdaw database restore --forked-at ETAG` (`common_etag`, where it \
             is told, is the etag), and start it again.";
        SourceRestored = "SOURCE_RESTORED", FailedPrecondition,
            "The source was restored or copied, as was declared. It goes on behind the last etag \
             that is common; what the destination has above that stays there. A warning: nothing \
             has failed.",
            "See whether what only the destination has is still wanted.";
        IncarnationRetired = "INCARNATION_RETIRED", FailedPrecondition,
            "The source writes under an incarnation that was retired at the destination.",
            "If the source is to be used again, declare it restored: it then writes under another.";
        ChangeVectorTooLong = "CHANGE_VECTOR_TOO_LONG", FailedPrecondition,
            "Source and destination together know of more incarnations than a change vector holds.",
            "Retire the incarnations that are gone for good, at every database that has them.";
        AlreadyReplicated = "ALREADY_REPLICATED", FailedPrecondition,
            "Another task of the same source database sends to this database, and it is alive.",
            "Delete or disable one of the two tasks.";
        TaskFenced = "TASK_FENCED", Aborted,
            "A newer owner of the task was accepted before.",
            "Nothing: the newer owner goes on.";
        ItemKindUnsupported = "ITEM_KIND_UNSUPPORTED", FailedPrecondition,
            "The source has items of a kind that the receiver does not know.",
            "Bring the receiver up to date.";
        ItemTooLarge = "ITEM_TOO_LARGE", ResourceExhausted,
            "An item or a transaction is larger than the destination takes.",
            "Change the document that is named so that it fits.";
        FrameUnknown = "FRAME_UNKNOWN", InvalidArgument,
            "A frame of a kind came that this version does not know.",
            "Bring the older end up to date.";
        FrameOutOfOrder = "FRAME_OUT_OF_ORDER", InvalidArgument,
            "A frame came where it may not come.",
            "Report it: one of the ends breaks the protocol.";
        FrameInvalid = "FRAME_INVALID", InvalidArgument,
            "A frame does not hold what it must.",
            "Report it: one of the ends breaks the protocol.";
        BatchGap = "BATCH_GAP", Aborted,
            "A batch does not continue from what the destination has.",
            "Nothing: the session begins again where the destination is.";
        ChecksumMismatch = "CHECKSUM_MISMATCH", Aborted,
            "A batch did not arrive as it was sent.",
            "Nothing: it is sent again. If it goes on, check memory and network devices.";
        ApplyFailed = "APPLY_FAILED", FailedPrecondition,
            "The destination could not apply a batch, twice in a row.",
            "See the receiver's log; the text says which batch it is.";
        AttachmentMissing = "ATTACHMENT_MISSING", FailedPrecondition,
            "The destination misses the content of an attachment, though it was sent what it asked \
             for, twice in a row.",
            "See the receiver's log; put the attachment that is named again, or delete it.";
        FrontierForged = "FRONTIER_FORGED", InvalidArgument,
            "The source claims more of the destination's own changes than the destination has \
             made.",
            "Find out whether the destination went back, or whether the source can be trusted.";
        SessionSuperseded = "SESSION_SUPERSEDED", Aborted,
            "A newer session of the same source took over.",
            "Nothing: the newer session goes on.";
        ReconcileDue = "RECONCILE_DUE", Aborted,
            "The source was restored, and has received again now what it had sent before: it must \
             say what it holds, so that what was deleted meanwhile goes at the destination too.",
            "Nothing: the session begins anew.";
        PeerSilent = "PEER_SILENT", Unavailable,
            "The other end was silent for too long.",
            "Nothing: it is tried again. If it goes on, check the network and the other end.";
    }
}

struct Row {
    group: &'static str,
    text: &'static str,
    code: Code,
    meaning: &'static str,
    remedy: &'static str,
}

impl Reason {
    /// Its name, upper case with `_`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().text
    }

    /// The code of a status with this reason.
    #[must_use]
    pub fn code(self) -> Code {
        self.row().code
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        self.row().remedy
    }

    /// The reason of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The published catalogue, as Markdown: `docs/errors.md`.
#[must_use]
pub fn catalogue() -> String {
    let mut text = HEAD.to_owned();
    let mut group = "";
    for row in Reason::ALL.iter().map(|reason| reason.row()) {
        if row.group != group {
            group = row.group;
            text.push_str(&format!("\n## {group}\n\n| reason | code | meaning | what to do |\n"));
            text.push_str("|---|---|---|---|\n");
        }
        let code = code_name(row.code);
        let Row { text: name, meaning, remedy, .. } = row;
        text.push_str(&format!("| `{name}` | `{code}` | {meaning} | {remedy} |\n"));
    }
    text
}

/// The code's name as gRPC writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

const HEAD: &str = "\
# Errors

Every error of every call is a gRPC status with `google.rpc` details. Exactly one of them is an
`ErrorInfo` with domain `jackdaw`, whose `reason` is one of this page and whose `metadata` has
every variable of the text. As fits there are also `BadRequest` (wrong fields by path),
`ResourceInfo` (what it is about) and `RetryInfo` (when to try again). Long values are cut, so that
an error always fits into the headers a client takes. The same reasons stand in the status of a
replication task.

This page is generated from the table in `proto/src/wire/reason.rs`. Expect reasons that are not on
it: a newer service may have more.
";
