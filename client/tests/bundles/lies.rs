//! Bundles that a whole committee of liars has certified: what can be recomputed is still found out.

use tacit_protocol::chain::{Chain, Event, Facts, Finding, GroupFacts, Link, StatementFacts};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, ErasureReason, Kind};
use tacit_protocol::field::{FieldElement, Fr, Scalar};
use tacit_protocol::point::Point;
use tacit_protocol::proof::Bundle;
use tacit_protocol::statement::Status;
use tacit_test_world::bundles::recertify;

use crate::lives::{fails, hamlet, holds, village};

/// Changes the hamlet's bundle, certifies it anew with changed facts, and sees it refused.
#[track_caller]
fn lie(
    change: impl FnOnce(&mut Bundle),
    facts: impl FnOnce(&mut GroupFacts, &mut StatementFacts),
    check: &str,
    detail: &str,
) {
    let mut bundle = hamlet().bundle.clone();
    change(&mut bundle);
    certify(&mut bundle, facts);
    fails(&bundle, hamlet().told.fingerprint(), check, detail);
}

fn certify(bundle: &mut Bundle, facts: impl FnOnce(&mut GroupFacts, &mut StatementFacts)) {
    recertify(&hamlet().told.committee, bundle, |all| match all {
        [Facts::Group(group), Facts::Statement(statement)] => facts(group, statement),
        other => panic!("{other:?}"),
    });
}

/// Positions of a chain's links that this holds for.
fn links(chain: &Chain, which: impl Fn(&Link) -> bool) -> Vec<usize> {
    (0..chain.links.len())
        .filter(|i| which(&chain.links[*i]))
        .collect()
}

/// The entries of a kind with the positions of their links.
fn entries(chain: &Chain, kind: Kind) -> Vec<(usize, usize)> {
    let linked = links(chain, |l| matches!(l.event, Event::Entry { .. }));
    let of_kind = |i: &usize| chain.entries[*i][0] == kind as u8;
    (0..chain.entries.len())
        .filter(of_kind)
        .map(|i| (linked[i], i))
        .collect()
}

/// Puts another entry in the place of one, with its id in the link.
fn exchange(chain: &mut Chain, (link, entry): (usize, usize), other: Entry) {
    let bytes = other.to_bytes();
    match &mut chain.links[link].event {
        Event::Entry { id, .. } => *id = Entry::id_of(&bytes),
        other => panic!("{other:?}"),
    }
    chain.entries[entry] = bytes;
}

fn parsed(chain: &Chain, (_, entry): (usize, usize)) -> Entry {
    Entry::parse(&chain.entries[entry]).unwrap()
}

#[test]
fn what_is_certified_anew_and_true_holds() {
    let mut bundle = hamlet().bundle.clone();
    certify(&mut bundle, |_, _| {});
    holds(&bundle, hamlet().told.fingerprint());
}

#[test]
fn a_finding_that_is_left_out_or_made_up_is_found_out() {
    let chain = &hamlet().bundle.statement;
    let absent = links(
        chain,
        |l| matches!(&l.event, Event::Phase { findings, .. } if !findings.is_empty()),
    );
    assert_eq!(absent.len(), 1);
    let cleared = |b: &mut Bundle| match &mut b.statement.links[absent[0]].event {
        Event::Phase { findings, .. } => findings.clear(),
        other => panic!("{other:?}"),
    };
    let detail = format!("link {} of the statement's chain", absent[0]);
    lie(cleared, |_, _| {}, "history", &detail);

    let blamed = entries(chain, Kind::DkgDeal)[0].0;
    let made_up = |b: &mut Bundle| match &mut b.statement.links[blamed].event {
        Event::Entry { findings, .. } => {
            findings.push(Finding {
                culprit: 0,
                fault: "wrong-share".into(),
            });
        }
        other => panic!("{other:?}"),
    };
    lie(
        made_up,
        |_, _| {},
        "history",
        &format!("link {blamed} of the statement's chain"),
    );
}

#[test]
fn a_key_that_the_nodes_did_not_make_is_found_out() {
    let ours = Point::mul_generator(&Scalar::from(7u8)).unwrap();
    let change = |b: &mut Bundle| {
        for link in &mut b.statement.links {
            if let Event::Collecting { opening, .. } = &mut link.event {
                opening.k = ours;
            }
        }
    };
    let facts = |_: &mut GroupFacts, s: &mut StatementFacts| s.opening.as_mut().unwrap().k = ours;
    lie(
        change,
        facts,
        "history",
        "of the statement's chain is not what its entries lead to",
    );
    lie(
        |_| {},
        facts,
        "certified state",
        "the certified opening is not what the chain says",
    );
}

