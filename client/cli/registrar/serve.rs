//! The enrolment endpoint, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tacit_node::run::told_to_stop;
use tacit_registrar::Registrar;
use tacit_registrar::files;
use tacit_registrar::http::router;
use tacit_registrar::limits::HttpLimits;
use tacit_serve::Server;

use crate::context::Context;
use crate::failure::Failure;
use crate::service::{ServiceArgs, TransportArgs, start_log};
use crate::{parse, service};

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Listen here; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", value_parser = parse::address, default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// Write the real address into this file
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
    #[command(flatten)]
    transport: TransportArgs,
    #[command(flatten)]
    service: ServiceArgs,
}

#[derive(Serialize)]
struct ServeView {
    address: String,
    url: String,
}

pub fn run(args: &ServeArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Arc::new(Registrar::open(cx.home())?);
    start_log(&args.service)?;
    let runtime = service::runtime()?;
    let listen = args.transport.listen(args.listen);
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
        let limits = HttpLimits::default();
        server.run(router(registrar, limits), limits, stop).await;
        tracing::info!("stopped");
        Ok::<(), Failure>(())
    })?;
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(())
}
