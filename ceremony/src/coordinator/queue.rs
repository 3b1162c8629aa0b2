//! The queue: one turn at a time, a time limit, strikes. No clock, no disk, no network: the time is an
//! argument, and what happened is the answer.
//!
//! Anybody can make keys without end, so a key that nobody knows waits behind those that the rules, the
//! transcript or the coordinator's own list name; and whoever has let a turn pass waits behind their like
//! who haven't. Strangers among themselves have no order that numbers couldn't beat.

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

#[cfg(test)]
mod tests {
    use tacit_protocol::keys::SigningKey;

    use super::*;

    fn key(n: u8) -> PublicKey {
        SigningKey::from_seed([n; 32]).public()
    }

    fn queue() -> Queue {
        let rules = Rules {
            turn: 100,
            strikes: 2,
            ..Rules::default()
        };
        Queue::new(rules, BTreeMap::new())
    }

    #[test]
    fn there_is_one_turn_at_a_time_in_the_order_of_coming() {
        let mut q = queue();
        assert_eq!(q.join(key(1), 0), Ok(Place::Turn { until: 100 }));
        assert_eq!(q.join(key(2), 1), Ok(Place::Waiting(1)));
        assert_eq!(q.join(key(3), 2), Ok(Place::Waiting(2)));
        assert_eq!(q.join(key(2), 3), Ok(Place::Waiting(1)));
        assert!(q.has_turn(&key(1), 50) && !q.has_turn(&key(2), 50));
        assert!(!q.check(&key(2), 50) && q.check(&key(1), 50));
        // The clock stands still while something is checked, and nothing can be handed in twice.
        assert!(!q.check(&key(1), 51));
        q.seen(&key(2), 50);
        assert_eq!(q.tick(101, false), None);
        assert_eq!(q.place(&key(1)), Place::Checking);
        q.accepted(110);
        assert_eq!(q.place(&key(2)), Place::Turn { until: 210 });
        assert_eq!(q.place(&key(3)), Place::Nowhere);
        assert_eq!(q.estimate(2), 220);
    }

    #[test]
    fn who_lets_a_turn_pass_is_named_and_out_after_the_strikes() {
        let mut q = queue();
        for round in 0..2 {
            let now = round * 1000;
            q.join(key(1), now).unwrap();
            q.join(key(2), now).unwrap();
            q.seen(&key(2), now + 70);
            q.seen(&key(1), now + 70);
            q.received(&key(1), now + 70);
            q.seen(&key(2), now + 99);
            assert_eq!(
                q.tick(now + 100, false),
                Some(Over::Missed(key(1), Reason::Late))
            );
            assert_eq!(q.place(&key(2)), Place::Turn { until: now + 200 });
            q.leave(&key(2), now + 101);
        }
        assert_eq!(q.join(key(1), 5000), Err(Refused::Strikes));
        // Leaving a turn once is no strike.
        assert!(q.join(key(2), 5000).is_ok());
    }

    #[test]
    fn leaving_turns_again_and_again_counts_as_missing_them() {
        let mut q = queue();
        for round in 0..3 {
            let now = round * 1000;
            q.join(key(1), now).unwrap();
            assert_eq!(q.place(&key(1)), Place::Turn { until: now + 100 });
            q.leave(&key(1), now + 99);
        }
        assert_eq!(q.join(key(1), 5000), Err(Refused::Strikes));
        // Leaving before it's one's turn costs nothing.
        q.join(key(2), 6000).unwrap();
        for _ in 0..5 {
            q.join(key(3), 6000).unwrap();
            q.leave(&key(3), 6001);
        }
        assert!(q.join(key(3), 6002).is_ok());
    }

    #[test]
    fn who_gives_no_sign_loses_their_place_or_their_turn() {
        let mut q = queue();
        q.rules.turn = 10_000;
        q.join(key(1), 0).unwrap();
        q.join(key(2), 0).unwrap();
        assert_eq!(q.tick(SILENCE, false), None);
        assert_eq!(q.place(&key(2)), Place::Nowhere);
        assert_eq!(
            q.tick(NO_SIGN, false),
            Some(Over::Missed(key(1), Reason::Silent))
        );
    }

    #[test]
    fn strangers_are_kept_out_of_a_listed_ceremony_and_a_full_queue_is_full() {
        let mut q = queue();
        q.rules.listed = vec![key(1)];
        assert_eq!(q.join(key(2), 0), Err(Refused::NotListed));
        assert!(q.join(key(1), 0).is_ok());
        q.rules.listed.clear();
        for n in 0..MAX_WAITING {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
            seed[31] = 1;
            q.join(SigningKey::from_seed(seed).public(), 0).unwrap();
        }
        assert_eq!(q.join(key(9), 0), Err(Refused::Full));
        // Who is in keeps the place.
        assert!(q.join(key(1), 0).is_ok());
    }

