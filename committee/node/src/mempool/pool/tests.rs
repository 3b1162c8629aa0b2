use super::*;
use tacit_protocol::{
    block::{Block, Header, entries_root},
    hash::Digest,
    ids::StatementId,
};

const LIMITS: BlockLimits = BlockLimits {
    entries: 3,
    entry_bytes: 100,
    total_bytes: 100,
    proofs: 2,
};

fn pool() -> Pool {
    Pool::new(LIMITS, Arc::new(|| 1000))
}

fn candidate(entry: &[u8], proofs: usize) -> Candidate {
    Candidate {
        id: entry_id(entry),
        entry: Bytes::copy_from_slice(entry),
        proofs,
    }
}

fn insert(pool: &Pool, entry: &[u8]) -> EntryId {
    pool.insert(candidate(entry, 0), None, true, Outline::default());
    entry_id(entry)
}

fn block(height: u64, entries: &[&[u8]]) -> LogBlock {
    let entries: Vec<Vec<u8>> = entries.iter().map(|e| e.to_vec()).collect();
    LogBlock::new(Block {
        header: Header {
            height,
            parent: Digest::ZERO,
            timestamp_ms: 0,
            entries_root: entries_root(&entries),
            state_root: Digest::ZERO,
        },
        entries,
    })
}

#[test]
fn candidates_come_oldest_first_and_within_the_blocks_limits() {
    let pool = pool();
    for entry in [&[1u8; 40][..], &[2; 40], &[3; 40], &[4; 10]] {
        insert(&pool, entry);
    }
    let chosen = pool.candidates(&BTreeSet::new());
    let firsts: Vec<u8> = chosen.iter().map(|c| c.entry[0]).collect();
    assert_eq!(firsts, [1, 2, 4], "the third doesn't fit, the fourth does");
    let chosen = pool.candidates(&BTreeSet::from([entry_id(&[1; 40])]));
    assert_eq!(chosen[0].entry[0], 2);
}

#[test]
fn candidates_never_bring_more_proofs_than_a_block_may_have() {
    let pool = pool();
    for n in 0..3u8 {
        pool.insert(candidate(&[n], 1), None, true, Outline::default());
    }
    assert_eq!(pool.candidates(&BTreeSet::new()).len(), 2);
}

#[test]
fn proposals_leave_room_for_what_stands_behind_them() {
    let limits = BlockLimits {
        entries: 100,
        entry_bytes: 100,
        total_bytes: 100,
        proofs: 2,
    };
    let pool = Pool::new(limits, Arc::new(|| 1000));
    for n in 0..40u8 {
        insert(&pool, &[PROPOSAL, n]);
    }
    insert(&pool, b"another");
    let chosen = pool.candidates(&BTreeSet::new());
    assert_eq!(chosen.len(), MAX_BLOCK_PROPOSALS + 1);
    assert_eq!(&chosen[MAX_BLOCK_PROPOSALS].entry[..], b"another");
}

#[test]
fn whoever_waits_learns_the_position_and_so_does_a_later_submission() {
    let pool = pool();
    let id = insert(&pool, b"entry");
    let (waiter, mut outcome) = oneshot::channel();
    assert!(!pool.wait_for(id, waiter), "it waits already");
    pool.finalized(&block(9, &[b"other", b"entry"]));
    let position = Position {
        height: 9,
        index: 1,
    };
    assert_eq!(outcome.try_recv(), Ok(Outcome::Final(position)));
    assert_eq!(pool.pending(), (0, 0));
    let (waiter, mut outcome) = oneshot::channel();
    assert!(!pool.wait_for(id, waiter));
    assert_eq!(outcome.try_recv(), Ok(Outcome::Final(position)));
    assert!(!pool.is_news(&id));
}

#[test]
fn a_refused_entry_is_looked_at_again_after_the_next_block() {
    let pool = pool();
    let id = entry_id(b"early");
    pool.settle(id, &Outcome::Refused(Refusal::new("early", "not yet")));
    assert!(!pool.is_news(&id));
    pool.finalized(&block(1, &[]));
    assert!(pool.is_news(&id));
}

#[test]
fn a_body_goes_with_its_entry() {
    let pool = pool();
    let key = BodyKey {
        statement: StatementId(Digest([1; 32])),
        id: [2; 32],
    };
    let body = Bytes::from_static(b"body");
    pool.insert(
        candidate(b"entry", 1),
        Some((key, body.clone())),
        false,
        Outline::default(),
    );
    assert_eq!(pool.body(&key), Some(body));
    pool.settle(entry_id(b"entry"), &Outcome::Busy);
    assert_eq!(pool.body(&key), None);
}

#[test]
fn only_what_clients_gave_here_is_pushed_and_repeated() {
    let pool = pool();
    insert(&pool, b"mine");
    pool.insert(candidate(b"a peer's", 0), None, false, Outline::default());
    assert_eq!(pool.take_unsent().len(), 1);
    assert_eq!(pool.take_unsent().len(), 0);
    assert_eq!(pool.repeat().len(), 1);
    assert_eq!(pool.repeat().len(), 1);
}

