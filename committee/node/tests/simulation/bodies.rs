//! Sealed bodies beside the log: who lacks one asks, and votes only then.

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use commonware_runtime::Clock as _;
use tacit_node::{mempool::Outcome, simulated::run};

use crate::{
    members::{LONG, founded},
    toy::{plain, sealed},
};

#[test]
fn a_validator_that_lacks_a_body_fetches_it_and_only_then_votes() {
    run(8, LONG, |context| async move {
        let (_, mut members) = founded(&context, |_| {}).await;
        members[0].accepted(plain(0)).await;
        // Three are left, so all three must vote.
        members[3].crash(&context).await;
        // What gossip brings to node 2 is damaged; what it asks for later isn't.
        members[2].bodies.refuses.store(true, Ordering::Relaxed);
        let body = Bytes::from_static(b"a sealed body");
        let waiting = members[0]
            .node()
            .mempool
            .submit(sealed(1, &body), Some(body.clone()));
        context.sleep(Duration::from_secs(4)).await;
        assert_eq!(
            members[0].disk.lock().entries.len(),
            1,
            "node 2 didn't vote"
        );
        assert!(!members[2].bodies.holds(&body));
        members[2].bodies.refuses.store(false, Ordering::Relaxed);
        let Ok(Outcome::Final(position)) = waiting.await else {
            panic!("not final");
        };
        // It was needed for the quorum, and has the body before its vote left.
        assert!(members[2].bodies.holds(&body));
        members[2].reached(position.height).await;
        assert_eq!(members[2].disk.lock().entries.len(), 2);
    });
}

#[test]
fn a_node_that_was_away_fetches_the_bodies_of_what_became_final() {
    run(9, LONG, |context| async move {
        let (committee, mut members) = founded(&context, |_| {}).await;
        members[3].crash(&context).await;
        let body = Bytes::from_static(b"sealed while node 3 was away");
        let outcome = members[0]
            .submit(sealed(1, &body), Some(body.clone()))
            .await;
        let Some(Outcome::Final(position)) = outcome else {
            panic!("{outcome:?}");
        };
        members[3].start(&committee).await;
        members[3].reached(position.height).await;
        context.sleep(Duration::from_secs(2)).await;
        assert!(members[3].bodies.holds(&body));
    });
}

#[test]
fn an_entry_without_its_body_or_with_another_is_refused() {
    run(10, LONG, |context| async move {
        let (_, members) = founded(&context, |_| {}).await;
        let entry = sealed(1, b"right");
        let codes = |outcome| match outcome {
            Some(Outcome::Refused(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            codes(members[0].submit(entry.clone(), None).await),
            "body-missing"
        );
        let wrong = Some(Bytes::from_static(b"wrong"));
        assert_eq!(codes(members[0].submit(entry.clone(), wrong).await), "body");
        let right = Some(Bytes::from_static(b"right"));
        assert!(matches!(
            members[0].submit(entry, right).await,
            Some(Outcome::Final(_))
        ));
        assert_eq!(
            codes(members[0].submit(Bytes::from_static(b"x"), None).await),
            "malformed"
        );
    });
}
