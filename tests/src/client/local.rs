//! What a database keeps for itself: compare-exchange items and identities.

use anyhow::Result;
use bytes::Bytes;
use jackdaw_proto::documents::{
    CompareExchangeItem, Identity, ListCompareExchangeRequest, ListIdentitiesRequest,
    NextIdentityRequest, PutCompareExchangeRequest, SetIdentityRequest,
};

use super::Client;

impl Client {
    /// Puts a compare-exchange item, if it has the index that is expected; answers the new one.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn exchange(
        &self,
        database: &str,
        key: &str,
        value: &str,
        expected_index: u64,
    ) -> Result<u64> {
        let request = PutCompareExchangeRequest {
            database: database.into(),
            key: key.into(),
            value: Bytes::copy_from_slice(value.as_bytes()),
            expected_index,
        };
        Ok(self.documents().put_compare_exchange(request).await?.into_inner().index)
    }

    /// The compare-exchange items of a database, up to a thousand, by key.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn items(&self, database: &str) -> Result<Vec<CompareExchangeItem>> {
        let request = ListCompareExchangeRequest {
            database: database.into(),
            page_size: 1_000,
            ..ListCompareExchangeRequest::default()
        };
        Ok(self.documents().list_compare_exchange(request).await?.into_inner().items)
    }

    /// Takes the next number of an identity.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn next_identity(&self, database: &str, name: &str) -> Result<u64> {
        let request = NextIdentityRequest { database: database.into(), name: name.into() };
        Ok(self.documents().next_identity(request).await?.into_inner().value)
    }

    /// Sets the number of an identity, where that is higher; answers which it is then.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn set_identity(&self, database: &str, name: &str, value: u64) -> Result<u64> {
        let (database, name) = (database.into(), name.into());
        let request = SetIdentityRequest { database, name, value, force: false };
        Ok(self.documents().set_identity(request).await?.into_inner().value)
    }

    /// The identities of a database, up to a thousand, by name.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn identities(&self, database: &str) -> Result<Vec<Identity>> {
        let request = ListIdentitiesRequest {
            database: database.into(),
            page_size: 1_000,
            page_token: String::new(),
        };
        Ok(self.documents().list_identities(request).await?.into_inner().identities)
    }
}
