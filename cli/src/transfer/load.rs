//! Lines into a database.

use std::collections::BTreeMap;
use std::pin::pin;

use jackdaw_proto::documents::{BulkWriteRequest, BulkWriteResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use super::attach::{self, Piece, attach};
use super::batches::{Attaching, Batch, Batches, Next};
use crate::connection::Service;
use crate::json_lines::{Kind, LineError, Numbered};
use crate::report::exit::Failure;
use crate::report::output::{counted, grouped};

/// What was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Lines written, durably, by kind.
    pub(crate) counts: BTreeMap<Kind, u64>,
    /// Records written: lines, but that a long time series has several.
    pub(super) records: u64,
    /// Greatest etag written; 0 when there was none.
    pub(crate) last_etag: u64,
    /// Lines that were left out, by kind.
    pub(crate) left_out: BTreeMap<Kind, u64>,
    /// The number of the last line up to which everything is written or left out.
    pub(super) last_line: u64,
}

/// Writes `lines` in their order into a database, in transactions of bounded size.
///
/// `read` hears of bytes of the input that were read and records that were sent. Fails at the
/// first line that is not valid and at the first that the service refuses; the error says how many
/// records were written before. `lines` runs on a thread of its own and may block.
pub(crate) async fn load<I>(
    service: &Service,
    database: &str,
    lines: I,
    mut read: impl FnMut(u64, u64),
) -> Result<Loaded, Failure>
where
    I: Iterator<Item = Result<Numbered, LineError>> + Send + 'static,
{
    let batches = Batches::new(lines);
    let (send, mut waiting) = mpsc::channel(BATCHES_WAITING);
    let reader = tokio::task::spawn_blocking(move || read_all(batches, &send));
    let mut loaded = Loaded::default();
    let mut sent = 0;
    let mut next = waiting.recv().await;
    while let Some(now) = next.take() {
        match now {
            Next::Attachment(attaching) => {
                sent += 1;
                let reading = |bytes| read(bytes, sent);
                let rest = &mut waiting;
                attach_lines(service, database, attaching, rest, &mut loaded, reading).await?;
            }
            Next::Batch(batch) if batch.commands.is_empty() => {
                let mut only_left_out = Sent::default();
                only_left_out.add(&batch);
                loaded.add(&only_left_out, &BulkWriteResponse::default());
            }
            Next::Batch(batch) => {
                let mut call = Call { service, database, sent: Sent::default(), behind: None };
                let answer = call
                    .run(batch, &mut waiting, |batch| {
                        sent += batch.commands.len() as u64;
                        read(batch.input_bytes, sent);
                    })
                    .await;
                let answer = answer.map_err(|error| error.into_failure(&loaded, &call.sent))?;
                loaded.add(&call.sent, &answer);
                next = call.behind;
            }
        }
        if next.is_none() {
            next = waiting.recv().await;
        }
    }
    match reader.await {
        Ok(None) => Ok(loaded),
        Ok(Some(stop)) => Err(stopped(&stop, &loaded)),
        Err(error) => Err(Failure::local(format!("read the input: {error}"))),
    }
}

/// Puts an attachment that a line has, or several of them. Where the input ends, or is not valid,
/// before the last one nothing is written, and whoever reads it knows why.
async fn attach_lines(
    service: &Service,
    database: &str,
    first: Attaching,
    rest: &mut mpsc::Receiver<Next>,
    loaded: &mut Loaded,
    mut reading: impl FnMut(u64),
) -> Result<(), Failure> {
    let Attaching { attachment, line, input_bytes } = first;
    reading(input_bytes);
    let (mut more, mut last_line) = (attachment.more, line);
    let header = attach::header(database, &attachment);
    let mut first = Some(attachment.content);
    let next = async || {
        if let Some(content) = first.take() {
            return Piece::Some(content);
        }
        if !more {
            return Piece::End;
        }
        // Lines that go on with it stand directly behind it, or the input is not valid.
        let Some(Next::Attachment(part)) = rest.recv().await else { return Piece::Cut };
        (more, last_line) = (part.attachment.more, part.line);
        reading(part.input_bytes);
        Piece::Some(part.attachment.content)
    };
    let written = attach(service, header, next).await.map_err(|failure| {
        let written = counted(loaded.records, "record");
        let failure = failure.while_doing(format!("line {line}"));
        failure.with_line(format_args!("  {written} before it are written"))
    })?;
    let Some(written) = written else { return Ok(()) };
    *loaded.counts.entry(Kind::Attachment).or_default() += 1;
    loaded.records += 1;
    loaded.last_etag = loaded.last_etag.max(written.etag);
    loaded.last_line = last_line;
    Ok(())
}

