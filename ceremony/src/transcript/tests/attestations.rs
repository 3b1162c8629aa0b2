//! What an attestation finds out.

use super::*;

#[test]
fn an_attestation_reads_back_and_tells_of_a_change() {
    let t = build(rules(), whole());
    let mine = attestation(&t, 1);
    let json = mine.to_json();
    let read = Attestation::from_json(&json).unwrap();
    assert_eq!(read.to_json(), json);
    assert_eq!(read.after(), mine.after());
    // Nothing stands in it that nobody has signed.
    assert!(!json.contains("town"), "{json}");
    let added = json.replacen('{', "{ \"name\": \"town\",", 1);
    assert_eq!(
        Attestation::from_json(&added),
        Err(AttestationError::Malformed)
    );
    assert_eq!(mine.check(&t), Ok(2));
    let text = mine.to_text();
    assert!(
        text.contains(&t.id().to_string()) && text.contains("number 2"),
        "{text}"
    );
    let changed = json.replace("\"number\": 2,", "\"number\": 3,");
    assert_eq!(
        Attestation::from_json(&changed),
        Err(AttestationError::Changed("number"))
    );
    let before = json.replace(&t.links()[1].before.to_string(), &"0".repeat(64));
    assert_eq!(
        Attestation::from_json(&before),
        Err(AttestationError::Signature)
    );
    assert_eq!(
        Attestation::from_json("{}"),
        Err(AttestationError::Malformed)
    );
}

/// A coordinator who makes another transcript, with the help of everybody but the one who attests.
#[test]
fn a_dropped_forked_reordered_or_substituted_contribution_is_caught_and_named() {
    let t = build(rules(), whole());
    let mine = attestation(&t, 1);
    let (powers, keys) = (Stage::Powers, Stage::Keys);
    let end = || {
        vec![
            beacon(powers),
            contribution(1, keys, 1),
            beacon(keys),
            finished(),
        ]
    };
    let with = |first: Vec<Entry>| build(rules(), first.into_iter().chain(end()).collect());
    let dropped = with(vec![contribution(1, powers, 1)]);
    assert_eq!(mine.check(&dropped), Err(Mismatch::Dropped));
    let replaced = with(vec![contribution(1, powers, 1), contribution(4, powers, 2)]);
    assert_eq!(mine.check(&replaced), Err(Mismatch::Dropped));
    let reordered = with(vec![contribution(2, powers, 1), contribution(1, powers, 2)]);
    assert_eq!(mine.check(&reordered), Err(Mismatch::Forked));
    let forked = with(vec![contribution(5, powers, 1), contribution(2, powers, 2)]);
    assert_eq!(mine.check(&forked), Err(Mismatch::Forked));
    let mut other = contribution(2, powers, 2);
    if let Entry::Contribution(c) = &mut other {
        c.parts[0].points = [9; 64];
    }
    let substituted = with(vec![contribution(1, powers, 1), other]);
    assert_eq!(mine.check(&substituted), Err(Mismatch::Substituted));
    let unfinished = build(rules(), whole().into_iter().take(4).collect());
    assert_eq!(mine.check(&unfinished), Err(Mismatch::Unfinished));
    let mut rules = rules();
    rules.nonce = [1; 16];
    let elsewhere = build(rules, whole());
    assert_eq!(
        mine.check(&elsewhere),
        Err(Mismatch::OtherCeremony(*t.id()))
    );
}
