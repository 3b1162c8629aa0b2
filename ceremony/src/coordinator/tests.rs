//! Contributors, honest and hostile, before a coordinator with a clock of its own.

mod trouble;

use tacit_protocol::codec::Encode as _;
use tacit_protocol::hash::Digest;
use tacit_protocol::keys::SigningKey;

use super::*;
use crate::contributor::{self, Entropy};
use crate::folder::tests::start;
use crate::folder::{self, FolderError};
use crate::progress::Silent;
use crate::transcript::tests::key;
use crate::transcript::{Entry, Missed, Stage};

const NOW: u64 = 500;

struct Town {
    root: tempfile::TempDir,
    coordinator: Coordinator,
}

fn town() -> Town {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::create(root.path(), &start(), &key(100), &mut Silent).unwrap();
    let coordinator = Coordinator::new(folder);
    Town { root, coordinator }
}

/// A contribution's file and its signed entry.
struct Made {
    file: Vec<u8>,
    entry: Vec<u8>,
}

impl Town {
    fn join(&self, who: &SigningKey, now: u64) -> Result<String, CallError> {
        let message = self
            .coordinator
            .look(|f, _| turn_message(f.transcript().id(), now));
        let signature = who.sign(domain::SIGN_CEREMONY_TURN, &message);
        self.coordinator.join(who.public(), now, &signature, now)
    }

    fn make(&self, who: &SigningKey) -> Made {
        let path = self.root.path().join("made");
        let files = vec![path.clone()];
        self.coordinator.look(|folder, _| {
            let (layout, transcript) = (folder.layout(), folder.transcript());
            let base = folder::base(layout, transcript, &mut Silent).unwrap();
            let entropy = Entropy::gather(b"").unwrap();
            contributor::contribute(&base, entropy, None, &files, &mut Silent).unwrap();
            let (signed, _) =
                contributor::sign(layout, transcript, &files, who, None, 5, &mut Silent).unwrap();
            Made {
                file: fs::read(&path).unwrap(),
                entry: signed.to_bytes(),
            }
        })
    }

    /// Signs for whatever bytes a file has now.
    fn vouch(&self, who: &SigningKey, made: &mut Made) {
        let path = self.root.path().join("vouched");
        fs::write(&path, &made.file).unwrap();
        let (hash, bytes) = crate::parts::file_hash(&path).unwrap();
        let mut entry = Signed::from_bytes(&made.entry).unwrap().entry;
        if let Entry::Contribution(c) = &mut entry {
            (c.parts[0].file, c.parts[0].bytes) = (hash, bytes);
        }
        let signed = self.coordinator.look(|book, _| {
            let transcript = book.transcript();
            entry.sign(transcript.id(), &transcript.head(), who)
        });
        made.entry = signed.to_bytes();
    }

    fn hand_in(&self, ticket: &str, made: &Made, now: u64) -> Outcome {
        let received = self.coordinator.standing(ticket, now).unwrap().received[0];
        let rest = &made.file[received as usize..];
        self.coordinator
            .receive(ticket, 0, received, rest, now)
            .unwrap();
        let checking = self.coordinator.hand_in(ticket, &made.entry, now).unwrap();
        self.coordinator.check(checking, || now)
    }

    fn last(&self) -> Option<Entry> {
        self.coordinator.look(|f, _| {
            let links = f.transcript().links();
            links.last().map(|l| l.signed.entry.clone())
        })
    }

