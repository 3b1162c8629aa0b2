//! Sealing a signature, and opening it again with what a committee computes.

mod committee;

use std::sync::OnceLock;

use committee::{Committee, Person, SENATORS, founding, keys, sealing_key};
use tacit_circuits::keys::{KeyError, key_hash};
use tacit_circuits::{PreparedKey, Proof, SealingPublic, VerifyingKey, seeded_rng, setup, verify};
use tacit_client::open::{Name, OtherBody, Withheld, open};
use tacit_client::payload::PayloadError;
use tacit_client::roster::Frozen;
use tacit_client::seal::{SealError, Sealed, SealingKey, SealingKeyError, Signer, Target, seal};
use tacit_protocol::chain::Opening;
use tacit_protocol::field::{FieldElement, Fr, Scalar};
use tacit_protocol::group::Record;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::CircuitId;
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::statement_scope;
use tacit_protocol::signature::{MAX_TESTIMONY, payload_hash};

/// A signature of the first member, with the testimony "mine", sealed once for all tests.
fn sealed() -> Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    let seal = || Committee::new().seal(0, None, Some("mine"), 1);
    SEALED.get_or_init(seal).clone()
}

fn frozen(committee: &Committee) -> Frozen {
    committee.certified_bundle().frozen().unwrap()
}

/// The public inputs as a node takes them: from its state and the entry.
fn public(committee: &Committee, sealed: &Sealed) -> SealingPublic {
    let tree = match sealed.sign.class {
        None => committee.opening.group,
        Some(c) => committee.opening.classes[usize::from(c)],
    };
    SealingPublic {
        root: tree.root.unwrap().0,
        nullifier: sealed.sign.nullifier.0,
        scope: statement_scope(&committee.id()),
        key: committee.opening.k,
        ct: sealed.sign.ct.0,
        context: sealed.sign.context(),
    }
}

fn verifies(public: &SealingPublic, sealed: &Sealed) -> bool {
    let bytes = &keys().1;
    let key = PreparedKey::new(&VerifyingKey::load(bytes, &key_hash(bytes)).unwrap());
    let proof = Proof::from_bytes(&sealed.sign.proof).unwrap();
    verify(&key, public, &proof).is_ok()
}

#[test]
fn a_sealed_signature_counts_and_opens_to_its_signer() {
    let committee = Committee::new();
    for (person, class) in [(1, None), (4, Some(SENATORS))] {
        let sealed = committee.seal(person, class, Some("I was there."), 1);
        let public = public(&committee, &sealed);
        assert!(verifies(&public, &sealed));
        assert!(sealed.body.matches(&sealed.sign));
        let other_class = match class {
            None => Some(SENATORS),
            Some(_) => None,
        };
        let mut moved = sealed.clone();
        moved.sign.class = other_class;
        assert!(!verifies(&self::public(&committee, &moved), &moved));

        let shared = committee.open(&sealed.body.c1);
        let k = committee.opening.k;
        let opened = open(&sealed.sign, &sealed.body, &shared, &k, &frozen(&committee)).unwrap();
        let person = &committee.people[person];
        assert_eq!(opened.leaf, person.leaf());
        assert_eq!(opened.class, class);
        assert_eq!(opened.name, Name::Record(person.record.clone()));
        assert_eq!(opened.testimony.as_deref(), Some("I was there."));
    }
}

#[test]
fn two_sealings_of_one_member_share_nothing_but_the_nullifier() {
    let committee = Committee::new();
    let (one, two) = (sealed(), committee.seal(0, None, Some("mine"), 2));
    assert_eq!(one.sign.nullifier, two.sign.nullifier);
    assert_ne!(one.sign.ct, two.sign.ct);
    assert_ne!(one.sign.payload_hash, two.sign.payload_hash);
    assert_ne!(one.sign.proof, two.sign.proof);
    assert_ne!(one.body.c1, two.body.c1);
    assert_ne!(one.body.c2, two.body.c2);
}

#[test]
fn a_submission_holds_the_entry_and_the_body() {
    use tacit_protocol::codec::{Decode as _, Encode as _};
    use tacit_protocol::entry::Entry;
    use tacit_protocol::proof::Submission;
    let sealed = sealed();
    let bytes = sealed.submission().to_bytes();
    let submission = Submission::from_bytes(&bytes).unwrap();
    assert_eq!(
        Entry::parse(&submission.entry),
        Ok(Entry::Sign(sealed.sign))
    );
    assert_eq!(submission.body, Some(sealed.body));
}

