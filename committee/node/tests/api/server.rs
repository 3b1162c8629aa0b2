//! Connections over real sockets: clear text stays on this machine, nobody keeps a place by being
//! slow, and a stop lets open requests finish.

use std::{
    fs::{self, Permissions},
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tacit_node::api::{self, ListenError, Listener, ServerLimits, TlsError, Transport, serve, tls};
use tacit_vault::PermissionError;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, rustls};

use crate::{
    http::{Client, quick},
    log::{Mood, TestLog},
    people::{create_group, plain},
};

const LOOPBACK: &str = "127.0.0.1:0";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limits() -> ServerLimits {
    ServerLimits {
        connections: 8,
        head_time: ms(300),
        handshake_time: ms(300),
        stall_time: ms(300),
        drain_time: ms(2000),
        ..ServerLimits::default()
    }
}

/// A server until it is told to stop.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn run(router: axum::Router, transport: Transport, limits: ServerLimits) -> Running {
    let listener = Listener::bind(LOOPBACK.parse().unwrap(), transport)
        .await
        .unwrap();
    let address = listener.address();
    let (stop, stopping) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, router, limits, async {
        let _ = stopping.await;
    }));
    Running {
        address,
        stop,
        served,
    }
}

async fn start() -> Running {
    let client = Client::new(&TestLog::new());
    run(client.router, Transport::Plain, limits()).await
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A reset is an end too.
    let _ = tokio::time::timeout(ms(5000), read)
        .await
        .expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

const HEALTH: &[u8] = b"GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn health(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();
    read_all(&mut stream).await
}

#[tokio::test]
async fn clear_text_is_refused_beyond_loopback() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let address = address.parse().unwrap();
        let refused = Listener::bind(address, Transport::Plain).await;
        assert!(
            matches!(refused, Err(ListenError::Unprotected(a)) if a == address),
            "{address}"
        );
    }
    let any = "0.0.0.0:0".parse().unwrap();
    assert!(Listener::bind(any, Transport::BehindProxy).await.is_ok());
    let config = Files::new().tls();
    assert!(Listener::bind(any, Transport::Tls(config)).await.is_ok());
    assert!(
        Listener::bind(LOOPBACK.parse().unwrap(), Transport::Plain)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let running = start().await;
    let taken = Listener::bind(running.address, Transport::Plain).await;
    assert!(matches!(taken, Err(ListenError::Io { address, .. }) if address == running.address));
}

#[tokio::test]
async fn an_answer_tells_nothing_about_the_server_or_the_client_and_is_not_kept() {
    let running = start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let port = stream.local_addr().unwrap().port().to_string();
    let request = "GET /v1/nothing HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.9\r\n\
                   user-agent: probe/1\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answers = [read_all(&mut stream).await, health(running.address).await];
    for answer in answers {
        let answer = answer.to_ascii_lowercase();
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        for name in ["server:", "via:", "x-powered-by:", "set-cookie:", "etag:"] {
            assert!(!head.contains(name), "{head}");
        }
        for leak in ["127.0.0.1", "203.0.113.9", "probe", &port] {
            assert!(!answer.contains(leak), "{answer}");
        }
        for kept in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(kept), "{head}");
        }
    }
}

/// Everything that is logged on this thread.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_holds_a_clients_address_or_what_it_sent() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let client = Client::new(&TestLog::new());
    let secure = run(
        client.router.clone(),
        Transport::Tls(Files::new().tls()),
        limits(),
    )
    .await;
    let open = run(client.router, Transport::Plain, limits()).await;
    let mut ports = Vec::new();
    for request in [
        "GET /v1/statements/0badc0de?mine=5eC12e7 HTTP/1.1\r\nhost: x\r\n\
         x-forwarded-for: 203.0.113.9\r\nconnection: close\r\n\r\n",
        "GET /5eC12e7 HTTP/9.9\r\n\r\n",
        "5eC12e7",
    ] {
        for address in [open.address, secure.address] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            ports.push(stream.local_addr().unwrap().port().to_string());
            stream.write_all(request.as_bytes()).await.unwrap();
            read_all(&mut stream).await;
        }
    }
    let logged = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("a TLS handshake failed"), "{logged}");
    let leaks = ["127.0.0.1", "203.0.113.9", "5eC12e7", "0badc0de"].map(String::from);
    for leak in ports.iter().chain(&leaks) {
        let mut lines = logged
            .lines()
            .map(|line| line.split_once("tacit_node").map_or(line, |l| l.1));
        assert!(
            !lines.any(|line| line.contains(leak.as_str())),
            "{leak}: {logged}"
        );
    }
}

