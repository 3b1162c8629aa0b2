//! How the demo tells what happens: on stdout, or on stderr when stdout is for a script.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use tacit_client::verify::Check;

use super::processes::Tacit;
use crate::output::{Output, printable_line};

/// The teller.
pub struct Story {
    out: Output,
    started: Instant,
    tacit: Tacit,
}

impl Story {
    /// Starts the clock. When nobody reads the story any more, `tacit` is stopped.
    pub fn new(out: Output, tacit: Tacit) -> Self {
        Self {
            out,
            started: Instant::now(),
            tacit,
        }
    }

    fn say(&self, line: &str) {
        if self.out.is_json() {
            self.out.note(line);
        } else if self.out.try_line(line).is_err() {
            self.tacit.stop();
        }
    }

    /// Something new begins.
    pub fn scene(&self, title: &str) {
        self.say("");
        self.say(&format!(
            "[{:5.1} s] {}",
            self.started.elapsed().as_secs_f64(),
            printable_line(title)
        ));
    }

    /// Something happened.
    pub fn fact(&self, text: &str) {
        self.say(&format!("          {}", printable_line(text)));
    }

    /// Somebody's words.
    pub fn quote(&self, text: &str) {
        for line in text.lines().take(6) {
            self.say(&format!("          │ {}", printable_line(line)));
        }
    }

    /// The opened list, in columns.
    pub fn names(&self, names: &[String]) {
        for row in names.chunks(3) {
            let cells: Vec<String> = row
                .iter()
                .map(|n| format!("{:<22}", printable_line(n)))
                .collect();
            self.say(format!("            {}", cells.join(" ")).trim_end());
        }
    }

    /// One check of an offline verification.
    pub fn check(&self, check: &Check) {
        self.mark(check.ok, check.name, &check.detail);
    }

    /// Something that was checked: did it hold?
    pub fn mark(&self, ok: bool, name: &str, detail: &str) {
        let mark = if ok { "✓" } else { "✗" };
        self.say(&format!(
            "          {mark} {name:<20} {}",
            printable_line(detail)
        ));
    }

    /// A bar that counts up.
    pub fn bar(&self, length: u64, message: &str) -> ProgressBar {
        self.out.progress(length, message)
    }

    /// Where everything lies.
    pub fn end(&self, fingerprint: &str, dir: &Path, kept: bool) {
        self.say("");
        self.say(&format!(
            "[{:5.1} s] Everything held. Check the files yourself, on any machine:",
            self.started.elapsed().as_secs_f64()
        ));
        self.say(&format!(
            "          tacit verify {}/revealed.bundle --fingerprint {fingerprint}",
            dir.display()
        ));
        self.say(&format!(
            "          tacit verify {}/erased.bundle --fingerprint {fingerprint}",
            dir.display()
        ));
        if kept {
            self.say(
                "          The folders remain. To go on, start each node and registrar again:",
            );
            self.say(&format!(
                "          tacit --home {}/nodes/0 node run",
                dir.display()
            ));
            self.say(&format!(
                "          tacit --home {}/registrars/0 registrar serve --listen 127.0.0.1:0",
                dir.display()
            ));
            self.say(&format!("          and be any member: tacit --home {0}/members/0 --passphrase-file {0}/members/0/passphrase identity show", dir.display()));
        } else {
            self.say("          The nodes' and members' folders are gone; --keep keeps them.");
        }
        // Whoever reads along sees the end at once.
        if std::io::stdout().is_terminal() {
            let _ = std::io::stdout().flush();
        }
    }
}
