//! Calls of the health and reflection services that last as long as their client likes: they end
//! when the node drains.
//!
//! Those services come from a library and know no drain. This stands in front of all routes, and
//! passes every other call through. Calls that follow a database end with it: `catalog`.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Status, body::Body};
use tower::Service;

use crate::{
    control::door,
    shutdown::{Shutdown, Trigger},
};

/// Their paths.
const PATHS: [&str; 3] = [
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// A router whose long calls end.
#[derive(Clone)]
pub(super) struct LongCalls<S> {
    inner: S,
    quiet: Shutdown,
}

impl<S> LongCalls<S> {
    /// Ends them at `quiet`: by then everything that is to be said of the drain has been.
    pub(super) fn new(inner: S, quiet: Shutdown) -> Self {
        Self { inner, quiet }
    }
}

impl<S, B> Service<Request<B>> for LongCalls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !PATHS.contains(&request.uri().path()) {
            return self.inner.call(request.map(Body::new)).boxed();
        }
        let (held, dropped) = Trigger::new();
        let request = request.map(Body::new);
        let request = request.map(|body| Body::new(Until::new(body, &dropped, None)));
        let quiet = self.quiet.clone();
        let respond = move |body| {
            let last = (trailers(&door::draining().into()), held);
            Body::new(Until::new(body, &quiet, Some(last)))
        };
        self.inner.call(request).map(|response| response.map(|it| it.map(respond))).boxed()
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails for a status whose text is no header, which tonic has encoded.
    let _ = status.add_header(&mut trailers);
    trailers
}

/// A body that ends with `end`, once it has nothing more to say at that time.
struct Until {
    body: Body,
    end: BoxFuture<'static, ()>,
    /// For the body of a response: the trailers that it ends with, and what ends the request once
    /// they were sent. Not before, or HTTP/2 resets what is not said yet.
    last: Option<(HeaderMap, Trigger)>,
    /// Kept until the response is dropped.
    sent: Option<Trigger>,
}

impl Until {
    fn new(body: Body, end: &Shutdown, last: Option<(HeaderMap, Trigger)>) -> Self {
        let mut end = end.clone();
        let end = async move { end.requested().await }.boxed();
        Self { body, end, last, sent: None }
    }
}

impl HttpBody for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            // Its own end may come of ours: that of the other direction.
            let is_end = !matches!(&frame, Some(Ok(frame)) if frame.is_data());
            if !is_end || self.last.is_none() || self.end.as_mut().poll(cx).is_pending() {
                return Poll::Ready(frame);
            }
        }
        ready!(self.end.as_mut().poll(cx));
        // Whoever feeds it is told by that nobody takes it any more.
        self.body = Body::empty();
        self.end = std::future::ready(()).boxed();
        let Some((trailers, held)) = self.last.take() else { return Poll::Ready(None) };
        self.sent = Some(held);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
