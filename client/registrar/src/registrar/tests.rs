use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tacit_protocol::group::enrolment_message;
use tacit_protocol::point::PointError;
use tacit_protocol::semaphore::Identity;

use super::testing::*;
use super::*;
use crate::code::CodeError;

const TOWN: &str = "name,contact,senators\nAda,ada@x,1\nBob,,0\nCleo,cleo@x,\n";

fn no_codes(issued: &[IssuedCode]) -> std::io::Result<()> {
    assert!(issued.is_empty());
    Ok(())
}

fn try_invite(
    registrar: &Registrar,
    group: &GroupId,
    text: &str,
) -> Result<InviteReport, RegistrarError> {
    registrar.invite(group, &roster(text), &mut getrandom::SysRng, |_| Ok(()))
}

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

#[test]
fn inviting_again_makes_no_second_code() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let ada = identity(7);
    let signature = signature(registrar, &group, &codes["Ada"], &ada);
    registrar
        .attest(&group, &codes["Ada"], ada.public(), &signature)
        .unwrap();

    let again = registrar
        .invite(&group, &roster(TOWN), &mut getrandom::SysRng, no_codes)
        .unwrap();
    assert_eq!(
        again,
        InviteReport {
            kept: 3,
            enrolled: 1,
            ..Default::default()
        }
    );
    // Another spelling of the contact is the same person.
    let respelled = "name,contact,senators\nAda,  ADA@X ,1\nDora,,\n";
    let more = invite(registrar, &group, respelled);
    assert_eq!(more.keys().collect::<Vec<_>>(), ["Dora"]);
    let report = registrar
        .invite(&group, &roster(respelled), &mut getrandom::SysRng, no_codes)
        .unwrap();
    assert_eq!(
        report,
        InviteReport {
            kept: 2,
            enrolled: 1,
            absent: 2,
            ..Default::default()
        }
    );
    // Those who aren't on the newer roster keep theirs.
    assert!(registrar.invitation(&group, &codes["Bob"]).is_ok());
}

#[test]
fn codes_that_could_not_be_handed_over_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let mut lost = String::new();
    let refused = registrar.invite(&group, &roster(TOWN), &mut getrandom::SysRng, |issued| {
        lost = issued[0].code.to_string();
        Err(std::io::Error::other("the disk is full"))
    });
    assert!(matches!(refused, Err(RegistrarError::HandOver(_))));
    assert!(matches!(
        registrar.invitation(&group, &lost),
        Err(RegistrarError::UnknownCode)
    ));
    assert!(registrar.are_dead_codes(&group, &[&lost]).unwrap());
    assert!(!registrar.are_dead_codes(&group, &[&lost, "ABCD"]).unwrap());
    let codes = invite(registrar, &group, TOWN);
    assert!(
        !registrar
            .are_dead_codes(&group, &[&lost, &codes["Bob"]])
            .unwrap()
    );
}

#[test]
fn a_renewed_code_replaces_an_unused_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(
        registrar,
        &group,
        "name,contact\nAda,ada@x\nBob,\nSam,s1@x\nSam,s2@x\n",
    );
    let renew = |who: &str| {
        let mut new = Vec::new();
        let done = registrar.renew(&group, who, &mut getrandom::SysRng, |issued| {
            new.extend(issued.iter().map(|i| i.code.to_string()));
            Ok(())
        });
        done.map(|()| new.remove(0))
    };
    let new = renew(" ADA ").unwrap();
    assert!(matches!(
        registrar.invitation(&group, &codes["Ada"]),
        Err(RegistrarError::UnknownCode)
    ));
    assert_eq!(
        registrar.invitation(&group, &new).unwrap().record.name,
        "Ada"
    );
    assert!(renew("bob").is_ok());
    assert!(matches!(
        renew("Nobody"),
        Err(RegistrarError::NobodyOfThatName(_))
    ));
    assert!(matches!(
        renew("Sam"),
        Err(RegistrarError::SeveralOfThatName(_, 2))
    ));
    assert!(renew("s2@x").is_ok());
    let ada = identity(7);
    let by_ada = signature(registrar, &group, &new, &ada);
    registrar
        .attest(&group, &new, ada.public(), &by_ada)
        .unwrap();
    assert!(matches!(
        renew("Ada"),
        Err(RegistrarError::AlreadyEnrolled(_))
    ));
    assert!(
        registrar
            .attest(&group, &new, ada.public(), &by_ada)
            .is_ok()
    );
}

