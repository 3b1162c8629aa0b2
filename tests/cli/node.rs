use std::fs;
use std::net::TcpListener;

use crate::committee::{CARDS, bring};
use crate::scene::Scene;

/// What `node init` takes beside the cards.
const INIT: [&str; 10] = [
    "--home",
    "op0",
    "node",
    "init",
    "--founding",
    "founding.bin",
    "--keys",
    "keys",
    "--listen-api",
    "127.0.0.1:0",
];

fn init(cards: &[&'static str]) -> Vec<&'static str> {
    let mut args = INIT.to_vec();
    args.extend(cards.iter().flat_map(|card| ["--card", card]));
    args
}

/// A scene with everything that operator 0 makes a node of.
pub fn operators_scene() -> Scene {
    let scene = Scene::new();
    bring(&scene, &CARDS);
    bring(&scene, &["founding.bin", "keys", "op0/node.key"]);
    scene
}

/// Changes one of a node's settings.
fn set(scene: &Scene, name: &str, value: impl Into<serde_json::Value>) {
    let settings = fs::read(scene.path("op0/node.json")).unwrap();
    let mut settings: serde_json::Value = serde_json::from_slice(&settings).unwrap();
    settings[name] = value.into();
    scene.write("op0/node.json", settings.to_string());
}

#[test]
fn a_node_is_made_of_a_complete_founding_file_all_cards_and_the_right_keys() {
    let mut scene = operators_scene();
    let [a, b, c, d] = CARDS;
    scene.fails(&init(&[]));
    scene.fails(&init(&[a, b, c]));
    scene.fails(&init(&[b, c, d]));
    scene.fails(&init(&[a, b, c, "none.card"]));
    let mut stranger = init(&CARDS);
    stranger[1] = "stranger";
    scene.fails(&stranger);
    fs::rename(scene.path("keys"), scene.path("elsewhere")).unwrap();
    scene.fails(&init(&CARDS));
    fs::rename(scene.path("elsewhere"), scene.path("keys")).unwrap();
    let keys = fs::read_dir(scene.path("keys")).unwrap();
    for path in keys.map(|entry| entry.unwrap().path()) {
        // The verifying key is the short one.
        if fs::metadata(&path).unwrap().len() < 100_000 {
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, b"another key").unwrap();
            scene.fails(&init(&CARDS));
            fs::write(&path, bytes).unwrap();
        }
    }
    scene.works(&init(&CARDS));
    scene.fails(&init(&CARDS));
    scene.hold_golden("node-init");
}

#[test]
fn a_founding_file_that_somebody_has_not_signed_makes_no_node() {
    let mut scene = operators_scene();
    // A signature at the file's end, which nothing follows: the last operator's.
    let mut file = fs::read(scene.path("founding.bin")).unwrap();
    let last = file.len() - 1;
    file[last] ^= 1;
    scene.write("founding.bin", file);
    scene.fails(&init(&CARDS));
    scene.hold_golden("node-init-unsigned");
}

#[test]
fn a_node_that_can_not_run_says_why_and_what_to_do() {
    let mut scene = operators_scene();
    const RUN: [&str; 6] = ["--home", "op0", "node", "run", "--log", "error"];
    scene.fails(&["--home", "nothing", "node", "run"]);
    scene.quietly(&init(&CARDS));

    scene.fails(&["--home", "op0", "node", "run", "--log", "all=everything"]);
    scene.fails(&["--home", "op0", "node", "run", "--log", "verbose"]);
    scene.fails(&["--home", "op0", "node", "run", "--metrics", "0.0.0.0:9100"]);
    scene.note("The key is open to others.");
    scene.chmod("op0/node.key", 0o644);
    scene.fails(&RUN);
    scene.chmod("op0/node.key", 0o600);

    scene.note("So is what must be erasable, and then it holds what erasing wouldn't find.");
    fs::create_dir_all(scene.path("op0/erasable")).unwrap();
    scene.chmod("op0/erasable", 0o755);
    scene.fails(&RUN);
    scene.chmod("op0/erasable", 0o700);
    scene.write("op0/erasable/keys/copy", "x");
    scene.chmod("op0/erasable/keys", 0o700);
    scene.fails(&RUN);
    fs::remove_dir_all(scene.path("op0/erasable")).unwrap();

    scene.note("A setting is none.");
    let settings = fs::read(scene.path("op0/node.json")).unwrap();
    scene.write("op0/node.json", "{}");
    scene.fails(&RUN);
    scene.write("op0/node.json", &settings);

    scene.note("The API would be served in clear text to everybody.");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    scene.hide_port(free.port());
    set(&scene, "listen_p2p", free.to_string());
    set(&scene, "listen_api", "0.0.0.0:0");
    scene.fails(&RUN);

    scene.note("A certificate without its key, then files that aren't there.");
    set(&scene, "tls_cert", "chain.pem");
    scene.fails(&RUN);
    set(&scene, "tls_key", "key.pem");
    scene.fails(&RUN);
    scene.write("op0/node.json", &settings);

    scene.note("The ports are taken: clients', then other nodes'.");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_at = taken.local_addr().unwrap();
    scene.hide_port(taken_at.port());
    set(&scene, "listen_p2p", free.to_string());
    set(&scene, "listen_api", taken_at.to_string());
    scene.fails(&RUN);
    set(&scene, "listen_p2p", taken_at.to_string());
    scene.fails(&RUN);

    scene.note("It runs already.");
    set(&scene, "listen_p2p", free.to_string());
    let lock = fs::File::create(scene.path("op0/engine/lock")).unwrap();
    lock.lock().unwrap();
    scene.fails(&RUN);
    drop(lock);

    scene.note("Consensus storage was deleted.");
    fs::remove_dir_all(scene.path("op0/engine")).unwrap();
    scene.fails(&RUN);
    scene.hold_golden("node-run");
}
