use super::*;
use crate::registrar::testing::*;

const TOWN: &str = "name,contact,senators\nAda,ada@x,1\nBob,,0\n";

struct Town {
    _folder: tempfile::TempDir,
    registrars: Vec<crate::Registrar>,
    group: GroupDefinition,
    codes: Vec<String>,
    invitations: Vec<(u8, Invitation)>,
}

/// Three registrars who invited Ada, in the group's order.
fn town() -> Town {
    let folder = tempfile::tempdir().unwrap();
    let (mut registrars, group) = registrars(folder.path(), 3);
    registrars.sort_by_key(crate::Registrar::key);
    let codes: Vec<String> = registrars
        .iter()
        .map(|r| invite(r, &group.id(), TOWN)["Ada"].clone())
        .collect();
    let invitations = registrars
        .iter()
        .zip(&codes)
        .enumerate()
        .map(|(i, (r, code))| (i as u8, r.invitation(&group.id(), code).unwrap()))
        .collect();
    Town {
        _folder: folder,
        registrars,
        group,
        codes,
        invitations,
    }
}

#[test]
fn k_registrars_who_agree_enrol_a_member() {
    let town = town();
    let ada = identity(7);
    for pair in [[0, 1], [0, 2], [2, 1]] {
        let invitations: Vec<_> = pair.iter().map(|i| town.invitations[*i].clone()).collect();
        let invitation = agree(&town.group, &invitations).unwrap();
        let signature = sign(&town.group, invitation, &ada).unwrap();
        let signatures = pair
            .iter()
            .map(|i| {
                let attested = town.registrars[*i]
                    .attest(&town.group.id(), &town.codes[*i], ada.public(), &signature)
                    .unwrap();
                accept(&town.group, *i as u8, invitation, &ada, &attested).unwrap()
            })
            .collect();
        let enrol = assemble(&town.group, invitation, &ada, signatures).unwrap();
        assert_eq!(enrol.check(&town.group), Ok(()));
        assert_eq!(enrol.attestation.leaf.0, ada.commitment());
    }
}

#[test]
fn an_invitation_that_lies_names_its_registrar() {
    let town = town();
    let mut cases: Vec<(Vec<(u8, Invitation)>, EnrolmentError)> = vec![
        (Vec::new(), EnrolmentError::Few { have: 0, need: 2 }),
        (
            town.invitations[..1].to_vec(),
            EnrolmentError::Few { have: 1, need: 2 },
        ),
        (
            vec![town.invitations[0].clone(), town.invitations[0].clone()],
            EnrolmentError::Twice(0),
        ),
    ];
    let mut lie = |change: &dyn Fn(&mut Invitation), error| {
        let mut invitations = town.invitations.clone();
        change(&mut invitations[1].1);
        cases.push((invitations, error));
    };
    let rebind = |i: &mut Invitation| i.binder = i.record.binder(&i.salt);
    lie(&|i| i.record.name = "Eve".into(), EnrolmentError::Binder(1));
    lie(&|i| i.salt[0] ^= 1, EnrolmentError::Binder(1));
    lie(&|i| i.classes = vec![], EnrolmentError::Classes(1));
    lie(&|i| i.classes = vec![1, 1], EnrolmentError::Classes(1));
    lie(&|i| i.classes = vec![0, 1], EnrolmentError::Classes(1));
    let unknown = tacit_protocol::group::ClassName::new("kings").unwrap();
    lie(
        &|i| {
            i.record.classes = vec![unknown.clone()];
            rebind(i);
        },
        EnrolmentError::Classes(1),
    );
    lie(
        &|i| {
            i.record.name = "Eve".into();
            rebind(i);
        },
        EnrolmentError::Disagree(0, 1, "the name"),
    );
    lie(
        &|i| {
            i.record.classes.clear();
            i.classes.clear();
            rebind(i);
        },
        EnrolmentError::Disagree(0, 1, "the classes"),
    );
    lie(
        &|i| i.subject = tacit_protocol::ids::Subject(tacit_protocol::hash::Digest([1; 32])),
        EnrolmentError::Disagree(
            0,
            1,
            "who you are (their rosters or their shared secrets differ)",
        ),
    );
    lie(
        &|i| {
            i.salt[0] ^= 1;
            rebind(i);
        },
        EnrolmentError::Disagree(
            0,
            1,
            "the commitment to your record (their shared secrets differ)",
        ),
    );
    for (invitations, error) in cases {
        assert_eq!(agree(&town.group, &invitations).unwrap_err(), error);
    }
}

#[test]
fn an_attestation_that_lies_names_its_registrar() {
    let town = town();
    let (ada, bob) = (identity(7), identity(8));
    let invitation = &town.invitations[0].1;
    let signature = sign(&town.group, invitation, &ada).unwrap();
    let good = town.registrars[0]
        .attest(&town.group.id(), &town.codes[0], ada.public(), &signature)
        .unwrap();
    let accept_of = |attested: &Attested| accept(&town.group, 0, invitation, &ada, attested);
    assert!(accept_of(&good).is_ok());

    let mut other_leaf = good.clone();
    other_leaf.leaf = FieldElement(bob.commitment());
    let mut other_person = good.clone();
    other_person.invitation.subject.0.0[0] ^= 1;
    let mut other_position = good.clone();
    other_position.signature.registrar = 1;
    for lie in [other_leaf, other_person, other_position] {
        assert_eq!(
            accept_of(&lie).unwrap_err(),
            EnrolmentError::OtherAttestation(0)
        );
    }
    let mut forged = good.clone();
    forged.signature.signature.0[3] ^= 1;
    assert_eq!(
        accept_of(&forged).unwrap_err(),
        EnrolmentError::BadSignature(0)
    );
    // Another registrar's good signature, under this one's position.
    let of_another = town.registrars[1]
        .attest(&town.group.id(), &town.codes[1], ada.public(), &signature)
        .unwrap();
    let mut borrowed = good;
    borrowed.signature.signature = of_another.signature.signature;
    assert_eq!(
        accept_of(&borrowed).unwrap_err(),
        EnrolmentError::BadSignature(0)
    );
}

#[test]
fn too_few_attestations_are_no_enrolment() {
    let town = town();
    let ada = identity(7);
    let invitation = &town.invitations[0].1;
    let signature = sign(&town.group, invitation, &ada).unwrap();
    let attested = town.registrars[0]
        .attest(&town.group.id(), &town.codes[0], ada.public(), &signature)
        .unwrap();
    let one = accept(&town.group, 0, invitation, &ada, &attested).unwrap();
    assert!(matches!(
        assemble(&town.group, invitation, &ada, vec![one.clone()]),
        Err(EnrolmentError::Group(GroupError::Unsigned(_)))
    ));
    assert!(matches!(
        assemble(&town.group, invitation, &ada, vec![one.clone(), one]),
        Err(EnrolmentError::Group(GroupError::Unsorted(_)))
    ));
}
