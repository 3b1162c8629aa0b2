//! A small ceremony from its rules to its keys, and what is said on the way.

mod checking;
mod contributing;

use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scene::{Scene, command};

/// BN254's scalar field, little-endian.
const ORDER: &str = "010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e6430";

/// x^3 + x + 5 = y as an .r1cs file: wires one, y, x, x^2, x^3.
pub fn cube() -> Vec<u8> {
    let rows: [[&[(u32, u8)]; 3]; 3] = [
        [&[(2, 1)], &[(2, 1)], &[(3, 1)]],
        [&[(3, 1)], &[(2, 1)], &[(4, 1)]],
        [&[(4, 1), (2, 1), (0, 5)], &[(0, 1)], &[(1, 1)]],
    ];
    let mut head = 32u32.to_le_bytes().to_vec();
    head.extend(hex::decode(ORDER).unwrap());
    for number in [5u32, 0, 1, 3] {
        head.extend(number.to_le_bytes());
    }
    head.extend(5u64.to_le_bytes());
    head.extend(3u32.to_le_bytes());
    let mut body = Vec::new();
    for row in rows.iter().flatten() {
        body.extend((row.len() as u32).to_le_bytes());
        for (wire, factor) in row.iter() {
            body.extend(wire.to_le_bytes());
            body.push(*factor);
            body.extend([0; 31]);
        }
    }
    let labels: Vec<u8> = (0..5u64).flat_map(u64::to_le_bytes).collect();
    let mut file = b"r1cs\x01\0\0\0\x03\0\0\0".to_vec();
    for (section, body) in [(1u32, head), (2, body), (3, labels)] {
        file.extend(section.to_le_bytes());
        file.extend((body.len() as u64).to_le_bytes());
        file.extend(body);
    }
    file
}

/// `tacit ceremony new` with the given times, and more.
pub fn new<'a>(folder: &'a str, name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = [
        "ceremony",
        "new",
        folder,
        "--name",
        name,
        "--without-sealing",
        "--circuit",
        "cube=cube.r1cs",
    ];
    [&fixed[..], more].concat()
}

pub const TIMES: [&str; 4] = [
    "--phase1-closes",
    "2036-01-01T00:00Z",
    "--phase2-closes",
    "2036-02-01T00:00Z",
];

/// A coordinator that serves until it is dropped.
pub struct Serving(Child, pub String);

