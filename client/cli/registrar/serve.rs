//! The enrolment endpoint, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tacit_node::run::told_to_stop;
use tacit_registrar::Registrar;
use tacit_registrar::files;
use tacit_registrar::http::{Listen, ServeError, Server, TlsFiles};
use tacit_registrar::limits::HttpLimits;

use crate::context::Context;
use crate::failure::Failure;
use crate::parse;
use crate::service::{ServiceArgs, start_log};

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Listen here; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", value_parser = parse::address, default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// Write the real address into this file
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
    /// TLS certificate chain, PEM. Needed beyond loopback, unless --behind-proxy
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A reverse proxy in front speaks TLS
    #[arg(long)]
    behind_proxy: bool,
    #[command(flatten)]
    service: ServiceArgs,
}

impl From<ServeError> for Failure {
    fn from(e: ServeError) -> Self {
        let advice = e.advice();
        let code = match e {
            ServeError::Exposed(_) => "plain-http",
            ServeError::Bind { .. } => "listen",
            ServeError::TlsFile { .. } | ServeError::Tls(_) => "tls",
        };
        Failure::usage(code, e, advice)
    }
}

#[derive(Serialize)]
struct ServeView {
    address: String,
    url: String,
}

pub fn run(args: &ServeArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Arc::new(Registrar::open(cx.home())?);
    start_log(&args.service)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| {
            let problem = format!("can't start: {e}");
            Failure::usage("system", problem, "Free some resources and try again.")
        })?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    let listen = Listen {
        address: args.listen,
        tls,
        behind_proxy: args.behind_proxy,
    };
    runtime.block_on(async {
        let server = Server::bind(&listen).await?;
        let view = ServeView {
            address: server.address().to_string(),
            url: server.url(),
        };
        if let Some(path) = &args.address_file {
            files::replace_private(path, format!("{}\n", view.address).as_bytes())?;
        }
        cx.out
            .result(&view, |out| out.line(format!("Listening on {}", view.url)));
        tracing::info!(url = %view.url, "listening");
        let stop = told_to_stop(args.service.exit_with_parent);
        server.run(registrar, HttpLimits::default(), stop).await;
        tracing::info!("stopped");
        Ok::<(), Failure>(())
    })?;
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(())
}
