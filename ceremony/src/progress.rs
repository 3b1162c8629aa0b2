//! How far long work has come, for whoever shows it.

/// Told of the steps of long work.
pub trait Progress {
    /// Work begins: what it is, and how many steps it has.
    fn start(&mut self, what: &'static str, steps: u64);
    /// So many more steps are done.
    fn advance(&mut self, steps: u64);
    /// The work has ended.
    fn done(&mut self);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&mut self, _: &'static str, _: u64) {}
    fn advance(&mut self, _: u64) {}
    fn done(&mut self) {}
}
