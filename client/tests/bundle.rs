//! What a signer relies on: each test breaks one thing of a certified bundle.

mod committee;

use committee::{Committee, Person, START_MS, append, follow, signing_key, tree};
use tacit_client::bundle::{BundleError, MAX_HEAD_AGE_MS, check_group};
use tacit_client::roster::{Roster, RosterError};
use tacit_protocol::certificate::CertificateError;
use tacit_protocol::chain::{Chain, ChainError, Event, Facts, Tree};
use tacit_protocol::entry::{Entry, EntryError};
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::founding::FoundingError;
use tacit_protocol::group::{ClassName, Enrol, GroupError};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::ids::{CircuitId, Fingerprint, GroupId, StatementId};
use tacit_protocol::keys::BadSignature;
use tacit_protocol::lean_imt::LeanImtError;
use tacit_protocol::proof::{Bundle, CertifiedChain};
use tacit_protocol::statement::{Statement, StatementPropose};
use tacit_protocol::trigger::{Counts as _, Trigger, TriggerError};

fn refused(committee: &Committee, change: impl FnOnce(&mut Bundle)) -> BundleError {
    let mut bundle = committee.bundle();
    change(&mut bundle);
    committee.check(&bundle).unwrap_err()
}

#[test]
fn a_bundle_says_what_it_certifies() {
    let mut committee = Committee::new();
    let sealed = committee.seal(1, None, None, 1);
    committee.count(sealed.sign.clone());
    let certified = committee.certified_bundle();
    assert_eq!(certified.id, committee.id());
    assert_eq!(certified.statement, committee.statement);
    assert_eq!(certified.signatures, [sealed.sign]);
    assert_eq!(certified.roster.members.len(), 5);
    assert_eq!(certified.opening(), Ok(&committee.opening));
    assert_eq!(certified.time_ms, START_MS + 3_600_000);
}

#[test]
fn another_committee_is_refused() {
    let committee = Committee::new();
    let pinned = Fingerprint(Digest([1; 32]));
    let refused = tacit_client::bundle::check(&committee.bundle(), &pinned, &committee.id());
    let found = committee.fingerprint;
    let expected = BundleError::OtherCommittee {
        expected: pinned,
        found,
    };
    assert_eq!(refused.unwrap_err(), expected);
}

#[test]
fn a_founding_file_that_an_operator_did_not_sign_is_refused() {
    let error = refused(&Committee::new(), |b| b.founding.signatures[2] = None);
    assert_eq!(error, BundleError::Founding(FoundingError::Unsigned(2)));
}

#[test]
fn another_verifying_key_is_refused() {
    let error = refused(&Committee::new(), |b| b.verifying_key[0] ^= 1);
    assert_eq!(error, BundleError::VerifyingKey);
}

#[test]
fn another_statement_is_refused() {
    let committee = Committee::new();
    let asked = StatementId(Digest([1; 32]));
    let fingerprint = &committee.fingerprint;
    let refused = tacit_client::bundle::check(&committee.bundle(), fingerprint, &asked);
    let found = committee.id();
    let expected = BundleError::OtherStatement {
        expected: asked,
        found,
    };
    assert_eq!(refused.unwrap_err(), expected);
}

#[test]
fn a_state_that_no_quorum_signed_is_refused() {
    let committee = Committee::new();
    let later = refused(&committee, |b| b.state.header.headers[0].timestamp_ms += 1);
    assert_eq!(
        later,
        BundleError::Certificate(CertificateError::OtherBlock)
    );
    let last = committee.bundle().state.header.certificate.len() - 1;
    let forged = refused(&committee, |b| b.state.header.certificate[last] ^= 1);
    assert_eq!(
        forged,
        BundleError::Certificate(CertificateError::Signature(2))
    );
    let moved = refused(&committee, |b| {
        if let Facts::Statement(facts) = &mut b.state.facts[1].facts {
            facts.count += 1;
        }
    });
    assert_eq!(moved, BundleError::Certificate(CertificateError::Path));
}

