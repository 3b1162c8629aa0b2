//! A node's metrics: off unless asked for, on this machine only, and about nobody.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::committee::{CARDS, fingerprint};
use crate::node::operators_scene;
use crate::scene::{Scene, command};

/// A node that runs until it is dropped, with the lines of its log up to a word.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(scene: &Scene, more: &[&str], until: &str) -> (Node, Vec<String>) {
    let mut args = vec!["--home", "op0", "node", "run", "--exit-with-parent"];
    args.extend(more);
    let mut child = command(&scene.path(""), &args)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = Vec::new();
    for line in log.by_ref() {
        let line = line.unwrap();
        let last = line.contains(until);
        lines.push(line);
        if last {
            break;
        }
    }
    std::thread::spawn(move || log.count());
    assert!(lines.iter().any(|l| l.contains(until)), "{lines:?}");
    (Node(child), lines)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The address after `name=` in a log.
fn address(lines: &[String], name: &str) -> String {
    let found = lines.iter().find_map(|l| l.split_once(&format!("{name}=")));
    found
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap()
        .to_string()
}

fn initialized() -> Scene {
    let scene = operators_scene();
    let mut init = vec![
        "--home",
        "op0",
        "node",
        "init",
        "--founding",
        "founding.bin",
        "--keys",
        "keys",
    ];
    init.extend(["--listen-api", "127.0.0.1:0", "--listen-p2p", "127.0.0.1:0"]);
    init.extend(CARDS.iter().flat_map(|card| ["--card", card]));
    scene.quietly(&init);
    scene
}

#[test]
fn metrics_are_for_the_operator_and_name_no_address_and_no_signature() {
    let scene = initialized();
    let (_node, lines) = start(&scene, &["--metrics", "127.0.0.1:0"], "metrics=");
    let answer = get(&address(&lines, "metrics"), "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(body.lines().count() > 20, "{body}");
    if let Ok(path) = std::env::var("TACIT_SHOW_METRICS") {
        std::fs::write(path, body).unwrap();
    }
    for told in ["127.0.0.1", "localhost", "nullifier", &fingerprint()] {
        assert!(!body.contains(told), "{told}: {body}");
    }
    // Nothing else is served there, and the API serves no metrics.
    let other = get(&address(&lines, "metrics"), "/v1/health");
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    let api = get(&address(&lines, "api"), "/metrics");
    assert!(api.starts_with("HTTP/1.1 404"), "{api}");
}

#[test]
fn without_the_option_there_are_no_metrics() {
    let scene = initialized();
    let (_node, lines) = start(&scene, &[], "api=");
    assert!(!lines.iter().any(|l| l.contains("metrics=")), "{lines:?}");
    let api = get(&address(&lines, "api"), "/metrics");
    assert!(api.starts_with("HTTP/1.1 404"), "{api}");
}
