use super::*;
use tacit_protocol::founding::{CircuitKeys, Operator, PROTOCOL_VERSION, Timing};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::CircuitId;

fn context(home: &Path) -> Context {
    let globals = Globals {
        home: Some(home.to_path_buf()),
        json: false,
        yes: false,
        passphrase_file: None,
    };
    Context::new(globals).unwrap()
}

/// A founding file that all operators signed.
fn committee(nonce: u8) -> (FoundingFile, Fingerprint) {
    let mut keys: Vec<SigningKey> = (1..5).map(|n| SigningKey::from_seed([n; 32])).collect();
    keys.sort_by_key(SigningKey::public);
    let operator = |key: &SigningKey| Operator {
        key: key.public(),
        name: "operator".into(),
    };
    let mut file = FoundingFile::draft(Founding {
        version: PROTOCOL_VERSION,
        epoch: 0,
        founded_ms: 0,
        nonce: [nonce; 16],
        operators: keys.iter().map(operator).collect(),
        circuits: vec![CircuitKeys {
            circuit: CircuitId(Digest([1; 32])),
            verifying_key: Digest([2; 32]),
            proving_key: Digest([3; 32]),
            transcript: None,
        }],
        group_creators: vec![],
        statement_creators: vec![],
        timing: Timing::LOOPBACK,
        max_open_statements: 1,
    });
    for key in &keys {
        file.sign(key);
    }
    let fingerprint = file.check().unwrap();
    (file, fingerprint)
}

#[test]
fn a_home_is_bound_to_one_committee() {
    let home = tempfile::tempdir().unwrap();
    assert!(load_founding(home.path()).unwrap().is_none());
    let (file, fingerprint) = committee(1);
    pin(home.path(), &file, &fingerprint, Origin::Node).unwrap();
    let pinned = load_founding(home.path()).unwrap().unwrap();
    assert_eq!(
        (pinned.file, pinned.fingerprint),
        (file.clone(), fingerprint)
    );

    let (other, others) = committee(2);
    let refused = pin(home.path(), &other, &others, Origin::Given).unwrap_err();
    assert_eq!(refused.code, "other-committee");
    // Nor does a file go under another committee's fingerprint.
    let refused = pin(home.path(), &file, &others, Origin::Given).unwrap_err();
    assert_eq!(refused.code, "other-committee");
    let still = load_founding(home.path()).unwrap().unwrap();
    assert_eq!(still.fingerprint, fingerprint);
}

#[test]
fn a_founding_file_that_somebody_did_not_sign_is_not_pinned() {
    let home = tempfile::tempdir().unwrap();
    let (mut file, fingerprint) = committee(1);
    file.signatures[1] = None;
    let refused = pin(home.path(), &file, &fingerprint, Origin::Given).unwrap_err();
    assert_eq!(refused.code, "founding");
    assert!(load_founding(home.path()).unwrap().is_none());
}

#[test]
fn where_the_fingerprint_is_known_from_only_gets_better() {
    let home = tempfile::tempdir().unwrap();
    let (file, fingerprint) = committee(1);
    for (said, kept) in [
        (Origin::Node, Origin::Node),
        (Origin::Invitation, Origin::Invitation),
        (Origin::Node, Origin::Invitation),
        (Origin::Given, Origin::Given),
        (Origin::Invitation, Origin::Given),
        (Origin::Node, Origin::Given),
    ] {
        let pinned = pin(home.path(), &file, &fingerprint, said).unwrap();
        assert_eq!(pinned.origin, kept);
        let loaded = load_founding(home.path()).unwrap().unwrap();
        assert_eq!(loaded.origin, kept);
    }
}

#[test]
fn a_changed_founding_file_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let (file, fingerprint) = committee(1);
    pin(home.path(), &file, &fingerprint, Origin::Given).unwrap();
    let (other, _) = committee(2);
    for bytes in [other.to_bytes(), file.to_bytes()[1..].to_vec(), vec![]] {
        files::replace(&home.path().join(FOUNDING_FILE), &bytes).unwrap();
        assert_eq!(load_founding(home.path()).unwrap_err().code, "damaged");
    }
    std::fs::remove_file(home.path().join(FOUNDING_FILE)).unwrap();
    assert_eq!(load_founding(home.path()).unwrap_err().code, "damaged");
}

fn network(urls: &[&str]) -> Network {
    Network {
        nodes: urls.iter().map(ToString::to_string).collect(),
        ..Network::default()
    }
}

#[test]
fn named_nodes_are_asked_instead_of_those_that_are_remembered() {
    let home = tempfile::tempdir().unwrap();
    let cx = context(home.path());
    assert_eq!(cx.api(&network(&[])).unwrap_err().code, "no-nodes");
    let asked = |urls: &[&str]| -> Vec<String> {
        let api = cx.api(&network(urls)).unwrap();
        api.nodes().iter().map(ToString::to_string).collect()
    };
    let (one, two) = ("https://one.example", "https://two.example");
    assert_eq!(asked(&[one]), [one]);
    // A node is remembered only when it has answered for the committee.
    assert_eq!(cx.api(&network(&[])).unwrap_err().code, "no-nodes");
    let both = [one, two].map(|url| ServiceUrl::parse(url).unwrap());
    cx.remember_nodes(&both).unwrap();
    assert_eq!(asked(&["https://two.example/"]), [two]);
    assert_eq!(asked(&[]), [one, two]);
}

#[test]
fn a_node_over_plain_http_is_not_even_remembered() {
    let home = tempfile::tempdir().unwrap();
    let cx = context(home.path());
    let refused = cx.api(&network(&["http://node.example"])).unwrap_err();
    assert_eq!(refused.code, "plain-http");
    assert!(cx.remembered_nodes().unwrap().is_empty());
}

#[test]
fn the_creators_key_is_made_once() {
    let home = tempfile::tempdir().unwrap();
    let cx = context(&home.path().join("new"));
    let key = cx.creator_key().unwrap().public();
    assert_eq!(cx.creator_key().unwrap().public(), key);
}

#[test]
#[cfg(unix)]
fn a_creators_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let cx = context(home.path());
    cx.creator_key().unwrap();
    let path = home.path().join(CREATOR_KEY_FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(cx.creator_key().unwrap_err().code, "permissions");
}

#[test]
fn a_damaged_creators_key_is_not_replaced() {
    let home = tempfile::tempdir().unwrap();
    let cx = context(home.path());
    let path = home.path().join(CREATOR_KEY_FILE);
    files::replace(&path, b"not a key").unwrap();
    assert_eq!(cx.creator_key().unwrap_err().code, "damaged");
    assert_eq!(std::fs::read(&path).unwrap(), b"not a key");
}

#[test]
fn a_secret_is_the_first_line_of_its_file() {
    let home = tempfile::tempdir().unwrap();
    let cx = context(home.path());
    let path = home.path().join("secret");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        cx.secret("Code", Some(&path), "--code-file")
            .map(|s| s.to_string())
            .map_err(|e| e.code)
    };
    assert_eq!(read(b"open sesame\nand more\n"), Ok("open sesame".into()));
    assert_eq!(read(b"open sesame\r\n"), Ok("open sesame".into()));
    assert_eq!(read(b" spaces count "), Ok(" spaces count ".into()));
    assert_eq!(read(b""), Err("needs-secret"));
    assert_eq!(read(b"\xff\xfe"), Err("not-text"));
}

#[test]
fn yes_answers_every_question() {
    let home = tempfile::tempdir().unwrap();
    let mut cx = context(home.path());
    cx.globals.yes = true;
    assert_eq!(cx.confirm("Sign?", "--yes"), Ok(()));
}
