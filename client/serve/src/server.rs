//! Listening: TLS, limits on connections and heads, and an orderly end.
//!
//! Not `axum::serve`: that leaves hyper's header-read timeout off and takes connections without end, and
//! nothing in it ends one whose other end has stopped reading.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig};

use crate::crowd::{Connected, Crowd, Pressure};
use crate::limits::HttpLimits;
use crate::pace::{Pace, Paced};

/// Connections that the system keeps until they are taken.
const BACKLOG: u32 = 1024;
/// Bytes that the system takes ahead of a slow reader. Small, so that whether somebody reads is seen soon.
const AHEAD: u32 = 256 * 1024;

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Port 0: one that is free.
    pub address: SocketAddr,
    /// Serve https.
    pub tls: Option<TlsFiles>,
    /// Something in front of this server does TLS.
    pub behind_proxy: bool,
}

/// Why the endpoint can't be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// What is sent would cross a network in the clear.
    #[error("{0} is reachable from other machines, and this would serve plain http there")]
    Exposed(SocketAddr),
    /// The system gives no such address.
    #[error("can't listen on {address}: {source}")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate or its key can't be read.
    #[error("can't use {}: {problem}", path.display())]
    TlsFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The two don't fit together.
    #[error("the certificate and its key can't be used: {0}")]
    Tls(#[from] rustls::Error),
}

impl ServeError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Exposed(_) => {
                "Give --tls-cert and --tls-key, or --behind-proxy if a proxy on the way does TLS, or listen on 127.0.0.1."
            }
            Self::Bind { .. } => {
                "Choose another --listen, or stop what uses that port; port 0 takes a free one."
            }
            Self::TlsFile { .. } | Self::Tls(_) => {
                "--tls-cert takes the certificate chain and --tls-key its private key, both PEM."
            }
        }
    }
}

/// A bound endpoint that doesn't serve yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    pressure: Pressure,
}

impl Server {
    /// Binds the address. Plain http is for this machine only, unless a proxy is in front.
    pub async fn bind(listen: &Listen) -> Result<Self, ServeError> {
        if !listen.address.ip().is_loopback() && listen.tls.is_none() && !listen.behind_proxy {
            return Err(ServeError::Exposed(listen.address));
        }
        let tls = listen.tls.as_ref().map(acceptor).transpose()?;
        let unbound = |source| ServeError::Bind {
            address: listen.address,
            source,
        };
        let listener = listener(listen.address).map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        Ok(Self {
            listener,
            address,
            tls,
            pressure: Pressure::default(),
        })
    }

    /// Notes here when somebody's place is taken for a newcomer.
    pub fn telling(self, pressure: Pressure) -> Self {
        Self { pressure, ..self }
    }

    /// The real address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The scheme that clients use, if nothing is in front.
    pub fn url(&self) -> String {
        format!(
            "{}://{}",
            if self.tls.is_some() { "https" } else { "http" },
            self.address
        )
    }

    /// Serves until `shutdown` is ready, then lets open requests finish for a while.
    pub async fn run(self, app: Router, limits: HttpLimits, shutdown: impl Future<Output = ()>) {
        let crowd = Crowd::new(limits.connections, self.pressure.clone());
        let (stop, stopped) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut shutdown => break,
            };
            let stream = match accepted {
                // The address is dropped here: nothing after this line knows it.
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly: a pause lets others finish.
                    tracing::warn!(%error, "can't accept a connection");
                    crowd.thin();
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(place) = crowd.enter() else { continue };
            let (app, tls, stopped) = (app.clone(), self.tls.clone(), stopped.clone());
            tokio::spawn(async move {
                let connected = place.connected();
                let served = async {
                    match tls {
                        None => serve(stream, app, connected, limits, stopped).await,
                        Some(tls) => {
                            let shaken = tls.accept(stream);
                            if let Ok(Ok(stream)) =
                                tokio::time::timeout(limits.handshake_time, shaken).await
                            {
                                serve(stream, app, connected, limits, stopped).await;
                            }
                        }
                    }
                };
                tokio::select! {
                    () = served => {}
                    () = place.taken() => {}
                }
            });
        }
        drop(self.listener);
        drop(stopped);
        // Every connection holds a receiver: closed means that the last one is gone.
        let _ = stop.send(());
        let _ = tokio::time::timeout(limits.drain_time, stop.closed()).await;
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    app: Router,
    connected: Connected,
    limits: HttpLimits,
    mut stopped: watch::Receiver<()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head);
    let pace = Pace {
        span: limits.stall,
        least: limits.least,
    };
    let app = app.layer(Extension(connected));
    let stream = TokioIo::new(Paced::new(stream, pace));
    let connection = http.serve_connection(stream, TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // Clients that vanish or misbehave are nothing to write down.
        _ = &mut connection => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(AHEAD)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let failed = |path: &Path, problem: String| ServeError::TlsFile {
        path: path.to_path_buf(),
        problem,
    };
    let why = |e: pem::Error| match e {
        pem::Error::Io(e) => e.to_string(),
        e => e.to_string(),
    };
    let read = |e| failed(&files.certificate, why(e));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .map_err(read)?
        .collect::<Result<_, _>>()
        .map_err(read)?;
    if chain.is_empty() {
        return Err(failed(
            &files.certificate,
            "no certificate in this file".into(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| failed(&files.key, why(e)))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
