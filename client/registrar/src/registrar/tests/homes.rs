//! What lies on the disk: kept through restarts and crashes, private, and refused if it is mixed up.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tacit_protocol::point::PointError;
use tacit_protocol::semaphore::Identity;

use super::*;

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
