//! Admission without a network or a log: what is asked of whom, in which order.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use commonware_cryptography::Signer as _;
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use tacit_protocol::{
    entry::{About, Kind},
    hash::Digest,
    ids::StatementId,
};
use tokio::sync::oneshot;

use super::*;
use crate::{
    block::{LogBlock, entry_id},
    engine::PrivateKey,
    ledger::ledger,
    limits::{BlockLimits, MAX_ENTRY_BYTES, MAX_GOSSIP_ENTRIES},
    machine::{
        Applied, BodyNeed, Built, Checked as BlockChecked, Committed, Fault, Place, ProofVerifier,
        StateMachine,
    },
    mempool::Mempool,
};

const STATEMENT: StatementId = StatementId(Digest::ZERO);

/// Shared with the test.
type Seen<T> = Arc<Mutex<Vec<T>>>;

fn seen<T: Clone>(seen: &Seen<T>) -> Vec<T> {
    seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Takes bodies that equal their entries (`B`), words of nodes (`W`, author, verdict), signatures (`S`,
/// member, sealing, proof), and everything else. Remembers what it was asked.
#[derive(Default)]
struct Desk(Seen<Bytes>);

impl StateMachine for Desk {
    fn applied(&self) -> Applied {
        Applied {
            height: 0,
            digest: Digest::ZERO,
            timestamp_ms: 0,
        }
    }

    fn build(&mut self, _: &[Arc<LogBlock>], _: u64, _: &[Arc<Candidate>]) -> Result<Built, Fault> {
        Err("not asked".into())
    }

    fn check(&mut self, _: &[Arc<LogBlock>], _: &LogBlock) -> Result<BlockChecked, Fault> {
        Err("not asked".into())
    }

    fn outline(entry: &Bytes) -> Outline {
        let (author, place, length) = match entry[..] {
            [b'W', author, ..] => {
                let author = author.into();
                let place = Place::Word {
                    node: author,
                    kind: Kind::Partial,
                    statement: STATEMENT,
                    about: About::Partial { chunk: 0 },
                };
                (Some(author), place, entry.len())
            }
            [b'S', member, _, _] => {
                let place = Place::Signature {
                    statement: STATEMENT,
                    nullifier: [member; 32],
                };
                (None, place, 3)
            }
            _ => return Outline::default(),
        };
        Outline {
            author,
            place: Some(place),
            content: entry.slice(..length),
        }
    }

    fn admit(&mut self, entry: &[u8]) -> Result<Admission, Fault> {
        let bytes = Bytes::copy_from_slice(entry);
        self.0.lock().expect("not poisoned").push(bytes.clone());
        let body = (entry[0] == b'B').then(|| BodyNeed {
            key: BodyKey {
                statement: STATEMENT,
                id: [0; 32],
            },
            entry: bytes,
        });
        let claims = match *entry {
            [b'S', _, _, proof] => vec![ProofClaim {
                entry: entry_id(entry),
                circuit: Digest::ZERO,
                public: Vec::new(),
                proof: vec![proof],
            }],
            [b'W', _, b'f', ..] => {
                return Ok(Admission::Refused(Refusal::new(
                    "bad-node-signature",
                    "forged",
                )));
            }
            [b'W', _, b'm', ..] => {
                return Ok(Admission::Refused(Refusal::new("malformed", "junk")));
            }
            [b'W', _, b'e', ..] => {
                return Ok(Admission::Refused(Refusal::new("out-of-phase", "early")));
            }
            _ => Vec::new(),
        };
        Ok(Admission::Valid { claims, body })
    }

    fn commit(&mut self, _: &LogBlock) -> Result<Committed, Fault> {
        Err("not asked".into())
    }
}

/// All proofs hold but 0. Remembers what it was asked.
struct Verifier(Seen<u8>);

impl ProofVerifier for Verifier {
    fn verify(&self, claims: &[ProofClaim], _: [u8; 32]) -> Vec<usize> {
        let proofs: Vec<u8> = claims.iter().map(|claim| claim.proof[0]).collect();
        self.0.lock().expect("not poisoned").extend(&proofs);
        let bad = proofs.iter().enumerate().filter(|(_, proof)| **proof == 0);
        bad.map(|(at, _)| at).collect()
    }
}

struct NoShelf;

impl BodyStore for NoShelf {
    fn has(&self, _: &BodyKey) -> Result<bool, Fault> {
        Ok(false)
    }

    fn get(&self, _: &BodyKey) -> Result<Option<Bytes>, Fault> {
        Ok(None)
    }

    fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault> {
        if body == need.entry {
            Ok(())
        } else {
            Err(BodyFault::Mismatch(Refusal::new("body", "another")))
        }
    }

    fn put_all(&self, _: &[(BodyKey, Bytes)]) -> Result<bool, Fault> {
        Ok(true)
    }

    fn closed(&self, _: &StatementId) -> bool {
        false
    }
}

/// A mempool whose admission runs only when it is told to.
struct Counter {
    mempool: Mempool,
    admitter: Option<(Admitter, crate::ledger::LedgerTask)>,
    asked: Seen<Bytes>,
    verified: Seen<u8>,
    cut_off: Seen<PublicKey>,
}

impl Counter {
    fn new() -> Self {
        let (mempool, arrivals) = Mempool::new(BlockLimits::V1, Arc::new(|| 0));
        let (asked, verified, cut_off) = (Seen::default(), Seen::default(), Seen::default());
        let (ledger, _, task) = ledger(Desk(asked.clone()));
        let cut = cut_off.clone();
        let admitter = Admitter {
            pool: mempool.pool().clone(),
            ledger,
            proofs: Proofs::new(Arc::new(Verifier(verified.clone()))),
            bodies: Arc::new(NoShelf),
            arrivals,
            block: Box::new(move |peer| cut.lock().expect("not poisoned").push(peer)),
            offenders: BTreeSet::new(),
        };
        Self {
            mempool,
            admitter: Some((admitter, task)),
            asked,
            verified,
            cut_off,
        }
    }

    /// Node `n` of the committee pushes an entry.
    fn push(&self, n: u8, entry: impl AsRef<[u8]>) {
        self.push_with(n, entry, None);
    }

    fn push_with(&self, n: u8, entry: impl AsRef<[u8]>, body: Option<Bytes>) {
        let entry = Bytes::copy_from_slice(entry.as_ref());
        let submission = Submission { entry, body };
        self.mempool
            .offer(&peer(n), Some(n.into()), submission, Desk::outline);
    }

    fn submit(&self, entry: impl AsRef<[u8]>) -> oneshot::Receiver<Outcome> {
        self.mempool
            .submit(Bytes::copy_from_slice(entry.as_ref()), None)
    }

    /// Lets admission do what there is to do.
    async fn settle(&mut self, context: &deterministic::Context) {
        if let Some((admitter, task)) = self.admitter.take() {
            context
                .child("ledger")
                .spawn(move |_| task.run(Box::new(|_, _| {})));
            context
                .child("admission")
                .spawn(move |context| admitter.run(context));
        }
        context.sleep(Duration::from_secs(1)).await;
    }
}

fn peer(n: u8) -> PublicKey {
    PrivateKey::from_seed(n.into()).public_key()
}

fn run<Fut: Future<Output = ()>>(test: impl FnOnce(deterministic::Context, Counter) -> Fut) {
    deterministic::Runner::timed(Duration::from_secs(60))
        .start(|context| test(context, Counter::new()));
}

#[test]
fn a_peer_that_sends_an_honest_entry_with_a_wrong_body_does_not_get_it_refused() {
    run(|context, mut counter| async move {
        let (entry, wrong) = (Bytes::from_static(b"B1"), Some(Bytes::from_static(b"no")));
        // Before, beside and without the client's own.
        counter.push_with(1, entry.clone(), wrong.clone());
        let mut outcome = counter.mempool.submit(entry.clone(), Some(entry.clone()));
        counter.push_with(1, entry.clone(), wrong);
        counter.settle(&context).await;
        assert_eq!(counter.mempool.pending(), (1, 4));
        assert!(outcome.try_recv().is_err(), "it waits for a block");
        // From the client itself it is refused, and says why.
        let other = Bytes::from_static(b"B2");
        let outcome = counter.mempool.submit(other, Some(entry)).await;
        assert!(matches!(outcome, Ok(Outcome::Refused(refusal)) if refusal.code == "body"));
    });
}

#[test]
fn this_nodes_own_do_not_wait_behind_a_peers_flood() {
    run(|context, mut counter| async move {
        for n in 0..MAX_GOSSIP_ENTRIES {
            counter.push(1, vec![b'x', (n >> 8) as u8, n as u8]);
        }
        let mut outcome = counter.submit(&b"mine"[..]);
        counter.settle(&context).await;
        assert!(outcome.try_recv().is_err(), "it waits for a block");
        let asked = seen(&counter.asked);
        assert_eq!(asked.len(), MAX_GOSSIP_ENTRIES + 1);
        assert_eq!(asked[0], &b"mine"[..]);
    });
}

#[test]
fn blocks_wait_for_few_bytes_at_a_time() {
    let counter = Counter::new();
    let (mut admitter, _task) = counter.admitter.expect("not run yet");
    let mut sizes = Vec::new();
    for n in 0..30u8 {
        let size = [33_000, 200, MAX_ENTRY_BYTES][usize::from(n % 3)];
        let mut entry = vec![b'x'; size];
        entry[1] = n;
        drop(counter.mempool.submit(entry.into(), None));
    }
    while let Some(first) = admitter.arrivals.try_next() {
        let batch = admitter.batch(first);
        sizes.push(batch.iter().map(|a| a.submission.entry.len()).sum());
    }
    assert_eq!(
        sizes.iter().sum::<usize>(),
        10 * (33_000 + 200 + MAX_ENTRY_BYTES)
    );
    let most = MAX_ADMISSION_BATCH_BYTES + MAX_ENTRY_BYTES;
    assert!(sizes.iter().all(|size| *size < most), "{sizes:?}");
    // What is looked at again is no exception.
    let entry = |n: u32| (entry_id(&n.to_be_bytes()), Bytes::from(vec![0; 33_000]));
    let split = portions((0..10).map(entry).collect());
    assert_eq!(split.len(), 10);
    let entry = |n: u32| (entry_id(&n.to_be_bytes()), Bytes::from(vec![0; 10]));
    let split = portions((0..1000).map(entry).collect());
    assert_eq!(split.len(), 1000usize.div_ceil(MAX_ADMISSION_BATCH));
    assert_eq!(split.iter().map(Vec::len).sum::<usize>(), 1000);
}

#[test]
fn a_peer_that_pushes_a_word_of_its_own_that_it_has_not_signed_is_cut_off() {
    for verdict in *b"fm" {
        run(|context, mut counter| async move {
            for n in 0..100 {
                counter.push(1, vec![b'W', 1, verdict, n]);
            }
            counter.push(2, [b'W', 2, b'v']);
            counter.settle(&context).await;
            assert_eq!(seen(&counter.cut_off), [peer(1)]);
            // Those of one portion were on their way; nobody looks at the others.
            let asked = seen(&counter.asked).len();
            assert!(asked <= MAX_ADMISSION_BATCH + 1, "{asked}");
            assert_eq!(counter.mempool.pending().0, 1, "another peer's word");
        });
    }
}

#[test]
fn a_peer_that_is_early_is_not_cut_off() {
    run(|context, mut counter| async move {
        counter.push(1, [b'W', 1, b'e']);
        // Nor for what clients may have given it.
        counter.push(1, [b'S', 1, 1, 0]);
        counter.settle(&context).await;
        assert_eq!(seen(&counter.cut_off), []);
        assert_eq!(counter.mempool.pending().0, 0);
    });
}

#[test]
fn a_nodes_word_is_taken_from_that_node_only() {
    run(|context, mut counter| async move {
        counter.push(2, [b'W', 1, b'v']);
        counter.settle(&context).await;
        assert_eq!(seen(&counter.asked), Vec::<Bytes>::new());
        assert_eq!(seen(&counter.cut_off), []);
        counter.push(1, [b'W', 1, b'v']);
        counter.settle(&context).await;
        assert_eq!(counter.mempool.pending().0, 1);
        // And one on each question, until it is in the log.
        for n in 0..50 {
            counter.push(1, [b'W', 1, b'v', n]);
        }
        counter.settle(&context).await;
        assert_eq!(seen(&counter.asked).len(), 1);
        assert_eq!(counter.mempool.pending().0, 1);
    });
}

#[test]
fn a_signature_that_waits_is_not_proven_again() {
    run(|context, mut counter| async move {
        let mut first = counter.submit(&[b'S', 1, 1, 1][..]);
        counter.settle(&context).await;
        let mut again: Vec<_> = (2..40)
            .map(|n| counter.submit(vec![b'S', 1, 1, n]))
            .collect();
        counter.push(1, [b'S', 1, 1, 99]);
        let mut other = counter.submit(&[b'S', 1, 2, 1][..]);
        counter.settle(&context).await;
        assert_eq!(seen(&counter.verified), [1]);
        assert_eq!(counter.mempool.pending().0, 1);
        assert!(first.try_recv().is_err());
        assert!(again.iter_mut().all(|outcome| outcome.try_recv().is_err()));
        let Ok(Outcome::Refused(refusal)) = other.try_recv() else {
            panic!("it isn't the one that waits")
        };
        assert_eq!(refusal.code, "signature-waiting");
    });
}

#[test]
fn a_made_up_signature_keeps_no_member_from_signing() {
    run(|context, mut counter| async move {
        // Somebody has seen the nullifier, and is first, beside and after.
        let mut made_up = counter.submit(&[b'S', 1, 9, 0][..]);
        counter.push(1, [b'S', 1, 8, 0]);
        counter.settle(&context).await;
        assert!(matches!(
            made_up.try_recv(),
            Ok(Outcome::Refused(refusal)) if refusal.code == "proof-invalid"
        ));
        counter.push(1, [b'S', 1, 7, 0]);
        counter.push(1, [b'S', 1, 1, 0]);
        let mut honest = counter.submit(&[b'S', 1, 1, 1][..]);
        counter.push(1, [b'S', 1, 6, 0]);
        counter.settle(&context).await;
        counter.push(1, [b'S', 1, 5, 0]);
        counter.settle(&context).await;
        assert!(honest.try_recv().is_err(), "it waits for a block");
        assert_eq!(counter.mempool.pending().0, 1);
    });
}
