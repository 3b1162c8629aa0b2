//! The quick simulation: rings pay without defences, lose by being seen, and nobody else pays for it.

use std::sync::OnceLock;

use tacit_detection::economy::simulation::page::{of, page};
use tacit_detection::economy::simulation::{Plan, Results, simulate};

fn plan() -> Plan {
    Plan::quick(vec![1, 3])
}

fn results() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| simulate(&plan(), || {}).unwrap())
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
fn no_honest_member_pays_for_it() {
    let results = results();
    assert!(results.strikes.ring > 20);
    assert_eq!(results.strikes.clean, 0);
    assert_eq!(results.strikes.precision(), Some(1.0));
    assert!(results.strikes.clean_member_epochs > 2_000);
    for cost in &results.honest {
        assert_eq!(cost.stake_lost_per_year, 0.0);
        assert!(cost.discounted <= 0.02, "{cost:?}");
    }
}

#[test]
fn the_verdict_says_how_many_kinds_still_gain_and_what_the_mix_does_without_a_layer() {
    let mut results = results().clone();
    let said = results.verdict();
    assert_eq!(said.len(), 4);
    assert!(
        said[0].starts_with("With all defences the mix "),
        "{said:?}"
    );
    assert!(said[1].starts_with("Without a measure of quality it "));
    assert!(said[2].starts_with("Without proofs of attention it "));
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
    let again = simulate(&plan(), || {}).unwrap();
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
    let mut told = 0;
    let mut one = plan();
    one.seeds.truncate(1);
    assert!(simulate(&one, || told += 1).is_none());
    assert_eq!(told, one.boards());
}
