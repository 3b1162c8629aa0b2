use super::*;
use tacit_protocol::certificate::CertifiedHeader;
use tacit_protocol::field::{FieldElement, Fr, Scalar};
use tacit_protocol::group::Record;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::Subject;
use tacit_protocol::merkle;

const PASSPHRASE: &str = "correct horse";

fn home() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.tacit");
    (folder, path)
}

fn secret() -> Secret {
    Secret::Scalar(SecretScalar::new(Scalar::from(1234567u64)))
}

fn made(path: &Path) -> Unlocked {
    create(path, PASSPHRASE, secret(), Cost::RANDOM).unwrap()
}

fn statement(n: u8) -> StatementId {
    StatementId(Digest([n; 32]))
}

fn submission(n: u8) -> Submission {
    Submission {
        entry: vec![n; 100],
        body: None,
    }
}

fn receipt(n: u8) -> Receipt {
    Receipt {
        entry: vec![n; 100],
        path: merkle::Path {
            index: 0,
            size: 1,
            siblings: vec![],
        },
        header: CertifiedHeader {
            headers: vec![],
            certificate: vec![n],
        },
    }
}

fn membership(n: u8) -> Membership {
    let record = Record {
        name: format!("member {n}"),
        classes: vec![],
    };
    Membership {
        group: GroupId(Digest([n; 32])),
        subject: Subject(Digest([1; 32])),
        binder: record.binder(&[7; 32]),
        record,
        salt: Zeroizing::new([7; 32]),
        leaf: FieldElement(Fr::from(9u64)),
        classes: vec![0, 2],
        enrolment: vec![1, 2, 3],
        receipt: None,
    }
}

#[test]
fn what_is_saved_is_there_again() {
    let (_folder, path) = home();
    let mut file = made(&path);
    let leaf = file.identity().commitment();
    file.set_membership(membership(1)).unwrap();
    file.set_membership(membership(2)).unwrap();
    let changed = Membership {
        receipt: Some(receipt(1)),
        ..membership(1)
    };
    file.set_membership(changed.clone()).unwrap();
    file.add_sealed(&statement(1), submission(1)).unwrap();
    file.add_sealed(&statement(2), submission(2)).unwrap();
    file.finish(&statement(2), receipt(2)).unwrap();
    drop(file);

    let file = unlock(&path, PASSPHRASE).unwrap();
    assert_eq!(file.identity().commitment(), leaf);
    assert_eq!(file.memberships(), [changed, membership(2)]);
    let progress = |n| file.signature(&statement(n)).map(|s| s.progress.clone());
    assert!(progress(1) == Some(Progress::Pending(submission(1))));
    assert!(progress(2) == Some(Progress::Final(receipt(2))));
    assert!(progress(3).is_none());
}

#[test]
fn an_identity_of_semaphore_stays_the_same_identity() {
    let (_folder, path) = home();
    let key = Secret::SemaphoreKey(Zeroizing::new(b"tacit test vector 1".to_vec()));
    drop(create(&path, PASSPHRASE, key, Cost::RANDOM).unwrap());
    let file = unlock(&path, PASSPHRASE).unwrap();
    let commitment = tacit_protocol::field::fr_to_decimal(&file.identity().commitment());
    // The vector that Semaphore's own package gives.
    let expected = "13646088190911849190639490290924443597881653950075249717509336238087926766344";
    assert_eq!(commitment, expected);
}

#[test]
fn a_second_signature_of_one_statement_is_never_sealed() {
    let (_folder, path) = home();
    let mut file = made(&path);
    let again = |file: &mut Unlocked| match file.add_sealed(&statement(1), submission(2)) {
        Err(IdentityFileError::AlreadySealed(id)) => assert_eq!(id, statement(1)),
        other => panic!("{other:?}"),
    };
    file.add_sealed(&statement(1), submission(1)).unwrap();
    again(&mut file);
    file.finish(&statement(1), receipt(1)).unwrap();
    again(&mut file);
    let finished = file.finish(&statement(2), receipt(2));
    assert!(matches!(finished, Err(IdentityFileError::NothingSealed(_))));
}

#[test]
fn stopped_while_saving_a_sealed_signature_the_file_opens_and_sends_it_or_nothing() {
    for stop in Step::ALL {
        let (_folder, path) = home();
        let mut file = made(&path);
        file.set_membership(membership(1)).unwrap();
        let stopped = file.add_sealed_in_steps(
            &statement(1),
            submission(1),
            &mut |step| match step == stop {
                true => Err(io::Error::other("power")),
                false => Ok(()),
            },
        );
        assert!(matches!(stopped, Err(IdentityFileError::Io { .. })));
        // Whether the disk has it isn't known here, so this process seals no other.
        let again = file.add_sealed(&statement(1), submission(2));
        assert!(matches!(again, Err(IdentityFileError::AlreadySealed(_))));
        drop(file);

        let mut file = unlock(&path, PASSPHRASE).unwrap();
        assert_eq!(file.memberships(), [membership(1)]);
        let found = file.signature(&statement(1)).map(|s| s.progress.clone());
        match stop {
            Step::Written | Step::Synced => {
                assert!(found.is_none());
                file.add_sealed(&statement(1), submission(3)).unwrap();
            }
            Step::Renamed | Step::FolderSynced => {
                assert!(found == Some(Progress::Pending(submission(1))));
            }
        }
    }
}