/// Batches that are read but not sent yet.
const BATCHES_WAITING: usize = 4;

/// Transactions of one call at most: its end says for certain what is written.
const CALL_BATCHES: usize = 64;

impl Loaded {
    fn add(&mut self, sent: &Sent, answer: &BulkWriteResponse) {
        self.records += answer.commands;
        self.last_etag = self.last_etag.max(answer.last_etag);
        self.last_line = sent.last_line;
        add_counts(&mut self.counts, &sent.counts);
        add_counts(&mut self.left_out, &sent.left_out);
    }
}

fn add_counts(all: &mut BTreeMap<Kind, u64>, more: &BTreeMap<Kind, u64>) {
    for (kind, count) in more {
        *all.entry(*kind).or_default() += count;
    }
}

/// Sends everything on; answers why reading stopped, unless it was at the end of the input.
fn read_all<I>(batches: Batches<I>, send: &mpsc::Sender<Next>) -> Option<LineError>
where
    I: Iterator<Item = Result<Numbered, LineError>>,
{
    for next in batches {
        match next {
            // Nobody takes any more once a call has failed.
            Ok(next) => send.blocking_send(next).ok()?,
            Err(stop) => return Some(stop),
        }
    }
    None
}

/// What one call has been given.
#[derive(Debug, Default)]
pub(super) struct Sent {
    records: u64,
    last_line: u64,
    counts: BTreeMap<Kind, u64>,
    left_out: BTreeMap<Kind, u64>,
    /// The lines of each request's records.
    requests: Vec<Vec<u64>>,
}

impl Sent {
    pub(super) fn add(&mut self, batch: &Batch) {
        self.records += batch.commands.len() as u64;
        if !batch.lines.is_empty() {
            self.requests.push(batch.lines.clone());
        }
        self.last_line = batch.last_line;
        add_counts(&mut self.counts, &batch.counts);
        add_counts(&mut self.left_out, &batch.left_out);
    }
}

/// One bulk write.
struct Call<'a> {
    service: &'a Service,
    database: &'a str,
    sent: Sent,
    /// What was read behind the call and is no part of it.
    behind: Option<Next>,
}

