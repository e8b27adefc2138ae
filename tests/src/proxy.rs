//! A proxy on loopback between two services: counts what goes through, holds it, and cuts it off.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// A proxy; gone when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    there: Arc<AtomicU64>,
    /// Rises when connections are to be cut.
    cuts: watch::Sender<u64>,
    /// Bytes that may go to the target.
    most: watch::Sender<u64>,
}

/// How much has gone to the target, and may.
#[derive(Clone)]
struct Gauge {
    counted: Arc<AtomicU64>,
    most: watch::Receiver<u64>,
}

impl Proxy {
    /// A proxy in front of `target`.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let there = Arc::new(AtomicU64::new(0));
        let (cuts, cut) = watch::channel(0);
        let (most, bound) = watch::channel(u64::MAX);
        let gauge = Gauge { counted: Arc::clone(&there), most: bound };
        tokio::spawn(async move {
            let mut ended = cut.clone();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    // The proxy was dropped.
                    closed = ended.wait_for(|cut| *cut == u64::MAX) => {
                        if closed.is_err() {
                            return;
                        }
                        continue;
                    }
                };
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(forward(stream, target, gauge.clone(), cut.clone()));
                }
            }
        });
        Ok(Self { address, there, cuts, most })
    }

    /// The URL that leads through it.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Bytes that went to the target.
    pub fn sent(&self) -> u64 {
        self.there.load(Ordering::SeqCst)
    }

    /// Lets no more than so many bytes go to the target, counted from the beginning, all
    /// connections together; what comes is left in them.
    pub fn hold_behind(&self, bytes: u64) {
        self.most.send_replace(bytes);
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn forward(here: TcpStream, target: SocketAddr, gauge: Gauge, mut cut: watch::Receiver<u64>) {
    cut.mark_unchanged();
    let Ok(there) = TcpStream::connect(target).await else { return };
    let (from_here, to_here) = here.into_split();
    let (from_there, to_there) = there.into_split();
    tokio::select! {
        () = copy(from_here, to_there, Some(gauge)) => {}
        () = copy(from_there, to_here, None) => {}
        _ = cut.changed() => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gauge: Option<Gauge>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if let Some(Gauge { counted, most }) = &mut gauge
            && most.wait_for(|most| counted.load(Ordering::SeqCst) < *most).await.is_err()
        {
            return;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        if let Some(Gauge { counted, .. }) = &gauge {
            counted.fetch_add(read as u64, Ordering::SeqCst);
        }
    }
}
