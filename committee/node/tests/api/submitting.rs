//! Submissions and their receipts.

use std::sync::Arc;

use tacit_protocol::{
    certificate::CertificateError,
    codec::{Decode as _, Encode as _},
    entry::Entry,
    proof::Receipt,
};

use crate::{
    committee::operators,
    http::Client,
    log::TestLog,
    people::{self, collecting, create_group, definition, enrol, plain, propose, statement},
};

fn verified(bytes: &[u8]) -> (Entry, u64, u64) {
    let receipt = Receipt::from_bytes(bytes).unwrap();
    receipt
        .verify(operators().founding(), &operators().fingerprint)
        .unwrap()
}

#[tokio::test]
async fn a_group_its_members_and_a_statement_come_into_the_log_over_http() {
    let log = TestLog::new();
    let client = Client::new(&log);
    let group = definition(1).id();
    let (entry, height, position) =
        verified(&client.post("/v1/groups", plain(create_group(1))).await.ok());
    assert_eq!((entry, height, position), (create_group(1), 1, 0));
    let members = format!("/v1/groups/{group}/members");
    for i in 0..people::MEMBERS {
        let receipt = client.post(&members, plain(enrol(group, i))).await.ok();
        assert_eq!(verified(&receipt).0, enrol(group, i));
    }
    let statement = statement(group, "We keep the library open.");
    let receipt = client
        .post("/v1/statements", plain(propose(statement.clone())))
        .await
        .ok();
    assert_eq!(verified(&receipt).0, propose(statement));
}

#[tokio::test]
async fn a_signature_is_counted_once_however_often_it_is_sent() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    let client = Client::new(&log);
    let route = format!("/v1/statements/{id}/signatures");
    let signature = people::sign(&log, id, 0, 1, 1);
    let first = client.post(&route, signature.to_bytes()).await.ok();
    let (entry, height, _) = verified(&first);
    assert_eq!(entry.to_bytes(), signature.entry);

    log.beat();
    let again = client.post(&route, signature.to_bytes()).await.ok();
    assert_eq!(verified(&again), (entry.clone(), height, 0));

    // The same sealing with another proof: the receipt is the first one's.
    let other_proof = people::sign(&log, id, 0, 1, 2);
    assert_ne!(other_proof.entry, signature.entry);
    let receipt = client.post(&route, other_proof.to_bytes()).await.ok();
    assert_eq!(verified(&receipt), (entry, height, 0));
    let shown = client.get(&format!("/v1/statements/{id}")).await.json();
    assert_eq!(shown["count"], 1);
}

#[tokio::test]
async fn many_who_send_at_once_all_get_receipts() {
    let log = TestLog::new();
    let client = Arc::new(Client::new(&log));
    client.post("/v1/groups", plain(create_group(1))).await.ok();
    let group = definition(1).id();
    let sends = (0..people::MEMBERS).flat_map(|i| [i, i]).map(|i| {
        let client = client.clone();
        tokio::spawn(async move {
            let path = format!("/v1/groups/{group}/members");
            let receipt = client.post(&path, plain(enrol(group, i))).await.ok();
            assert_eq!(verified(&receipt).0, enrol(group, i));
        })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.unwrap();
    }
    let view = client.get(&format!("/v1/groups/{group}")).await.json();
    assert_eq!(view["members"], people::MEMBERS);
}

#[tokio::test]
async fn a_receipt_waits_for_a_certificate_and_walks_up_to_it() {
    let log = TestLog::new();
    let client = Client::new(&log);
    log.uncertify(1);
    log.uncertify(2);
    // Final, but nothing proves it yet.
    let early = client.post("/v1/groups", plain(create_group(1))).await;
    assert_eq!(early.problem(), "not-final");
    let beating = log.heartbeat();
    let bytes = client.post("/v1/groups", plain(create_group(1))).await.ok();
    beating.abort();
    let receipt = Receipt::from_bytes(&bytes).unwrap();
    let heights: Vec<_> = receipt.header.headers.iter().map(|h| h.height).collect();
    assert_eq!(heights, [1, 2, 3]);
    assert_eq!(verified(&bytes).1, 1);
}

#[tokio::test]
async fn a_receipt_that_was_changed_does_not_verify() {
    let client = Client::new(&TestLog::new());
    let bytes = client.post("/v1/groups", plain(create_group(1))).await.ok();
    let good = Receipt::from_bytes(&bytes).unwrap();
    let verify = |receipt: &Receipt| {
        let result = receipt.verify(operators().founding(), &operators().fingerprint);
        result.map(drop)
    };
    let mut other_entry = good.clone();
    other_entry.entry = create_group(2).to_bytes();
    assert_eq!(verify(&other_entry), Err(CertificateError::Path));
    let mut other_header = good.clone();
    other_header.header.headers[0].timestamp_ms += 1;
    assert_eq!(verify(&other_header), Err(CertificateError::OtherBlock));
    let mut unsigned = good;
    let last = unsigned.header.certificate.len() - 1;
    unsigned.header.certificate[last] ^= 1;
    assert_eq!(verify(&unsigned), Err(CertificateError::Signature(2)));
}
