//! Rules for all entries, and for all that nodes say.

use tacit_ledger::{Admission, Checked};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, ErasureReason, Kind, MAX_ENTRY, NodeEntry, NodeStatement};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::ids::{Fingerprint, StatementId};
use tacit_test_world::Refusals;

use crate::story::{refused, story, taken};

#[test]
fn bytes_that_are_no_entry_are_malformed() {
    let story = story();
    let mut log = story.at(story.created);
    let good = Entry::Enrol(story.registrars.enrol(&story.members[0])).to_bytes();
    assert_eq!(log.refusals(&good), Refusals::NONE);
    let truncated = good[..good.len() - 1].to_vec();
    let trailing = [&good[..], &[0]].concat();
    let mut other_kind = good.clone();
    other_kind[0] = 0xff;
    let mut too_long = good.clone();
    too_long.resize(MAX_ENTRY + 1, 0);
    for bytes in [Vec::new(), truncated, trailing, other_kind, too_long] {
        assert_eq!(log.refusals(&bytes), Refusals::all("malformed"));
    }
}

#[test]
fn entries_that_this_version_does_not_serve_are_malformed() {
    let story = story();
    let mut log = story.at(story.created);
    for kind in [Kind::Remove, Kind::Withdraw, Kind::RecordOpen] {
        let mut bytes = Entry::Enrol(story.registrars.enrol(&story.members[0])).to_bytes();
        bytes[0] = kind as u8;
        assert_eq!(log.refusals(&bytes), Refusals::all("malformed"));
    }
    // A fixed roster is in the encoding, too.
    let creation = log.blocks[1].entries[0].clone();
    let roster = 1 + 32 + 4 + story.definition.name.len() + 16;
    assert_eq!(creation[roster], 0);
    let mut fixed = creation;
    fixed[roster] = 1;
    assert_eq!(log.refusals(&fixed), Refusals::all("malformed"));
}

#[test]
fn a_floor_a_hidden_count_an_open_roster_and_a_later_epoch_are_malformed() {
    let story = story();
    let mut log = story.at(story.collecting);
    let sign = Entry::Sign(log.paper(&story.open, &story.members[0], None).sign);
    taken(&mut log, &sign);
    let mut floor = sign.to_bytes();
    // Kind, statement, no class: then the floor.
    floor[1 + 32 + 1 + 3] = 1;
    assert_eq!(log.refusals(&floor), Refusals::all("malformed"));

    let proposal = log.proposal(log.statement(story.group, "T", "count >= 1"));
    taken(&mut log, &proposal);
    let bytes = proposal.to_bytes();
    let end = bytes.len() - 64;
    let (policies, epoch) = (end - 16 - 32 - 32 - 2, 1 + 2 + 32 + 3);
    for at in [policies, policies + 1, epoch] {
        assert_eq!(bytes[at], 0);
        let mut changed = bytes.clone();
        changed[at] = 1;
        assert_eq!(
            log.refusals(&changed),
            Refusals::all("malformed"),
            "at {at}"
        );
    }
}

