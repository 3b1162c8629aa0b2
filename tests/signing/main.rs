//! Signing as it goes wrong: twice, interrupted, too late, from a backup, from two devices. Each case runs
//! the real program against one committee of real processes.

mod committee;
mod proxy;

use committee::{committee, until};
use proxy::{Mode, Proxy};

#[test]
fn a_signature_counts_once_however_often_it_is_given() {
    let committee = committee();
    let id = committee.propose("Once.", "count >= 3", "+1h");
    let ada = committee.member(0, "once");
    let first = ada.sign(&id, None);
    for shown in [
        "It is opened by             any 3 of the 4 nodes that hold a share, so 1 of them can be lost\n",
        "It could be opened early by any 3 of these together: operator ",
    ] {
        assert!(first.stderr.contains(shown), "{}", first.stderr);
    }
    let first = first.ok();
    assert_eq!(first["status"], "final");
    assert_eq!(first["already"], false);
    let again = ada.sign(&id, None).ok();
    assert_eq!(again["status"], "final");
    assert_eq!(again["already"], true);
    assert_eq!(again["height"], first["height"]);
    committee.has_counted(&id, 1);
}

#[test]
fn a_signer_whose_machine_dies_before_anything_was_sent_sends_the_same_bytes_later() {
    let committee = committee();
    let id = committee.propose("The machine dies.", "count >= 3", "+1h");
    let ada = committee.member(0, "dies");
    let proxy = Proxy::before(&committee.nodes[0], Mode::Hang);
    let mut signing = ada.begin_to_sign(&id, &proxy.url);
    proxy.wait_for_sent(1);
    signing.kill().unwrap();
    signing.wait().unwrap();
    committee.has_counted(&id, 0);

    proxy.set(Mode::Pass);
    let signed = ada.sign(&id, Some(&proxy.url)).ok();
    assert_eq!(signed["status"], "final");
    let sent = proxy.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent[0] == sent[1], "byte for byte");
    committee.has_counted(&id, 1);
}

#[test]
fn a_signer_who_never_hears_that_it_was_counted_hears_it_later() {
    let committee = committee();
    let id = committee.propose("Nobody answers.", "count >= 2", "+1h");
    let (ada, bela) = (
        committee.member(0, "unheard"),
        committee.member(1, "unheard"),
    );
    let proxy = Proxy::before(&committee.nodes[1], Mode::LoseAnswer);
    let (exit, code, words) = ada.sign(&id, Some(&proxy.url)).failed();
    assert_eq!((exit, code.as_str()), (3, "unreachable"));
    assert!(words.contains("sealed and saved"), "{words}");
    committee.has_counted(&id, 1);

    // Even after the list has opened, they get their receipt.
    bela.sign(&id, None).ok();
    committee.wait_for(&id, "revealed");
    let signed = ada.sign(&id, None).ok();
    assert_eq!(signed["status"], "final");
    let names = ada.call(&["names", &id]).ok();
    assert_eq!(names["count"], 2);
}

#[test]
fn a_signer_who_loses_the_race_with_the_trigger_is_told_that_they_were_not_counted() {
    let committee = committee();
    let id = committee.propose("Too late.", "count >= 2", "+1h");
    let [ada, bela, chidi, dora] = [0, 1, 2, 3].map(|i| committee.member(i, "late"));
    let proxy = Proxy::before(&committee.nodes[2], Mode::LoseRequest);
    let (exit, code, _) = ada.sign(&id, Some(&proxy.url)).failed();
    assert_eq!((exit, code.as_str()), (3, "unreachable"));

    bela.sign(&id, None).ok();
    chidi.sign(&id, None).ok();
    committee.wait_for(&id, "revealed");
    // One has sealed already, the other hasn't.
    for late in [ada, dora] {
        let (exit, code, words) = late.sign(&id, None).failed();
        assert_eq!((exit, code.as_str()), (2, "closed"), "{words}");
        assert!(words.contains("revealed"), "{words}");
        assert!(!words.contains("secret"), "nobody has theirs: {words}");
    }
    let names = bela.call(&["names", &id]).ok();
    assert_eq!(names["count"], 2);
}

