//! A node's address that a test stands behind: requests pass, are lost, or never come back, or are answered
//! with what the node said a while ago.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What becomes of requests that send something. Those that only read always pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The node gets it, and its answer comes back.
    Pass,
    /// The connection breaks before the node got anything.
    LoseRequest,
    /// The node gets it, and the connection breaks before its answer comes.
    LoseAnswer,
    /// Nothing happens at all, for as long as the test runs.
    Hang,
}

struct State {
    node: String,
    mode: Mutex<Mode>,
    /// So many requests that read are told to come back later.
    busy: Mutex<usize>,
    sent: Mutex<Vec<Vec<u8>>>,
    /// What a node that lags answers to requests that read, by their first line.
    old: Mutex<HashMap<String, Vec<u8>>>,
}

/// Stands before one node.
pub struct Proxy {
    /// Its URL.
    pub url: String,
    state: Arc<State>,
}

impl Proxy {
    /// Before the node at this URL.
    pub fn before(node: &str, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            node: node.trim_start_matches("http://").to_string(),
            mode: Mutex::new(mode),
            busy: Mutex::new(0),
            sent: Mutex::default(),
            old: Mutex::default(),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { url, state }
    }

    /// From now on.
    pub fn set(&self, mode: Mode) {
        *self.state.mode.lock().unwrap() = mode;
    }

    /// The next so many requests that read are answered with 503.
    pub fn be_busy(&self, times: usize) {
        *self.state.busy.lock().unwrap() = times;
    }

    /// From now on these answer this as the first one would now, whatever happens: their nodes lag behind.
    pub fn stand_still(all: &[Self], path: &str) {
        let head = format!("GET {path} HTTP/1.1");
        let asked = format!("{head}\r\nhost: test\r\nconnection: close\r\n\r\n");
        let now = all[0].state.ask(&asked, &[]).unwrap();
        for proxy in all {
            let mut old = proxy.state.old.lock().unwrap();
            old.insert(head.clone(), now.clone());
        }
    }

    /// How many of those are left.
    pub fn busy_left(&self) -> usize {
        *self.state.busy.lock().unwrap()
    }

    /// The bodies of all requests that sent something, passed on or not.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.state.sent.lock().unwrap().clone()
    }

    /// Waits until so many were sent.
    pub fn wait_for_sent(&self, number: usize) {
        let until = Instant::now() + Duration::from_secs(120);
        while self.sent().len() < number {
            assert!(Instant::now() < until, "nothing was sent");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let (head, body) = read_request(&mut client)?;
        let mode = if head.starts_with("POST ") {
            self.sent.lock().unwrap().push(body.clone());
            *self.mode.lock().unwrap()
        } else {
            let mut busy = self.busy.lock().unwrap();
            if *busy > 0 && head.contains("/v1/statements/") {
                *busy -= 1;
                drop(busy);
                return client.write_all(BUSY.as_bytes());
            }
            let first = head.lines().next().unwrap_or_default();
            if let Some(old) = self.old.lock().unwrap().get(first) {
                return client.write_all(old);
            }
            Mode::Pass
        };
        match mode {
            Mode::LoseRequest => return Ok(()),
            Mode::Hang => loop {
                thread::sleep(Duration::from_secs(3600));
            },
            Mode::Pass | Mode::LoseAnswer => {}
        }
        let answer = self.ask(&head, &body)?;
        match mode {
            Mode::LoseAnswer => Ok(()),
            _ => client.write_all(&answer),
        }
    }

    /// What the node answers.
    fn ask(&self, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut node = TcpStream::connect(&self.node)?;
        node.write_all(head.as_bytes())?;
        node.write_all(body)?;
        let mut answer = Vec::new();
        node.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 99\r\nconnection: close\r\n\r\n{\"type\":\"urn:tacit:problem:not-ready\",\"title\":\"Not ready\",\"detail\":\"this node is 99 blocks behind\"}";

/// The head, which now asks the node to close the connection after its answer, and the body.
fn read_request(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let mut body = bytes.split_off(end + 4);
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|l| l.strip_prefix("content-length: ")?.trim().parse().ok());
    let length: usize = length.unwrap_or(0);
    while body.len() < length {
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => body.extend_from_slice(&buffer[..n]),
        }
    }
    let head = String::from_utf8_lossy(&bytes);
    let lines = head
        .lines()
        .filter(|l| !l.is_empty() && !l.to_ascii_lowercase().starts_with("connection:"));
    let mut closing: String = lines.flat_map(|l| [l, "\r\n"]).collect();
    closing.push_str("connection: close\r\n\r\n");
    Ok((closing, body))
}