#[test]
fn another_roster_than_the_frozen_one_is_found_out() {
    let root = FieldElement(Fr::from(7u8));
    let change = |b: &mut Bundle| {
        for link in &mut b.statement.links {
            if let Event::Collecting { opening, .. } = &mut link.event {
                opening.group.root = Some(root);
            }
        }
    };
    let facts = |_: &mut GroupFacts, s: &mut StatementFacts| {
        s.opening.as_mut().unwrap().group.root = Some(root)
    };
    lie(change, facts, "roster", "certified root of the whole group");
    let group = |g: &mut GroupFacts, _: &mut StatementFacts| g.members.root = Some(root);
    lie(
        |_| {},
        group,
        "certified state",
        "certified root of the whole group",
    );
    let size = |g: &mut GroupFacts, _: &mut StatementFacts| g.members.size = 2;
    lie(
        |_| {},
        size,
        "certified state",
        "certified root of the whole group",
    );
}

#[test]
fn a_member_whom_too_few_registrars_attested_is_found_out() {
    let enrolments = entries(&hamlet().bundle.group, Kind::Enrol);
    for at in enrolments {
        let change = |b: &mut Bundle| {
            let Entry::Enrol(mut enrol) = parsed(&b.group, at) else {
                panic!("not an enrolment")
            };
            enrol.registrars.pop();
            exchange(&mut b.group, at, Entry::Enrol(enrol));
        };
        lie(
            change,
            |_, _| {},
            "certified state",
            "the quorum of registrars has not signed",
        );
    }
}

#[test]
fn a_member_who_is_enrolled_twice_is_found_out() {
    let told = &hamlet().told;
    let enrolments = entries(&hamlet().bundle.group, Kind::Enrol);
    let mut attestation = told.members[1].attestation();
    attestation.subject = told.members[0].subject;
    let change = |b: &mut Bundle| {
        let enrol = told.registrars.attest(attestation, &[0, 1]);
        exchange(&mut b.group, enrolments[1], Entry::Enrol(enrol));
    };
    lie(
        change,
        |_, _| {},
        "certified state",
        "enrols somebody twice",
    );
}

#[test]
fn another_text_is_another_statement() {
    let proposal = entries(&hamlet().bundle.statement, Kind::StatementPropose)[0];
    let change = |b: &mut Bundle| {
        let Entry::StatementPropose(mut proposal_) = parsed(&b.statement, proposal) else {
            panic!("not a proposal")
        };
        proposal_.statement.text = "Fill in the well".into();
        exchange(
            &mut b.statement,
            proposal,
            Entry::StatementPropose(proposal_),
        );
    };
    lie(
        change,
        |_, _| {},
        "certified state",
        "creator has not signed",
    );
}

#[test]
fn a_wrong_count_is_found_out() {
    for count in [0, 1, 3, u64::MAX] {
        let facts = |_: &mut GroupFacts, s: &mut StatementFacts| s.count = count;
        lie(
            |_| {},
            facts,
            "certified state",
            "the certified count is not what the chain says",
        );
    }
    let class = |_: &mut GroupFacts, s: &mut StatementFacts| s.class_counts = vec![1];
    lie(
        |_| {},
        class,
        "history",
        "the certified statement is not what",
    );
    let holders = |_: &mut GroupFacts, s: &mut StatementFacts| s.holders.push(1);
    lie(
        |_| {},
        holders,
        "history",
        "the certified statement is not what",
    );
    let status = |_: &mut GroupFacts, s: &mut StatementFacts| s.status = Status::Erased;
    lie(
        |b| b.bodies.clear(),
        status,
        "history",
        "the certified statement is not what",
    );
}

#[test]
fn a_member_who_counts_twice_is_found_out() {
    let signs = entries(&hamlet().bundle.statement, Kind::Sign);
    let change = |b: &mut Bundle| {
        let Entry::Sign(first) = parsed(&b.statement, signs[0]) else {
            panic!("not a signature")
        };
        let Entry::Sign(mut second) = parsed(&b.statement, signs[1]) else {
            panic!("not one")
        };
        second.nullifier = first.nullifier;
        exchange(&mut b.statement, signs[1], Entry::Sign(second));
    };
    lie(
        change,
        |_, _| {},
        "history",
        "has signed this statement already",
    );
}