    fn missed(&self, who: &SigningKey) -> String {
        match self.last() {
            Some(Entry::Missed(m)) if m.contributor == who.public() => m.reason.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn contributors_take_turns_and_an_interrupted_upload_goes_on() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let ticket = town.join(&ada, NOW).unwrap();
    let bobs = town.join(&bob, NOW).unwrap();
    let made = town.make(&ada);
    let half = made.file.len() / 2;
    let c = &town.coordinator;
    assert_eq!(
        c.receive(&ticket, 0, 0, &made.file[..half], NOW).unwrap(),
        half as u64
    );
    assert!(matches!(
        c.receive(&ticket, 0, 0, &made.file, NOW),
        Err(CallError::Offset { expected, found: 0 }) if expected == half as u64
    ));
    // A new ticket, as after a broken connection: the first half is still there.
    let again = town.join(&ada, NOW + 1).unwrap();
    assert!(matches!(c.standing(&ticket, NOW), Err(CallError::Ticket)));
    let standing = c.standing(&again, NOW + 1).unwrap();
    assert_eq!(standing.received, [half as u64]);
    assert_eq!(town.hand_in(&again, &made, NOW + 1), Outcome::Accepted(1));
    assert!(matches!(
        c.standing(&bobs, NOW + 1).unwrap().place,
        Place::Turn { .. }
    ));
    assert!(matches!(town.join(&ada, NOW + 2), Err(CallError::Again)));
}

#[test]
fn of_two_who_race_for_one_turn_one_contributes_and_the_other_waits() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let tickets = [town.join(&ada, NOW).unwrap(), town.join(&bob, NOW).unwrap()];
    let made = [town.make(&ada), town.make(&bob)];
    let c = &town.coordinator;
    let outcomes = std::thread::scope(|scope| {
        let race = |i: usize| {
            let (ticket, made) = (&tickets[i], &made[i]);
            move || {
                c.receive(ticket, 0, 0, &made.file, NOW)?;
                let checking = c.hand_in(ticket, &made.entry, NOW)?;
                Ok::<_, CallError>(c.check(checking, || NOW))
            }
        };
        let runners = [scope.spawn(race(0)), scope.spawn(race(1))];
        runners.map(|r| r.join().unwrap())
    });
    let [adas, bobs] = outcomes;
    assert_eq!(adas.unwrap(), Outcome::Accepted(1));
    // Either it wasn't Bob's turn yet, or it was already, on a base that had moved on.
    match bobs {
        Err(CallError::NotYourTurn) => {}
        Err(CallError::Invalid(rule)) => assert!(rule.contains("entry"), "{rule}"),
        other => panic!("{other:?}"),
    }
    c.look(|f, _| assert_eq!(f.transcript().count(), 1));
}

#[test]
fn the_same_contribution_is_never_accepted_twice() {
    let town = town();
    let ada = key(1);
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    let c = &town.coordinator;
    c.receive(&ticket, 0, 0, &made.file, NOW).unwrap();
    let checking = c.hand_in(&ticket, &made.entry, NOW).unwrap();
    assert!(matches!(
        c.hand_in(&ticket, &made.entry, NOW),
        Err(CallError::NotYourTurn)
    ));
    assert!(matches!(
        c.receive(&ticket, 0, 0, b"more", NOW),
        Err(CallError::NotYourTurn)
    ));
    assert_eq!(c.check(checking, || NOW), Outcome::Accepted(1));
}

#[test]
fn a_hostile_contributor_costs_its_turn_and_is_named() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    let stale = town.make(&key(2));
    // Somebody else contributes in between: what was made before is stale now.
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    town.hand_in(&ticket, &made, NOW);
    let hostile = [
        (key(2), "stale", "contribution"),
        (key(3), "garbage", "not a .ptau file"),
        (key(4), "identity", "infinity"),
        (key(5), "other-file", "does not say what the files are"),
    ];
    for (now, (who, what, rule)) in (NOW + 1..).zip(hostile) {
        let ticket = town.join(&who, now).unwrap();
        let mut made = town.make(&who);
        match what {
            "stale" => made.file.clone_from(&stale.file),
            "garbage" => made.file = vec![7; 5_000],
            "identity" => {
                let start = 12 + 12 + 44 + 12 + 64 * 5;
                made.file[start..start + 64].fill(0);
            }
            _ => made.file = town.make(&who).file,
        }
        town.vouch(&who, &mut made);
        let outcome = town.hand_in(&ticket, &made, now);
        let Outcome::Refused(told) = outcome else {
            panic!("{what}: {outcome:?}");
        };
        assert!(told.contains(rule), "{what}: {told}");
        assert!(!told.contains("incoming"), "{told}");
        assert_eq!(town.missed(&who), told);
        c.look(|f, _| assert_eq!(f.transcript().count(), 1));
    }
    // Silence.
    let now = NOW + 100;
    let ticket = town.join(&key(7), now).unwrap();
    c.tick(now + 59);
    assert!(c.standing(&ticket, now + 59).is_ok());
    c.tick(now + 60);
    assert_eq!(town.missed(&key(7)), "nothing came in time");
    // A huge upload is stopped, and loses the turn by the clock.
    let now = NOW + 200;
    let ticket = town.join(&key(8), now).unwrap();
    let most = made.file.len() as u64 + MAX_GROWTH;
    let huge = vec![0; MAX_PIECE as usize];
    let refused = c.receive(&ticket, 0, 0, &huge, now);
    assert!(matches!(refused, Err(CallError::TooLong(m)) if m <= most));
    c.tick(now + 60);
    assert_eq!(town.missed(&key(8)), "nothing came in time");
    // And an honest one goes on.
    let ticket = town.join(&key(2), NOW + 300).unwrap();
    let made = town.make(&key(2));
    assert_eq!(
        town.hand_in(&ticket, &made, NOW + 300),
        Outcome::Accepted(2)
    );
}

