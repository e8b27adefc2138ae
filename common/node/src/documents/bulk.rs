//! A long list of transactions, several of them under way at once.
//!
//! They reach the writer in the order of their messages, and are answered in that order. The
//! first that fails ends the call; those behind it that are under way are carried out all the
//! same.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{
    Stream, StreamExt as _,
    future::{BoxFuture, FutureExt as _, ready},
};
use jackdaw_common::Etag;
use jackdaw_proto::{documents as wire, wire::WireError};
use jackdaw_store::{Command, Written};
use tonic::Status;

use super::{
    BULK_TRANSACTIONS_MAX,
    write::{self, Place, refusal::Asked},
};
use crate::{catalog::Database, control::door};

type Transaction = BoxFuture<'static, Result<Vec<Written>, WireError>>;

/// One bulk write.
pub(super) struct Bulk {
    database: Arc<Database>,
    /// What is under way, the oldest first. Each is in the writer's queue.
    waiting: VecDeque<Transaction>,
    /// Messages that were carried out.
    messages: u64,
    /// Commands that were carried out.
    commands: u64,
    last: Etag,
}

impl Bulk {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database, waiting: VecDeque::new(), messages: 0, commands: 0, last: Etag::ZERO }
    }

    /// Carries out `first` and what follows it, until the client ends its stream.
    pub(super) async fn run(
        mut self,
        first: wire::BulkWriteRequest,
        mut inbound: impl Stream<Item = Result<wire::BulkWriteRequest, Status>> + Unpin,
    ) -> Result<wire::BulkWriteResponse, Status> {
        let ending = self.database.ending();
        tokio::pin!(ending);
        self.begin(first).await?;
        let mut open = true;
        while open || !self.waiting.is_empty() {
            let room = open && self.waiting.len() < BULK_TRANSACTIONS_MAX;
            tokio::select! {
                biased;
                ending = &mut ending => {
                    return Err(self.at(door::ended(self.database.name(), ending)).into());
                }
                outcome = Self::oldest(&mut self.waiting) => self.settle(outcome)?,
                message = inbound.next(), if room => match message {
                    Some(message) => self.begin(message?).await?,
                    None => open = false,
                },
            }
        }
        Ok(wire::BulkWriteResponse { commands: self.commands, last_etag: self.last.get() })
    }

    /// Sends a message's transaction on its way. What is wrong with a message is said when all
    /// before it is done.
    async fn begin(&mut self, message: wire::BulkWriteRequest) -> Result<(), WireError> {
        let commands = match read(&self.database, message).await {
            Ok(commands) => commands,
            Err(error) => {
                while !self.waiting.is_empty() {
                    let outcome = Self::oldest(&mut self.waiting).await;
                    self.settle(outcome)?;
                }
                return Err(self.at(error));
            }
        };
        let transaction = if commands.is_empty() {
            ready(Ok(Vec::new())).boxed()
        } else {
            let asked = Asked::of(Place::List, &commands);
            // Before it is in the queue nothing that follows is read: else that could overtake it.
            match self.database.store().enqueue_transaction(commands).await {
                Ok(transaction) => transaction
                    .map(move |outcome| outcome.map_err(|error| asked.refusal(&error)))
                    .boxed(),
                Err(error) => ready(Err(asked.refusal(&error))).boxed(),
            }
        };
        self.waiting.push_back(transaction);
        Ok(())
    }

    /// The outcome of the oldest transaction; waits for ever when there is none. Cancel safe.
    async fn oldest(waiting: &mut VecDeque<Transaction>) -> Result<Vec<Written>, WireError> {
        let Some(oldest) = waiting.front_mut() else { return std::future::pending().await };
        let outcome = oldest.await;
        waiting.pop_front();
        outcome
    }

    fn settle(&mut self, outcome: Result<Vec<Written>, WireError>) -> Result<(), WireError> {
        let written = outcome.map_err(|error| self.at(error))?;
        self.messages += 1;
        self.commands += written.len() as u64;
        self.last = written.iter().map(|one| one.etag).fold(self.last, Etag::max);
        Ok(())
    }

    /// Says at which message an error ended the call.
    fn at(&self, error: WireError) -> WireError {
        error.with("message", self.messages).with("commands", self.commands)
    }
}

/// The commands of a message; none when it has none.
async fn read(
    database: &Database,
    message: wire::BulkWriteRequest,
) -> Result<Vec<Command>, WireError> {
    let name = database.name();
    if !message.database.is_empty() && message.database != name.as_str() {
        let text = format!("is another one than that of the first message, {name}");
        return Err(WireError::field("database", text));
    }
    if message.commands.is_empty() {
        return Ok(Vec::new());
    }
    write::commands(database.store(), message.commands).await
}
