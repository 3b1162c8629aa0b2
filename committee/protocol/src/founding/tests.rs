//! Foundings, their signatures and cards, rule by rule.

use super::*;
use crate::keys::SigningKey;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32])
}

fn founding() -> Founding {
    let mut operators: Vec<Operator> = (1..=4)
        .map(|n| Operator {
            key: key(n).public(),
            name: format!("operator {n}"),
        })
        .collect();
    operators.sort_by_key(|o| o.key);
    Founding {
        version: PROTOCOL_VERSION,
        epoch: 0,
        founded_ms: 1,
        nonce: [0; 16],
        operators,
        circuits: vec![CircuitKeys {
            circuit: CircuitId(Digest::ZERO),
            verifying_key: Digest::ZERO,
            proving_key: Digest::ZERO,
            transcript: None,
        }],
        group_creators: Vec::new(),
        statement_creators: Vec::new(),
        timing: Timing::LOOPBACK,
        max_open_statements: 1,
    }
}

fn signed() -> FoundingFile {
    let mut file = FoundingFile::draft(founding());
    for n in 1..=4 {
        file.sign(&key(n)).unwrap();
    }
    file
}

#[test]
fn a_founding_that_all_operators_signed_holds_and_reads_back() {
    let file = signed();
    assert_eq!(file.check(), Ok(file.founding.fingerprint()));
    assert_eq!(FoundingFile::from_bytes(&file.to_bytes()), Ok(file));
}

#[test]
fn each_rule_of_a_founding_is_refused_by_name_when_it_alone_is_broken() {
    type Break = fn(&mut Founding);
    let rules: [(Break, FoundingError); 9] = [
        (|f| f.version = 2, FoundingError::Version(2)),
        (
            |f| f.epoch = 1,
            FoundingError::Unsupported("an epoch after the first"),
        ),
        (|f| drop(f.operators.pop()), FoundingError::Nodes(3)),
        (|f| f.operators.swap(0, 1), FoundingError::Unsorted),
        (
            |f| f.operators[1] = f.operators[0].clone(),
            FoundingError::Unsorted,
        ),
        (|f| f.circuits.clear(), FoundingError::NoCircuit),
        (
            |f| f.timing.leader_ms = f.timing.heartbeat_ms + f.timing.skew_ms,
            FoundingError::Timing,
        ),
        (
            |f| f.timing.certification_ms = f.timing.leader_ms,
            FoundingError::Timing,
        ),
        (
            |f| f.max_open_statements = MAX_OPEN_STATEMENTS + 1,
            FoundingError::OpenStatements(MAX_OPEN_STATEMENTS + 1),
        ),
    ];
    for (i, (break_rule, error)) in rules.into_iter().enumerate() {
        let mut broken = founding();
        break_rule(&mut broken);
        assert_eq!(broken.check(), Err(error), "rule {i}");
    }
}

#[test]
fn a_missing_a_wrong_and_a_surplus_signature_are_refused() {
    let mut missing = signed();
    missing.signatures[2] = None;
    assert_eq!(missing.check(), Err(FoundingError::Unsigned(2)));
    let mut swapped = signed();
    swapped.signatures.swap(0, 1);
    assert_eq!(swapped.check(), Err(FoundingError::Unsigned(0)));
    let mut changed = signed();
    changed.founding.nonce[0] ^= 1;
    assert_eq!(changed.check(), Err(FoundingError::Unsigned(0)));
    let mut surplus = signed();
    surplus.signatures.push(surplus.signatures[0]);
    assert_eq!(surplus.check(), Err(FoundingError::Nodes(5)));
}

#[test]
fn only_operators_sign_and_a_card_is_its_own_operators() {
    assert_eq!(FoundingFile::draft(founding()).sign(&key(9)), None);
    let card = Card {
        operator: Operator {
            key: key(1).public(),
            name: "one".into(),
        },
        p2p: "127.0.0.1:1".into(),
        api: "http://127.0.0.1:2".into(),
        sequence: 1,
    };
    assert!(SignedCard::sign(card.clone(), &key(1)).check().is_ok());
    assert!(SignedCard::sign(card, &key(2)).check().is_err());
}

#[test]
fn the_erasure_quorum_leaves_too_few_to_open_even_if_f_of_it_lie() {
    for n in 4..=100 {
        let mut f = founding();
        f.operators = vec![f.operators[0].clone(); n];
        let (e, t, faults) = (f.erasure_quorum(), f.quorum(), f.faults());
        assert!(n - e + faults < t, "n = {n}");
        assert!(n - (e - 1) + faults >= t, "n = {n}: no more than needed");
    }
}

#[test]
fn keys_of_a_ceremony_are_no_development_keys_and_one_without_is_enough_to_be() {
    let mut f = founding();
    assert!(f.development_keys());
    let transcript = Digest([7; 32]);
    f.circuits[0].transcript = Some(transcript);
    assert_eq!(f.check(), Ok(()));
    assert!(!f.development_keys());
    assert_eq!(f.transcripts().collect::<Vec<_>>(), [&transcript]);
    let mut other = f.circuits[0].clone();
    other.transcript = None;
    f.circuits.push(other);
    assert!(f.development_keys());
}
