//! The product's story, told by its own program over real sockets: a committee of four processes, three
//! registrars, members who sign in secret, a list that opens, and one that never will.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a demo may take to come to something.
const PATIENCE: Duration = Duration::from_secs(180);

fn tacit(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tacit"))
        .args(args)
        .output()
        .expect("the program starts")
}

/// All that a command said: with `--json`, errors are on stdout.
fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s));
    format!("{err}\n{out}")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("stdout is one JSON value ({e}):\n{}", said(output)))
}

fn verify(bundle: &str, fingerprint: &str) -> (Option<i32>, Value) {
    let output = tacit(&["--json", "verify", bundle, "--fingerprint", fingerprint]);
    (output.status.code(), json(&output))
}

const ROSTER: &str = "\
name,contact,senators
Ada,ada@example.org,yes
Bela,bela@example.org,
\"Chidi, the elder\",chidi@example.org,1
Dora,,
Emeka,emeka@example.org,no
Fatou,fatou@example.org,true
Goran,goran@example.org,
";

#[test]
fn a_committee_counts_in_secret_opens_at_the_trigger_and_erases_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let roster = folder.path().join("roster.csv");
    fs::write(&roster, ROSTER).unwrap();
    let dir = folder.path().join("demo");

    // A stranger's own roster, trigger and number of signers; four nodes, one of which is killed before the
    // list opens.
    let logs: Vec<_> = (0..4)
        .map(|i| {
            let kept = folder.path().join(format!("{i}.log"));
            (dir.join(format!("nodes/{i}.log")), kept)
        })
        .collect();
    let output = thread::scope(|scope| {
        scope.spawn(|| keep_logs(&logs));
        tacit(&[
            "--json",
            "demo",
            "--roster",
            roster.to_str().unwrap(),
            "--trigger",
            "count >= 4 and count(senators) >= 2",
            "--signers",
            "5",
            "--deadline",
            "45",
            "--dir",
            dir.to_str().unwrap(),
        ])
    });
    let story = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}", said(&output));
    one_node_was_killed_before_the_list_opened(&logs, &story);
    let told = json(&output);
    let fingerprint = told["fingerprint"].as_str().unwrap();
    let [revealed, erased] = told["statements"].as_array().unwrap().as_slice() else {
        panic!("two statements: {told}")
    };

    // The opened list is the list of those who signed, and nobody else.
    assert_eq!(revealed["status"], "revealed");
    assert_eq!(revealed["count"], 5);
    assert_eq!(revealed["names"], revealed["signers"]);
    assert_eq!(revealed["names"].as_array().unwrap().len(), 5);

    // The other one stayed one short: it was counted, and nobody will ever learn who signed.
    assert_eq!(erased["status"], "erased");
    assert_eq!(erased["count"], 4);
    assert_eq!(erased["signers"].as_array().unwrap().len(), 4);
    assert_eq!(erased["names"].as_array().unwrap().len(), 0);

    // Both hold offline, with nothing but the file and the fingerprint.
    for statement in [revealed, erased] {
        let bundle = statement["bundle"].as_str().unwrap();
        let (code, report) = verify(bundle, fingerprint);
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["ok"], true);
        // Under another committee's fingerprint nothing holds.
        let (code, report) = verify(bundle, &"0".repeat(64));
        assert_eq!(code, Some(1), "{report}");
        assert_eq!(report["ok"], false);
        // Nor with any byte changed.
        let bytes = fs::read(bundle).unwrap();
        let changed = folder.path().join("changed.bundle");
        for at in [0, 20, bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            fs::write(&changed, bytes).unwrap();
            let (code, report) = verify(changed.to_str().unwrap(), fingerprint);
            assert_eq!(code, Some(1), "byte {at}: {report}");
        }
    }
    // Nobody's name is in the erased statement's file, contacts are in neither.
    let erased_bytes = fs::read(erased["bundle"].as_str().unwrap()).unwrap();
    let revealed_bytes = fs::read(revealed["bundle"].as_str().unwrap()).unwrap();
    for secret in ["Ada", "Bela", "Chidi"] {
        assert!(!contains(&erased_bytes, secret.as_bytes()), "{secret}");
    }
    assert!(!contains(&revealed_bytes, b"example.org"));

    // The demo leaves its two bundles and nothing else.
    let left: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// Gives each log a second name as soon as it is there: the demo removes its folders at the end.
