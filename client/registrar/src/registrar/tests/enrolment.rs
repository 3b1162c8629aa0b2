//! Codes, attestations, and one identity for one person.

use tacit_protocol::group::enrolment_message;

use super::*;

#[test]
fn a_person_with_a_code_is_attested_as_the_roster_says() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let ada = identity(7);
    let signature = signature(registrar, &group, &codes["Ada"], &ada);
    let attested = registrar
        .attest(&group, &codes["Ada"], ada.public(), &signature)
        .unwrap();
    assert_eq!(attested.leaf.0, ada.commitment());
    assert_eq!(attested.invitation.record.name, "Ada");
    assert_eq!(attested.invitation.classes, [1]);
    assert_eq!(
        attested.invitation.record.binder(&attested.invitation.salt),
        attested.invitation.binder
    );
    let message = attested
        .invitation
        .attestation(&group, attested.leaf)
        .to_bytes();
    assert_eq!(
        registrar.key().verify(
            domain::SIGN_ATTESTATION,
            &message,
            &attested.signature.signature
        ),
        Ok(())
    );
}

#[test]
fn registrars_who_share_a_secret_attest_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 3);
    let group = definition.id();
    let ada = identity(7);
    // Each has its own roster file, in another order and spelling.
    let rosters = [
        TOWN,
        "contact,name,senators\ncleo@x,Cleo,no\nADA@X,Ada,YES\n,Bob,false\n",
        TOWN,
    ];
    let attested: Vec<Attested> = registrars
        .iter()
        .zip(rosters)
        .map(|(registrar, text)| {
            let codes = invite(registrar, &group, text);
            let signature = signature(registrar, &group, &codes["Ada"], &ada);
            registrar
                .attest(&group, &codes["Ada"], ada.public(), &signature)
                .unwrap()
        })
        .collect();
    let bytes = |a: &Attested| a.invitation.attestation(&group, a.leaf).to_bytes();
    for other in &attested[1..] {
        assert_eq!(bytes(other), bytes(&attested[0]));
        assert_eq!(other.invitation, attested[0].invitation);
        assert_ne!(other.signature, attested[0].signature);
    }
    let enrol = crate::enrolment::assemble(
        &definition,
        &attested[0].invitation,
        &ada,
        attested
            .iter()
            .rev()
            .take(2)
            .map(|a| a.signature.clone())
            .collect(),
    );
    assert_eq!(enrol.unwrap().check(&definition), Ok(()));
}

#[test]
fn the_same_identity_gets_the_same_attestation_again_and_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let (ada, thief) = (identity(7), identity(8));
    let by_ada = signature(registrar, &group, &codes["Ada"], &ada);
    let first = registrar
        .attest(&group, &codes["Ada"], ada.public(), &by_ada)
        .unwrap();
    assert_eq!(
        registrar
            .attest(&group, &codes["Ada"], ada.public(), &by_ada)
            .unwrap(),
        first
    );
    let by_thief = signature(registrar, &group, &codes["Ada"], &thief);
    let refused = registrar.attest(&group, &codes["Ada"], thief.public(), &by_thief);
    assert!(matches!(refused, Err(RegistrarError::CodeUsed)));
    assert_eq!(registrar.progress(&group).unwrap(), (3, 1));
}

#[test]
fn an_identity_cannot_be_enrolled_as_two_people() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let ada = identity(7);
    let as_ada = signature(registrar, &group, &codes["Ada"], &ada);
    registrar
        .attest(&group, &codes["Ada"], ada.public(), &as_ada)
        .unwrap();
    let as_bob = signature(registrar, &group, &codes["Bob"], &ada);
    let refused = registrar.attest(&group, &codes["Bob"], ada.public(), &as_bob);
    assert!(matches!(refused, Err(RegistrarError::LeafTaken)));
    // Bob's code isn't spent by that.
    let bob = identity(8);
    let as_bob = signature(registrar, &group, &codes["Bob"], &bob);
    assert!(
        registrar
            .attest(&group, &codes["Bob"], bob.public(), &as_bob)
            .is_ok()
    );
}

