//! The details of errors that the gRPC library makes by itself, before a service is asked or in its
//! place: a request that cannot be decoded, a name that health does not know.
//!
//! Stands in front of everything, and gives each status that has no details the `ErrorInfo` that
//! every error has (`docs/errors.md`). The code stays as it is wherever a reason has that code. Of
//! a stream only the headers and the trailers are looked at.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response, Uri};
use jackdaw_proto::wire::{Reason, WireError};
use tonic::{Code, Status, body::Body};
use tower::Service;

use crate::trailers::watched;

/// With this header the library says which encodings it takes, when it does not take one.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// A router whose errors all have details.
#[derive(Clone)]
pub(super) struct Details<S> {
    inner: S,
}

impl<S> Details<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for Details<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.uri().clone();
        let respond = move |mut response: Response<Body>| {
            if response.headers().contains_key(Status::GRPC_STATUS) {
                explain(response.headers_mut(), &method);
                return response;
            }
            response.map(|body| watched(body, move |trailers| explain(trailers, &method)))
        };
        self.inner.call(request).map(|response| response.map(respond)).boxed()
    }
}

/// Puts the details of an error where there are none.
fn explain(headers: &mut HeaderMap, method: &Uri) {
    if headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    let Some(status) = Status::from_header_map(headers).filter(|it| it.code() != Code::Ok) else {
        return;
    };
    let error = error(&status, method.path());
    // Fails for a text that is no header; then the status stays as it was.
    let _ = Status::from(error).add_header(headers);
}

/// What a status of the library says, as an error of the catalogue. The code tells them apart: each
/// is used for one thing, or for one thing by a method.
fn error(status: &Status, method: &str) -> WireError {
    let text = status.message();
    let error = match status.code() {
        Code::Internal => {
            let text = format!("cannot read the request: {text}");
            WireError::new(Reason::RequestMalformed, text).with("cause", status.message())
        }
        Code::OutOfRange => too_large(text),
        Code::Unimplemented if status.metadata().contains_key(ACCEPT_ENCODING) => {
            // The library's text has its name between two of these.
            let encoding = text.split('`').nth(1).unwrap_or_default();
            WireError::new(Reason::CompressionUnsupported, text).with("encoding", encoding)
        }
        Code::Unimplemented => {
            WireError::new(Reason::MethodUnknown, format!("there is no method {method}"))
        }
        Code::InvalidArgument => WireError::field("message_request", text),
        Code::NotFound if method.starts_with("/grpc.health.") => {
            let text = "the service whose health was asked for is not here";
            WireError::new(Reason::ServiceNotFound, text)
        }
        Code::NotFound => WireError::new(Reason::DescriptorNotFound, text),
        // The request ended before its time; hardly anybody is there to hear of it.
        Code::Cancelled | Code::Unknown | Code::Unavailable => {
            WireError::new(Reason::ConnectionLost, format!("the connection broke: {text}"))
                .with("cause", text)
        }
        code => {
            tracing::error!(%method, ?code, text, "an error without a reason");
            WireError::new(Reason::Internal, text)
        }
    };
    error.with("method", method)
}

/// A message that is larger than may be, with the numbers of the library's text: how large it is,
/// and how large it may be.
fn too_large(text: &str) -> WireError {
    let mut numbers = text.split(' ').filter_map(|word| word.parse::<u64>().ok());
    let error = WireError::new(Reason::MessageTooLarge, text);
    match (numbers.next(), numbers.next()) {
        (Some(bytes), Some(most)) => error.with("bytes", bytes).with("bytes_max", most),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
