//! The machine stops, or the disk fails, at each step of everything that changes a folder.
//!
//! A folder is copied at each step: the copies are what a loss of power leaves there. To each belong more,
//! in which the next file that the program would have written is torn. Every one is opened again, holds
//! what was accepted before and nothing else, and the same thing done again leads to the same bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::tests::{contribute, make, start};
use super::*;
use crate::parts::file_hash;
use crate::phase2;
use crate::progress::Silent;
use crate::transcript::tests::key;
use crate::transcript::{Circuit, Evidence, Missed, Powers, Reason};
use crate::verify::verify;

use files::Step as Write;

/// Names to bytes, of a whole folder.
type Files = BTreeMap<String, Vec<u8>>;
type Shots = Arc<Mutex<Vec<(Step, Files)>>>;

const TRANSCRIPT: [Step; 4] = [
    Step::Transcript(Write::Written),
    Step::Transcript(Write::Synced),
    Step::Transcript(Write::Renamed),
    Step::Transcript(Write::FolderSynced),
];

fn steps(first: &[Step]) -> Vec<Step> {
    first.iter().copied().chain(TRANSCRIPT).collect()
}

/// Whether the new transcript has its name.
fn is_after(step: Step) -> bool {
    matches!(step, Step::Transcript(Write::Renamed | Write::FolderSynced))
}

fn load(root: &Path) -> Files {
    let mut all = Files::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            all.insert(name, fs::read(path).unwrap());
        }
    }
    all.remove("private/lock");
    all
}

/// A folder as a machine that starts again finds it.
fn found(files: &Files, folders: bool) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("town");
    if folders {
        for folder in ["circuits", "powers", "keys", "finished", "private/incoming"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
    }
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    (place, root)
}

fn camera(root: &Path) -> (Steps, Shots) {
    let shots = Shots::default();
    let (root, to) = (root.to_path_buf(), shots.clone());
    let steps = Box::new(move |step| {
        to.lock().unwrap().push((step, load(&root)));
        Ok(())
    });
    (steps, shots)
}

/// What may lie there when the machine stops between two steps: the first one's files, and the beginning
/// of one that the second one has more.
fn between(a: &Files, b: &Files) -> Vec<Files> {
    let mut all = vec![a.clone()];
    for (name, bytes) in b {
        // Not written but renamed, if it was there under another name.
        if a.get(name) == Some(bytes) || a.values().any(|old| old == bytes) {
            continue;
        }
        let in_place = name.starts_with("private/incoming");
        let draft = if in_place || name.ends_with(".new") || name.ends_with(".part") {
            name.clone()
        } else if [".ptau", ".zkey", ".r1cs"]
            .iter()
            .any(|e| name.ends_with(e))
        {
            format!("{name}.part")
        } else {
            format!("{name}.new")
        };
        for end in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut torn = a.clone();
            torn.insert(draft.clone(), bytes[..end].to_vec());
            all.push(torn);
        }
    }
    all
}

fn same_ceremony(root: &Path, whole: &Files, what: &str) {
    let transcript = read(&Layout::new(root)).unwrap();
    let names = layout::published(&transcript);
    for name in [layout::DESCRIPTOR, layout::TRANSCRIPT]
        .map(String::from)
        .iter()
        .chain(&names)
    {
        let there = fs::read(root.join(name)).unwrap();
        assert!(whole.get(name) == Some(&there), "{what}: {name}");
    }
    // And nothing else, beside what was put aside.
    for name in load(root).into_keys() {
        let known = names.contains(&name) || name == layout::DESCRIPTOR;
        assert!(
            known || name == layout::TRANSCRIPT || name.starts_with("private/"),
            "{what}: {name}"
        );
    }
}

