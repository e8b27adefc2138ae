//! The places of open connections: so many in all, and so many for each peer.
//!
//! An address is known before the handshake, a certificate after it; each has its own bound, so
//! that neither one certificate used from many addresses nor many certificates at one address
//! keep everybody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{CONNECTIONS_MAX, PEER_CONNECTIONS_MAX};
use crate::tls::Thumbprint;

/// Who holds places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    Certificate(Thumbprint),
}

/// Why a connection gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("too many connections: {CONNECTIONS_MAX} are open")]
    All,
    #[error("too many connections: {PEER_CONNECTIONS_MAX} are open from address {0}")]
    Address(IpAddr),
    #[error("too many connections: {PEER_CONNECTIONS_MAX} are open with certificate {0}")]
    Certificate(Thumbprint),
}

/// How many connections are open, and whose.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Nobody stands here with zero.
    by: HashMap<Holder, usize>,
}

impl Taken {
    /// Whether there was room for one more.
    fn add(&mut self, holder: Holder) -> bool {
        let count = self.by.entry(holder).or_default();
        let room = *count < PEER_CONNECTIONS_MAX;
        *count += usize::from(room);
        room
    }

    fn remove(&mut self, holder: Holder) {
        if let Some(count) = self.by.get_mut(&holder) {
            *count -= 1;
            if *count == 0 {
                self.by.remove(&holder);
            }
        }
    }
}

impl Places {
    /// A place for a connection from this address.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        // On a socket of both families an IPv4 peer comes as an IPv6 address.
        let address = address.to_canonical();
        let mut taken = self.taken();
        if taken.all == CONNECTIONS_MAX {
            return Err(Full::All);
        }
        if !taken.add(Holder::Address(address)) {
            return Err(Full::Address(address));
        }
        taken.all += 1;
        Ok(Place { places: self.clone(), address, certificate: None })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing panics between two steps of a change.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    certificate: Option<Thumbprint>,
}

impl Place {
    /// The handshake is done: the connection counts for its certificate too.
    pub(super) fn belongs_to(&mut self, certificate: Thumbprint) -> Result<(), Full> {
        if !self.places.taken().add(Holder::Certificate(certificate)) {
            return Err(Full::Certificate(certificate));
        }
        self.certificate = Some(certificate);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        taken.remove(Holder::Address(self.address));
        if let Some(certificate) = self.certificate {
            taken.remove(Holder::Certificate(certificate));
        }
    }
}