fn keep_logs(logs: &[(PathBuf, PathBuf)]) {
    let until = Instant::now() + PATIENCE;
    for (log, kept) in logs {
        while fs::hard_link(log, kept).is_err() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// By the nodes' own logs, whatever the story says: one of them stopped without a word before anybody erased
/// what opened the list, and came back; the others ran on.
fn one_node_was_killed_before_the_list_opened(logs: &[(PathBuf, PathBuf)], story: &str) {
    let lives = logs.iter().map(|(_, kept)| {
        let log = fs::read_to_string(kept).unwrap();
        let lives = log.split(" starting ").skip(1);
        lives.map(str::to_string).collect::<Vec<_>>()
    });
    let (killed, ran_on): (Vec<_>, Vec<_>) = lives.partition(|lives| lives.len() > 1);
    let [killed] = killed.as_slice() else {
        panic!("one node started again: {killed:?}")
    };
    let [first, second] = killed.as_slice() else {
        panic!("it started twice: {killed:?}")
    };
    assert!(first.contains("listening"), "{first}");
    assert!(!first.contains("stopping"), "{first}");
    assert!(!first.contains("erased"), "the list was open: {first}");
    assert!(second.contains("erased") && second.contains("stopped"));
    assert_eq!(ran_on.len(), 3);
    for lives in ran_on {
        assert!(lives.iter().all(|life| life.contains("erased")));
    }
    let at = |text: &str| {
        story
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {story}"))
    };
    assert!(at("4 have signed") < at("Node 3 loses power"));
    assert!(at("Node 3 loses power") < at("one more signature: the trigger is met"));
}

/// Processes of this machine whose command line names a folder.
#[cfg(target_os = "linux")]
fn processes_in(folder: &Path) -> Vec<String> {
    let name = folder.to_str().unwrap();
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let line = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(name).then_some(line)
    };
    fs::read_dir("/proc").unwrap().filter_map(of).collect()
}

/// Starts a demo and waits until its members' folders hold identities with their passphrases.
#[cfg(target_os = "linux")]
fn demo_with_members(dir: &Path) -> Child {
    let demo = Command::new(env!("CARGO_BIN_EXE_tacit"))
        .args(["--json", "demo", "--dir", dir.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    while !dir.join("members/0/passphrase").exists() {
        assert!(Instant::now() < until, "no member was ever made");
        thread::sleep(Duration::from_millis(20));
    }
    demo
}

/// A node that nobody told to end.
#[cfg(target_os = "linux")]
#[test]
fn a_demo_whose_node_dies_names_it_at_once_and_keeps_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let demo = demo_with_members(&dir);
    let home = dir.join("nodes/2");
    let pids: Vec<i32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let is_it = line.contains(&format!("{} node run", home.display()));
            is_it.then(|| entry.file_name().to_str()?.parse().ok())?
        })
        .collect();
    let [pid] = pids.as_slice() else {
        panic!("node 2 is one process: {pids:?}")
    };
    let pid = rustix::process::Pid::from_raw(*pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();

    let killed = Instant::now();
    let output = demo.wait_with_output().unwrap();
    assert!(killed.elapsed() < Duration::from_secs(60));
    assert_eq!(output.status.code(), Some(1));
    let told = json(&output);
    let said = |field: &str| told["error"][field].as_str().unwrap();
    assert_eq!(said("code"), "service-ended");
    let problem = said("problem");
    assert!(
        problem.starts_with("node 2 ended by itself (signal: 9"),
        "{problem}"
    );
    assert!(problem.contains(" INFO "), "its log: {problem}");
    let log = dir.canonicalize().unwrap().join("nodes/2.log");
    assert!(log.exists() && said("advice").contains(log.to_str().unwrap()));
    assert_eq!(processes_in(&dir), Vec::<String>::new());
}

/// Ctrl-C, or the system's shutdown, in the middle of the story.
#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_stopped_leaves_no_process_and_no_secret() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("demo");
        let demo = demo_with_members(&dir);
        let running = processes_in(&dir);
        assert!(running.len() >= 7, "4 nodes and 3 registrars: {running:?}");

        let pid = rustix::process::Pid::from_child(&demo);
        rustix::process::kill_process(pid, signal).unwrap();
        let output = demo.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert_eq!(json(&output)["error"]["code"], "interrupted");
        assert_eq!(processes_in(&dir), Vec::<String>::new());
        let left: Vec<_> = fs::read_dir(&dir).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

#[test]
fn what_cannot_be_demonstrated_is_refused_with_a_problem_and_advice() {
    let folder = tempfile::tempdir().unwrap();
    let bad_roster = folder.path().join("bad.csv");
    fs::write(&bad_roster, "name\nAda\nAda\n").unwrap();
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("file"), "x").unwrap();
    let path = |p: &Path| p.to_str().unwrap().to_string();
    let cases: Vec<(Vec<String>, &str)> = vec![
        (vec!["--nodes".into(), "3".into()], "nodes"),
        (vec!["--trigger".into(), "count < 3".into()], "trigger"),
        (
            vec!["--trigger".into(), "count(judges) >= 1".into()],
            "trigger",
        ),
        (vec!["--trigger".into(), "count >= 31".into()], "trigger"),
        (vec!["--signers".into(), "31".into()], "too-many-signers"),
        (vec!["--signers".into(), "2".into()], "too-few-signers"),
        (
            ["--signers", "8", "--trigger", "count >= 3"]
                .map(String::from)
                .to_vec(),
            "too-many-signers",
        ),
        (vec!["--roster".into(), path(&bad_roster)], "roster"),
        (vec!["--roster".into(), "/nowhere.csv".into()], "no-file"),
        (vec!["--statement".into(), "/nowhere.txt".into()], "no-file"),
        (vec!["--dir".into(), path(&full)], "not-empty"),
        (vec!["--deadline".into(), "0".into()], "deadline"),
    ];
    for (args, code) in cases {
        let mut all = vec!["--json", "demo"];
        all.extend(args.iter().map(String::as_str));
        let output = tacit(&all);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = &json(&output)["error"];
        assert_eq!(error["code"], code, "{args:?}: {error}");
        assert!(!error["problem"].as_str().unwrap().is_empty());
        assert!(
            !error["advice"].as_str().unwrap().is_empty(),
            "{args:?}: {error}"
        );
    }
}