    #[test]
    fn strangers_however_many_wait_behind_whom_the_ceremony_knows() {
        let mut q = queue();
        q.rules.known = [key(1), key(2)].into();
        let stranger = |n: usize| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
            seed[31] = 1;
            SigningKey::from_seed(seed).public()
        };
        // One has the turn; the rest fill the queue.
        for n in 0..=MAX_WAITING {
            q.join(stranger(n), 0).unwrap();
        }
        assert_eq!(q.join(key(9), 0), Err(Refused::Full));
        assert_eq!(q.join(key(1), 0), Ok(Place::Waiting(1)));
        assert_eq!(q.join(key(2), 0), Ok(Place::Waiting(2)));
        // The last ones went, and nobody's turn.
        assert_eq!(q.place(&stranger(MAX_WAITING)), Place::Nowhere);
        assert_eq!(q.place(&stranger(MAX_WAITING - 1)), Place::Nowhere);
        assert_eq!(q.waiting(), MAX_WAITING);
        assert!(q.has_turn(&stranger(0), 1));
        // One stranger's turn is the longest that somebody known waits for strangers.
        q.leave(&stranger(0), 1);
        assert!(q.has_turn(&key(1), 1));
        // Who has let a turn pass waits behind who hasn't.
        q.leave(&key(1), 2);
        assert!(q.has_turn(&key(2), 2));
        q.join(key(1), 2).unwrap();
        q.rules.known.insert(key(3));
        assert_eq!(q.join(key(3), 2), Ok(Place::Waiting(1)));
        assert_eq!(q.place(&key(1)), Place::Waiting(2));
    }

    #[test]
    fn silence_while_the_doors_are_full_is_longer_borne_and_then_is_like_leaving() {
        let mut q = queue();
        q.rules.turn = 10_000;
        q.join(key(1), 0).unwrap();
        q.join(key(2), 0).unwrap();
        assert_eq!(q.tick(NO_SIGN, true), None);
        assert!(q.has_turn(&key(1), NO_SIGN));
        assert_eq!(q.place(&key(2)), Place::Waiting(1));
        assert_eq!(q.tick(NO_SIGN * PATIENCE, true), None);
        assert_eq!(q.place(&key(1)), Place::Nowhere);
        // Once it is no strike, and a worse place; from then on it is one, or whoever has the turn could
        // fill the doors, be silent, and hold the queue for ever.
        let mut now = NO_SIGN * PATIENCE;
        q.rules.strikes = 1;
        q.join(key(3), now).unwrap();
        assert_eq!(
            q.place(&key(3)),
            Place::Turn {
                until: now + 10_000
            }
        );
        q.leave(&key(3), now);
        q.join(key(4), now).unwrap();
        q.join(key(1), now).unwrap();
        q.join(key(5), now).unwrap();
        assert_eq!(q.place(&key(5)), Place::Waiting(1));
        assert_eq!(q.place(&key(1)), Place::Waiting(2));
        q.leave(&key(4), now);
        q.leave(&key(5), now);
        assert!(q.has_turn(&key(1), now));
        now += NO_SIGN * PATIENCE;
        assert_eq!(q.tick(now, true), None);
        assert_eq!(q.join(key(1), now), Err(Refused::Strikes));
    }

    #[test]
    fn a_turn_whose_time_is_over_is_missed_however_full_the_doors_are() {
        let mut q = queue();
        q.rules.turn = NO_SIGN + 10;
        q.join(key(1), 0).unwrap();
        assert_eq!(q.tick(NO_SIGN + 9, true), None);
        assert_eq!(
            q.tick(NO_SIGN + 10, true),
            Some(Over::Missed(key(1), Reason::Silent))
        );
    }

    #[test]
    fn while_the_coordinator_slept_nobodys_time_went_by() {
        let mut q = queue();
        q.rules.turn = 1_000;
        q.join(key(1), 0).unwrap();
        q.join(key(2), 0).unwrap();
        q.slept(5_000, 5_010);
        assert_eq!(q.tick(5_010, false), None);
        assert_eq!(q.place(&key(1)), Place::Turn { until: 6_000 });
        assert_eq!(q.place(&key(2)), Place::Waiting(1));
        // What they had been silent for before still counts, and the closing stays where it is.
        assert_eq!(
            q.tick(5_000 + NO_SIGN, false),
            Some(Over::Missed(key(1), Reason::Silent))
        );
        q.rules.closes = Some(7_000);
        q.join(key(3), 6_500).unwrap();
        assert_eq!(q.place(&key(3)), Place::Turn { until: 7_000 });
        q.slept(400, 6_950);
        assert_eq!(q.place(&key(3)), Place::Turn { until: 7_000 });
    }

    #[test]
    fn while_the_coordinator_can_not_take_what_comes_nobodys_time_goes_by() {
        let mut q = queue();
        q.join(key(1), 0).unwrap();
        q.troubled(&key(2), 10);
        q.troubled(&key(1), 10);
        q.troubled(&key(1), 30);
        q.received(&key(1), 40);
        assert_eq!(q.place(&key(1)), Place::Turn { until: 130 });
        // What is over meanwhile isn't missed.
        q.troubled(&key(1), 120);
        assert_eq!(q.tick(130, false), Some(Over::Failed(key(1))));
        // Nor is it left, however often.
        for now in [200, 300, 400] {
            q.join(key(1), now).unwrap();
            q.troubled(&key(1), now);
            q.leave(&key(1), now);
        }
        // A sleep in the middle of it counts once.
        q.join(key(1), 500).unwrap();
        q.troubled(&key(1), 510);
        q.slept(1_000, 1_520);
        q.received(&key(1), 1_520);
        assert_eq!(q.place(&key(1)), Place::Turn { until: 1_610 });
        // What had passed before excuses no silence later.
        assert_eq!(
            q.tick(1_610, false),
            Some(Over::Missed(key(1), Reason::Late))
        );
    }

    #[test]
    fn no_turn_goes_on_when_the_phase_has_closed_nor_begins() {
        let mut q = queue();
        q.rules.closes = Some(50);
        assert_eq!(q.join(key(1), 0), Ok(Place::Turn { until: 50 }));
        assert!(q.is_short());
        q.join(key(2), 0).unwrap();
        q.close();
        assert_eq!(q.place(&key(1)), Place::Nowhere);
        assert_eq!(q.place(&key(2)), Place::Nowhere);
        assert_eq!(q.join(key(2), 50), Ok(Place::Waiting(0)));
        assert_eq!(q.tick(51, false), None);
        assert_eq!(q.current(), None);
    }
}
