//! Vaults that aren't what they were: damaged files cost a node what was in them and nothing else, and
//! what was erased goes again if somebody puts it back.

use std::{path::PathBuf, time::Duration};

use commonware_runtime::{Clock as _, deterministic::Context};
use tacit_node::simulated::run;
use tacit_protocol::{ids::StatementId, statement::Status};
use tacit_vault::SlotState;

use crate::{
    life::holders,
    members::LONG,
    whole::{Town, names},
};

const EVERYBODY: [usize; 4] = [0, 1, 2, 3];

fn key_file(id: &StatementId) -> PathBuf {
    PathBuf::from(format!("/node/erasable/keys/{id}.key"))
}

fn is_erased(town: &Town, node: usize, id: &StatementId) -> bool {
    matches!(town.vault(node).state(id), SlotState::Erased(_))
}

async fn until_erased(context: &Context, town: &Town, node: usize, id: &StatementId) {
    for _ in 0..600 {
        if is_erased(town, node, id) {
            return;
        }
        context.sleep(Duration::from_millis(100)).await;
    }
    panic!("{node}: {:?}", town.vault(node).state(id));
}

#[test]
fn a_seed_that_cannot_be_read_costs_a_node_one_share_and_not_its_life() {
    run(41, LONG, |context| async move {
        let mut town = Town::found(&context, "unreadable").await;
        let (group, people) = town.group(&["Ada", "Bela", "Chidi"]).await;
        let hour = Duration::from_secs(3600);
        let opens = town.propose(group, "Open this", "count >= 1", hour).await;
        let expires = town
            .propose(group, "Not this", "count >= 2", Duration::from_secs(100))
            .await;
        for id in [opens, expires] {
            town.all_say(&EVERYBODY, &id, Status::Collecting).await;
            town.until("held by all", 0, move |l| holders(l, &id).len() == 4)
                .await;
        }

        // One comes back with both its seeds damaged.
        town.crash(1).await;
        let disk = town.places[1].disk.clone();
        let mut damaged = 0;
        for (path, mut content) in disk.files() {
            if path.starts_with("/node/erasable/secrets") {
                content[20] ^= 1;
                disk.plant(path, content);
                damaged += 1;
            }
        }
        assert_eq!(damaged, 2);
        town.start(1).await;

        // It helps with nothing that needs these, and with all the rest.
        town.learn(0).await;
        let sealed = town.log.seal(&opens, &[(&people[0], None)]);
        town.sign(1, &sealed[0]).await;
        town.all_say(&EVERYBODY, &opens, Status::Revealed).await;
        town.attested(1, &opens, &[0, 1, 2, 3]).await;
        let bundle = town.bundle(1, &opens).await;
        assert_eq!(names(&town.verified(&bundle)), ["Ada"]);
        let partials = town.read(0, move |l| l.opening(&opens)).await;
        let chunk = partials.expect("readable").expect("open").chunks.remove(0);
        assert!(chunk.partials.iter().all(|(node, _)| *node != 1));
        let next = town.propose(group, "Another", "count >= 1", hour).await;
        town.until("held by all", 1, move |l| holders(l, &next).len() == 4)
            .await;

        // What it can't read it still erases.
        town.attested(1, &expires, &[0, 1, 2, 3]).await;
        assert!(is_erased(&town, 1, &expires));
        // It lives at every later start, too.
        town.crash(1).await;
        town.start(1).await;
        let height = town.node(0).ledger.applied().height + 2;
        town.node(1).ledger.reached(height).await.expect("running");
    });
}

#[test]
fn a_key_that_is_put_back_after_its_erasure_was_attested_is_erased_at_the_next_start() {
    run(42, LONG, |context| async move {
        let mut town = Town::found(&context, "put back").await;
        let (group, _) = town.group(&["Ada", "Bela", "Chidi"]).await;
        let id = town
            .propose(group, "Not this", "count >= 2", Duration::from_secs(60))
            .await;
        town.all_say(&EVERYBODY, &id, Status::Collecting).await;
        town.until("held by all", 0, move |l| holders(l, &id).len() == 4)
            .await;
        let copies = EVERYBODY.map(|node| town.places[node].disk.duplicate());
        town.all_say(&EVERYBODY, &id, Status::Erased).await;
        town.attested(0, &id, &[0, 1, 2, 3]).await;

        // One's operator copies the key file back; two's, the whole folder as it was.
        town.crash(1).await;
        let key = copies[1].files().remove(&key_file(&id)).expect("a copy");
        town.places[1].disk.plant(key_file(&id), key);
        town.crash(2).await;
        town.places[2].disk = copies[2].duplicate();
        for node in [1, 2] {
            assert!(town.places[node].disk.files().contains_key(&key_file(&id)));
            town.start(node).await;
            until_erased(&context, &town, node, &id).await;
            let files = town.places[node].disk.files();
            assert!(!files.contains_key(&key_file(&id)));
            let names = files.keys().map(|path| path.display().to_string());
            let left: Vec<String> = names
                .filter(|name| name.contains(&id.to_string()) && !name.contains("/erased/"))
                .collect();
            assert_eq!(left, [""; 0]);
        }
    });
}
