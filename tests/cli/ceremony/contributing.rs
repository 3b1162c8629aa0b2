//! Contributors before a coordinator that serves, and without one.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Serving, TIMES, contribute, cube, new};
use crate::scene::{Scene, command};

#[test]
fn a_file_is_contributed_to_on_a_machine_without_a_network() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let from = "town/powers/0000.ptau";
    let args = ["ceremony", "contribute", "--from", from, "--to", "new.ptau"];
    scene.write("dice", "3 1 4 1 5");
    let with_dice = [&args[..], &["--entropy-file", "dice", "--json"]].concat();
    let output = scene.quietly(&with_dice);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["contribution"].as_str().map(str::len), Some(128));
    assert!(scene.path("new.ptau").exists());
    scene.fails(&args);
    scene.write("bad.ptau", "garbage");
    scene.fails(&[
        "ceremony",
        "contribute",
        "--from",
        "bad.ptau",
        "--to",
        "x.ptau",
    ]);
    scene.hold_golden("ceremony-offline");
}

/// Ada contributes with what is put into the folder `hand`.
fn by_hand(scene: &Scene, url: &str) -> Child {
    let args = [
        "--home",
        "ada",
        "--yes",
        "--json",
        "ceremony",
        "contribute",
        url,
        "--attestation",
        "ada.json",
        "--by-hand",
        "hand",
    ];
    let said = fs::File::create(scene.path("said")).unwrap();
    command(&scene.path("."), &args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(said)
        .spawn()
        .unwrap()
}

/// Waits until she is told something.
fn told(scene: &Scene, what: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let said = fs::read_to_string(scene.path("said")).unwrap();
        if said.contains(what) {
            return;
        }
        assert!(Instant::now() < until, "nobody said: {what}; but: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_coordinators_own_trouble_sends_nobody_away_and_is_no_verdict() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let serving = Serving::start(&scene, "town");
    contribute(&mut scene, &serving.1, "bob", 1);
    let ada = by_hand(&scene, &serving.1);
    told(&scene, "put the result into hand/0002.ptau");
    // A disk that has lost a bit of what the contribution is checked against.
    let base = "town/powers/0001.ptau";
    let whole = fs::read(scene.path(base)).unwrap();
    let mut rotten = whole.clone();
    rotten[200] ^= 1;
    scene.write(base, rotten);
    let (from, to) = ("hand/0001.ptau", "hand/0002.ptau");
    scene.quietly(&["ceremony", "contribute", "--from", from, "--to", to]);
    told(&scene, "the coordinator can't check it now");
    scene.write(base, whole);
    let output = ada.wait_with_output().unwrap();
    assert!(output.status.success());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["number"], 2);
    let status = scene.quietly(&["--json", "ceremony", "status", &serving.1]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["entries"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_coordinator_says_what_it_puts_aside_when_it_starts() {
    let scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    scene.write("town/powers/0001.ptau", "what an interruption left");
    let serving = Serving::start(&scene, "town");
    let said = serving.stop();
    assert!(said.contains("no transcript names this file"), "{said}");
}

#[test]
fn what_is_made_by_hand_is_waited_for_until_it_is_whole() {
    let scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let serving = Serving::start(&scene, "town");
    let ada = by_hand(&scene, &serving.1);
    let told = |what: &str| told(&scene, what);
    told("Contribute to hand/0000.ptau, and put the result into hand/0001.ptau");
    let (from, to) = ("hand/0000.ptau", "made.ptau");
    scene.quietly(&["ceremony", "contribute", "--from", from, "--to", to]);
    let made = fs::read(scene.path("made.ptau")).unwrap();

    // As from a program that pauses while it writes.
    scene.write("hand/0001.ptau", &made[..made.len() / 2]);
    told("no contribution yet: ");
    // The wrong one of two files.
    fs::copy(scene.path(from), scene.path("hand/0001.ptau")).unwrap();
    told("has 0 contributions");
    scene.write("hand/0001.ptau", &made);
    let output = ada.wait_with_output().unwrap();
    assert!(output.status.success());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["number"], 1);
}

#[test]
fn two_who_come_at_once_both_get_a_turn_and_everybody_is_told_the_same() {
    let scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let serving = Serving::start(&scene, "town");
    let come = |who: &str| {
        let file = format!("{who}.json");
        let args = [
            "--home",
            who,
            "--yes",
            "--json",
            "ceremony",
            "contribute",
            &serving.1,
            "--attestation",
            &file,
        ];
        command(&scene.path("."), &args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let both = ["ada", "bob"].map(come);
    let mut numbers: Vec<u64> = both
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            let said: Value = serde_json::from_slice(&output.stdout).unwrap();
            said["number"].as_u64().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    // Who comes again gets the attestation again, and no second contribution.
    let again = come("ada").wait_with_output().unwrap();
    assert!(again.status.success());
    let status = scene.quietly(&["--json", "ceremony", "status", &serving.1]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["entries"].as_array().map(Vec::len), Some(2));
    let verify = ["--home", "eve", "--json", "ceremony", "verify", &serving.1];
    let verified = scene.quietly(&verify);
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["transcript"], status["transcript"]);
}
