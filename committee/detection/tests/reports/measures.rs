use tacit_detection::report::Asked;
use tacit_detection::report::measures::Measured;
use tacit_detection::report::page::{Beside, page};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::plant;
use tacit_detection::simulate::ring::{Accounts, Ring};

use crate::{MINUTE, found, honest, report, votes};

#[test]
fn the_other_measures_of_a_ring_stand_beside_what_is_usual() {
    let (_, report) = found();
    let ring = &report.communities[0];
    let measures = ring.signals.measures;
    let more = |measured: Measured| measured.group.unwrap() > measured.usual.unwrap();
    assert!(more(measures.co_voting) && more(measures.reciprocity) && more(measures.leiden));
    assert!(!more(measures.entropy), "the same few vote for their posts");
    assert!(measures.order.usual.unwrap() >= 0.5 && measures.order_p.is_some());
    let case = report
        .cases
        .iter()
        .find(|c| c.community == ring.number)
        .unwrap();
    let of_members: Vec<_> = case.members.iter().map(|m| m.measures.unwrap()).collect();
    let inside = of_members.iter().filter(|m| m.leiden).count();
    let share = measures.leiden.group.unwrap();
    assert!((inside as f64 / of_members.len() as f64 - share).abs() < 1e-9);
    let json = serde_json::to_value(&report).unwrap();
    let signals = &json["communities"][0]["signals"];
    assert!(
        signals["clustering"]["group"].is_f64() && signals["structure"].is_f64(),
        "{signals}"
    );
    let beside = Beside {
        table: "votes.csv",
        read: &[],
        dispute: &[],
    };
    let page = page(&report, &beside);
    assert!(
        page.contains("Other measures (shown, not counted)") && page.contains("Votes returned")
    );
    assert!(page.contains("<a href=\"#groups\">") && page.contains("<h2 id=\"groups\">"));
}

#[test]
fn where_times_are_coarse_names_change_no_measure() {
    let planted = plant(
        &honest(3),
        &Ring {
            accounts: Accounts::New,
            ..Ring::of(8)
        },
        3,
    )
    .unwrap();
    let mut script = Script::of(&planted.board);
    for post in &mut script.posts {
        post.at_ms -= post.at_ms.rem_euclid(5 * MINUTE);
    }
    for vote in &mut script.votes {
        vote.at_ms -= vote.at_ms.rem_euclid(5 * MINUTE);
    }
    let told = |salt: u32| {
        let mut other = script.clone();
        for (place, name) in other.members.iter_mut().enumerate() {
            let mixed = (place as u32).wrapping_mul(2_654_435_761) ^ salt;
            *name = format!("{mixed:08x}").into();
        }
        let report = report(&votes(&[&other.board().unwrap()]), &Asked::default());
        let figures = report.communities.iter().map(|c| {
            let json = serde_json::to_value(c.signals.measures).unwrap();
            format!("{} {json}", c.members.len())
        });
        let mut figures: Vec<String> = figures.collect();
        figures.sort();
        figures
    };
    let first = told(0);
    assert!(!first.is_empty());
    for salt in [1, 0x5555_5555, u32::MAX] {
        assert_eq!(told(salt), first, "salt {salt}");
    }
}