#[test]
fn three_strangers_make_keys_in_seconds_and_each_finds_themselves_in_the_transcript() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let output = tacit(&[
        "--json",
        "demo",
        "--act",
        "ceremony",
        "--dir",
        dir.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let told = json(&output);
    let contributions = told["contributions"].as_array().unwrap();
    let mut places: Vec<_> = contributions
        .iter()
        .map(|c| (c["phase"].as_u64().unwrap(), c["number"].as_u64().unwrap()))
        .collect();
    places.sort_unstable();
    assert_eq!(places, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]);

    // What remains is public, and holds on anybody's machine, with each contributor's own attestation.
    for gone in ["people", "town/private"] {
        assert!(!dir.join(gone).exists(), "{gone}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(processes_in(&dir), Vec::<String>::new());
    let home = folder.path().join("doubter");
    let (home, town) = (home.to_str().unwrap(), told["folder"].as_str().unwrap());
    let id = told["ceremony"].as_str().unwrap();
    let mut args = vec!["--json", "--home", home, "ceremony", "verify", town];
    args.extend(["--ceremony", id]);
    for contribution in contributions {
        args.extend([
            "--attestation",
            contribution["attestation"].as_str().unwrap(),
        ]);
    }
    let report = json(&tacit(&args));
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["finished"], true);
    assert_eq!(report["transcript"], told["transcript"]);
    // One machine made them: nobody may take them for a real ceremony's.
    assert_eq!(
        (&report["rehearsal"], &told["rehearsal"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
}
