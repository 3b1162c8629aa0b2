//! The queue: one turn at a time, a time limit, strikes. No clock, no disk, no network: the time is an
//! argument, and what happened is the answer.
//!
//! Anybody can make keys without end, so a key that nobody knows waits behind those that the rules, the
//! transcript or the coordinator's own list name; and whoever has let a turn pass waits behind their like
//! who haven't. Strangers among themselves have no order that numbers couldn't beat.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tacit_protocol::keys::PublicKey;
use thiserror::Error;

use crate::transcript::Reason;

/// Who waits at most.
pub const MAX_WAITING: usize = 1_000;
/// Who waits and says nothing for so many seconds has left.
pub const SILENCE: u64 = 60;
/// Whose turn it is and who says nothing for so many seconds has missed it.
pub const NO_SIGN: u64 = 120;
/// So many times longer one may be silent while others fill the coordinator's doors.
const PATIENCE: u64 = 4;

/// The rules of the queue.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Seconds for a turn.
    pub turn: u64,
    /// Missed turns after which nobody is let in again.
    pub strikes: u8,
    /// Who may come, ascending; empty: anybody.
    pub listed: Vec<PublicKey>,
    /// Who goes before strangers, beside those listed.
    pub known: BTreeSet<PublicKey>,
    /// When the phase closes: no turn goes on after it.
    pub closes: Option<u64>,
}

/// Why somebody isn't let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// Not on the list.
    #[error("this key is not on the ceremony's list")]
    NotListed,
    /// Too many missed turns.
    #[error("this key has missed as many turns as it may")]
    Strikes,
    /// The queue is full.
    #[error("{MAX_WAITING} people are waiting already")]
    Full,
    /// Too many came just now, or this one came too often.
    #[error("too many ask for a turn just now")]
    TooOften,
}

/// A turn that has ended by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Its owner has missed it, for this reason.
    Missed(PublicKey, Reason),
    /// The coordinator couldn't take what came: nobody's fault.
    Failed(PublicKey),
}

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// So many are before them, the one whose turn it is too.
    Waiting(usize),
    /// It's their turn until then.
    Turn {
        /// Unix time in seconds.
        until: u64,
    },
    /// What they handed in is being checked.
    Checking,
    /// They aren't in the queue.
    Nowhere,
}

#[derive(Debug, Clone)]
struct Waiting {
    key: PublicKey,
    rank: Rank,
    seen: u64,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Known,
    KnownBefore,
    Stranger,
    StrangerBefore,
}

#[derive(Debug, Clone)]
struct Turn {
    key: PublicKey,
    seen: u64,
    since: u64,
    until: u64,
    received: bool,
    checking: bool,
    /// Since when the coordinator can't take what comes, by its own trouble.
    trouble: Option<u64>,
}

impl Turn {
    /// So many seconds more, and not beyond the phase's closing.
    fn prolong(&mut self, seconds: u64, closes: Option<u64>) {
        let until = self.until.saturating_add(seconds);
        self.until = closes.map_or(until, |closes| until.min(closes));
    }
}

/// The queue of one phase.
#[derive(Debug)]
pub struct Queue {
    rules: Rules,
    /// By rank, then by when they came.
    waiting: VecDeque<Waiting>,
    turn: Option<Turn>,
    missed: BTreeMap<PublicKey, usize>,
    /// Who has left a turn that had begun.
    left: BTreeSet<PublicKey>,
    /// Seconds that turns have taken, and how many there were: for estimates.
    taken: (u64, u64),
}

impl Queue {
    /// Nobody waits yet; missed turns are those of the phase in the transcript.
    pub fn new(rules: Rules, missed: BTreeMap<PublicKey, usize>) -> Self {
        Self {
            rules,
            waiting: VecDeque::new(),
            turn: None,
            missed,
            left: BTreeSet::new(),
            taken: (0, 0),
        }
    }

    /// Whether the rules, the transcript or the coordinator name somebody.
    pub fn knows(&self, key: &PublicKey) -> bool {
        self.rules.known.contains(key) || self.rules.listed.binary_search(key).is_ok()
    }

    fn rank(&self, key: &PublicKey) -> Rank {
        let before = self.missed.contains_key(key) || self.left.contains(key);
        match (self.knows(key), before) {
            (true, false) => Rank::Known,
            (true, true) => Rank::KnownBefore,
            (false, false) => Rank::Stranger,
            (false, true) => Rank::StrangerBefore,
        }
    }