#[test]
fn a_roster_changes_people_who_have_not_enrolled_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let ada = identity(7);
    let stale = signature(registrar, &group, &codes["Ada"], &ada);

    let changed = "name,contact,senators\nAda,ada@x,0\nBob,,1\nCleo,cleo@x,\n";
    assert_eq!(
        try_invite(registrar, &group, changed).unwrap(),
        InviteReport {
            kept: 3,
            changed: 2,
            ..Default::default()
        }
    );
    // What was signed before is no longer what would be attested.
    let refused = registrar.attest(&group, &codes["Ada"], ada.public(), &stale);
    assert!(matches!(refused, Err(RegistrarError::Signature)));
    let fresh = signature(registrar, &group, &codes["Ada"], &ada);
    let attested = registrar
        .attest(&group, &codes["Ada"], ada.public(), &fresh)
        .unwrap();
    assert!(attested.invitation.classes.is_empty());

    assert!(matches!(
        try_invite(registrar, &group, TOWN),
        Err(RegistrarError::RecordFixed { row: 2 })
    ));
    // Refused as a whole: Bob is still what the last good roster says.
    assert_eq!(
        registrar.invitation(&group, &codes["Bob"]).unwrap().classes,
        [1]
    );
}

#[test]
fn a_record_that_changes_between_check_and_write_is_not_attested() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let (hash, before) = registrar.find(&group, &definition, &codes["Bob"]).unwrap();
    try_invite(registrar, &group, "name,senators\nBob,1\n").unwrap();
    let leaf = FieldElement(identity(7).commitment());
    let signature = registrar.key.sign(domain::SIGN_ATTESTATION, b"");
    let bound = registrar
        .store
        .bind(&group, &hash, &before.record, &leaf, &signature)
        .unwrap();
    assert_eq!(bound, Bound::OtherRecord);
    assert_eq!(registrar.progress(&group).unwrap(), (3, 0));
}

#[test]
fn a_contact_that_comes_or_goes_does_not_make_a_second_person() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    invite(registrar, &group, TOWN);
    let gained = try_invite(registrar, &group, "name,contact\nAda,ada@x\nbob,bob@x\n");
    assert!(
        matches!(
            gained,
            Err(RegistrarError::SecondIdentifier {
                row: 3,
                with_contact: false,
                ..
            })
        ),
        "{gained:?}"
    );
    let lost = try_invite(registrar, &group, "name,contact\nADA,\nBob,\n");
    assert!(
        matches!(
            lost,
            Err(RegistrarError::SecondIdentifier {
                row: 2,
                with_contact: true,
                ..
            })
        ),
        "{lost:?}"
    );
    // Two people of one name who are both on the roster are two people.
    assert_eq!(
        try_invite(
            registrar,
            &group,
            "name,contact,senators\nBob,,0\nBob,bob@x,0\n"
        )
        .unwrap()
        .issued,
        1
    );
}

#[test]
fn a_class_that_the_group_does_not_have_is_not_invited_to() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let refused = try_invite(&registrars[0], &definition.id(), "name,kings\nAda,1\n");
    assert!(matches!(
        refused,
        Err(RegistrarError::Roster(crate::RosterError::UnknownClasses(
            _
        )))
    ));
}

