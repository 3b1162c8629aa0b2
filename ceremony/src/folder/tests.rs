//! Whole small ceremonies in a folder, and what is refused there.

use super::*;
use crate::beacon::Rule;
use crate::contributor::{self, Entropy};
use crate::parts::file_hash;
use crate::phase2;
use crate::phase2::tests::cube;
use crate::progress::Silent;
use crate::transcript::tests::{drand, key, rules};
use crate::transcript::{Closing, Evidence, Powers, QUICKNET};
use crate::verify::verify;

pub(crate) fn start() -> Start {
    let mut descriptor = rules();
    let circuit = cube();
    descriptor.circuits[0].hash = circuit.hash();
    descriptor.circuits[0].power = phase2::needed_power(&circuit);
    descriptor.circuits[0].bytes = circuit.file_bytes();
    Start {
        descriptor,
        circuits: vec![circuit],
        powers: None,
    }
}

/// What somebody would upload as the next contribution.
pub(super) fn make(
    folder: &Folder,
    who: u8,
) -> (Signed, Vec<PathBuf>, crate::transcript::Attestation) {
    let (layout, transcript) = (folder.layout(), folder.transcript());
    let base = base(layout, transcript, &mut Silent).unwrap();
    let d = transcript.descriptor();
    let count = transcript.stage().map_or(0, |s| d.files_of(s));
    let files: Vec<PathBuf> = (0..count)
        .map(|i| layout.incoming().join(format!("made-{who}-{i}")))
        .collect();
    let entropy = Entropy::gather(b"test").unwrap();
    let label = format!("number {who}");
    contributor::contribute(&base, entropy, Some(&label), &files, &mut Silent).unwrap();
    let (signed, attestation) = contributor::sign(
        layout,
        transcript,
        &files,
        &key(who),
        Some(label),
        5,
        &mut Silent,
    )
    .unwrap();
    (signed, files, attestation)
}

pub(super) fn contribute(folder: &mut Folder, who: u8) -> crate::transcript::Attestation {
    let (signed, files, attestation) = make(folder, who);
    folder.accept(signed, &files).unwrap();
    attestation
}

#[test]
fn a_whole_ceremony_is_finished_verified_and_attested() {
    let (root, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = root.path().join("town");
    let mut folder = Folder::create(&root, &start(), &key(100), &mut Silent).unwrap();
    let first = contribute(&mut folder, 1);
    contribute(&mut folder, 2);
    assert_eq!(
        folder.cast(Evidence::Known, &mut Silent).unwrap(),
        Stage::Powers
    );
    let last = contribute(&mut folder, 1);
    folder.cast(Evidence::Known, &mut Silent).unwrap();
    folder.finish(&mut Silent).unwrap();
    let verified = verify(&root, scratch.path(), &mut Silent).unwrap();
    assert_eq!(verified.checks.len(), 9, "{:#?}", verified.checks);
    assert_eq!(first.check(&verified.transcript), Ok(1));
    assert_eq!(last.check(&verified.transcript), Ok(4));
    // A rehearsal's keys are development keys.
    assert!(verified.keys.is_some());
    assert_eq!(verified.transcript_hash(), None);
    for name in layout::published(&verified.transcript) {
        assert!(root.join(&name).is_file(), "{name}");
    }
    // Somebody else's ceremony folder with one byte changed, in any published file, doesn't verify.
    for name in layout::published(&verified.transcript) {
        // Made again by who verifies.
        if name.contains("/0000") {
            continue;
        }
        let path = root.join(&name);
        let bytes = fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        let at = bytes.len() - 100;
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(
            verify(&root, scratch.path(), &mut Silent).is_err(),
            "{name}"
        );
        fs::write(&path, bytes).unwrap();
    }
    assert!(verify(&root, scratch.path(), &mut Silent).is_ok());
}

#[test]
fn a_folder_is_one_coordinators_at_a_time_and_never_two_ceremonies() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::create(root.path(), &start(), &key(100), &mut Silent).unwrap();
    assert!(matches!(
        Folder::open(root.path()),
        Err(FolderError::Locked(_))
    ));
    drop(folder);
    assert!(matches!(
        Folder::create(root.path(), &start(), &key(100), &mut Silent),
        Err(FolderError::Exists(_))
    ));
    let path = root.path().join("private/coordinator.key");
    fs::write(path, hex::encode([1; 32])).unwrap();
    assert!(matches!(
        Folder::open(root.path()),
        Err(FolderError::Key(_))
    ));
}

