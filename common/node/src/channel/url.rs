//! Where a receiver is: `https://host:port` and nothing else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use rustls::pki_types::{DnsName, ServerName};
use thiserror::Error;

/// The port of `https` when none is given.
const DEFAULT_PORT: u16 = 443;

/// The address of a receiver: scheme `https`, a host, a port.
///
/// Read with or without a port (443) and with or without one trailing slash; written in one way,
/// lower case and with the port. Equal when written the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReceiverUrl {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    Name(DnsName<'static>),
    Address(IpAddr),
}

impl ReceiverUrl {
    /// The host as it is resolved: a name, or an address without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.as_ref().to_owned(),
            Host::Address(address) => address.to_string(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server's certificate must be for.
    pub(crate) fn server_name(&self) -> ServerName<'static> {
        match &self.host {
            Host::Name(name) => ServerName::DnsName(name.clone()),
            Host::Address(address) => ServerName::IpAddress((*address).into()),
        }
    }
}

impl fmt::Display for ReceiverUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "https://{}:{}", name.as_ref(), self.port),
            Host::Address(IpAddr::V4(address)) => write!(f, "https://{address}:{}", self.port),
            Host::Address(IpAddr::V6(address)) => write!(f, "https://[{address}]:{}", self.port),
        }
    }
}

impl FromStr for ReceiverUrl {
    type Err = ReceiverUrlError;

    fn from_str(text: &str) -> Result<Self, ReceiverUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(ReceiverUrlError::SchemeMissing)?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" => {}
            "http" => return Err(ReceiverUrlError::PlainHttp),
            _ => return Err(ReceiverUrlError::Scheme { scheme: scheme.to_owned() }),
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        check_tail(tail)?;
        if authority.contains('@') {
            return Err(ReceiverUrlError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => DEFAULT_PORT,
            Some(text) => parse_port(text)?,
        };
        Ok(Self { host: parse_host(host)?, port })
    }
}

/// Why a text is not the address of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiverUrlError {
    /// There is no `://`.
    #[error("the URL has no scheme: write https://host:port")]
    SchemeMissing,
    /// Plain HTTP.
    #[error("the URL is http: receivers are reached by https only")]
    PlainHttp,
    /// Another scheme.
    #[error("the URL's scheme is {scheme:?}, not https")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// A user or password.
    #[error("the URL has user information: a certificate says who we are")]
    UserInfo,
    /// A path.
    #[error("the URL has the path {path:?}: it is scheme, host and port only")]
    Path {
        /// The path.
        path: String,
    },
    /// A query.
    #[error("the URL has a query: it is scheme, host and port only")]
    Query,
    /// A fragment.
    #[error("the URL has a fragment: it is scheme, host and port only")]
    Fragment,
    /// No host.
    #[error("the URL has no host")]
    HostMissing,
    /// A host that is neither a DNS name nor an address.
    #[error("the URL's host {host:?} is neither a DNS name nor an address")]
    Host {
        /// The host.
        host: String,
    },
    /// A port that is none.
    #[error("the URL's port {port:?} is not a number from 1 to 65535")]
    Port {
        /// The text.
        port: String,
    },
}

fn check_tail(tail: &str) -> Result<(), ReceiverUrlError> {
    let end = tail.find(['?', '#']).unwrap_or(tail.len());
    let (path, rest) = tail.split_at(end);
    if !matches!(path, "" | "/") {
        return Err(ReceiverUrlError::Path { path: path.to_owned() });
    }
    match rest.chars().next() {
        Some('?') => Err(ReceiverUrlError::Query),
        Some(_) => Err(ReceiverUrlError::Fragment),
        None => Ok(()),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), ReceiverUrlError> {
    let bad = || ReceiverUrlError::Host { host: authority.to_owned() };
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or_else(bad)?;
        let (host, rest) = authority.split_at(end.saturating_add(1));
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((host, None)),
            None => Err(bad()),
            port => Ok((host, port)),
        };
    }
    Ok(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

fn parse_port(text: &str) -> Result<u16, ReceiverUrlError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or_else(|| ReceiverUrlError::Port { port: text.to_owned() })
}

fn parse_host(text: &str) -> Result<Host, ReceiverUrlError> {
    if text.is_empty() {
        return Err(ReceiverUrlError::HostMissing);
    }
    let bad = || ReceiverUrlError::Host { host: text.to_owned() };
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| bad())?;
        return Ok(Host::Address(address.into()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    // A name whose last label is a number is an address mistyped, not a name.
    let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    DnsName::try_from(text.to_ascii_lowercase()).map(Host::Name).map_err(|_| bad())
}