/// Seals with something changed, and gives the error.
fn refused(
    committee: &Committee,
    person: &Person,
    change: impl FnOnce(&mut Opening, &mut Option<u16>),
    testimony: Option<&str>,
) -> SealError {
    let (mut opening, mut class) = (committee.opening.clone(), None);
    change(&mut opening, &mut class);
    let target = Target {
        statement: committee.id(),
        opening: &opening,
        roster: &frozen(committee),
        class,
    };
    let rng = &mut seeded_rng([1; 32]);
    seal(&target, &person.signer(), testimony, sealing_key(), rng).unwrap_err()
}

#[test]
fn who_is_not_on_the_roster_cannot_seal() {
    let error = refused(&Committee::new(), &Person::new(99), |_, _| {}, None);
    assert_eq!(error, SealError::NotAMember);
}

#[test]
fn who_is_not_in_a_class_cannot_count_for_it() {
    let committee = Committee::new();
    let error = refused(
        &committee,
        &committee.people[1],
        |_, c| *c = Some(SENATORS),
        None,
    );
    assert_eq!(error, SealError::NotInClass);
    let error = refused(&committee, &committee.people[1], |_, c| *c = Some(7), None);
    assert_eq!(error, SealError::NoSuchClass(7));
}

#[test]
fn a_record_that_would_stay_withheld_is_refused_before_it_is_sealed() {
    let committee = Committee::new();
    let person = committee.people[0].clone();
    let other = Record {
        name: "Somebody".into(),
        classes: vec![],
    };
    let wrong_record = Person {
        record: other,
        ..person.clone()
    };
    let wrong_salt = Person {
        salt: [77; 32],
        ..person
    };
    for wrong in [wrong_record, wrong_salt] {
        assert_eq!(
            refused(&committee, &wrong, |_, _| {}, None),
            SealError::Binder
        );
    }
}

#[test]
fn a_roster_without_the_certified_root_is_refused() {
    let committee = Committee::new();
    let other = Some(FieldElement(Fr::from(5u64)));
    let error = refused(
        &committee,
        &committee.people[0],
        |o, _| o.group.root = other,
        None,
    );
    assert_eq!(error, SealError::Roster);
    let change = |o: &mut Opening, c: &mut Option<u16>| {
        *c = Some(SENATORS);
        o.classes[0].root = None;
    };
    assert_eq!(
        refused(&committee, &committee.people[0], change, None),
        SealError::Roster
    );
}

#[test]
fn a_testimony_that_is_too_long_is_refused() {
    let committee = Committee::new();
    let long = "x".repeat(MAX_TESTIMONY + 1);
    let error = refused(&committee, &committee.people[0], |_, _| {}, Some(&long));
    let expected = PayloadError::TestimonyTooLong(MAX_TESTIMONY + 1);
    assert_eq!(error, SealError::Payload(expected));
}

#[test]
fn only_the_keys_of_the_founding_file_are_proven_with() {
    let (proving, verifying) = keys();
    let (pk, vk) = (key_hash(proving), key_hash(verifying));
    let load = |bytes: &[u8], founding: &tacit_protocol::founding::Founding| {
        SealingKey::load_again(bytes, founding).err()
    };
    let good = founding(pk, vk).1.founding;
    assert_eq!(load(proving, &good), None);

    // A key of the same circuit that somebody else made: whoever did could make one that leaks.
    let (handed, _): (tacit_circuits::ProvingKey, _) = setup(&mut seeded_rng([2; 32])).unwrap();
    let handed = handed.to_bytes();
    let hash = KeyError::Hash {
        expected: pk,
        found: key_hash(&handed),
    };
    assert_eq!(load(&handed, &good), Some(SealingKeyError::Key(hash)));

    let mixed = founding(key_hash(&handed), vk).1.founding;
    assert_eq!(
        load(&handed, &mixed),
        Some(SealingKeyError::OtherVerifyingKey)
    );

    let mut other = good.clone();
    let unknown = CircuitId(Digest([4; 32]));
    other.circuits[0].circuit = unknown;
    assert_eq!(
        load(proving, &other),
        Some(SealingKeyError::UnknownCircuit(unknown))
    );
    other.circuits.clear();
    assert!(matches!(
        load(proving, &other),
        Some(SealingKeyError::Founding(_))
    ));
}

