//! The client of several nodes, against small servers on loopback that misbehave in one way each.

mod committee;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use committee::{Committee, Person};
use tacit_client::api::{Api, ApiError, Connector, Held, ServiceError, ServiceUrl};
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::entry::Entry;
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::Fingerprint;
use tacit_protocol::proof::Submission;
use tacit_protocol::signature::{PROOF_BYTES, Sign};

/// A server that gives every request the same answer.
struct Server {
    url: ServiceUrl,
    asked: Arc<AtomicUsize>,
    last: Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Server {
    fn new(status: &str, headers: &str, body: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        let answer = [head.as_bytes(), body].concat();
        let asked = Arc::new(AtomicUsize::new(0));
        let last = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (count, keep) = (asked.clone(), last.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                *keep.lock().unwrap() = read_request(&mut stream);
                let _ = stream.write_all(&answer);
            }
        });
        Self {
            url: ServiceUrl::parse(&url).unwrap(),
            asked,
            last,
        }
    }

    fn ok(body: &[u8]) -> Self {
        Self::new("200 OK", "", body)
    }

    fn problem(status: &str, detail: &str) -> Self {
        Self::named(status, "t", detail)
    }

    fn named(status: &str, kind: &str, detail: &str) -> Self {
        let body = format!(
            r#"{{"type":"{kind}","title":"T","status":0,"detail":"{detail}","advice":"a"}}"#
        );
        Self::new(
            status,
            "content-type: application/problem+json\r\n",
            body.as_bytes(),
        )
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Reads head and body of a request.
fn read_request(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let n = stream.read(&mut buffer).unwrap_or(0);
        request.extend_from_slice(&buffer[..n]);
        let head = request.windows(4).position(|w| w == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.split("content-length: ").nth(1).unwrap_or("0");
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if request.len() >= head + 4 + length {
                return request;
            }
        }
        if n == 0 {
            return request;
        }
    }
}

/// Where nobody listens.
fn nobody() -> ServiceUrl {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    ServiceUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
}

fn api(servers: &[&Server]) -> Api {
    Api::new(
        Connector::new(),
        servers.iter().map(|s| s.url.clone()).collect(),
    )
}

