//! What whoever checks a ceremony is told, and how much they fetch for it.

use std::fs;

use serde_json::Value;

use super::{Serving, TIMES, contribute, cube, new, verified};
use crate::scene::Scene;

/// A round of drand's quicknet, and its signature.
const ROUND: &str = "drand:1000";
const SIGNATURE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

#[test]
fn powers_that_one_person_may_have_made_are_compared_by_everybody() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    let rehearsal = [&TIMES[..], &["--rehearsal", "--beacon1", ROUND]].concat();
    scene.quietly(&new("alone", "alone", &rehearsal));
    {
        let serving = Serving::start(&scene, "alone");
        let (home, url) = ("mallory", &serving.1);
        scene.quietly(&["--home", home, "--yes", "ceremony", "contribute", url]);
    }
    let end = ["ceremony", "beacon", "alone"];
    scene.quietly(&[&end[..], &["--drand-signature", SIGNATURE]].concat());
    let from = ["--powers", "alone/powers/prepared.ptau"];
    let from = [&from[..], &["--phase2-closes", "2036-02-01T00:00Z"]].concat();
    let first = [&new("first", "town", &from)[..], &["--json"]].concat();
    let made = scene.quietly(&first);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let hash = made["powers_file"]["blake2b"].as_str().unwrap().to_owned();
    scene.hide(&hash, "HASH-OF-POWERS");
    let named = ["--powers-hash", &hash];
    let other = "0".repeat(128);
    let others = ["--powers-hash", other.as_str()];
    scene.fails(&new("town", "town", &[&from[..], &others].concat()));
    // Nothing can be wrong with them but whose they are.
    scene.works(&new("town", "town", &[&from[..], &named].concat()));
    let verify = ["--home", "eve", "ceremony", "verify", "town"];
    scene.works(&verify);
    scene.works(&[&verify[..], &named].concat());
    scene.fails(&[&verify[..], &others].concat());
    // What somebody has published is looked for nevertheless.
    let nowhere = ["--after", &other[..64]];
    scene.fails(&[&verify[..], &others, &nowhere].concat());
    scene.note("Who would found a committee on them, or sign");
    crate::committee::bring(&scene, &["founding.bin", "op0/node.key"]);
    let check = ["committee", "check", "founding.bin", "--ceremony", "town"];
    scene.fails(&check);
    scene.fails(&[&check[..], &["--yes"]].concat());
    scene.fails(&[&check[..], &others].concat());
    let other_id = "0".repeat(64);
    scene.fails(&[&check[..], &["--ceremony-id", &other_id]].concat());
    scene.fails(&[&check[..], &named].concat());
    let sign = [
        "--home",
        "op0",
        "--yes",
        "committee",
        "sign",
        "founding.bin",
    ];
    let sign = [&sign[..], &["--ceremony", "town"]].concat();
    scene.fails(&sign);
    scene.fails(&[&sign[..], &named].concat());
    // Who contributes is told too.
    let serving = Serving::start(&scene, "town");
    let (url, file) = (&serving.1, "ada.json");
    let ada = ["--home", "ada", "--yes", "ceremony", "contribute", url];
    let told = scene.quietly(&[&ada[..], &["--attestation", file]].concat());
    let told = crate::scene::text(&told.stderr);
    assert!(told.contains("Mind: the powers are from a file"), "{told}");
    assert!(told.contains(&hash), "{told}");
    scene.hold_golden("ceremony-powers");
}