#[test]
fn a_signature_after_the_trigger_is_found_out() {
    let signs = entries(&hamlet().bundle.statement, Kind::Sign);
    let change = |b: &mut Bundle| {
        let Entry::Sign(mut late) = parsed(&b.statement, signs[1]) else {
            panic!("not a signature")
        };
        late.nullifier = FieldElement(Fr::from(7u8));
        let bytes = Entry::Sign(late).to_bytes();
        let last = b.statement.links.last().unwrap();
        let event = Event::Entry {
            id: Entry::id_of(&bytes),
            findings: Vec::new(),
        };
        let link = Link {
            index: 9,
            event,
            ..last.clone()
        };
        b.statement.links.push(link);
        b.statement.entries.push(bytes);
        // It has the ciphertext and the payload of the one that it is made of.
        b.bodies.push(b.bodies[1].clone());
    };
    let facts = |_: &mut GroupFacts, s: &mut StatementFacts| s.count = 3;
    lie(
        change,
        facts,
        "history",
        "the statement takes no signatures: it is revealed",
    );
}

#[test]
fn a_trigger_that_came_too_early_is_found_out() {
    // The third phase of a life: one signs, and the committee opens the list although two must.
    let signs = entries(&hamlet().bundle.statement, Kind::Sign);
    let change = |b: &mut Bundle| {
        b.statement.links.remove(signs[1].0);
        b.statement.entries.remove(signs[1].1);
        b.bodies.pop();
        for link in &mut b.statement.links {
            if let Event::Triggered { count } = &mut link.event {
                *count = 1;
            }
        }
    };
    let facts = |_: &mut GroupFacts, s: &mut StatementFacts| s.count = 1;
    lie(change, facts, "history", "nothing of it is opened");
}

#[test]
fn a_list_that_too_few_opened_is_found_out() {
    let partials = entries(&hamlet().bundle.statement, Kind::Partial);
    assert_eq!(partials.len(), 3);
    let change = |b: &mut Bundle| {
        b.statement.links.remove(partials[2].0);
        b.statement.entries.remove(partials[2].1);
    };
    // Without the third, nothing was revealed, so nobody could attest that they erased what was opened.
    lie(
        change,
        |_, _| {},
        "history",
        "is no reason to erase a statement that is triggered",
    );

    let change = |b: &mut Bundle| {
        b.statement.links.truncate(partials[2].0);
        b.statement.entries.truncate(partials[2].1);
        let last = b.statement.links.last().unwrap().clone();
        b.statement.links.push(Link {
            index: Link::NO_ENTRY,
            event: Event::Revealed,
            ..last
        });
    };
    lie(
        change,
        |_, _| {},
        "history",
        "of the statement's chain is not what its entries lead to",
    );
}

#[test]
fn a_wrong_partial_decryption_that_is_called_right_is_found_out() {
    let partials = entries(&hamlet().bundle.statement, Kind::Partial);
    let change = |b: &mut Bundle| {
        let Entry::Node(mut entry) = parsed(&b.statement, partials[1]) else {
            panic!("not a node's")
        };
        let tacit_protocol::entry::NodeStatement::Partial(partial) = &mut entry.body else {
            panic!("not a partial decryption")
        };
        partial.points.swap(0, 1);
        let key = &hamlet().told.committee.keys[usize::from(entry.node)];
        let fingerprint = hamlet().told.fingerprint();
        let signed =
            tacit_protocol::entry::NodeEntry::sign(fingerprint, entry.node, entry.body, key);
        exchange(&mut b.statement, partials[1], Entry::Node(signed));
    };
    // Called wrong it would be no lie, but then the list wouldn't be open.
    lie(
        change,
        |_, _| {},
        "history",
        "is no reason to erase a statement that is triggered",
    );
}

#[test]
fn an_erasure_that_too_few_attest_is_found_out() {
    let village = village();
    let erased = entries(&village.erased_bundle.statement, Kind::Erased);
    assert_eq!(erased.len(), 3);
    let mut bundle = village.erased_bundle.clone();
    bundle.statement.links.remove(erased[2].0);
    bundle.statement.entries.remove(erased[2].1);
    recertify(&village.told.committee, &mut bundle, |_| {});
    let detail = "of the statement's chain is not what its entries lead to";
    fails(&bundle, village.told.fingerprint(), "history", detail);
}