fn group_json(name: &str) -> Vec<u8> {
    format!(r#"[{{"id":"00","name":"{name}","members":5,"classes":[],"registrars":["aa"],"threshold":2}}]"#)
        .into_bytes()
}

#[test]
fn whoever_is_down_errs_or_talks_nonsense_is_passed_over() {
    let bad = [
        Server::problem("500 Internal Server Error", "broken"),
        Server::ok(b"<html>welcome</html>"),
        Server::problem("503 Service Unavailable", "starting"),
    ];
    let good = Server::ok(&group_json("found"));
    let mut nodes: Vec<ServiceUrl> = bad.iter().map(|s| s.url.clone()).collect();
    nodes.extend([nobody(), good.url.clone()]);
    let api = Api::new(Connector::new(), nodes);
    for _ in 0..40 {
        assert_eq!(api.groups().unwrap()[0].name, "found");
    }
    assert_eq!(good.asked(), 40);
    // The order is random: not the same node is asked first each time.
    assert!(bad.iter().all(|s| s.asked() < 40));
}

#[test]
fn nobody_to_ask_and_nobody_there_are_told_apart() {
    assert_eq!(
        Api::new(Connector::new(), vec![]).groups(),
        Err(ApiError::NoNodes)
    );
    let url = nobody();
    match Api::new(Connector::new(), vec![url.clone()]).groups() {
        Err(ApiError::Unreachable(attempts)) => {
            assert_eq!(attempts.len(), 1);
            assert_eq!(attempts[0].node, url);
            assert!(matches!(attempts[0].error, ServiceError::Transport(_)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_weightiest_account_is_the_one_that_is_told() {
    let invalid = Server::problem("422 Unprocessable Content", "invalid");
    let not_yet = Server::problem("504 Gateway Timeout", "not final yet");
    let absent = Server::problem("404 Not Found", "absent");
    let busy = Server::problem("429 Too Many Requests", "busy");
    let nonsense = Server::ok(b"nonsense");
    let told = |servers: &[&Server]| match api(servers).groups() {
        Err(ApiError::Problem { problem, .. }) => problem.detail,
        Err(ApiError::BadAnswer { .. }) => "nonsense".to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        told(&[&nonsense, &busy, &absent, &not_yet, &invalid]),
        "invalid"
    );
    assert_eq!(
        told(&[&nonsense, &busy, &absent, &not_yet]),
        "not final yet"
    );
    assert_eq!(told(&[&nonsense, &busy, &absent]), "absent");
    assert_eq!(told(&[&nonsense, &busy]), "busy");
    assert_eq!(told(&[&nonsense]), "nonsense");
}

#[test]
fn a_problems_status_is_that_of_the_answer_and_not_its_own_claim() {
    let server = Server::problem("504 Gateway Timeout", "d");
    let Err(ApiError::Problem { problem, .. }) = api(&[&server]).groups() else {
        panic!("no problem");
    };
    assert_eq!((problem.status, problem.is_not_yet()), (504, true));
    assert_eq!((problem.kind.as_str(), problem.advice.as_str()), ("t", "a"));
    let bare = Server::new("418 I'm a teapot", "", b"no json");
    let Err(ApiError::Problem { problem, .. }) = api(&[&bare]).groups() else {
        panic!("no problem");
    };
    assert!(problem.to_string().contains("418"));
}

#[test]
fn a_redirect_is_not_followed() {
    let target = Server::ok(&group_json("elsewhere"));
    let header = format!("location: {}/v1/groups\r\n", target.url);
    let server = Server::new("302 Found", &header, b"");
    assert!(api(&[&server]).groups().is_err());
    assert_eq!(target.asked(), 0);
}

#[test]
fn an_answer_over_the_limit_is_cut_off() {
    let server = Server::ok(&vec![b'x'; 5000]);
    let get = |limit| {
        let patience = Duration::from_secs(10);
        Connector::new().get(&server.url, "/v1/founding", limit, patience)
    };
    assert_eq!(get(5000).unwrap().len(), 5000);
    assert!(matches!(get(4999), Err(ServiceError::BadAnswer(_))));
}

#[test]
fn a_node_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = ServiceUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let patience = Duration::from_millis(300);
    let start = Instant::now();
    let given_up = Connector::new().get(&url, "/v1/groups", 100, patience);
    assert!(matches!(given_up, Err(ServiceError::Transport(_))));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_node_that_stops_in_the_middle_is_given_up_however_long_the_answer_may_take() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = ServiceUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome";
        let _ = stream.write_all(head);
        thread::sleep(Duration::from_secs(20));
    });
    let connector = Connector::with_stall(Duration::from_millis(300));
    let start = Instant::now();
    let given_up = connector.get(&url, "/v1/groups", 1000, Duration::from_secs(600));
    assert!(
        matches!(given_up, Err(ServiceError::Transport(_))),
        "{given_up:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn requests_tell_nothing_about_who_asks() {
    let server = Server::ok(&group_json("x"));
    api(&[&server]).groups().unwrap();
    let request = String::from_utf8(server.last.lock().unwrap().clone()).unwrap();
    let mut names: Vec<String> = request
        .lines()
        .skip(1)
        .filter_map(|l| l.split_once(':'))
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.sort();
    assert_eq!(names, ["accept", "host", "user-agent"]);
    assert!(request.to_lowercase().contains("user-agent: tacit\r\n"));
}

#[test]
fn a_founding_file_of_another_committee_is_passed_over() {
    let committee = Committee::new();
    let mut other = committee.file.clone();
    other.founding.nonce = [9; 16];
    for key in &committee.operators {
        other.sign(key);
    }
    let (ours, theirs) = (
        Server::ok(&committee.file.to_bytes()),
        Server::ok(&other.to_bytes()),
    );
    let api = api(&[&ours, &theirs]);
    for _ in 0..4 {
        let (file, fingerprint) = api.founding(Some(&committee.fingerprint)).unwrap();
        assert_eq!(
            (file, fingerprint),
            (committee.file.clone(), committee.fingerprint)
        );
    }
    let nobodys = Fingerprint(Digest([1; 32]));
    assert!(matches!(
        api.founding(Some(&nobodys)),
        Err(ApiError::OtherCommittee { expected, .. }) if expected == nobodys
    ));

    let mut unsigned = committee.file.clone();
    unsigned.signatures[0] = None;
    let server = Server::ok(&unsigned.to_bytes());
    let refused = self::api(&[&server]).founding(None);
    assert!(matches!(refused, Err(ApiError::BadAnswer { .. })));
}

#[test]
fn a_key_goes_through_the_callers_check() {
    let server = Server::ok(b"key");
    let hash = Digest([1; 32]);
    let api = api(&[&server]);
    assert_eq!(api.key(&hash, |bytes| Ok(bytes.len())), Ok(3));
    let refused = api.key(&hash, |_| Err::<(), _>("wrong hash".to_string()));
    assert!(matches!(refused, Err(ApiError::BadAnswer { reason, .. }) if reason == "wrong hash"));
}

/// A signature that a node would take, were its proof one: receipts are checked without it.
fn sign(committee: &Committee, ct: u64, proof: u8) -> Sign {
    Sign {
        statement: committee.id(),
        class: None,
        floor: 0,
        nullifier: FieldElement(Fr::from(1u64)),
        ct: FieldElement(Fr::from(ct)),
        payload_hash: Digest([2; 32]),
        proof: [proof; PROOF_BYTES],
    }
}

fn submission(entry: Entry) -> Submission {
    Submission {
        entry: entry.to_bytes(),
        body: None,
    }
}

/// Sends `sent` to a node that answers with a receipt of `logged`.
fn submit(committee: &Committee, sent: &Sign, logged: &Entry) -> Result<u64, ApiError> {
    let receipt = committee.receipt(&logged.to_bytes());
    let server = Server::ok(&receipt.to_bytes());
    let founding = (&committee.file.founding, &committee.fingerprint);
    let submission = submission(Entry::Sign(sent.clone()));
    let finalized = api(&[&server]).submit_signature(&committee.id(), &submission, founding);
    let request = server.last.lock().unwrap().clone();
    assert!(request.ends_with(&submission.to_bytes()));
    finalized.map(|f| {
        assert_eq!(&f.entry, logged);
        assert_eq!(f.receipt, receipt);
        f.height
    })
}

#[test]
fn a_receipt_of_what_was_sent_is_taken() {
    let committee = Committee::new();
    let sent = sign(&committee, 5, 1);
    assert_eq!(
        submit(&committee, &sent, &Entry::Sign(sent.clone())),
        Ok(60)
    );
}

#[test]
fn a_receipt_of_the_same_signature_with_another_proof_is_taken() {
    let committee = Committee::new();
    let logged = Entry::Sign(sign(&committee, 5, 2));
    assert_eq!(submit(&committee, &sign(&committee, 5, 1), &logged), Ok(60));
}

#[test]
fn a_receipt_of_another_signature_is_refused() {
    let committee = Committee::new();
    let sent = sign(&committee, 5, 1);
    let other_class = Sign {
        class: Some(0),
        ..sent.clone()
    };
    let other_payload = Sign {
        payload_hash: Digest([3; 32]),
        ..sent.clone()
    };
    let other_nullifier = Sign {
        nullifier: FieldElement(Fr::from(2u64)),
        ..sent.clone()
    };
    let other_statement = Sign {
        statement: tacit_protocol::ids::StatementId(Digest([1; 32])),
        ..sent.clone()
    };
    let others = [
        sign(&committee, 6, 1),
        other_class,
        other_payload,
        other_nullifier,
        other_statement,
    ];
    let enrol = Entry::Enrol(committee.enrol(&Person::new(9)));
    for logged in others.map(Entry::Sign).into_iter().chain([enrol]) {
        let refused = submit(&committee, &sent, &logged);
        assert!(
            matches!(&refused, Err(ApiError::BadAnswer { reason, .. }) if reason.contains("another entry")),
            "{refused:?}"
        );
    }
}

#[test]
fn a_receipt_that_no_quorum_certifies_is_refused() {
    let committee = Committee::new();
    let sent = sign(&committee, 5, 1);
    let mut receipt = committee.receipt(&Entry::Sign(sent.clone()).to_bytes());
    let last = receipt.header.certificate.len() - 1;
    receipt.header.certificate[last] ^= 1;
    let server = Server::ok(&receipt.to_bytes());
    let founding = (&committee.file.founding, &committee.fingerprint);
    let submission = submission(Entry::Sign(sent));
    let refused = api(&[&server]).submit_signature(&committee.id(), &submission, founding);
    assert!(matches!(refused, Err(ApiError::BadAnswer { .. })));
}

#[test]
fn an_enrolments_receipt_is_of_exactly_what_was_sent() {
    let committee = Committee::new();
    let sent = Entry::Enrol(committee.enrol(&Person::new(9)));
    let receipt = committee.receipt(&sent.to_bytes());
    let server = Server::ok(&receipt.to_bytes());
    let founding = (&committee.file.founding, &committee.fingerprint);
    let submit = |entry: &Entry| {
        let submission = submission(entry.clone());
        api(&[&server]).submit_member(&committee.group_id(), &submission, founding)
    };
    assert_eq!(submit(&sent).unwrap().entry, sent);
    let other = Entry::Enrol(committee.enrol(&Person::new(8)));
    assert!(matches!(submit(&other), Err(ApiError::BadAnswer { .. })));
}

#[test]
fn a_bundle_is_decoded_wholly_before_it_is_checked() {
    let committee = Committee::new();
    let mut bytes = committee.bundle().to_bytes();
    let server = Server::ok(&bytes);
    let same = api(&[&server]).bundle(&committee.id(), |raw, bundle| {
        assert_eq!(tacit_protocol::proof::Bundle::from_bytes(&raw), Ok(bundle));
        Ok(Held::Enough(raw.len()))
    });
    assert_eq!(same, Ok(bytes.len()));
    bytes.push(0);
    let server = Server::ok(&bytes);
    let refused = api(&[&server]).bundle(&committee.id(), |_, _| Ok(Held::Enough(())));
    assert!(matches!(refused, Err(ApiError::BadAnswer { .. })));
}

#[test]
fn of_bundles_that_do_not_show_enough_it_is_the_newest() {
    let committee = Committee::new();
    let bytes = committee.bundle().to_bytes();
    let servers: Vec<Server> = (0..4).map(|_| Server::ok(&bytes)).collect();
    let broken = Server::ok(b"no bundle");
    let api = api(&[&servers[0], &servers[1], &broken, &servers[2], &servers[3]]);
    let heights = [5, 9, 7, 8];
    let mut asked = 0;
    let found = api.bundle(&committee.id(), |_, _| {
        let height = heights[asked];
        asked += 1;
        Ok(Held::Behind {
            found: height,
            height,
        })
    });
    assert_eq!((found, asked), (Ok(9), 4));
    // Enough is enough: nobody else is asked.
    let mut asked = 0;
    let found = api.bundle(&committee.id(), |_, _| {
        asked += 1;
        Ok(match asked {
            1 => Held::Behind {
                found: 9,
                height: 9,
            },
            _ => Held::Enough(5),
        })
    });
    assert_eq!((found, asked), (Ok(5), 2));
    // One that doesn't hold is none.
    let found = api.bundle(&committee.id(), |_, _| Err::<Held<()>, _>("no".into()));
    assert!(
        matches!(found, Err(ApiError::BadAnswer { .. })),
        "{found:?}"
    );
}

#[test]
fn that_a_signature_is_counted_weighs_more_than_that_another_one_waits() {
    let waits = || {
        Server::named(
            "409 Conflict",
            "tacit:signature-waiting",
            "another one waits",
        )
    };
    let [before, after] = [waits(), waits()];
    let counted = Server::named(
        "409 Conflict",
        "tacit:nullifier-spent",
        "another one is counted",
    );
    for _ in 0..8 {
        let said = api(&[&before, &counted, &after]).groups();
        let Err(ApiError::Problem { problem, .. }) = said else {
            panic!("{said:?}")
        };
        assert_eq!(problem.word(), "nullifier-spent");
    }
}