#[test]
fn what_somebody_did_not_sign_never_costs_them_the_turn() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let c = &town.coordinator;
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    c.receive(&ticket, 0, 0, &made.file, NOW).unwrap();
    let last = made.entry.len() - 1;
    let mut forged = made.entry.clone();
    forged[last] ^= 1;
    let bobs = town.make(&bob).entry;
    // Signed by the right one, and over another transcript.
    let elsewhere = c.look(|f, _| {
        let signed = Signed::from_bytes(&made.entry).unwrap();
        let other = Digest([9; 32]);
        signed.entry.sign(f.transcript().id(), &other, &ada)
    });
    let missed = c.look(|f, _| {
        let entry = Entry::Missed(Missed {
            contributor: ada.public(),
            stage: Stage::Powers,
            at: NOW,
            reason: Reason::Silent,
        });
        entry.sign(f.transcript().id(), &f.transcript().head(), &ada)
    });
    for (entry, rule) in [
        (forged, "not signed"),
        (elsewhere.to_bytes(), "not signed"),
        (bobs, "another contributor's"),
        (missed.to_bytes(), "no contribution"),
        (b"garbage".to_vec(), "can't be read"),
    ] {
        match c.hand_in(&ticket, &entry, NOW) {
            Err(CallError::Invalid(told)) => assert!(told.contains(rule), "{told}"),
            other => panic!("{:?}", other.map(drop)),
        }
        let standing = c.standing(&ticket, NOW).unwrap();
        assert!(matches!(standing.place, Place::Turn { .. }));
    }
    assert_eq!(town.last(), None);
    // Whoever has the ticket can spoil the upload, and its owner makes it again within the turn.
    let mut thief = town.make(&ada);
    thief.file[100] ^= 1;
    c.leave(&town.join(&bob, NOW).unwrap(), NOW).unwrap();
    let spoilt = c.receive(&ticket, 0, made.file.len() as u64, b"x", NOW);
    spoilt.unwrap();
    match c.hand_in(&ticket, &made.entry, NOW) {
        Err(CallError::Invalid(told)) => assert!(told.contains("upload it again"), "{told}"),
        other => panic!("{:?}", other.map(drop)),
    }
    assert_eq!(town.hand_in(&ticket, &made, NOW + 1), Outcome::Accepted(1));
}

#[test]
fn a_phase_that_closes_ends_turns_without_a_strike() {
    let town = town();
    let c = &town.coordinator;
    // The rules close phase 1 at 1,000, and a turn has 60 seconds.
    let ticket = town.join(&key(1), 990).unwrap();
    let standing = c.standing(&ticket, 990).unwrap();
    assert_eq!(standing.place, Place::Turn { until: 1_000 });
    assert!(standing.short);
    assert_eq!(standing.closes, Some(1_000));
    let waiting = town.join(&key(2), 990).unwrap();
    c.receive(&ticket, 0, 0, b"something", 990).unwrap();
    c.tick(1_000);
    c.tick(1_060);
    assert_eq!(town.last(), None);
    for ticket in [ticket, waiting] {
        assert_eq!(c.standing(&ticket, 1_060).unwrap().place, Place::Nowhere);
    }
}

