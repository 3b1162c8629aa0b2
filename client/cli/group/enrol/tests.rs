use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;
use tacit_protocol::group::{Attestation, GroupRoster};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Binder, Fingerprint, Subject};
use tacit_protocol::keys::{Signature, SigningKey};

fn group() -> GroupDefinition {
    let mut registrars: Vec<_> = (1..=3)
        .map(|n| SigningKey::from_seed([n; 32]).public())
        .collect();
    registrars.sort();
    GroupDefinition {
        fingerprint: Fingerprint(Digest([5; 32])),
        name: "Town".into(),
        nonce: [6; 16],
        roster: GroupRoster::Growing,
        threshold: 2,
        registrars,
        classes: Vec::new(),
        creators: Vec::new(),
        creator: SigningKey::from_seed([9; 32]).public(),
    }
}

fn a_code(group: &GroupDefinition, position: usize) -> Zeroizing<String> {
    let code = tacit_registrar::Code::draw(&mut getrandom::SysRng).unwrap();
    code.text(&group.id(), &group.registrars[position])
}

fn urls(count: u16) -> Vec<ServiceUrl> {
    (1..=count)
        .map(|n| ServiceUrl::parse(&format!("http://127.0.0.1:{n}")).unwrap())
        .collect()
}

#[test]
fn a_code_says_which_registrar_it_is_for() {
    let group = group();
    let paired = pair(&group, &urls(2), vec![a_code(&group, 2), a_code(&group, 0)]).unwrap();
    let positions: Vec<u8> = paired.iter().map(|r| r.position).collect();
    assert_eq!(positions, [2, 0]);
}

#[test]
fn a_typing_error_is_told_before_anything_is_sent() {
    let group = group();
    let mut mistyped = a_code(&group, 1);
    let first = if mistyped.starts_with('7') { "8" } else { "7" };
    mistyped.replace_range(..1, first);
    let mut other = group.clone();
    other.nonce = [7; 16];
    for wrong in [mistyped, a_code(&other, 1), Zeroizing::new("7".into())] {
        let refused = pair(&group, &urls(2), vec![a_code(&group, 0), wrong]).err();
        assert_eq!(refused.unwrap().code, "code-mistyped");
    }
    let twice = pair(&group, &urls(2), vec![a_code(&group, 0), a_code(&group, 0)]).err();
    assert_eq!(twice.unwrap().code, "codes");
}

#[test]
fn a_service_that_names_another_key_does_not_get_the_code() {
    let group = group();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    let claimed = group.registrars[1];
    std::thread::spawn(move || {
        // Stops with the test: the listener's thread ends with the process.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 8192];
            let read = stream.read(&mut request).unwrap();
            let _ = tell.send(String::from_utf8_lossy(&request[..read]).into_owned());
            let body = format!(r#"{{"name":"Eve","key":"{claimed}","groups":[]}}"#);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let url = ServiceUrl::parse(&url).unwrap();
    let code = a_code(&group, 0);
    let registrars = pair(&group, &[url], vec![code.clone()]).unwrap();
    let refused = registrars[0].invitation(&group.id(), &group).err();
    assert_eq!(refused.unwrap().code, "other-registrar");
    let requests: Vec<String> = told.try_iter().collect();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("GET /v1/registrar "));
    assert!(!requests[0].contains(code.as_str()));
}

#[test]
fn some_registrars_may_be_away_and_none_may_refuse() {
    let group = group();
    let codes = (0..3).map(|i| a_code(&group, i)).collect();
    let registrars = pair(&group, &urls(3), codes).unwrap();
    let away = || Failure::unreachable("registrar-unreachable", "away", "");
    let asked = |out: &[u8], refuses: Option<u8>| {
        ask_all(2, &registrars, |r| match r.position {
            p if refuses == Some(p) => Err(Failure::usage("code-used", "used", "")),
            p if out.contains(&p) => Err(away()),
            p => Ok(p),
        })
        .map(|all| all.into_iter().map(|(_, p)| p).collect::<Vec<_>>())
        .map_err(|e| e.code)
    };
    assert_eq!(asked(&[], None), Ok(vec![0, 1, 2]));
    assert_eq!(asked(&[1], None), Ok(vec![0, 2]));
    assert_eq!(asked(&[1, 2], None), Err("registrar-unreachable"));
    assert_eq!(asked(&[1], Some(2)), Err("code-used"));
    assert_eq!(asked(&[], Some(0)), Err("code-used"));
}

#[test]
fn an_enrolment_that_the_log_has_is_sent_as_the_log_has_it() {
    let enrol = |registrar: u8, subject: u8| Enrol {
        attestation: Attestation {
            group: group().id(),
            subject: Subject(Digest([subject; 32])),
            binder: Binder(Digest([2; 32])),
            leaf: FieldElement(3u64.into()),
            classes: Vec::new(),
        },
        registrars: vec![RegistrarSignature {
            registrar,
            signature: Signature([registrar; 64]),
        }],
    };
    let bytes = |e: Enrol| Entry::Enrol(e).to_bytes();
    let logged = bytes(enrol(0, 1));
    assert_eq!(same_as_before(Some(logged.clone()), enrol(1, 1)), logged);
    assert_eq!(same_as_before(None, enrol(1, 1)), bytes(enrol(1, 1)));
    // Another person under the same leaf: the log's to refuse.
    assert_eq!(
        same_as_before(Some(logged), enrol(1, 9)),
        bytes(enrol(1, 9))
    );
}
