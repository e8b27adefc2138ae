//! Writes of what a database keeps for itself and never sends.

use super::Store;
use crate::write::{Exchange, ExchangeError, Exchanged, Intent};

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
}
