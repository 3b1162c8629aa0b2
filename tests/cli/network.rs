//! Commands that ask nodes, when there are none to ask.

use crate::scene::Scene;

/// Nobody listens at this port of one's own machine (tcpmux).
const NOBODY: &str = "http://127.0.0.1:1";

fn id() -> String {
    "ab".repeat(32)
}

#[test]
fn a_node_that_can_not_be_reached_is_exit_code_3() {
    let mut scene = Scene::new();
    let id = id();
    scene.write("text", "We stand together.");
    scene.fails(&["node", "status", "--node", NOBODY]);
    scene.fails(&["--yes", "statement", "list", "--node", NOBODY]);
    scene.fails(&[
        "statement",
        "show",
        &id,
        "--node",
        NOBODY,
        "--fingerprint",
        &id,
    ]);
    scene.fails(&[
        "statement",
        "watch",
        &id,
        "--node",
        NOBODY,
        "--fingerprint",
        &id,
    ]);
    scene.fails(&["sign", &id, "--node", NOBODY, "--fingerprint", &id]);
    scene.fails(&["names", &id, "--node", NOBODY]);
    scene.fails(&["bundle", &id, "--out", "file", "--node", NOBODY]);
    scene.fails(&["group", "show", "--node", NOBODY]);
    scene.fails(&[
        "group",
        "enrol",
        "--group",
        &id,
        "--registrar",
        NOBODY,
        "--node",
        NOBODY,
        "--fingerprint",
        &id,
    ]);
    scene.fails(&[
        "statement",
        "new",
        "--group",
        &id,
        "--text-file",
        "text",
        "--trigger",
        "count >= 1",
        "--deadline",
        "+1h",
        "--node",
        NOBODY,
    ]);
    scene.is_golden("network-unreachable");
}

#[test]
fn an_address_that_would_betray_or_is_none_is_refused_before_anything_is_sent() {
    let mut scene = Scene::new();
    let id = id();
    for url in [
        "http://node.example",
        "http://203.0.113.5:8080",
        "node.example",
        "ftp://node.example",
        "https://me@node.example",
        "https://node.example/?a=b",
        "",
    ] {
        scene.fails(&["node", "status", "--node", url]);
    }
    scene.fails(&[
        "group",
        "enrol",
        "--group",
        &id,
        "--registrar",
        "http://registrar.example",
    ]);
    scene.note("No node was ever named.");
    scene.fails(&["statement", "list"]);
    scene.fails(&["sign", &id]);
    scene.is_golden("network-addresses");
}

#[test]
fn an_id_that_is_none_is_told_apart() {
    let mut scene = Scene::new();
    let (short, upper) = (id()[1..].to_string(), id().to_uppercase());
    scene.fails(&["sign", "the-statement"]);
    scene.fails(&["names", &upper]);
    scene.fails(&["group", "show", &short]);
    scene.fails(&["verify", "file", "--fingerprint", &short]);
    scene.fails(&["statement", "list", "--fingerprint", "ABC"]);
    scene.fails(&["statement", "list", "--from-invitation"]);
    scene.is_golden("network-ids");
}

#[test]
fn what_was_remembered_and_is_damaged_says_so() {
    let mut scene = Scene::new();
    scene.write("me/nodes.json", "{");
    scene.fails(&["--home", "me", "node", "status"]);
    scene.write("you/pin.json", "{}");
    scene.fails(&["--home", "you", "group", "show"]);
    scene.write(
        "they/pin.json",
        format!("{{\"fingerprint\":\"{}\",\"origin\":\"given\"}}", id()),
    );
    scene.fails(&["--home", "they", "group", "show"]);
    scene.is_golden("network-damaged");
}
