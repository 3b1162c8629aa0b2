//! Whole nodes through whatever a seed draws: processes that die, machines that lose power in the middle
//! of any step of any change to a vault, cut links. One node suffers at a time, which is all that four
//! nodes promise to bear; the statements' lives end as they should all the same.

use std::time::Duration;

use commonware_runtime::{Clock as _, deterministic::Context};
use rand::RngExt as _;
use tacit_client::seal::Sealed;
use tacit_ledger::Ledger;
use tacit_node::{mempool::Outcome, simulated::run};
use tacit_protocol::{ids::StatementId, statement::Status};
use tacit_vault::{Moment, Restart, SlotState, Step, steps};
use tokio::sync::oneshot::error::TryRecvError;

use crate::{
    members::seeds,
    whole::{Town, names, status},
};

/// Whoever draws what happens next.
struct Fate {
    context: Context,
    town: Town,
    /// Whose disk may fail at any moment.
    doomed: Option<usize>,
    /// Who doesn't, because it is being talked to.
    spared: Option<usize>,
    /// The steps at which it may: those that are about to be taken.
    likely: Vec<Step>,
    /// What happened, for the report of a failure.
    story: Vec<String>,
}

impl Fate {
    fn draw(&mut self, below: u64) -> u64 {
        self.context.random_range(0..below)
    }

    fn node(&mut self) -> usize {
        self.draw(4) as usize
    }

    async fn pause(&mut self, most_ms: u64) {
        let ms = self.draw(most_ms);
        self.context.sleep(Duration::from_millis(ms)).await;
    }

    fn tell(&mut self, what: String) {
        let at = self.town.log.committee.founding().founded_ms;
        let now = tacit_node::time::millis(self.context.current()) - at;
        self.story.push(format!("{now} ms: {what}"));
    }

    /// Something happens, or nothing.
    async fn strike(&mut self) {
        self.bury().await;
        let node = self.node();
        match self.draw(8) {
            0..=2 => self.doom(),
            3 if self.doomed.is_none_or(|doomed| doomed == node) => {
                self.tell(format!("{node} dies"));
                self.doomed = None;
                self.town.crash(node).await;
                self.pause(4000).await;
                self.town.start(node).await;
            }
            4 if self.doomed.is_none_or(|doomed| doomed == node) => {
                self.tell(format!("{node} is cut off"));
                let others: Vec<usize> = (0..4).filter(|n| *n != node).collect();
                self.town.network.cut(&[node], &others).await;
                self.pause(4000).await;
                self.town.network.heal().await;
            }
            _ => {}
        }
        self.pause(1500).await;
        self.bury().await;
    }

    /// From now on, machines fail at these steps; whoever was to fail at another doesn't.
    async fn expect(&mut self, likely: &[&[Step]]) {
        self.bury().await;
        if let Some(spared) = self.doomed.take() {
            self.town.places[spared].disk.heal();
        }
        self.likely = likely.concat();
        self.doom();
    }

    /// Has a machine fail at a step, once it is reached.
    fn doom(&mut self) {
        if self.doomed.is_some() {
            return;
        }
        let node = loop {
            let node = self.node();
            if self.spared != Some(node) {
                break node;
            }
        };
        let step = self.draw(self.likely.len() as u64) as usize;
        let step = self.likely[step];
        let moment = [Moment::Before, Moment::During, Moment::After][self.draw(3) as usize];
        let nth = self.draw(2) as usize;
        self.tell(format!("{node} is to fail {moment:?} {step}"));
        self.town.places[node].disk.crash_at(step, nth, moment);
        self.doomed = Some(node);
    }

    /// Starts again a node whose machine has failed.
    async fn bury(&mut self) {
        let Some(node) = self.doomed else { return };
        if !self.town.places[node].disk.is_down() {
            return;
        }
        self.doomed = None;
        let how = match self.draw(3) {
            0 => Restart::PowerLost,
            1 => Restart::PowerKept,
            _ => Restart::PowerTorn(self.draw(u64::MAX)),
        };
        self.tell(format!("{node} failed; comes back with {how:?}"));
        self.town.fell(node, how).await;
        self.pause(3000).await;
        self.town.start(node).await;
    }

    /// A node that can't fail just now, to look at and to talk to.
    fn sound(&mut self) -> usize {
        loop {
            let node = self.node();
            if self.doomed != Some(node) {
                return node;
            }
        }
    }

    /// Lets things happen until something holds at a node.
    async fn until(
        &mut self,
        what: &str,
        holds: impl Fn(&Ledger) -> bool + Clone + Send + 'static,
    ) {
        for _ in 0..600 {
            let node = self.sound();
            if self.town.read(node, holds.clone()).await {
                return;
            }
            self.strike().await;
        }
        panic!("not {what}: {:#?}", self.story);
    }

