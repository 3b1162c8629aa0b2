//! Chooses the bars of the policy: for a grid of them, what they do to honest members and to rings on boards
//! with even seeds, which are kept for tuning.
//!
//! `bars [SEEDS] [FILTER]`, where SEEDS is how many are played and FILTER a piece of a ring's name.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use tacit_detection::economy::simulation::Plan;
use tacit_detection::economy::simulation::cells::{Cell, name};
use tacit_detection::economy::simulation::world::stage;
use tacit_detection::economy::windows::pseudonym;
use tacit_detection::policy::inputs::{Bar, CaseText, Finding, PValue, Pseudonym, Score};
use tacit_detection::policy::slash::{Immune, Slash, Spent};
use tacit_detection::validate::detection::Part;

const SCORES: [f64; 3] = [0.2, 0.35, 0.5];
const P_VALUES: [f64; 3] = [0.05, 0.01, 0.001];

/// What the grid is counted over.
#[derive(Default, Clone, Copy)]
struct Count {
    members: u64,
    hit: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().map_or(Ok(4), |n| n.parse())?;
    let filter = args.next().unwrap_or_default();
    let plan = Plan::stated(Part::Tuning.seeds(2 * seeds));
    let cells: Vec<&Cell> = {
        let cells = plan.cells.iter();
        cells.filter(|c| c.to_string().contains(&filter)).collect()
    };
    // By who, and place in the grid.
    let mut slashed: BTreeMap<(String, usize, usize, usize), Count> = BTreeMap::new();
    let mut discounted: BTreeMap<(String, usize, usize), Count> = BTreeMap::new();
    for seed in &plan.seeds {
        let made = plan.population.board(*seed);
        for cell in std::iter::once(None).chain(cells.iter().map(|c| Some(*c))) {
            let staged = stage(&plan, &made, cell, *seed)?;
            let board = &staged.planted.board;
            let mut who: BTreeMap<Pseudonym, String> = BTreeMap::new();
            for member in (0..board.members() as u32).map(tacit_detection::votes::MemberId) {
                let ring = staged.planted.ring.binary_search(&member).is_ok();
                let bribed = staged.planted.bribed.binary_search(&member).is_ok();
                let behaviour = made.behaviour(board, member).map(|b| b.to_string());
                let label = match (ring, bribed, behaviour, cell) {
                    (true, _, _, Some(cell)) => kind_of(cell),
                    (_, true, ..) => "bribed".into(),
                    (_, _, Some(behaviour), _) => behaviour,
                    _ => continue,
                };
                who.insert(pseudonym(board, member), label);
            }
            for epoch in staged.epochs.iter().filter(|e| e.enough.is_ok()) {
                for label in who.values() {
                    for (s, p) in grid() {
                        discounted.entry((label.clone(), s, p)).or_default().members += 1;
                    }
                }
                for (s, p) in grid() {
                    let bar = bar(SCORES[s], P_VALUES[p])?;
                    let hit: BTreeSet<&Pseudonym> = {
                        let met = epoch.structure.iter();
                        met.filter(|x| bar.is_met(x.score, x.p_value))
                            .map(|x| &x.member)
                            .collect()
                    };
                    for member in hit {
                        if let Some(label) = who.get(member) {
                            discounted.entry((label.clone(), s, p)).or_default().hit += 1;
                        }
                    }
                }
            }
            let enough = staged
                .epochs
                .iter()
                .find_map(|e| e.enough.ok())
                .ok_or("too few")?;
            let mut findings: BTreeMap<&Pseudonym, Vec<Finding>> = BTreeMap::new();
            for finding in staged.epochs.iter().flat_map(|e| &e.findings) {
                findings
                    .entry(&finding.member)
                    .or_default()
                    .push(finding.clone());
            }
            for (member, label) in &who {
                for (s, p) in grid() {
                    for (k, structure) in SCORES.iter().enumerate() {
                        let rules = Slash {
                            structure: bar(*structure, 0.01)?,
                            independent: bar(SCORES[s], P_VALUES[p])?,
                            ..Slash::default()
                        };
                        let count = slashed.entry((label.clone(), k, s, p)).or_default();
                        count.members += 1;
                        let Some(all) = findings.get(member) else {
                            continue;
                        };

                        let text = CaseText::new("A case.")?;
                        let grounds = rules.grounds(
                            enough,
                            member,
                            all,
                            text,
                            &Spent::default(),
                            &Immune::default(),
                        );
                        count.hit += u64::from(grounds.is_ok());
                    }
                }
            }
        }
        eprintln!("seed {seed}");
    }
    println!("DISCOUNT share of member-epochs by [score][p]");
    let labels: BTreeSet<String> = discounted.keys().map(|(l, ..)| l.clone()).collect();
    for label in &labels {
        print!("{label:50}");
        for (s, p) in grid() {
            let c = discounted
                .get(&(label.clone(), s, p))
                .copied()
                .unwrap_or_default();
            print!(" {:.3}", c.hit as f64 / c.members.max(1) as f64);
        }
        println!();
    }
    for (k, structure) in SCORES.iter().enumerate() {
        println!("SLASH with structure of {structure}: share of members with a case [score][p]");
        for label in &labels {
            print!("{label:50}");
            for (s, p) in grid() {
                let c = slashed
                    .get(&(label.clone(), k, s, p))
                    .copied()
                    .unwrap_or_default();
                if label.starts_with("RING") {
                    print!(" {:.3}", c.hit as f64 / c.members.max(1) as f64);
                } else {
                    print!(" {}/{}", c.hit, c.members);
                }
            }
            println!();
        }
    }
    Ok(())
}

/// Rings are told apart by what matters most.
fn kind_of(cell: &Cell) -> String {
    let (size, share) = (cell.ring.size, cell.ring.share);
    let synchrony = name(cell.ring.synchrony);
    match cell.ruse {
        "" => format!("RING of {size}, share {share}, {synchrony}"),
        ruse => format!("RING {ruse}, {synchrony}"),
    }
}

fn grid() -> impl Iterator<Item = (usize, usize)> {
    (0..SCORES.len()).flat_map(|s| (0..P_VALUES.len()).map(move |p| (s, p)))
}

fn bar(score: f64, p_value: f64) -> Result<Bar, Box<dyn Error>> {
    Ok(Bar {
        least_score: Score::new(score)?,
        most_p_value: PValue::new(p_value)?,
    })
}
