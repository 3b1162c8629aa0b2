//! Parts of a good bundle left out, repeated, reordered, aged or exchanged, by who can't certify anything.

use tacit_protocol::certificate::MAX_WALK;
use tacit_protocol::chain::{Chain, Event};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::Fingerprint;
use tacit_protocol::proof::Bundle;

use crate::lives::{fails, hamlet, holds, verified, village};

#[track_caller]
fn refused(change: impl FnOnce(&mut Bundle), check: &str, detail: &str) {
    let mut bundle = hamlet().bundle.clone();
    change(&mut bundle);
    fails(&bundle, hamlet().told.fingerprint(), check, detail);
}

const HEAD: &str = "does not end in the certified head";

/// Both chains of a bundle.
fn chains(bundle: &mut Bundle) -> [&mut Chain; 2] {
    [&mut bundle.group, &mut bundle.statement]
}

/// Removes a link and the entry that it names.
fn remove(chain: &mut Chain, at: usize) {
    let named = |e: &&tacit_protocol::chain::Link| matches!(e.event, Event::Entry { .. });
    let entry = chain.links.iter().take(at).filter(named).count();
    let link = chain.links.remove(at);
    if named(&&link) {
        chain.entries.remove(entry);
    }
}

#[test]
fn the_pinned_fingerprint_decides_whose_bundle_it_is() {
    let bundle = &hamlet().bundle;
    holds(bundle, hamlet().told.fingerprint());
    fails(
        bundle,
        village().told.fingerprint(),
        "founding",
        "not of the pinned",
    );
    fails(
        bundle,
        &Fingerprint(Digest::ZERO),
        "founding",
        "not of the pinned",
    );
}

#[test]
fn every_operator_has_signed_the_founding_file() {
    for node in 0..4 {
        let unsigned = format!("operator {node} has not signed");
        refused(
            |b| b.founding.signatures[node] = None,
            "founding",
            &unsigned,
        );
    }
    refused(
        |b| b.founding.signatures.swap(0, 1),
        "founding",
        "operator 0 has not signed",
    );
    refused(
        |b| b.founding.signatures.push(None),
        "founding",
        "a committee has",
    );
    refused(
        |b| b.founding.signatures.truncate(3),
        "founding",
        "operator 3 has not signed",
    );
}

#[test]
fn another_committees_founding_does_not_go_with_the_pinned_fingerprint() {
    let founding = village().opened_bundle.founding.clone();
    refused(|b| b.founding = founding, "founding", "not of the pinned");
}

#[test]
fn the_verifying_key_is_the_one_that_the_founding_names() {
    refused(
        |b| b.verifying_key.truncate(487),
        "verifying key",
        "the key's hash is",
    );
    refused(
        |b| b.verifying_key.push(0),
        "verifying key",
        "the key's hash is",
    );
    refused(
        |b| b.verifying_key.clear(),
        "verifying key",
        "the key's hash is",
    );
}

#[test]
fn a_dropped_link_is_missed_wherever_it_was() {
    for chain in 0..2 {
        let links = chains(&mut hamlet().bundle.clone())[chain].links.len();
        for at in 0..links {
            refused(
                |b| {
                    chains(b)[chain].links.remove(at);
                },
                "certified state",
                "history does not hold",
            );
            refused(|b| remove(chains(b)[chain], at), "certified state", HEAD);
        }
    }
}

#[test]
fn a_repeated_or_reordered_link_is_noticed_wherever_it_is() {
    for chain in 0..2 {
        let links = chains(&mut hamlet().bundle.clone())[chain].links.len();
        for at in 0..links {
            let repeat = |b: &mut Bundle| {
                let link = chains(b)[chain].links[at].clone();
                chains(b)[chain].links.insert(at, link);
            };
            refused(repeat, "certified state", "history does not hold");
            if at + 1 < links {
                refused(
                    |b| chains(b)[chain].links.swap(at, at + 1),
                    "certified state",
                    "history does not hold",
                );
            }
        }
    }
}

#[test]
fn a_dropped_repeated_exchanged_or_reordered_entry_is_noticed_wherever_it_is() {
    let named = "is not the one that its link names";
    for chain in 0..2 {
        let entries = chains(&mut hamlet().bundle.clone())[chain].entries.len();
        for at in 0..entries {
            refused(
                |b| drop(chains(b)[chain].entries.remove(at)),
                "certified state",
                named,
            );
            let repeat = |b: &mut Bundle| {
                let entry = chains(b)[chain].entries[at].clone();
                chains(b)[chain].entries.push(entry);
            };
            refused(repeat, "certified state", named);
            if at + 1 < entries {
                refused(
                    |b| chains(b)[chain].entries.swap(at, at + 1),
                    "certified state",
                    named,
                );
            }
        }
    }
}

