//! What is read: whole lists, and chains and bundles that hold without trusting the node.

use std::sync::atomic::Ordering;

use axum::http::header;
use serde_json::json;
use tacit_circuits::keys::key_hash;
use tacit_protocol::{
    chain::{Chain, Facts},
    codec::{Decode as _, Encode as _},
    entry::Subject,
    founding::FoundingFile,
    proof::{Bundle, CertifiedChain, ProvenFacts},
};

use crate::{
    committee::{FOUNDED_MS, operators},
    http::{Client, quick},
    log::TestLog,
    people::{self, MEMBERS, collecting, found_group, member},
};

fn hex_leaf(i: u8) -> String {
    hex::encode(tacit_protocol::field::fr_to_bytes(&member(i).commitment()))
}

/// Checks that a chain ends in what its facts say.
fn check(chain: &Chain, proven: &ProvenFacts, subject: Subject) {
    assert_eq!(chain.subject, subject);
    assert_eq!(&chain.fold().unwrap(), proven.facts.head());
    let links = match &proven.facts {
        Facts::Group(f) => f.links,
        Facts::Statement(f) => f.links,
    };
    assert_eq!(chain.links.len() as u64, links);
}

#[tokio::test]
async fn the_founding_file_and_its_keys_are_served_as_they_are_pinned() {
    let client = Client::new(&TestLog::new());
    let founding = client.get("/v1/founding").await;
    assert_eq!(
        founding.headers[header::CONTENT_TYPE],
        "application/octet-stream"
    );
    let file = FoundingFile::from_bytes(&founding.ok()).unwrap();
    assert_eq!(file.check().unwrap(), operators().fingerprint);

    let epoch = client.get("/v1/epoch").await;
    assert_eq!(epoch.headers[header::CONTENT_TYPE], "application/json");
    let epoch = epoch.json();
    assert_eq!(epoch["fingerprint"], operators().fingerprint.to_string());
    assert_eq!(epoch["development_keys"], true);
    assert_eq!(
        (&epoch["epoch"], &epoch["protocol"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(epoch["nodes"].as_array().unwrap().len(), 4);
    assert_eq!(
        epoch["nodes"][0],
        json!({
            "index": 0,
            "name": "Operator 0",
            "key": operators().keys[0].public().to_string(),
            "api": "https://node-0.example",
        })
    );
    assert_eq!(epoch["nodes"][1]["api"], json!(null));
    for name in ["verifying_key", "proving_key"] {
        let hash = epoch[name].as_str().unwrap();
        let key = client.get(&format!("/v1/keys/{hash}")).await.ok();
        assert_eq!(key_hash(&key).to_string(), hash);
    }
}

#[tokio::test]
async fn groups_are_shown_and_their_members_listed_whole() {
    let log = TestLog::new();
    let client = Client::new(&log);
    assert_eq!(client.get("/v1/groups").await.json(), json!([]));
    let id = found_group(&log, 1);
    let view = client.get(&format!("/v1/groups/{id}")).await.json();
    let registrars = view["registrars"].clone();
    assert_eq!(registrars.as_array().unwrap().len(), 3);
    let expected = json!({
        "id": id.to_string(),
        "name": "The Quiet Society",
        "members": 6,
        "classes": [{"name": "senators", "members": 2}],
        "registrars": registrars,
        "threshold": 2,
    });
    assert_eq!(view, expected);
    assert_eq!(client.get("/v1/groups").await.json(), json!([expected]));

    let leaves: Vec<_> = (0..MEMBERS).map(hex_leaf).collect();
    let whole = json!({"members": leaves, "classes": {"senators": [hex_leaf(0), hex_leaf(1)]}});
    let path = format!("/v1/groups/{id}/members");
    assert_eq!(client.get(&path).await.json(), whole);
    // Nothing makes it a part.
    for query in ["?leaf=", "?limit=1", "?offset=1", "?page=2"] {
        let asked = format!("{path}{query}{}", hex_leaf(0));
        assert_eq!(client.get(&asked).await.json(), whole);
    }
}

#[tokio::test]
async fn statements_are_shown_and_their_signatures_listed_whole() {
    let log = TestLog::new();
    let (group, id) = collecting(&log);
    let client = Client::new(&log);
    let path = format!("/v1/statements/{id}");
    let shown = client.get(&path).await.json();
    let k = log.with(|m| {
        m.ledger()
            .statement(&id)
            .unwrap()
            .unwrap()
            .opening
            .unwrap()
            .k
    });
    let opened_ms = shown["opened_ms"].as_u64().unwrap();
    let expected = |count: u64| {
        json!({
            "id": id.to_string(),
            "group": group.to_string(),
            "text": "We keep the library open.",
            "trigger": "count >= 3",
            "deadline_ms": FOUNDED_MS + 1_000_000_000,
            "status": "collecting",
            "count": count,
            "classes": {"senators": 0},
            "holders": [0, 1, 2, 3],
            "needed": 3,
            "k": hex::encode(k.to_bytes()),
            "members": 6,
            "opened_ms": opened_ms,
            "faults": [],
            "smallest_list": 3,
            "development_keys": true,
        })
    };
    assert_eq!(shown, expected(0));
    assert!(
        opened_ms > FOUNDED_MS && opened_ms <= log.with(|m| m.ledger().applied().unwrap().time_ms)
    );

    let mut listed = Vec::new();
    for i in 0..2u8 {
        let signature = people::sign(&log, id, i, i + 1, 1);
        let entry = tacit_protocol::entry::Entry::parse(&signature.entry).unwrap();
        let tacit_protocol::entry::Entry::Sign(sign) = entry else {
            unreachable!()
        };
        let height = log.block(&[signature.entry]);
        listed.push(json!({
            "position": i,
            "nullifier": hex::encode(sign.nullifier.to_le_bytes()),
            "ct": hex::encode(sign.ct.to_le_bytes()),
            "class": null,
            "height": height,
        }));
        // Each new one shows at once, kept answers or not.
        let signatures = client.get(&format!("{path}/signatures")).await.json();
        assert_eq!(signatures, json!({"signatures": listed}));
    }
    assert_eq!(client.get(&path).await.json(), expected(2));
    assert_eq!(
        client.get("/v1/statements").await.json(),
        json!([expected(2)])
    );
    let one = listed[0]["nullifier"].as_str().unwrap();
    let asked = format!("{path}/signatures?nullifier={one}&limit=1");
    assert_eq!(
        client.get(&asked).await.json(),
        json!({"signatures": listed})
    );
}

#[tokio::test]
async fn a_statement_that_is_prepared_shows_the_group_as_it_stands() {
    let log = TestLog::new();
    let group = found_group(&log, 1);
    let statement = people::statement(group, "Soon.");
    let id = statement.id();
    log.block(&[people::bytes(people::propose(statement))]);
    let shown = Client::new(&log)
        .get(&format!("/v1/statements/{id}"))
        .await
        .json();
    assert_eq!(shown["status"], "preparing");
    assert_eq!(
        (&shown["members"], &shown["k"], &shown["opened_ms"]),
        (&json!(6), &json!(null), &json!(null))
    );
}

#[tokio::test]
async fn chains_fold_to_the_certified_head() {
    let log = TestLog::new();
    let (group, id) = collecting(&log);
    let client = Client::new(&log);
    log.beat();
    for (path, subject) in [
        (format!("/v1/groups/{group}/chain"), Subject::Group(group)),
        (format!("/v1/statements/{id}/chain"), Subject::Statement(id)),
    ] {
        let bytes = client.get(&path).await.ok();
        let certified = CertifiedChain::from_bytes(&bytes).unwrap();
        assert_eq!(certified.to_bytes(), bytes);
        let operators = operators();
        let time = certified
            .state
            .verify(operators.founding(), &operators.fingerprint)
            .unwrap();
        assert_eq!(time, log.with(|m| m.ledger().applied().unwrap().time_ms));
        let [proven] = certified.state.facts.as_slice() else {
            panic!("exactly one")
        };
        check(&certified.chain, proven, subject);
    }
}

#[tokio::test]
async fn a_chain_waits_for_the_header_that_commits_to_it() {
    let log = TestLog::new();
    let client = Client::new(&log);
    let group = found_group(&log, 1);
    let path = format!("/v1/groups/{group}/chain");
    let applied = log.with(|m| m.ledger().applied().unwrap().height);
    let beating = log.heartbeat();
    let certified = CertifiedChain::from_bytes(&client.get(&path).await.ok()).unwrap();
    beating.abort();
    assert_eq!(certified.state.header.headers[0].height, applied + 1);
    certified
        .state
        .verify(operators().founding(), &operators().fingerprint)
        .unwrap();
}

#[tokio::test]
async fn a_height_without_a_certificate_is_proven_by_the_next_that_has_one() {
    let log = TestLog::new();
    let client = Client::new(&log);
    let group = found_group(&log, 1);
    let next = log.with(|m| m.ledger().applied().unwrap().height) + 1;
    log.uncertify(next);
    log.uncertify(next + 1);
    let path = format!("/v1/groups/{group}/chain");
    let beating = log.heartbeat();
    let certified = CertifiedChain::from_bytes(&client.get(&path).await.ok()).unwrap();
    beating.abort();
    let heights: Vec<_> = certified
        .state
        .header
        .headers
        .iter()
        .map(|h| h.height)
        .collect();
    assert_eq!(heights, [next, next + 1, next + 2]);
    certified
        .state
        .verify(operators().founding(), &operators().fingerprint)
        .unwrap();
}

#[tokio::test]
async fn a_bundle_holds_a_statements_whole_life_at_any_time() {
    let log = TestLog::new();
    let group = found_group(&log, 1);
    let statement = people::statement(group, "We keep the library open.");
    let id = statement.id();
    log.block(&[people::bytes(people::propose(statement))]);
    let client = Client::new(&log);
    let path = format!("/v1/statements/{id}/bundle");
    let bundle = async || {
        log.beat();
        let bytes = client.get(&path).await.ok();
        let bundle = Bundle::from_bytes(&bytes).unwrap();
        assert_eq!(bundle.to_bytes(), bytes);
        assert_eq!(bundle.founding, operators().file);
        assert_eq!(bundle.verifying_key, operators().verifying.to_bytes());
        bundle
            .state
            .verify(operators().founding(), &operators().fingerprint)
            .unwrap();
        let [of_group, of_statement] = bundle.state.facts.as_slice() else {
            panic!("the group's and the statement's")
        };
        check(&bundle.group, of_group, Subject::Group(group));
        check(&bundle.statement, of_statement, Subject::Statement(id));
        assert!(bundle.bodies.is_empty());
        bundle.statement.links.len()
    };
    let preparing = bundle().await;
    log.make_key(&id);
    let collecting = bundle().await;
    let signatures: Vec<_> = (0..3)
        .map(|i| people::sign(&log, id, i, i + 1, 1))
        .collect();
    log.block(&[signatures[0].entry.clone()]);
    let signed = bundle().await;
    assert!(preparing < collecting && collecting < signed);
}

#[tokio::test]
async fn an_open_list_is_served_with_all_its_bodies_or_not_at_all() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    let client = Client::new(&log);
    let path = format!("/v1/statements/{id}/bundle");
    let signatures: Vec<_> = (0..3)
        .map(|i| people::sign(&log, id, i, i + 1, 1))
        .collect();
    let entries: Vec<_> = signatures.iter().map(|s| s.entry.clone()).collect();
    log.block(&entries);
    let bodies: Vec<_> = signatures.into_iter().filter_map(|s| s.body).collect();
    log.open(&id, &bodies);
    assert_eq!(
        client.get(&format!("/v1/statements/{id}")).await.json()["status"],
        "revealed"
    );
    log.beat();
    assert_eq!(client.get(&path).await.problem(), "bodies-missing");

    let numbered: Vec<_> = (0u64..).zip(bodies.clone()).collect();
    let publish = |part| log.with(|m| m.ledger_mut().publish_bodies(&id, part).unwrap());
    publish(&numbered[..2]);
    assert_eq!(client.get(&path).await.problem(), "bodies-missing");
    publish(&numbered[2..]);
    let bundle = Bundle::from_bytes(&client.get(&path).await.ok()).unwrap();
    assert_eq!(bundle.bodies, bodies);
    bundle
        .state
        .verify(operators().founding(), &operators().fingerprint)
        .unwrap();
}

#[tokio::test]
async fn an_answer_is_kept_while_it_is_true_and_its_certificate_is_fresh() {
    let log = TestLog::new();
    let group = found_group(&log, 1);
    log.beat();
    let limits = tacit_node::api::Limits {
        refresh_ms: 5_000,
        ..quick()
    };
    let client = Client::with(&log, limits);
    let path = format!("/v1/groups/{group}/chain");
    let header = async || {
        let bytes = client.get(&path).await.ok();
        CertifiedChain::from_bytes(&bytes)
            .unwrap()
            .state
            .header
            .headers[0]
            .height
    };
    let first = header().await;
    let reads = log.reads.load(Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(header().await, first);
    }
    assert_eq!(
        log.reads.load(Ordering::SeqCst),
        reads,
        "at the same height nothing is read"
    );
    log.beat();
    assert_eq!(
        header().await,
        first,
        "a block that changed nothing changes no answer"
    );
    for _ in 0..5 {
        log.beat();
    }
    assert_eq!(header().await, first + 6, "a certificate doesn't grow old");
}

#[tokio::test]
async fn those_who_ask_together_wait_for_one_answer() {
    let log = TestLog::new();
    let group = found_group(&log, 1);
    let client = Client::new(&log);
    let path = format!("/v1/groups/{group}/chain");
    let reads = log.reads.load(Ordering::SeqCst);
    let beating = log.heartbeat();
    let asked = futures::future::join_all((0..20).map(|_| client.get(&path))).await;
    beating.abort();
    let mut answers: Vec<_> = asked.into_iter().map(|answer| answer.ok()).collect();
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(log.reads.load(Ordering::SeqCst), reads + 1);
}

#[tokio::test]
async fn what_one_waits_for_in_vain_the_others_do_not_wait_for_again() {
    let log = TestLog::new();
    let group = found_group(&log, 1);
    let client = Client::new(&log);
    let path = format!("/v1/groups/{group}/chain");
    let start = std::time::Instant::now();
    let asked = futures::future::join_all((0..20).map(|_| client.get(&path))).await;
    assert!(asked.iter().all(|answer| answer.problem() == "uncertified"));
    assert!(start.elapsed() < 10 * quick().certify_time);
    // Who asks later isn't told so because of them.
    log.beat();
    client.get(&path).await.ok();
}

/// A log that stands still right after a block that changed something.
#[tokio::test]
async fn while_no_certificate_comes_whatever_the_last_block_did_not_change_is_served() {
    let log = TestLog::new();
    let (group, id) = collecting(&log);
    log.beat();
    // Nobody has asked for any of it yet.
    let other = found_group(&log, 2);
    let client = Client::new(&log);
    let bundle = client
        .get(&format!("/v1/statements/{id}/bundle"))
        .await
        .ok();
    let bundle = Bundle::from_bytes(&bundle).unwrap();
    let operators = operators();
    bundle
        .state
        .verify(operators.founding(), &operators.fingerprint)
        .unwrap();
    client.get(&format!("/v1/groups/{group}/chain")).await.ok();
    client.get(&format!("/v1/statements/{id}/chain")).await.ok();
    // What did change was never certified.
    let changed = client.get(&format!("/v1/groups/{other}/chain")).await;
    assert_eq!(changed.problem(), "uncertified");
}

#[tokio::test]
async fn while_no_certificate_comes_the_last_certified_answer_is_served() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    log.beat();
    let limits = tacit_node::api::Limits {
        refresh_ms: 0,
        ..quick()
    };
    let client = Client::with(&log, limits);
    let path = format!("/v1/statements/{id}/bundle");
    let before = client.get(&path).await.ok();
    let signature = people::sign(&log, id, 0, 1, 1);
    log.block(&[signature.entry]);
    assert_eq!(client.get(&path).await.ok(), before);
    let asked = futures::future::join_all((0..5).map(|_| client.get(&path))).await;
    assert!(asked.into_iter().all(|answer| answer.ok() == before));
    // The log moves again.
    log.beat();
    assert_ne!(client.get(&path).await.ok(), before);
}

#[tokio::test]
async fn health_says_which_committee_and_version() {
    let health = Client::new(&TestLog::new()).get("/v1/health").await.json();
    assert_eq!(
        health,
        json!({
            "status": "alive",
            "version": env!("CARGO_PKG_VERSION"),
            "fingerprint": operators().fingerprint.to_string(),
        })
    );
}
