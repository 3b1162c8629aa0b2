//! The endpoint over real sockets, spoken to byte by byte.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::semaphore::Identity;
use tokio::sync::oneshot;

use super::{Listen, ServeError, Server, TlsFiles};
use crate::limits::HttpLimits;
use crate::registrar::testing::*;
use crate::registrar::{Attested, Registrar};
use crate::wire::{AttestRequest, AttestedView};

const TOWN: &str = "name,contact,senators\nAda,ada@x,1\nBob,,0\n";

fn quick() -> HttpLimits {
    HttpLimits {
        head_time: Duration::from_millis(300),
        request_time: Duration::from_millis(600),
        handshake_time: Duration::from_millis(300),
        drain_time: Duration::from_millis(500),
        ..HttpLimits::default()
    }
}

fn loopback() -> Listen {
    Listen {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        behind_proxy: false,
    }
}

/// A registrar that serves on a thread until it is dropped.
struct Running {
    folder: tempfile::TempDir,
    registrar: Arc<Registrar>,
    group: GroupDefinition,
    codes: std::collections::BTreeMap<String, String>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn run(limits: HttpLimits, listen: Listen) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let (mut registrars, group) = registrars(folder.path(), 1);
    let registrar = Arc::new(registrars.remove(0));
    let codes = invite(&registrar, &group.id(), TOWN);
    let (stop, stopped) = oneshot::channel();
    let (told, address) = std::sync::mpsc::channel();
    let served = registrar.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::bind(&listen).await.unwrap();
            told.send(server.address()).unwrap();
            server
                .run(super::router(served, limits), limits, async {
                    drop(stopped.await)
                })
                .await;
        });
    });
    let address = address.recv().unwrap();
    Running {
        folder,
        registrar,
        group,
        codes,
        address,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Running {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
    }

    /// One request on its own connection: status and JSON body.
    fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = self.connect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream
            .write_all(&[head.as_bytes(), body.as_bytes()].concat())
            .unwrap();
        answer(&mut stream)
    }

    fn invitation(&self, code: &str) -> (u16, Value) {
        self.call(
            "POST",
            &format!("/v1/groups/{}/invitation", self.group.id()),
            &json!({ "code": code }).to_string(),
        )
    }

    fn attest(&self, body: &Value) -> (u16, Value) {
        self.call(
            "POST",
            &format!("/v1/groups/{}/attest", self.group.id()),
            &body.to_string(),
        )
    }

    fn request(&self, name: &str, identity: &Identity) -> Value {
        let code = &self.codes[name];
        let signature = signature(&self.registrar, &self.group.id(), code, identity);
        serde_json::to_value(AttestRequest::new(code, identity.public(), &signature)).unwrap()
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(stream: &mut impl std::io::Read) -> (u16, Value) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(
        status < 400 || head.contains("content-type: application/problem+json"),
        "{head}"
    );
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn problem(answer: &(u16, Value)) -> (u16, &str) {
    for field in ["title", "detail", "advice"] {
        assert!(
            answer.1[field].as_str().is_some_and(|t| !t.is_empty()),
            "{answer:?}"
        );
    }
    assert_eq!(answer.1["status"], answer.0);
    (answer.0, answer.1["type"].as_str().unwrap())
}

#[test]
fn a_member_enrols_over_http_in_two_steps() {
    let town = run(HttpLimits::default(), loopback());
    let (status, about) = town.call("GET", "/v1/registrar", "");
    assert_eq!(status, 200);
    assert_eq!(about["key"], town.registrar.key().to_string());
    assert_eq!(about["groups"], json!([town.group.id().to_string()]));

    let (status, invitation) = town.invitation(&town.codes["Ada"]);
    assert_eq!(status, 200);
    assert_eq!(
        invitation["record"],
        json!({ "name": "Ada", "classes": ["senators"] })
    );
    assert_eq!(invitation["classes"], json!([1]));

    let ada = identity(7);
    let (status, attested) = town.attest(&town.request("Ada", &ada));
    assert_eq!(status, 200);
    assert_eq!(attested["registrar"], 0);
    for field in ["subject", "binder", "classes", "record", "salt"] {
        assert_eq!(attested[field], invitation[field], "{field}");
    }
    let view: AttestedView = serde_json::from_value(attested).unwrap();
    let attested = Attested::try_from(&view).unwrap();
    let accepted = crate::enrolment::accept(&town.group, 0, &attested.invitation, &ada, &attested);
    assert_eq!(accepted.unwrap(), attested.signature);
}

#[test]
fn refusals_have_names() {
    let town = run(HttpLimits::default(), loopback());
    let (ada, bob) = (identity(7), identity(8));
    let good = town.request("Ada", &ada);
    let with = |field: &str, value: Value| {
        let mut request = good.clone();
        request[field] = value;
        town.attest(&request)
    };
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let order_two = tacit_protocol::field::fr_to_bytes(&-tacit_protocol::field::Fr::from(1u64));
    let mut uncanonical = ada.public().to_bytes();
    uncanonical[31] |= 0x7f;
    let s_plus_l = {
        // The same signature to a verifier that doesn't check the range of S.
        let mut bytes = hex::decode(good["signature"].as_str().unwrap()).unwrap();
        bytes[32..].fill(0xff);
        hex::encode(bytes)
    };
    let bobs = hex::encode(
        signature(&town.registrar, &town.group.id(), &town.codes["Ada"], &bob).to_bytes(),
    );

    assert_eq!(
        problem(&with("public", json!(hex::encode(identity_point)))),
        (422, "tacit:public-key")
    );
    assert_eq!(
        problem(&with("public", json!(hex::encode(order_two)))),
        (422, "tacit:public-key")
    );
    assert_eq!(
        problem(&with("public", json!(hex::encode(uncanonical)))),
        (422, "tacit:public-key")
    );
    assert_eq!(
        problem(&with("public", json!("00"))),
        (422, "tacit:public-key")
    );
    assert_eq!(
        problem(&with("signature", json!(s_plus_l))),
        (422, "tacit:signature-encoding")
    );
    assert_eq!(
        problem(&with("signature", json!("zz"))),
        (422, "tacit:signature-encoding")
    );
    assert_eq!(
        problem(&with("signature", json!(bobs))),
        (422, "tacit:signature")
    );
    assert_eq!(
        problem(&with("public", json!(hex::encode(bob.public().to_bytes())))),
        (422, "tacit:signature")
    );
    assert_eq!(
        problem(&with("code", json!("ABCD"))),
        (422, "tacit:code-malformed")
    );
    let mut mistyped = town.codes["Ada"].clone();
    let wrong = if mistyped.starts_with('7') { "8" } else { "7" };
    mistyped.replace_range(..1, wrong);
    assert_eq!(
        problem(&with("code", json!(mistyped))),
        (422, "tacit:code-mistyped")
    );
    let never = crate::Code::draw(&mut getrandom::SysRng)
        .unwrap()
        .text(&town.group.id(), &town.registrar.key())
        .to_string();
    assert_eq!(
        problem(&with("code", json!(never))),
        (403, "tacit:code-unknown")
    );
    // Nothing of this has spent the code.
    assert_eq!(town.attest(&good).0, 200);
    assert_eq!(town.attest(&good).0, 200);
    assert_eq!(
        problem(&town.attest(&town.request("Ada", &bob))),
        (409, "tacit:code-used")
    );
    assert_eq!(
        problem(&town.attest(&town.request("Bob", &ada))),
        (409, "tacit:identity-taken")
    );

    assert_eq!(
        problem(&town.call(
            "POST",
            &format!("/v1/groups/{}/invitation", "0".repeat(64)),
            "{\"code\":\"x\"}"
        )),
        (404, "tacit:unknown-group")
    );
    assert_eq!(
        problem(&town.call("POST", "/v1/groups/town/invitation", "{\"code\":\"x\"}")),
        (400, "tacit:group-id")
    );
    assert_eq!(
        problem(&town.attest(&json!({ "code": "x" }))),
        (400, "tacit:json")
    );
    assert_eq!(
        problem(&town.call("GET", "/", "")),
        (404, "tacit:not-found")
    );
    assert_eq!(
        problem(&town.call("GET", &format!("/v1/groups/{}/attest", town.group.id()), "")),
        (405, "tacit:method")
    );
}

#[test]
fn a_refusal_quotes_nothing_of_what_was_sent() {
    let town = run(HttpLimits::default(), loopback());
    let (status, answer) = town.call(
        "POST",
        &format!("/v1/groups/{}/invitation", town.group.id()),
        "{\"code\": MY-CODE}",
    );
    assert_eq!(status, 400);
    assert!(!answer.to_string().contains("MY-CODE"));
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let town = run(HttpLimits::default(), loopback());
    assert_eq!(
        problem(&town.invitation(&"A".repeat(5000))),
        (413, "tacit:too-large")
    );
    // Without a length, too: it is counted as it comes.
    let mut stream = town.connect();
    let head = format!(
        "POST /v1/groups/{}/invitation HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        town.group.id()
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..6 {
        stream
            .write_all(format!("400\r\n{}\r\n", "A".repeat(1024)).as_bytes())
            .unwrap();
    }
    assert_eq!(problem(&answer(&mut stream)), (413, "tacit:too-large"));
}

#[test]
fn a_head_over_the_limit_is_refused() {
    let town = run(HttpLimits::default(), loopback());
    let mut stream = town.connect();
    let _ = stream.write_all(
        format!(
            "GET /v1/registrar HTTP/1.1\r\nhost: r\r\nx: {}\r\n\r\n",
            "A".repeat(40_000)
        )
        .as_bytes(),
    );
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    assert!(
        bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
}

#[test]
fn a_head_that_comes_slowly_is_cut_off() {
    let town = run(quick(), loopback());
    let mut stream = town.connect();
    let began = Instant::now();
    stream.write_all(b"GET /v1/registrar HTTP/1.1\r\n").unwrap();
    let mut bytes = Vec::new();
    // One header line every 100 ms: never idle, never done.
    let mut half = stream.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        for i in 0..300 {
            std::thread::sleep(Duration::from_millis(100));
            if half.write_all(format!("x{i}: 1\r\n").as_bytes()).is_err() {
                break;
            }
        }
    });
    let _ = stream.read_to_end(&mut bytes);
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    drop(stream);
    drip.join().unwrap();
}

#[test]
fn an_idle_connection_is_closed() {
    let town = run(quick(), loopback());
    for first in [&b""[..], b"GET /v1/registrar HTTP/1.1\r\nhost: r\r\n\r\n"] {
        let mut stream = town.connect();
        stream.write_all(first).unwrap();
        let began = Instant::now();
        let _ = stream.read_to_end(&mut Vec::new());
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

#[test]
fn a_body_that_comes_slowly_is_cut_off() {
    let town = run(quick(), loopback());
    let mut stream = town.connect();
    let head = format!(
        "POST /v1/groups/{}/invitation HTTP/1.1\r\nhost: r\r\ncontent-length: 100\r\n\r\n{{",
        town.group.id()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let began = Instant::now();
    let answer = answer(&mut stream);
    assert_eq!(problem(&answer), (408, "tacit:slow"));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_body_that_does_not_come_keeps_nobody_out() {
    let town = run(
        HttpLimits {
            requests: 1,
            ..HttpLimits::default()
        },
        loopback(),
    );
    let mut slow = town.connect();
    let head = format!(
        "POST /v1/groups/{}/invitation HTTP/1.1\r\nhost: r\r\ncontent-length: 100\r\n\r\n{{",
        town.group.id()
    );
    slow.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(town.call("GET", "/v1/registrar", "").0, 200);
}

#[test]
fn a_connection_beyond_the_limit_takes_the_place_of_the_oldest_idle_one() {
    let town = run(
        HttpLimits {
            connections: 1,
            ..HttpLimits::default()
        },
        loopback(),
    );
    let mut hog = town.connect();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(town.call("GET", "/v1/registrar", "").0, 200);
    assert_eq!(hog.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_shutdown_finishes_what_has_begun_and_takes_nothing_new() {
    let mut town = run(HttpLimits::default(), loopback());
    let body = json!({ "code": town.codes["Ada"] }).to_string();
    let mut stream = town.connect();
    let head = format!(
        "POST /v1/groups/{}/invitation HTTP/1.1\r\nhost: r\r\ncontent-length: {}\r\n\r\n",
        town.group.id(),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..5]).unwrap();
    // Connections are taken in order: that one was before this one.
    assert_eq!(town.call("GET", "/v1/registrar", "").0, 200);
    drop(town.stop.take());
    let began = Instant::now();
    while TcpStream::connect(town.address).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(4), "it still listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    stream.write_all(&body.as_bytes()[5..]).unwrap();
    assert_eq!(answer(&mut stream).0, 200);
    town.stop();
}

#[test]
fn a_client_that_hangs_does_not_hold_up_a_shutdown() {
    let limits = HttpLimits {
        head_time: Duration::from_secs(60),
        request_time: Duration::from_secs(60),
        ..quick()
    };
    let mut town = run(limits, loopback());
    let mut stream = town.connect();
    stream
        .write_all(
            b"POST /v1/groups/0/invitation HTTP/1.1\r\nhost: r\r\ncontent-length: 10\r\n\r\n",
        )
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    town.stop();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn plain_http_is_for_this_machine_unless_a_proxy_is_in_front() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let listen = Listen {
                address: open.parse().unwrap(),
                tls: None,
                behind_proxy: false,
            };
            assert!(
                matches!(Server::bind(&listen).await, Err(ServeError::Exposed(_))),
                "{open}"
            );
        }
        let listen = Listen {
            address: "0.0.0.0:0".parse().unwrap(),
            tls: None,
            behind_proxy: true,
        };
        assert!(Server::bind(&listen).await.is_ok());
        let bound = Server::bind(&loopback()).await.unwrap();
        assert_ne!(bound.address().port(), 0);
        let again = Listen {
            address: bound.address(),
            tls: None,
            behind_proxy: false,
        };
        assert!(matches!(
            Server::bind(&again).await,
            Err(ServeError::Bind { .. })
        ));
    });
}

fn tls_files() -> TlsFiles {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/tests"));
    TlsFiles {
        certificate: folder.join("localhost.pem"),
        key: folder.join("localhost.key"),
    }
}

#[test]
fn with_a_certificate_it_serves_https_and_nothing_else() {
    use rustls_pki_types::pem::PemObject as _;
    use tokio_rustls::rustls;
    let limits = HttpLimits {
        head_time: Duration::from_secs(3),
        request_time: Duration::from_secs(6),
        handshake_time: Duration::from_secs(3),
        ..quick()
    };
    let town = run(
        limits,
        Listen {
            tls: Some(tls_files()),
            ..loopback()
        },
    );
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from_pem_file(tls_files().certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tls =
        rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = town.connect();
    let mut stream = rustls::Stream::new(&mut tls, &mut socket);
    stream
        .write_all(b"GET /v1/registrar HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    assert_eq!(answer(&mut stream).0, 200);

    let mut plain = town.connect();
    plain
        .write_all(b"GET /v1/registrar HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"));

    // One who never shakes hands is let go.
    let mut silent = town.connect();
    let began = Instant::now();
    let _ = silent.read_to_end(&mut Vec::new());
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, b"").unwrap();
    runtime.block_on(async {
        for (certificate, key) in [(empty.clone(), tls_files().key), (folder.path().join("none"), tls_files().key)] {
            let listen = Listen { tls: Some(TlsFiles { certificate: certificate.clone(), key }), ..loopback() };
            assert!(matches!(Server::bind(&listen).await, Err(ServeError::TlsFile { path, .. }) if path == certificate));
        }
        let listen = Listen { tls: Some(TlsFiles { key: empty.clone(), ..tls_files() }), ..loopback() };
        assert!(matches!(Server::bind(&listen).await, Err(ServeError::TlsFile { path, .. }) if path == empty));
    });
}

#[test]
fn a_restarted_registrar_answers_as_before() {
    let mut town = run(HttpLimits::default(), loopback());
    let ada = identity(7);
    let request = town.request("Ada", &ada);
    let first = town.attest(&request);
    town.stop();

    let again = Arc::new(Registrar::open(&town.folder.path().join("0")).unwrap());
    let bytes = town.group.id().to_bytes();
    assert_eq!(again.groups().unwrap()[0].to_bytes(), bytes);
    let by_bob = signature(&again, &town.group.id(), &town.codes["Ada"], &identity(8));
    let refused = again.attest(
        &town.group.id(),
        &town.codes["Ada"],
        identity(8).public(),
        &by_bob,
    );
    assert!(matches!(refused, Err(crate::RegistrarError::CodeUsed)));
    let by_ada = signature(&again, &town.group.id(), &town.codes["Ada"], &ada);
    let same = again
        .attest(&town.group.id(), &town.codes["Ada"], ada.public(), &by_ada)
        .unwrap();
    assert_eq!(
        serde_json::to_value(AttestedView::from(&same)).unwrap(),
        first.1
    );
}