#[test]
fn a_broken_download_goes_on_and_another_ceremony_is_not_fetched() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let serving = Serving::start(&scene, "town");
    let (_, port) = serving.1.rsplit_once(':').unwrap();
    scene.hide_port(port.parse().unwrap());
    let other = "0".repeat(64);
    let verify = ["--home", "eve", "ceremony", "verify", &serving.1];
    scene.fails(&[&verify[..], &["--ceremony", &other]].concat());
    let ceremonies = scene.path("eve/ceremonies");
    let names = || {
        let all = fs::read_dir(&ceremonies).unwrap();
        let mut all: Vec<String> = all
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        all.sort();
        all
    };
    assert_eq!(names(), ["lock"], "nothing of it is here");
    // What an earlier run had fetched before it was killed, and what it needed beside that.
    scene.fails(&[&verify[..], &["--max-download", "0"]].concat());
    let fetched = names().into_iter().find(|n| n.starts_with("verify-"));
    let fetched = ceremonies.join(fetched.unwrap());
    let whole = fs::read(scene.path("town/circuits/cube.r1cs")).unwrap();
    fs::create_dir_all(fetched.join("circuits")).unwrap();
    fs::write(fetched.join("circuits/cube.r1cs"), &whole).unwrap();
    fs::remove_file(scene.path("town/circuits/cube.r1cs")).unwrap();
    fs::create_dir_all(ceremonies.join("scratch-0000/keys")).unwrap();
    scene.works(&verify);
    assert_eq!(names(), ["lock"]);
    scene.hold_golden("ceremony-fetch");
}

#[test]
fn no_more_is_fetched_than_the_limit() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let serving = Serving::start(&scene, "town");
    let (_, port) = serving.1.rsplit_once(':').unwrap();
    scene.hide_port(port.parse().unwrap());
    let none = ["--max-download", "0"];
    let verify = ["--home", "eve", "ceremony", "verify", &serving.1];
    scene.fails(&[&verify[..], &none].concat());
    let contribute = [
        "--home",
        "eve",
        "--yes",
        "ceremony",
        "contribute",
        &serving.1,
    ];
    let refused = crate::scene::tacit(&scene.path("."), &[&contribute[..], &none].concat());
    assert_eq!(refused.status.code(), Some(2));
    let said = crate::scene::text(&refused.stderr);
    assert!(said.contains("powers/0000.ptau has 3280 bytes"), "{said}");
    // A file that is not as long as its entry, or the rules, say.
    let path = scene.path("town/circuits/cube.r1cs");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 8]).unwrap();
    scene.fails(&verify);
    scene.hold_golden("ceremony-limits");
}

#[test]
fn a_coordinator_who_shows_another_past_than_before_is_caught() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    // The same ceremony, kept aside before anybody has contributed.
    for name in [
        "ceremony.bin",
        "transcript.bin",
        "circuits/cube.r1cs",
        "powers/0000.ptau",
        "private/coordinator.key",
    ] {
        let bytes = fs::read(scene.path(&format!("town/{name}"))).unwrap();
        scene.write(&format!("fork/{name}"), bytes);
    }
    for folder in ["keys", "private/incoming"] {
        fs::create_dir_all(scene.path(&format!("fork/{folder}"))).unwrap();
    }
    {
        let serving = Serving::start(&scene, "town");
        contribute(&mut scene, &serving.1, "bob", 1);
        contribute(&mut scene, &serving.1, "cid", 1);
    }
    let serving = Serving::start(&scene, "fork");
    let (_, port) = serving.1.rsplit_once(':').unwrap();
    scene.hide_port(port.parse().unwrap());
    contribute(&mut scene, &serving.1, "eve", 1);
    scene.note("Bob has seen the ceremony before");
    scene.fails(&[
        "--home",
        "bob",
        "--yes",
        "ceremony",
        "contribute",
        &serving.1,
    ]);
    scene.note("Cid has an attestation, and the fork is shown to Dan");
    let verify = ["--home", "dan", "ceremony", "verify", &serving.1];
    let args = [&verify[..], &["--attestation", "cid-1.json"]].concat();
    verified(&mut scene, &args, 1);
    scene.note("It keeps files back too: what it has dropped shows nevertheless");
    fs::remove_file(scene.path("fork/circuits/cube.r1cs")).unwrap();
    scene.fails(&args);
    scene.hold_golden("ceremony-fork");
}
