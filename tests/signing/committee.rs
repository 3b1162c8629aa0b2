//! One committee of real processes, and people who sign with the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(240);

/// The members, in the order of [`Committee::member`].
const ROSTER: &str = "name\nAda\nBela\nChidi\nDora\n";

/// All tests share it: making it is dear. Its nodes end with this process, whose pipes they hold.
static COMMITTEE: LazyLock<Committee> = LazyLock::new(Committee::start);

/// The running committee.
pub fn committee() -> &'static Committee {
    &COMMITTEE
}

pub struct Committee {
    dir: PathBuf,
    /// URLs of its nodes.
    pub nodes: Vec<String>,
    pub fingerprint: String,
    group: String,
    _processes: Vec<Child>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub json: Value,
    /// What people see beside it.
    pub stderr: String,
}

impl Said {
    /// Its result.
    pub fn ok(self) -> Value {
        assert_eq!(self.exit, 0, "{self:?}");
        self.json
    }

    /// Its failure: exit code and stable name, then problem and advice in one text.
    pub fn failed(self) -> (i32, String, String) {
        let text = |name: &str| {
            let text = self.json["error"][name].as_str();
            text.unwrap_or_else(|| panic!("no {name}: {self:?}"))
                .to_string()
        };
        let words = format!("{}\n{}", text("problem"), text("advice"));
        (self.exit, text("code"), words)
    }
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
    command.arg("--home").arg(home).args(args);
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn call(home: &Path, args: &[&str]) -> Said {
    let output = command(home, &["--json", "--yes"])
        .args(args)
        .output()
        .unwrap();
    Said {
        exit: output.status.code().expect("no signal ends it"),
        json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until `check` gives something.
pub fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl Committee {
    /// The demo makes it, with its members, and leaves their folders; its nodes are started again.
    fn start() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signing");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let roster = dir.join("roster.csv");
        fs::write(&roster, ROSTER).unwrap();
        let dir = dir.join("demo");
        let demo = [
            "demo",
            "--keep",
            "--roster",
            roster.to_str().unwrap(),
            "--trigger",
            "count >= 2",
            // Long enough for one signature on a machine that does other things too.
            "--deadline",
            "20",
            "--dir",
            dir.to_str().unwrap(),
        ];
        let told = call(&dir, &demo).ok();
        let processes = (0..4).map(|i| start_node(&dir, i)).collect();
        let creator = dir.join("people").join("creator");
        let status = until("a quorum", || {
            let rows = call(&creator, &["node", "status"]).json;
            let all = rows.as_array()?.iter().all(|r| r["ready"] == true);
            all.then_some(rows)
        });
        let url = |row: &Value| row["node"].as_str().unwrap().to_string();
        let groups = call(&creator, &["group", "show"]).ok();
        let group = groups[0]["id"].as_str().unwrap().to_string();
        Self {
            fingerprint: told["fingerprint"].as_str().unwrap().to_string(),
            nodes: status.as_array().unwrap().iter().map(url).collect(),
            group,
            dir,
            _processes: processes,
        }
    }

    /// A statement that takes signatures. Its text tells it from those of other tests.
    pub fn propose(&self, text: &str, trigger: &str, deadline: &str) -> String {
        let made = self.new_statement(text, trigger, deadline, &["--wait"]);
        assert_eq!(made["status"], "collecting");
        made["id"].as_str().unwrap().to_string()
    }

    /// A statement whose key isn't made yet.
    pub fn propose_without_waiting(&self, text: &str, trigger: &str, deadline: &str) -> String {
        let made = self.new_statement(text, trigger, deadline, &[]);
        made["id"].as_str().unwrap().to_string()
    }

    fn new_statement(&self, text: &str, trigger: &str, deadline: &str, more: &[&str]) -> Value {
        let file = self.dir.join(format!("{text}.txt"));
        fs::write(&file, text).unwrap();
        let mut args = vec![
            "statement",
            "new",
            "--group",
            &self.group,
            "--text-file",
            file.to_str().unwrap(),
            "--trigger",
            trigger,
            "--deadline",
            deadline,
        ];
        args.extend(more);
        call(&self.dir.join("people").join("creator"), &args).ok()
    }

    /// A member with a folder that only the test of this name uses.
    pub fn member(&self, number: usize, test: &str) -> Person {
        let home = self.dir.join("members").join(number.to_string());
        Person { home }.copy(&self.dir.join(test).join(number.to_string()))
    }

    /// Somebody's folder that doesn't exist yet.
    pub fn stranger(&self, test: &str) -> Person {
        Person {
            home: self.dir.join(test).join("stranger"),
        }
    }

    /// How a statement stands, by this node.
    fn show(&self, id: &str, node: &str) -> Option<Value> {
        let creator = self.dir.join("people").join("creator");
        let said = call(&creator, &["statement", "show", id, "--node", node]);
        // It may not know of it yet.
        (said.exit == 0).then_some(said.json)
    }

    /// Waits until a statement stands so by every node: none lags any more.
    pub fn wait_for(&self, id: &str, status: &str) {
        for node in &self.nodes {
            until(status, || {
                (self.show(id, node)?["status"] == status).then_some(())
            });
        }
    }

    /// So many have signed, by every node, and no more.
    pub fn has_counted(&self, id: &str, number: u64) {
        for node in &self.nodes {
            let count = until("counting", || {
                let count = self.show(id, node)?["count"].as_u64()?;
                (count >= number).then_some(count)
            });
            assert_eq!(count, number, "{node}");
        }
    }
}

fn start_node(dir: &Path, i: usize) -> Child {
    let home = dir.join("nodes").join(i.to_string());
    let log = fs::File::create(dir.join("nodes").join(format!("{i}.later.log"))).unwrap();
    command(&home, &["node", "run", "--exit-with-parent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A person and their folder.
pub struct Person {
    pub home: PathBuf,
}

impl Person {
    /// The same person on another device, or from a backup.
    pub fn copy(&self, to: &Path) -> Self {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(&self.home).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        Self {
            home: to.to_path_buf(),
        }
    }

    /// A backup of this moment.
    pub fn back_up(&self) -> Self {
        self.copy(&self.home.with_extension("backup"))
    }

    pub fn call(&self, args: &[&str]) -> Said {
        call(&self.home, args)
    }

    /// What a person reads who calls this and has it done.
    pub fn read(&self, args: &[&str]) -> String {
        self.read_until(0, args)
    }

    /// What a person reads who calls this, which ends with this exit code.
    pub fn read_until(&self, exit: i32, args: &[&str]) -> String {
        let output = command(&self.home, args).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Signs, by way of `node` if it is given.
    pub fn sign(&self, id: &str, node: Option<&str>) -> Said {
        let nodes: Vec<&str> = node.into_iter().collect();
        self.sign_by(id, &nodes)
    }

    /// Signs, by way of these nodes.
    pub fn sign_by(&self, id: &str, nodes: &[&str]) -> Said {
        let passphrase = self.home.join("passphrase");
        let mut args = self.sign_args(id, passphrase.to_str().unwrap());
        args.extend(nodes.iter().flat_map(|node| ["--node", node]));
        self.call(&args)
    }

    fn sign_args<'a>(&self, id: &'a str, passphrase: &'a str) -> Vec<&'a str> {
        vec!["sign", id, "--passphrase-file", passphrase]
    }

    /// Begins to sign by way of `node`, as a process that can be killed.
    pub fn begin_to_sign(&self, id: &str, node: &str) -> Child {
        let passphrase = self.home.join("passphrase");
        command(&self.home, &["--json", "--yes"])
            .args(self.sign_args(id, passphrase.to_str().unwrap()))
            .args(["--node", node])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The nodes that this folder remembers.
    pub fn remembered(&self) -> String {
        fs::read_to_string(self.home.join("nodes.json")).unwrap_or_default()
    }
}

/// Unix time in milliseconds.
pub fn now_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    since.as_millis() as u64
}
