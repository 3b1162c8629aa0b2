//! Hostile contributors before a real coordinator, over HTTP, spoken to byte by byte: each costs its own
//! turn at most, is named, and the next contributor gets on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ark_ec::AffineRepr as _;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::keys::SigningKey;
use tacit_serve::{HttpLimits, Listen, Server};

use super::wire::{StandingView, TicketView};
use super::*;
use crate::contributor::{self, Entropy};
use crate::folder;
use crate::folder::tests::start;
use crate::progress::Silent;
use crate::transcript::tests::key;
use crate::transcript::{Entry, Powers};

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A coordinator that serves until the test ends.
struct Town {
    root: tempfile::TempDir,
    coordinator: Arc<Coordinator>,
    address: SocketAddr,
}

fn town() -> Town {
    let root = tempfile::tempdir().unwrap();
    let mut start = start();
    let d = &mut start.descriptor;
    if let Powers::Fresh { closing, .. } = &mut d.powers {
        closing.closes = now() + 10_000;
    }
    d.closing.closes = now() + 20_000;
    d.turn = 3_600;
    let folder = Folder::create(root.path(), &start, &key(100), &mut Silent).unwrap();
    let coordinator = Arc::new(Coordinator::new(folder));
    let limits = HttpLimits {
        connections: 16,
        requests: 4,
        ..limits()
    };
    let (told, address) = std::sync::mpsc::channel();
    let served = coordinator.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listen = Listen {
                address: "127.0.0.1:0".parse().unwrap(),
                tls: None,
                behind_proxy: false,
            };
            let server = Server::bind(&listen).await.unwrap();
            let server = server.telling(served.pressure());
            told.send(server.address()).unwrap();
            let app = router(served, limits);
            server.run(app, limits, std::future::pending()).await;
        });
    });
    Town {
        root,
        coordinator,
        address: address.recv().unwrap(),
    }
}

struct Made {
    file: Vec<u8>,
    entry: Vec<u8>,
}

impl Town {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    fn open(&self, method: &str, path: &str, length: usize) -> TcpStream {
        let mut stream = self.connect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: c\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = self.open(method, path, body.len());
        let _ = stream.write_all(body);
        answer(stream)
    }