impl Serving {
    pub fn start(scene: &Scene, folder: &str) -> Self {
        let address = scene.path("address");
        let _ = fs::remove_file(&address);
        let args = [
            "ceremony",
            "serve",
            folder,
            "--listen",
            "127.0.0.1:0",
            "--address-file",
            "address",
            "--exit-with-parent",
        ];
        let mut child = command(&scene.path("."), &args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !address.exists() {
            if Instant::now() > until || child.try_wait().unwrap().is_some() {
                let mut said = String::new();
                let _ = child.kill();
                let _ = child.stderr.take().unwrap().read_to_string(&mut said);
                panic!("the coordinator doesn't start: {said}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let address = fs::read_to_string(address).unwrap();
        Self(child, format!("http://{}", address.trim()))
    }
}

impl Serving {
    /// Stops it; the answer is its log.
    fn stop(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        let mut log = self.0.stderr.take().unwrap();
        log.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Hides what differs from run to run in an attestation.
fn hide(scene: &mut Scene, file: &str) {
    let json: Value = serde_json::from_slice(&fs::read(scene.path(file)).unwrap()).unwrap();
    for part in json["files"].as_array().unwrap() {
        for (field, word) in [
            ("contribution", "CONTRIBUTION"),
            ("points", "POINTS"),
            ("next", "NEXT"),
            ("blake2b", "FILE"),
        ] {
            scene.hide(part[field].as_str().unwrap(), word);
        }
        // Tables show the beginning, as long as the word below.
        let contribution = part["contribution"].as_str().unwrap();
        scene.hide(&contribution[..16], "CONTRIBUTION....");
    }
    let after = json["after"].as_str().unwrap();
    scene.hide(&format!("  {}\n", &after[..16]), "  AFTER...........\n");
    let key = json["contributor"].as_str().unwrap();
    scene.hide(&format!("  {}  ", &key[..16]), "  KEY.............  ");
}

/// `ceremony verify`, without the times in its table: other ones each time.
fn verified(scene: &mut Scene, args: &[&str], exit: i32) {
    let output = crate::scene::tacit(&scene.path("."), args);
    assert_eq!(output.status.code(), Some(exit));
    let said = crate::scene::text(&output.stdout) + &crate::scene::text(&output.stderr);
    let said: Vec<String> = said.lines().map(without_time).collect();
    let end = match exit {
        0 => String::new(),
        _ => format!("(exit {exit})\n"),
    };
    scene.record(args, &(said.join("\n") + "\n"), &end);
}

/// A line of a table with `2026-11-21 19:02` or the like in it.
fn without_time(line: &str) -> String {
    let shape = "0000-00-00 00:00";
    let is_time = |text: &str| {
        (text.chars().zip(shape.chars()))
            .all(|(c, s)| if s == '0' { c.is_ascii_digit() } else { c == s })
    };
    let mut places = 0..line.len().saturating_sub(shape.len());
    let place = places.find(|i| line.get(*i..i + shape.len()).is_some_and(is_time));
    match place {
        Some(at) => format!(
            "{}YYYY-MM-DD HH:MM{}",
            &line[..at],
            &line[at + shape.len()..]
        ),
        None => line.to_owned(),
    }
}

pub fn contribute(scene: &mut Scene, url: &str, who: &str, phase: u8) {
    let file = format!("{who}-{phase}.json");
    let args = [
        "--home",
        who,
        "--yes",
        "ceremony",
        "contribute",
        url,
        "--label",
        who,
        "--attestation",
        &file,
    ];
    // The first one's words stand in the golden text.
    if phase == 1 && who == "ada" {
        scene.works(&args);
        let (_, port) = url.rsplit_once(':').unwrap();
        scene.hide_port(port.parse().unwrap());
    } else {
        scene.quietly(&args);
    }
    hide(scene, &file);
}

/// `tacit committee found` with four operators' cards, but for where its keys come from.
fn founder(scene: &Scene) -> Vec<String> {
    let mut args = ["committee", "found", "--keys", "keys", "--out", "f.bin"]
        .map(String::from)
        .to_vec();
    for n in 0..4 {
        let (home, card) = (format!("op{n}"), format!("{n}.card"));
        let addresses = ["--p2p", "127.0.0.1:9000", "--api", "http://127.0.0.1:8000"];
        let card_of = [
            "--home",
            &home,
            "committee",
            "card",
            "--name",
            &home,
            "--out",
            &card,
        ];
        scene.quietly(&[&card_of[..], &addresses].concat());
        args.extend(["--card".into(), card]);
    }
    let key = scene.quietly(&["--home", "op0", "--json", "identity", "creator-key"]);
    let key: Value = serde_json::from_slice(&key.stdout).unwrap();
    args.extend([
        "--group-creator".into(),
        key["key"].as_str().unwrap().into(),
    ]);
    args
}

#[test]
fn a_rehearsal_goes_from_rules_to_keys_and_is_verified() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    let rehearsal = [&TIMES[..], &["--rehearsal"]].concat();
    scene.works(&new("town", "town", &rehearsal));
    scene.fails(&new("town", "town", &rehearsal));
    scene.works(&["ceremony", "status", "town"]);
    scene.fails(&["ceremony", "beacon", "town"]);
    scene.fails(&["ceremony", "finish", "town"]);
    {
        let serving = Serving::start(&scene, "town");
        contribute(&mut scene, &serving.1, "ada", 1);
        contribute(&mut scene, &serving.1, "bob", 1);
        // Who serves does it, and goes on.
        scene.works(&["ceremony", "beacon", "town"]);
    }
    let found = founder(&scene);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    scene.fails(&[&found[..], &["--ceremony", "town", "--development-keys"]].concat());
    {
        let serving = Serving::start(&scene, "town");
        contribute(&mut scene, &serving.1, "ada", 2);
    }
    scene.works(&["ceremony", "beacon", "town"]);
    scene.works(&["ceremony", "finish", "town"]);
    scene.fails(&found);
    scene.fails(&[&found[..], &["--ceremony", "town"]].concat());
    scene.fails(&[&found[..], &["--ceremony", "town", "--development-keys"]].concat());
    let verify = ["--home", "eve", "ceremony", "verify", "town"];
    let with_attestation = [&verify[..], &["--attestation", "ada-1.json"]].concat();
    verified(&mut scene, &with_attestation, 0);
    let json = scene.quietly(&[&["--json"][..], &verify[..]].concat());
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    scene.note("What others have published of it");
    let after = json["contributors"][1]["after"].as_str().unwrap();
    let head = json["transcript"].as_str().unwrap();
    let as_told = ["--after", after, "--transcript", head];
    verified(&mut scene, &[&verify[..], &as_told].concat(), 0);
    let none = "0".repeat(64);
    for lie in [["--after", &none], ["--transcript", &none]] {
        verified(&mut scene, &[&verify[..], &lie].concat(), 1);
    }
    scene.fails(&[&verify[..], &["--ceremony", &none]].concat());
    crate::committee::bring(&scene, &["founding.bin"]);
    let founding = ["--founding", "founding.bin"];
    verified(&mut scene, &[&verify[..], &founding].concat(), 1);
    let who = |i: usize| {
        let c = &json["contributors"][i];
        (
            c["phase"].as_u64(),
            c["number"].as_u64(),
            c["label"].as_str(),
        )
    };
    assert_eq!(json["contributors"].as_array().map(Vec::len), Some(3));
    assert_eq!(who(1), (Some(1), Some(2), Some("bob")));
    assert_eq!(who(2), (Some(2), Some(1), Some("ada")));
    let key = json["contributors"][1]["key"].as_str();
    assert_eq!(key.map(str::len), Some(64));
    scene.note("An operator compares a founding file with it before signing");
    scene.fails(&["committee", "check", "founding.bin", "--ceremony", "town"]);
    let sign = [
        "--home",
        "op0",
        "--yes",
        "committee",
        "sign",
        "founding.bin",
    ];
    scene.fails(&[&sign[..], &["--ceremony", "town"]].concat());
    scene.fails(&["committee", "check", "founding.bin", "--ceremony", "none"]);
    scene.note("Powers from a file");
    let from = ["--powers", "town/powers/prepared.ptau"];
    let from = [&from[..], &["--phase2-closes", "2036-02-01T00:00Z"]].concat();
    let made = scene.quietly(&[&["--json"][..], &new("first", "town", &from)].concat());
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["rehearsal"], true);
    let hash = made["powers_file"]["blake2b"].as_str().unwrap().to_owned();
    scene.hide(&hash, "HASH-OF-POWERS");
    scene.works(&new("second", "town", &from));
    // A rehearsal's are nobody's, whatever hash is given with them.
    scene.fails(&new(
        "third",
        "town",
        &[&from[..], &["--powers-hash", &hash]].concat(),
    ));
    // A second ceremony of the same coordinator isn't this one.
    scene.quietly(&new("other", "town", &rehearsal));
    {
        let serving = Serving::start(&scene, "other");
        contribute(&mut scene, &serving.1, "cid", 1);
    }
    let with_cids = [&verify[..], &["--attestation", "cid-1.json"]].concat();
    for (args, breaks) in [(&with_cids, false), (&with_cids, true)] {
        if breaks {
            // One byte of a contribution that others built on.
            let mut bytes = fs::read(scene.path("town/powers/0001.ptau")).unwrap();
            let last = bytes.len() - 9;
            bytes[last] ^= 1;
            scene.write("town/powers/0001.ptau", bytes);
        }
        verified(&mut scene, args, 1);
    }
    let left = fs::read_dir(scene.path("eve/ceremonies")).unwrap();
    let left: Vec<_> = left.map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "nothing stays that only a check needs");
    scene.hold_golden("ceremony");
}

#[test]
fn rules_that_can_not_hold_are_refused_before_anything_is_made() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.works(&new("real", "real", &TIMES));
    scene.fails(&["ceremony", "beacon", "real"]);
    scene.fails(&new("a", "A Town", &TIMES));
    scene.fails(&new("a", "town", &["--phase2-closes", "+1h"]));
    let with = |more: &[&'static str]| [&TIMES[..], more].concat();
    scene.fails(&new("a", "town", &with(&["--beacon2", "drand:1000"])));
    scene.fails(&new("a", "town", &with(&["--beacon2", "dice"])));
    scene.fails(&new("a", "town", &with(&["--exponent", "63"])));
    scene.fails(&new("a", "town", &with(&["--power", "2"])));
    scene.fails(&new("a", "town", &with(&["--turn", "1"])));
    scene.fails(&new("a", "town", &with(&["--least", "1"])));
    let block = "bitcoin:2000000@2036-02-02T00:00Z";
    let quick = ["--beacon2", block, "--exponent", "21"];
    scene.fails(&new("a", "town", &with(&quick)));
    scene.fails(&new("a", "town", &with(&["--powers-hash", "00"])));
    scene.works(&new("blocks", "blocks", &with(&["--beacon2", block])));
    scene.fails(&[
        "ceremony",
        "verify",
        "http://127.0.0.1:1",
        "--max-download",
        "much",
    ]);
    let past = [
        "--phase1-closes",
        "2020-01-01T00:00Z",
        "--phase2-closes",
        "+1h",
    ];
    scene.fails(&new("a", "town", &past));
    let powers = ["--powers", "cube.r1cs", "--phase2-closes", "+1h"];
    scene.fails(&new("a", "town", &powers));
    assert!(!scene.path("a").exists());
    scene.fails(&["ceremony", "status", "none"]);
    scene.fails(&["ceremony", "verify", "none"]);
    scene.fails(&["ceremony", "contribute"]);
    scene.fails(&["ceremony", "contribute", "http://203.0.113.5:1"]);
    scene.fails(&[
        "ceremony",
        "contribute",
        "http://127.0.0.1:1",
        "--label",
        " x",
    ]);
    let offline = [
        "ceremony",
        "contribute",
        "--from",
        "none.ptau",
        "--to",
        "new.ptau",
    ];
    scene.fails(&offline);
    scene.hold_golden("ceremony-rules");
}

#[test]
fn a_founding_file_with_a_ceremonys_keys_shows_its_transcript_and_no_warning() {
    use tacit_protocol::codec::{Decode as _, Encode as _};
    use tacit_protocol::founding::FoundingFile;
    use tacit_protocol::hash::Digest;
    let mut scene = Scene::new();
    crate::committee::bring(&scene, &["founding.bin", "op0/node.key"]);
    let bytes = fs::read(scene.path("founding.bin")).unwrap();
    let mut founding = FoundingFile::from_bytes(&bytes).unwrap().founding;
    founding.circuits[0].transcript = Some(Digest([7; 32]));
    let file = FoundingFile::draft(founding);
    scene.write("ceremony.bin", file.to_bytes());
    for (name, warns) in [("founding.bin", true), ("ceremony.bin", false)] {
        let shown = scene.quietly(&["committee", "show", name]);
        let (out, err) = (
            crate::scene::text(&shown.stdout),
            crate::scene::text(&shown.stderr),
        );
        assert_eq!(err.contains("development keys"), warns, "{name}: {err}");
        let keys = format!("from the ceremony {}", Digest([7; 32]));
        assert_eq!(out.contains(&keys), !warns, "{name}: {out}");
    }
    let sign = [
        "--home",
        "op0",
        "--yes",
        "committee",
        "sign",
        "ceremony.bin",
    ];
    let signed = scene.quietly(&sign);
    let said = crate::scene::text(&signed.stderr);
    assert!(!said.contains("development keys"), "{said}");
    scene.works(&["--json", "committee", "show", "ceremony.bin"]);
    assert!(scene.text().contains("\"development_keys\": false"));
}