impl Call<'_> {
    /// Sends `first`, which has commands, and the batches after it, at most [`CALL_BATCHES`] and
    /// none behind an attachment, and waits for the answer.
    async fn run(
        &mut self,
        first: Batch,
        rest: &mut mpsc::Receiver<Next>,
        mut sending: impl FnMut(&Batch),
    ) -> Result<BulkWriteResponse, CallError> {
        let service = self.service;
        let mut client = service.documents();
        let (requests, stream) = mpsc::channel(1);
        let mut answer = pin!(client.bulk_write(ReceiverStream::new(stream)));
        let mut batch = first;
        for later in (0..CALL_BATCHES).rev() {
            sending(&batch);
            if let Some(request) = self.request(batch) {
                // The answer comes before its time only where the service gave the call up.
                tokio::select! {
                    answer = &mut answer => return self.checked(answer),
                    sent = service.in_time(requests.send(request)) => if sent?.is_err() { break },
                }
            }
            if later == 0 {
                break;
            }
            batch = tokio::select! {
                answer = &mut answer => return self.checked(answer),
                next = rest.recv() => match next {
                    Some(Next::Batch(next)) => next,
                    other => {
                        self.behind = other;
                        break;
                    }
                },
            };
        }
        drop(requests);
        self.checked(service.in_time(answer).await?)
    }

    /// The request for a batch; none for one that has no commands.
    fn request(&mut self, batch: Batch) -> Option<BulkWriteRequest> {
        self.sent.add(&batch);
        let commands = batch.commands;
        let database = self.database.to_owned();
        (!commands.is_empty()).then_some(BulkWriteRequest { database, commands })
    }

    fn checked(
        &self,
        answer: Result<Response<BulkWriteResponse>, Status>,
    ) -> Result<BulkWriteResponse, CallError> {
        let answer = answer.map_err(CallError::Refused)?.into_inner();
        if answer.commands != self.sent.records {
            let (done, sent) = (answer.commands, self.sent.records);
            let text = format!("the service says that it wrote {done} of {sent} records");
            return Err(CallError::Broken(Failure::no(text)));
        }
        Ok(answer)
    }
}

/// Why a bulk write did not end well.
#[derive(Debug)]
pub(super) enum CallError {
    /// The service said so, or the connection broke.
    Refused(Status),
    /// The service was silent for too long, or answered nonsense.
    Broken(Failure),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure)
    }
}

impl CallError {
    /// What to tell: at which line, and what is written.
    pub(super) fn into_failure(self, loaded: &Loaded, sent: &Sent) -> Failure {
        let place = match &self {
            Self::Refused(status) => Place::of(status),
            Self::Broken(_) => None,
        };
        let failure = match self {
            Self::Refused(status) => status.into(),
            Self::Broken(failure) => failure,
        };
        let lines = place.as_ref().and_then(|place| place.lines(sent));
        let (Some(place), Some(lines)) = (place, lines) else {
            let written = counted(loaded.records, "record");
            return failure.with_line(format_args!(
                "  {written} are written, up to line {}; of the {} after them, up to line {}, \
                 an unknown number is",
                loaded.last_line,
                grouped(sent.records),
                sent.last_line
            ));
        };
        let written = counted(loaded.records + place.commands, "record");
        let failure =
            failure.while_doing(lines).with_line(format_args!("  {written} before it are written"));
        if place.message + 1 < sent.requests.len() {
            return failure.with_line(
                "  some after it may be written too: up to three transactions were under way",
            );
        }
        failure
    }
}

/// Where a bulk write was refused, as the service says it.
#[derive(Debug)]
struct Place {
    /// The request, from 0.
    message: usize,
    /// The command within it, from 0, where it is one.
    command: Option<usize>,
    /// Commands of all requests before it: they are written.
    commands: u64,
}

impl Place {
    fn of(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        let number = |name: &str| info.metadata.get(name)?.parse::<u64>().ok();
        let field = info.metadata.get("field").and_then(|field| {
            field.strip_prefix("commands[")?.split_once(']')?.0.parse::<u64>().ok()
        });
        Some(Self {
            message: usize::try_from(number("message")?).ok()?,
            command: number("command").or(field).and_then(|it| usize::try_from(it).ok()),
            commands: number("commands")?,
        })
    }

    /// The line of the command, or the lines of the request where no command is to blame.
    fn lines(&self, sent: &Sent) -> Option<String> {
        let lines = sent.requests.get(self.message)?;
        Some(match self.command {
            Some(command) => format!("line {}", lines.get(command)?),
            None => format!("lines {} to {}", lines.first()?, lines.last()?),
        })
    }
}

fn stopped(stop: &LineError, loaded: &Loaded) -> Failure {
    let written = counted(loaded.records, "record");
    Failure::local(stop).with_line(format_args!(
        "  {written} before that line were written, nothing of it or after it"
    ))
}
