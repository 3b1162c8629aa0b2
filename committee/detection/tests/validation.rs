//! The quick validation: made-up boards only. What it asserts lies further from what was measured than
//! honest noise goes: several times the half of the interval over twenty seeds.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tacit_detection::simulate::framing::Ruse;
use tacit_detection::simulate::population::Population;
use tacit_detection::validate::cases::{DISCOUNTED, LIKE_RINGS, Scope};
use tacit_detection::validate::detection::Part;
use tacit_detection::validate::plot::curves;
use tacit_detection::validate::results::{Study, Verdict};
use tacit_detection::validate::study::{NotMeasured, Plan, run};
use tacit_detection::validate::tables::{Table, preface, tables};
use tacit_detection::validate::{Seen, product};
use tacit_detection::votes::{Board, MemberId};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn plan(seeds: u64) -> Plan<'static> {
    Plan {
        part: Part::Tuning,
        seeds: Part::Tuning.seeds(2 * seeds),
        clean_seeds: Part::Tuning.seeds(2 * seeds),
        boards: Vec::new(),
        populations: vec![Population::mixed()],
        elsewhere: vec![Population::only_up(), Population::only_up_closed()],
        elsewhere_seeds: 1,
        scope: Scope::Quick,
        window_ms: 7 * DAY,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The quick validation, once for all tests.
fn quick() -> &'static Study {
    static STUDY: OnceLock<Study> = OnceLock::new();
    STUDY.get_or_init(|| run(&plan(3), &product, || {}).unwrap())
}

/// For each kind of ring, the least AUC and the least recall at one false positive in a hundred.
const LEAST: [(&str, f64, f64); 7] = [
    ("synchronised, 10 or more", 0.995, 0.93),
    ("jittered or rotating, 10 or more", 0.99, 0.90),
    ("organic, 10 or more", 0.93, 0.25),
    ("ring of 5, synchronised", 0.88, 0.40),
    ("ring of 5, jittered", 0.90, 0.35),
    ("camouflage", 0.98, 0.90),
    ("accounts with a past", 0.97, 0.80),
];

#[test]
fn rings_are_found() {
    for (name, auc, recall) in LEAST {
        let kind = quick().kinds.iter().find(|kind| kind.name == name).unwrap();
        let found = (kind.all.auc.unwrap().mean, kind.all.recall.unwrap().mean);
        assert!(found.0 >= auc && found.1 >= recall, "{name}: {found:?}");
    }
}

#[test]
fn whoever_writes_as_much_and_is_no_ring_is_like_other_authors() {
    let sham = quick()
        .kinds
        .iter()
        .find(|kind| kind.name.starts_with("no ring"));
    let auc = sham.unwrap().all.auc_among_authors.unwrap().mean;
    assert!((0.3..0.7).contains(&auc), "{auc}");
}

#[test]
fn rings_are_told_from_those_that_look_like_them() {
    for against in &quick().against {
        // A niche is nearest to a ring that keeps no time.
        let least = if against.behaviour == "local niche" {
            0.7
        } else {
            0.85
        };
        let auc = against.auc.unwrap().mean;
        assert!(auc >= least, "{}: {auc}", against.behaviour);
    }
    let names: Vec<&str> = quick()
        .against
        .iter()
        .map(|a| a.behaviour.as_str())
        .collect();
    assert!(LIKE_RINGS.iter().all(|b| names.contains(&&*b.to_string())));
}

#[test]
fn honest_members_are_neither_discounted_nor_slashed() {
    let clean = &quick().clean;
    assert!(
        clean.like_rings.epochs > 1_500,
        "{}",
        clean.like_rings.epochs
    );
    for befell in clean.by.iter().filter(|b| b.discount_verdict.is_some()) {
        let discounted = befell.discounted.unwrap().mean;
        assert!(discounted <= DISCOUNTED, "{}: {discounted}", befell.who);
    }
    assert_eq!(clean.all.slashed, 0);
}

#[test]
fn whatever_a_ring_does_around_members_and_for_them_they_are_neither_flagged_nor_struck() {
    let framed = &quick().framed;
    assert_eq!(framed.len(), Ruse::ALL.len());
    for framing in framed {
        let (before, after) = (&framing.before, &framing.after);
        assert_eq!(
            (before.victims, after.victims, framing.left_out),
            (10, 10, 0)
        );
        assert_eq!(before.flagged.unwrap().mean, 0.0);
        // The ring is there, and is seen.
        assert!(before.ring_flagged.unwrap().mean > 0.8, "{framing:?}");
        if framing.others_doing {
            assert_eq!(after.flagged.unwrap().mean, 0.0, "{framing:?}");
            assert_eq!(after.struck.unwrap().mean, 0.0, "{framing:?}");
        }
    }
    assert_eq!(framed.iter().filter(|f| f.others_doing).count(), 3);
}