#[test]
fn facts_must_be_of_one_group_and_one_statement() {
    let committee = Committee::new();
    let (group, statement) = (
        Facts::Group(committee.group_facts()),
        Facts::Statement(committee.statement_facts()),
    );
    let sets = [
        vec![group.clone()],
        vec![statement.clone(), group.clone()],
        vec![group.clone(), group.clone()],
        vec![group.clone(), statement.clone(), statement],
    ];
    for facts in sets {
        let error = refused(&committee, |b| b.state = committee.certify(facts));
        assert_eq!(error, BundleError::Facts);
    }
}

#[test]
fn a_chain_with_anything_left_out_is_refused() {
    let committee = Committee::new();
    let head = |whose| BundleError::Chain(whose, ChainError::Head);
    let error = refused(&committee, |b| {
        b.group.links.pop();
        b.group.entries.pop();
    });
    assert_eq!(error, head("group"));
    let error = refused(&committee, |b| {
        b.statement.links.pop();
    });
    assert_eq!(error, head("statement"));
    let error = refused(&committee, |b| {
        follow(&mut b.statement, 50, Event::Expired);
    });
    assert_eq!(error, head("statement"));
    let error = refused(&committee, |b| {
        b.group.entries.swap(1, 2);
    });
    assert_eq!(error, BundleError::Chain("group", ChainError::Entry(1)));
    let error = refused(&committee, |b| {
        b.group.subject = b.statement.subject;
    });
    assert_eq!(error, head("group"));
}

#[test]
fn a_count_that_the_chain_does_not_hold_is_refused() {
    let committee = Committee::new();
    let mut facts = committee.statement_facts();
    facts.count = 7;
    let bundle = committee.bundle_with(committee.group_facts(), facts);
    let error = committee.check(&bundle).unwrap_err();
    assert_eq!(error, BundleError::Contradiction("count"));
}

#[test]
fn an_opening_that_the_chain_does_not_hold_is_refused() {
    let committee = Committee::new();
    let mut facts = committee.statement_facts();
    // Another key, to which the signer would seal.
    if let Some(opening) = &mut facts.opening {
        opening.k = opening.k.mul(&2u64.into()).unwrap();
    }
    let bundle = committee.bundle_with(committee.group_facts(), facts);
    let error = committee.check(&bundle).unwrap_err();
    assert_eq!(error, BundleError::Contradiction("opening"));
}

#[test]
fn without_an_opening_there_is_nothing_to_seal_to() {
    let mut committee = Committee::new();
    committee.statement_chain.links.pop();
    let mut facts = committee.statement_facts();
    facts.opening = None;
    let bundle = committee.bundle_with(committee.group_facts(), facts);
    let certified = committee.check(&bundle).unwrap();
    assert_eq!(certified.opening(), Err(BundleError::NotOpen));
    assert_eq!(certified.frozen().err(), Some(BundleError::NotOpen));
}

/// A committee whose statement is another, correctly chained and certified.
fn with_statement(change: impl FnOnce(&mut Statement)) -> (Committee, Result<(), BundleError>) {
    let mut committee = Committee::new();
    change(&mut committee.statement);
    let propose = StatementPropose::sign(committee.statement.clone(), &signing_key(30));
    restart(&mut committee, Entry::StatementPropose(propose));
    let checked = committee.check(&committee.bundle()).map(|_| ());
    (committee, checked)
}

/// Begins the statement's chain with another entry.
fn restart(committee: &mut Committee, first: Entry) {
    let subject = tacit_protocol::entry::Subject::Statement(committee.id());
    let mut chain = Chain {
        subject,
        links: vec![],
        entries: vec![],
    };
    append(&mut chain, 20, first);
    let collecting = Event::Collecting {
        opening: committee.opening.clone(),
        findings: Vec::new(),
    };
    follow(&mut chain, 30, collecting);
    committee.statement_chain = chain;
}

