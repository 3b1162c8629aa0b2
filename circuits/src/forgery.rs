//! Forged witnesses, for tests: chosen variables get chosen values, and all that is computed from
//! them follows, as a malicious prover would have it.

use std::collections::HashMap;

use tacit_protocol::field::Fr;

/// Which variables to forge, by name and number of appearance, and where all of a name are.
#[derive(Default)]
pub(crate) struct Forgery {
    forged: HashMap<(&'static str, usize), Fr>,
    seen: HashMap<&'static str, Vec<usize>>,
}

impl Forgery {
    /// Gives the `nth` variable of that name (0 the first) a value.
    pub(crate) fn set(&mut self, name: &'static str, nth: usize, value: Fr) {
        self.forged.insert((name, nth), value);
    }

    /// The witness variables of that name, in order of allocation.
    pub(crate) fn places(&self, name: &str) -> Vec<usize> {
        self.seen.get(name).cloned().unwrap_or_default()
    }

    /// The value of the next variable of that name, which is the witness variable at `index`.
    pub(crate) fn replace(&mut self, name: &'static str, index: usize, value: Fr) -> Fr {
        let seen = self.seen.entry(name).or_default();
        let nth = seen.len();
        seen.push(index);
        self.forged.remove(&(name, nth)).unwrap_or(value)
    }

    /// That every forged variable was there.
    pub(crate) fn assert_used(&self) {
        assert!(
            self.forged.is_empty(),
            "no such variables: {:?}",
            self.forged.keys()
        );
    }
}