    /// Lets somebody in, behind those of their rank. Who is in already keeps their place. In a full queue
    /// somebody known takes the last stranger's place.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn join(&mut self, key: PublicKey, now: u64) -> Result<Place, Refused> {
        let listed = &self.rules.listed;
        if !listed.is_empty() && listed.binary_search(&key).is_err() {
            return Err(Refused::NotListed);
        }
        let missed = self.missed.get(&key).copied().unwrap_or(0);
        if missed >= usize::from(self.rules.strikes) {
            return Err(Refused::Strikes);
        }
        if self.place(&key) == Place::Nowhere {
            let rank = self.rank(&key);
            if self.waiting.len() >= MAX_WAITING {
                let stranger = |w: &Waiting| w.rank >= Rank::Stranger;
                let room = rank < Rank::Stranger && self.waiting.back().is_some_and(stranger);
                if !room {
                    return Err(Refused::Full);
                }
                self.waiting.pop_back();
            }
            let at = self.waiting.partition_point(|w| w.rank <= rank);
            let seen = now;
            self.waiting.insert(at, Waiting { key, rank, seen });
        }
        self.advance(now);
        Ok(self.seen(&key, now))
    }

    /// Somebody gives a sign of life.
    pub fn seen(&mut self, key: &PublicKey, now: u64) -> Place {
        if let Some(turn) = self.turn.as_mut().filter(|t| t.key == *key) {
            turn.seen = now;
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.key == *key) {
            waiting.seen = now;
        }
        self.place(key)
    }

    /// Where somebody stands.
    pub fn place(&self, key: &PublicKey) -> Place {
        match &self.turn {
            Some(turn) if turn.key == *key && turn.checking => return Place::Checking,
            Some(turn) if turn.key == *key => return Place::Turn { until: turn.until },
            _ => {}
        }
        let before = usize::from(self.turn.is_some());
        match self.waiting.iter().position(|w| w.key == *key) {
            Some(i) => Place::Waiting(i + before),
            None => Place::Nowhere,
        }
    }

    /// Somebody leaves. A turn that has begun isn't missed by leaving it once; from then on it counts as a
    /// strike, or one could hold the queue for ever by leaving just before each turn's end.
    pub fn leave(&mut self, key: &PublicKey, now: u64) {
        self.waiting.retain(|w| w.key != *key);
        match &self.turn {
            Some(turn) if turn.key != *key || turn.checking => {}
            Some(turn) if turn.trouble.is_some() => self.abandoned(now),
            Some(_) => self.gone(now),
            None => {}
        }
    }

    fn gone(&mut self, now: u64) {
        if let Some(turn) = self.turn.take()
            && !self.left.insert(turn.key)
        {
            *self.missed.entry(turn.key).or_insert(0) += 1;
        }
        self.advance(now);
    }

    /// Whether it's this one's turn, and not over.
    pub fn has_turn(&self, key: &PublicKey, now: u64) -> bool {
        let turn = self.turn.as_ref();
        turn.is_some_and(|t| t.key == *key && !t.checking && now < t.until)
    }

    /// Bytes came from whose turn it is, and are there. If that failed before, the time since then counts
    /// for nobody.
    pub fn received(&mut self, key: &PublicKey, now: u64) {
        let closes = self.rules.closes;
        if let Some(turn) = self.turn.as_mut().filter(|t| t.key == *key) {
            turn.received = true;
            if let Some(since) = turn.trouble.take() {
                turn.prolong(now.saturating_sub(since), closes);
            }
        }
    }

    /// What comes from whose turn it is can't be taken, by the coordinator's own trouble. Until something is
    /// taken again, the turn may end, and isn't missed.
    pub fn troubled(&mut self, key: &PublicKey, now: u64) {
        if let Some(turn) = self.turn.as_mut().filter(|t| t.key == *key) {
            turn.trouble.get_or_insert(now);
        }
    }

    /// What was handed in is being checked: the clock stands still. Only one can win this.
    pub fn check(&mut self, key: &PublicKey, now: u64) -> bool {
        let has = self.has_turn(key, now);
        if let Some(turn) = self.turn.as_mut().filter(|_| has) {
            turn.checking = true;
        }
        has
    }

    /// What was handed in wasn't worth checking: the turn goes on.
    pub fn resume(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.checking = false;
        }
    }

    /// The phase has closed: nobody waits, and no turn goes on, by nobody's fault. What is being checked
    /// came in time.
    pub fn close(&mut self) {
        self.waiting.clear();
        if !self.is_checking() {
            self.turn = None;
        }
    }

    /// Whether something is being checked.
    pub fn is_checking(&self) -> bool {
        self.turn.as_ref().is_some_and(|t| t.checking)
    }

    /// The turn ended well.
    pub fn accepted(&mut self, now: u64) {
        if let Some(turn) = self.turn.take() {
            self.taken.0 += now.saturating_sub(turn.since);
            self.taken.1 += 1;
        }
        self.advance(now);
    }

    /// The turn ended, and neither well nor by its owner's fault.
    pub fn abandoned(&mut self, now: u64) {
        self.turn = None;
        self.advance(now);
    }

    /// The turn came to nothing.
    pub fn refused(&mut self, now: u64) {
        if let Some(turn) = self.turn.take() {
            *self.missed.entry(turn.key).or_insert(0) += 1;
        }
        self.advance(now);
    }

    /// For so many seconds nothing was done here, so nobody could give a sign: they count for nobody.
    pub fn slept(&mut self, seconds: u64, now: u64) {
        let later = |seen: u64| seen.saturating_add(seconds).min(now).max(seen);
        for waiting in &mut self.waiting {
            waiting.seen = later(waiting.seen);
        }
        if let Some(turn) = &mut self.turn {
            turn.seen = later(turn.seen);
            turn.trouble = turn.trouble.map(later);
            turn.prolong(seconds, self.rules.closes);
        }
    }

    /// Time has passed: the answer is whose turn has ended by that, if one has, and why. While others fill
    /// the doors (`pressed`), silence is longer borne, and then is like leaving: whoever has the turn could
    /// have filled them. The turn's own time is over when it is over.
    pub fn tick(&mut self, now: u64, pressed: bool) -> Option<Over> {
        let times = if pressed { PATIENCE } else { 1 };
        self.waiting
            .retain(|w| now < w.seen.saturating_add(SILENCE * times));
        let over = self.turn.as_ref().filter(|turn| {
            let silent = now >= turn.seen.saturating_add(NO_SIGN * times);
            !turn.checking && (now >= turn.until || silent)
        });
        let Some(turn) = over else {
            self.advance(now);
            return None;
        };
        if turn.trouble.is_some() {
            let failed = Over::Failed(turn.key);
            self.abandoned(now);
            return Some(failed);
        }
        if pressed && now < turn.until {
            self.gone(now);
            return None;
        }
        let reason = if turn.received {
            Reason::Late
        } else {
            Reason::Silent
        };
        let missed = Over::Missed(turn.key, reason);
        self.refused(now);
        Some(missed)
    }

    fn advance(&mut self, now: u64) {
        if self.turn.is_some() || self.rules.closes.is_some_and(|closes| now >= closes) {
            return;
        }
        let until = now.saturating_add(self.rules.turn);
        let until = self.rules.closes.map_or(until, |closes| until.min(closes));
        self.turn = self.waiting.pop_front().map(|next| Turn {
            key: next.key,
            seen: now,
            since: now,
            until,
            received: false,
            checking: false,
            trouble: None,
        });
    }

    /// Whose turn it is.
    pub fn current(&self) -> Option<&PublicKey> {
        self.turn.as_ref().map(|t| &t.key)
    }

    /// When the turn began and when it ends.
    pub fn times(&self) -> Option<(u64, u64)> {
        self.turn.as_ref().map(|t| (t.since, t.until))
    }

    /// Whether the turn is shorter than others, because the phase closes.
    pub fn is_short(&self) -> bool {
        let turn = self.turn.as_ref();
        turn.is_some_and(|t| t.until < t.since.saturating_add(self.rules.turn))
    }

    /// Everybody in the queue, whose turn it is too.
    pub fn all(&self) -> BTreeSet<PublicKey> {
        let waiting = self.waiting.iter().map(|w| w.key);
        waiting.chain(self.current().copied()).collect()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Seconds until somebody's turn, if all go as the ones before, or take as long as they may.
    pub fn estimate(&self, before: usize) -> u64 {
        let (total, turns) = self.taken;
        let each = total.checked_div(turns).unwrap_or(self.rules.turn);
        each.saturating_mul(before as u64)
    }
}
