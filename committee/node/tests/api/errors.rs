//! Each way in which a request can be wrong: its status, and its problem by name.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use tacit_node::api::{
    MAX_GROUP_SUBMISSION, MAX_MEMBER_SUBMISSION, MAX_SIGNATURE_SUBMISSION, MAX_STATEMENT_SUBMISSION,
};
use tacit_protocol::{
    codec::Encode as _,
    entry::{Entry, Erased, ErasureReason, Kind, NodeEntry, NodeStatement},
    group::GroupDefinition,
    hash::Digest,
    ids::{GroupId, StatementId},
    proof::Submission,
};

use crate::{
    committee::operators,
    http::{Client, quick},
    log::{Mood, TestLog},
    people::{self, create_group, definition, enrol, found_group, plain, propose, statement},
};

const NOBODY: [u8; 32] = [0xee; 32];

fn path(kind: &str, id: impl std::fmt::Display, rest: &str) -> String {
    format!("/v1/{kind}/{id}{rest}")
}

async fn expect(client: &Client, path: &str, body: Vec<u8>, status: u16, word: &str) {
    let answer = client.post(path, body).await;
    let found = (answer.status.as_u16(), answer.problem());
    assert_eq!(found, (status, word.to_string()), "{path}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let client = Client::new(&TestLog::new());
    let (group, statement) = (GroupId(Digest(NOBODY)), StatementId(Digest(NOBODY)));
    for (path, word) in [
        ("/".to_string(), "no-route"),
        ("/v2/groups".to_string(), "no-route"),
        ("/v1/groups/".to_string(), "no-route"),
        ("/metrics".to_string(), "no-route"),
        (path("groups", group, ""), "unknown-group"),
        (path("groups", group, "/members"), "unknown-group"),
        (path("groups", group, "/chain"), "unknown-group"),
        (path("statements", statement, ""), "unknown-statement"),
        (
            path("statements", statement, "/signatures"),
            "unknown-statement",
        ),
        (path("statements", statement, "/chain"), "unknown-statement"),
        (
            path("statements", statement, "/bundle"),
            "unknown-statement",
        ),
        (path("keys", statement, ""), "unknown-key"),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.problem(), word, "{path}");
    }
}

#[tokio::test]
async fn no_route_asks_for_one_nullifier_or_one_leaf() {
    let log = TestLog::new();
    let (group, statement) = people::collecting(&log);
    let client = Client::new(&log);
    let one = hex::encode([1; 32]);
    for path in [
        path("statements", statement, &format!("/signatures/{one}")),
        path("statements", statement, &format!("/nullifiers/{one}")),
        path("groups", group, &format!("/members/{one}")),
        path("groups", group, &format!("/leaves/{one}")),
        format!("/v1/nullifiers/{one}"),
        format!("/v1/receipts/{one}"),
        format!("/v1/entries/{one}"),
    ] {
        assert_eq!(client.get(&path).await.problem(), "no-route", "{path}");
    }
}

#[tokio::test]
async fn an_id_is_64_lowercase_digits() {
    let client = Client::new(&TestLog::new());
    for id in [
        "1",
        &"A".repeat(64),
        &"a".repeat(63),
        &"a".repeat(65),
        &"g".repeat(64),
    ] {
        for path in [
            path("groups", id, ""),
            path("statements", id, "/bundle"),
            path("keys", id, ""),
        ] {
            let answer = client.get(&path).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert_eq!(answer.problem(), "malformed-id");
        }
    }
    expect(&client, "/v1/groups/1/members", vec![], 400, "malformed-id").await;
    expect(
        &client,
        "/v1/statements/1/signatures",
        vec![],
        400,
        "malformed-id",
    )
    .await;
}

#[tokio::test]
async fn other_methods_are_refused() {
    let client = Client::new(&TestLog::new());
    for (method, path) in [
        (Method::POST, "/v1/founding"),
        (Method::POST, "/v1/ready"),
        (Method::PUT, "/v1/groups"),
        (Method::DELETE, "/v1/statements"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let answer = client.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.problem(), "method");
    }
}

#[tokio::test]
async fn a_submission_is_sent_as_octets() {
    let client = Client::new(&TestLog::new());
    for kind in [None, Some("text/plain"), Some("application/json")] {
        let mut request = Request::post("/v1/groups");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let body = Body::from(plain(create_group(1)));
        let answer = client.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(answer.problem(), "media-type");
    }
}

