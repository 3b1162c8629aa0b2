//! Contradictions, real and forged, and the file that they end in.

use std::{fs, path::Path, sync::Mutex};

use commonware_consensus::{
    simplex::types::{
        ConflictingFinalize, ConflictingNotarize, Finalization, Finalize, Notarize, Nullify,
        NullifyFinalize, Proposal,
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::Signer as _;
use commonware_utils::{non_empty, ordered::Set};
use rand::{SeedableRng as _, rngs::StdRng};

use tacit_protocol::founding::{Founding, Operator, Timing};

use super::*;
use crate::engine::PrivateKey;

fn schemes(namespace: &[u8]) -> Vec<Scheme> {
    let keys: Vec<PrivateKey> = (0..4).map(PrivateKey::from_seed).collect();
    let committee = Set::from_iter_dedup(keys.iter().map(|key| key.public_key()));
    let mut schemes: Vec<(PublicKey, Scheme)> = keys
        .into_iter()
        .map(|key| {
            let public = key.public_key();
            let scheme = Scheme::signer(namespace, committee.clone(), key);
            (public, scheme.expect("a member"))
        })
        .collect();
    schemes.sort_by(|a, b| a.0.cmp(&b.0));
    schemes.into_iter().map(|(_, scheme)| scheme).collect()
}

fn proposal(block: u8) -> Proposal<Sha256Digest> {
    Proposal::new(
        Round::new(Epoch::zero(), View::new(9)),
        View::new(8),
        Sha256Digest::from([block; 32]),
    )
}

fn offences(cheat: &Scheme) -> [Activity<Scheme, Sha256Digest>; 3] {
    let notarize = |block| Notarize::sign(cheat, proposal(block)).expect("signer");
    let finalize = |block| Finalize::sign(cheat, proposal(block)).expect("signer");
    let round = Round::new(Epoch::zero(), View::new(9));
    let nullify = Nullify::sign::<Sha256Digest>(cheat, round).expect("signer");
    [
        Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(1), notarize(2))),
        Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(1), finalize(2))),
        Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(1))),
    ]
}

fn told(activities: impl IntoIterator<Item = Activity<Scheme, Sha256Digest>>) -> Vec<Evidence> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let keep = found.clone();
    let mut witness = Witness::new(
        StdRng::seed_from_u64(1),
        schemes(b"committee")[0].clone(),
        Arc::new(move |evidence| keep.lock().expect("not poisoned").push(evidence)),
    );
    for activity in activities {
        assert_eq!(witness.report(activity), Feedback::Ok);
    }
    let found = found.lock().expect("not poisoned");
    found.clone()
}

#[test]
fn each_kind_of_contradiction_names_the_node_that_signed_it() {
    let schemes = schemes(b"committee");
    let evidence = told(offences(&schemes[2]));
    let cheat = schemes[2].participants().get(2).expect("a member");
    assert!(evidence.iter().all(|e| &e.node == cheat && e.view == 9));
    let offences: Vec<Offence> = evidence.iter().map(|e| e.offence).collect();
    assert_eq!(
        offences,
        [
            Offence::TwoNotarizes,
            Offence::TwoFinalizes,
            Offence::NullifyAndFinalize
        ]
    );
}

#[test]
fn forged_evidence_and_honest_votes_name_nobody() {
    let forged = offences(&schemes(b"another committee")[2]);
    assert_eq!(told(forged), []);
    let honest = Notarize::sign(&schemes(b"committee")[1], proposal(1)).expect("signer");
    assert_eq!(told([Activity::Notarize(honest)]), []);
}

/// A certificate that these nodes sign.
fn finalized(signers: &[Scheme], block: u8) -> Activity<Scheme, Sha256Digest> {
    let votes: Vec<_> = signers
        .iter()
        .map(|s| Finalize::sign(s, proposal(block)).expect("signer"))
        .collect();
    let certificate =
        Finalization::from_finalizes(&signers[0], non_empty![@votes.iter()], &Sequential);
    Activity::Finalization(certificate.expect("a quorum"))
}

#[test]
fn a_certificate_with_this_nodes_signature_on_what_it_did_not_vote_for_shows_its_key_elsewhere() {
    let schemes = schemes(b"committee");
    let me = schemes[0].me().expect("a member").index();
    let watched = |certificate: Activity<Scheme, Sha256Digest>| {
        let (tell, mut elsewhere) = tokio::sync::oneshot::channel();
        let mut witness = Witness::new(
            StdRng::seed_from_u64(1),
            schemes[0].clone(),
            Arc::new(|evidence| panic!("{evidence:?}")),
        )
        .and_own(OwnVotes::new(me, tell));
        for voter in [0, 1] {
            let vote = Finalize::sign(&schemes[voter], proposal(1)).expect("signer");
            assert_eq!(witness.report(Activity::Finalize(vote)), Feedback::Ok);
        }
        assert_eq!(witness.report(certificate), Feedback::Ok);
        elsewhere.try_recv().ok()
    };
    assert_eq!(watched(finalized(&schemes[..3], 1)), None, "its own vote");
    assert_eq!(watched(finalized(&schemes[1..], 2)), None, "not its vote");
    assert_eq!(
        watched(finalized(&schemes[..3], 2)),
        Some(Elsewhere::Contradiction(9))
    );
}