#[test]
fn a_key_from_a_node_is_checked_point_by_point() {
    let (proving, verifying) = keys();
    let founding = founding(key_hash(proving), key_hash(verifying)).1.founding;
    assert!(SealingKey::load(proving, &founding).is_ok());
    // Some point in the middle, moved off the curve, with a founding file that names the result.
    let mut bent = proving.clone();
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    let named = committee::founding(key_hash(&bent), key_hash(verifying))
        .1
        .founding;
    let refused = SealingKey::load(&bent, &named).err();
    assert_eq!(refused, Some(SealingKeyError::Key(KeyError::Encoding)));
}

#[test]
fn a_record_that_does_not_open_the_binder_is_withheld_and_the_leaf_still_named() {
    let sealed = sealed();
    // The same leaf, enrolled with another record: what the signer sealed isn't what was attested.
    let mut people: Vec<Person> = (0..5).map(Person::new).collect();
    people[0].record.name = "Somebody else".into();
    let committee = Committee::with_people(people);
    let shared = committee.open(&sealed.body.c1);
    let k = committee.opening.k;
    let opened = open(&sealed.sign, &sealed.body, &shared, &k, &frozen(&committee)).unwrap();
    assert_eq!(opened.leaf, committee.people[0].leaf());
    assert_eq!(opened.name, Name::Withheld(Withheld::Binder));
    assert_eq!(opened.testimony.as_deref(), Some("mine"));
}

#[test]
fn a_payload_that_does_not_decrypt_is_withheld_and_the_leaf_still_named() {
    let committee = Committee::new();
    let mut sealed = sealed();
    sealed.body.payload[3] ^= 1;
    sealed.sign.payload_hash = payload_hash(&sealed.body.payload);
    let shared = committee.open(&sealed.body.c1);
    let k = committee.opening.k;
    let opened = open(&sealed.sign, &sealed.body, &shared, &k, &frozen(&committee)).unwrap();
    assert_eq!(opened.leaf, committee.people[0].leaf());
    let why = Withheld::Payload(PayloadError::Decryption);
    assert_eq!(opened.name, Name::Withheld(why));
    assert_eq!(opened.testimony, None);
}

#[test]
fn a_body_of_another_signature_is_refused() {
    let committee = Committee::new();
    let sealed = sealed();
    let other = committee.seal(1, None, None, 2);
    let shared = committee.open(&sealed.body.c1);
    let (k, frozen) = (committee.opening.k, frozen(&committee));
    let mut payload_swapped = sealed.body.clone();
    payload_swapped.payload = other.body.payload.clone();
    let mut leaf_swapped = sealed.body.clone();
    leaf_swapped.c2 = other.body.c2;
    let mut point_swapped = sealed.body.clone();
    point_swapped.c1 = other.body.c1;
    for body in [other.body, payload_swapped, leaf_swapped, point_swapped] {
        let refused = open(&sealed.sign, &body, &shared, &k, &frozen);
        assert_eq!(refused, Err(OtherBody));
    }
}

#[test]
fn a_wrong_decryption_names_nobody() {
    let committee = Committee::new();
    let sealed = sealed();
    let wrong = Point::mul_generator(&Scalar::from(77u64)).unwrap();
    let k = committee.opening.k;
    let opened = open(&sealed.sign, &sealed.body, &wrong, &k, &frozen(&committee)).unwrap();
    assert_eq!(opened.name, Name::Withheld(Withheld::UnknownLeaf));
    assert_eq!(opened.testimony, None);
    assert!(committee.people.iter().all(|p| p.leaf() != opened.leaf));
}

#[test]
fn debug_prints_neither_names_nor_secrets() {
    let committee = Committee::new();
    let person = &committee.people[0];
    let signer: Signer<'_> = person.signer();
    let sealed = sealed();
    let shared = committee.open(&sealed.body.c1);
    let k = committee.opening.k;
    let opened = open(&sealed.sign, &sealed.body, &shared, &k, &frozen(&committee)).unwrap();
    let text = format!("{signer:?} {:?}", opened.name);
    assert_eq!(text, "Signer(redacted) Record(redacted)");
}
