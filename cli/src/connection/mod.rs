//! Which service a command talks to, as whom, and how long it waits.
//!
//! Owns the options shared by all client commands and the one connection that a command opens.
//! TLS and dialling are the node's; every service is reached by mTLS, there is no other way.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use futures_util::stream::{once, unfold};
use futures_util::{Stream, TryStreamExt as _};
use jackdaw_common::clock::Clock as _;
use jackdaw_node::channel::{ConnectError, ReceiverUrl, connect};
use jackdaw_node::clock::SystemClock;
use jackdaw_node::tls::{ClientTls, CredentialErrors, Credentials, TlsFiles};
use jackdaw_proto::control::connection_strings_client::ConnectionStringsClient;
use jackdaw_proto::control::databases_client::DatabasesClient;
use jackdaw_proto::control::external_replications_client::ExternalReplicationsClient;
use jackdaw_proto::documents::documents_client::DocumentsClient;
use jackdaw_proto::documents::{
    GetAttachmentRequest, GetAttachmentResponse, StreamDocumentsRequest, StreamDocumentsResponse,
    StreamRevisionsRequest, StreamRevisionsResponse,
};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

use crate::report::exit::Failure;

/// Where certificates are when nobody says.
pub(crate) const CERTIFICATES_FOLDER: &str = "certificates";

/// Bytes of one answer at most: a page or a part of a stream, which may hold one largest document
/// beyond its own bound.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The service, and as whom to speak to it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionOptions {
    /// The service to talk to
    #[arg(long, value_name = "URL", env = "JACKDAW_URL", global = true)]
    #[arg(default_value = "https://127.0.0.1:7443")]
    pub(crate) url: ReceiverUrl,

    #[command(flatten)]
    pub(crate) identity: IdentityOptions,

    #[command(flatten)]
    pub(crate) patience: PatienceOptions,
}

/// The client certificate, and whom to believe.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(crate) struct IdentityOptions {
    /// Folder with admin.pem, admin.key and ca.pem, as `certificate init` makes it
    /// [default: certificates]
    #[arg(long, value_name = "DIR", env = "JACKDAW_CERTIFICATES", global = true)]
    pub(crate) folder: Option<PathBuf>,

    /// Client certificate, PEM, instead of the folder's
    #[arg(long, value_name = "FILE", env = "JACKDAW_CERTIFICATE", global = true)]
    pub(crate) certificate: Option<PathBuf>,

    /// Private key of that certificate, PEM, instead of the folder's
    #[arg(long, value_name = "FILE", env = "JACKDAW_KEY", global = true)]
    pub(crate) key: Option<PathBuf>,

    /// Authority that services' certificates must come from, PEM, instead of the folder's
    #[arg(long, value_name = "FILE", env = "JACKDAW_AUTHORITY", global = true)]
    pub(crate) authority: Option<PathBuf>,
}

/// How long to wait.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct PatienceOptions {
    /// How long to wait for an answer, or for the next part of a long one: 500ms, 30s, 2m
    #[arg(long, value_name = "TIME", env = "JACKDAW_TIMEOUT", global = true)]
    #[arg(default_value = "30s")]
    pub(crate) timeout: Patience,
}

/// A time to wait, longer than zero, at most a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Duration);

impl Patience {
    /// The longest: who waits longer has forgotten it. Instants can hold it on any machine.
    const MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
}

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let millis = match unit {
            "ms" => Some(1),
            "" | "s" => Some(1_000),
            "m" => Some(60_000),
            _ => None,
        };
        let number: Option<u64> = number.parse().ok();
        let millis = number.zip(millis).and_then(|(number, unit)| number.checked_mul(unit));
        match millis.map(Duration::from_millis) {
            Some(time) if !time.is_zero() && time <= Self::MAX => Ok(Self(time)),
            _ => Err("write a time like 500ms, 30s or 2m, at most a week".to_owned()),
        }
    }
}

impl IdentityOptions {
    /// The files to use: the folder's, where no other is named.
    pub(crate) fn files(&self) -> TlsFiles {
        let folder = self.folder.as_deref().unwrap_or(Path::new(CERTIFICATES_FOLDER));
        let or = |file: &Option<PathBuf>, name| file.clone().unwrap_or_else(|| folder.join(name));
        TlsFiles {
            certificate: or(&self.certificate, "admin.pem"),
            key: or(&self.key, "admin.key"),
            authorities: vec![or(&self.authority, "ca.pem")],
        }
    }
}