/// Stops at each step of what `act` does to a folder, and does it again.
fn stop_at_each_step(
    root: &Path,
    expected: &[Step],
    act: impl Fn(&mut Folder) -> Result<(), FolderError>,
) {
    let start = load(root);
    let mut folder = Folder::open(root).unwrap();
    let before = folder.transcript().head();
    let (steps, shots) = camera(root);
    folder.watch(steps);
    act(&mut folder).unwrap();
    let after = folder.transcript().head();
    drop(folder);
    let shots = std::mem::take(&mut *shots.lock().unwrap());
    let seen: Vec<Step> = shots.iter().map(|(step, _)| *step).collect();
    assert_eq!(seen, expected);
    let whole = load(root);

    // A loss of power.
    let ends = shots.iter().map(|(_, files)| files).chain([&whole]);
    let begins = [(None, &start)].into_iter();
    let begins = begins.chain(shots.iter().map(|(step, files)| (Some(*step), files)));
    for ((step, a), b) in begins.zip(ends) {
        for files in between(a, b) {
            let what = format!("after {step:?}");
            let (_place, root) = found(&files, true);
            let mut folder = Folder::open(&root).unwrap();
            let there = step.is_some_and(is_after);
            let head = if there { after } else { before };
            assert_eq!(folder.transcript().head(), head, "{what}");
            if !there {
                act(&mut folder).unwrap();
            }
            assert_eq!(folder.transcript().head(), after, "{what}");
            drop(folder);
            same_ceremony(&root, &whole, &what);
            assert!(Folder::open(&root).is_ok(), "{what}");
        }
    }

    // A disk that fails once: the same process goes on, from what is on the disk.
    for (place, stop) in expected.iter().enumerate() {
        let (_place, root) = found(&start, true);
        let mut folder = Folder::open(&root).unwrap();
        let mut number = 0;
        folder.watch(Box::new(move |_| {
            number += 1;
            if number == place + 1 {
                return Err(io::Error::other("the disk failed"));
            }
            Ok(())
        }));
        let result = act(&mut folder);
        let head = folder.transcript().head();
        assert_eq!(read(folder.layout()).unwrap().head(), head, "{stop:?}");
        assert_eq!(result.is_ok(), head == after, "{stop:?}");
        assert_eq!(result.is_ok(), is_after(*stop), "{stop:?}");
        if result.is_err() {
            act(&mut folder).unwrap();
        }
        drop(folder);
        // What an operation left that failed is tidied when the folder is opened.
        drop(Folder::open(&root).unwrap());
        same_ceremony(&root, &whole, &format!("{stop:?}"));
    }
    let scratch = tempfile::tempdir().unwrap();
    verify(root, scratch.path(), &mut Silent).unwrap();
}

/// A ceremony of two circuits: a contribution to its second phase has two files.
fn two_circuits() -> Start {
    let mut start = start();
    let mut other = start.circuits[0].clone();
    other.constraints.swap(0, 1);
    start.descriptor.circuits.push(Circuit {
        name: "other".into(),
        hash: other.hash(),
        power: phase2::needed_power(&other),
        bytes: other.file_bytes(),
    });
    start.circuits.push(other);
    start
}

fn town(start: &Start) -> (TempDir, PathBuf, Folder) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("town");
    let folder = Folder::create(&root, start, &key(100), &mut Silent).unwrap();
    (place, root, folder)
}

/// One that has begun its second phase.
fn in_phase_2() -> (TempDir, PathBuf, Folder) {
    let (place, root, mut folder) = town(&two_circuits());
    contribute(&mut folder, 1);
    folder.cast(Evidence::Known, &mut Silent).unwrap();
    (place, root, folder)
}

/// A contribution by whoever it is, to be handed in as often as one likes.
fn handing_in(folder: &Folder, who: u8) -> impl Fn(&mut Folder) -> Result<(), FolderError> + use<> {
    let (signed, files, _) = make(folder, who);
    let bytes: Vec<Vec<u8>> = files.iter().map(|f| fs::read(f).unwrap()).collect();
    for file in files {
        fs::remove_file(file).unwrap();
    }
    move |folder| {
        let incoming = folder.layout().incoming();
        let mut uploaded = Vec::new();
        for (i, bytes) in bytes.iter().enumerate() {
            uploaded.push(incoming.join(format!("up-{who}-{i}")));
            fs::write(&uploaded[i], bytes).unwrap();
        }
        folder.accept(signed.clone(), &uploaded)
    }
}