#[test]
fn a_signature_over_anything_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let (ada, other) = (identity(7), identity(8));
    let binder = registrar.invitation(&group, &codes["Ada"]).unwrap().binder;
    let bobs_binder = registrar.invitation(&group, &codes["Bob"]).unwrap().binder;
    let other_group = GroupId(Digest([1; 32]));
    let messages = [
        enrolment_message(&other_group, &ada.commitment(), &binder),
        enrolment_message(&group, &other.commitment(), &binder),
        // A bare coordinate as a leaf: what two colluders would need to own an inner node.
        enrolment_message(&group, &ada.public().x(), &binder),
        enrolment_message(&group, &ada.commitment(), &bobs_binder),
    ];
    for message in messages {
        let signature = ada.sign(message).unwrap();
        let refused = registrar.attest(&group, &codes["Ada"], ada.public(), &signature);
        assert!(matches!(refused, Err(RegistrarError::Signature)));
    }
    // A good signature with somebody else's key.
    let good = signature(registrar, &group, &codes["Ada"], &ada);
    let refused = registrar.attest(&group, &codes["Ada"], other.public(), &good);
    assert!(matches!(refused, Err(RegistrarError::Signature)));
    // None of this spent the code.
    assert!(
        registrar
            .attest(&group, &codes["Ada"], ada.public(), &good)
            .is_ok()
    );
}

#[test]
fn codes_are_refused_by_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 2);
    let group = definition.id();
    let codes = invite(&registrars[0], &group, TOWN);
    let of_another = invite(&registrars[1], &group, TOWN);
    let ask = |code: &str| registrars[0].invitation(&group, code);
    assert!(ask(&codes["Ada"]).is_ok());
    assert!(matches!(
        ask(&of_another["Ada"]),
        Err(RegistrarError::Code(CodeError::Check))
    ));
    assert!(matches!(
        ask("ABCD"),
        Err(RegistrarError::Code(CodeError::Length(4)))
    ));
    let never_issued = Code::draw(&mut getrandom::SysRng)
        .unwrap()
        .text(&group, &registrars[0].key());
    assert!(matches!(
        ask(&never_issued),
        Err(RegistrarError::UnknownCode)
    ));
    let elsewhere = registrars[0].invitation(&GroupId(Digest([1; 32])), &codes["Ada"]);
    assert!(matches!(elsewhere, Err(RegistrarError::UnknownGroup(_))));
}

#[test]
fn a_code_that_is_raced_has_one_winner() {
    const THREADS: u64 = 16;
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let code = &codes["Ada"];
    let start = std::sync::Barrier::new(THREADS as usize);
    let outcomes: Vec<Result<Attested, RegistrarError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let (start, home) = (&start, folder.path().join("0"));
                scope.spawn(move || {
                    // Half of them through the same open registrar, half each through its own, as other processes do.
                    let own = Registrar::open(&home).unwrap();
                    let registrar = if n % 2 == 0 { registrar } else { &own };
                    let identity = identity(100 + n);
                    let signature = signature(registrar, &group, code, &identity);
                    start.wait();
                    registrar.attest(&group, code, identity.public(), &signature)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|o| matches!(o, Err(RegistrarError::CodeUsed))),
        "{lost:?}"
    );
    assert_eq!(registrar.progress(&group).unwrap(), (3, 1));
}

#[test]
fn an_identity_that_is_raced_becomes_one_person() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let names: Vec<String> = (0..12).map(|i| format!("P{i}")).collect();
    let codes = invite(registrar, &group, &format!("name\n{}\n", names.join("\n")));
    let ada = identity(7);
    let start = std::sync::Barrier::new(names.len());
    let outcomes: Vec<Result<Attested, RegistrarError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .iter()
            .map(|name| {
                let (start, code, ada) = (&start, &codes[name], &ada);
                scope.spawn(move || {
                    let signature = signature(registrar, &group, code, ada);
                    start.wait();
                    registrar.attest(&group, code, ada.public(), &signature)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1);
    assert_eq!(
        outcomes
            .iter()
            .filter(|o| matches!(o, Err(RegistrarError::LeafTaken)))
            .count(),
        names.len() - 1
    );
}
