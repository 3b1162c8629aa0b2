//! Progress of long work, with an estimate, on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use tacit_ceremony::progress::Progress;

use crate::output::Output;

/// A bar per piece of work.
pub struct Bar {
    out: Output,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// None yet.
    pub fn new(out: Output) -> Self {
        Self { out, bar: None }
    }
}

/// A bar that counts up to `length`, with the time that is left.
pub fn estimated(out: &Output, length: u64, message: &str) -> ProgressBar {
    let bar = out.progress(length, message);
    // The template is a constant with the fields that indicatif documents.
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent} %, {eta} left") {
        bar.set_style(style);
    }
    bar
}

impl Progress for Bar {
    fn start(&mut self, what: &'static str, steps: u64) {
        self.bar = Some(estimated(&self.out, steps, what));
    }

    fn advance(&mut self, steps: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(steps);
        }
    }

    fn done(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done();
    }
}