fn missing(who: u8) -> Missed {
    Missed {
        contributor: key(who).public(),
        stage: Stage::Powers,
        at: 7,
        reason: Reason::Silent,
    }
}

fn cast(folder: &mut Folder) -> Result<(), FolderError> {
    folder.cast(Evidence::Known, &mut Silent).map(|_| ())
}

#[test]
fn accepting_powers_may_stop_anywhere() {
    let (_place, root, mut folder) = town(&start());
    contribute(&mut folder, 1);
    let act = handing_in(&folder, 2);
    drop(folder);
    let expected = steps(&[Step::FilesSynced, Step::FileNamed, Step::FolderSynced]);
    stop_at_each_step(&root, &expected, act);
}

#[test]
fn accepting_several_keys_may_stop_anywhere() {
    let (_place, root, mut folder) = in_phase_2();
    contribute(&mut folder, 1);
    let act = handing_in(&folder, 2);
    drop(folder);
    let expected = steps(&[
        Step::FilesSynced,
        Step::FileNamed,
        Step::FileNamed,
        Step::FolderSynced,
    ]);
    stop_at_each_step(&root, &expected, act);
}

#[test]
fn writing_down_a_missed_turn_may_stop_anywhere() {
    let (_place, root, mut folder) = town(&start());
    contribute(&mut folder, 1);
    drop(folder);
    stop_at_each_step(&root, &TRANSCRIPT, |folder| folder.missed(missing(2)));
}

#[test]
fn ending_phase_1_may_stop_anywhere() {
    let (_place, root, mut folder) = town(&two_circuits());
    contribute(&mut folder, 1);
    drop(folder);
    let expected = steps(&[
        Step::Made("beacon's files"),
        Step::Made("prepared powers"),
        Step::Made("initial keys"),
    ]);
    stop_at_each_step(&root, &expected, cast);
}

#[test]
fn ending_phase_2_may_stop_anywhere() {
    let (_place, root, mut folder) = in_phase_2();
    contribute(&mut folder, 1);
    drop(folder);
    stop_at_each_step(&root, &steps(&[Step::Made("beacon's files")]), cast);
}

#[test]
fn finishing_may_stop_anywhere() {
    let (_place, root, mut folder) = in_phase_2();
    contribute(&mut folder, 1);
    cast(&mut folder).unwrap();
    drop(folder);
    let expected = steps(&[Step::Made("finished key"); 6]);
    stop_at_each_step(&root, &expected, |folder| {
        folder.finish(&mut Silent).map(|_| ())
    });
}

/// Stops at each step of making a folder, and makes it again.
fn stop_making(start: &Start, first: &[Step]) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("deep/town");
    let (watch, shots) = camera(&root);
    let made = Folder::create_in_steps(&root, start, &key(100), &mut Silent, watch).unwrap();
    let head = made.transcript().head();
    drop(made);
    let shots = std::mem::take(&mut *shots.lock().unwrap());
    let mut expected = steps(first);
    expected.extend(Write::ALL.map(Step::Rules));
    let seen: Vec<Step> = shots.iter().map(|(step, _)| *step).collect();
    assert_eq!(seen, expected);
    let (nothing, whole) = (Files::new(), load(&root));
    let ends = shots.iter().map(|(_, files)| files).chain([&whole]);
    let begins = [(None, &nothing)].into_iter();
    let begins = begins.chain(shots.iter().map(|(step, files)| (Some(*step), files)));
    for ((step, a), b) in begins.zip(ends) {
        for files in between(a, b) {
            let what = format!("after {step:?}");
            let (_place, root) = found(&files, step.is_some());
            let there = matches!(
                step,
                Some(Step::Rules(Write::Renamed | Write::FolderSynced))
            );
            let again = || Folder::create(&root, start, &key(100), &mut Silent);
            if there {
                assert!(matches!(again(), Err(FolderError::Exists(_))), "{what}");
            } else {
                let open = Folder::open(&root);
                assert!(matches!(open, Err(FolderError::Missing(_))), "{what}");
                drop(again().unwrap());
            }
            let folder = Folder::open(&root).unwrap();
            assert_eq!(folder.transcript().head(), head, "{what}");
            same_ceremony(&root, &whole, &what);
        }
    }
}

