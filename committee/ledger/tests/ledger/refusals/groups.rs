//! Rules for groups and enrolments.

use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::group::{ClassName, Enrol, GroupCreate, GroupDefinition, RegistrarSignature};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Binder, Fingerprint, GroupId, Subject};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::statement::Status;
use tacit_test_world::{Log, Refusals, Registrars};

use crate::story::{Story, refused, story, taken};

/// A second group's creation, changed.
fn creation(story: &Story, change: impl FnOnce(&mut GroupDefinition)) -> GroupCreate {
    let mut definition = story
        .registrars
        .define(&story.committee, "Town", &["a", "b"]);
    change(&mut definition);
    story
        .registrars
        .create(&story.committee.creator, definition, &[0, 1])
}

#[track_caller]
fn bad_group(log: &mut Log, creation: GroupCreate) {
    refused(log, &Entry::GroupCreate(creation), "bad-group");
}

#[test]
fn a_group_of_another_committee_is_refused() {
    let story = story();
    let mut log = story.at(0);
    taken(&mut log, &Entry::GroupCreate(creation(story, |_| {})));
    let other = creation(story, |d| d.fingerprint = Fingerprint(Digest([3; 32])));
    refused(&mut log, &Entry::GroupCreate(other), "other-committee");
}

#[test]
fn a_group_by_a_stranger_is_refused() {
    let story = story();
    let mut log = story.at(0);
    let stranger = SigningKey::from_seed([1; 32]);
    let mut definition = story.definition.clone();
    definition.creator = stranger.public();
    let by_stranger = story.registrars.create(&stranger, definition, &[0, 1]);
    refused(&mut log, &Entry::GroupCreate(by_stranger), "not-a-creator");
}

#[test]
fn a_group_needs_a_majority_of_its_registrars_to_attest() {
    let story = story();
    let mut log = story.at(0);
    for threshold in [0, 1, 4, 255] {
        bad_group(&mut log, creation(story, |d| d.threshold = threshold));
    }
    bad_group(&mut log, creation(story, |d| d.registrars.clear()));
    // 2 of 4 is no majority.
    let four = Registrars::new("four", 2, 4);
    let definition = four.define(&story.committee, "Town", &[]);
    bad_group(
        &mut log,
        four.create(&story.committee.creator, definition, &[0, 1]),
    );
    let definition = GroupDefinition {
        threshold: 3,
        ..four.define(&story.committee, "Town", &[])
    };
    let three = four.create(&story.committee.creator, definition, &[0, 1, 3]);
    taken(&mut log, &Entry::GroupCreate(three));
}

#[test]
fn a_group_names_registrars_and_classes_once_and_in_order() {
    let story = story();
    let mut log = story.at(0);
    bad_group(&mut log, creation(story, |d| d.registrars.swap(0, 1)));
    bad_group(
        &mut log,
        creation(story, |d| d.registrars[1] = d.registrars[0]),
    );
    bad_group(&mut log, creation(story, |d| d.classes.swap(0, 1)));
    bad_group(
        &mut log,
        creation(story, |d| d.classes[1] = ClassName::new("a").unwrap()),
    );
}

#[test]
fn a_group_has_a_name() {
    let story = story();
    let mut log = story.at(0);
    for name in ["", "  \t"] {
        bad_group(&mut log, creation(story, |d| d.name = name.into()));
    }
}

#[test]
fn a_group_is_signed_by_its_creator() {
    let story = story();
    let mut log = story.at(0);
    let stranger = SigningKey::from_seed([1; 32]);
    let definition = story.definition.clone();
    bad_group(
        &mut log,
        story.registrars.create(&stranger, definition, &[0, 1]),
    );
    let mut moved = creation(story, |_| {});
    moved.definition.nonce = [1; 16];
    bad_group(&mut log, moved);
}

#[test]
fn a_group_is_signed_by_a_quorum_of_different_registrars() {
    let story = story();
    let mut log = story.at(0);
    let by = |by: &[u8]| {
        let definition = story.definition.clone();
        story
            .registrars
            .create(&story.committee.creator, definition, by)
    };
    for few in [&[][..], &[0], &[1, 1], &[1, 0]] {
        bad_group(&mut log, by(few));
    }
    // One bad signature spoils a good quorum, and a position beyond the list is nobody's.
    let mut spoiled = by(&[0, 1, 2]);
    spoiled.registrars[2].signature = spoiled.registrars[0].signature;
    bad_group(&mut log, spoiled);
    let mut beyond = by(&[0, 1, 2]);
    beyond.registrars[2].registrar = 3;
    bad_group(&mut log, beyond);
    for good in [&[0, 1][..], &[0, 2], &[1, 2], &[0, 1, 2]] {
        taken(&mut log, &Entry::GroupCreate(by(good)));
    }
}

#[test]
fn a_group_is_created_once() {
    let story = story();
    let mut log = story.at(story.created);
    let by_others =
        story
            .registrars
            .create(&story.committee.creator, story.definition.clone(), &[1, 2]);
    refused(&mut log, &Entry::GroupCreate(by_others), "group-exists");
}

#[test]
fn nobody_is_enrolled_in_a_group_that_is_not_there() {
    let story = story();
    let mut log = story.at(story.created);
    let mut attestation = story.members[0].attestation();
    attestation.group = GroupId(Digest([4; 32]));
    let enrol = story.registrars.attest(attestation, &[0, 1]);
    refused(&mut log, &Entry::Enrol(enrol), "unknown-group");
}

