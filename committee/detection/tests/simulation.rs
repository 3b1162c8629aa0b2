//! The quick simulation: rings pay without defences, lose by being seen, and nobody else pays for it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tacit_detection::economy::Terms;
use tacit_detection::economy::simulation::page::{of, page};
use tacit_detection::economy::simulation::real::Ground;
use tacit_detection::economy::simulation::{Plan, Results, simulate};
use tacit_detection::simulate::population::Population;
use tacit_detection::validate::detection::Part;
use tacit_detection::votes::Board;

fn plan() -> Plan {
    Plan::quick(vec![1, 3])
}

fn results() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| simulate(&plan(), 2, || {}).unwrap())
}

#[test]
fn a_ring_pays_without_defences_and_loses_with_all_when_it_votes_at_once() {
    let results = results();
    let plain = &results.cells[0];
    let figure = |defences| of(plain, defences).unwrap().on_investment;
    assert!(figure("none").low > 1.0, "{:?}", figure("none"));
    assert!(figure("all").high < 0.0, "{:?}", figure("all"));
    // Percentages alone don't make it lose.
    assert!(figure("strikes without claw-back").low > 0.5);
    assert!(figure("strikes").mean < figure("strikes without claw-back").mean);
    assert!(figure("discount").mean < figure("none").mean);
    assert!(plain.struck >= 0.8, "{}", plain.struck);
}

#[test]
fn every_ring_of_the_quick_look_pays_without_defences_and_only_the_one_that_keeps_no_time_with_all()
{
    let results = results();
    let [ten, twenty, organic] = &results.cells[..] else {
        panic!("{} kinds", results.cells.len())
    };
    for cell in [ten, twenty, organic] {
        let figure = |defences| of(cell, defences).unwrap();
        assert!(figure("none").on_investment.low > 2.0, "{cell:?}");
        assert!(figure("none").over_honesty.low > 2.0, "{cell:?}");
        // No layer alone makes one lose.
        for layer in ["quality", "attention", "discount", "strikes"] {
            let found = figure(layer).on_investment;
            assert!(
                found.low > 0.2 && found.mean <= figure("none").on_investment.mean,
                "{cell:?}"
            );
        }
        assert_eq!(cell.boards, 2);
    }
    let all = |cell| of(cell, "all").unwrap();
    assert!(
        all(twenty).on_investment.high < 0.0 && twenty.struck > 0.5,
        "{twenty:?}"
    );
    assert!(all(organic).on_investment.low > 0.05, "{organic:?}");
    assert_eq!(organic.struck, 0.0);
    // The mean of the three, each alike.
    let mean = |defences| {
        let figures = results.cells.iter().map(|cell| of(cell, defences).unwrap());
        figures.map(|r| r.on_investment.mean).sum::<f64>() / 3.0
    };
    for found in &results.mix {
        assert!(
            (found.on_investment.mean - mean(found.defences)).abs() < 1e-9,
            "{found:?}"
        );
    }
}