#[test]
fn making_a_folder_may_stop_anywhere() {
    let circuit = Step::Made("circuit");
    stop_making(
        &two_circuits(),
        &[
            Step::Made("folders"),
            circuit,
            circuit,
            Step::Made("powers"),
            Step::Made("coordinator's key"),
        ],
    );
}

/// Rules that start from powers which exist.
fn with_powers() -> (TempDir, Start) {
    let (place, root, folder) = in_phase_2();
    drop(folder);
    let powers = root.join(layout::prepared());
    let mut start = two_circuits();
    start.descriptor.powers = Powers::Existing {
        power: 4,
        hash: file_hash(&powers).unwrap().0,
        bytes: file_hash(&powers).unwrap().1,
    };
    start.powers = Some(powers);
    (place, start)
}

#[test]
fn making_a_folder_from_powers_that_exist_may_stop_anywhere() {
    let (_place, start) = with_powers();
    let circuit = Step::Made("circuit");
    stop_making(
        &start,
        &[
            Step::Made("folders"),
            circuit,
            circuit,
            Step::Made("powers"),
            Step::Made("initial keys"),
            Step::Made("coordinator's key"),
        ],
    );
}

#[test]
fn half_a_copy_of_powers_is_made_whole_when_the_folder_is_made() {
    let (_place, start) = with_powers();
    let bytes = fs::read(start.powers.as_ref().unwrap()).unwrap();
    for end in [0, 100, bytes.len() - 1, bytes.len()] {
        let mut files = Files::new();
        files.insert(layout::prepared(), bytes[..end].to_vec());
        let (_place, root) = found(&files, true);
        drop(Folder::create(&root, &start, &key(100), &mut Silent).unwrap());
        assert_eq!(fs::read(root.join(layout::prepared())).unwrap(), bytes);
    }
}

#[test]
fn a_ceremony_that_has_lost_its_rules_is_not_written_over() {
    let (_place, root, mut folder) = town(&start());
    contribute(&mut folder, 1);
    drop(folder);
    let rules = fs::read(root.join(layout::DESCRIPTOR)).unwrap();
    fs::remove_file(root.join(layout::DESCRIPTOR)).unwrap();
    let before = load(&root);
    let again = Folder::create(&root, &start(), &key(100), &mut Silent);
    assert!(matches!(again, Err(FolderError::Exists(_))));
    assert_eq!(load(&root), before);
    fs::write(root.join(layout::DESCRIPTOR), rules).unwrap();
    assert_eq!(Folder::open(&root).unwrap().transcript().count(), 1);
}

/// Fails when the new transcript has its name, after doing something worse.
fn failing(worse: impl Fn() + Send + 'static) -> Steps {
    Box::new(move |step| {
        if step == Step::Transcript(Write::Renamed) {
            worse();
            return Err(io::Error::other("the disk failed"));
        }
        Ok(())
    })
}

#[test]
fn a_folder_that_does_not_know_what_its_disk_holds_takes_nothing_until_it_is_opened_again() {
    for readable in [true, false] {
        let (_place, root, mut folder) = town(&start());
        let (one, two) = (handing_in(&folder, 1), handing_in(&folder, 2));
        let (path, draft) = (root.join("transcript.bin"), root.join("transcript.bin.new"));
        let away = root.join("away");
        let (p, d, a) = (path.clone(), draft.clone(), away.clone());
        folder.watch(failing(move || {
            // Nothing can be written any more, or not even read.
            fs::create_dir(&d).unwrap();
            if !readable {
                fs::rename(&p, &a).unwrap();
            }
        }));
        let unsure = |result: Result<(), FolderError>| {
            assert!(matches!(result, Err(FolderError::Unsure(_))), "{result:?}");
        };
        unsure(one(&mut folder));
        folder.watch(unwatched());
        unsure(two(&mut folder));
        unsure(folder.missed(missing(3)));
        unsure(cast(&mut folder));
        unsure(folder.finish(&mut Silent).map(|_| ()));
        drop(folder);
        fs::remove_dir(&draft).unwrap();
        if !readable {
            fs::rename(&away, &path).unwrap();
        }
        let mut folder = Folder::open(&root).unwrap();
        assert_eq!(folder.transcript().count(), 1);
        contribute(&mut folder, 2);
    }
}