#[test]
fn too_many_who_wait_for_one_entry_are_told_to_come_later() {
    let pool = pool();
    let id = insert(&pool, b"entry");
    let mut outcomes = Vec::new();
    for _ in 0..=MAX_WAITERS_PER_ENTRY {
        let (waiter, outcome) = oneshot::channel();
        pool.wait_for(id, waiter);
        outcomes.push(outcome);
    }
    let last = outcomes.last_mut().expect("some");
    assert_eq!(last.try_recv(), Ok(Outcome::Busy));
    assert!(outcomes[0].try_recv().is_err());
}

/// A signature by a member, sealed and proven in some way.
fn signature(member: u8, sealing: u8, proof: u8) -> (Candidate, Outline) {
    let entry = [member, sealing, proof];
    let place = Place::Signature {
        statement: StatementId(Digest([1; 32])),
        nullifier: [member; 32],
    };
    let outline = Outline {
        author: None,
        place: Some(place),
        content: Bytes::copy_from_slice(&entry[..2]),
    };
    (candidate(&entry, 1), outline)
}

fn sent(pool: &Pool, (candidate, outline): (Candidate, Outline)) -> oneshot::Receiver<Outcome> {
    let (waiter, outcome) = oneshot::channel();
    assert!(pool.wait_for(candidate.id, waiter));
    pool.insert(candidate, None, true, outline);
    outcome
}

#[test]
fn one_signature_of_a_member_waits_however_often_it_is_proven() {
    let pool = pool();
    let mut first = sent(&pool, signature(1, 1, 1));
    let mut others: Vec<_> = (2..9).map(|n| sent(&pool, signature(1, 1, n))).collect();
    let mut neighbour = sent(&pool, signature(2, 1, 1));
    assert_eq!(pool.pending().0, 2);
    assert!(others.iter_mut().all(|other| other.try_recv().is_err()));
    pool.finalized(&block(1, &[&[1, 1, 1]]));
    let position = Position {
        height: 1,
        index: 0,
    };
    assert_eq!(first.try_recv(), Ok(Outcome::Final(position)));
    for other in &mut others {
        assert_eq!(other.try_recv(), Ok(Outcome::Final(position)));
    }
    assert!(neighbour.try_recv().is_err());
    assert_eq!(pool.pending().0, 1);
}

#[test]
fn another_signature_of_a_member_is_refused_while_one_waits_and_no_longer() {
    let pool = pool();
    let mut first = sent(&pool, signature(1, 1, 1));
    let mut second = sent(&pool, signature(1, 2, 1));
    assert_eq!(second.try_recv(), Ok(Outcome::Refused(taken())));
    assert_eq!(pool.pending().0, 1);
    let refused = Outcome::Refused(Refusal::new("not-collecting", "over"));
    pool.settle(entry_id(&[1, 1, 1]), &refused);
    assert_eq!(first.try_recv(), Ok(refused));
    let _second = sent(&pool, signature(1, 2, 1));
    assert_eq!(pool.pending().0, 1);
}

#[test]
fn what_was_not_admitted_takes_nobodys_place() {
    let pool = pool();
    let (made_up, outline) = signature(1, 2, 1);
    assert_eq!(pool.contest(made_up.id, &outline), Contest::Free);
    let refused = Outcome::Refused(Refusal::new("proof-invalid", "no"));
    pool.settle(made_up.id, &refused);
    let (honest, outline) = signature(1, 1, 1);
    assert_eq!(pool.contest(honest.id, &outline), Contest::Free);
    pool.insert(honest, None, true, outline);
    assert_eq!(pool.pending().0, 1);
}

#[test]
fn what_this_node_says_does_not_wait_for_what_it_said_before() {
    let pool = pool();
    let word = |n: u8| {
        let place = Place::Word {
            node: 0,
            kind: Kind::Erased,
            statement: StatementId(Digest([1; 32])),
            about: tacit_protocol::entry::About::Partial { chunk: 0 },
        };
        let outline = Outline {
            author: Some(0),
            place: Some(place),
            content: Bytes::copy_from_slice(&[n]),
        };
        (candidate(&[n], 0), outline)
    };
    let _first = sent(&pool, word(1));
    let _second = sent(&pool, word(2));
    assert_eq!(pool.pending().0, 2);
    // A peer says one thing at a time.
    let (third, outline) = word(3);
    pool.insert(third, None, false, outline);
    assert_eq!(pool.pending().0, 2);
    // The first one's place is given up with it, and with nothing else.
    pool.settle(entry_id(&[2]), &Outcome::Busy);
    let (third, outline) = word(3);
    assert_eq!(pool.contest(third.id, &outline), Contest::Taken);
    pool.settle(entry_id(&[1]), &Outcome::Busy);
    assert_eq!(pool.contest(third.id, &outline), Contest::Free);
}
