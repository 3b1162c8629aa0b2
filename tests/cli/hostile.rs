//! A coordinator who shows one ceremony and then another, to contributors who remember what they saw.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::ceremony::{Serving, TIMES, contribute, cube, new};
use crate::scene::{Scene, tacit, text};

/// The two files that say which ceremony it is and what happened so far.
const SHOWN: [&str; 2] = ["ceremony.bin", "transcript.bin"];

/// What it shows, and to whom.
struct Lies {
    /// Published files come from here at first,
    first: PathBuf,
    /// and from here as soon as this holds of all that it was asked.
    second: PathBuf,
    turns: fn(&[String]) -> bool,
    /// The transcript's digest, as it says at a turn.
    head: String,
}

/// A coordinator who gives everybody the turn at once, and takes nothing.
struct Hostile {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    /// Answers until the test's process ends.
    fn start(lies: Lies) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who hangs up is no matter here.
                let _ = lies.answer(stream, &log);
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lies {
    fn answer(&self, stream: TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line)?;
        let call = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        let answer = {
            let mut asked = log.lock().unwrap();
            asked.push(call.clone());
            self.says(&call, &asked)
        };
        let (status, body) = match answer {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let stream = reader.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }

    fn says(&self, call: &str, asked: &[String]) -> Option<Vec<u8>> {
        let (path, query) = call.split_once('?').unwrap_or((call, ""));
        if path == "POST /v1/turns" {
            return Some(json!({ "ticket": "t" }).to_string().into());
        }
        if path == "GET /v1/turns/t" {
            let standing = json!({
                "state": "turn", "before": 0, "estimate": 0, "until": null,
                "received": [], "number": null, "reason": null, "head": self.head,
            });
            return Some(standing.to_string().into());
        }
        let name = path.strip_prefix("GET /v1/files/")?;
        let from = match (self.turns)(asked) {
            true => &self.second,
            false => &self.first,
        };
        let bytes = fs::read(from.join(name)).ok()?;
        let number = |field: &str| {
            let mut fields = query.split('&').filter_map(|f| f.split_once('='));
            fields.find(|f| f.0 == field)?.1.parse::<usize>().ok()
        };
        let start = number("offset").unwrap_or(0).min(bytes.len());
        let end = number("length").map_or(bytes.len(), |l| (start + l).min(bytes.len()));
        Some(bytes[start..end].to_vec())
    }
}

fn turn_was_asked_for(asked: &[String]) -> bool {
    asked.iter().any(|call| call.starts_with("POST /v1/turns"))
}

/// What `ceremony status` says of a folder.
fn status(scene: &Scene, folder: &str, field: &str) -> String {
    let status = scene.quietly(&["--json", "ceremony", "status", folder]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    status[field].as_str().unwrap().to_owned()
}

fn come(scene: &Scene, url: &str, more: &[&str]) -> Output {
    let call = ["--home", "dan", "--yes", "--json"];
    let come = ["ceremony", "contribute", url];
    tacit(&scene.path("."), &[&call[..], &come, more].concat())
}

/// The stable name of what went wrong.
fn code(output: &Output) -> String {
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", text(&output.stdout), text(&output.stderr)));
    said["error"]["code"].as_str().unwrap().to_owned()
}

/// What Dan keeps of a ceremony is what stands in a folder.
fn assert_kept(scene: &Scene, id: &str, folder: &str) {
    for name in SHOWN {
        let kept = fs::read(scene.path(&format!("dan/ceremonies/{id}/{name}"))).unwrap();
        let theirs = fs::read(scene.path(&format!("{folder}/{name}"))).unwrap();
        assert!(kept == theirs, "{name} is not {folder}'s");
    }
}

fn assert_nothing_was_made(hostile: &Hostile) {
    let asked = hostile.asked();
    let made = asked.iter().any(|call| {
        call.starts_with("GET /v1/files/powers/") || call.starts_with("POST /v1/turns/t/files")
    });
    assert!(!made, "{asked:#?}");
}

#[test]
fn who_shows_the_named_ceremony_first_and_then_another_gets_no_contribution_to_that() {
    let scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    scene.quietly(&new("other", "other", &TIMES));
    let named = status(&scene, "town", "ceremony");
    let hostile = Hostile::start(Lies {
        first: scene.path("town"),
        second: scene.path("other"),
        turns: |asked| asked.len() > SHOWN.len(),
        head: status(&scene, "other", "transcript"),
    });
    let refused = come(&scene, &hostile.url, &["--ceremony", &named]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(code(&refused), "other-ceremony");
    assert_nothing_was_made(&hostile);
    assert_kept(&scene, &named, "town");
}

#[test]
fn of_another_ceremony_than_the_named_one_nothing_is_fetched_but_its_rules() {
    let scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    let hostile = Hostile::start(Lies {
        first: scene.path("town"),
        second: scene.path("town"),
        turns: |_| false,
        head: String::new(),
    });
    let other = "0".repeat(64);
    let named = ["--ceremony", other.as_str()];
    let verify = [
        "--home",
        "dan",
        "--json",
        "ceremony",
        "verify",
        &hostile.url,
    ];
    let verified = tacit(&scene.path("."), &[&verify[..], &named].concat());
    assert_eq!(code(&verified), "other-ceremony");
    assert_eq!(code(&come(&scene, &hostile.url, &named)), "other-ceremony");
    let asked = hostile.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|call| call.contains("ceremony.bin")));
}

#[test]
fn a_fork_that_was_shown_at_a_turn_is_still_a_fork_in_the_next_run() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    scene.quietly(&new("town", "town", &TIMES));
    // The same ceremony, kept aside before anybody has contributed.
    for name in [
        SHOWN[0],
        SHOWN[1],
        "circuits/cube.r1cs",
        "powers/0000.ptau",
        "private/coordinator.key",
    ] {
        let bytes = fs::read(scene.path(&format!("town/{name}"))).unwrap();
        scene.write(&format!("fork/{name}"), bytes);
    }
    for folder in ["keys", "private/incoming"] {
        fs::create_dir_all(scene.path(&format!("fork/{folder}"))).unwrap();
    }
    for (folder, who) in [("town", "bob"), ("fork", "eve")] {
        let serving = Serving::start(&scene, folder);
        contribute(&mut scene, &serving.1, who, 1);
    }
    let id = status(&scene, "town", "ceremony");
    let hostile = Hostile::start(Lies {
        first: scene.path("town"),
        second: scene.path("fork"),
        turns: turn_was_asked_for,
        head: status(&scene, "fork", "transcript"),
    });
    for run in 1..=2 {
        let refused = come(&scene, &hostile.url, &[]);
        assert_eq!(refused.status.code(), Some(1), "run {run}");
        assert_eq!(code(&refused), "forked", "run {run}");
        assert_kept(&scene, &id, "town");
    }
    assert_nothing_was_made(&hostile);
}

