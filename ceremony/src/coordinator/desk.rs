//! Tickets, and how often somebody may ask for one. It is locked for moments only, and never while the
//! disk works: by it requests are admitted.

use std::collections::{BTreeMap, BTreeSet};

use tacit_protocol::keys::PublicKey;

use super::{CallError, Outcome, Refused};

/// A request for a turn is signed at most so many seconds before or after the coordinator's time.
pub(super) const CLOCKS: u64 = 600;
/// Requests of one key in that time, counted from its first one.
const MAX_ASKED: u32 = 60;
/// Requests of keys that nobody knows: so many at once, and then so many a second.
const BURST: u64 = 300;
const STRANGERS: u64 = 2;
/// Tickets at most.
const MAX_TICKETS: usize = 3_000;

/// What is known of somebody who joined.
struct Ticket {
    key: PublicKey,
    /// What became of what they handed in.
    outcome: Option<Outcome>,
}

/// How often a key has asked.
struct Asked {
    last: u64,
    since: u64,
    times: u32,
}

/// The coordinator's desk.
#[derive(Default)]
pub(super) struct Desk {
    owner: Option<PublicKey>,
    /// How often that has changed.
    turns: u64,
    tickets: BTreeMap<String, Ticket>,
    asked: BTreeMap<PublicKey, Asked>,
    /// Strangers' requests that aren't worn off, and when that was so.
    strangers: (u64, u64),
}

impl Desk {
    /// Whose turn it is now.
    pub fn turn(&mut self, owner: Option<PublicKey>) {
        if self.owner != owner {
            self.owner = owner;
            self.turns += 1;
        }
    }

    /// The turn's number, if a ticket is that of whose turn it is.
    pub fn has_turn(&self, ticket: &str) -> Option<u64> {
        let found = self.tickets.get(ticket)?;
        (Some(found.key) == self.owner).then_some(self.turns)
    }

    /// A signed request for a turn: none is taken twice, nobody asks all the time, and strangers together
    /// take nobody's time from those whom the ceremony knows.
    pub fn ask(&mut self, key: PublicKey, at: u64, knows: bool, now: u64) -> Result<(), CallError> {
        // A request that is older than that is refused for its age, and no younger one is forgotten.
        self.asked.retain(|_, a| now.abs_diff(a.last) <= CLOCKS);
        if let Some(asked) = self.asked.get_mut(&key) {
            if at <= asked.last {
                return Err(CallError::Repeated);
            }
            if now.abs_diff(asked.since) > CLOCKS {
                (asked.since, asked.times) = (now, 0);
            }
            if asked.times >= MAX_ASKED {
                return Err(Refused::TooOften.into());
            }
        }
        if !knows {
            let (count, then) = self.strangers;
            let count = count.saturating_sub(now.saturating_sub(then).saturating_mul(STRANGERS));
            if count >= BURST {
                return Err(Refused::TooOften.into());
            }
            self.strangers = (count + 1, now);
        }
        let asked = self.asked.entry(key).or_insert(Asked {
            last: at,
            since: now,
            times: 0,
        });
        asked.last = at;
        asked.times += 1;
        Ok(())
    }

    /// A newer ticket takes the place of the same key's older one.
    pub fn give(
        &mut self,
        ticket: String,
        key: PublicKey,
        queue: impl FnOnce() -> BTreeSet<PublicKey>,
    ) {
        self.tickets.retain(|_, t| t.key != key);
        if self.tickets.len() >= MAX_TICKETS {
            let here = queue();
            let named = |t: &Ticket| here.contains(&t.key);
            self.tickets.retain(|_, t| named(t) || t.outcome.is_some());
            if self.tickets.len() >= MAX_TICKETS {
                self.tickets.retain(|_, t| named(t));
            }
        }
        let outcome = None;
        self.tickets.insert(ticket, Ticket { key, outcome });
    }

    /// Whose ticket it is, and what became of what they handed in.
    pub fn find(&self, ticket: &str) -> Result<(PublicKey, Option<Outcome>), CallError> {
        let found = self.tickets.get(ticket).ok_or(CallError::Ticket)?;
        Ok((found.key, found.outcome.clone()))
    }

    /// Something became of what they handed in. They may hold a newer ticket by now than the one that it
    /// was handed in with.
    pub fn became(&mut self, key: &PublicKey, outcome: Outcome) {
        if let Some(ticket) = self.tickets.values_mut().find(|t| t.key == *key) {
            ticket.outcome = Some(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use tacit_protocol::keys::SigningKey;

    use super::*;

    fn key(n: u8) -> PublicKey {
        SigningKey::from_seed([n; 32]).public()
    }

    #[test]
    fn no_request_is_taken_twice_as_long_as_its_time_would_let_it_in() {
        let mut desk = Desk::default();
        for at in [0, 600, 1_200] {
            desk.ask(key(1), at, true, at).unwrap();
        }
        for now in [1_201, 1_500, 1_800] {
            let again = desk.ask(key(1), 1_200, true, now);
            assert!(matches!(again, Err(CallError::Repeated)), "{now}");
        }
    }

    #[test]
    fn a_key_asks_so_often_in_so_long_and_then_again() {
        let mut desk = Desk::default();
        let often = u64::from(MAX_ASKED);
        for at in 1..=often {
            desk.ask(key(1), at, true, at).unwrap();
        }
        let more = desk.ask(key(1), often + 1, true, often + 1);
        assert!(matches!(more, Err(CallError::Refused(Refused::TooOften))));
        desk.ask(key(2), often + 1, true, often + 1).unwrap();
        desk.ask(key(1), CLOCKS + 2, true, CLOCKS + 2).unwrap();
    }
}
