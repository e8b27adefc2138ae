//! What the health service tells: of the process as a whole, and of each service by its full name.
//!
//! All of them together: a process takes calls, or it drains.

use std::{convert::Infallible, future::ready};

use http::{Request, StatusCode};
use tonic::{body::Body, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::ServiceExt as _;

use crate::access::ROWS;

/// A method of no service: a name in a `.proto` does not hold a `-`.
const NO_METHOD: &str = "-";

/// Everything that health can be asked for.
pub(super) struct Health {
    reporter: HealthReporter,
    services: Vec<&'static str>,
}

impl Health {
    /// Says of the process, and of every service that `routes` has, that it serves.
    pub(super) async fn serving(reporter: HealthReporter, routes: &Routes) -> Self {
        let mut services = mounted(routes).await;
        // The process as a whole.
        services.push("");
        let health = Self { reporter, services };
        health.say(ServingStatus::Serving).await;
        health
    }

    /// Says of all of them that they are not to be called any more.
    pub(super) async fn not_serving(&self) {
        self.say(ServingStatus::NotServing).await;
    }

    async fn say(&self, status: ServingStatus) {
        for service in &self.services {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

/// The services that can be called, whoever has mounted them. The router itself is asked, so that
/// no role can forget to name one of its own.
async fn mounted(routes: &Routes) -> Vec<&'static str> {
    let nowhere = || ready(StatusCode::NOT_FOUND);
    let router = routes.clone().into_axum_router().fallback(nowhere);
    let routes = Routes::from(router).prepare();
    let mut mounted = Vec::new();
    for service in services() {
        let mut request = Request::new(Body::empty());
        let Ok(uri) = format!("/{service}/{NO_METHOD}").parse() else { continue };
        *request.uri_mut() = uri;
        let answer: Result<_, Infallible> = routes.clone().oneshot(request).await;
        if answer.is_ok_and(|answer| answer.status() != StatusCode::NOT_FOUND) {
            mounted.push(service);
        }
    }
    mounted
}

/// Every service that may be called at all, by its full name.
fn services() -> Vec<&'static str> {
    let of = |method: &'static str| method.strip_prefix('/')?.split_once('/').map(|(it, _)| it);
    let mut services: Vec<_> = ROWS.iter().filter_map(|row| of(row.method)).collect();
    services.dedup();
    services
}
