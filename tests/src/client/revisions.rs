//! Revisions of documents.

use anyhow::Result;
use jackdaw_proto::documents::{
    ConfigureRevisionsRequest, EnforceRevisionsRequest, GetRevisionRequest, ListRevisionsRequest,
    Revision, RevisionsConfiguration, RevisionsRule,
};

use super::Client;

impl Client {
    /// Sets how revisions of all collections are kept; `None`: they are not.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn configure_revisions(
        &self,
        database: &str,
        rule: Option<RevisionsRule>,
    ) -> Result<()> {
        let configuration =
            RevisionsConfiguration { default_rule: rule, ..RevisionsConfiguration::default() };
        let request = ConfigureRevisionsRequest {
            database: database.into(),
            configuration: Some(configuration),
        };
        self.documents().configure_revisions(request).await?;
        Ok(())
    }

    /// Removes the revisions that are not kept any more; answers how many those were.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn enforce_revisions(&self, database: &str) -> Result<u64> {
        let request = EnforceRevisionsRequest { database: database.into() };
        let mut steps = self.documents().enforce_revisions(request).await?.into_inner();
        let mut removed = 0;
        while let Some(step) = steps.message().await? {
            removed = step.removed;
        }
        Ok(removed)
    }

    /// All revisions of a document, whole, the newest first. What depends on the database that is
    /// asked, the flags, is left out.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn revisions(&self, database: &str, document: &str) -> Result<Vec<Revision>> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListRevisionsRequest {
                database: database.into(),
                document_id: document.into(),
                page_size: 0,
                page_token,
            };
            let page = self.documents().list_revisions(request).await?.into_inner();
            for listed in page.revisions {
                let request = GetRevisionRequest {
                    database: database.into(),
                    document_id: document.into(),
                    change_vector: listed.change_vector,
                };
                let revision = self.documents().get_revision(request).await?.into_inner();
                all.push(Revision { flags: Vec::new(), ..revision });
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }
}
