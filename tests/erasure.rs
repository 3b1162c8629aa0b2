//! What is left after an erasure, and what a thief can do with it.
//!
//! A committee of real processes; the thief has a node's whole folder, its long-term key and the whole
//! log, and runs the product's own way back to the share.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tacit_ledger::Ledger;
use tacit_node::home::Home;
use tacit_node::reconcile::{Host, secrets};
use tacit_protocol::field::scalar_to_bytes;
use tacit_protocol::ids::StatementId;
use tacit_vault::{HostDisk, OsRandom, SlotState, Vault, antiforensic};

const PATIENCE: Duration = Duration::from_secs(240);

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
    command.arg("--home").arg(home).args(args);
    command
}

fn call(home: &Path, args: &[&str]) -> Value {
    let output = command(home, &["--json", "--yes"])
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "tacit {args:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

struct Node(Child);

impl Node {
    fn start(home: &Path, log: &Path) -> Self {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let child = command(home, &["node", "run", "--exit-with-parent"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Asks it to stop, as an operator does, and waits.
    fn stop(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success(), "a node stops cleanly");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Never asked: a node that has a seed draws none.
struct NoHost;

impl Host for NoHost {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    async fn sleep_until(&self, _: SystemTime) {}

    fn fill_random(&mut self, _: &mut [u8]) {
        panic!("the way back to a share draws no randomness");
    }
}

/// The product's own way back to a share: the vault's seed and the log.
fn recover(home: &Home, ledger: &Ledger, vault: &Vault, id: &StatementId) -> Option<[u8; 32]> {
    let me = home.open().unwrap().node;
    let keygen = ledger.keygen(id).unwrap().unwrap();
    let found = secrets(&keygen, me, vault, &mut NoHost).unwrap();
    let share = found.here()?.recover(&keygen).ok()?;
    Some(scalar_to_bytes(share.expose().expose()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path))
        } else {
            all.push(path)
        }
    }
    all
}

/// The files under `folder` that hold `secret`, in either byte order.
fn found(folder: &Path, secret: &[u8]) -> Vec<PathBuf> {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        [secret, &reversed]
            .iter()
            .any(|s| bytes.windows(s.len()).any(|w| w == *s))
    };
    files(folder).into_iter().filter(holds).collect()
}

/// Stretches of a file to look for elsewhere: some dozen of 64 bytes, all over it, the last bytes too.
/// Stretches that say nothing, such as zeros, are left out.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let step = (bytes.len() / 12).max(64);
    let last = bytes.len().saturating_sub(64);
    let starts = (0..last).step_by(step).chain([last]);
    starts
        .filter_map(|at| bytes.get(at..(at + 64).min(bytes.len())))
        .filter(|piece| piece.len() >= 32 && piece.iter().collect::<BTreeSet<_>>().len() > 16)
        .map(<[u8]>::to_vec)
}

#[test]
fn after_the_deadline_a_thief_of_everything_can_open_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let roster = folder.path().join("roster.csv");
    fs::write(&roster, "name\nAda\nBela\nChidi\n").unwrap();
    // The demo makes the committee and the members, and leaves their folders.
    let told = call(
        folder.path(),
        &[
            "demo",
            "--keep",
            "--roster",
            roster.to_str().unwrap(),
            "--trigger",
            "count >= 2",
            "--deadline",
            "20",
            "--dir",
            dir.to_str().unwrap(),
        ],
    );
    assert_eq!(told["statements"].as_array().unwrap().len(), 2);

    // It goes on from there: the nodes start again, and a third statement is signed once of twice.
    let home = |i: usize| dir.join("nodes").join(i.to_string());
    let log = |i: usize| dir.join("nodes").join(format!("{i}.log"));
    let mut nodes: Vec<Option<Node>> = (0..4)
        .map(|i| Some(Node::start(&home(i), &log(i))))
        .collect();
    let creator = dir.join("people").join("creator");
    let urls = until("a quorum", || {
        let ready = command(&creator, &["--json", "node", "status"])
            .output()
            .unwrap();
        let rows: Value = serde_json::from_slice(&ready.stdout).unwrap_or(Value::Null);
        let rows = rows.as_array()?;
        let url = |row: &Value| Some(row["node"].as_str()?.to_string());
        let all = rows.iter().all(|r| r["ready"] == true);
        all.then(|| rows.iter().filter_map(url).collect::<Vec<_>>())
    });
    let text = folder.path().join("text.txt");
    fs::File::create(&text)
        .unwrap()
        .write_all(b"A third statement")
        .unwrap();
    let groups = call(&creator, &["group", "show"]);
    let group = groups
        .pointer("/0/id")
        .or_else(|| groups.pointer("/groups/0/id"))
        .unwrap();
    let made = call(
        &creator,
        &[
            "statement",
            "new",
            "--group",
            group.as_str().unwrap(),
            "--text-file",
            text.to_str().unwrap(),
            "--trigger",
            "count >= 2",
            "--deadline",
            "+100s",
            "--wait",
        ],
    );
    let id = made["id"].as_str().unwrap();
    let statement = StatementId::from_hex(id).unwrap();
    let passphrase = dir.join("members").join("0").join("passphrase");
    call(
        &dir.join("members").join("0"),
        &[
            "sign",
            id,
            "--passphrase-file",
            passphrase.to_str().unwrap(),
        ],
    );
    for url in &urls {
        until("every node's counting", || {
            let shown = command(
                &creator,
                &["--json", "statement", "show", id, "--node", url],
            )
            .output()
            .unwrap();
            let shown: Value = serde_json::from_slice(&shown.stdout).ok()?;
            (shown["count"] == 1).then_some(())
        });
    }

    // Before the deadline the thief takes node 0's folder: everything is there.
    nodes[0].take().unwrap().stop();
    let node = Home::new(home(0));
    let founding = node.open().unwrap().founding.founding;
    let (seed, share, body, wrapping_key) = {
        let vault = Vault::open(node.erasable(), Arc::new(HostDisk), Box::new(OsRandom)).unwrap();
        let ledger = Ledger::open(&node.database(), founding.clone()).unwrap();
        let share = recover(&node, &ledger, &vault, &statement)
            .expect("before the erasure the share is there");
        let seed = vault
            .get_secret(&statement, "dkg-seed/0")
            .unwrap()
            .expect("so is the seed");
        let ct = *vault.cts(&statement).first().expect("and the sealed body");
        let body = vault
            .get_body(&statement, &ct)
            .unwrap()
            .expect("in full")
            .as_ref()
            .to_vec();
        let key_file = node.erasable().join("keys").join(format!("{id}.key"));
        let bytes = fs::read(key_file).unwrap();
        let mut wrapping_key = [0u8; 32];
        assert!(antiforensic::merge(
            &bytes[..antiforensic::REGION],
            &mut wrapping_key
        ));
        (seed.as_ref().to_vec(), share, body, wrapping_key)
    };
    // What lies on the disk of all this: the wrapping key's stripes, and what is sealed under it. A search
    // after the erasure says something only if the same search finds them now, in files of every kind.
    let sealed: Vec<(PathBuf, Vec<u8>)> = files(&node.erasable())
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(id))
        .flat_map(|path| {
            pieces(&fs::read(&path).unwrap())
                .map(move |piece| (path.clone(), piece))
                .collect::<Vec<_>>()
        })
        .collect();
    for folder in ["keys", "secrets", "sealed"] {
        let folder = node.erasable().join(folder);
        assert!(
            sealed.iter().any(|(path, _)| path.starts_with(&folder)),
            "something lies in {}",
            folder.display()
        );
    }
    for (path, piece) in &sealed {
        assert_eq!(
            found(&home(0), piece),
            std::slice::from_ref(path),
            "found before"
        );
    }
    // The database, its write-ahead log and the engine's storage are searched as well: the counted
    // signature's nullifier lies in each and stays.
    let nullifier = {
        let ledger = Ledger::open(&node.database(), founding.clone()).unwrap();
        ledger.signatures(&statement).unwrap()[0]
            .nullifier
            .to_le_bytes()
    };
    let public = found(&home(0), &nullifier);
    for place in [node.database(), node.engine()] {
        let place = place.to_string_lossy().into_owned();
        let holds = |path: &PathBuf| path.to_string_lossy().starts_with(&place);
        assert!(public.iter().any(holds), "the search reads {place}");
    }

    // The node comes back, the deadline passes, the nodes erase and attest.
    nodes[0] = Some(Node::start(&home(0), &log(0)));
    until("the erasure", || {
        let shown = command(&creator, &["--json", "statement", "show", id])
            .output()
            .unwrap();
        let shown: Value = serde_json::from_slice(&shown.stdout).ok()?;
        (shown["status"] == "erased").then_some(())
    });
    // `erased` takes three of four attestations: node 0's own may be the last.
    until("node 0's own erasure", || {
        let log = fs::read_to_string(log(0)).unwrap();
        let mut lines = log.lines();
        lines
            .any(|l| l.contains(id) && l.contains("erased"))
            .then_some(())
    });
    for node in nodes.into_iter().flatten() {
        node.stop();
    }

    // The thief takes the folder again: no file holds any of it, in either byte order.
    for (what, secret) in [
        ("seed", &seed[..]),
        ("share", &share),
        ("wrapping key", &wrapping_key),
        ("body", &body[..64]),
        ("payload", &body[body.len() - 64..]),
    ] {
        assert_eq!(found(&home(0), secret), Vec::<PathBuf>::new(), "{what}");
    }
    for (path, piece) in &sealed {
        assert_eq!(
            found(&home(0), piece),
            Vec::<PathBuf>::new(),
            "of {}",
            path.display()
        );
    }
    // And the product's own way back, with the whole log and the long-term key, leads nowhere.
    let vault = Vault::open(node.erasable(), Arc::new(HostDisk), Box::new(OsRandom)).unwrap();
    let ledger = Ledger::open(&node.database(), founding).unwrap();
    assert!(matches!(vault.state(&statement), SlotState::Erased(_)));
    assert_eq!(recover(&node, &ledger, &vault, &statement), None);
}