#[test]
fn three_rings_are_called_so_and_two_boards_give_a_range() {
    let (plan, results) = (plan(), results());
    let page = page(&plan, results);
    let json = serde_json::to_value(results).unwrap();
    assert_eq!(json["mix_of"], "these 3 rings, not the stated mix");
    assert_eq!(json["is_stated_mix"], false);
    assert!(page.contains("<h2>These 3 rings, not the stated mix</h2>"));
    assert!(
        results.verdict()[0]
            .starts_with("With all defences the mean of these 3 rings, not the stated mix, ")
    );
    assert_eq!(
        Plan::stated(vec![1]).mix_of(),
        "rings of ten or more, each alike"
    );
    assert_eq!(json["bounds"], "in brackets the range over 2 seeds");
    for text in [page.as_str(), &results.preface(&plan).join(" ")] {
        assert!(!text.contains("95 % interval"), "{text}");
        for told in ["made-up boards", "seeds 1, 3", "range over 2 seeds"] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
    let many = simulate(&Plan::quick((0..10).map(|n| 2 * n + 1).collect()), 2, || {}).unwrap();
    assert_eq!(many.bounds, "in brackets the 95 % interval over 10 seeds");
}

#[test]
fn on_seeds_for_tuning_it_is_said_that_thresholds_were_chosen_so() {
    let said = |seeds: Vec<u64>| {
        let plan = Plan::quick(seeds);
        let results = Results {
            part: plan.part(),
            seeds_played: plan.seeds.clone(),
            ..results().clone()
        };
        let page = page(&plan, &results);
        let told = |text: &str| text.contains("Thresholds were chosen by boards like these");
        assert_eq!(told(&page), told(&results.preface(&plan).join(" ")));
        (told(&page), results.part)
    };
    assert_eq!(said(vec![0, 2]), (true, Part::Tuning));
    assert_eq!(said(vec![1, 3]), (false, Part::HeldBack));
}

/// A board in place of a real one, with a name that could end a tag.
fn real(members: usize) -> Board {
    let mut made = Population::plain(members, 56).board(4).script;
    made.name = "<b>&\"".into();
    made.board().unwrap()
}

#[test]
fn on_a_real_board_rings_are_planted_among_members_of_whom_nothing_else_is_known() {
    assert!(Ground::of(&real(30)).is_err());
    let ground = Ground::of(&real(120)).unwrap();
    let plan = Plan::on(ground.clone(), vec![1, 3], true);
    assert_eq!(
        plan.terms,
        Terms {
            window_ms: ground.window_ms,
            ..Plan::stated(vec![1]).terms
        }
    );
    let results = simulate(&plan, 1, || {}).unwrap();
    assert_eq!(simulate(&plan, 1, || {}).unwrap(), results);
    let plain = |defences| of(&results.cells[0], defences).unwrap().on_investment;
    assert!(
        plain("none").low > 1.0 && plain("all").mean < 0.0,
        "{:?}",
        results.cells[0]
    );
    let [members] = &results.honest[..] else {
        panic!("{:?}", results.honest)
    };
    assert_eq!(members.behaviour, "members of the board");
    assert_eq!((members.strikes, results.strikes.clean), (0, 0));
    // All boards of all seeds have the same members, so that they count once.
    let once = members.member_epochs as f64 / plan.boards() as f64;
    let windows_a_year = 365.0 * 86_400_000.0 / ground.window_ms as f64;
    let most = 3.0 / once * 0.25 * windows_a_year;
    assert!((members.at_most_per_year - most).abs() < 1e-9);
    let page = page(&plan, &results);
    assert!(page.contains("on board &lt;b&gt;&amp;") && !page.contains("<b>"));
    assert!(results.mix_of.ends_with("not the stated mix"));
    for told in [
        "taken to be honest",
        "over rings, and not over boards",
        "A strike needs evidence in two windows",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn no_honest_member_pays_for_it() {
    let results = results();
    assert!(results.strikes.ring > 20);
    assert_eq!(results.strikes.clean, 0);
    assert_eq!(results.strikes.precision(), Some(1.0));
    assert!(results.strikes.clean_member_epochs > 2_000);
    for cost in &results.honest {
        assert_eq!(cost.stake_lost_per_year, 0.0);
        assert!(cost.discounted <= 0.02, "{cost:?}");
        // The allowance takes of all who write, the discount of hardly anybody.
        let [discount, allowance] = [cost.rewards_lost, cost.rewards_limited].map(Option::unwrap);
        assert!(discount < 0.01 && discount < allowance, "{cost:?}");
        assert!(allowance < 0.3, "{cost:?}");
    }
}

#[test]
fn the_verdict_says_how_many_kinds_still_gain_and_what_the_mix_does_without_a_layer() {
    let mut results = results().clone();
    let said = results.verdict();
    assert_eq!(said.len(), 5);
    assert!(
        said[0].starts_with("With all defences the mean of these 3 rings, "),
        "{said:?}"
    );
    assert!(said[1].starts_with("Without a measure of quality it "));
    assert!(said[2].starts_with("Without proofs of attention it "));
    assert!(said[3].starts_with("Without an allowance of votes it "));
    assert_eq!(results.kinds("all").iter().sum::<usize>(), 3);
    // Three kinds: just below zero, about it, and just above.
    for (cell, (low, high)) in
        results
            .cells
            .iter_mut()
            .zip([(-2.0, -0.01), (-1.0, 0.0), (0.01, 1.0)])
    {
        for found in cell.returns.iter_mut().filter(|r| r.defences == "all") {
            (found.on_investment.low, found.on_investment.high) = (low, high);
        }
    }
    assert_eq!(results.kinds("all"), [1, 1, 1]);
    let told = "Of its 3 kinds of rings 1 lose, 1 are in doubt, and 1 still gain.";
    assert!(
        results.verdict()[0].ends_with(told),
        "{:?}",
        results.verdict()
    );
}

#[test]
fn a_ring_that_knows_the_figures_does_what_adds_most() {
    let mut results = results().clone();
    let sizes: Vec<usize> = results.adaptive().iter().map(|c| c.size).collect();
    assert_eq!(sizes, [10, 20]);
    let last = results.cells.len() - 1;
    for found in &mut results.cells[last].returns {
        found.over_honesty.mean = 99.0;
    }
    assert_eq!(results.adaptive()[1].ring, results.cells[last].ring);
}

#[test]
fn the_same_seeds_give_the_same_figures_and_a_page_that_needs_nothing_else() {
    let again = simulate(&plan(), 1, || {}).unwrap();
    assert_eq!(&again, results());
    let page = page(&plan(), results());
    for cell in &results().cells {
        assert!(page.contains(&cell.ring));
    }
    for needs in ["http://", "https://", "<script", "src="] {
        assert!(!page.contains(needs), "{needs}");
    }
}

#[test]
fn every_board_is_told_and_one_seed_is_too_few() {
    let told = AtomicUsize::new(0);
    let mut one = plan();
    one.seeds.truncate(1);
    assert!(
        simulate(&one, 1, || {
            told.fetch_add(1, Ordering::Relaxed);
        })
        .is_none()
    );
    assert_eq!(told.into_inner(), one.boards());
}