#[test]
fn an_erasure_before_the_deadline_is_found_out() {
    let village = village();
    let mut log = village.told.at(village.collecting_at);
    log.erase(&village.erased, &[0, 1, 2], ErasureReason::Abandoned);
    let mut bundle = log.bundle(&village.erased);
    holds(&bundle, village.told.fingerprint());
    // They gave up, and say that the deadline had passed.
    let last = bundle.statement.links.last().unwrap().clone();
    for event in [Event::Expired, Event::Erased] {
        bundle.statement.links.push(Link {
            index: Link::NO_ENTRY,
            event,
            ..last.clone()
        });
    }
    recertify(&village.told.committee, &mut bundle, |facts| match facts {
        [_, Facts::Statement(facts)] => facts.status = Status::Erased,
        other => panic!("{other:?}"),
    });
    let detail = "of the statement's chain is not what its entries lead to";
    fails(&bundle, village.told.fingerprint(), "history", detail);
}

#[test]
fn times_that_contradict_each_other_are_found_out() {
    // Of two links of one block, one lies about its time.
    let later = |b: &mut Bundle| b.statement.links.last_mut().unwrap().time_ms += 1;
    lie(later, |_, _| {}, "history", "has two times");
    // Every link of a block lies, so that it comes before the one before it.
    let backwards = |b: &mut Bundle| {
        let height = b.statement.links.last().unwrap().height;
        for link in b.statement.links.iter_mut().filter(|l| l.height == height) {
            link.time_ms -= 100_000;
        }
    };
    lie(
        backwards,
        |_, _| {},
        "history",
        "an earlier one than the block before",
    );
}

#[test]
fn nothing_happened_before_the_founding() {
    let all = |b: &mut Bundle| {
        for link in b.group.links.iter_mut().chain(&mut b.statement.links) {
            link.time_ms -= 1_700_000_000_000;
        }
    };
    lie(
        all,
        |_, _| {},
        "history",
        "an earlier one than the block before",
    );
}

/// Bytes between two that are tried, in entries that a whole committee certifies anew: each takes a replay.
const STRIDE: usize = 59;

#[test]
fn a_changed_bit_in_any_entry_is_found_out_though_every_node_certifies_it() {
    let good = &hamlet().bundle;
    let fingerprint = hamlet().told.fingerprint();
    let mut positions = Vec::new();
    for (chain, entries) in [&good.group.entries, &good.statement.entries]
        .iter()
        .enumerate()
    {
        for (entry, bytes) in entries.iter().enumerate() {
            positions.extend((0..bytes.len()).map(|at| (chain, entry, at)));
        }
    }
    let tried: Vec<_> = positions.iter().step_by(STRIDE).copied().collect();
    let change_all = |tried: &[(usize, usize, usize)]| {
        let mut caught = std::collections::BTreeMap::<&str, usize>::new();
        for (chain, entry, at) in tried {
            let mut bundle = good.clone();
            let changed = match chain {
                0 => &mut bundle.group,
                _ => &mut bundle.statement,
            };
            let link = links(changed, |l| matches!(l.event, Event::Entry { .. }))[*entry];
            changed.entries[*entry][*at] ^= 1 << (at % 8);
            if let Event::Entry { id, .. } = &mut changed.links[link].event {
                *id = Entry::id_of(&changed.entries[*entry]);
            }
            certify(&mut bundle, |_, _| {});
            let report = crate::lives::verified(&bundle, fingerprint);
            assert!(!report.ok(), "byte {at} of entry {entry} of chain {chain}");
            *caught
                .entry(report.checks.last().expect("checked").name)
                .or_default() += 1;
        }
        caught
    };
    let (first, second) = tried.split_at(tried.len() / 2);
    let [first, second] = std::thread::scope(|scope| {
        let first = scope.spawn(|| change_all(first));
        let second = change_all(second);
        [first.join().expect("all were found out"), second]
    });
    println!(
        "{} of {} bytes of entries: {first:?} {second:?}",
        tried.len(),
        positions.len()
    );
}

#[test]
fn links_with_impossible_numbers_are_found_out_and_break_nothing() {
    let last = |b: &Bundle| b.statement.links.last().unwrap().height;
    for number in [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        for field in 0..4 {
            let mut bundle = hamlet().bundle.clone();
            let height = last(&bundle);
            for link in bundle
                .statement
                .links
                .iter_mut()
                .filter(|l| l.height == height)
            {
                match field {
                    0 => link.height = number,
                    1 => link.time_ms = number,
                    2 => link.index = number as u32,
                    _ => (link.height, link.time_ms) = (number, number),
                }
            }
            certify(&mut bundle, |_, _| {});
            // Liars may date what they certify as they like, but nothing falls over.
            let report = crate::lives::verified(&bundle, hamlet().told.fingerprint());
            assert!(report.ok() || !report.checks.last().unwrap().detail.is_empty());
        }
    }
}