#[test]
fn a_signer_who_loses_the_race_with_the_deadline_is_told_that_they_were_not_counted() {
    let committee = committee();
    let id = committee.propose("The deadline.", "count >= 3", "+90s");
    let ada = committee.member(0, "deadline");
    let proxy = Proxy::before(&committee.nodes[3], Mode::LoseRequest);
    let (_, code, _) = ada.sign(&id, Some(&proxy.url)).failed();
    assert_eq!(code, "unreachable");
    committee.wait_for(&id, "erased");
    let (exit, code, words) = ada.sign(&id, None).failed();
    assert_eq!((exit, code.as_str()), (2, "closed"), "{words}");
    assert!(words.contains("not counted"), "{words}");
    assert!(!words.contains("secret"), "{words}");
}

#[test]
fn a_signer_with_a_backup_of_before_learns_that_they_have_signed_and_sends_nothing() {
    let committee = committee();
    let id = committee.propose("A backup.", "count >= 2", "+1h");
    let (ada, bela) = (committee.member(0, "backup"), committee.member(1, "backup"));
    let backup = ada.back_up();
    let signed = ada.sign(&id, None).ok();
    committee.has_counted(&id, 1);

    let proxy = Proxy::before(&committee.nodes[0], Mode::Pass);
    let restored = backup.sign(&id, Some(&proxy.url)).ok();
    assert_eq!(restored["status"], "final");
    assert_eq!(restored["already"], true);
    assert_eq!(restored["height"], signed["height"]);
    // The same after the list has opened.
    bela.sign(&id, None).ok();
    committee.wait_for(&id, "revealed");
    let restored = backup.sign(&id, Some(&proxy.url)).ok();
    assert_eq!(restored["height"], signed["height"]);
    assert!(proxy.sent().is_empty(), "a second body was sent");
}

#[test]
fn a_signer_whose_identity_signed_elsewhere_in_between_is_warned() {
    let committee = committee();
    let id = committee.propose("Two devices.", "count >= 3", "+1h");
    let ada = committee.member(0, "devices");
    let other = ada.back_up();
    let proxy = Proxy::before(&committee.nodes[1], Mode::LoseRequest);
    let (_, code, _) = ada.sign(&id, Some(&proxy.url)).failed();
    assert_eq!(code, "unreachable");
    let signed = other.sign(&id, None).ok();

    let (exit, code, words) = ada.sign(&id, None).failed();
    assert_eq!((exit, code.as_str()), (1, "signed-elsewhere"));
    assert!(words.contains("secret"), "{words}");
    let block = format!("block {}", signed["height"]);
    assert!(words.contains(&block), "{words}");
    committee.has_counted(&id, 1);
}

#[test]
fn a_bundle_says_of_when_it_is_and_that_the_list_may_still_open() {
    let committee = committee();
    let id = committee.propose("As of when.", "count >= 3", "+1h");
    let ada = committee.member(0, "when");
    let file = ada.home.join("file.bundle");
    let file = file.to_str().unwrap();
    ada.call(&["bundle", &id, "--out", file]).ok();
    let told = ada.call(&["verify", file]).ok();
    assert_eq!(told["ok"], true);
    assert_eq!(told["as_of"]["status"], "collecting");
    let age = committee::now_ms().abs_diff(told["as_of"]["time_ms"].as_u64().unwrap());
    assert!(age < 120_000, "{told}");
    let checks = told["checks"].as_array().unwrap();
    let trigger = checks.iter().find(|c| c["name"] == "trigger").unwrap();
    let detail = trigger["detail"].as_str().unwrap();
    assert!(detail.contains("not held yet"), "{detail}");
    let shown = ada.read(&["verify", file]);
    let last = shown.lines().last().unwrap_or_default();
    assert!(last.starts_with("This is of 20"), "{shown}");
    let end = "the statement was collecting. What came later is not in this file.";
    assert!(last.ends_with(end), "{shown}");
}

#[test]
fn watching_goes_on_while_a_node_is_busy_and_ends_where_there_is_no_statement() {
    let committee = committee();
    let id = committee.propose("Watched.", "count >= 3", "+1h");
    committee.wait_for(&id, "collecting");
    let ada = committee.member(0, "watched");
    let proxy = Proxy::before(&committee.nodes[2], Mode::Pass);
    let watch = |id: &str| {
        let args = ["statement", "watch", id, "--timeout", "4", "--node"];
        let said = ada.call(&[&args[..], &[&proxy.url]].concat()).failed();
        (said.0, said.1)
    };
    proxy.be_busy(2);
    assert_eq!(watch(&id), (4, "still-open".into()));
    assert_eq!(proxy.busy_left(), 0);
    assert_eq!(watch(&"0".repeat(64)), (2, "not-found".into()));
}

