//! How long a list of ten thousand takes: a measurement, which prints figures and checks only that all
//! came out right. Nobody waits for it by default:
//!
//! ```text
//! cargo test --workspace --test bundles -- --ignored --nocapture ten_thousand
//! ```
//!
//! One signature has a real proof; the others have none, since making ten thousand takes an hour or so.
//! What proofs cost to verify is measured by verifying that one as often, in batches as a verifier does:
//! a batch doesn't know that its proofs are alike.

use std::time::{Duration, Instant};

use tacit_circuits::{Nonce, seal_point, seeded_rng};
use tacit_client::payload::Keying;
use tacit_client::verify::verify;
use tacit_client::{bundle, open};
use tacit_ledger::{Claim, Ledger, replay};
use tacit_protocol::block::{Block, MAX_BLOCK_PROOFS};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, NodeStatement};
use tacit_protocol::field::FieldElement;
use tacit_protocol::opening::CHUNK;
use tacit_protocol::semaphore::statement_scope;
use tacit_protocol::signature::{PROOF_BYTES, SealedBody, Sign, payload_hash};
use tacit_protocol::statement::Status;
use tacit_test_world::log::verify_claims;
use tacit_test_world::signing::{encrypt, plaintext};
use tacit_test_world::{Committee, Log, Member, Registrars, bytes};

const SIGNERS: usize = 10_000;
/// Proofs of one batch of the verifier.
const BATCH: usize = 256;

/// Prints how long something took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    say(what, start.elapsed());
    result
}

fn say(what: &str, took: Duration) {
    println!("{:>9.3} s  {what}", took.as_secs_f64());
}

/// An honest signature without its proof, by a member whose roster needs no looking up.
fn paper(log: &mut Log, statement: &tacit_protocol::ids::StatementId, member: &Member) -> Sign {
    let k = log.view(statement).opening.expect("it collects").k;
    let nonce = Nonce::random(&mut seeded_rng(log.draw()));
    let point = seal_point(&nonce, &k, member.identity.commitment()).expect("points");
    let nullifier = FieldElement(member.identity.nullifier(statement_scope(statement)));
    let keying = Keying {
        shared: point.shared,
        c1: point.c1,
        k,
        statement: *statement,
        nullifier,
    };
    let body = SealedBody {
        c1: point.c1,
        c2: FieldElement(point.c2),
        payload: encrypt(&plaintext(member), &keying),
    };
    let sign = Sign {
        statement: *statement,
        class: None,
        floor: 0,
        nullifier,
        ct: FieldElement(point.ct),
        payload_hash: payload_hash(&body.payload),
        proof: [0; PROOF_BYTES],
    };
    log.bodies.insert(sign.ct.to_le_bytes(), body);
    sign
}

/// Commits blocks durably, as a node does; how long it took.
fn commit(ledger: &mut Ledger, blocks: &[Block]) -> (Duration, Vec<Claim>) {
    let start = Instant::now();
    let mut claims = Vec::new();
    for block in blocks {
        claims.extend(ledger.commit(block).expect("committed before").claims);
    }
    (start.elapsed(), claims)
}

