//! Writes of what a database keeps for itself and never sends.

use jackdaw_common::IdentityName;

use super::Store;
use crate::{
    error::StoreError,
    write::{Exchange, ExchangeError, Exchanged, Intent, Numbering},
};

impl Store {
    /// Writes a compare-exchange item, or deletes it, if it is as expected; durable at return. Of
    /// several that expect the same one is carried out.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`]; nothing was written, unless the database failed for good.
    pub async fn exchange(&self, exchange: Exchange) -> Result<Exchanged, ExchangeError> {
        self.submit(|reply| Intent::Exchange(exchange, reply)).await
    }

    /// Takes the next number of an identity, or sets the last one; durable at return. Answers the
    /// number that was given out last: no other [`Numbering::Next`], and no put, is given it.
    ///
    /// # Errors
    ///
    /// The database cannot write; nothing was written, unless it failed for good.
    pub async fn number(
        &self,
        name: IdentityName,
        numbering: Numbering,
    ) -> Result<u64, StoreError> {
        self.submit(|reply| Intent::Number(name, numbering, reply)).await
    }
}