#[tokio::test]
async fn a_body_over_the_routes_bound_is_refused() {
    let client = Client::new(&TestLog::new());
    let (group, statement) = (GroupId(Digest(NOBODY)), StatementId(Digest(NOBODY)));
    for (path, max) in [
        ("/v1/groups".to_string(), MAX_GROUP_SUBMISSION),
        (path("groups", group, "/members"), MAX_MEMBER_SUBMISSION),
        ("/v1/statements".to_string(), MAX_STATEMENT_SUBMISSION),
        (
            path("statements", statement, "/signatures"),
            MAX_SIGNATURE_SUBMISSION,
        ),
    ] {
        expect(&client, &path, vec![0; max + 1], 413, "too-large").await;
        // Of unknown length: found out while it arrives.
        let chunks =
            futures::stream::iter(vec![Ok::<_, std::io::Error>(vec![0; max]), Ok(vec![0; 1])]);
        let answer = client.post(&path, Body::from_stream(chunks)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.problem(), "too-large");
        // Up to the bound it is read, and is then no submission.
        expect(&client, &path, vec![0xff; max], 422, "malformed").await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let client = Client::new(&TestLog::new());
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = client.post("/v1/groups", Body::from_stream(never)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.problem(), "slow-body");
    // It takes a connection, not a place: with one place, somebody else gets through meanwhile.
    let limits = tacit_node::api::Limits {
        submissions: 1,
        ..quick()
    };
    let log = TestLog::new();
    let narrow = Client::with(&log, limits);
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let (slow, other) = tokio::join!(
        narrow.post("/v1/groups", Body::from_stream(never)),
        narrow.post("/v1/groups", plain(create_group(1))),
    );
    assert_eq!(slow.problem(), "slow-body");
    other.ok();
    let broken = futures::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("gone"))]);
    let answer = client.post("/v1/groups", Body::from_stream(broken)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.problem(), "broken-body");
}

#[tokio::test]
async fn what_is_no_submission_is_malformed() {
    let client = Client::new(&TestLog::new());
    let good = plain(create_group(1));
    let mut trailing = good.clone();
    trailing.push(0);
    let mut other_kind = good.clone();
    other_kind[4] = 99;
    let inner_trailing = Submission {
        entry: [create_group(1).to_bytes(), vec![0]].concat(),
        body: None,
    };
    for body in [
        vec![],
        vec![1, 2, 3],
        good[..good.len() - 1].to_vec(),
        trailing,
        other_kind,
        inner_trailing.to_bytes(),
    ] {
        expect(&client, "/v1/groups", body, 422, "malformed").await;
    }
}

#[tokio::test]
async fn what_the_encoding_knows_and_this_version_does_not_serve_is_said_to_be_unsupported() {
    let client = Client::new(&TestLog::new());
    let mut removal = plain(create_group(1));
    removal[4] = 3;
    expect(&client, "/v1/groups", removal, 422, "unsupported").await;
}

#[tokio::test]
async fn nothing_is_decoded_of_what_belongs_to_another_route() {
    let log = TestLog::new();
    let (group, id) = people::collecting(&log);
    let client = Client::new(&log);
    for route in [
        "/v1/groups".to_string(),
        path("groups", group, "/members"),
        "/v1/statements".to_string(),
        path("statements", id, "/signatures"),
    ] {
        // A thousand points would cost their sender nothing: here they aren't even points.
        for kind in [Kind::Partial, Kind::Unseal, Kind::DkgDeal] {
            let junk = Submission {
                entry: [vec![kind as u8], vec![0xff; 500]].concat(),
                body: None,
            };
            expect(&client, &route, junk.to_bytes(), 422, "wrong-route").await;
            let mut bodiless = junk.to_bytes();
            bodiless.pop();
            expect(&client, &route, bodiless, 422, "wrong-route").await;
        }
    }
}

#[tokio::test]
async fn an_entry_goes_to_its_own_route() {
    let log = TestLog::new();
    let (group, id) = people::collecting(&log);
    let other = StatementId(Digest(NOBODY));
    let client = Client::new(&log);
    let signature = people::sign(&log, id, 0, 1, 1);
    let say = NodeStatement::Erased(Erased {
        statement: id,
        reason: ErasureReason::Expired,
        caveats: 0,
    });
    let node = NodeEntry::sign(&operators().fingerprint, 0, say, &operators().keys[0]);
    let with_body = Submission {
        entry: create_group(2).to_bytes(),
        body: signature.body.clone(),
    };
    for (path, body) in [
        ("/v1/groups".to_string(), plain(enrol(group, 0))),
        ("/v1/groups".to_string(), with_body.to_bytes()),
        ("/v1/statements".to_string(), plain(create_group(2))),
        (path("groups", group, "/members"), plain(create_group(2))),
        (
            path("groups", GroupId(Digest(NOBODY)), "/members"),
            plain(enrol(group, 0)),
        ),
        (
            path("statements", id, "/signatures"),
            plain(create_group(2)),
        ),
        (
            path("statements", other, "/signatures"),
            signature.to_bytes(),
        ),
        // What nodes say comes over their own connections.
        (
            path("statements", id, "/signatures"),
            plain(Entry::Node(node.clone())),
        ),
        ("/v1/statements".to_string(), plain(Entry::Node(node))),
    ] {
        expect(&client, &path, body, 422, "wrong-route").await;
    }
}