#[test]
fn an_enrolment_is_attested_by_a_quorum_of_different_registrars() {
    let story = story();
    let mut log = story.at(story.created);
    let member = &story.members[0];
    let by = |by: &[u8]| story.registrars.attest(member.attestation(), by);
    for few in [&[][..], &[0], &[1, 1], &[1, 0]] {
        refused(&mut log, &Entry::Enrol(by(few)), "bad-attestation");
    }
    let others = Registrars::new("others", 2, 3);
    let by_others = others.attest(member.attestation(), &[0, 1]);
    refused(&mut log, &Entry::Enrol(by_others), "bad-attestation");
    let mut spoiled = by(&[0, 1, 2]);
    spoiled.registrars[1].signature.0[0] ^= 1;
    refused(&mut log, &Entry::Enrol(spoiled), "bad-attestation");
    let beyond = Enrol {
        registrars: vec![
            by(&[0]).registrars[0].clone(),
            RegistrarSignature {
                registrar: 16,
                ..by(&[1]).registrars[0].clone()
            },
        ],
        ..by(&[0, 1])
    };
    refused(&mut log, &Entry::Enrol(beyond), "bad-attestation");
    taken(&mut log, &Entry::Enrol(by(&[0, 1, 2])));
}

#[test]
fn an_attestation_holds_for_what_it_says_alone() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let good = story.registrars.enrol(&story.stranger("Gus"));
    taken(&mut log, &Entry::Enrol(good.clone()));
    let changes: [&dyn Fn(&mut Enrol); 4] = [
        &|e| e.attestation.subject = Subject(Digest([1; 32])),
        &|e| e.attestation.binder = Binder(Digest([1; 32])),
        &|e| e.attestation.leaf = FieldElement(Fr::from(7u8)),
        &|e| e.attestation.classes.push(0),
    ];
    for change in changes {
        let mut changed = good.clone();
        change(&mut changed);
        refused(&mut log, &Entry::Enrol(changed), "bad-attestation");
    }
}

#[test]
fn the_registrars_of_one_group_attest_nobody_into_another() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let others = Registrars::new("others", 2, 3);
    let definition = others.define(&story.committee, "Town", &[]);
    log.create(&others, &definition);
    let mut attestation = story.stranger("Gus").attestation();
    attestation.group = definition.id();
    let enrol = story.registrars.attest(attestation.clone(), &[0, 1]);
    refused(&mut log, &Entry::Enrol(enrol), "bad-attestation");
    taken(&mut log, &Entry::Enrol(others.attest(attestation, &[0, 1])));
}

#[test]
fn classes_of_a_member_are_the_groups_once_and_in_order() {
    let story = story();
    let mut log = story.at(story.created);
    for classes in [&[2][..], &[u16::MAX], &[0, 0], &[1, 0]] {
        let mut attestation = story.members[2].attestation();
        attestation.classes = classes.to_vec();
        let enrol = story.registrars.attest(attestation, &[0, 1]);
        refused(&mut log, &Entry::Enrol(enrol), "bad-attestation");
    }
}

#[test]
fn a_person_is_enrolled_once_and_so_is_an_identity() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let (enrolled, stranger) = (&story.members[0], story.stranger("Gus"));
    let mut second_identity = stranger.attestation();
    second_identity.subject = enrolled.subject;
    let mut second_name = stranger.attestation();
    second_name.leaf = enrolled.leaf();
    for attestation in [second_identity, second_name] {
        let enrol = story.registrars.attest(attestation, &[0, 1]);
        refused(&mut log, &Entry::Enrol(enrol), "already-enrolled");
    }
    // The same attestation by other registrars is another entry, and no other person.
    let again = story.registrars.attest(enrolled.attestation(), &[1, 2]);
    refused(&mut log, &Entry::Enrol(again), "already-enrolled");
    taken(&mut log, &Entry::Enrol(story.registrars.enrol(&stranger)));
}

#[test]
fn one_person_twice_in_a_block_is_enrolled_once() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let stranger = story.stranger("Gus");
    let entries: Vec<Vec<u8>> = [&[0, 1][..], &[1, 2]]
        .iter()
        .map(|by| Entry::Enrol(story.registrars.attest(stranger.attestation(), by)).to_bytes())
        .collect();
    let candidates: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &candidates).unwrap();
    let refused: Vec<_> = built.refused.iter().map(|(i, r)| (*i, r.code)).collect();
    assert_eq!(refused, [(1, "already-enrolled")]);
    // What was left out has left nothing behind: the block is valid as it stands.
    log.push(built.block);
    assert_eq!(log.proposer.members(&story.group).unwrap().len(), 7);
}

#[test]
fn zero_is_nobodys_leaf() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let mut attestation = story.stranger("Gus").attestation();
    attestation.leaf = FieldElement(Fr::from(0u8));
    let enrol = story.registrars.attest(attestation, &[0, 1]);
    refused(&mut log, &Entry::Enrol(enrol), "zero-leaf");
}

#[test]
fn a_full_group_takes_nobody() {
    let story = story();
    let (_folder, mut log) = crate::damage::on_disk(story.enrolled, |db| {
        db.execute("UPDATE trees SET size = 1 << 20 WHERE class = -1", [])
            .unwrap();
    });
    let enrol = Entry::Enrol(story.registrars.enrol(&story.stranger("Gus")));
    assert_eq!(log.refusals(&enrol.to_bytes()), Refusals::all("group-full"));
}

#[test]
fn members_may_be_enrolled_while_a_statement_collects() {
    let story = story();
    let mut log = story.at(story.collecting);
    let before = log.view(&story.open).opening;
    log.next([Entry::Enrol(story.registrars.enrol(&story.stranger("Gus")))]);
    assert_eq!(
        log.view(&story.open).opening,
        before,
        "the roster is frozen"
    );
    assert_eq!(log.status(&story.open), Status::Collecting);
}
