//! A service among clients who are silent, slow, or too many.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};

use super::*;

const SOON: Duration = Duration::from_secs(5);

fn loopback() -> Listen {
    Listen {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        behind_proxy: false,
    }
}

/// Serves until the test ends.
fn serve(routes: Router, limits: HttpLimits) -> (SocketAddr, Pressure) {
    let pressure = Pressure::default();
    let (told, address) = std::sync::mpsc::channel();
    let noted = pressure.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let admit = |_: &axum::http::Method, uri: &Uri| match uri.path() {
                "/own" => Admission::Reserved(1),
                path if path.starts_with("/turn/") => {
                    Admission::Reserved(path.trim_start_matches("/turn/").parse().unwrap())
                }
                "/no" => {
                    Admission::Refused(Problem::new(StatusCode::CONFLICT, "no", "No", "no", "Go."))
                }
                _ => Admission::Ordinary,
            };
            let gate = Gate::new(limits).admitting(admit).telling(noted.clone());
            let server = Server::bind(&loopback()).await.unwrap().telling(noted);
            told.send(server.address()).unwrap();
            let app = gate.around(routes);
            server.run(app, limits, std::future::pending()).await;
        });
    });
    (address.recv().unwrap(), pressure)
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

fn send(to: SocketAddr, method: &str, path: &str, length: u64) -> TcpStream {
    let mut stream = connect(to);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: s\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The answer's status; 0 without one.
fn status(mut stream: TcpStream) -> u16 {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let code = text.split(' ').nth(1).map(str::parse);
    code.and_then(Result::ok).unwrap_or(0)
}

fn ask(to: SocketAddr, path: &str) -> u16 {
    status(send(to, "GET", path, 0))
}

/// Few of everything.
fn few() -> HttpLimits {
    HttpLimits {
        connections: 8,
        requests: 1,
        reserved: 2,
        ..HttpLimits::default()
    }
}

fn nap() -> Router {
    let nap = || async { tokio::time::sleep(Duration::from_secs(8)).await };
    Router::new()
        .route("/", get(async || "well"))
        .route("/own", get(async || "mine"))
        .route("/own", post(async |body: Bytes| body))
        .route("/turn/{number}", get(async || "mine"))
        .route("/turn/{number}", post(async |body: Bytes| body))
        .route("/nap", get(nap))
        .route("/echo", post(async |body: Bytes| body))
}

#[test]
fn a_newcomer_is_served_though_silent_connections_hold_all_places() {
    let (address, pressure) = serve(nap(), few());
    let began = Instant::now();
    let silent: Vec<_> = (0..200).map(|_| connect(address)).collect();
    assert_eq!(ask(address, "/"), 200);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    assert!(pressure.within(now.unwrap().as_secs(), 60));
    drop(silent);
}

#[test]
fn bodies_that_do_not_come_keep_nobody_from_being_worked_for() {
    let (address, pressure) = serve(nap(), few());
    let slow: Vec<_> = (0..4).map(|_| send(address, "POST", "/echo", 10)).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(ask(address, "/"), 200);
    assert!(!pressure.within(0, u64::MAX));
    for mut stream in slow {
        stream.write_all(&[7; 10]).unwrap();
        assert_eq!(status(stream), 200);
    }
}

#[test]
fn who_has_permits_reserved_needs_no_others_and_keeps_the_place() {
    let (address, _) = serve(nap(), few());
    let napping = send(address, "GET", "/nap", 0);
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    assert_eq!(ask(address, "/own"), 200);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    // Everybody else waits a little, and is told to come back.
    assert_eq!(ask(address, "/"), 429);
    // What is worked on isn't cut off by newcomers.
    let silent: Vec<_> = (0..100).map(|_| connect(address)).collect();
    assert_eq!(status(napping), 200);
    drop(silent);
}

#[test]
fn a_request_can_be_refused_by_its_head_before_its_body_is_read() {
    let (address, _) = serve(nap(), few());
    let began = Instant::now();
    assert_eq!(status(send(address, "POST", "/no", 1 << 40)), 409);
    assert_eq!(status(send(address, "POST", "/echo", 1 << 40)), 413);
    let mut chunked = connect(address);
    let head = "POST /echo HTTP/1.1\r\nhost: s\r\ntransfer-encoding: chunked\r\n\r\n";
    chunked.write_all(head.as_bytes()).unwrap();
    chunked.write_all(b"10000\r\n").unwrap();
    let _ = chunked.write_all(&[7; 0x10000]);
    assert_eq!(status(chunked), 413);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

/// Tells when it's dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn endless() -> (Router, Arc<AtomicBool>) {
    let over = Arc::new(AtomicBool::new(false));
    let told = over.clone();
    let body = move || {
        let told = Told(told.clone());
        let stream = Endless(told);
        async move { Body::new(stream) }
    };
    (Router::new().route("/endless", get(body)), over)
}

struct Endless(#[allow(dead_code)] Told);

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        let bytes = Bytes::from_static(&[7; 65536]);
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(bytes))))
    }
}

#[test]
fn a_reader_who_stops_or_crawls_is_let_go_and_one_who_reads_is_not() {
    let limits = HttpLimits {
        stall: Duration::from_millis(400),
        ..HttpLimits::default()
    };
    for pace in [0, 1] {
        let (routes, over) = endless();
        let (address, _) = serve(routes, limits);
        let mut stream = send(address, "GET", "/endless", 0);
        let began = Instant::now();
        while !over.load(Ordering::SeqCst) {
            assert!(began.elapsed() < Duration::from_secs(10), "pace {pace}");
            let _ = stream.read(&mut vec![0; pace]);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let (routes, over) = endless();
    let stall = Duration::from_secs(2);
    let (address, _) = serve(routes, HttpLimits { stall, ..limits });
    let mut stream = send(address, "GET", "/endless", 0);
    let began = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    while began.elapsed() < Duration::from_secs(5) {
        assert!(stream.read(&mut buffer).unwrap() > 0);
    }
    assert!(!over.load(Ordering::SeqCst));
}

#[test]
fn whose_requests_are_reserved_makes_no_pressure_by_too_many_of_them() {
    let (address, pressure) = serve(nap(), few());
    let own = || send(address, "POST", "/own", 10);
    let held: Vec<_> = (0..few().reserved).map(|_| own()).collect();
    let began = Instant::now();
    while ask(address, "/own") != 429 {
        assert!(began.elapsed() < SOON, "all of them are held");
    }
    assert!(!pressure.within(0, u64::MAX));
    // What one turn's owner holds, the next one's doesn't lack.
    assert_eq!(ask(address, "/turn/2"), 200);
    drop(held);
}

#[test]
fn what_an_earlier_turn_holds_keeps_nobody_out() {
    let limits = HttpLimits {
        reserved: 3,
        ..few()
    };
    let (address, _) = serve(nap(), limits);
    let mut held = Vec::new();
    for turn in 1..=5 {
        for _ in 0..3 {
            held.push(send(address, "POST", &format!("/turn/{turn}"), 10));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(ask(address, "/turn/6"), 200);
    let mut last = send(address, "POST", "/turn/6", 10);
    // Before its head is read, it is anybody's. Connections are taken in order.
    assert_eq!(ask(address, "/turn/6"), 200);
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..20 {
        held.push(connect(address));
    }
    std::thread::sleep(Duration::from_millis(100));
    last.write_all(&[7; 10]).unwrap();
    assert_eq!(status(last), 200);
    drop(held);
}
