//! A person's session with the program, written down as they see it, and held to a golden text.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a command may take. All of these take a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder to work in, and what was typed and answered there.
pub struct Scene {
    folder: TempDir,
    text: String,
    hidden: Vec<(String, String)>,
}

impl Scene {
    /// An empty folder.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            text: String::new(),
            hidden: Vec::new(),
        }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Sets a file's permissions.
    pub fn chmod(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Says in the golden text what follows.
    pub fn note(&mut self, text: &str) {
        self.text.push_str(&format!("# {text}\n\n"));
    }

    /// A port that is written as PORT, since it is another one every time.
    pub fn hide_port(&mut self, port: u16) {
        self.hide(&format!(":{port}"), ":PORT");
    }

    /// Writes `to` where the program says `from`, which is another word every time.
    pub fn hide(&mut self, from: &str, to: &str) {
        self.hidden.push((from.into(), to.into()));
    }

    /// Runs a command that is not part of the text and must succeed.
    pub fn quietly(&self, args: &[&str]) -> Output {
        let output = tacit(self.folder.path(), args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        output
    }

    /// Runs a command that must succeed, and writes down what it says.
    pub fn works(&mut self, args: &[&str]) {
        let output = tacit(self.folder.path(), args);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {stderr}");
        self.record(args, &format!("{stdout}{stderr}"), "");
    }

    /// Runs a command that must fail, for a person and for a script. Both are told the same: the problem,
    /// then what to do, with the same exit code; the script on stdout as one JSON value, with a stable name.
    pub fn fails(&mut self, args: &[&str]) {
        let human = tacit(self.folder.path(), args);
        let mut for_script = vec!["--json"];
        for_script.extend(args);
        let script = tacit(self.folder.path(), &for_script);

        let shown = text(&human.stderr);
        let exit = human.status.code().expect("no signal ends it");
        assert_ne!(exit, 0, "{args:?} must fail, and says: {shown}");
        assert_eq!(
            text(&human.stdout),
            "",
            "{args:?}: a failure isn't a result"
        );
        let said: Value = serde_json::from_slice(&script.stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}: {}", text(&script.stdout)));
        assert_eq!(script.status.code(), Some(exit), "{args:?}");
        let field = |name: &str| {
            let value = said["error"][name].as_str();
            value.unwrap_or_else(|| panic!("{args:?}: no {name} in {said}"))
        };
        let (code, problem, advice) = (field("code"), field("problem"), field("advice"));
        assert!(
            !problem.is_empty() && !advice.is_empty(),
            "{args:?}: {said}"
        );
        if code == "usage" {
            assert!(shown.starts_with(&format!("error: {problem}\n")), "{shown}");
        } else {
            assert!(
                shown.ends_with(&format!("error: {problem}\n{advice}\n")),
                "{args:?}: {shown}\n{said}"
            );
        }
        self.record(args, &shown, &format!("(exit {exit}, \"{code}\")\n"));
    }

    /// Writes down a call and what it said.
    pub fn record(&mut self, args: &[&str], said: &str, end: &str) {
        let quoted: Vec<String> = args.iter().map(|a| quote(a)).collect();
        let call = format!("$ tacit {}\n{said}{end}\n", quoted.join(" "));
        self.text.push_str(&call);
    }

    /// The text, without what differs from run to run.
    pub fn text(&self) -> String {
        let mut text = self.text.clone();
        for path in [
            self.folder.path().canonicalize().unwrap().as_path(),
            self.folder.path(),
        ] {
            text = text.replace(path.to_str().unwrap(), "/folder");
        }
        for (from, to) in &self.hidden {
            text = text.replace(from, to);
        }
        without_ids(&text)
    }

    /// Holds the text to the golden one of that name.
    pub fn hold_golden(self, name: &str) {
        golden(name, &self.text());
    }
}

/// Holds a text to the golden one of that name, `tests/cli/snapshots/NAME.snap`.
pub fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Runs the program as somebody without a terminal, in a folder, with an environment of its own.
pub fn tacit(folder: &Path, args: &[&str]) -> Output {
    // Into files, so that a program that doesn't end can't fill a pipe and is ended here.
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut child = command(folder, args)
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap())
        .spawn()
        .expect("the program starts");
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{args:?} goes on and on");
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    Output {
        status,
        stdout: all(&mut out),
        stderr: all(&mut err),
    }
}

/// As [`tacit`], not yet started.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

fn all(file: &mut fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// What a program wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8")
}

fn quote(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+,=".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_string()
    } else {
        format!("'{arg}'")
    }
}

/// Every id, key and fingerprint (64 hex digits) becomes ID.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            run.push(c);
            continue;
        }
        out.push_str(if run.len() == 64 { "ID" } else { &run });
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}
