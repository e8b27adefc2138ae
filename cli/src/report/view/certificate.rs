//! A certificate as it is shown.

use jackdaw_node::tls::Peer;
use serde::Serialize;

use super::time;
use crate::report::output::Shown;

/// One certificate: who it says it is, and what is written of it into configuration files.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateView {
    name: String,
    thumbprint: String,
    server_pin: String,
    valid_until: String,
}

impl From<Peer> for CertificateView {
    fn from(peer: Peer) -> Self {
        let seconds = peer.not_after.micros().div_euclid(1_000_000);
        Self {
            name: peer.common_name,
            thumbprint: peer.thumbprint.to_string(),
            server_pin: peer.spki_pin.to_string(),
            valid_until: time(Some(&prost_types::Timestamp { seconds, nanos: 0 })),
        }
    }
}

impl Shown for CertificateView {
    const COLUMNS: &'static [&'static str] = &["NAME", "THUMBPRINT", "SERVER PIN", "VALID UNTIL"];

    fn row(&self) -> Vec<String> {
        let Self { name, thumbprint, server_pin, valid_until } = self;
        [name, thumbprint, server_pin, valid_until].map(Clone::clone).to_vec()
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("thumbprint", self.thumbprint.clone()),
            ("server pin", self.server_pin.clone()),
            ("valid until", self.valid_until.clone()),
        ]
    }
}
