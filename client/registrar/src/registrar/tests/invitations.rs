//! Rosters: who is invited to what, again and otherwise.

use super::*;

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
