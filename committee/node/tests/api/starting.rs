//! What a node refuses to start with.

use std::{fs, path::Path};

use tacit_node::{
    api::TlsError,
    home::{Home, HomeError, Settings},
    run::{RunError, RunOptions, run},
};
use tacit_protocol::founding::{Card, SignedCard};

use crate::committee::operators;

/// A node's folder, as `tacit node init` makes it.
fn home(folder: &Path) -> Home {
    let home = Home::new(folder.join("node"));
    let operators = operators();
    let keys = folder.join("keys");
    fs::create_dir_all(&keys).unwrap();
    for bytes in [operators.verifying.to_bytes(), operators.proving.to_bytes()] {
        let hash = tacit_circuits::keys::key_hash(&bytes);
        fs::write(keys.join(format!("{hash}.key")), bytes).unwrap();
    }
    // The first operator's key, as an operator's own file.
    home.ensure_key().unwrap();
    let seed = hex::encode(operators.keys[0].expose());
    fs::write(home.path().join("node.key"), seed).unwrap();
    let cards: Vec<SignedCard> = operators
        .founding()
        .operators
        .iter()
        .zip(&operators.keys)
        .map(|(operator, key)| {
            let card = Card {
                operator: operator.clone(),
                p2p: "127.0.0.1:1".into(),
                api: "http://127.0.0.1:2".into(),
                sequence: 1,
            };
            SignedCard::sign(card, key)
        })
        .collect();
    home.initialize(&operators.file, &cards, &keys, &settings(None, None))
        .unwrap();
    home
}

fn settings(cert: Option<&Path>, key: Option<&Path>) -> Settings {
    Settings {
        listen_p2p: "127.0.0.1:0".parse().unwrap(),
        listen_api: "127.0.0.1:0".parse().unwrap(),
        tls_cert: cert.map(Path::to_path_buf),
        tls_key: key.map(Path::to_path_buf),
        behind_proxy: false,
    }
}

fn refused(home: &Home, settings: &Settings) -> RunError {
    let text = serde_json::to_vec(settings).unwrap();
    fs::write(home.path().join("node.json"), text).unwrap();
    match run(home, &RunOptions::default()) {
        Ok(()) => panic!("it ran"),
        Err(error) => error,
    }
}

#[test]
fn half_a_tls_setting_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(folder.path());
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/tls");
    let (cert, key) = (tls.join("certificate.pem"), tls.join("key.pem"));
    for (cert, key) in [(Some(&*cert), None), (None, Some(&*key))] {
        let mut half = settings(cert, key);
        assert!(matches!(refused(&home, &half), RunError::HalfTls));
        // A proxy in front doesn't say what was meant either.
        half.behind_proxy = true;
        assert!(matches!(refused(&home, &half), RunError::HalfTls));
    }
    // Both, and one isn't there.
    let missing = folder.path().join("missing.pem");
    let error = refused(&home, &settings(Some(&missing), Some(&key)));
    assert!(
        matches!(error, RunError::Tls(TlsError::File { .. })),
        "{error}"
    );
    assert!(!home.database().exists(), "nothing had begun");
    assert!(!home.erasable().exists(), "nothing had begun");
}

#[test]
fn a_folder_without_a_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(&Home::new(folder.path()), &RunOptions::default()).unwrap_err();
    assert!(
        matches!(error, RunError::Home(HomeError::NoNode(_))),
        "{error}"
    );
}
