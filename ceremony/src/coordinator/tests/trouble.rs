//! The coordinator's own trouble: a disk that fails, a machine that sleeps or stops. Nobody else pays for it.

use super::*;

#[test]
fn what_was_acknowledged_is_there_after_a_loss_of_power_and_nothing_else() {
    let town = town();
    let ada = key(1);
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    let c = &town.coordinator;
    c.receive(&ticket, 0, 0, &made.file[..1000], NOW).unwrap();
    // What a piece that wasn't acknowledged may leave: a longer file, of whatever bytes.
    let incoming = town.root.path().join("private/incoming");
    let upload = fs::read_dir(&incoming).unwrap().flatten();
    let upload = upload.map(|e| e.path()).find(|p| p.extension().is_none());
    let upload = upload.unwrap();
    let mut junk = fs::read(&upload).unwrap();
    junk.extend([0; 5000]);
    fs::write(&upload, junk).unwrap();
    let Town { root, coordinator } = town;
    drop(coordinator);
    let coordinator = Coordinator::new(Folder::open(root.path()).unwrap());
    let town = Town { root, coordinator };
    let ticket = town.join(&ada, NOW + 1).unwrap();
    let standing = town.coordinator.standing(&ticket, NOW + 1).unwrap();
    assert_eq!(standing.received, [1000]);
    assert_eq!(town.hand_in(&ticket, &made, NOW + 1), Outcome::Accepted(1));
}

#[test]
fn a_disk_that_fails_costs_nobody_a_strike_and_shows_nothing_half() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    c.lock()
        .folder
        .as_mut()
        .unwrap()
        .watch(Box::new(|step| match step {
            crate::folder::Step::FolderSynced => Err(std::io::Error::other("the disk is full")),
            _ => Ok(()),
        }));
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    let outcome = town.hand_in(&ticket, &made, NOW);
    let failed = Outcome::Failed("the coordinator can't write it down now");
    assert_eq!(outcome, failed);
    assert_eq!(c.standing(&ticket, NOW).unwrap().outcome, Some(failed));
    assert_eq!(town.last(), None);
    c.lock()
        .folder
        .as_mut()
        .unwrap()
        .watch(Box::new(|_| Ok(())));
    let ticket = town.join(&ada, NOW + 1).unwrap();
    assert_eq!(town.hand_in(&ticket, &made, NOW + 1), Outcome::Accepted(1));
}

#[test]
fn the_coordinators_own_trouble_is_not_the_contributors() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let c = &town.coordinator;
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    assert_eq!(town.hand_in(&ticket, &made, NOW), Outcome::Accepted(1));
    let made = town.make(&bob);
    let before = town.root.path().join("powers/0001.ptau");
    let whole = fs::read(&before).unwrap();
    let mut rotten = whole.clone();
    rotten[200] ^= 1;
    let damages: [&dyn Fn(); 3] = [
        &|| fs::remove_file(&before).unwrap(),
        &|| fs::write(&before, b"short").unwrap(),
        &|| fs::write(&before, &rotten).unwrap(),
    ];
    for (now, damage) in (NOW + 1..).zip(damages) {
        let ticket = town.join(&bob, now).unwrap();
        c.receive(&ticket, 0, 0, &made.file, now).unwrap();
        let checking = c.hand_in(&ticket, &made.entry, now).unwrap();
        damage();
        assert_eq!(c.check(checking, || now), Outcome::Failed(CANT_CHECK));
        assert!(matches!(town.last(), Some(Entry::Contribution(_))));
        fs::write(&before, &whole).unwrap();
    }
    // An upload that can't be read any more: the disk's trouble too.
    let ticket = town.join(&bob, NOW + 10).unwrap();
    c.receive(&ticket, 0, 0, &made.file, NOW + 10).unwrap();
    let checking = c.hand_in(&ticket, &made.entry, NOW + 10).unwrap();
    fs::remove_file(&checking.files[0]).unwrap();
    let outcome = c.check(checking, || NOW + 10);
    assert_eq!(outcome, Outcome::Failed(CANT_CHECK));
    assert!(matches!(town.last(), Some(Entry::Contribution(_))));
    let ticket = town.join(&bob, NOW + 11).unwrap();
    assert_eq!(town.hand_in(&ticket, &made, NOW + 11), Outcome::Accepted(2));
}

#[test]
fn a_coordinator_that_slept_ends_nobodys_turn() {
    let town = town();
    let c = &town.coordinator;
    let ticket = town.join(&key(1), NOW).unwrap();
    c.every_second(NOW + 1);
    c.every_second(NOW + 301);
    assert_eq!(town.last(), None);
    let standing = c.standing(&ticket, NOW + 301).unwrap();
    assert_eq!(standing.place, Place::Turn { until: NOW + 360 });
    for now in NOW + 302..=NOW + 360 {
        c.every_second(now);
    }
    assert_eq!(town.missed(&key(1)), "nothing came in time");
}