#[tokio::test]
async fn a_head_that_does_not_arrive_closes_the_connection() {
    let running = start().await;
    for slow in ["", "GET /v1/health HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let start = Instant::now();
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(slow.as_bytes()).await.unwrap();
        let answer = read_all(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        let took = start.elapsed();
        assert!(took >= ms(250) && took < ms(10_000), "{took:?}");
    }
    // One byte now and then doesn't help.
    let start = Instant::now();
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    loop {
        if stream.write_all(b"G").await.is_err() || start.elapsed() > ms(10_000) {
            break;
        }
        let mut end = [0];
        let closed = tokio::time::timeout(ms(50), stream.read(&mut end)).await;
        if matches!(closed, Ok(Ok(0) | Err(_))) {
            break;
        }
    }
    assert!(start.elapsed() < ms(10_000));
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let running = start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.contains("200 OK"));
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let running = start().await;
    let long = format!("x-long: {}\r\n", "a".repeat(20 * 1024));
    let many: String = (0..100).map(|i| format!("x-{i}: 1\r\n")).collect();
    for fields in [long, many] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("GET /v1/health HTTP/1.1\r\nhost: x\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_all(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn who_takes_no_byte_of_an_answer_loses_the_connection() {
    let large = axum::Router::new().route(
        "/",
        axum::routing::get(async || bytes::Bytes::from(vec![0u8; 64 << 20])),
    );
    let limits = ServerLimits {
        connections: 1,
        ..limits()
    };
    let running = run(large, Transport::Plain, limits).await;
    let start = Instant::now();
    let mut lazy = TcpStream::connect(running.address).await.unwrap();
    lazy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    // The only place is free again, without a byte having been read.
    let mut next = TcpStream::connect(running.address).await.unwrap();
    next.write_all(b"GET /none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(read_all(&mut next).await.starts_with("HTTP/1.1 404"));
    let took = start.elapsed();
    assert!(took >= ms(200), "{took:?}");
}

#[tokio::test]
async fn connections_over_the_bound_wait_their_turn() {
    let client = Client::new(&TestLog::new());
    let limits = ServerLimits {
        connections: 2,
        head_time: ms(600),
        ..limits()
    };
    let running = run(client.router, Transport::Plain, limits).await;
    let start = Instant::now();
    let idle = [
        TcpStream::connect(running.address).await.unwrap(),
        TcpStream::connect(running.address).await.unwrap(),
    ];
    tokio::time::sleep(ms(50)).await;
    assert!(health(running.address).await.contains("200 OK"));
    assert!(start.elapsed() >= ms(300), "{:?}", start.elapsed());
    drop(idle);
}

#[tokio::test]
async fn a_stop_lets_open_requests_finish_and_takes_no_new_ones() {
    let log = TestLog::new();
    log.set_mood(Mood::Silent);
    let limits_of_api = api::Limits {
        finality_time: ms(700),
        ..quick()
    };
    let client = Client::with(&log, limits_of_api);
    let running = run(client.router, Transport::Plain, limits()).await;
    let body = plain(create_group(1));
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!(
        "POST /v1/groups HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    tokio::time::sleep(ms(100)).await;
    running.stop.send(()).unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    tokio::time::timeout(ms(2000), running.served)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let stuck = axum::Router::new().route("/", axum::routing::get(std::future::pending::<()>));
    let limits = ServerLimits {
        drain_time: ms(200),
        ..limits()
    };
    let running = run(stuck, Transport::Plain, limits).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(ms(100)).await;
    running.stop.send(()).unwrap();
    tokio::time::timeout(ms(2000), running.served)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read_all(&mut stream).await, "");
}

/// Certificate and key, made for these tests, in a folder of their own: what a repository checks
/// out is open to others of the machine.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/tls");
        for name in ["certificate.pem", "key.pem"] {
            fs::copy(source.join(name), folder.path().join(name)).unwrap();
        }
        let files = Self { folder };
        files.permit(0o600);
        files
    }

    fn permit(&self, mode: u32) {
        fs::set_permissions(self.path("key.pem"), Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tls(&self) -> Arc<rustls::ServerConfig> {
        tls(&self.path("certificate.pem"), &self.path("key.pem")).unwrap()
    }
}

#[tokio::test]
async fn tls_carries_the_same_answers() {
    let files = Files::new();
    let config = files.tls();
    let client = Client::new(&TestLog::new());
    let limits = ServerLimits {
        head_time: ms(3000),
        handshake_time: ms(3000),
        ..limits()
    };
    let running = run(client.router, Transport::Tls(config), limits).await;

    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(files.path("certificate.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    // Clear text gets nothing, and a handshake that doesn't come isn't waited for.
    assert!(!health(running.address).await.contains("200 OK"));
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(read_all(&mut silent).await, "");
}

#[test]
fn files_that_are_no_certificate_or_key_are_named() {
    let files = Files::new();
    let (certificate, key) = (files.path("certificate.pem"), files.path("key.pem"));
    let missing = files.path("none.pem");
    let no_key = files.path("no-key.pem");
    fs::write(&no_key, "nothing").unwrap();
    fs::set_permissions(&no_key, Permissions::from_mode(0o600)).unwrap();
    for (result, path) in [
        (tls(&missing, &key), &missing),
        (tls(&key, &key), &key),
        (tls(&certificate, &no_key), &no_key),
    ] {
        match result {
            Err(TlsError::File { path: named, .. }) => assert_eq!(&named, path),
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn a_tls_key_that_others_may_read_is_refused() {
    let files = Files::new();
    files.permit(0o640);
    let refused = tls(&files.path("certificate.pem"), &files.path("key.pem"));
    assert!(matches!(
        refused,
        Err(TlsError::Permissions(PermissionError::TooOpen {
            mode: 0o640,
            ..
        }))
    ));
}

#[tokio::test]
async fn metrics_are_served_as_text_apart_from_the_api() {
    let router = api::metrics(Arc::new(|| "blocks_puts 7\n".to_string()));
    let running = run(router, Transport::Plain, limits()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = read_all(&mut stream).await;
    assert!(
        answer.contains("text/plain") && answer.ends_with("blocks_puts 7\n# EOF\n"),
        "{answer}"
    );
}
