//! Commands that ask nodes, when there are none to ask.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::Value;

use crate::scene::{Scene, tacit, text};

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
    scene.hold_golden("network-unreachable");
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
    scene.hold_golden("network-addresses");
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
    scene.hold_golden("network-ids");
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
    scene.hold_golden("network-damaged");
}

/// A node that says of everything that it isn't ready.
fn node_that_is_not_ready() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let body = "{\"type\":\"urn:tacit:problem:not-ready\",\"title\":\"Not ready\",\"detail\":\"2 of 4 nodes are heard\"}";
            let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nconnection: close";
            let _ = client.read(&mut [0; 4096]);
            let _ = write!(
                client,
                "{head}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

#[test]
fn nodes_that_answer_and_are_not_ready_are_listed_with_exit_code_4() {
    let scene = Scene::new();
    let url = node_that_is_not_ready();
    let args = ["node", "status", "--node", &url, "--node", NOBODY];
    let people = tacit(&scene.path(""), &args);
    assert_eq!(people.status.code(), Some(4));
    let (shown, problem) = (text(&people.stdout), text(&people.stderr));
    assert!(shown.contains("2 of 4 nodes are heard"), "{shown}");
    assert!(shown.contains("0 of 2 nodes are ready."), "{shown}");
    assert!(shown.contains("Connection refused\n"), "{shown}");
    assert!(
        problem.starts_with("error: no node is ready\n"),
        "{problem}"
    );

    let script = tacit(&scene.path(""), &[&["--json"], &args[..]].concat());
    assert_eq!(script.status.code(), Some(4));
    let list: Value = serde_json::from_slice(&script.stdout).unwrap();
    let states = |i: usize| (list[i]["reached"].as_bool(), list[i]["ready"].as_bool());
    assert_eq!(states(0), (Some(true), Some(false)), "{list}");
    assert_eq!(states(1), (Some(false), Some(false)), "{list}");
}

#[test]
fn a_node_whose_log_stands_still_is_not_called_busy() {
    let mut scene = Scene::new();
    let url = node_that_is_not_ready();
    scene.hide(&url, "http://NODE");
    scene.fails(&["--yes", "statement", "list", "--node", &url]);
    scene.hold_golden("network-not-ready");
}

#[test]
fn a_list_is_printed_as_one_thing_or_the_other() {
    let scene = Scene::new();
    let id = id();
    for args in [
        ["--json", "names", &id, "--csv"],
        ["names", "--csv", &id, "--json"],
    ] {
        let output = tacit(&scene.path(""), &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["error"]["code"], "csv-and-json");
    }
}