impl ConnectionOptions {
    /// Connects to the service.
    pub(crate) async fn connect(&self) -> Result<Service, Failure> {
        Service::connect(&self.url, &self.identity.files(), self.patience.timeout).await
    }
}

/// A service that has taken our connection. Cheap to clone: all clones share the connection.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    channel: Channel,
    patience: Duration,
}

impl Service {
    /// Reads the files and connects.
    pub(crate) async fn connect(
        url: &ReceiverUrl,
        files: &TlsFiles,
        Patience(patience): Patience,
    ) -> Result<Self, Failure> {
        let credentials = Credentials::load(files, SystemClock.now()).map_err(missing)?;
        let tls = ClientTls::new(&credentials, &[]).map_err(Failure::usage)?;
        let connected = timeout(patience, connect(url, &tls)).await;
        let connected = connected.unwrap_or(Err(ConnectError::Timeout { after: patience }));
        let channel = connected.map_err(|error| {
            Failure::unreachable(format!("{url}: failed to {error} ({})", error.reason()))
        })?;
        Ok(Self { channel, patience })
    }

    /// Its documents.
    pub(crate) fn documents(&self) -> DocumentsClient<Channel> {
        DocumentsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Its databases.
    pub(crate) fn databases(&self) -> DatabasesClient<Channel> {
        DatabasesClient::new(self.channel.clone())
    }

    /// Its connection strings.
    pub(crate) fn connection_strings(&self) -> ConnectionStringsClient<Channel> {
        ConnectionStringsClient::new(self.channel.clone())
    }

    /// Its replication tasks.
    pub(crate) fn tasks(&self) -> ExternalReplicationsClient<Channel> {
        ExternalReplicationsClient::new(self.channel.clone())
    }

    /// Waits for the answer to a call; gives the call up when it takes too long.
    pub(crate) async fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        Ok(self.in_time(call).await??.into_inner())
    }

    /// All documents of one snapshot of a database, which is called once somebody reads. A part
    /// that takes too long ends the stream with an error.
    pub(crate) fn stream_documents(
        &self,
        request: StreamDocumentsRequest,
    ) -> impl Stream<Item = Result<StreamDocumentsResponse, Status>> + use<> {
        let mut client = self.documents();
        parts(self.patience, async move { client.stream_documents(request).await })
    }

    /// All revisions of one snapshot of a database; likewise.
    pub(crate) fn stream_revisions(
        &self,
        request: StreamRevisionsRequest,
    ) -> impl Stream<Item = Result<StreamRevisionsResponse, Status>> + use<> {
        let mut client = self.documents();
        parts(self.patience, async move { client.stream_revisions(request).await })
    }

    /// An attachment and its content, likewise.
    pub(crate) fn stream_attachment(
        &self,
        request: GetAttachmentRequest,
    ) -> impl Stream<Item = Result<GetAttachmentResponse, Status>> + use<> {
        let mut client = self.documents();
        parts(self.patience, async move { client.get_attachment(request).await })
    }

    /// Waits for anything that the service must do soon.
    pub(crate) async fn in_time<T>(&self, call: impl Future<Output = T>) -> Result<T, Failure> {
        let late = |_| Failure::unreachable(format!("no answer within {:?}", self.patience));
        timeout(self.patience, call).await.map_err(late)
    }
}

/// The parts that a call answers, each of which comes in time.
fn parts<T: 'static>(
    patience: Duration,
    call: impl Future<Output = Result<Response<Streaming<T>>, Status>>,
) -> impl Stream<Item = Result<T, Status>> {
    let late = move |_| {
        let late = format!("the next part did not come within {patience:?}");
        Status::deadline_exceeded(late)
    };
    let parts = async move {
        let answer = timeout(patience, call).await.map_err(late)??;
        Ok::<_, Status>(unfold(Some(answer.into_inner()), move |parts| async move {
            let mut parts = parts?;
            match timeout(patience, parts.message()).await.map_err(late).flatten() {
                Ok(part) => part.map(|part| (Ok(part), Some(parts))),
                Err(status) => Some((Err(status), None)),
            }
        }))
    };
    once(parts).try_flatten()
}

fn missing(errors: CredentialErrors) -> Failure {
    let lines: Vec<_> = errors.0.iter().map(|error| format!("failed to {error}")).collect();
    let hint = "  certificates come from --folder or JACKDAW_CERTIFICATES, or from single files; \
                `jackdaw certificate init` makes a first set";
    Failure::usage(lines.join("\n")).with_line(hint)
}

#[cfg(test)]
mod tests;