fn founding() -> Founding {
    let mut operators: Vec<Operator> = schemes(b"committee")[0]
        .participants()
        .iter()
        .enumerate()
        .map(|(i, key)| Operator {
            key: tacit_protocol::keys::PublicKey(key.as_ref().try_into().expect("32 bytes")),
            name: format!("Operator {i}"),
        })
        .collect();
    operators.sort_by_key(|o| o.key);
    Founding {
        version: 1,
        epoch: 0,
        founded_ms: 1,
        nonce: [0; 16],
        operators,
        circuits: Vec::new(),
        group_creators: Vec::new(),
        statement_creators: Vec::new(),
        timing: Timing::LOOPBACK,
        max_open_statements: 1,
    }
}

/// Runs a node's keeper over what its engine reports; then the node stops.
fn kept(path: &Path, activities: impl IntoIterator<Item = Activity<Scheme, Sha256Digest>>) {
    let (keeper, tell) = Keeper::start(path, &founding()).expect("starts");
    let scheme = schemes(b"committee")[0].clone();
    let mut witness = Witness::new(StdRng::seed_from_u64(1), scheme, tell);
    for activity in activities {
        assert_eq!(witness.report(activity), Feedback::Ok);
    }
    drop(witness);
    keeper.finish();
}

fn lines(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).expect("readable");
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[test]
fn a_contradiction_is_written_once_with_its_nodes_name_whatever_restarts_come_between() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("evidence.jsonl");
    kept(&path, []);
    assert!(!path.exists(), "nothing was seen");
    let schemes = schemes(b"committee");
    let cheat = || offences(&schemes[2]);
    // The engine may report it any number of times.
    kept(&path, cheat().into_iter().chain(cheat()));
    let first = fs::read(&path).expect("written");
    let found = lines(&path);
    assert_eq!(found.len(), 3);
    let key = schemes[2].participants().get(2).expect("a member");
    for line in &found {
        assert_eq!(line.key, hex::encode(key));
        assert_eq!(line.operator.as_deref(), Some("Operator 2"));
        assert_eq!(line.view, 9);
    }
    let votes = offences(&schemes[2]).map(|activity| match activity {
        Activity::ConflictingNotarize(e) => e.encode(),
        Activity::ConflictingFinalize(e) => e.encode(),
        Activity::NullifyFinalize(e) => e.encode(),
        _ => unreachable!(),
    });
    assert_eq!(found[0].offence, "voted for two blocks in one view");
    let written: Vec<&String> = found.iter().map(|line| &line.votes).collect();
    let signed = votes.map(hex::encode);
    assert_eq!(written, signed.iter().collect::<Vec<_>>());

    kept(&path, cheat());
    assert_eq!(fs::read(&path).expect("readable"), first, "known already");
    kept(&path, offences(&schemes[1]));
    let after = fs::read(&path).expect("readable");
    assert!(after.starts_with(&first), "what was there stays");
    assert_eq!(lines(&path).len(), 6);
}

#[test]
fn a_line_that_a_crash_tore_hinders_neither_the_start_nor_the_next_line() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("evidence.jsonl");
    let schemes = schemes(b"committee");
    kept(&path, offences(&schemes[2]));
    let whole = fs::read(&path).expect("written");
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .expect("three lines")
        + 1;
    // At any byte of the last line: its end alone, half of it, all but nothing.
    for cut in [whole.len() - 1, last + 100, last + 1, last] {
        fs::write(&path, &whole[..cut]).expect("written");
        kept(&path, offences(&schemes[2]));
        let after = fs::read(&path).expect("readable");
        assert!(after.starts_with(&whole[..cut]), "nothing was removed");
        assert_eq!(lines(&path).len(), 3, "cut at {cut}");
        kept(&path, offences(&schemes[2]));
        assert_eq!(fs::read(&path).expect("readable"), after, "cut at {cut}");
    }
    // Bytes that are no line at all, as from a broken disk.
    let mut noise = vec![0xff; 100_000];
    noise.push(b'\n');
    noise.extend(&whole);
    fs::write(&path, &noise).expect("written");
    kept(&path, offences(&schemes[2]));
    assert_eq!(fs::read(&path).expect("readable"), noise);
}

#[test]
fn a_node_that_cheats_without_end_fills_no_disk_and_hides_no_other() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("evidence.jsonl");
    let mut file = EvidenceFile::open(&path, &founding()).expect("opens");
    let schemes = schemes(b"committee");
    let evidence = |node: usize, view: u64| Evidence {
        node: schemes[0]
            .participants()
            .get(node)
            .expect("a member")
            .clone(),
        offence: Offence::TwoFinalizes,
        view,
        votes: Bytes::from(view.to_be_bytes().to_vec()),
    };
    fs::write(&path, "").expect("written");
    for view in 0..MAX_PER_NODE as u64 {
        assert!(file.keep(&evidence(1, view)).expect("kept"));
    }
    assert!(!file.keep(&evidence(1, 5000)).expect("enough"));
    assert!(file.keep(&evidence(2, 5000)).expect("another node"));
    let mut again = EvidenceFile::open(&path, &founding()).expect("opens");
    assert!(!again.keep(&evidence(1, 5001)).expect("still enough"));
    assert_eq!(lines(&path).len(), MAX_PER_NODE + 1);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().expect("folder");
    assert!(EvidenceFile::open(folder.path(), &founding()).is_err());
}