#[test]
fn what_no_transcript_names_is_put_aside_and_kept() {
    let (_place, root, folder) = town(&start());
    drop(folder);
    let there = |name: &str| fs::read(root.join("private/orphans").join(name)).ok();
    let open = |name: &str, bytes: &[u8]| {
        fs::write(root.join(name), bytes).unwrap();
        drop(Folder::open(&root).unwrap());
        assert!(!root.join(name).exists(), "{name}");
    };
    open("powers/0001.ptau", b"somebody's");
    assert_eq!(there("0001.ptau").unwrap(), b"somebody's");
    // The same once more is kept once, another one beside it.
    open("powers/0001.ptau", b"somebody's");
    assert_eq!(there("0001.ptau.2"), None);
    open("powers/0001.ptau", b"another's");
    assert_eq!(there("0001.ptau").unwrap(), b"somebody's");
    assert_eq!(there("0001.ptau.2").unwrap(), b"another's");
    open("keys/0001-cube.zkey", b"a key");
    open("powers/notes.txt", b"not ours");
    assert_eq!(there("0001-cube.zkey").unwrap(), b"a key");
    assert_eq!(there("notes.txt").unwrap(), b"not ours");
    // Drafts, and what anybody makes again, are nobody's.
    let kept = fs::read_dir(root.join("private/orphans")).unwrap().count();
    for name in [
        "powers/0001.ptau.part",
        "powers/prepared.ptau",
        "keys/0000-cube.zkey",
        "circuits/cube.r1cs.part",
        "finished/x.new",
        "transcript.bin.new",
        "private/coordinator.key.new",
    ] {
        open(name, b"half");
    }
    let now = fs::read_dir(root.join("private/orphans")).unwrap().count();
    assert_eq!(now, kept);
}

#[test]
fn a_lost_file_of_an_accepted_contribution_is_told_at_once() {
    let (_place, root, mut folder) = town(&start());
    contribute(&mut folder, 1);
    drop(folder);
    let path = root.join("powers/0001.ptau");
    let bytes = fs::read(&path).unwrap();
    let lost = || matches!(Folder::open(&root), Err(FolderError::Lost(p)) if p == path);
    fs::remove_file(&path).unwrap();
    assert!(lost());
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(lost());
    fs::write(&path, bytes).unwrap();
    assert!(Folder::open(&root).is_ok());
}

#[test]
fn a_contribution_that_the_disk_did_not_write_down_is_kept_when_another_takes_its_name() {
    for by_the_beacon in [false, true] {
        let (_place, root, mut folder) = town(&start());
        handing_in(&folder, 1)(&mut folder).unwrap();
        let (two, three) = (handing_in(&folder, 2), handing_in(&folder, 3));
        folder.watch(Box::new(|step| match step {
            Step::Transcript(Write::Written) => Err(io::Error::other("the disk is full")),
            _ => Ok(()),
        }));
        assert!(matches!(two(&mut folder), Err(FolderError::Io { .. })));
        folder.watch(unwatched());
        let lost = fs::read(root.join("powers/0002.ptau")).unwrap();
        if by_the_beacon {
            cast(&mut folder).unwrap();
        } else {
            three(&mut folder).unwrap();
        }
        assert_ne!(fs::read(root.join("powers/0002.ptau")).unwrap(), lost);
        let aside = root.join("private/orphans/0002.ptau");
        assert_eq!(fs::read(aside).unwrap(), lost);
    }
}
