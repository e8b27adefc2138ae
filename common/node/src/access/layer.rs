//! The tower layer in front of all services: certificate to identity, method to rule.
//!
//! Applied once, to the whole router, so that no service can be mounted beside it. It never reads
//! a message; what a message names is checked by the service with the [`Identity`] it finds in
//! the request's extensions.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either, ready};
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{AccessList, Audit, Bindings, Clearance, Denied, Identity, Rule, audit, row_of};
use crate::tls::{Peer, Thumbprint};

/// Puts an [`AccessService`] in front of a router.
#[derive(Clone)]
pub struct AccessLayer {
    pub(super) list: Arc<AccessList>,
    bindings: Arc<dyn Bindings>,
}

impl AccessLayer {
    /// Admits who is in `list`.
    pub fn new(list: Arc<AccessList>, bindings: Arc<dyn Bindings>) -> Self {
        Self { list, bindings }
    }

    /// Whom a verified certificate belongs to, if it may call the method at `path` at all.
    ///
    /// Refusals are audited.
    pub fn identify(&self, peer: Option<Thumbprint>, path: &str) -> Result<Identity, Denied> {
        let decide = || {
            let thumbprint = peer.ok_or(Denied::NoCertificate)?;
            let entry = self.list.entries.get(&thumbprint);
            let entry = entry.ok_or(Denied::CertificateNotTrusted { thumbprint })?;
            let row = row_of(path).ok_or_else(|| Denied::method_unknown(path))?;
            Ok(Identity { entry: entry.clone(), row, bindings: self.bindings.clone() })
        };
        let identity = decide().map_err(|denied: Denied| denied.audited(peer, path))?;
        match identity.row.rule {
            Rule::AnyTrusted | Rule::Database(_) => {}
            Rule::Operator => identity.require_operator()?,
            Rule::ClusterAdmin => identity.require_clearance(Clearance::ClusterAdmin)?,
        }
        Ok(identity)
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessService { access: self.clone(), inner }
    }
}

/// A router behind the access list.
#[derive(Clone)]
pub struct AccessService<S> {
    access: AccessLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for AccessService<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.thumbprint);
        match self.access.identify(peer, request.uri().path()) {
            Ok(identity) => {
                request.extensions_mut().insert(identity.clone());
                let call = self.inner.call(request);
                match identity.row.audit {
                    Audit::Refusals => Either::Left(call),
                    Audit::Answer | Audit::Stream => {
                        Either::Right(Box::pin(audit::audited(identity, call)))
                    }
                }
            }
            Err(denied) => Either::Right(Box::pin(ready(Ok(Status::from(denied).into_http())))),
        }
    }
}