#[test]
fn strangers_who_ask_without_end_keep_nobody_out_whom_the_ceremony_knows() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::create(root.path(), &start(), &key(100), &mut Silent).unwrap();
    let known = [key(1).public(), key(2).public()].into();
    let coordinator = Coordinator::preferring(folder, known);
    let town = Town { root, coordinator };
    let mut refused = 0;
    let mut seed = [7; 32];
    for n in 0..400u32 {
        seed[..4].copy_from_slice(&n.to_be_bytes());
        match town.join(&SigningKey::from_seed(seed), NOW) {
            Ok(_) => {}
            Err(CallError::Refused(Refused::TooOften)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > 0);
    let ticket = town.join(&key(1), NOW).unwrap();
    let standing = town.coordinator.standing(&ticket, NOW).unwrap();
    assert_eq!(standing.place, Place::Waiting(1));
    // One key doesn't ask all the time either.
    let mut asked = (1..200).map(|n| town.join(&key(2), NOW + n));
    let often =
        |r: Result<String, CallError>| matches!(r, Err(CallError::Refused(Refused::TooOften)));
    assert!(asked.any(often));
}

#[test]
fn a_phase_is_ended_while_the_coordinator_runs_and_its_strikes_end_with_it() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let c = &town.coordinator;
    for round in 0..2 {
        let now = NOW + 100 * round;
        town.join(&bob, now).unwrap();
        c.tick(now + 60);
    }
    let layout = c.look(|f, _| f.layout().clone());
    let beacon_of = |stage| errand::Errand::Beacon(stage, crate::transcript::Evidence::Known);
    let beacon = beacon_of(Stage::Powers);
    let run = |errand: &errand::Errand| {
        let asked = errand::ask(&layout, errand).unwrap();
        assert_eq!(asked.look().unwrap(), errand::Seen::Waiting);
        let (taken, found) = errand::take(&layout).unwrap();
        assert_eq!(found, *errand);
        assert_eq!(asked.look().unwrap(), errand::Seen::Waiting);
        taken.answer(&c.run_errand(found, NOW));
        match asked.look().unwrap() {
            errand::Seen::Answered(answer) => answer,
            other => panic!("{other:?}"),
        }
    };
    let refused = run(&beacon);
    assert_eq!(refused.wrong.as_deref(), Some("not-due"), "{refused:?}");
    let now = NOW + 300;
    let ticket = town.join(&ada, now).unwrap();
    let made = town.make(&ada);
    assert_eq!(town.hand_in(&ticket, &made, now), Outcome::Accepted(1));
    // What an earlier coordinator had taken, nobody does.
    let asked = errand::ask(&layout, &beacon).unwrap();
    drop(errand::take(&layout));
    errand::tidy(&layout);
    assert_eq!(asked.look().unwrap(), errand::Seen::Lost);
    let done = run(&beacon);
    assert_eq!(done.wrong, None, "{done:?}");
    // Phase 2: a new queue. Whoever asks once more for the end of phase 1 doesn't end it.
    let ticket = town.join(&bob, now + 1).unwrap();
    let made = town.make(&bob);
    assert_eq!(town.hand_in(&ticket, &made, now + 1), Outcome::Accepted(1));
    assert_eq!(
        run(&errand::Errand::Finish).wrong.as_deref(),
        Some("not-due")
    );
    assert_eq!(run(&beacon).wrong, None);
    c.look(|f, _| assert_eq!(f.transcript().stage(), Some(Stage::Keys)));
    assert_eq!(run(&beacon_of(Stage::Keys)).wrong, None);
    assert_eq!(run(&errand::Errand::Finish).wrong, None);
    c.look(|f, _| assert!(f.transcript().finished().is_some()));
    assert!(errand::take(&layout).is_none());
}

#[test]
fn strikes_outlive_a_restart_and_so_does_an_upload() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    for round in 0..2 {
        let now = NOW + 100 * round;
        town.join(&ada, now).unwrap();
        town.coordinator.tick(now + 60);
    }
    let now = NOW + 300;
    assert!(matches!(
        town.join(&ada, now),
        Err(CallError::Refused(Refused::Strikes))
    ));
    let made = town.make(&bob);
    let ticket = town.join(&bob, now).unwrap();
    let half = made.file.len() / 2;
    let half = &made.file[..half];
    town.coordinator.receive(&ticket, 0, 0, half, now).unwrap();
    let Town { root, coordinator } = town;
    drop(coordinator);
    let coordinator = Coordinator::new(Folder::open(root.path()).unwrap());
    let town = Town { root, coordinator };
    assert!(matches!(
        town.join(&ada, now + 1),
        Err(CallError::Refused(Refused::Strikes))
    ));
    let ticket = town.join(&bob, now + 1).unwrap();
    assert_eq!(town.hand_in(&ticket, &made, now + 1), Outcome::Accepted(1));
}

