//! Connections: where a node listens, TLS, and the bounds that `axum::serve` leaves open.
//!
//! Clear text stays on this machine: beyond loopback a node listens only with TLS of its own or
//! behind a proxy that has it. Nothing about a connection is logged but that one failed.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tacit_vault::{PermissionError, check_permissions};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::{limits::ServerLimits, stall::Stall};
use crate::watch::{Follower, Publisher};

/// Pause after the system refused a connection, which it does when it has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How requests come in.
#[derive(Clone)]
pub enum Transport {
    /// In the clear: on loopback only.
    Plain,
    /// In the clear, from a proxy on a network of the operator's own, which has TLS. What it says
    /// about its clients is ignored.
    BehindProxy,
    /// TLS: see [`tls`].
    Tls(Arc<ServerConfig>),
}

/// Why a node can't listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Anybody on the way could read and change what is sent.
    #[error(
        "listening at {0} is beyond this machine: it takes a TLS certificate and key, or a proxy that has them"
    )]
    Unprotected(SocketAddr),
    /// The port can't be had.
    #[error("can't listen at {address}: {error}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// Why TLS can't be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that isn't what it should be.
    #[error("{} holds no {what}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// Why it isn't.
        error: rustls_pki_types::pem::Error,
    },
    /// Others of this machine may read the key.
    #[error(transparent)]
    Permissions(#[from] PermissionError),
    /// Certificate and key don't fit.
    #[error("the certificate and the key can't be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// TLS 1.2 and 1.3 with a certificate chain and its key, both PEM files. The key's is its owner's alone.
pub fn tls(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let file = |path: &Path, what| {
        let path = path.to_path_buf();
        move |error| TlsError::File { path, what, error }
    };
    let missing = file(certificate, "certificate");
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(file(certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(missing(rustls_pki_types::pem::Error::NoItemsFound));
    }
    check_permissions(key)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(file(key, "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A bound address.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    address: SocketAddr,
}

impl Listener {
    /// Binds an address, unless that would carry clear text beyond this machine.
    pub async fn bind(address: SocketAddr, transport: Transport) -> Result<Self, ListenError> {
        let tls = match transport {
            Transport::Plain if !address.ip().is_loopback() => {
                return Err(ListenError::Unprotected(address));
            }
            Transport::Plain | Transport::BehindProxy => None,
            Transport::Tls(config) => Some(TlsAcceptor::from(config)),
        };
        let failed = |error| ListenError::Io { address, error };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self {
            socket,
            tls,
            address,
        })
    }

    /// The bound address, with the port that the system chose if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves until `stop` resolves; then lets open requests finish for a moment.
pub async fn serve(
    listener: Listener,
    router: Router,
    limits: ServerLimits,
    stop: impl Future<Output = ()>,
) {
    let Listener { socket, tls, .. } = listener;
    let places = Arc::new(Semaphore::new(limits.connections));
    let stopping = Publisher::new(false);
    let server = Server {
        router,
        limits,
        tls,
        stopped: stopping.follow(),
    };
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        // A place first, then the connection: who has none waits in the system's queue.
        let next = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((place, socket.accept().await))
        };
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = next => match accepted {
                Some((place, Ok((stream, _)))) => {
                    connections.spawn(server.clone().connection(stream, place));
                }
                Some((_, Err(error))) => {
                    warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                None => break,
            },
        }
    }
    drop(socket);
    stopping.publish(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain_time, drained).await.is_err() {
        debug!("open requests are cut off");
    }
}

#[derive(Clone)]
struct Server {
    router: Router,
    limits: ServerLimits,
    tls: Option<TlsAcceptor>,
    stopped: Follower<bool>,
}

impl Server {
    async fn connection(self, stream: TcpStream, _place: OwnedSemaphorePermit) {
        // Only makes small answers faster.
        let _ = stream.set_nodelay(true);
        match self.tls.clone() {
            None => self.http(stream).await,
            Some(tls) => match timeout(self.limits.handshake_time, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.http(stream).await,
                Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
                Err(_) => debug!("a TLS handshake took too long"),
            },
        }
    }

    async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let io = TokioIo::new(Stall::new(stream, self.limits.stall_time));
        let service = TowerToHyperService::new(self.router);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time)
            .max_header_size(self.limits.head_bytes)
            .max_headers(self.limits.head_fields)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            _ = self.stopped.wait_for(|stopped| *stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            debug!(%error, "a connection ended early");
        }
    }
}
