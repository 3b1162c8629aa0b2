//! Keeps a process's memory out of files.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// No core dumps of this process, and no other process of the same user may read its memory (Linux).
/// Called once, at a node's start, before any secret is read. It can't be undone.
///
/// # Errors
/// The operating system's; a node that gets one shouldn't go on.
pub fn harden_process() -> io::Result<()> {
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    #[test]
    fn a_hardened_process_leaves_no_core_dump() {
        harden_process().unwrap();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
