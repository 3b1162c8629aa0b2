//! Ctrl-C in the queue: whoever goes says so, and others needn't wait.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ceremony::fetch::Leaver;
use crate::context::Context;
use crate::failure::{Exit, Failure};

const ADVICE: &str = "You have left the queue. Run the same command to come again: what is made already \
                      is used if nobody contributed meanwhile.";

/// Leaves the queue at Ctrl-C, SIGTERM, or when the terminal goes away, and ends the program; the second
/// time, at once.
pub fn leave_at_signals(leaver: Leaver, cx: &Context) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::usage(
            "system",
            format!("can't listen for signals: {e}"),
            "Try again.",
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let listening = runtime.enter();
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [interrupt, terminate, hangup] = kinds.map(signal);
    drop(listening);
    let mut signals = Signals {
        interrupt: interrupt.map_err(failed)?,
        terminate: terminate.map_err(failed)?,
        hangup: hangup.map_err(failed)?,
    };
    let out = cx.out;
    std::thread::spawn(move || {
        runtime.block_on(signals.next());
        std::thread::spawn(move || {
            leaver.leave();
            Failure::interrupted(ADVICE).print(&out);
            std::process::exit(Exit::Interrupted as i32);
        });
        runtime.block_on(signals.next());
        std::process::exit(Exit::Interrupted as i32);
    });
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