#[test]
fn a_coordinator_that_does_not_know_what_its_disk_holds_gives_no_more_turns() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let c = &town.coordinator;
    let draft = town.root.path().join("transcript.bin.new");
    let blocked = draft.clone();
    let failing = move |step| match step {
        crate::folder::Step::Transcript(tacit_files::Step::Renamed) => {
            fs::create_dir(&blocked).unwrap();
            Err(std::io::Error::other("the disk failed"))
        }
        _ => Ok(()),
    };
    c.lock().folder.as_mut().unwrap().watch(Box::new(failing));
    let ticket = town.join(&ada, NOW).unwrap();
    let bobs = town.join(&bob, NOW).unwrap();
    let made = town.make(&ada);
    let outcome = town.hand_in(&ticket, &made, NOW);
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!(c.standing(&bobs, NOW).unwrap().place, Place::Nowhere);
    match town.join(&bob, NOW + 1) {
        Err(CallError::Closed(why)) => assert!(why.contains("disk"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Started again, it knows, and goes on.
    fs::remove_dir(&draft).unwrap();
    let Town { root, coordinator } = town;
    drop(coordinator);
    let coordinator = Coordinator::new(Folder::open(root.path()).unwrap());
    let town = Town { root, coordinator };
    let ticket = town.join(&bob, NOW + 2).unwrap();
    let made = town.make(&bob);
    assert_eq!(town.hand_in(&ticket, &made, NOW + 2), Outcome::Accepted(2));
}

impl Town {
    /// From now on no upload can be written.
    fn break_uploads(&self) {
        let incoming = self.root.path().join("private/incoming");
        fs::remove_dir_all(&incoming).unwrap();
        fs::write(&incoming, b"").unwrap();
    }

    fn mend_uploads(&self) {
        let incoming = self.root.path().join("private/incoming");
        fs::remove_file(&incoming).unwrap();
        fs::create_dir(&incoming).unwrap();
    }
}

fn internal<T>(answer: Result<T, CallError>) -> bool {
    matches!(answer, Err(CallError::Internal(_)))
}

#[test]
fn a_disk_that_takes_no_upload_costs_nobody_the_turn() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    town.break_uploads();
    for now in [NOW + 10, NOW + 59] {
        assert!(internal(c.receive(&ticket, 0, 0, &made.file, now)));
    }
    c.tick(NOW + 60);
    assert_eq!(town.last(), None);
    let outcome = c.standing(&ticket, NOW + 60).unwrap().outcome;
    let failed = Outcome::Failed("the coordinator can't take it now");
    assert_eq!(outcome, Some(failed));
    // It comes again, and the time of a trouble that passes isn't its time.
    let ticket = town.join(&ada, NOW + 100).unwrap();
    assert!(internal(c.receive(&ticket, 0, 0, &made.file, NOW + 110)));
    town.mend_uploads();
    let (half, rest) = made.file.split_at(1_000);
    c.receive(&ticket, 0, 0, half, NOW + 140).unwrap();
    let standing = c.standing(&ticket, NOW + 140).unwrap();
    assert_eq!(standing.place, Place::Turn { until: NOW + 190 });
    // What was taken can't be read.
    c.receive(&ticket, 0, 1_000, rest, NOW + 140).unwrap();
    town.break_uploads();
    assert!(internal(c.hand_in(&ticket, &made.entry, NOW + 150)));
    c.tick(NOW + 190);
    assert_eq!(town.last(), None);
    town.mend_uploads();
    // Whoever just doesn't come is named all the same.
    town.join(&ada, NOW + 200).unwrap();
    c.tick(NOW + 260);
    assert_eq!(town.missed(&ada), "nothing came in time");
}

#[test]
fn what_a_contribution_starts_from_that_can_not_be_read_costs_nobody_the_turn() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    fs::remove_file(town.root.path().join("powers/0000.ptau")).unwrap();
    assert!(internal(c.receive(&ticket, 0, 0, &made.file, NOW + 1)));
    c.tick(NOW + 60);
    assert_eq!(town.last(), None);
}

#[test]
fn who_comes_again_while_it_is_checked_is_told_what_became_of_it() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    c.receive(&ticket, 0, 0, &made.file, NOW).unwrap();
    let checking = c.hand_in(&ticket, &made.entry, NOW).unwrap();
    let again = town.join(&ada, NOW + 1).unwrap();
    assert_eq!(c.check(checking, || NOW + 1), Outcome::Accepted(1));
    let outcome = c.standing(&again, NOW + 2).unwrap().outcome;
    assert_eq!(outcome, Some(Outcome::Accepted(1)));
}

#[test]
fn a_check_that_breaks_off_is_told_to_whose_it_was_and_ends_no_other_turn() {
    let town = town();
    let (ada, bob) = (key(1), key(2));
    let c = &town.coordinator;
    let ticket = town.join(&ada, NOW).unwrap();
    let bobs = town.join(&bob, NOW).unwrap();
    let made = town.make(&ada);
    c.receive(&ticket, 0, 0, &made.file, NOW).unwrap();
    let checking = c.hand_in(&ticket, &made.entry, NOW).unwrap();
    drop(checking);
    for _ in 0..2 {
        c.abandon(&ada.public(), NOW + 1);
        let outcome = c.standing(&ticket, NOW + 1).unwrap().outcome;
        assert_eq!(outcome, Some(Outcome::Failed(CANT_CHECK)));
        let standing = c.standing(&bobs, NOW + 1).unwrap();
        assert_eq!(standing.place, Place::Turn { until: NOW + 61 });
    }
    assert_eq!(town.last(), None);
}

#[test]
fn a_call_that_comes_right_after_a_sleep_finds_the_turn_going_on() {
    let town = town();
    let ada = key(1);
    let c = &town.coordinator;
    c.every_second(NOW);
    let ticket = town.join(&ada, NOW).unwrap();
    let made = town.make(&ada);
    c.receive(&ticket, 0, 0, &made.file, NOW + 300).unwrap();
    // The clock comes second, and counts the sleep no second time.
    c.every_second(NOW + 301);
    let until = NOW + 360;
    let standing = c.standing(&ticket, NOW + 302).unwrap();
    assert_eq!(standing.place, Place::Turn { until });
    // Nor does a call that has waited set it back.
    c.standing(&ticket, NOW + 290).unwrap();
    c.every_second(NOW + 303);
    let standing = c.standing(&ticket, NOW + 303).unwrap();
    assert_eq!(standing.place, Place::Turn { until });
}