#[test]
fn a_signature_cannot_be_left_out_with_its_link_and_its_body() {
    let signed = |link: &tacit_protocol::chain::Link, chain: &Chain| match &link.event {
        Event::Entry { id, .. } => chain.entries.iter().any(|e| {
            use tacit_protocol::entry::{Entry, Kind};
            Entry::id_of(e) == *id && e[0] == Kind::Sign as u8
        }),
        _ => false,
    };
    let chain = &hamlet().bundle.statement;
    let at: Vec<usize> = (0..chain.links.len())
        .filter(|i| signed(&chain.links[*i], chain))
        .collect();
    assert_eq!(at.len(), 2);
    for (body, link) in at.into_iter().enumerate() {
        let leave_out = |b: &mut Bundle| {
            remove(&mut b.statement, link);
            b.bodies.remove(body);
        };
        refused(leave_out, "certified state", HEAD);
    }
}

#[test]
fn facts_of_an_older_head_do_not_go_with_newer_chains_nor_newer_with_older() {
    let village = village();
    let fingerprint = village.told.fingerprint();
    let older = village
        .told
        .at(village.triggered_at)
        .bundle(&village.opened);
    let newer = &village.opened_bundle;
    let mixed = Bundle {
        state: older.state.clone(),
        ..newer.clone()
    };
    fails(&mixed, fingerprint, "certified state", HEAD);
    let mixed = Bundle {
        state: newer.state.clone(),
        ..older.clone()
    };
    fails(&mixed, fingerprint, "certified state", HEAD);
    // Old facts under a new header, and new ones under an old header.
    let mut mixed = newer.clone();
    mixed.state.header = older.state.header.clone();
    fails(&mixed, fingerprint, "certified state", "Merkle path");
    let mut mixed = older;
    mixed.state.header = newer.state.header.clone();
    fails(&mixed, fingerprint, "certified state", "Merkle path");
}

#[test]
fn facts_of_other_statements_and_groups_are_refused() {
    let village = village();
    let fingerprint = village.told.fingerprint();
    let (opened, erased) = (&village.opened_bundle, &village.erased_bundle);
    let mixed = Bundle {
        state: erased.state.clone(),
        ..opened.clone()
    };
    fails(
        &mixed,
        fingerprint,
        "certified state",
        "it is of the statement",
    );
    let mixed = Bundle {
        statement: erased.statement.clone(),
        ..opened.clone()
    };
    fails(
        &mixed,
        fingerprint,
        "certified state",
        "it is of the statement",
    );
    let mixed = Bundle {
        group: hamlet().bundle.group.clone(),
        ..opened.clone()
    };
    fails(&mixed, fingerprint, "certified state", HEAD);
    let mixed = Bundle {
        group: opened.statement.clone(),
        ..opened.clone()
    };
    fails(&mixed, fingerprint, "certified state", HEAD);
    let mixed = Bundle {
        statement: opened.group.clone(),
        ..opened.clone()
    };
    fails(&mixed, fingerprint, "certified state", "not a statement's");

    let which = "the facts of one group and one statement";
    refused(|b| b.state.facts.reverse(), "certified state", which);
    refused(|b| drop(b.state.facts.pop()), "certified state", which);
    refused(|b| b.state.facts.clear(), "certified state", which);
    refused(
        |b| b.state.facts.push(b.state.facts[0].clone()),
        "certified state",
        which,
    );
}

#[test]
fn a_certificate_takes_a_quorum_of_the_committees_own_nodes() {
    let (hamlet, village) = (hamlet(), village());
    let header = &hamlet.bundle.state.header.headers[0];
    let committee = &hamlet.told.committee;
    for few in [&[][..], &[1], &[0, 3]] {
        let few = committee.certify(header, few);
        refused(
            |b| b.state.header = few,
            "certified state",
            "nodes signed, 3 must",
        );
    }
    for enough in [&[0, 1, 2][..], &[1, 2, 3], &[0, 1, 2, 3]] {
        let mut bundle = hamlet.bundle.clone();
        bundle.state.header = committee.certify(header, enough);
        holds(&bundle, hamlet.told.fingerprint());
    }
    let others = village.told.committee.certify(header, &[0, 1, 2, 3]);
    refused(
        |b| b.state.header = others,
        "certified state",
        "signature does not verify",
    );
    // Nodes that signed another block, or this one for another reason.
    let other_block = committee.certificate(&Digest([1; 32]), 9, &[0, 1, 2, 3]);
    refused(
        |b| b.state.header.certificate = other_block,
        "certified state",
        "for another block",
    );
    refused(
        |b| b.state.header.certificate.clear(),
        "certified state",
        "can't be read",
    );
    let longer = |b: &mut Bundle| b.state.header.certificate.push(0);
    refused(longer, "certified state", "can't be read");
    // One signature counts once, whoever's bit it is under.
    let mut twice = committee.certificate(&header.digest(), 9, &[0, 1, 2]);
    let end = twice.len();
    let (first, second) = (end - 3 * 64, end - 2 * 64);
    twice.copy_within(first..second, second);
    refused(
        |b| b.state.header.certificate = twice,
        "certified state",
        "node 1's signature",
    );
}