#[test]
fn a_request_is_its_keys_now_and_once_and_a_closed_phase_takes_none() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    let message = c.look(|f, _| turn_message(f.transcript().id(), NOW));
    let signature = ada.sign(domain::SIGN_CEREMONY_TURN, &message);
    let refused = |key: PublicKey, at: u64, now: u64| {
        matches!(c.join(key, at, &signature, now), Err(CallError::Request))
    };
    assert!(refused(key(2).public(), NOW, NOW));
    assert!(refused(ada.public(), NOW + 1, NOW));
    assert!(c.join(ada.public(), NOW, &signature, NOW).is_ok());
    assert!(matches!(
        c.join(ada.public(), NOW, &signature, NOW),
        Err(CallError::Repeated)
    ));
    // The rules close phase 1 at 1,000.
    assert!(matches!(
        town.join(&key(3), 1_000),
        Err(CallError::Closed(_))
    ));
}

#[test]
fn who_leaves_takes_the_upload_along_and_costs_nobody_room() {
    let town = town();
    let c = &town.coordinator;
    for n in 1..5 {
        let now = NOW + u64::from(n);
        let ticket = town.join(&key(n), now).unwrap();
        c.receive(&ticket, 0, 0, &[7; 1000], now).unwrap();
        let incoming = town.root.path().join("private/incoming");
        assert_eq!(fs::read_dir(&incoming).unwrap().count(), 2);
        c.leave(&ticket, now).unwrap();
        assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0);
    }
    assert_eq!(town.last(), None);
}

#[test]
fn too_few_contributors_end_no_phase_and_cost_nobody_a_place() {
    let root = tempfile::tempdir().unwrap();
    let mut start = start();
    start.descriptor.least = 2;
    let folder = Folder::create(root.path(), &start, &key(100), &mut Silent).unwrap();
    let coordinator = Coordinator::new(folder);
    let town = Town { root, coordinator };
    let ticket = town.join(&key(1), NOW).unwrap();
    let made = town.make(&key(1));
    assert_eq!(town.hand_in(&ticket, &made, NOW), Outcome::Accepted(1));
    let ticket = town.join(&key(2), NOW).unwrap();
    let c = &town.coordinator;
    let known = crate::transcript::Evidence::Known;
    let refused = c.end_phase(Stage::Powers, known, NOW, &mut Silent);
    assert!(matches!(
        refused,
        Err(StepError::Folder(FolderError::NotDue(_)))
    ));
    let standing = c.standing(&ticket, NOW).unwrap();
    assert!(matches!(standing.place, Place::Turn { .. }));
}

#[test]
fn an_errand_whose_command_has_gone_is_not_done_and_one_that_breaks_off_is_answered() {
    let town = town();
    let layout = town.coordinator.look(|b, _| b.layout().clone());
    let folder = layout.private().join("errands");
    let asked = errand::ask(&layout, &errand::Errand::Finish).unwrap();
    // As a killed process leaves it: its files are there, its lock isn't.
    let left = fs::read_dir(&folder).unwrap().flatten();
    let left = left.map(|e| e.path()).collect::<Vec<_>>();
    let copies = left.iter().map(|p| (p.clone(), fs::read(p).unwrap()));
    let copies = copies.collect::<Vec<_>>();
    drop(asked);
    for (path, bytes) in copies {
        fs::write(path, bytes).unwrap();
    }
    assert!(errand::take(&layout).is_none());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let asked = errand::ask(&layout, &errand::Errand::Finish).unwrap();
    drop(errand::take(&layout).unwrap());
    match asked.look().unwrap() {
        errand::Seen::Answered(answer) => assert_eq!(answer.wrong.as_deref(), Some("ceremony")),
        other => panic!("{other:?}"),
    }
    drop(asked);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