#[test]
fn boards_of_upvotes_alone_have_a_table_of_their_own() {
    let [(name, clean), (closed, _)] = &quick().clean_elsewhere[..] else {
        panic!("not two")
    };
    assert_eq!((name.as_str(), clean.boards), ("upvotes only", 1));
    assert_eq!(closed, "upvotes only and closed niches");
    assert!(clean.all.members > 200 && clean.all.whole_flagged.unwrap().mean < 0.01);
    assert!(
        clean.all.epochs > 300 && clean.all.slashed == 0,
        "{clean:?}"
    );
    let titles: Vec<String> = tables(quick()).into_iter().map(|t| t.title).collect();
    assert!(
        titles
            .iter()
            .any(|title| title.ends_with("where there are upvotes only")),
        "{titles:?}"
    );
}

#[test]
fn one_seed_has_no_interval_and_what_it_meets_is_in_doubt() {
    let plan = Plan {
        populations: vec![Population::plain(70, 7)],
        ..plan(1)
    };
    let study = run(&plan, &product, || {}).unwrap();
    let verdicts = || study.kinds.iter().flat_map(|kind| kind.verdicts);
    assert!(verdicts().flatten().count() > 5);
    assert!(verdicts().flatten().all(|verdict| verdict != Verdict::Met));
    assert!(tables(&study)[0].markdown().contains("(one seed)"));
    assert!(
        preface(&study)
            .iter()
            .any(|line| line.contains("no interval"))
    );
}

#[test]
fn over_three_seeds_there_is_a_range_and_nowhere_an_interval_of_95_percent() {
    let study = quick();
    assert_eq!(study.bounds, "in brackets the range over 3 seeds");
    for table in tables(study) {
        let text = table.markdown();
        assert!(!text.contains("95 % interval"), "{text}");
        let has_bounds = table.rows.iter().flatten().any(|cell| cell.contains('['));
        assert_eq!(
            has_bounds,
            text.contains("in brackets the range over "),
            "{text}"
        );
    }
    assert!(
        preface(study)
            .iter()
            .any(|line| line.contains("the range over 3 seeds"))
    );
}

#[test]
fn every_table_with_a_recall_says_that_no_user_has_its_cut() {
    let with_recall = |table: &&Table| {
        let mut heads = table.headers.iter().chain(&table.notes);
        heads.any(|text| text.contains("recall at 1 %"))
    };
    let tables = tables(quick());
    assert_eq!(tables.iter().filter(with_recall).count(), 4);
    for table in tables.iter().filter(with_recall) {
        let mut notes = table.notes.iter();
        assert!(
            notes.any(|note| note.contains("which no user knows")),
            "{}",
            table.title
        );
    }
    let picture = curves(quick());
    assert!(picture.contains("share of the others above the score"));
    assert!(!picture.contains("members flagged"));
}

#[test]
fn where_there_is_a_ring_nobody_else_is_slashed() {
    let slashes = &quick().slashes;
    assert_eq!(slashes.all.honest_slashed, 0);
    // Two of ninety: strikes are for rings that meet often, and no measure of how many are found.
    assert!(slashes.all.ring_slashed >= 1, "{:?}", slashes.all);
    assert!(slashes.all.wronged() <= DISCOUNTED, "{:?}", slashes.all);
}

#[test]
fn signals_alone_stand_beside_the_score_and_one_that_tells_a_ring_tells_it_alone() {
    let alone = &quick().alone;
    let auc = |signal: &str, kind: &str| {
        let mut found = alone
            .iter()
            .filter(|a| a.signal == signal && a.kind == kind);
        let line = found.next().unwrap();
        assert_eq!((line.boards, line.ground.as_str()), (2, "mixed"));
        line.auc.unwrap().mean
    };
    for signal in [
        "the product's score",
        "structure",
        "mutual pairs",
        "votes together",
    ] {
        let found = auc(signal, "synchronised");
        assert!(found > 0.8, "{signal}: {found}");
    }
    // Who keeps no time isn't told by time as those are who do.
    assert!(auc("votes together", "organic") < auc("votes together", "synchronised"));
}

