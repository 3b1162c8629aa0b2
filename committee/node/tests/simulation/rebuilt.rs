//! A database that was lost after everything was over: the log rebuilds it but for the opened bodies,
//! which come from the other nodes.

use std::time::Duration;

use commonware_runtime::deterministic::Context;
use tacit_ledger::Ledger;
use tacit_node::simulated::run;
use tacit_protocol::statement::Status;
use tacit_vault::SlotState;

use crate::{
    members::LONG,
    whole::{Town, names},
};

const NAMES: [&str; 3] = ["Ada", "Bela", "Chidi"];

async fn rebuilt(context: Context) {
    let mut town = Town::found(&context, "rebuilt").await;
    let (group, people) = town.group(&NAMES).await;
    let id = town
        .propose(group, "Open this", "count >= 3", Duration::from_secs(3600))
        .await;
    town.all_say(&[0, 1, 2, 3], &id, Status::Collecting).await;
    town.learn(0).await;
    let signers = [0, 1, 2].map(|n| (&people[n], None));
    for sealed in town.log.seal(&id, &signers) {
        town.sign(0, &sealed).await;
    }
    town.all_say(&[0, 1, 2, 3], &id, Status::Revealed).await;
    // All is over: the list is open, and everybody has erased and said so.
    town.attested(1, &id, &[0, 1, 2, 3]).await;

    let whole = move |l: &Ledger| l.opened_positions(&id).expect("readable") == [0, 1, 2];
    town.until("whole", 1, whole).await;
    town.crash(1).await;
    town.lose_database(1);
    town.start(1).await;
    let state = town.vault(1).state(&id);
    assert!(matches!(state, SlotState::Erased(_)), "{state:?}");
    town.until("whole again", 1, whole).await;
    let bundle = town.bundle(1, &id).await;
    assert_eq!(names(&town.verified(&bundle)), NAMES);

    // What it has, it gives: the others lose theirs one after another, and then there were only its own.
    for node in [0, 2, 3] {
        town.crash(node).await;
        town.lose_database(node);
        town.start(node).await;
        town.until("whole again", node, whole).await;
    }
    let bundle = town.bundle(3, &id).await;
    assert_eq!(names(&town.verified(&bundle)), NAMES);
    // Public they are, and only that: nothing went back into what is to be erased.
    for node in 0..4 {
        let state = town.vault(node).state(&id);
        assert!(matches!(state, SlotState::Erased(_)), "{node}: {state:?}");
    }
}

#[test]
fn a_node_that_lost_its_database_after_it_had_erased_gets_the_opened_bodies_from_the_others() {
    run(32, LONG, rebuilt);
}
