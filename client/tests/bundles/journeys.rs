//! Whole lives, checked offline.

use tacit_client::open::Name;
use tacit_client::verify::Report;
use tacit_protocol::entry::{ErasureReason, Subject};
use tacit_protocol::statement::Status;

use crate::lives::{hamlet, holds, village};

fn names(report: &Report) -> Vec<String> {
    let list = report
        .verified
        .as_ref()
        .and_then(|v| v.names.as_ref())
        .expect("an open list");
    list.iter()
        .map(|opened| match &opened.name {
            Name::Record(record) => record.name.clone(),
            Name::Withheld(why) => format!("withheld: {why}"),
        })
        .collect()
}

fn check<'a>(report: &'a Report, name: &str) -> &'a str {
    let check = report.checks.iter().find(|c| c.name == name);
    &check
        .unwrap_or_else(|| panic!("{name} wasn't checked"))
        .detail
}

#[test]
fn twelve_enrol_and_five_sign_and_the_list_that_opens_is_theirs() {
    let village = village();
    let report = holds(&village.opened_bundle, village.told.fingerprint());
    assert_eq!(names(&report), ["Ada", "Ben", "Cleo", "Dan", "Eve"]);
    let verified = report.verified.as_ref().unwrap();
    assert_eq!(verified.certified.facts.status, Status::Revealed);
    assert_eq!(verified.certified.roster.members.len(), 12);
    for (opened, member) in verified.names.iter().flatten().zip(&village.told.members) {
        assert_eq!(opened.leaf, member.leaf());
        assert_eq!(opened.testimony, None);
    }
}

#[test]
fn a_good_bundle_lists_what_was_checked() {
    let village = village();
    let report = holds(&village.opened_bundle, village.told.fingerprint());
    let checked: Vec<&str> = report.checks.iter().map(|c| c.name).collect();
    assert_eq!(
        checked,
        [
            "encoding",
            "founding",
            "verifying key",
            "certified state",
            "roster",
            "bodies",
            "history",
            "statement",
            "key generation",
            "proofs",
            "trigger",
            "partial decryptions",
            "names",
            "erasure",
        ]
    );
    for (name, part) in [
        ("founding", "all 4 operators signed"),
        ("verifying key", "development keys"),
        ("roster", "12 members"),
        (
            "bodies",
            "5 bodies, each the one that its signature commits to",
        ),
        (
            "key generation",
            "attempt 1 by 4 nodes without a dealer; 4 of 4 hold a share; no node at fault",
        ),
        ("proofs", "5 proofs hold"),
        ("trigger", "count >= 5 held for the first time at block"),
        ("partial decryptions", "5 ciphertexts opened by 3 nodes"),
        ("names", "5 different members, each record opens its binder"),
        ("erasure", "4 of 4 nodes attest"),
    ] {
        assert!(
            check(&report, name).contains(part),
            "{}",
            check(&report, name)
        );
    }
}

#[test]
fn a_statement_that_stays_one_short_expires_and_is_erased_and_names_nobody() {
    let village = village();
    let report = holds(&village.erased_bundle, village.told.fingerprint());
    let verified = report.verified.as_ref().unwrap();
    assert_eq!(verified.names, None);
    assert_eq!(verified.certified.facts.status, Status::Erased);
    assert_eq!(verified.certified.facts.count, 2);
    assert!(village.erased_bundle.bodies.is_empty());
    assert!(check(&report, "trigger").contains("count >= 3 never held; 2 signatures"));
    let erasure = "3 of 4 nodes attest that they erased their shares; not yet: D; with reservations: C (sectors not discarded, nothing was found to erase)";
    assert!(
        check(&report, "erasure").contains(erasure),
        "{}",
        check(&report, "erasure")
    );
}

#[test]
fn one_of_four_nodes_may_be_silent_for_everything() {
    let hamlet = hamlet();
    let report = holds(&hamlet.bundle, hamlet.told.fingerprint());
    assert_eq!(names(&report), ["Oda", "Mia"]);
    let keygen = check(&report, "key generation");
    assert!(
        keygen.contains("3 of 4 hold a share; node 1 (B): absent"),
        "{keygen}"
    );
}