#[test]
fn headers_up_to_the_certified_one_are_linked() {
    let village = village();
    let fingerprint = village.told.fingerprint();
    let mut log = village.told.at(village.revealed_at);
    let mut bundle = log.bundle(&village.opened);
    log.idle(3);
    let height = log.height() as usize;
    let header = |i: usize| log.blocks[i].header.clone();
    bundle.state.header.headers = (height - 3..=height).map(header).collect();
    bundle.state.header.certificate = log.certified(height as u64).certificate;
    holds(&bundle, fingerprint);
    let refused = |change: &dyn Fn(&mut Vec<tacit_protocol::block::Header>)| {
        let mut changed = bundle.clone();
        change(&mut changed.state.header.headers);
        fails(&changed, fingerprint, "certified state", "not linked");
    };
    refused(&|headers| {
        headers.remove(1);
    });
    refused(&|headers| headers.swap(1, 2));
    refused(&|headers| headers[1].timestamp_ms = headers[0].timestamp_ms);
    refused(&|headers| headers[0].state_root = Digest::ZERO);
    refused(&|headers| headers.clear());
    let mut cut = bundle.clone();
    cut.state.header.headers.pop();
    fails(&cut, fingerprint, "certified state", "for another block");
    let mut long = bundle.clone();
    long.state.header.headers = vec![header(height); MAX_WALK + 1];
    fails(&long, fingerprint, "encoding", "headers has length 257");
}

#[test]
fn bodies_are_those_of_the_counted_signatures_in_their_order() {
    refused(|b| b.bodies.swap(0, 1), "bodies", "the body is not the one");
    refused(
        |b| b.bodies[0] = b.bodies[1].clone(),
        "bodies",
        "the body is not the one",
    );
    refused(
        |b| drop(b.bodies.pop()),
        "bodies",
        "2 signatures were counted, but the bundle holds 1 bodies",
    );
    refused(
        |b| b.bodies.push(b.bodies[0].clone()),
        "bodies",
        "but the bundle holds 3",
    );
    refused(
        |b| b.bodies[1].c1 = b.bodies[0].c1,
        "bodies",
        "the body is not the one",
    );
    refused(
        |b| b.bodies[1].c2 = b.bodies[0].c2,
        "bodies",
        "the body is not the one",
    );
    let payload = |b: &mut Bundle| b.bodies[1].payload = b.bodies[0].payload.clone();
    refused(payload, "bodies", "the body is not the one");
}

#[test]
fn a_bundle_of_a_list_that_is_not_open_holds_no_body() {
    let village = village();
    let mut bundle = village.erased_bundle.clone();
    bundle.bodies = village.opened_bundle.bodies[..2].to_vec();
    fails(
        &bundle,
        village.told.fingerprint(),
        "bodies",
        "the bundle holds 2 bodies",
    );
    // As somebody would who kept what should have been destroyed.
    let told = &village.told;
    let mut bundle = told.at(village.triggered_at).bundle(&village.opened);
    bundle.bodies = village.opened_bundle.bodies.clone();
    fails(
        &bundle,
        told.fingerprint(),
        "bodies",
        "the bundle holds 5 bodies",
    );
}

#[test]
fn nothing_may_stand_before_or_after_a_bundle_and_nothing_may_be_missing() {
    let fingerprint = hamlet().told.fingerprint();
    let bytes = hamlet().bundle.to_bytes();
    let encoding = |bytes: &[u8]| {
        let report = tacit_client::verify::verify(bytes, fingerprint, [0; 32]);
        assert!(!report.ok());
        assert_eq!(report.checks.last().unwrap().name, "encoding");
    };
    for end in 0..bytes.len() {
        encoding(&bytes[..end]);
    }
    for more in [&[0][..], &[0xff], &[0; 100], &bytes] {
        encoding(&[&bytes[..], more].concat());
        encoding(&[more, &bytes[..]].concat());
    }
}

#[test]
fn the_weights_of_a_batch_do_not_change_a_verdict() {
    let bytes = hamlet().bundle.to_bytes();
    for weights in [[0; 32], [1; 32], [0xff; 32]] {
        assert!(tacit_client::verify::verify(&bytes, hamlet().told.fingerprint(), weights).ok());
    }
    assert!(verified(&village().opened_bundle, village().told.fingerprint()).ok());
}
