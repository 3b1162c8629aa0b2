use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::scene::{Scene, tacit};

/// Four operators' homes (`op0` to `op3`), their cards, the founding file that all have signed, and keys. Made
/// once: keys take seconds.
pub fn founded() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = own_folder();
        let run = |args: &[&str]| {
            let output = tacit(&folder, args);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{args:?}: {said}");
            output.stdout
        };
        let creator = run(&["--home", "creator", "--json", "identity", "creator-key"]);
        let creator: Value = serde_json::from_slice(&creator).unwrap();
        let creator = creator["key"].as_str().unwrap();
        for i in 0..4 {
            make_card(&folder, i);
        }
        let mut found = vec![
            "committee",
            "found",
            "--development-keys",
            "--timing",
            "loopback",
        ];
        found.extend(["--keys", "keys", "--out", "founding.bin"]);
        found.extend(["--group-creator", creator, "--statement-creator", creator]);
        found.extend(CARDS.iter().flat_map(|card| ["--card", card]));
        run(&found);
        for i in 0..4 {
            let home = format!("op{i}");
            run(&[
                "--home",
                &home,
                "--yes",
                "committee",
                "sign",
                "founding.bin",
            ]);
        }
        folder
    })
}

/// A folder of this run of the tests; those of runs that have ended go.
fn own_folder() -> PathBuf {
    let all = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(&all).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let run = name.strip_prefix("cli-");
        if run.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(all.join(&name));
        }
    }
    let folder = all.join(format!("cli-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The operators' cards.
pub const CARDS: [&str; 4] = ["op0.card", "op1.card", "op2.card", "op3.card"];

/// Makes an operator's key and card, with addresses that nobody has.
fn make_card(folder: &std::path::Path, i: usize) {
    let (home, name) = (format!("op{i}"), format!("Operator {i}"));
    // Operators stand in the order of their keys, so those are always the same.
    let key = folder.join(&home).join("node.key");
    fs::create_dir_all(folder.join(&home)).unwrap();
    fs::write(&key, format!("{i:064}\n")).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let (p2p, api) = (
        format!("127.0.0.1:{}", i + 1),
        format!("http://127.0.0.1:{}", i + 11),
    );
    let output = tacit(
        folder,
        &[
            "--home",
            &home,
            "committee",
            "card",
            "--name",
            &name,
            "--p2p",
            &p2p,
            "--api",
            &api,
            "--out",
            CARDS[i],
        ],
    );
    assert!(output.status.success());
}

/// Copies the founded committee's files into a scene.
pub fn bring(scene: &Scene, files: &[&str]) {
    for file in files {
        let from = founded().join(file);
        if from.is_dir() {
            for entry in fs::read_dir(from).unwrap() {
                let name = entry.unwrap().file_name();
                bring(scene, &[&format!("{file}/{}", name.to_str().unwrap())]);
            }
        } else {
            scene.write(file, fs::read(from).unwrap());
            scene.chmod(file, 0o600);
        }
    }
}

/// The founded committee's fingerprint.
pub fn fingerprint() -> String {
    let output = tacit(founded(), &["--json", "committee", "show", "founding.bin"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    shown["fingerprint"].as_str().unwrap().to_string()
}

#[test]
fn a_card_names_addresses_that_others_can_use() {
    let mut scene = Scene::new();
    let long = "A".repeat(65);
    let named = |name, p2p, api| {
        [
            "--home",
            "op",
            "committee",
            "card",
            "--name",
            name,
            "--p2p",
            p2p,
            "--api",
            api,
            "--out",
            "alice.card",
        ]
    };
    let card = |p2p, api| named("Alice", p2p, api);
    scene.works(&card("203.0.113.5:9000", "https://tacit.alice.example"));
    scene.fails(&card("alice.example", "https://tacit.alice.example"));
    scene.fails(&card("203.0.113.5", "https://tacit.alice.example"));
    scene.fails(&card("203.0.113.5:9000", "http://tacit.alice.example"));
    scene.fails(&card("203.0.113.5:9000", "tacit.alice.example"));
    for name in ["", " ", &long, "Al\nice"] {
        scene.fails(&named(
            name,
            "203.0.113.5:9000",
            "https://tacit.alice.example",
        ));
    }
    scene.chmod("op/node.key", 0o644);
    scene.fails(&card("203.0.113.5:9000", "https://tacit.alice.example"));
    scene.hold_golden("committee-card");
}

#[test]
fn a_committee_that_can_not_be_is_not_founded() {
    let mut scene = Scene::new();
    bring(&scene, &CARDS);
    let creator = "ab".repeat(32);
    let found = |cards: &[&'static str], more: &[&'static str]| {
        let mut args = vec![
            "committee",
            "found",
            "--keys",
            "keys",
            "--out",
            "founding.bin",
        ];
        args.extend(cards.iter().flat_map(|card| ["--card", card]));
        args.extend(more);
        args
    };
    let [a, b, c, d] = CARDS;
    let by: &[&str] = &[
        "--development-keys",
        "--group-creator",
        Box::leak(creator.into_boxed_str()),
    ];
    scene.fails(&found(&[a, b, c, d], &[]));
    scene.fails(&found(&[], by));
    scene.fails(&found(&[a, b, c], by));
    scene.fails(&found(&[a, b, c, c], by));
    scene.fails(&found(&[a, b, c, "none.card"], by));
    scene.write("text.card", "this is no card");
    scene.fails(&found(&[a, b, c, "text.card"], by));
    let mut changed = fs::read(scene.path(d)).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    scene.write("changed.card", changed);
    scene.fails(&found(&[a, b, c, "changed.card"], by));
    scene.fails(&found(&[a, b, c, d], &["--development-keys"]));
    scene.fails(&found(
        &[a, b, c, d],
        &["--development-keys", "--group-creator", "bob"],
    ));
    assert!(
        !scene.path("keys").exists(),
        "no keys were made for nothing"
    );
    scene.hold_golden("committee-found");
}

#[test]
fn a_founding_file_is_signed_by_those_whom_it_names_and_after_a_question() {
    let mut scene = Scene::new();
    bring(&scene, &["founding.bin", "op0/node.key"]);
    scene.works(&["committee", "show", "founding.bin"]);
    scene.fails(&["committee", "show", "none.bin"]);
    scene.write("text.bin", "this is no founding file");
    scene.fails(&["committee", "show", "text.bin"]);
    scene.note("Nobody is there to answer the question.");
    let output = tacit(
        &scene.path(""),
        &["--home", "op0", "committee", "sign", "founding.bin"],
    );
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    scene.record(
        &["--home", "op0", "committee", "sign", "founding.bin"],
        &said,
        "(exit 2)\n",
    );
    scene.works(&[
        "--home",
        "op0",
        "--yes",
        "committee",
        "sign",
        "founding.bin",
    ]);
    scene.fails(&[
        "--home",
        "nobody",
        "--yes",
        "committee",
        "sign",
        "founding.bin",
    ]);
    scene.hold_golden("committee-sign");
}