#[test]
fn a_class_trigger_opens_with_a_node_that_confirmed_late() {
    let village = village();
    let report = holds(&village.classy_bundle, village.told.fingerprint());
    assert_eq!(names(&report), ["Ada", "Finn", "Ben"]);
    let verified = report.verified.as_ref().unwrap();
    let classes: Vec<_> = verified.names.iter().flatten().map(|n| n.class).collect();
    assert_eq!(classes, [Some(0), None, Some(0)]);
    assert_eq!(verified.certified.facts.class_counts, [2]);
    assert_eq!(verified.certified.facts.holders, [0, 1, 2, 3]);
    assert_eq!(verified.certified.opening().unwrap().holders, [0, 1, 2]);
}

#[test]
fn signatures_of_one_member_on_two_statements_have_nothing_in_common() {
    let village = village();
    let signs = |bundle| {
        let report = holds(bundle, village.told.fingerprint());
        report.verified.unwrap().certified.signatures
    };
    let opened = signs(&village.opened_bundle);
    let erased = signs(&village.erased_bundle);
    assert_eq!((opened.len(), erased.len()), (5, 2));
    for (a, b) in opened.iter().zip(&erased) {
        assert_ne!(a.nullifier, b.nullifier);
        assert_ne!(a.ct, b.ct);
        assert_ne!(a.payload_hash, b.payload_hash);
    }
}

#[test]
fn a_bundle_verifies_at_every_stage_of_a_life() {
    let village = village();
    for (height, id, status) in [
        (village.preparing_at, village.opened, Status::Preparing),
        (village.collecting_at, village.opened, Status::Collecting),
        (village.triggered_at, village.opened, Status::Triggered),
        (village.revealed_at, village.opened, Status::Revealed),
        (village.expired_at, village.erased, Status::Expired),
    ] {
        let bundle = village.told.at(height).bundle(&id);
        let report = holds(&bundle, village.told.fingerprint());
        assert_eq!(report.verified.unwrap().certified.facts.status, status);
    }
}

#[test]
fn a_statement_without_a_key_has_a_bundle_that_says_so() {
    let village = village();
    let mut log = village.told.at(village.preparing_at);
    log.make_keys(&[village.opened], &[]);
    log.erase(&village.opened, &[1], ErasureReason::AttemptFailed);
    let bundle = log.bundle(&village.opened);
    let report = holds(&bundle, village.told.fingerprint());
    assert_eq!(
        report.verified.as_ref().unwrap().certified.facts.status,
        Status::Failed
    );
    let keygen = check(&report, "key generation");
    assert!(
        keygen.contains("no key was made; node 0 (A): absent"),
        "{keygen}"
    );
}

#[test]
fn a_certificate_of_a_later_block_certifies_through_its_headers() {
    let village = village();
    let mut log = village.told.at(village.revealed_at);
    let mut bundle = log.bundle(&village.opened);
    log.idle(3);
    let height = log.height();
    let headers = &log.blocks[height as usize - 3..];
    bundle.state.header.headers = headers.iter().map(|b| b.header.clone()).collect();
    bundle.state.header.certificate = log.certified(height).certificate;
    holds(&bundle, village.told.fingerprint());
}

#[test]
fn a_receipt_shows_that_a_signature_is_in_the_log() {
    let village = village();
    let log = village.told.at(village.triggered_at);
    let signatures = log.proposer.signatures(&village.opened).unwrap();
    let receipt = log.receipt(signatures[1].height, 1);
    let founding = log.committee.founding();
    let (entry, height, index) = receipt
        .verify(founding, village.told.fingerprint())
        .unwrap();
    assert_eq!((height, index), (signatures[1].height, 1));
    assert_eq!(entry.subject(), Subject::Statement(village.opened));
}
