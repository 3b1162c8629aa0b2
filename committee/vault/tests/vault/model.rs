//! Random operations, crashes and restarts, held against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tacit_vault::{FaultDisk, Moment, Restart, SlotState, Vault, VaultError, steps};

use crate::support::{BASE, Seen, body, ct, look, open, statement};

const STATEMENTS: u8 = 2;
const NAMES: [&str; 2] = ["dkg-seed/1", "share"];

#[derive(Clone, Debug)]
enum Operation {
    Ensure(u8),
    PutSecret { of: u8, name: usize, value: u8 },
    PutBodies { of: u8, from: u8, to: u8 },
    DropBody { of: u8, which: u8 },
    Erase(u8),
}

/// A crash at the given step, counted over the steps of all operations, and how the machine comes back.
#[derive(Clone, Debug)]
struct Crash {
    step: usize,
    moment: Moment,
    restart: Restart,
}

fn operations() -> impl Strategy<Value = Operation> {
    let of = 0..STATEMENTS;
    prop_oneof![
        3 => of.clone().prop_map(Operation::Ensure),
        4 => (of.clone(), 0..NAMES.len(), any::<u8>())
            .prop_map(|(of, name, value)| Operation::PutSecret { of, name, value }),
        5 => (of.clone(), 0..6u8, 1..4u8)
            .prop_map(|(of, from, n)| Operation::PutBodies { of, from, to: from + n }),
        2 => (of.clone(), 0..9u8).prop_map(|(of, which)| Operation::DropBody { of, which }),
        1 => of.prop_map(Operation::Erase),
    ]
}

fn crashes() -> impl Strategy<Value = Option<Crash>> {
    let moment = prop_oneof![
        Just(Moment::Before),
        Just(Moment::During),
        Just(Moment::After)
    ];
    let restart = prop_oneof![
        2 => Just(Restart::Process),
        1 => Just(Restart::PowerLost),
        1 => Just(Restart::PowerKept),
        3 => any::<u64>().prop_map(Restart::PowerTorn),
    ];
    let crash = (0..steps::ALL.len(), moment, restart).prop_map(|(step, moment, restart)| Crash {
        step,
        moment,
        restart,
    });
    prop_oneof![1 => Just(None), 2 => crash.prop_map(Some)]
}

type Model = BTreeMap<u8, Seen>;

/// What the model says after an operation that was acknowledged; `None` if it must be refused.
fn after(model: &Seen, operation: &Operation) -> Option<Seen> {
    let mut next = model.clone();
    let live = model.state == SlotState::Live;
    match operation {
        Operation::Ensure(_) if model.state == SlotState::Absent => next.state = SlotState::Live,
        Operation::Ensure(_) if live => {}
        Operation::PutSecret { name, value, .. } if live => {
            next.secrets
                .entry(NAMES[*name].to_owned())
                .or_insert_with(|| vec![*value; 40]);
        }
        Operation::PutBodies { from, to, .. } if live => {
            next.bodies.extend((*from..*to).map(|n| (ct(n), body(n))));
        }
        Operation::DropBody { which, .. } if live => drop(next.bodies.remove(&ct(*which))),
        // Which caveats an erasure has is another test's matter.
        Operation::Erase(_) => next = Seen::nothing(SlotState::Erasing),
        _ => return None,
    }
    Some(next)
}

fn target(operation: &Operation) -> u8 {
    match operation {
        Operation::Ensure(of)
        | Operation::PutSecret { of, .. }
        | Operation::PutBodies { of, .. }
        | Operation::DropBody { of, .. }
        | Operation::Erase(of) => *of,
    }
}

fn act(vault: &Vault, operation: &Operation) -> Result<(), VaultError> {
    let id = statement(target(operation));
    match operation {
        Operation::Ensure(_) => vault.ensure_slot(&id),
        Operation::PutSecret { name, value, .. } => {
            let stored = vault.put_secret(&id, NAMES[*name], &[*value; 40])?;
            let read = vault.get_secret(&id, NAMES[*name])?;
            assert_eq!(Some(stored), read, "the value returned is the one stored");
            Ok(())
        }
        Operation::PutBodies { from, to, .. } => {
            let batch: Vec<_> = (*from..*to).map(|n| (ct(n), body(n))).collect();
            vault.put_bodies(&id, &batch)
        }
        Operation::DropBody { which, .. } => vault.drop_body(&id, &ct(*which)).map(drop),
        Operation::Erase(_) => vault.erase(&id).map(drop),
    }
}

/// What is seen, with all erased states taken for one.
fn look_at(vault: &Vault, of: u8) -> Seen {
    let mut seen = look(vault, &statement(of));
    if matches!(seen.state, SlotState::Erased(_)) {
        seen.state = SlotState::Erasing;
    }
    seen
}

/// Whether a crash on the way from one state to the other may leave this one.
fn is_between(seen: &Seen, before: &Seen, next: &Seen) -> bool {
    let part = |(ct, body): (&[u8; 32], &Vec<u8>)| next.bodies.get(ct) == Some(body);
    let kept = |(ct, body): (&[u8; 32], &Vec<u8>)| seen.bodies.get(ct) == Some(body);
    let some_of_a_batch = seen.state == next.state
        && seen.secrets == before.secrets
        && seen.bodies.iter().all(part)
        && before.bodies.iter().all(kept);
    seen == before || seen == next || some_of_a_batch
}

fn run(script: Vec<(Operation, Option<Crash>)>) {
    let disk = FaultDisk::new(BASE);
    let mut vault = open(&disk);
    let absent = Seen::nothing(SlotState::Absent);
    let mut model: Model = (0..STATEMENTS).map(|n| (n, absent.clone())).collect();
    for (operation, crash) in script {
        let of = target(&operation);
        let before = model[&of].clone();
        if let Some(crash) = &crash {
            disk.crash_at(steps::ALL[crash.step], 0, crash.moment);
        }
        let answer = act(&vault, &operation);
        let next = after(&before, &operation);
        if disk.is_down() {
            assert!(
                answer.is_err(),
                "{operation:?} was acknowledged by a machine that is down"
            );
        } else {
            match &next {
                Some(next) => {
                    answer.unwrap_or_else(|e| panic!("{operation:?}: {e}"));
                    model.insert(of, next.clone());
                }
                None => assert!(answer.is_err(), "{operation:?} wasn't refused"),
            }
        }
        if let Some(crash) = crash {
            let in_flight = disk.is_down();
            drop(vault);
            disk.restart(crash.restart);
            vault = open(&disk);
            if in_flight {
                let seen = look_at(&vault, of);
                let next = next.unwrap_or_else(|| before.clone());
                assert!(
                    is_between(&seen, &before, &next),
                    "{operation:?}: {before:?} → {seen:?}"
                );
                model.insert(of, seen);
                // What was seen must hold, whatever happens next.
                drop(vault);
                disk.restart(Restart::PowerLost);
                vault = open(&disk);
            }
        }
        disk.heal();
        for n in 0..STATEMENTS {
            assert_eq!(look_at(&vault, n), model[&n], "after {operation:?}");
        }
    }
    // Whatever happened, every slot can be erased.
    for n in 0..STATEMENTS {
        vault.erase(&statement(n)).unwrap();
        assert!(matches!(vault.state(&statement(n)), SlotState::Erased(_)));
    }
    let left: Vec<_> = disk.files().into_keys().collect();
    assert_eq!(left.len(), STATEMENTS as usize, "only tombstones: {left:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_operations_and_crashes_leave_what_the_model_says(
        script in proptest::collection::vec((operations(), crashes()), 1..24)
    ) {
        run(script);
    }
}