#[test]
fn a_registrar_invites_only_to_groups_that_it_approved() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let outsider = Registrar::init(
        &folder.path().join("outsider"),
        "Outsider",
        None,
        &mut getrandom::SysRng,
    )
    .unwrap();
    assert!(matches!(
        try_invite(&outsider, &definition.id(), TOWN),
        Err(RegistrarError::UnknownGroup(_))
    ));
    let mut group = approval::draft(definition.clone(), &seed(100)).unwrap();
    assert!(matches!(
        outsider.approve(&mut group),
        Err(RegistrarError::Approval(
            approval::ApprovalError::NotRegistrar(_)
        ))
    ));
    assert!(outsider.groups().unwrap().is_empty());
    assert_eq!(registrars[0].groups().unwrap(), [definition.id()]);
}

#[test]
fn a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (mut registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (registrars.remove(0), definition.id());
    let codes = invite(&registrar, &group, TOWN);
    let (ada, thief) = (identity(7), identity(8));
    let by_ada = signature(&registrar, &group, &codes["Ada"], &ada);
    let first = registrar
        .attest(&group, &codes["Ada"], ada.public(), &by_ada)
        .unwrap();
    let card = registrar.card();
    drop(registrar);

    let again = Registrar::open(&folder.path().join("0")).unwrap();
    assert_eq!((again.card(), again.groups().unwrap()), (card, vec![group]));
    assert_eq!(
        again
            .attest(&group, &codes["Ada"], ada.public(), &by_ada)
            .unwrap(),
        first
    );
    let by_thief = signature(&again, &group, &codes["Ada"], &thief);
    assert!(matches!(
        again.attest(&group, &codes["Ada"], thief.public(), &by_thief),
        Err(RegistrarError::CodeUsed)
    ));
    assert_eq!(
        again
            .invite(&group, &roster(TOWN), &mut getrandom::SysRng, no_codes)
            .unwrap()
            .kept,
        3
    );
}

