//! What documents have: attachments, counters, time series.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use jackdaw_proto::documents::{
    AppendTimeSeries, AppendTimeSeriesRequest, Attachment, AttachmentHeader, Counter,
    DeleteAttachmentRequest, DeleteCounter, DeleteCounterRequest, DeleteTimeSeriesRange,
    DeleteTimeSeriesRangeRequest, GetAttachmentRequest, GetTimeSeriesRangeRequest,
    IncrementCounter, IncrementCounterRequest, ListCountersRequest, PutAttachmentRequest,
    TimeSeriesEntry, Written,
};
use prost_types::Timestamp;

use super::Client;

/// An entry of a time series: when, in milliseconds since the Unix epoch; values; tag.
pub type Point = (i64, Vec<f64>, Option<String>);

impl Client {
    /// Attaches a content to a document, piece by piece.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn attach(
        &self,
        database: &str,
        document: &str,
        name: &str,
        content_type: &str,
        content: &[u8],
    ) -> Result<Written> {
        let header = AttachmentHeader {
            database: database.into(),
            document_id: document.into(),
            name: name.into(),
            content_type: content_type.into(),
            size: Some(content.len() as u64),
            ..AttachmentHeader::default()
        };
        let first = PutAttachmentRequest { header: Some(header), chunk: Bytes::new() };
        let pieces = content.chunks(PIECE_BYTES).map(|piece| PutAttachmentRequest {
            header: None,
            chunk: Bytes::copy_from_slice(piece),
        });
        let messages: Vec<_> = std::iter::once(first).chain(pieces).collect();
        let answer = self.documents().put_attachment(tokio_stream::iter(messages)).await?;
        answer.into_inner().written.context("nothing written")
    }

    /// Removes an attachment.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn detach(&self, database: &str, document: &str, name: &str) -> Result<()> {
        let request = DeleteAttachmentRequest {
            database: database.into(),
            document_id: document.into(),
            name: name.into(),
            expected_change_vector: None,
        };
        self.documents().delete_attachment(request).await?;
        Ok(())
    }

    /// An attachment, and its content.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn attachment(
        &self,
        database: &str,
        document: &str,
        name: &str,
    ) -> Result<(Attachment, Vec<u8>)> {
        let request = GetAttachmentRequest {
            database: database.into(),
            document_id: document.into(),
            name: name.into(),
            ..GetAttachmentRequest::default()
        };
        let mut pieces = self.documents().get_attachment(request).await?.into_inner();
        let (mut attachment, mut content) = (None, Vec::new());
        while let Some(piece) = pieces.message().await? {
            attachment = attachment.or(piece.attachment);
            content.extend_from_slice(&piece.chunk);
        }
        Ok((attachment.context("no attachment")?, content))
    }

    /// Adds to a counter; answers what it has come to, unless that is beyond 64 bits.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn increment(
        &self,
        database: &str,
        document: &str,
        name: &str,
        delta: i64,
    ) -> Result<Option<i64>> {
        let increment = IncrementCounter { document_id: document.into(), name: name.into(), delta };
        let request = IncrementCounterRequest {
            database: database.into(),
            increment_counter: Some(increment),
        };
        Ok(self.documents().increment_counter(request).await?.into_inner().value)
    }

    /// Deletes a counter.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn delete_counter(&self, database: &str, document: &str, name: &str) -> Result<()> {
        let delete = DeleteCounter { document_id: document.into(), name: name.into() };
        let request =
            DeleteCounterRequest { database: database.into(), delete_counter: Some(delete) };
        self.documents().delete_counter(request).await?;
        Ok(())
    }

    /// The counters of a document, up to a thousand, by name.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn counters(&self, database: &str, document: &str) -> Result<Vec<Counter>> {
        let request = ListCountersRequest {
            database: database.into(),
            document_id: document.into(),
            page_size: 1_000,
            page_token: String::new(),
        };
        Ok(self.documents().list_counters(request).await?.into_inner().counters)
    }

    /// Appends to a time series: times in milliseconds since the Unix epoch, values, tags.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn append(
        &self,
        database: &str,
        document: &str,
        name: &str,
        entries: &[Point],
    ) -> Result<Written> {
        let append = AppendTimeSeries {
            document_id: document.into(),
            name: name.into(),
            entries: entries.iter().map(entry).collect(),
        };
        let request =
            AppendTimeSeriesRequest { database: database.into(), append_time_series: Some(append) };
        let written = self.documents().append_time_series(request).await?.into_inner().written;
        written.context("nothing written")
    }

    /// Deletes the entries of a time series from one time to another, both included, in
    /// milliseconds since the Unix epoch; without both all of it.
    ///
    /// # Errors
    ///
    /// The service's.
    pub async fn delete_span(
        &self,
        database: &str,
        document: &str,
        name: &str,
        (from, to): (Option<i64>, Option<i64>),
    ) -> Result<()> {
        let delete = DeleteTimeSeriesRange {
            document_id: document.into(),
            name: name.into(),
            first: from.map(timestamp),
            last: to.map(timestamp),
        };
        let request = DeleteTimeSeriesRangeRequest {
            database: database.into(),
            delete_time_series_range: Some(delete),
        };
        self.documents().delete_time_series_range(request).await?;
        Ok(())
    }

    /// All that a time series shows.
    ///
    /// # Errors
    ///
    /// The service's status, untouched.
    pub async fn series(
        &self,
        database: &str,
        document: &str,
        name: &str,
    ) -> Result<Vec<Point>, tonic::Status> {
        let request = GetTimeSeriesRangeRequest {
            database: database.into(),
            document_id: document.into(),
            name: name.into(),
            ..GetTimeSeriesRangeRequest::default()
        };
        let mut parts = self.documents().get_time_series_range(request).await?.into_inner();
        let mut entries = Vec::new();
        while let Some(part) = parts.message().await? {
            entries.extend(part.entries.into_iter().map(point));
        }
        Ok(entries)
    }
}

fn entry((millis, values, tag): &Point) -> TimeSeriesEntry {
    TimeSeriesEntry { time: Some(timestamp(*millis)), values: values.clone(), tag: tag.clone() }
}

fn point(entry: TimeSeriesEntry) -> Point {
    let Timestamp { seconds, nanos } = entry.time.unwrap_or_default();
    (seconds * 1_000 + i64::from(nanos) / 1_000_000, entry.values, entry.tag)
}

fn timestamp(millis: i64) -> Timestamp {
    let nanos = millis.rem_euclid(1_000) * 1_000_000;
    Timestamp { seconds: millis.div_euclid(1_000), nanos: i32::try_from(nanos).unwrap_or_default() }
}

/// Bytes of a piece of a content.
const PIECE_BYTES: usize = 256 * 1024;