    fn join(&self, who: &SigningKey) -> String {
        let at = now();
        let id = self.coordinator.look(|b, _| *b.transcript().id());
        let signature = who.sign(domain::SIGN_CEREMONY_TURN, &turn_message(&id, at));
        let body = format!(
            "{{\"key\":\"{}\",\"at\":{at},\"signature\":\"{}\"}}",
            who.public(),
            hex::encode(signature.0)
        );
        let (status, body) = self.call("POST", "/v1/turns", body.as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<TicketView>(&body).unwrap().ticket
    }

    fn standing(&self, ticket: &str) -> StandingView {
        let (status, body) = self.call("GET", &format!("/v1/turns/{ticket}"), b"");
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    /// A contribution, changed before its contributor signs it.
    fn make(&self, who: &SigningKey, change: impl FnOnce(&mut Vec<u8>)) -> Made {
        let path = self.root.path().join("made");
        let files = vec![path.clone()];
        self.coordinator.look(|book, _| {
            let (layout, transcript) = (book.layout(), book.transcript());
            let base = folder::base(layout, transcript, &mut Silent).unwrap();
            let entropy = Entropy::gather(b"").unwrap();
            contributor::contribute(&base, entropy, None, &files, &mut Silent).unwrap();
            let (signed, _) =
                contributor::sign(layout, transcript, &files, who, None, 5, &mut Silent).unwrap();
            let mut file = fs::read(&path).unwrap();
            change(&mut file);
            fs::write(&path, &file).unwrap();
            let mut entry = signed.entry;
            if let Entry::Contribution(c) = &mut entry {
                let (hash, bytes) = crate::parts::file_hash(&path).unwrap();
                (c.parts[0].file, c.parts[0].bytes) = (hash, bytes);
            }
            let signed = entry.sign(transcript.id(), &transcript.head(), who);
            Made {
                file,
                entry: signed.to_bytes(),
            }
        })
    }

    fn upload(&self, ticket: &str, at: usize, bytes: &[u8]) -> u16 {
        let path = format!("/v1/turns/{ticket}/files/0?offset={at}");
        self.call("POST", &path, bytes).0
    }

    /// Hands it in and waits for what becomes of it.
    fn hand_in(&self, ticket: &str, made: &Made) -> StandingView {
        let at = self.standing(ticket).received[0] as usize;
        assert_eq!(self.upload(ticket, at, &made.file[at..]), 200);
        let entry = format!("/v1/turns/{ticket}/entry");
        assert_eq!(self.call("POST", &entry, &made.entry).0, 202);
        let began = Instant::now();
        loop {
            let standing = self.standing(ticket);
            if standing.state != "checking" {
                return standing;
            }
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The reason for which somebody stands last in the transcript.
    fn missed(&self, who: &SigningKey) -> String {
        self.coordinator.look(
            |b, _| match b.transcript().links().last().map(|l| &l.signed.entry) {
                Some(Entry::Missed(m)) if m.contributor == who.public() => m.reason.to_string(),
                other => panic!("{other:?}"),
            },
        )
    }

    /// The next one gets on.
    fn goes_on(&self, who: &SigningKey) {
        let ticket = self.join(who);
        assert_eq!(self.standing(&ticket).state, "turn");
        let made = self.make(who, |_| {});
        let standing = self.hand_in(&ticket, &made);
        assert_eq!(standing.state, "accepted", "{standing:?}");
    }
}

fn answer(mut stream: TcpStream) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let status = text.split(' ').nth(1).map(str::parse);
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n");
    let body = head.map_or(Vec::new(), |at| bytes[at + 4..].to_vec());
    (status.and_then(Result::ok).unwrap_or(0), body)
}

/// Where a section's body begins.
fn section(file: &[u8], id: u32) -> usize {
    let mut at = 12;
    loop {
        let found = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let length = u64::from_le_bytes(file[at + 4..at + 12].try_into().unwrap());
        if found == id {
            return at + 12;
        }
        at += 12 + length as usize;
    }
}

/// A point of the twist that isn't in the prime subgroup, as a file has it.
fn off_subgroup() -> Vec<u8> {
    use ark_bn254::{Fq2, G2Affine};
    let point = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::from(x), false))
        .find(|p| !p.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    let (x, y) = point.xy().unwrap();
    let limbs = [x.c0, x.c1, y.c0, y.c1].map(|c| c.0.0);
    limbs
        .as_flattened()
        .iter()
        .flat_map(|l| l.to_le_bytes())
        .collect()
}

#[test]
fn what_breaks_a_rule_costs_its_contributors_turn_and_no_other() {
    let town = town();
    let stale = town.make(&key(50), |_| {}).file;
    town.goes_on(&key(51));
    let hostile: [(u8, &str, &dyn Fn(&mut Vec<u8>)); 5] = [
        (1, "not a .ptau file", &|file| *file = vec![7; 5_000]),
        (2, "infinity", &|file| {
            let at = section(file, 2) + 5 * 64;
            file[at..at + 64].fill(0);
        }),
        (3, "subgroup", &|file| {
            let at = section(file, 3) + 5 * 128;
            file[at..at + 128].copy_from_slice(&off_subgroup());
        }),
        (4, "contribution", &|file| file.clone_from(&stale)),
        (5, "", &|file| file.truncate(1_000)),
    ];
    for (n, rule, change) in hostile {
        let who = key(n);
        let ticket = town.join(&who);
        let made = town.make(&who, change);
        let standing = town.hand_in(&ticket, &made);
        assert_eq!(standing.state, "refused", "{n}");
        let told = standing.reason.unwrap();
        assert!(told.contains(rule), "{n}: {told}");
        assert_eq!(town.missed(&who), told);
        town.goes_on(&key(100 + n));
    }
}

#[test]
fn what_never_ends_or_never_comes_costs_its_contributors_turn_and_no_other() {
    let town = town();
    // Declared: refused by its head.
    let (huge, chunked, slow, silent, deaf) = (key(1), key(2), key(3), key(4), key(5));
    let ticket = town.join(&huge);
    let path = format!("/v1/turns/{ticket}/files/0?offset=0");
    assert_eq!(answer(town.open("POST", &path, 1 << 40)).0, 413);
    town.coordinator.tick(now() + 121);
    assert_eq!(town.missed(&huge), "nothing came in time");
    town.goes_on(&key(101));
    // In chunks without end: cut off where no contribution can be so long.
    let ticket = town.join(&chunked);
    let mut stream = town.connect();
    let head = format!(
        "POST /v1/turns/{ticket}/files/0?offset=0 HTTP/1.1\r\nhost: c\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"100000\r\n".to_vec(), vec![7; 1 << 20], b"\r\n".to_vec()].concat();
    let mut sent = 0;
    while sent < 64 && stream.write_all(&chunk).is_ok() {
        sent += 1;
    }
    assert!(sent < 64);
    town.coordinator.tick(now() + 121);
    assert_eq!(town.missed(&chunked), "nothing came in time");
    town.goes_on(&key(102));
    // A byte now and then, and then nothing; and answers that are asked for and never read.
    let ticket = town.join(&slow);
    let path = format!("/v1/turns/{ticket}/files/0?offset=0");
    let mut dripping = town.open("POST", &path, 1_000);
    dripping.write_all(b"x").unwrap();
    town.coordinator.tick(now() + 121);
    assert_eq!(town.missed(&slow), "nothing came in time");
    town.goes_on(&key(103));
    let ticket = town.join(&deaf);
    let path = format!("/v1/files/powers/0000.ptau?ticket={ticket}");
    let unread: Vec<_> = (0..20).map(|_| town.open("GET", &path, 0)).collect();
    town.coordinator.tick(now() + 121);
    assert_eq!(town.missed(&deaf), "nothing came in time");
    town.goes_on(&key(104));
    drop((unread, dripping));
    town.join(&silent);
    town.coordinator.tick(now() + 121);
    assert_eq!(town.missed(&silent), "nothing came in time");
    town.goes_on(&key(105));
}

#[test]
fn whose_turn_it_is_gets_through_though_a_thousand_connections_are_silent() {
    let town = town();
    let ada = key(1);
    let ticket = town.join(&ada);
    let made = town.make(&ada, |_| {});
    let mut crowd: Vec<TcpStream> = Vec::new();
    for n in 0..1_000 {
        crowd.push(match n % 3 {
            0 => town.connect(),
            1 => town.open("POST", "/v1/turns", 1_000),
            _ => town.open("GET", "/v1/files/transcript.bin", 0),
        });
    }
    // Its upload is slow too, and nobody takes its place.
    let half = made.file.len() / 2;
    let path = format!("/v1/turns/{ticket}/files/0?offset=0");
    let mut upload = town.open("POST", &path, half);
    upload.write_all(&made.file[..10]).unwrap();
    // Connections are taken in order: once this is answered, that one's head is being read.
    assert_eq!(town.standing(&ticket).state, "turn");
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..100 {
        crowd.push(town.connect());
    }
    upload.write_all(&made.file[10..half]).unwrap();
    assert_eq!(answer(upload).0, 200);
    assert_eq!(town.standing(&ticket).received, [half as u64]);
    // What silence was while they came is nobody's fault.
    town.coordinator.tick(now() + 119);
    assert_eq!(town.standing(&ticket).state, "turn");
    assert_eq!(town.hand_in(&ticket, &made).state, "accepted");
    drop(crowd);
}

#[test]
fn who_has_no_turn_hands_nothing_in_and_is_told_before_sending_it() {
    let town = town();
    let ada = town.join(&key(1));
    let bob = town.join(&key(2));
    for (ticket, status) in [(bob.as_str(), 409), ("00", 404)] {
        for call in ["files/0?offset=0", "entry"] {
            let path = format!("/v1/turns/{ticket}/{call}");
            assert_eq!(
                answer(town.open("POST", &path, 1 << 30)).0,
                status,
                "{path}"
            );
        }
    }
    assert_eq!(town.standing(&ada).state, "turn");
}

#[test]
fn an_upload_that_is_cut_goes_on_where_it_was_cut() {
    let town = town();
    let ada = key(1);
    let ticket = town.join(&ada);
    let made = town.make(&ada, |_| {});
    let path = format!("/v1/turns/{ticket}/files/0?offset=0");
    let mut upload = town.open("POST", &path, made.file.len());
    upload.write_all(&made.file[..700]).unwrap();
    drop(upload);
    let began = Instant::now();
    while town.standing(&ticket).received != [700] {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(town.hand_in(&ticket, &made).state, "accepted");
}

#[test]
fn a_steady_upload_is_a_sign_of_life_however_slow_the_line_is() {
    let town = town();
    let ada = key(1);
    let ticket = town.join(&ada);
    let made = town.make(&ada, |_| {});
    let path = format!("/v1/turns/{ticket}/files/0?offset=0");
    let mut upload = town.open("POST", &path, made.file.len());
    upload.write_all(&made.file[..10]).unwrap();
    let began = now();
    for piece in made.file[10..40].chunks(10) {
        std::thread::sleep(Duration::from_millis(1_100));
        upload.write_all(piece).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    town.coordinator.tick(began + 121);
    assert_eq!(town.standing(&ticket).state, "turn");
    upload.write_all(&made.file[40..]).unwrap();
    assert_eq!(answer(upload).0, 200);
    assert_eq!(town.hand_in(&ticket, &made).state, "accepted");
}

#[test]
fn who_hangs_up_while_an_entry_is_taken_is_checked_all_the_same() {
    let town = town();
    let ada = key(1);
    let ticket = town.join(&ada);
    let made = town.make(&ada, |_| {});
    assert_eq!(town.upload(&ticket, 0, &made.file), 200);
    let busy = town.coordinator.uploading.lock().unwrap();
    let mut stream = town.open(
        "POST",
        &format!("/v1/turns/{ticket}/entry"),
        made.entry.len(),
    );
    stream.write_all(&made.entry).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(stream);
    std::thread::sleep(Duration::from_millis(300));
    drop(busy);
    let began = Instant::now();
    while town.standing(&ticket).state != "accepted" {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    town.goes_on(&key(2));
}

#[test]
fn whose_turn_it_is_makes_no_excuse_for_its_own_silence() {
    let town = town();
    let hostile = key(1);
    let ticket = town.join(&hostile);
    let path = format!("/v1/turns/{ticket}/files/0?offset=0");
    let mut held: Vec<_> = (0..8).map(|_| town.open("POST", &path, 1_000)).collect();
    // Until the heads of all of these are read, there is room for one more.
    let refused = (0..20).any(|_| {
        let one_more = town.open("POST", &path, 1_000);
        let patience = Duration::from_millis(500);
        one_more.set_read_timeout(Some(patience)).unwrap();
        let status = answer(one_more.try_clone().unwrap()).0;
        held.push(one_more);
        status == 429
    });
    assert!(refused);
    assert!(!town.coordinator.pressure().within(now(), 60));
    town.coordinator.tick(now() + 121);
    assert_eq!(town.missed(&hostile), "nothing came in time");
    town.goes_on(&key(2));
    drop(held);
}