#[test]
fn an_entry_that_is_in_the_log_is_a_duplicate_in_a_block_and_final_for_who_submits_it() {
    let story = story();
    let mut log = story.at(story.signed);
    for height in 1..=story.signed {
        let entries = log.blocks[height as usize].entries.clone();
        for (index, bytes) in (0u32..).zip(&entries) {
            let refusals = log.refusals(bytes);
            assert_eq!(
                (refusals.check, refusals.build),
                (Some("duplicate"), Some("duplicate"))
            );
            match log.proposer.admit(bytes).unwrap() {
                Admission::Final {
                    height: h,
                    index: i,
                } => assert_eq!((h, i), (height, index)),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn an_entry_is_once_in_a_block() {
    let story = story();
    let mut log = story.at(story.created);
    let enrol = Entry::Enrol(story.registrars.enrol(&story.members[0])).to_bytes();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &[&enrol, &enrol]).unwrap();
    assert_eq!(built.block.entries.len(), 1);
    let refused: Vec<_> = built.refused.iter().map(|(i, r)| (*i, r.code)).collect();
    assert_eq!(refused, [(1, "duplicate")]);
    let twice = log.forced(vec![enrol.clone(), enrol]);
    match log.validator.check(&[], &twice).unwrap() {
        Checked::Invalid(refusal) => assert_eq!(refusal.code, "duplicate"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_no_node_of_the_committee_says_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let body = log.due(&story.open, 0).unwrap();
    let key = &story.committee.keys[0];
    for node in [4, u16::MAX] {
        let entry = NodeEntry::sign(&story.committee.fingerprint, node, body.clone(), key);
        refused(&mut log, &Entry::Node(entry), "unknown-node");
    }
}

#[test]
fn what_a_node_says_about_no_statement_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let nowhere = StatementId(Digest([1; 32]));
    let entry = log.erasure(&nowhere, 0, ErasureReason::Expired);
    refused(&mut log, &entry, "unknown-statement");
    // A group isn't one either.
    let group = StatementId(story.group.0);
    let entry = log.erasure(&group, 0, ErasureReason::Expired);
    refused(&mut log, &entry, "unknown-statement");
}

#[test]
fn what_a_node_has_not_signed_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let body = log.due(&story.open, 0).unwrap();
    let good = log.node(0, body.clone());
    taken(&mut log, &good);
    let Entry::Node(signed) = good else {
        unreachable!()
    };

    let keys = &story.committee.keys;
    let ours = &story.committee.fingerprint;
    let other = Fingerprint(Digest([1; 32]));
    let NodeStatement::Keys(mut changed) = body.clone() else {
        unreachable!()
    };
    changed.proof.response.0 += tacit_protocol::field::Scalar::from(1u8);
    let mut flipped = signed.clone();
    flipped.signature.0[5] ^= 1;
    let forged = [
        // By another node's key, for another committee, for another node, over another body.
        NodeEntry::sign(ours, 0, body.clone(), &keys[1]),
        NodeEntry::sign(&other, 0, body, &keys[0]),
        NodeEntry {
            node: 1,
            ..signed.clone()
        },
        NodeEntry {
            body: NodeStatement::Keys(changed),
            ..signed
        },
        flipped,
    ];
    for entry in forged {
        refused(&mut log, &Entry::Node(entry), "bad-node-signature");
    }
}

/// Puts the node's signature behind whatever bytes are in front of it.
fn sign_as_it_is(node: u16, bytes: &mut [u8]) {
    let end = bytes.len() - 64;
    let mut said = story().committee.fingerprint.to_bytes();
    said.extend_from_slice(&bytes[1..3]);
    said.push(bytes[0]);
    said.extend_from_slice(&bytes[3..end]);
    let key = &story().committee.keys[usize::from(node)];
    let signature = key.sign(domain::SIGN_NODE_ENTRY, &said);
    bytes[end..].copy_from_slice(&signature.0);
}

/// The same entry with junk for points, and as it would be if its node had signed that.
fn with_junk_points(entry: &Entry) -> (Vec<u8>, Vec<u8>) {
    let Entry::Node(signed) = entry else {
        panic!("not a node's")
    };
    let mut junk = entry.to_bytes();
    // Behind kind, node, statement, chunk and the number of points.
    let (start, end) = (1 + 2 + 32 + 4 + 4, junk.len() - 64);
    junk[start..end].fill(0xff);
    let mut own_junk = junk.clone();
    sign_as_it_is(signed.node, &mut own_junk);
    (junk, own_junk)
}

#[test]
fn nobodys_points_are_looked_at_before_their_signature() {
    let story = story();
    let mut triggered = story.at(story.triggered);
    let unseal = triggered.node(2, NodeStatement::Unseal(triggered.unseal(&story.open)));
    let mut unsealed = story.at(story.unsealed);
    let partial = unsealed.node(2, NodeStatement::Partial(unsealed.partial(&story.open, 2)));
    for (log, entry) in [(&mut triggered, unseal), (&mut unsealed, partial)] {
        taken(log, &entry);
        let (junk, own_junk) = with_junk_points(&entry);
        assert_eq!(log.refusals(&junk), Refusals::all("bad-node-signature"));
        // What a node has signed itself is decoded, and is no entry.
        assert_eq!(log.refusals(&own_junk), Refusals::all("malformed"));
        // Nor are there any for nobody, about nothing, or at the wrong time.
        let mut nobodys = junk.clone();
        nobodys[1..3].copy_from_slice(&[0, 9]);
        assert_eq!(log.refusals(&nobodys), Refusals::all("unknown-node"));
        let mut about_nothing = own_junk.clone();
        about_nothing[3] ^= 1;
        let unknown = Refusals::all("unknown-statement");
        assert_eq!(log.refusals(&about_nothing), unknown);
        let mut beyond = own_junk.clone();
        beyond[1 + 2 + 32 + 3] = 1;
        assert_eq!(log.refusals(&beyond), Refusals::all("no-such-chunk"));
        let mut early = story.at(story.signed);
        assert_eq!(early.refusals(&own_junk), Refusals::all("out-of-phase"));
    }
    // Nor when all of it has been said.
    let mut log = story.at(story.unsealed);
    let again = log.node(1, NodeStatement::Unseal(log.unseal(&story.open)));
    let (junk, own_junk) = with_junk_points(&again);
    assert_eq!(log.refusals(&junk), Refusals::all("repeated"));
    assert_eq!(log.refusals(&own_junk), Refusals::all("repeated"));
}

#[test]
fn points_of_a_key_generation_are_looked_at_in_their_phase_only() {
    let story = story();
    let mut log = story.at(story.proposed);
    let secrets = log.secrets(&story.open, 0);
    let commit = secrets.commit();
    // A dealing is early, and says nothing that could be read.
    let mut early = log.node(0, NodeStatement::Commit(commit)).to_bytes();
    early[0] = Kind::DkgDeal as u8;
    assert_eq!(log.refusals(&early), Refusals::all("bad-node-signature"));
    sign_as_it_is(0, &mut early);
    assert_eq!(log.refusals(&early), Refusals::all("out-of-phase"));
}

#[test]
fn a_signature_of_one_kind_of_entry_is_none_of_another() {
    // Complaints that are empty and commitments that are zeros could be taken for each other, were
    // the kind not signed.
    let story = story();
    let log = story.at(story.proposed);
    let body = log.due(&story.open, 0).unwrap();
    let Entry::Node(keys) = log.node(0, body) else {
        unreachable!()
    };
    let NodeStatement::Keys(m) = &keys.body else {
        unreachable!()
    };
    let commit = NodeStatement::Commit(tacit_protocol::dkg::DkgCommit {
        at: m.at,
        commitment: Digest(m.key.to_bytes()),
    });
    let moved = NodeEntry {
        body: commit,
        ..keys.clone()
    };
    let key = story.committee.keys[0].public();
    assert!(keys.check(&story.committee.fingerprint, &key).is_ok());
    assert!(moved.check(&story.committee.fingerprint, &key).is_err());
}