    /// A member's program: sends the same bytes until it has its answer.
    async fn sign(&mut self, sealed: &Sealed) {
        loop {
            let node = self.sound();
            let mut waiting = self.town.hand_in_signature(node, sealed);
            // Long enough for all that may happen, unless that node dies.
            for _ in 0..10 {
                self.strike().await;
                match waiting.try_recv() {
                    Ok(Outcome::Final(_)) => return,
                    Ok(refused @ Outcome::Refused(_)) => panic!("{refused:?}: {:#?}", self.story),
                    Ok(Outcome::Busy) | Err(TryRecvError::Closed) => break,
                    Err(TryRecvError::Empty) => {}
                }
            }
        }
    }

    /// All have erased, and all have said so.
    async fn until_all_erased(&mut self, id: StatementId) {
        self.until("erased by all", move |ledger| {
            let view = ledger.statement(&id).expect("readable").expect("there");
            view.erasures.len() == 4
        })
        .await;
    }
}

/// False too at a node that hasn't heard of it yet.
fn is_collecting(ledger: &Ledger, id: &StatementId) -> bool {
    let view = ledger.statement(id).expect("readable");
    view.is_some_and(|view| view.status == Status::Collecting)
}

/// Returns what happened.
async fn ordeal(context: Context) -> Vec<String> {
    let town = Town::found(&context, "ordeal").await;
    let (group, people) = town.group(&["Ada", "Bela", "Chidi"]).await;
    let mut fate = Fate {
        context,
        town,
        doomed: None,
        spared: Some(0),
        likely: Vec::new(),
        story: Vec::new(),
    };
    fate.expect(&[steps::SLOT, steps::SECRET]).await;
    let due = Duration::from_secs(180);
    let propose = fate
        .town
        .propose(group, "Open this", "count >= 2", due * 20);
    let opens = propose.await;
    let propose = fate.town.propose(group, "Not this", "count >= 2", due);
    let expires = propose.await;
    fate.spared = None;
    for id in [opens, expires] {
        fate.until("collecting", move |l| is_collecting(l, &id))
            .await;
    }
    fate.bury().await;
    let teller = fate.sound();
    let collecting = move |l: &Ledger| [opens, expires].iter().all(|id| is_collecting(l, id));
    fate.town.until("collecting", teller, collecting).await;
    fate.town.learn(teller).await;
    let signers = [(&people[0], None), (&people[1], None)];
    let sealed = fate.town.log.seal(&opens, &signers);
    let lonely = fate.town.log.seal(&expires, &[(&people[2], None)]);
    fate.expect(&[steps::BODIES]).await;
    fate.sign(&sealed[0]).await;
    fate.sign(&lonely[0]).await;
    // The one that triggers; from here on keys may go.
    fate.expect(&[steps::BODIES, steps::ERASE]).await;
    fate.sign(&sealed[1]).await;
    fate.until("revealed", move |l| status(l, &opens) == Status::Revealed)
        .await;
    fate.until_all_erased(opens).await;
    fate.expect(&[steps::ERASE]).await;
    fate.until("erased", move |l| status(l, &expires) == Status::Erased)
        .await;
    fate.until_all_erased(expires).await;

    // Nobody suffers any more; everything is as if nobody ever had.
    for place in &fate.town.places {
        place.disk.heal();
    }
    fate.bury().await;
    let Fate { town, story, .. } = fate;
    for node in 0..4 {
        town.all_say(&[node], &opens, Status::Revealed).await;
        town.attested(node, &opens, &[0, 1, 2, 3]).await;
        town.attested(node, &expires, &[0, 1, 2, 3]).await;
        for id in [opens, expires] {
            let state = town.vault(node).state(&id);
            assert!(matches!(state, SlotState::Erased(_)), "{node}: {state:?}");
        }
        let whole = move |l: &Ledger| l.opened_bodies(&opens).expect("readable").len() == 2;
        town.until("whole", node, whole).await;
        let bundle = town.bundle(node, &opens).await;
        let mut names = names(&town.verified(&bundle));
        names.sort();
        assert_eq!(names, ["Ada", "Bela"]);
        let bundle = town.bundle(node, &expires).await;
        assert!(town.verified(&bundle).names.is_none());
    }
    assert_eq!(town.network.blocked().await, []);
    story
}

#[test]
fn whatever_strikes_one_node_at_a_time_lists_open_or_are_erased() {
    let mut failed = 0;
    for seed in seeds(200, 2) {
        let (story, _) = run(seed, Duration::from_secs(3600), ordeal);
        println!("seed {seed}: {story:#?}");
        failed += story.iter().filter(|what| what.contains("failed")).count();
    }
    assert!(failed > 0, "machines did fail in the middle of a step");
}