#[test]
fn what_a_hostile_contributor_hands_in_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = Folder::create(root.path(), &start(), &key(100), &mut Silent).unwrap();
    let (_, stale, _) = make(&folder, 2);
    contribute(&mut folder, 1);
    let check = |folder: &Folder, path: &Path| {
        let files = [path.to_path_buf()];
        let rule = Rule::Open;
        check_next(
            folder.layout(),
            folder.transcript(),
            &files,
            &rule,
            None,
            &mut Silent,
        )
        .unwrap_err()
        .to_string()
    };
    let path = root.path().join("bad");
    fs::write(&path, b"garbage").unwrap();
    assert!(check(&folder, &path).contains("is not a .ptau file"));
    // Built on what came before the last contribution.
    assert!(check(&folder, &stale[0]).contains("contribution 1"));
    // Nothing new.
    let last = root.path().join("powers/0001.ptau");
    assert!(check(&folder, &last).contains("has 1 contributions, 2 were expected"));
    // A point at infinity in the middle of tau's powers.
    let (_, good, _) = make(&folder, 3);
    let mut bytes = fs::read(&good[0]).unwrap();
    let start = 12 + 12 + 44 + 12 + 64 * 5;
    bytes[start..start + 64].fill(0);
    fs::write(&path, &bytes).unwrap();
    assert!(check(&folder, &path).contains("infinity"));
    bytes[start] = 1;
    fs::write(&path, &bytes).unwrap();
    assert!(check(&folder, &path).contains("not on the curve"));
}

#[test]
fn only_a_real_ceremony_that_is_finished_has_a_hash_for_a_founding_file() {
    let (root, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Only one round of drand is known here, so the powers come from another ceremony.
    let first = tempfile::tempdir().unwrap();
    let (beacon, evidence) = drand();
    let mut made = start();
    if let Powers::Fresh { closing, .. } = &mut made.descriptor.powers {
        closing.beacon = beacon.clone();
    }
    let mut folder = Folder::create(first.path(), &made, &key(100), &mut Silent).unwrap();
    contribute(&mut folder, 1);
    folder.cast(evidence.clone(), &mut Silent).unwrap();
    let powers = first.path().join("powers/prepared.ptau");
    let mut start = start();
    start.descriptor.rehearsal = false;
    start.descriptor.least = 2;
    start.descriptor.closing = Closing {
        closes: QUICKNET.genesis - 1_000,
        beacon,
    };
    start.descriptor.powers = Powers::Existing {
        power: 4,
        hash: file_hash(&powers).unwrap().0,
        bytes: file_hash(&powers).unwrap().1,
    };
    start.powers = Some(powers);
    let mut folder = Folder::create(root.path(), &start, &key(100), &mut Silent).unwrap();
    let hash = || {
        let verified = verify(root.path(), scratch.path(), &mut Silent).unwrap();
        verified.transcript_hash()
    };
    contribute(&mut folder, 1);
    // The coordinator's own key, or anybody's alone, is not enough for a real one.
    contribute(&mut folder, 100);
    assert!(matches!(
        folder.cast(evidence.clone(), &mut Silent),
        Err(FolderError::NotDue(_))
    ));
    contribute(&mut folder, 2);
    let Evidence::Drand(mut other) = evidence.clone() else {
        panic!("drand");
    };
    other[9] ^= 1;
    // Nobody is believed what the beacon was.
    assert!(matches!(
        folder.cast(Evidence::Drand(other), &mut Silent),
        Err(FolderError::Evidence(EvidenceError::Signature))
    ));
    assert!(matches!(
        folder.finish(&mut Silent),
        Err(FolderError::NotDue(_))
    ));
    folder.cast(evidence.clone(), &mut Silent).unwrap();
    assert!(matches!(
        folder.cast(evidence, &mut Silent),
        Err(FolderError::NotDue(_))
    ));
    assert_eq!(hash(), None);
    folder.finish(&mut Silent).unwrap();
    assert_eq!(hash(), Some(folder.transcript().head()));
}

#[test]
fn phase_2_can_start_from_a_file_of_powers_which_the_rules_name() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let mut folder =
        Folder::create(&path("first"), &self::start(), &key(100), &mut Silent).unwrap();
    contribute(&mut folder, 1);
    folder.cast(Evidence::Known, &mut Silent).unwrap();
    let powers = path("first/powers/prepared.ptau");
    let mut start = start();
    start.descriptor.powers = Powers::Existing {
        power: 4,
        hash: file_hash(&powers).unwrap().0,
        bytes: file_hash(&powers).unwrap().1,
    };
    start.powers = Some(powers.clone());
    let mut folder = Folder::create(&path("second"), &start, &key(100), &mut Silent).unwrap();
    contribute(&mut folder, 2);
    folder.cast(Evidence::Known, &mut Silent).unwrap();
    folder.finish(&mut Silent).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let verified = verify(&path("second"), scratch.path(), &mut Silent).unwrap();
    assert!(verified.keys.is_some());
    // Another file of powers, as good as it may be, isn't the one that the rules name.
    let name = path("second/powers/prepared.ptau");
    let mut third = Folder::create(&path("third"), &self::start(), &key(100), &mut Silent).unwrap();
    contribute(&mut third, 1);
    third.cast(Evidence::Known, &mut Silent).unwrap();
    fs::copy(path("third/powers/prepared.ptau"), name).unwrap();
    let refused = verify(&path("second"), scratch.path(), &mut Silent).unwrap_err();
    assert!(matches!(
        refused.error,
        FolderError::Part(PartError::OtherFile(_))
    ));
    start.powers = Some(path("third/powers/prepared.ptau"));
    assert!(Folder::create(&path("fourth"), &start, &key(100), &mut Silent).is_err());
}

