//! The coordinator's service, until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tacit_ceremony::coordinator::{Coordinator, errand, limits, router};
use tacit_ceremony::folder::Folder;
use tacit_files as files;
use tacit_node::run::told_to_stop;
use tacit_protocol::keys::PublicKey;
use tacit_serve::{Listen, Server};

use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::Failure;
use crate::parse;
use crate::service::{self, ServiceArgs, TransportArgs, start_log};

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The ceremony's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Listen here; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", value_parser = parse::address, default_value = "127.0.0.1:7800")]
    listen: SocketAddr,
    /// These keys go before strangers in a ceremony for everybody; repeat it. Whoever contributed to
    /// phase 1 does so in phase 2 anyway
    #[arg(long, value_name = "KEY", value_parser = parse::key)]
    prefer: Vec<PublicKey>,
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
    ceremony: String,
    address: String,
    url: String,
}

pub fn run(args: &ServeArgs, cx: &Context) -> Result<(), Failure> {
    // Before the folder is opened: what that puts aside is said in the log.
    start_log(&args.service)?;
    let folder = Folder::open(&args.folder)?;
    let ceremony = folder.transcript().id().to_string();
    let layout = folder.layout().clone();
    let preferred = args.prefer.iter().copied().collect();
    let coordinator = Arc::new(Coordinator::preferring(folder, preferred));
    let runtime = service::runtime()?;
    let listen = args.transport.listen(args.listen);
    runtime.block_on(async {
        let server = Server::bind(&listen).await?.telling(coordinator.pressure());
        let view = ServeView {
            ceremony,
            address: server.address().to_string(),
            url: server.url(),
        };
        if let Some(path) = &args.address_file {
            files::replace(path, format!("{}\n", view.address).as_bytes())
                .map_err(|e| Failure::file("write", path, &e))?;
        }
        cx.out.result(&view, |out| {
            out.line(format!("Listening on {}", view.url));
            out.line(format!(
                "Contributors run: tacit ceremony contribute {} --ceremony {}",
                for_others(&view.url, server.address(), &listen),
                view.ceremony
            ));
        });
        if files::open_to_others(&layout.private()).unwrap_or(false) {
            cx.out.note(format!(
                "Others than you can enter {}, where the coordinator's key lies: chmod 700 it.",
                layout.private().display()
            ));
        }
        let ticking = coordinator.clone();
        let ticks = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let c = ticking.clone();
                let tick = move || c.every_second(now_ms() / 1000);
                if let Err(error) = tokio::task::spawn_blocking(tick).await {
                    tracing::error!(%error, "the clock stopped for a moment");
                }
            }
        });
        // What takes long has a thread of its own: everybody is answered meanwhile.
        let running = coordinator.clone();
        let errands = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                let (c, layout) = (running.clone(), layout.clone());
                let run = move || {
                    if let Some((taken, errand)) = errand::take(&layout) {
                        tracing::info!("a command's errand begins");
                        taken.answer(&c.run_errand(errand, now_ms() / 1000));
                    }
                };
                if let Err(error) = tokio::task::spawn_blocking(run).await {
                    tracing::error!(%error, "an errand failed");
                }
            }
        });
        let stop = told_to_stop(args.service.exit_with_parent);
        let app = router(coordinator.clone(), limits());
        server.run(app, limits(), stop).await;
        ticks.abort();
        errands.abort();
        if coordinator.is_checking() {
            let what = "a contribution is being checked: this stops when it is done, or at once by Ctrl-C or SIGTERM";
            tracing::info!("{what}");
            cx.out.note(what);
            tokio::select! {
                () = checked(&coordinator) => {}
                () = told_to_stop(false) => tracing::warn!("stopped in the middle of a check"),
            }
        }
        tracing::info!("stopped");
        Ok::<(), Failure>(())
    })?;
    // A step that is cut off is done again by the next command.
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(())
}

/// Ready when nothing is being checked.
async fn checked(coordinator: &Arc<Coordinator>) {
    loop {
        let c = coordinator.clone();
        let busy = tokio::task::spawn_blocking(move || c.is_checking()).await;
        if !busy.unwrap_or(false) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The address for others: this machine doesn't know it when it listens on all of its own, or when a proxy
/// is what others see.
fn for_others(url: &str, address: SocketAddr, listen: &Listen) -> String {
    if listen.behind_proxy {
        return "https://YOUR-ADDRESS".into();
    }
    if !address.ip().is_unspecified() {
        return url.to_owned();
    }
    let scheme = match listen.tls {
        Some(_) => "https",
        None => "http",
    };
    format!("{scheme}://YOUR-ADDRESS:{}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contributors_are_told_no_address_that_only_this_machine_can_use() {
        let listen = |behind_proxy| Listen {
            address: ([127, 0, 0, 1], 0).into(),
            tls: None,
            behind_proxy,
        };
        let told = |url: &str, proxied| {
            let address = url.strip_prefix("http://").unwrap().parse().unwrap();
            for_others(url, address, &listen(proxied))
        };
        assert_eq!(
            told("http://127.0.0.1:7800", false),
            "http://127.0.0.1:7800"
        );
        assert_eq!(
            told("http://0.0.0.0:7800", false),
            "http://YOUR-ADDRESS:7800"
        );
        assert_eq!(told("http://[::]:7800", false), "http://YOUR-ADDRESS:7800");
        assert_eq!(told("http://127.0.0.1:7800", true), "https://YOUR-ADDRESS");
    }
}