#[test]
fn an_attestation_survives_a_process_that_dies_at_once() {
    // The files as they are the moment the answer is given, the connection still open: what a kill leaves.
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let ada = identity(7);
    let by_ada = signature(registrar, &group, &codes["Ada"], &ada);
    registrar
        .attest(&group, &codes["Ada"], ada.public(), &by_ada)
        .unwrap();
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(folder.path().join("0")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    assert_eq!(
        Registrar::open(&copy).unwrap().progress(&group).unwrap(),
        (3, 1)
    );
}

#[test]
fn neither_codes_nor_member_secrets_are_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let (registrars, definition) = registrars(folder.path(), 1);
    let (registrar, group) = (&registrars[0], definition.id());
    let codes = invite(registrar, &group, TOWN);
    let ada = Identity::from_key(b"a key that is long enough to look for").unwrap();
    let by_ada = signature(registrar, &group, &codes["Ada"], &ada);
    registrar
        .attest(&group, &codes["Ada"], ada.public(), &by_ada)
        .unwrap();
    let mut all = Vec::new();
    for entry in fs::read_dir(folder.path().join("0")).unwrap() {
        all.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |needle: &[u8]| all.windows(needle.len()).any(|w| w == needle);
    // Control: the leaf is there, so this is where a code would be.
    assert!(holds(&tacit_protocol::field::fr_to_bytes(
        &ada.commitment()
    )));
    let code = Code::parse(&codes["Ada"], &group, &registrar.key()).unwrap();
    assert!(holds(&code.hash(&group).0));
    assert!(!holds(codes["Ada"].as_bytes()));
    assert!(!holds(codes["Ada"].replace('-', "").as_bytes()));
    assert!(!holds(code.bytes()));
    let secret = tacit_protocol::field::scalar_to_bytes(ada.secret().expose());
    assert!(!holds(&secret));
    assert!(!holds(&secret.iter().rev().copied().collect::<Vec<_>>()));
    assert!(!holds(&ada.public().to_bytes()));
}

#[test]
fn a_home_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("r");
    Registrar::init(&home, "R", None, &mut getrandom::SysRng).unwrap();
    assert_eq!(
        fs::metadata(&home).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for name in [KEY_FILE, SECRET_FILE, DATABASE_FILE] {
        let path = home.join(name);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Registrar::open(&home);
        assert!(
            matches!(&refused, Err(RegistrarError::File(FileError::OpenToOthers { path: p, mode: 0o644 })) if p == &path),
            "{refused:?}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(Registrar::open(&home).is_ok());
}

#[test]
fn a_home_that_is_incomplete_or_mixed_up_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    assert!(matches!(
        Registrar::open(&a),
        Err(RegistrarError::NoRegistrar(_))
    ));
    for home in [&a, &b] {
        Registrar::init(home, "R", None, &mut getrandom::SysRng).unwrap();
    }
    fs::rename(a.join(SECRET_FILE), a.join("elsewhere")).unwrap();
    let refused = Registrar::open(&a);
    assert!(matches!(
        refused,
        Err(RegistrarError::File(FileError::Missing(p))) if p == a.join(SECRET_FILE)
    ));
    fs::copy(a.join(KEY_FILE), b.join(KEY_FILE)).unwrap();
    assert!(matches!(
        Registrar::open(&b),
        Err(RegistrarError::ForeignStore("is another key's"))
    ));
    fs::write(b.join(DATABASE_FILE), b"").unwrap();
    assert!(matches!(
        Registrar::open(&b),
        Err(RegistrarError::ForeignStore("is not a registrar's"))
    ));
    fs::write(b.join(DATABASE_FILE), b"something else that is long enough").unwrap();
    assert!(matches!(Registrar::open(&b), Err(RegistrarError::Store(_))));
}

#[test]
fn init_never_replaces_a_registrar_and_finishes_one_that_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("r");
    let mut rng = getrandom::SysRng;
    let first = Registrar::init(&home, "R", Some(&[9; 32]), &mut rng)
        .unwrap()
        .card();
    assert!(matches!(
        Registrar::init(&home, "R", None, &mut rng),
        Err(RegistrarError::AlreadyRegistrar(_))
    ));
    assert_eq!(Registrar::open(&home).unwrap().card(), first);

    // Stopped before its last step: everything but the key is there.
    fs::remove_file(home.join(KEY_FILE)).unwrap();
    assert!(matches!(
        Registrar::init(&home, "R", Some(&[8; 32]), &mut rng),
        Err(RegistrarError::File(FileError::Exists(_)))
    ));
    let second = Registrar::init(&home, "S", None, &mut rng).unwrap();
    assert_eq!(*second.secret, [9; 32]);
    assert_eq!(second.card().name, "S");
    assert_ne!(second.key(), first.key);

    // A registrar that has approved something has lost its key: a new one can't stand in for it.
    let mut group =
        approval::draft(definition(std::slice::from_ref(&second.key)), &seed(100)).unwrap();
    second.approve(&mut group).unwrap();
    drop(second);
    fs::remove_file(home.join(KEY_FILE)).unwrap();
    assert!(matches!(
        Registrar::init(&home, "S", None, &mut rng),
        Err(RegistrarError::ForeignStore("is in use by another key"))
    ));
}

#[test]
fn a_registrar_prints_neither_its_key_nor_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let registrar =
        Registrar::init(folder.path(), "R", Some(&[9; 32]), &mut getrandom::SysRng).unwrap();
    let printed = format!("{registrar:?}");
    assert!(
        !printed.contains(&hex::encode([9; 32]))
            && !printed.contains(&hex::encode(registrar.key.expose()))
    );
}

#[test]
fn points_of_low_order_and_their_sums_are_no_public_keys() {
    // What `attest` takes is a `Point`: these never become one.
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    assert_eq!(
        Point::from_bytes(&identity_point),
        Err(PointError::Identity)
    );
    let order_two = tacit_protocol::field::fr_to_bytes(&-tacit_protocol::field::Fr::from(1u64));
    assert_eq!(Point::from_bytes(&order_two), Err(PointError::Subgroup));
}