#[test]
fn the_name_in_a_file_is_the_label_that_was_signed() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::create(root.path(), &start(), &key(100), &mut Silent).unwrap();
    let (layout, transcript) = (folder.layout(), folder.transcript());
    let files = vec![layout.incoming().join("made")];
    let named = |name: Option<&str>| {
        let base = base(layout, transcript, &mut Silent).unwrap();
        let entropy = Entropy::gather(b"test").unwrap();
        contributor::contribute(&base, entropy, name, &files, &mut Silent).unwrap();
    };
    let sign = |label: Option<&str>| {
        let label = label.map(str::to_owned);
        contributor::sign(layout, transcript, &files, &key(1), label, 5, &mut Silent)
    };
    named(Some("mallory"));
    for label in [Some("ada"), None] {
        let refused = sign(label).unwrap_err();
        assert!(
            matches!(
                &refused,
                FolderError::Part(PartError::Name { number: 1, name }) if name == "mallory"
            ),
            "{refused}"
        );
    }
    assert!(sign(Some("mallory")).is_ok());
    // Other programs write an empty name, or none: the signed label stands in the transcript.
    for empty in [None, Some("")] {
        named(empty);
        assert!(sign(Some("ada")).is_ok());
        assert!(sign(None).is_ok());
    }
}

#[test]
fn what_is_published_others_can_read_and_what_is_private_they_cannot() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("town");
    let mut folder = Folder::create(&root, &start(), &key(100), &mut Silent).unwrap();
    for who in [1, 2] {
        contribute(&mut folder, who);
        folder.cast(Evidence::Known, &mut Silent).unwrap();
    }
    folder.finish(&mut Silent).unwrap();
    // As any program's files under this system's mask.
    let plain = place.path().join("plain");
    fs::create_dir(&plain).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let open = mode(&plain);
    let mut names = layout::published(folder.transcript());
    names.extend([layout::DESCRIPTOR.into(), layout::TRANSCRIPT.into()]);
    for name in names {
        let path = root.join(&name);
        assert_eq!(mode(&path), open & 0o666, "{name}");
        assert_eq!(mode(path.parent().unwrap()), open, "{name}");
    }
    for (name, only) in [("private", 0o700), ("private/coordinator.key", 0o600)] {
        assert_eq!(mode(&root.join(name)), only, "{name}");
    }
}