#[test]
fn a_statement_of_another_committee_group_or_circuit_is_refused() {
    assert_eq!(with_statement(|_| {}).1, Ok(()));
    let names = |what| Err(BundleError::Names(what));
    let elsewhere = Digest([6; 32]);
    let refused = with_statement(|s| s.fingerprint = Fingerprint(elsewhere)).1;
    assert_eq!(refused, names("committee"));
    let refused = with_statement(|s| s.group = GroupId(elsewhere)).1;
    assert_eq!(refused, names("group"));
    let refused = with_statement(|s| s.circuit = CircuitId(elsewhere)).1;
    assert_eq!(refused, names("circuit"));
}

#[test]
fn a_statement_that_its_creator_did_not_sign_is_refused() {
    let mut committee = Committee::new();
    let mut propose = StatementPropose::sign(committee.statement.clone(), &signing_key(30));
    propose.signature = signing_key(31).sign(domain::SIGN_STATEMENT, committee.id().as_bytes());
    restart(&mut committee, Entry::StatementPropose(propose));
    let error = committee.check(&committee.bundle()).unwrap_err();
    assert_eq!(error, BundleError::Creator(BadSignature));
}

#[test]
fn a_statements_chain_begins_with_that_statement() {
    let mut committee = Committee::new();
    let mut other = committee.statement.clone();
    other.text = "Something else.".into();
    let propose = StatementPropose::sign(other, &signing_key(30));
    restart(&mut committee, Entry::StatementPropose(propose));
    let error = committee.check(&committee.bundle()).unwrap_err();
    assert_eq!(error, BundleError::NoProposal);

    let sealed = Committee::new().seal(0, None, None, 1);
    restart(&mut committee, Entry::Sign(sealed.sign));
    let error = committee.check(&committee.bundle()).unwrap_err();
    assert_eq!(error, BundleError::NoProposal);
}

#[test]
fn an_old_head_is_not_fresh_and_neither_is_one_from_the_future() {
    let certified = Committee::new().certified_bundle();
    let head = certified.time_ms;
    assert!(certified.is_fresh(head));
    assert!(certified.is_fresh(head + MAX_HEAD_AGE_MS));
    assert!(!certified.is_fresh(head + MAX_HEAD_AGE_MS + 1));
    assert!(certified.is_fresh(head - MAX_HEAD_AGE_MS));
    assert!(!certified.is_fresh(head - MAX_HEAD_AGE_MS - 1));
}

#[test]
fn a_groups_chain_alone_is_certified_too() {
    let committee = Committee::new();
    let chain = |facts: Vec<Facts>| CertifiedChain {
        state: committee.certify(facts),
        chain: committee.group_chain.clone(),
    };
    let check = |chain: &CertifiedChain, id: &GroupId| {
        let founding = &committee.file.founding;
        check_group(chain, founding, &committee.fingerprint, id)
    };
    let facts = Facts::Group(committee.group_facts());
    let good = chain(vec![facts.clone()]);
    let group = check(&good, &committee.group_id()).unwrap();
    assert_eq!(group.roster.members(None), Some(5));
    assert_eq!(
        group.roster.members(Some(&committee::class("senators"))),
        Some(3)
    );
    assert_eq!(
        group.roster.members(Some(&committee::class("nobody"))),
        None
    );

    let asked = GroupId(Digest([1; 32]));
    let found = committee.group_id();
    let expected = BundleError::OtherGroup {
        expected: asked,
        found,
    };
    assert_eq!(check(&good, &asked).unwrap_err(), expected);
    let statement = Facts::Statement(committee.statement_facts());
    for wrong in [vec![statement], vec![facts.clone(), facts.clone()], vec![]] {
        let error = check(&chain(wrong), &committee.group_id()).unwrap_err();
        assert_eq!(error, BundleError::Facts);
    }
    let mut short = good.clone();
    short.chain.links.pop();
    short.chain.entries.pop();
    let error = check(&short, &committee.group_id()).unwrap_err();
    assert_eq!(error, BundleError::Chain("group", ChainError::Head));
}

// The roster.