#[test]
fn a_node_is_remembered_once_it_has_shown_the_committees_founding_file() {
    let committee = committee();
    let person = committee.stranger("remembered");
    let node = &committee.nodes[0];
    let list = |fingerprint: &str, node: &str| {
        let args = ["statement", "list", "--fingerprint", fingerprint];
        person.call(&[&args[..], &["--node", node]].concat())
    };
    let typo = "ab".repeat(32);
    let (exit, code, words) = list(&typo, node).failed();
    assert_eq!((exit, code.as_str()), (1, "other-committee"));
    assert!(words.contains("Check the fingerprint"), "{words}");
    assert_eq!(person.remembered(), "", "nothing is remembered yet");

    list(&committee.fingerprint, node).ok();
    assert!(person.remembered().contains(&format!("\"{node}\"")));
    // Nobody listens there.
    let nobody = "http://127.0.0.1:1";
    let in_list = format!("\"{nobody}\"");
    let (_, code, _) = list(&committee.fingerprint, nobody).failed();
    assert_eq!(code, "unreachable");
    assert!(!person.remembered().contains(&in_list));
}

/// Nodes are asked in random order: seven that lag, and one that doesn't.
#[test]
fn nodes_that_lag_are_passed_over() {
    let committee = committee();
    let (ada, bela) = (committee.member(0, "lag"), committee.member(1, "lag"));
    let lagging: Vec<Proxy> = (0..7)
        .map(|_| Proxy::before(&committee.nodes[0], Mode::Pass))
        .collect();
    let mut nodes: Vec<&str> = lagging.iter().map(|p| p.url.as_str()).collect();
    nodes.push(&committee.nodes[1]);
    let all: Vec<&str> = nodes.iter().flat_map(|node| ["--node", node]).collect();
    // The bundle first: if the statement still stood so when its view was taken, it did then.
    let stand_still = |id: &str, status: &str| {
        for what in ["/bundle", ""] {
            Proxy::stand_still(&lagging, &format!("/v1/statements/{id}{what}"));
        }
        let only: Vec<&str> = all[..14].to_vec();
        let shown = ada.call(&[&["statement", "show", id], &only[..]].concat());
        shown.json["status"] == status
    };

    // While they still wait for the statement's key, it can be signed.
    let mut tries = 0..20;
    let id = until("a statement without a key", || {
        let text = format!("Some nodes lag {}.", tries.next()?);
        let id = committee.propose_without_waiting(&text, "count >= 2", "+1h");
        stand_still(&id, "preparing").then_some(id)
    });
    let (exit, code, _) = ada.sign_by(&id, &nodes[..7]).failed();
    assert_eq!((exit, code.as_str()), (4, "preparing"));
    committee.wait_for(&id, "collecting");
    let both = ["--timeout", "6", "--node", nodes[0], "--node", nodes[7]];
    let watched = ada.read_until(4, &[&["statement", "watch", &id], &both[..]].concat());
    let [preparing, collecting] = ["preparing", "collecting"].map(|s| watched.matches(s).count());
    assert!(preparing <= 1 && collecting == 1, "{watched}");
    ada.sign_by(&id, &nodes).ok();

    // While they still count, the list is watched to its end, read and kept.
    assert!(stand_still(&id, "collecting"));
    bela.sign(&id, None).ok();
    committee.wait_for(&id, "revealed");
    let watched = ada.read(&[&["statement", "watch", &id], &both[2..]].concat());
    assert!(watched.contains("revealed: 2 signatures"), "{watched}");
    for _ in 0..2 {
        let names = ada.call(&[&["names", &id], &all[..]].concat()).ok();
        assert_eq!(names["count"], 2);
        let file = ada.home.join("lag.bundle");
        let kept = ["bundle", &id, "--out", file.to_str().unwrap()];
        let kept = ada.call(&[&kept, &all[..]].concat()).ok();
        assert_eq!(kept["status"], "revealed");
    }
    // With nobody else to ask, what they have is true, if not the latest.
    let (exit, code, _) = ada.call(&[&["names", &id], &all[..14]].concat()).failed();
    assert_eq!((exit, code.as_str()), (4, "not-open"));
}
