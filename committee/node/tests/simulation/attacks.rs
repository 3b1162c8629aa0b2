//! Liars among the nodes and the members, against whole nodes. Each breaks one rule.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use commonware_runtime::{Clock as _, deterministic::Context};
use tacit_client::seal::Sealed;
use tacit_ledger::Ledger;
use tacit_node::{
    adapters::LedgerMachine,
    assembly::Assembly,
    block::{LogBlock, entry_id},
    machine::{
        Admission, Applied, BodyFault, BodyKey, BodyNeed, BodyStore, Built, Candidate, Checked,
        Committed, Fault, ProofClaim, ProofVerifier, StateMachine,
    },
    mempool::Outcome,
    reconcile::HasLedger,
    simulated::run,
};
use tacit_protocol::{
    codec::Encode as _,
    entry::{Entry, Erased, ErasureReason, NodeEntry, NodeStatement},
    field::FieldElement,
    ids::StatementId,
    signature::{ContextKind, PAYLOAD_SIZES, TAG_BYTES, context, payload_hash},
    statement::Status,
};
use tacit_test_world::{
    Member,
    signing::{encrypt, plaintext},
};
use tacit_vault::{Moment, steps};

use crate::{
    members::{LONG, seeds},
    whole::{Town, names},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A town with a statement that takes signatures. Node 3 is left to the caller.
async fn collecting(context: &Context, label: &str) -> (Town, Vec<Member>, StatementId) {
    let mut town = Town::found(context, label).await;
    let (group, people) = town.group(&["Ada", "Bela", "Chidi", "Dora"]).await;
    let id = town.propose(group, "Sign this", "count >= 2", DAY).await;
    town.all_say(&[0, 1, 2, 3], &id, Status::Collecting).await;
    town.learn(0).await;
    (town, people, id)
}

fn key(sealed: &Sealed) -> BodyKey {
    BodyKey {
        statement: sealed.sign.statement,
        id: sealed.sign.body_id().0,
    }
}

// --- a leader who proposes what nobody submitted

/// A leader's own additions to its blocks, and how often it got to propose them.
#[derive(Clone, Default)]
struct Additions {
    entries: Arc<Mutex<Vec<Arc<Candidate>>>>,
    proposed: Arc<AtomicUsize>,
}

impl Additions {
    fn set(&self, sealed: &[Sealed]) {
        let candidate = |s: &Sealed| {
            let entry = Bytes::from(Entry::Sign(s.sign.clone()).to_bytes());
            Arc::new(Candidate {
                id: entry_id(&entry),
                entry,
                proofs: 1,
            })
        };
        *self.entries.lock().expect("not poisoned") = sealed.iter().map(candidate).collect();
    }
}

/// A ledger whose owner puts into its blocks what it likes, without ever looking at proofs.
struct LyingLeader {
    honest: LedgerMachine,
    additions: Additions,
}

impl StateMachine for LyingLeader {
    fn applied(&self) -> Applied {
        self.honest.applied()
    }

    fn build(
        &mut self,
        ancestors: &[Arc<LogBlock>],
        timestamp_ms: u64,
        candidates: &[Arc<Candidate>],
    ) -> Result<Built, Fault> {
        let mut all = self.additions.entries.lock().expect("not poisoned").clone();
        let additions: BTreeSet<_> = all.iter().map(|c| c.entry.to_vec()).collect();
        all.extend_from_slice(candidates);
        let built = self.honest.build(ancestors, timestamp_ms, &all)?;
        if built.block.entries.iter().any(|e| additions.contains(e)) {
            self.additions.proposed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(built)
    }

    fn check(&mut self, ancestors: &[Arc<LogBlock>], block: &LogBlock) -> Result<Checked, Fault> {
        self.honest.check(ancestors, block)
    }

    fn admit(&mut self, entry: &[u8]) -> Result<Admission, Fault> {
        self.honest.admit(entry)
    }

    fn commit(&mut self, block: &LogBlock) -> Result<Committed, Fault> {
        self.honest.commit(block)
    }
}

impl HasLedger for LyingLeader {
    fn ledger(&mut self) -> &mut Ledger {
        self.honest.ledger_mut()
    }
}

/// The liar's bodies: notes which ones the others asked for.
struct Overheard {
    bodies: Arc<dyn BodyStore>,
    asked: Arc<Mutex<BTreeSet<BodyKey>>>,
}

impl BodyStore for Overheard {
    fn has(&self, key: &BodyKey) -> Result<bool, Fault> {
        self.bodies.has(key)
    }

    fn get(&self, key: &BodyKey) -> Result<Option<Bytes>, Fault> {
        self.asked.lock().expect("not poisoned").insert(*key);
        self.bodies.get(key)
    }

    fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault> {
        self.bodies.check(need, body)
    }

    fn put_all(&self, bodies: &[(BodyKey, Bytes)]) -> Result<bool, Fault> {
        self.bodies.put_all(bodies)
    }

    fn closed(&self, statement: &StatementId) -> bool {
        self.bodies.closed(statement)
    }
}

/// An honest node's verifier: notes how many proofs it refused.
struct Noting {
    verifier: Arc<dyn ProofVerifier>,
    refused: Arc<AtomicUsize>,
}

impl ProofVerifier for Noting {
    fn verify(&self, claims: &[ProofClaim], seed: [u8; 32]) -> Vec<usize> {
        let bad = self.verifier.verify(claims, seed);
        self.refused.fetch_add(bad.len(), Ordering::Relaxed);
        bad
    }
}

/// Bytes that a node's erasable folder takes up.
fn stored(town: &Town, node: usize) -> usize {
    town.places[node].disk.files().values().map(Vec::len).sum()
}

#[test]
fn a_leader_who_proposes_false_proofs_gets_no_vote_no_disk_space_and_no_question() {
    run(41, LONG, |context| async move {
        let (mut town, people, id) = collecting(&context, "false proofs").await;
        let refused = [0, 1, 2].map(|_| Arc::<AtomicUsize>::default());
        for (node, refused) in refused.iter().enumerate() {
            town.crash(node).await;
            let refused = refused.clone();

            town.start_watched(node, move |verifier| Arc::new(Noting { verifier, refused }))
                .await;
        }
        // The liar holds the largest bodies there are, under proofs that hold for another signature.
        let honest = town
            .log
            .seal(&id, &[(&people[0], None), (&people[1], None)]);
        let forged: Vec<Sealed> = people[1..]
            .iter()
            .map(|member| {
                let large = vec![0xa5; PAYLOAD_SIZES[2] + TAG_BYTES];
                let mut forged = town.log.draft(&id, member, None, |_| large).unproven();
                forged.sign.proof = honest[0].sign.proof;
                forged
            })
            .collect();
        town.crash(3).await;
        let additions = Additions::default();
        let asked = Arc::<Mutex<BTreeSet<BodyKey>>>::default();
        let (liar, overheard) = (additions.clone(), asked.clone());
        let (mine, true_one) = (forged.clone(), honest[1].clone());
        town.start_as(3, move |assembly| {
            let own: Vec<(BodyKey, Bytes)> = mine
                .iter()
                .chain([&true_one])
                .map(|s| (key(s), Bytes::from(s.body.to_bytes())))
                .collect();
            assert!(assembly.bodies.put_all(&own).expect("stored"));
            Assembly {
                identity: assembly.identity,
                vault: assembly.vault,
                machine: LyingLeader {
                    honest: assembly.machine,
                    additions: liar,
                },
                verifier: assembly.verifier,
                bodies: Arc::new(Overheard {
                    bodies: assembly.bodies,
                    asked: overheard,
                }),
            }
        })
        .await;
        context.sleep(Duration::from_secs(5)).await;
        let before = [0, 1, 2].map(|node| stored(&town, node));

        additions.set(&forged);
        context.sleep(Duration::from_secs(30)).await;
        let proposed = additions.proposed.load(Ordering::Relaxed);
        assert!(proposed >= 3, "it led and tried {proposed} times");
        for node in [0, 1, 2] {
            let seen = refused[node].load(Ordering::Relaxed);
            assert!(seen >= forged.len(), "{node} looked at the proofs: {seen}");
            assert_eq!(count(&town, node, &id).await, 0);
            assert_eq!(stored(&town, node), before[node], "not one byte at {node}");
            assert_eq!(town.vault(node).cts(&id), [[0; 32]; 0]);
        }
        assert!(asked.lock().expect("not poisoned").is_empty());

        // The same liar with a signature that is true: its body is asked for, held, and voted for. So the
        // notes above would have told.
        additions.set(&honest[1..]);
        town.until("counted", 0, move |ledger| {
            ledger
                .statement(&id)
                .expect("readable")
                .expect("there")
                .count
                == 1
        })
        .await;
        let asked = asked.lock().expect("not poisoned").clone();
        assert_eq!(asked, BTreeSet::from([key(&honest[1])]));
        // And an honest member isn't kept out.
        additions.set(&forged);
        town.sign(0, &honest[0]).await;
        town.all_say(&[0, 1, 2], &id, Status::Revealed).await;
    });
}

async fn count(town: &Town, node: usize, id: &StatementId) -> u64 {
    let id = *id;
    town.read(node, move |ledger| {
        let view = ledger.statement(&id).expect("readable");
        view.expect("there").count
    })
    .await
}

// --- a node that pushes what it hasn't signed

/// A ledger whose owner's mempool takes everything, and so pushes everything.
struct Pusher(LedgerMachine);

impl StateMachine for Pusher {
    fn applied(&self) -> Applied {
        self.0.applied()
    }

    fn build(
        &mut self,
        ancestors: &[Arc<LogBlock>],
        timestamp_ms: u64,
        candidates: &[Arc<Candidate>],
    ) -> Result<Built, Fault> {
        self.0.build(ancestors, timestamp_ms, candidates)
    }

    fn check(&mut self, ancestors: &[Arc<LogBlock>], block: &LogBlock) -> Result<Checked, Fault> {
        self.0.check(ancestors, block)
    }

    fn admit(&mut self, _: &[u8]) -> Result<Admission, Fault> {
        Ok(Admission::Valid {
            claims: Vec::new(),
            body: None,
        })
    }

    fn commit(&mut self, block: &LogBlock) -> Result<Committed, Fault> {
        self.0.commit(block)
    }
}

impl HasLedger for Pusher {
    fn ledger(&mut self) -> &mut Ledger {
        self.0.ledger_mut()
    }
}

#[test]
fn a_node_that_pushes_words_of_its_own_that_it_has_not_signed_is_cut_off_and_the_log_goes_on() {
    run(44, LONG, |context| async move {
        let (mut town, people, id) = collecting(&context, "junk").await;
        town.crash(3).await;
        town.start_as(3, |assembly| Assembly {
            identity: assembly.identity,
            vault: assembly.vault,
            machine: Pusher(assembly.machine),
            verifier: assembly.verifier,
            bodies: assembly.bodies,
        })
        .await;
        let committee = town.log.committee.clone();
        let word = |node: u16, caveats: u32| {
            let erased = Erased {
                statement: id,
                reason: ErasureReason::Abandoned,
                caveats,
            };
            // Another node's key: nobody has said this.
            let key = &committee.keys[usize::from(node + 1) % 4];
            NodeEntry::sign(
                &committee.fingerprint,
                node,
                NodeStatement::Erased(erased),
                key,
            )
        };
        let push = |town: &Town, entry: NodeEntry| {
            let entry = Bytes::from(Entry::Node(entry).to_bytes());
            drop(town.node(3).mempool.submit(entry, None));
        };
        // What another node is to say is not even looked at.
        push(&town, word(0, 1));
        context.sleep(Duration::from_secs(5)).await;
        assert_eq!(town.network.blocked().await, []);
        push(&town, word(3, 2));
        context.sleep(Duration::from_secs(5)).await;
        let blocked: BTreeSet<_> = town.network.blocked().await.into_iter().collect();
        assert_eq!(blocked, BTreeSet::from([(0, 3), (1, 3), (2, 3)]));

        let honest = town
            .log
            .seal(&id, &[(&people[0], None), (&people[1], None)]);
        for sealed in &honest {
            town.sign(0, sealed).await;
        }
        town.all_say(&[0, 1, 2], &id, Status::Revealed).await;
        let erasures = move |ledger: &Ledger| {
            let view = ledger.statement(&id).expect("readable").expect("there");
            view.erasures
                .iter()
                .map(|(by, _, _)| *by)
                .collect::<Vec<_>>()
        };
        assert!(!town.read(0, erasures).await.contains(&3));
    });
}

// --- a member with two bodies under one ciphertext

/// Two signatures of one member with one nonce, so one `ct`, and two payloads; both proofs hold.
fn twins(town: &mut Town, id: &StatementId, member: &Member) -> [Sealed; 2] {
    let first = town.log.draft(id, member, None, |keying| {
        encrypt(&plaintext(member), keying)
    });
    let mut second = first.clone();
    second.body.payload = vec![0xa5; PAYLOAD_SIZES[1] + TAG_BYTES];
    let hash = payload_hash(&second.body.payload);
    second.sign.payload_hash = hash;
    second.public.context = context(ContextKind::Sign, id, 0, None, &hash);
    let twins = [first.prove(&mut town.log), second.prove(&mut town.log)];
    let [a, b] = &twins;
    assert_eq!(a.sign.ct, b.sign.ct);
    assert_eq!(a.sign.nullifier, b.sign.nullifier);
    assert_ne!(key(a), key(b));
    twins
}

async fn two_bodies(context: Context) {
    let (mut town, people, id) = collecting(&context, "two bodies").await;
    let twins = twins(&mut town, &id, &people[0]);
    let honest = town.log.seal(&id, &[(&people[1], None)]);
    // Cut in two halves: the leader's half proposes, checks and stores its own, in vain. Leaders take
    // turns, so the next one is of the other half and offers the other, which it got first: whoever
    // holds the one must still be able to check and hold the other. Short enough that nobody is
    // skipped for having been silent.
    let half = |node: usize| node % 2;
    town.quiet().await;
    town.network.cut(&[0, 2], &[1, 3]).await;
    let waiting: Vec<_> = (0..4)
        .map(|node| town.hand_in_signature(node, &twins[half(node)]))
        .collect();
    context.sleep(Duration::from_secs(5)).await;
    let holds = |town: &Town, node: usize, twin: usize| {
        town.vault(node).has_body(&id, &key(&twins[twin]).id)
    };
    let stored: Vec<usize> = (0..4)
        .filter(|node| holds(&town, *node, half(*node)))
        .collect();
    let [first, second] = stored[..] else {
        panic!("one half has stored its own: {stored:?}");
    };
    assert_eq!(half(first), half(second));
    town.network.heal().await;
    let healed = context.current();

    let mut counted = BTreeSet::new();
    for (node, outcome) in waiting.into_iter().enumerate() {
        match outcome.await.expect("an answer") {
            Outcome::Final(_) => drop(counted.insert(half(node))),
            Outcome::Refused(refusal) => assert_eq!(refusal.code, "nullifier-spent"),
            Outcome::Busy => panic!("nothing else waits"),
        }
    }
    let counted: Vec<usize> = counted.into_iter().collect();
    let [winner] = counted[..] else {
        panic!("one of them counts: {counted:?}");
    };
    assert_ne!(winner, half(first), "the harder case");
    let took = context.current().duration_since(healed).expect("forward");
    assert!(took < Duration::from_secs(15), "{took:?}");
    context.sleep(Duration::from_secs(2)).await;
    for node in 0..4 {
        assert!(holds(&town, node, winner), "{node} has the counted one");
    }
    // Everybody else is counted, and the list opens.
    town.sign(0, &honest[0]).await;
    town.all_say(&[0, 1, 2, 3], &id, Status::Revealed).await;
    town.attested(0, &id, &[0, 1, 2, 3]).await;
    for node in 0..4 {
        let bundle = town.bundle(node, &id).await;
        let verified = town.verified(&bundle);
        let leaves: Vec<FieldElement> = verified.names.iter().flatten().map(|n| n.leaf).collect();
        assert_eq!(leaves, [people[0].leaf(), people[1].leaf()]);
        if winner == 0 {
            assert_eq!(names(&verified), ["Ada", "Bela"]);
        }
    }
}

#[test]
fn a_member_who_sends_two_bodies_of_one_ciphertext_to_different_nodes_stalls_nobody() {
    for seed in seeds(42, 1) {
        run(seed, LONG, two_bodies);
    }
}

// --- a node that lost what it should hold

#[test]
fn a_node_that_starts_without_the_bodies_of_a_live_statement_asks_for_them() {
    run(43, LONG, |context| async move {
        let (mut town, people, id) = collecting(&context, "missing bodies").await;
        let sealed = town.log.seal(&id, &[(&people[0], None)]);
        let (only, body) = (sealed[0].clone(), key(&sealed[0]).id);
        town.crash(3).await;
        town.sign(0, &only).await;
        // Its power fails while it stores the body that it fetched: the block is in its database by
        // then, so that the engine won't deliver it, nor ask for its bodies, ever again.
        town.places[3]
            .disk
            .crash_at(steps::BODIES_SYNC, 0, Moment::During);
        town.start(3).await;
        let ended = town.died(3).await;
        assert_eq!(ended.task, "the body keeper", "{}", ended.reason);

        town.start(3).await;
        assert_eq!(count(&town, 3, &id).await, 1, "the block was applied");
        assert!(!town.vault(3).has_body(&id, &body), "and the body is lost");
        let start = context.current();
        while !town.vault(3).has_body(&id, &body) {
            let waited = context.current().duration_since(start).expect("forward");
            assert!(waited < Duration::from_secs(10), "nobody gave it the body");
            context.sleep(Duration::from_millis(50)).await;
        }
    });
}