#[tokio::test]
async fn the_logs_refusals_keep_their_names() {
    let log = TestLog::new();
    let client = Client::new(&log);
    let members = |id| path("groups", id, "/members");

    expect(
        &client,
        &members(definition(1).id()),
        plain(enrol(definition(1).id(), 0)),
        404,
        "unknown-group",
    )
    .await;
    let group = found_group(&log, 1);
    let alone = {
        let Entry::GroupCreate(mut entry) = create_group(2) else {
            unreachable!()
        };
        entry.registrars.truncate(1);
        Entry::GroupCreate(entry)
    };
    expect(&client, "/v1/groups", plain(alone), 422, "bad-group").await;
    let again = plain(people::create_group_by(3, 1));
    expect(&client, "/v1/groups", again, 409, "group-exists").await;
    let stranger = {
        let Entry::GroupCreate(mut entry) = create_group(3) else {
            unreachable!()
        };
        entry.definition = GroupDefinition {
            creator: operators().keys[0].public(),
            ..entry.definition
        };
        entry
    };
    expect(
        &client,
        "/v1/groups",
        plain(Entry::GroupCreate(stranger)),
        422,
        "not-a-creator",
    )
    .await;

    let unattested = {
        let Entry::Enrol(mut entry) = enrol(group, 9) else {
            unreachable!()
        };
        entry.attestation.classes = vec![0];
        entry
    };
    expect(
        &client,
        &members(group),
        plain(Entry::Enrol(unattested)),
        422,
        "bad-attestation",
    )
    .await;
    // The same person, attested by a third registrar too: another entry.
    expect(
        &client,
        &members(group),
        plain(people::enrol_by(3, group, 0)),
        409,
        "already-enrolled",
    )
    .await;

    let mut late = statement(group, "Too late.");
    late.deadline_ms = 1;
    expect(
        &client,
        "/v1/statements",
        plain(propose(late)),
        422,
        "deadline-passed",
    )
    .await;
    let mut far = statement(group, "Too much.");
    far.trigger = tacit_protocol::trigger::Trigger::parse("count >= 7").unwrap();
    expect(
        &client,
        "/v1/statements",
        plain(propose(far)),
        422,
        "unreachable-trigger",
    )
    .await;
    let unknown = statement(GroupId(Digest(NOBODY)), "Whose?");
    expect(
        &client,
        "/v1/statements",
        plain(propose(unknown)),
        404,
        "unknown-group",
    )
    .await;

    // Four would be open at once; the founding file allows three.
    for n in ["One.", "Two.", "Three."] {
        client
            .post("/v1/statements", plain(propose(statement(group, n))))
            .await
            .ok();
    }
    let fourth = plain(propose(statement(group, "Four.")));
    expect(
        &client,
        "/v1/statements",
        fourth,
        429,
        "too-many-statements",
    )
    .await;
}

#[tokio::test]
async fn each_refusal_of_a_signature_has_its_name() {
    let log = TestLog::new();
    let (_, id) = people::collecting(&log);
    let client = Client::new(&log);
    let route = path("statements", id, "/signatures");
    let good = people::sign(&log, id, 0, 1, 1);

    let mut bodiless = good.clone();
    bodiless.body = None;
    expect(&client, &route, bodiless.to_bytes(), 422, "body-missing").await;
    let mut mixed = good.clone();
    mixed.body = people::sign(&log, id, 1, 2, 1).body;
    expect(&client, &route, mixed.to_bytes(), 422, "body-mismatch").await;
    let mut forged = good.clone();
    let at = forged.entry.len() - 128;
    forged.entry[at..].copy_from_slice(&people::sign(&log, id, 1, 2, 1).entry[at..]);
    expect(&client, &route, forged.to_bytes(), 422, "proof-invalid").await;

    client.post(&route, good.to_bytes()).await.ok();
    // The same member, sealed anew: another ct.
    let second = people::sign(&log, id, 0, 9, 1);
    expect(&client, &route, second.to_bytes(), 409, "nullifier-spent").await;

    for i in 1..3 {
        client
            .post(&route, people::sign(&log, id, i, i + 1, 1).to_bytes())
            .await
            .ok();
    }
    // The third one met the trigger.
    let late = people::sign(&log, id, 4, 30, 1);
    expect(&client, &route, late.to_bytes(), 409, "not-collecting").await;

    let unknown = StatementId(Digest(NOBODY));
    let stray = {
        let Ok(Entry::Sign(mut sign)) = Entry::parse(&good.entry) else {
            unreachable!()
        };
        sign.statement = unknown;
        Submission {
            entry: Entry::Sign(sign).to_bytes(),
            body: good.body,
        }
    };
    expect(
        &client,
        &path("statements", unknown, "/signatures"),
        stray.to_bytes(),
        404,
        "unknown-statement",
    )
    .await;
}