#[test]
#[ignore = "a measurement of some minutes"]
fn ten_thousand_sign_and_the_list_opens_and_verifies() {
    let committee = std::sync::Arc::new(Committee::new("scale", 4));
    let registrars = Registrars::new("scale", 2, 3);
    let mut log = Log::new(committee.clone());
    log.proofs = false;
    let definition = registrars.define(&committee, "Ten thousand", &[]);
    let group = log.create(&registrars, &definition);
    let members: Vec<Member> = (0..SIGNERS)
        .map(|i| registrars.person(&definition, &format!("Person {i}"), &[]))
        .collect();
    for some in members.chunks(500) {
        log.enrol(&registrars, some);
    }
    let enrolled = log.blocks.len();
    let trigger = format!("count >= {SIGNERS}");
    let id = log.propose(log.statement(group, "By very many", &trigger));
    log.make_keys(&[id], &[0, 1, 2, 3]);
    let collecting = log.blocks.len();

    let (first, rest) = members.split_first().expect("members");
    let sealed = timed(
        "sealing and proving one signature, the roster's tree included",
        || log.seal(&id, &[(first, None)]),
    );
    log.sign(&sealed);
    let signs: Vec<Entry> = timed("sealing the others, without proofs", || {
        rest.iter()
            .map(|m| Entry::Sign(paper(&mut log, &id, m)))
            .collect()
    });
    for block in signs.chunks(MAX_BLOCK_PROOFS) {
        log.next(block.to_vec());
    }
    assert_eq!(log.status(&id), Status::Triggered);
    let triggered = log.blocks.len();

    let chunks = SIGNERS.div_ceil(CHUNK) as u32;
    for chunk in 0..chunks {
        let unseal = log.unseal_chunk(&id, chunk);
        log.next([log.node(0, NodeStatement::Unseal(unseal))]);
    }
    let unsealed = log.blocks.len();
    let mut making = Duration::ZERO;
    for chunk in 0..chunks {
        for node in [0, 1, 2] {
            let start = Instant::now();
            let partial = log.partial_chunk(&id, node, chunk);
            making += start.elapsed();
            log.next([log.node(node, NodeStatement::Partial(partial))]);
        }
    }
    say(
        "three nodes' partial decryptions, made one after another",
        making,
    );
    assert_eq!(log.status(&id), Status::Revealed);
    let revealed = log.blocks.len();

    println!("A node with its database on disk applies the log:");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ledger.db");
    let mut ledger = Ledger::open(&path, committee.founding().clone()).expect("opens");
    let mut claims = Vec::new();
    for (what, from, to) in [
        ("enrolments", 1, enrolled),
        ("the proposal and key generation", enrolled, collecting),
        (
            "signatures, without verifying their proofs",
            collecting,
            triggered,
        ),
        ("ciphertexts", triggered, unsealed),
        (
            "partial decryptions of three nodes, judged",
            unsealed,
            revealed,
        ),
    ] {
        let (took, found) = commit(&mut ledger, &log.blocks[from..to]);
        say(&format!("{what}: {} blocks", to - from), took);
        claims.extend(found);
    }
    assert_eq!(claims.len(), SIGNERS);
    let proven = vec![claims[0].clone(); BATCH];
    timed("proofs, verified in batches of 256", || {
        for some in claims.chunks(BATCH) {
            assert_eq!(verify_claims(&proven[..some.len()]), Ok(()));
        }
    });
    timed(
        "combining all points (partial decryptions judged once more)",
        || ledger.opened_points(&id).expect("readable").expect("open"),
    );
    let bodies: Vec<(u64, SealedBody)> = (0..)
        .zip(ledger.signatures(&id).expect("readable"))
        .map(|(i, s)| (i, log.bodies[&s.ct.to_le_bytes()].clone()))
        .collect();
    timed("storing the opened bodies", || {
        ledger.publish_bodies(&id, &bodies).expect("stored")
    });
    timed("looking for opened bodies that are missing", || {
        assert_eq!(
            ledger.opened_positions(&id).expect("readable").len(),
            SIGNERS
        );
        assert_eq!(
            ledger.signature_entries(&id).expect("readable").len(),
            SIGNERS
        );
    });
    timed("a statement as the API shows it", || {
        assert!(ledger.statement(&id).expect("readable").is_some());
    });

    println!("A verifier, from one file:");
    let bundle = log.bundle(&id);
    let encoded = bundle.to_bytes();
    println!("{:>9} bytes in the bundle", encoded.len());
    let report = timed(
        "everything before the proofs, of which only one is one",
        || verify(&encoded, &committee.fingerprint, bytes("weights", 0)),
    );
    let last = report.checks.last().expect("checks");
    assert_eq!((last.name, last.ok), ("proofs", false), "{last:?}");
    let certified = timed("  of which certificates, chains and roster", || {
        bundle::check(&bundle, &committee.fingerprint, &id).expect("it holds")
    });
    let [group_facts, statement_facts] = bundle.state.facts.as_slice() else {
        panic!("two facts");
    };
    let replayed = timed("  of which the replay", || {
        let (group, statement) = (&group_facts.facts, &statement_facts.facts);
        replay::replay(
            committee.founding(),
            &bundle.group,
            &bundle.statement,
            group,
            statement,
        )
        .expect("it replays")
    });
    let points = timed("partial decryptions", || {
        let points = replayed.ledger.opened_points(&id).expect("readable");
        points.expect("open")
    });
    timed("names", || {
        let roster = certified.frozen().expect("the roster");
        let k = certified.opening().expect("the opening").k;
        let signatures = certified.signatures.iter().zip(&bundle.bodies);
        for (((sign, body), point), member) in signatures.zip(&points).zip(&members) {
            let opened = open::open(sign, body, point, &k, &roster).expect("its body");
            assert_eq!(opened.leaf, member.leaf());
            assert!(
                matches!(opened.name, open::Name::Record(record) if record.name == member.name())
            );
        }
    });
}