#[test]
fn every_figure_stands_in_a_table_and_every_kind_in_the_picture() {
    let study = quick();
    let tables = tables(study);
    for table in &tables {
        assert!(!table.rows.is_empty(), "{}", table.title);
        let width = table.headers.len();
        assert!(
            table.rows.iter().all(|row| row.len() == width),
            "{}",
            table.title
        );
    }
    let picture = curves(study);
    assert!(
        study
            .kinds
            .iter()
            .all(|kind| tables[0].markdown().contains(kind.name))
    );
    assert_eq!(
        picture
            .matches("stroke-width=\"2\" stroke-dasharray")
            .count(),
        2 * study.kinds.len()
    );
    // Nothing from elsewhere, but for the name of the language.
    assert_eq!(picture.matches("http").count(), 1);
    assert!(preface(study)[0].contains("kept for tuning"));
    let json: serde_json::Value = serde_json::to_value(study).unwrap();
    assert_eq!(json["part"], "tuning");
}

#[test]
fn seeds_and_boards_of_the_other_part_are_refused() {
    let nothing = |_: &_| None;
    let mixed = Plan {
        seeds: vec![2, 3],
        ..plan(1)
    };
    let refused = run(&mixed, &nothing, || {}).unwrap_err();
    assert_eq!(refused, NotMeasured::Seed(3));
    let held_back = Plan {
        part: Part::HeldBack,
        ..plan(1)
    };
    let refused = run(&held_back, &nothing, || {}).unwrap_err();
    assert_eq!(refused, NotMeasured::Seed(0));
    let name = (0..)
        .map(|n| format!("b{n}"))
        .find(|n| Part::of_board(n) == Part::HeldBack);
    let mut made = Population::plain(60, 7).board(0).script;
    made.name = name.clone().unwrap().into();
    let board = made.board().unwrap();
    let other = Plan {
        boards: vec![&board],
        ..plan(1)
    };
    let refused = run(&other, &nothing, || {}).unwrap_err();
    assert_eq!(refused, NotMeasured::Board(name.unwrap()));
}

#[test]
fn threads_change_nothing_and_every_step_is_told() {
    let board = real(Population::plain(70, 7));
    let study = |threads| {
        let plan = Plan {
            populations: vec![Population::plain(70, 7)],
            elsewhere: vec![Population {
                only_up: true,
                ..Population::plain(70, 7)
            }],
            boards: vec![&board],
            threads,
            ..plan(1)
        };
        let steps = AtomicUsize::new(0);
        let study = run(&plan, &product, || {
            steps.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(steps.into_inner(), plan.steps().unwrap());
        study.unwrap()
    };
    assert_eq!(study(1), study(3));
}

#[test]
fn a_real_board_is_judged_whole_in_halves_and_in_windows() {
    let (board, few) = (
        real(Population::plain(150, 21)),
        real(Population::plain(30, 21)),
    );
    let plan = Plan {
        boards: vec![&board, &few],
        populations: Vec::new(),
        ..plan(3)
    };
    // Everybody whose pseudonym begins with a digit below 8: about half.
    let look = |board: &Board| {
        product(board)?;
        let low = |m| {
            board
                .member_name(MemberId(m))
                .starts_with(|c: char| ('0'..'8').contains(&c))
        };
        let flagged: Vec<bool> = (0..board.members() as u32).map(low).collect();
        let scores = flagged
            .iter()
            .map(|flag| f64::from(u8::from(*flag)))
            .collect();
        Some(Seen { scores, flagged })
    };
    let study = run(&plan, &look, || {}).unwrap();
    let real = &study.real[0];
    // Who isn't judged is told.
    assert_eq!(
        (study.real.len(), &*study.not_judged),
        (1, &[few.name().to_owned()][..])
    );
    let all = tables(&study).into_iter();
    let told: Vec<String> = all.flat_map(|table| table.notes).collect();
    assert!(
        told.iter()
            .any(|note| note.starts_with("1 of 2 boards not judged")),
        "{told:?}"
    );
    // Three weeks touch four of those counted from 1970.
    assert_eq!((real.members, real.windows), (board.members(), 4));
    assert_eq!(real.verdict, Verdict::NotMet);
    let halves = real.halves.unwrap();
    let high = halves.high.unwrap();
    assert!((0.4..0.6).contains(&halves.mean) && real.worst_half >= high);
    assert!(halves.low.unwrap() < high);
    let share = real.epochs_flagged as f64 / real.epochs as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
}

/// A board made up in place of a real one, under a name that is for tuning.
fn real(population: Population) -> Board {
    let name = (0..)
        .map(|n| format!("b{n}-{}", population.name))
        .find(|n| Part::of_board(n) == Part::Tuning);
    let mut made = population.board(0).script;
    made.name = name.unwrap().into();
    made.board().unwrap()
}