/// The roster of a group whose enrolments are these, after its creation.
fn roster(committee: &Committee, enrolments: Vec<Entry>) -> Result<Roster, RosterError> {
    let mut chain = committee.group_chain.clone();
    chain.links.truncate(1);
    chain.entries.truncate(1);
    for (i, entry) in enrolments.into_iter().enumerate() {
        append(&mut chain, 2 + i as u64, entry);
    }
    Roster::from_chain(&chain)
}

fn enrolled(committee: &Committee, n: u64) -> Enrol {
    committee.enrol(&Person::new(n))
}

#[test]
fn nobody_is_enrolled_twice() {
    let committee = Committee::new();
    let (one, two) = (enrolled(&committee, 1), enrolled(&committee, 2));
    let good = [one.clone(), two].map(Entry::Enrol);
    assert_eq!(roster(&committee, good.to_vec()).unwrap().members.len(), 2);

    let again = [one.clone(), one.clone()].map(Entry::Enrol).to_vec();
    assert_eq!(roster(&committee, again), Err(RosterError::Twice(2)));
    let same_person = Person {
        salt: [1; 32],
        ..Person::new(2)
    };
    let same_leaf = Person {
        salt: [9; 32],
        ..Person::new(1)
    };
    for other in [same_person, same_leaf] {
        let both = [one.clone(), committee.enrol(&other)]
            .map(Entry::Enrol)
            .to_vec();
        assert_eq!(roster(&committee, both), Err(RosterError::Twice(2)));
    }
}

#[test]
fn an_enrolment_needs_a_quorum_of_registrars() {
    let committee = Committee::new();
    let quorum = GroupError::Unsigned("quorum of registrars");
    let mut one_only = enrolled(&committee, 1);
    one_only.registrars.pop();
    let mut other_classes = enrolled(&committee, 1);
    other_classes.attestation.classes = vec![0];
    for bad in [one_only, other_classes] {
        let refused = roster(&committee, vec![Entry::Enrol(bad)]);
        assert_eq!(refused, Err(RosterError::Unattested(1, quorum)));
    }
    let mut one_twice = enrolled(&committee, 1);
    one_twice.registrars[1] = one_twice.registrars[0].clone();
    let refused = roster(&committee, vec![Entry::Enrol(one_twice)]);
    let unsorted = GroupError::Unsorted("registrars' signatures");
    assert_eq!(refused, Err(RosterError::Unattested(1, unsorted)));
}

#[test]
fn a_groups_chain_holds_its_creation_and_enrolments_only() {
    let committee = Committee::new();
    let propose = StatementPropose::sign(committee.statement.clone(), &signing_key(30));
    let refused = roster(&committee, vec![Entry::StatementPropose(propose)]);
    assert_eq!(refused, Err(RosterError::OutOfPlace(1)));
    let mut elsewhere = enrolled(&committee, 1);
    elsewhere.attestation.group = GroupId(Digest([1; 32]));
    let refused = roster(&committee, vec![Entry::Enrol(elsewhere)]);
    assert_eq!(refused, Err(RosterError::OutOfPlace(1)));

    assert_eq!(
        Roster::from_chain(&committee.statement_chain),
        Err(RosterError::NotAGroup)
    );
    let mut empty = committee.group_chain.clone();
    empty.links.clear();
    empty.entries.clear();
    assert_eq!(Roster::from_chain(&empty), Err(RosterError::NoCreation));
    let mut headless = committee.group_chain.clone();
    headless.links.remove(0);
    headless.entries.remove(0);
    assert_eq!(Roster::from_chain(&headless), Err(RosterError::NoCreation));
    let mut renamed = committee.group_chain.clone();
    renamed.subject = tacit_protocol::entry::Subject::Group(GroupId(Digest([1; 32])));
    assert_eq!(Roster::from_chain(&renamed), Err(RosterError::NoCreation));
    let mut garbled = committee.group_chain.clone();
    garbled.entries[2].push(0);
    let refused = Roster::from_chain(&garbled);
    assert!(matches!(
        refused,
        Err(RosterError::Entry(2, EntryError::Decode(_)))
    ));
}

