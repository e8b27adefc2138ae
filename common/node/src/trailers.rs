//! A body whose trailers somebody looks at, or changes, on their way out.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Status, body::Body};

/// `body`, whose trailers `seen` is shown when they come. What it holds is dropped with the body.
pub(crate) fn watched(
    body: Body,
    seen: impl FnMut(&mut HeaderMap) + Send + Unpin + 'static,
) -> Body {
    Body::new(Watched { body, seen })
}

struct Watched<F> {
    body: Body,
    seen: F,
}

impl<F: FnMut(&mut HeaderMap) + Unpin> HttpBody for Watched<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            (self.seen)(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
