//! Contributors in bad weather: networks that break, coordinators that are busy or started again. None of it
//! costs a turn or a contribution.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ceremony::{Serving, TIMES, contribute, cube, new};
use crate::scene::{Scene, command, tacit, text};

/// What happens to a call.
#[derive(Clone, Copy)]
enum Weather {
    Fine,
    /// Answered with this status, by whom else than the coordinator.
    Status(u16),
    /// It arrives, and the answer doesn't.
    Lost,
}

/// What happens to a call, by all calls so far, this one last.
type Forecast = fn(&[String]) -> Weather;

/// A way to a coordinator.
struct Way {
    url: String,
    to: Arc<Mutex<String>>,
    forecast: Arc<Mutex<Forecast>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Way {
    /// Lasts until the test's process ends.
    fn to(serving: &Serving, forecast: Forecast) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            to: Arc::new(Mutex::new(address(serving))),
            forecast: Arc::new(Mutex::new(forecast)),
            asked: Arc::default(),
        };
        let (to, forecast, asked) = (way.to.clone(), way.forecast.clone(), way.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, forecast, asked) = (to.clone(), forecast.clone(), asked.clone());
                // Who hangs up is no matter here.
                std::thread::spawn(move || drop(pass(stream, &to, &forecast, &asked)));
            }
        });
        way
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn times(&self, what: &str) -> usize {
        self.asked().iter().filter(|a| a.contains(what)).count()
    }

    fn wait_for(&self, what: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.times(what) == 0 {
            assert!(Instant::now() < until, "nobody asked for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn address(serving: &Serving) -> String {
    serving.1.strip_prefix("http://").unwrap().to_owned()
}

fn pass(
    stream: TcpStream,
    to: &Mutex<String>,
    forecast: &Mutex<Forecast>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length, mut first) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if first.is_empty() {
            first = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head += &line;
        }
    }
    head += "connection: close\r\n\r\n";
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let weather = {
        let mut asked = asked.lock().unwrap();
        asked.push(first);
        let forecast = *forecast.lock().unwrap();
        forecast(&asked)
    };
    let mut stream = reader.into_inner();
    if let Weather::Status(status) = weather {
        let head =
            format!("HTTP/1.1 {status} Bad\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return stream.write_all(head.as_bytes());
    }
    let to = to.lock().unwrap().clone();
    let mut there = TcpStream::connect(to)?;
    there.write_all(head.as_bytes())?;
    there.write_all(&body)?;
    let mut answer = Vec::new();
    there.read_to_end(&mut answer)?;
    match weather {
        Weather::Lost => Ok(()),
        _ => stream.write_all(&answer),
    }
}

/// Without tickets and places in files: the same call again is the same text.
fn kind(call: &str) -> String {
    let call = call.split('?').next().unwrap_or("");
    let mut parts: Vec<&str> = call.split('/').collect();
    if parts.get(2) == Some(&"turns") && parts.len() > 3 {
        parts[3] = "T";
    }
    parts.join("/")
}

fn come(scene: &Scene, who: &str, url: &str, more: &[&str]) -> Child {
    let call = ["--home", who, "--yes", "--json", "ceremony", "contribute"];
    command(&scene.path("."), &[&call[..], &[url], more].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn accepted(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}{}", text(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The kinds of all entries of a ceremony.
fn entries(scene: &Scene, folder: &str) -> Vec<(String, Option<String>)> {
    let status = scene.quietly(&["--json", "ceremony", "status", folder]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let entry = |e: &Value| {
        let label = e["label"].as_str().map(str::to_owned);
        (e["kind"].as_str().unwrap().to_owned(), label)
    };
    status["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(entry)
        .collect()
}

fn town() -> Scene {
    let scene = Scene::new();
    scene.write("cube.r1cs", cube());
    let rehearsal = [&TIMES[..], &["--rehearsal"]].concat();
    scene.quietly(&new("town", "town", &rehearsal));
    scene
}

fn entry_is_lost(asked: &[String]) -> Weather {
    match asked.last() {
        Some(call) if call.ends_with("/entry") => Weather::Status(503),
        _ => Weather::Fine,
    }
}

#[test]
fn every_call_fails_once_and_the_contribution_is_accepted_all_the_same() {
    let forecasts: [Forecast; 3] = [
        |asked| first_time(asked, Weather::Status(503)),
        |asked| first_time(asked, Weather::Lost),
        |asked| first_time(asked, Weather::Status(408)),
    ];
    for forecast in forecasts {
        let scene = town();
        let serving = Serving::start(&scene, "town");
        let way = Way::to(&serving, forecast);
        let said = accepted(come(&scene, "ada", &way.url, &["--label", "ada"]));
        assert_eq!(said["number"], 1);
        assert_eq!(way.times("/leave"), 0, "{:#?}", way.asked());
        let ada = ("contribution".to_owned(), Some("ada".to_owned()));
        assert_eq!(entries(&scene, "town"), [ada]);
    }
}

/// Each call but those that say which ceremony it is: somebody at a wrong address is told at once.
fn first_time(asked: &[String], weather: Weather) -> Weather {
    let last = kind(asked.last().unwrap());
    let new = asked.iter().filter(|call| kind(call) == last).count() == 1;
    if new && !last.ends_with(".bin") {
        weather
    } else {
        Weather::Fine
    }
}

#[test]
fn a_coordinator_that_is_started_again_finds_its_contributor_with_the_same_contribution() {
    let scene = town();
    let serving = Serving::start(&scene, "town");
    let way = Way::to(&serving, entry_is_lost);
    let ada = come(&scene, "ada", &way.url, &[]);
    way.wait_for("/entry");
    let own = || {
        let ceremonies = fs::read_dir(scene.path("ada/ceremonies"))
            .unwrap()
            .flatten();
        let mut own = ceremonies
            .map(|c| c.path().join("own"))
            .filter(|own| own.exists());
        let made = fs::read_dir(own.next().unwrap()).unwrap().flatten().next();
        fs::read(made.unwrap().path().join("0001.ptau")).unwrap()
    };
    let made = own();
    drop(serving);
    let serving = Serving::start(&scene, "town");
    *way.to.lock().unwrap() = address(&serving);
    *way.forecast.lock().unwrap() = |_| Weather::Fine;
    accepted(ada);
    assert!(fs::read(scene.path("town/powers/0001.ptau")).unwrap() == made);
    assert_eq!(
        way.times("POST /v1/turns/"),
        way.times("/files/0") + way.times("/entry")
    );
    assert_eq!(entries(&scene, "town").len(), 1);
}

#[test]
fn who_waits_when_a_coordinator_is_started_again_waits_again_and_everybody_gets_a_turn() {
    let scene = town();
    let serving = Serving::start(&scene, "town");
    let way = Way::to(&serving, entry_is_lost);
    let people = ["ada", "bob", "cid"].map(|who| come(&scene, who, &way.url, &[]));
    way.wait_for("/entry");
    let until = Instant::now() + Duration::from_secs(60);
    while way.times("POST /v1/turns") - way.times("POST /v1/turns/") < people.len() {
        assert!(Instant::now() < until, "not everybody came");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(serving);
    let serving = Serving::start(&scene, "town");
    *way.to.lock().unwrap() = address(&serving);
    *way.forecast.lock().unwrap() = |_| Weather::Fine;
    let mut numbers = people.map(|person| accepted(person)["number"].as_u64());
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
    assert_eq!(way.times("/leave"), 0);
    assert_eq!(entries(&scene, "town").len(), 3);
}

#[test]
fn who_is_refused_for_good_ends_and_leaves_so_that_others_get_on() {
    let scene = town();
    let serving = Serving::start(&scene, "town");
    let way = Way::to(&serving, |asked| match asked.last() {
        Some(call) if call.contains("/files/0") => Weather::Status(403),
        _ => Weather::Fine,
    });
    let output = come(&scene, "ada", &way.url, &[])
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!((way.times("/files/0"), way.times("/leave")), (1, 1));
    accepted(come(&scene, "bob", &serving.1, &[]));
    assert_eq!(entries(&scene, "town").len(), 1);
}

#[test]
fn a_label_that_was_withdrawn_between_two_runs_is_not_published() {
    let scene = town();
    let serving = Serving::start(&scene, "town");
    let way = Way::to(&serving, entry_is_lost);
    let mut ada = come(&scene, "ada", &way.url, &["--label", "Ada Lovelace"]);
    way.wait_for("/entry");
    ada.kill().unwrap();
    ada.wait().unwrap();
    *way.forecast.lock().unwrap() = |_| Weather::Fine;
    accepted(come(&scene, "ada", &way.url, &[]));
    assert_eq!(entries(&scene, "town"), [("contribution".to_owned(), None)]);
}

#[test]
fn who_is_interrupted_leaves_the_queue_and_others_get_on() {
    let scene = town();
    let serving = Serving::start(&scene, "town");
    let way = Way::to(&serving, entry_is_lost);
    let ada = come(&scene, "ada", &way.url, &[]);
    way.wait_for("/entry");
    let pid = ada.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = ada.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(way.times("/leave"), 1);
    accepted(come(&scene, "bob", &serving.1, &[]));
    assert_eq!(entries(&scene, "town").len(), 1);
}

#[test]
fn an_attestation_is_had_again_when_the_phase_has_ended_and_takes_no_other_files_place() {
    let mut scene = town();
    let serving = Serving::start(&scene, "town");
    contribute(&mut scene, &serving.1, "ada", 1);
    for who in ["bob", "cid"] {
        contribute(&mut scene, &serving.1, who, 1);
    }
    scene.quietly(&["ceremony", "beacon", "town"]);
    let first = fs::read(scene.path("ada-1.json")).unwrap();
    let call = [
        "--home",
        "ada",
        "--yes",
        "--json",
        "ceremony",
        "contribute",
        &serving.1,
    ];
    let to = |file| {
        tacit(
            &scene.path("."),
            &[&call[..], &["--attestation", file]].concat(),
        )
    };
    let refused = to("ada-1.json");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stdout).contains("\"exists\""));
    assert!(fs::read(scene.path("ada-1.json")).unwrap() == first);
    // As if the first one had never been saved.
    fs::remove_file(scene.path("ada-1.json")).unwrap();
    let ceremonies = fs::read_dir(scene.path("ada/ceremonies"))
        .unwrap()
        .flatten();
    let kept = ceremonies
        .map(|c| c.path().join("attestations"))
        .find(|a| a.exists());
    let kept = kept.unwrap().join("phase1-1.json");
    assert!(fs::read(&kept).unwrap() == first);
    fs::remove_file(&kept).unwrap();
    assert!(to("ada-2.json").status.success());
    assert!(fs::read(&kept).unwrap() == first);
    for who in ["bob", "cid"] {
        contribute(&mut scene, &serving.1, who, 2);
    }
    scene.quietly(&["ceremony", "beacon", "town"]);
    // The ceremony takes nothing more, and what was there in the meantime stays.
    let second = fs::read(scene.path("ada-2.json")).unwrap();
    scene.write("ada-2.json", "notes");
    let again = tacit(
        &scene.path("."),
        &[&call[..], &["--attestation", "ada-2.json"]].concat(),
    );
    assert!(again.status.success(), "{}", text(&again.stdout));
    let said: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(said["attestation"], "ada-2-2.json");
    assert!(fs::read(scene.path("ada-2-2.json")).unwrap() == second);
    assert_eq!(fs::read(scene.path("ada-2.json")).unwrap(), b"notes");
}