#[test]
fn a_zero_leaf_is_nobody() {
    let committee = Committee::new();
    let mut enrol = enrolled(&committee, 1);
    enrol.attestation.leaf = FieldElement(Fr::from(0u64));
    let bytes = tacit_protocol::codec::Encode::to_bytes(&enrol.attestation);
    enrol.registrars = committee.attest(domain::SIGN_ATTESTATION, &bytes);
    let roster = roster(&committee, vec![Entry::Enrol(enrol)]).unwrap();
    let mut facts = committee.group_facts();
    facts.members.size = 1;
    assert_eq!(
        roster.check(&facts),
        Err(RosterError::Leaf(LeanImtError::ZeroLeaf))
    );
}

#[test]
fn roots_and_sizes_are_those_of_the_leaves() {
    let committee = Committee::new();
    let roster = Roster::from_chain(&committee.group_chain).unwrap();
    let good = committee.group_facts();
    assert_eq!(roster.check(&good), Ok(()));
    let root = |what: &str| Err(RosterError::Root(what.to_string()));
    let four = tree(&committee.people[..4], None);
    let lie = |members: Tree| {
        let mut facts = good.clone();
        facts.members = members;
        roster.check(&facts)
    };
    assert_eq!(
        lie(Tree {
            size: 6,
            ..good.members
        }),
        root("the whole group")
    );
    assert_eq!(
        lie(Tree {
            size: 4,
            ..good.members
        }),
        root("the whole group")
    );
    assert_eq!(lie(Tree { size: 5, ..four }), root("the whole group"));
    let mut facts = good.clone();
    facts.classes[0] = four;
    assert_eq!(roster.check(&facts), root("the class senators"));
    facts.classes.clear();
    assert_eq!(roster.check(&facts), root("its classes"));
}

#[test]
fn a_statement_freezes_the_first_members_and_later_ones_cannot_sign_it() {
    let mut committee = Committee::new();
    let late = Person::new(8);
    let enrol = committee.enrol(&late);
    append(&mut committee.group_chain, 35, Entry::Enrol(enrol));
    committee.people.push(late.clone());
    let certified = committee.certified_bundle();
    assert_eq!(certified.roster.members.len(), 6);
    let frozen = certified.frozen().unwrap();
    assert_eq!(frozen.members.len(), 5);
    assert!(frozen.member(&late.leaf()).is_none());
    assert_eq!(frozen.crowd(Some(0)).len(), 3);
    assert_eq!(
        frozen.member(&committee.people[4].leaf()).unwrap().classes,
        [0]
    );
}

#[test]
fn a_crowd_knows_how_many_were_enrolled_in_one_go() {
    let mut committee = Committee::new();
    // One block, so one second, apart; then two a day later.
    for (link, day) in committee
        .group_chain
        .links
        .iter_mut()
        .zip([0, 0, 0, 0, 1, 1])
    {
        link.time_ms += day * 86_400_000;
    }
    let frozen = committee.certified_bundle().frozen().unwrap();
    assert_eq!(frozen.most_enrolled_within(None, 600_000), 3);
    assert_eq!(frozen.most_enrolled_within(None, 1_000), 2);
    assert_eq!(frozen.most_enrolled_within(None, 0), 1);
    assert_eq!(frozen.most_enrolled_within(None, 2 * 86_400_000), 5);
    assert_eq!(frozen.most_enrolled_within(Some(0), 600_000), 2);
}

#[test]
fn a_trigger_is_held_against_the_frozen_roster() {
    let frozen = Committee::new().certified_bundle().frozen().unwrap();
    let reachable = |text: &str| Trigger::parse(text).unwrap().check_reachable(&frozen);
    assert_eq!(reachable("count >= 5 and count(senators) >= 3"), Ok(()));
    assert!(matches!(
        reachable("count(senators) >= 4"),
        Err(TriggerError::Unreachable { .. })
    ));
    let class = ClassName::new("judges").unwrap();
    assert_eq!(
        reachable("count(judges) >= 1"),
        Err(TriggerError::UnknownClass { class })
    );
}
