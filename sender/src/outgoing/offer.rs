//! Dials a receiver and shakes hands with it.
//!
//! Answers a connected pair of frame streams, or why the receiver would not have us. The wire
//! types end here.

use std::pin::Pin;

use futures_util::{FutureExt as _, Stream, StreamExt as _, future::BoxFuture};
use jackdaw_common::{
    Etag,
    frame::{Accept, Offer, PROTOCOL, ToReceiver, ToSender},
    limits::{BATCH_BLOBS_MAX, FRAMES_QUEUED_MAX},
};
use jackdaw_node::{
    channel::{self, ReceiverUrl},
    tls::ClientTls,
};
use jackdaw_proto::{
    replication::{ReplicateRequest, replication_client::ReplicationClient},
    wire::{Reason, RemoteError},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::error::SessionError;

/// Largest message a receiver sends: acks and heartbeats are small, vectors bounded; a need of all
/// contents that a batch may refer to is the largest.
const RESPONSE_BYTES_MAX: usize = 64 * 1024 + BATCH_BLOBS_MAX * NEEDED_BYTES_MAX;

/// Bytes of one needed content, encoded: its index, its offset, and what is around them.
const NEEDED_BYTES_MAX: usize = 24;

/// What the receiver says, frame by frame.
pub type Inbound = Pin<Box<dyn Stream<Item = Result<ToSender, SessionError>> + Send>>;

/// How a receiver is reached.
pub trait Dial: Send + Sync {
    /// Dials, offers, and waits for the answer.
    ///
    /// # Errors
    ///
    /// No connection, or the receiver's refusal.
    fn dial<'d>(
        &'d self,
        url: &'d ReceiverUrl,
        offer: Offer,
    ) -> BoxFuture<'d, Result<Connected, SessionError>>;
}

/// A receiver that has accepted.
pub struct Connected {
    /// What it was told of forgotten deletions.
    pub floor: Etag,
    /// Its answer.
    pub accept: Accept,
    /// What it says.
    pub inbound: Inbound,
    /// What it is told.
    pub outbound: mpsc::Sender<ToReceiver>,
}

/// Over mTLS: who we are, and whom we trust.
impl Dial for ClientTls {
    fn dial<'d>(
        &'d self,
        url: &'d ReceiverUrl,
        offer: Offer,
    ) -> BoxFuture<'d, Result<Connected, SessionError>> {
        connect(url, self, offer).boxed()
    }
}

async fn connect(
    url: &ReceiverUrl,
    tls: &ClientTls,
    offer: Offer,
) -> Result<Connected, SessionError> {
    let channel = channel::connect(url, tls).await?;
    let mut client = ReplicationClient::new(channel).max_decoding_message_size(RESPONSE_BYTES_MAX);
    let (outbound, frames) = mpsc::channel(FRAMES_QUEUED_MAX);
    let floor = offer.tombstone_floor;
    if outbound.send(ToReceiver::Offer(offer)).await.is_err() {
        return Err(SessionError::Lost);
    }
    let requests = ReceiverStream::new(frames).map(ReplicateRequest::from);
    let responses = client.replicate(requests).await.map_err(|status| refused(&status))?;
    let mut inbound: Inbound = Box::pin(responses.into_inner().map(|response| {
        let response = response.map_err(|status| refused(&status))?;
        Ok(ToSender::try_from(response)?)
    }));
    let Some(first) = inbound.next().await else { return Err(SessionError::Lost) };
    let ToSender::Accept(accept) = first? else { return Err(SessionError::NotAccepted) };
    if !(PROTOCOL.0..=PROTOCOL.1).contains(&accept.protocol) {
        return Err(SessionError::Protocol(accept.protocol));
    }
    Ok(Connected { floor, accept, inbound, outbound })
}

/// What a status says, in the words of the catalogue.
pub fn refused(status: &tonic::Status) -> SessionError {
    let RemoteError { reason, message, code, metadata, .. } = RemoteError::from_status(status);
    match reason {
        Some(reason) => SessionError::Refused { reason, message, metadata },
        None if code == tonic::Code::Unavailable => SessionError::Lost,
        None => SessionError::Refused {
            reason: Reason::ConnectionLost.as_str().to_owned(),
            message: format!("{code}: {message}"),
            metadata,
        },
    }
}