#[tokio::test]
async fn what_is_not_final_in_time_may_be_sent_again() {
    let log = TestLog::new();
    let client = Client::new(&log);
    for mood in [Mood::Silent, Mood::Forgetful] {
        log.set_mood(mood);
        let answer = client.post("/v1/groups", plain(create_group(1))).await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(
            answer.json()["detail"],
            "not final yet: send the same bytes again"
        );
        assert_eq!(answer.problem(), "not-final");
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
    }
    log.set_mood(Mood::Final);
    client.post("/v1/groups", plain(create_group(1))).await.ok();
}

#[tokio::test]
async fn a_node_with_too_much_to_do_says_so() {
    let log = TestLog::new();
    log.set_mood(Mood::Busy);
    let client = Client::new(&log);
    expect(&client, "/v1/groups", plain(create_group(1)), 429, "busy").await;

    // More submissions at once than it takes: the rest is told so, and reads go on.
    log.set_mood(Mood::Silent);
    let limits = tacit_node::api::Limits {
        submissions: 2,
        ..quick()
    };
    let client = Client::with(&log, limits);
    let send = || client.post("/v1/groups", plain(create_group(1)));
    let (a, b, c, read) = tokio::join!(send(), send(), send(), client.get("/v1/groups"));
    let mut words = [a.problem(), b.problem(), c.problem()];
    words.sort();
    assert_eq!(words, ["busy", "not-final", "not-final"]);
    assert_eq!(read.status, StatusCode::OK);
    // And the places are free again.
    assert_eq!(send().await.problem(), "not-final");
}

#[tokio::test]
async fn reads_over_the_bound_are_told_to_come_back_but_probes_are_answered() {
    let log = TestLog::new();
    let limits = tacit_node::api::Limits {
        reads: 0,
        ..quick()
    };
    let client = Client::with(&log, limits);
    let answer = client.get("/v1/epoch").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.problem(), "busy");
    client.get("/v1/health").await.ok();
    client.get("/v1/ready").await.ok();
}

#[tokio::test]
async fn a_node_that_cannot_answer_for_the_log_is_not_ready_and_takes_nothing() {
    let log = TestLog::new();
    let client = Client::new(&log);
    let ready = client.get("/v1/ready").await;
    let view = ready.json();
    assert_eq!(
        (&view["status"], &view["quorum"]),
        (&"ready".into(), &3.into())
    );
    ready.ok();

    let refuses = async |part: &str| {
        let answer = client.get("/v1/ready").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let detail = answer.json()["detail"].as_str().unwrap().to_string();
        assert!(detail.contains(part), "{detail}");
        assert_eq!(answer.problem(), "not-ready");
        expect(
            &client,
            "/v1/groups",
            plain(create_group(1)),
            503,
            "not-ready",
        )
        .await;
        // Alive all the same, and what it has can be read.
        client.get("/v1/health").await.ok();
        client.get("/v1/groups").await.ok();
    };
    log.set_peers(1);
    refuses("2 of 4 nodes are heard").await;
    log.set_peers(2);
    client.get("/v1/ready").await.ok();
    log.set_tip(1000);
    refuses("1000 blocks behind").await;
    log.set_tip(0);
    client
        .late
        .store(31_000, std::sync::atomic::Ordering::SeqCst);
    refuses("31 seconds old").await;
}

#[tokio::test]
async fn a_stopping_node_lets_nobody_wait() {
    let log = TestLog::new();
    log.set_mood(Mood::Silent);
    let limits = tacit_node::api::Limits {
        finality_time: Duration::from_secs(60),
        ..quick()
    };
    let client = Client::with(&log, limits);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.api.stop();
    };
    let (answer, ()) = tokio::join!(client.post("/v1/groups", plain(create_group(1))), stop);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem(), "stopping");
    assert_eq!(client.get("/v1/ready").await.problem(), "stopping");
}

#[tokio::test]
async fn without_a_certificate_in_time_there_is_no_chain() {
    let log = TestLog::new();
    let group = found_group(&log, 1);
    let client = Client::new(&log);
    // The last block changed the state, and no other comes.
    let answer = client.get(&path("groups", group, "/chain")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem(), "uncertified");
    log.beat();
    client.get(&path("groups", group, "/chain")).await.ok();
}