#[test]
fn what_an_earlier_run_left_is_made_and_fetched_anew_when_phase_2_opens_at_the_turn() {
    let mut scene = Scene::new();
    scene.write("cube.r1cs", cube());
    let rehearsal = [&TIMES[..], &["--rehearsal", "--least", "2"]].concat();
    for (folder, people) in [("town", ["bob", "eve"]), ("other", ["cid", "fay"])] {
        scene.quietly(&new(folder, folder, &rehearsal));
        {
            let serving = Serving::start(&scene, folder);
            for who in people {
                contribute(&mut scene, &serving.1, who, 1);
            }
        }
        for name in SHOWN {
            let bytes = fs::read(scene.path(&format!("{folder}/{name}"))).unwrap();
            scene.write(&format!("{folder}-before/{name}"), bytes);
        }
        scene.quietly(&["ceremony", "beacon", folder]);
    }
    let id = status(&scene, "town", "ceremony");
    let names = ["keys/0000-cube.zkey", "circuits/cube.r1cs"];
    let theirs = fs::read(scene.path(&format!("other/{}", names[0]))).unwrap();
    scene.write(&format!("dan/ceremonies/{id}/{}", names[0]), theirs);
    let mut wrong = cube();
    // Another wire in the first row: as long, and another circuit.
    let at = wrong.len() - 5 * 8 - 12 - 36;
    wrong[at] ^= 1;
    scene.write(&format!("dan/ceremonies/{id}/{}", names[1]), wrong);
    let hostile = Hostile::start(Lies {
        first: scene.path("town-before"),
        second: scene.path("town"),
        turns: turn_was_asked_for,
        head: status(&scene, "town", "transcript"),
    });
    // It takes no upload: what is looked at here comes before that.
    let refused = come(&scene, &hostile.url, &[]);
    assert!(!refused.status.success());
    let asked = hostile.asked();
    assert!(
        asked
            .iter()
            .any(|c| c.starts_with("POST /v1/turns/t/files/0")),
        "{asked:#?}{}",
        text(&refused.stdout)
    );
    for name in names {
        let own = fs::read(scene.path(&format!("dan/ceremonies/{id}/{name}"))).unwrap();
        let right = fs::read(scene.path(&format!("town/{name}"))).unwrap();
        assert!(own == right, "{name}");
    }
}