#[test]
fn a_second_process_is_kept_out_until_the_first_is_done() {
    let (_folder, path) = home();
    let file = made(&path);
    assert!(matches!(
        unlock(&path, PASSPHRASE),
        Err(IdentityFileError::InUse(_))
    ));
    drop(file);
    assert!(unlock(&path, PASSPHRASE).is_ok());
}

#[test]
fn an_identity_is_never_written_over() {
    let (_folder, path) = home();
    drop(made(&path));
    let again = create(&path, "another", generate().unwrap(), Cost::RANDOM);
    assert!(matches!(again, Err(IdentityFileError::Exists(_))));
    assert!(unlock(&path, PASSPHRASE).is_ok());
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let (_folder, path) = home();
    drop(made(&path));
    for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
        let refused = unlock(&path, wrong);
        assert!(matches!(refused, Err(IdentityFileError::Passphrase)));
    }
}

#[test]
fn a_missing_identity_is_named_as_such() {
    let (_folder, path) = home();
    assert!(matches!(
        unlock(&path, PASSPHRASE),
        Err(IdentityFileError::Missing(_))
    ));
}

/// Changes the file's bytes and opens it.
fn tampered(change: impl Fn(&mut Vec<u8>)) -> IdentityFileError {
    let (_folder, path) = home();
    drop(made(&path));
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    files::replace(&path, &bytes).unwrap();
    unlock(&path, PASSPHRASE).unwrap_err()
}

#[test]
fn any_changed_byte_is_noticed() {
    for at in [28, 43, 44, 67, HEADER_BYTES, HEADER_BYTES + BLOCK / 2] {
        let error = tampered(|bytes| bytes[at] ^= 1);
        assert!(matches!(error, IdentityFileError::Passphrase), "{at}");
    }
    for error in [
        tampered(|bytes| bytes.push(0)),
        tampered(|bytes| bytes.truncate(bytes.len() - 1)),
        tampered(|bytes| bytes.truncate(HEADER_BYTES)),
        // Two passes instead of one.
        tampered(|bytes| bytes[23] = 2),
    ] {
        assert!(matches!(error, IdentityFileError::Passphrase));
    }
    for error in [
        tampered(|bytes| bytes[0] ^= 1),
        tampered(|bytes| bytes.truncate(HEADER_BYTES - 1)),
        tampered(Vec::clear),
    ] {
        assert!(matches!(error, IdentityFileError::NotAnIdentity(_)));
    }
}

#[test]
fn a_file_that_asks_for_endless_work_is_refused_at_once() {
    for (at, byte) in [(16, 0xff), (20, 1), (24, 1)] {
        let error = tampered(|bytes| bytes[at] = byte);
        assert!(matches!(error, IdentityFileError::Cost(_)), "{at}");
    }
    let none = tampered(|bytes| bytes[16..28].fill(0));
    assert!(matches!(none, IdentityFileError::Cost(_)));
}

#[test]
#[cfg(unix)]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = home();
    drop(made(&path));
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    mode(0o604).unwrap();
    let refused = unlock(&path, PASSPHRASE);
    assert!(matches!(refused, Err(IdentityFileError::Permissions(_))));
    mode(0o600).unwrap();
    assert!(unlock(&path, PASSPHRASE).is_ok());
}

#[test]
fn the_file_shows_neither_secrets_nor_how_much_was_signed() {
    let (_folder, path) = home();
    let mut file = made(&path);
    let empty = std::fs::metadata(&path).unwrap().len();
    file.set_membership(membership(1)).unwrap();
    file.add_sealed(&statement(1), submission(1)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, empty);
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
    let scalar = tacit_protocol::field::scalar_to_bytes(&Scalar::from(1234567u64));
    assert!(!contains(&scalar));
    assert!(!contains(b"member 1"));
    assert!(!contains(&statement(1).as_bytes()[..]));
    assert!(!contains(PASSPHRASE.as_bytes()));
}

#[test]
fn debug_prints_nothing_secret() {
    let (_folder, path) = home();
    let mut file = made(&path);
    file.set_membership(membership(1)).unwrap();
    file.add_sealed(&statement(5), submission(1)).unwrap();
    let text = format!(
        "{file:?} {:?} {:?} {:?}",
        file.memberships(),
        file.signatures(),
        secret()
    );
    assert!(!text.contains("member 1") && !text.contains("1234567"));
    assert!(!text.contains(&statement(5).to_string()));
}

#[test]
fn padded_contents_that_lie_about_their_length_are_refused() {
    let mut padded = vec![0u8; BLOCK];
    padded[..4].copy_from_slice(&(BLOCK as u32).to_be_bytes());
    assert_eq!(unpad(&padded).err(), Some(DecodeError::Truncated));
    padded[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(
        unpad(&padded).err(),
        Some(DecodeError::TooLong { .. })
    ));
    padded[..4].copy_from_slice(&1u32.to_be_bytes());
    assert_eq!(unpad(&padded).err(), Some(DecodeError::Truncated));
    padded[..4].copy_from_slice(&2u32.to_be_bytes());
    assert!(matches!(
        unpad(&padded).err(),
        Some(DecodeError::Unsupported(_))
    ));
}
