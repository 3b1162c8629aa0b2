//! Each signal alone: how well it ranks the members of a ring by itself, beside the product's score.
//!
//! This tells what a signal adds, and what it only seems to: whoever writes much stands out by some signals,
//! ring or not, so a sham that is no ring is measured as well. No threshold is ever chosen here.
//!
//! A score is by member, more for whoever is more suspicious. Signals of pairs, posts and groups become one
//! as the function of each says. Those of groups are measured in the groups that the judge looked at, which
//! support or time proposed: somebody in none of them has a score of zero. So these rank what was
//! proposed, and are alone only in that.

use std::collections::BTreeMap;

use super::Look;
use super::cases::Scope;
use super::detection::{Case, Ground, Line, run};
use super::results::Alone;
use crate::graph::leiden;
use crate::judge::{Judged, judge};
use crate::scan::scan;
use crate::signals::bursts::first_hours;
use crate::signals::chance::Chance;
use crate::signals::closure::{corrected, raw, upvote_graph};
use crate::signals::covote::covotes;
use crate::signals::entropy::entropy;
use crate::signals::independence::independence;
use crate::signals::order::orders;
use crate::signals::reciprocity::reciprocity;
use crate::signals::support::Supports;
use crate::signals::together::early;
use crate::signals::twins::Voters;
use crate::simulate::ring::{Accounts, Ring, Rotation, Synchrony};
use crate::votes::{Board, MemberId};

/// What is measured: the product's score, and then [`scores`].
pub const NAMES: [&str; 15] = [
    "the product's score",
    "clustering, raw",
    "clustering of co-voting beyond chance",
    "reciprocity in the community",
    "entropy of voters",
    "PageRank independence",
    "co-voting beyond chance",
    "mutual pairs",
    "structure",
    "votes together",
    "bursts on own posts",
    "repeated order",
    "one mind",
    "early votes",
    "beside the same taste",
];

/// The share of false ones among the pairs of which closure is measured.
const FALSE_PAIRS: f64 = 0.05;
/// Rounds of Leiden, and its seed: it must say the same of a board whenever it is asked.
const ROUNDS: usize = 2;
const LEIDEN_SEED: u64 = 1;
/// The pairs of a member that count, the strongest: as many as the judge takes of mutual pairs.
const STRONGEST: usize = 3;
/// Seeds of the quick run.
const QUICK_SEEDS: usize = 2;

/// One ring of each kind, by a short name.
pub fn rings(scope: Scope) -> Vec<(&'static str, Ring)> {
    use Synchrony::{Minute, Organic, TenMinutes};
    let of = |size, share, synchrony| Ring {
        share,
        synchrony,
        ..Ring::of(size)
    };
    let mut rings = vec![
        ("synchronised", of(10, 0.3, Minute)),
        ("organic", of(10, 0.3, Organic)),
    ];
    if scope == Scope::Quick {
        return rings;
    }
    let rota = Ring {
        rotation: Rotation::Rota,
        ..of(10, 0.3, TenMinutes)
    };
    let sleepers = Ring {
        accounts: Accounts::Sleepers,
        ..of(10, 0.3, TenMinutes)
    };
    let sham = Ring {
        sham: true,
        ..of(10, 0.3, Organic)
    };
    rings.insert(1, ("rota, ten minutes", rota));
    rings.extend([
        ("organic and rare", of(10, 0.1, Organic)),
        ("sleepers, ten minutes", sleepers),
        ("five, synchronised", of(5, 0.5, Minute)),
        ("no ring", sham),
    ]);
    rings
}

/// The seeds that are measured, of those of a study.
pub fn seeds(scope: Scope, seeds: &[u64]) -> &[u64] {
    match scope {
        Scope::Quick => seeds.get(..QUICK_SEEDS).unwrap_or(seeds),
        Scope::Whole => seeds,
    }
}

/// Measures each of [`NAMES`] with each ring on each ground. `done` is told after every board.
pub fn alone(
    grounds: &[Ground<'_>],
    scope: Scope,
    of_study: &[u64],
    look: Look<'_>,
    threads: usize,
    done: impl Fn() + Sync,
) -> Vec<Alone> {
    let rings = rings(scope);
    let mut cases = Vec::new();
    let mut kinds = Vec::new();
    for (kind, ring) in rings {
        for ground in grounds {
            let ground = ground.clone();
            cases.push(Case { ground, ring });
            kinds.push(kind);
        }
    }
    let all = |board: &Board| {
        let nobody = || vec![0.0; board.members()];
        let product = look(board).map_or_else(nobody, |seen| seen.scores);
        std::iter::once(product).chain(scores(board)).collect()
    };
    let seeds = seeds(scope, of_study);
    let lines = run(&cases, seeds, &NAMES, all, threads, |_| done());
    let kinds = kinds.iter().flat_map(|kind| [*kind; NAMES.len()]);
    let of_line = |(line, kind): (Line, &'static str)| Alone {
        signal: line.score,
        kind,
        ring: line.ring.to_string(),
        ground: line.ground,
        auc: line.auc,
        auc_among_authors: line.auc_among_authors,
        recall: line.recall,
        boards: line.seeds,
        refused: line.refused.map(|(count, why)| (count, why.to_string())),
    };
    lines.into_iter().zip(kinds).map(of_line).collect()
}

/// The scores of a board's members by each signal, in the order of [`NAMES`], without the product's.
pub fn scores(board: &Board) -> Vec<Vec<f64>> {
    let chance = Chance::of_upvotes(board);
    let supports = Supports::of(board, &chance);
    // Too few active members are none to judge: there are no groups.
    let groups = judge(board).map_or_else(|_| Vec::new(), |verdict| verdict.groups);
    vec![
        of_clustering(board),
        of_closure(board, &chance),
        of_reciprocity(board, &chance, &supports),
        of_entropy(board),
        of_independence(board),
        of_covoting(board, &chance),
        supports.mutual(board.members()),
        scan(&supports, board.members()).evidence,
        of_together(board, &groups),
        of_bursts(board),
        of_order(board, &groups),
        of_one_mind(board, &groups),
        of_early(board, &groups),
        of_taste(board, &groups),
    ]
}

/// The local clustering coefficient on the graph of upvotes ([`raw`]); zero where it isn't defined.
fn of_clustering(board: &Board) -> Vec<f64> {
    or_zero(raw(board))
}

/// The coefficient on the graph of pairs who vote together beyond chance ([`corrected`]); zero where it isn't
/// defined.
fn of_closure(board: &Board, chance: &Chance) -> Vec<f64> {
    let pairs = covotes(board, chance);
    or_zero(corrected(board, pairs.beyond(FALSE_PAIRS)))
}

/// How far beyond chance votes are returned in the member's community by Leiden on the graph of upvotes: the
/// same for all of a community, and zero, as by chance, where there is nothing to return.
fn of_reciprocity(board: &Board, chance: &Chance, supports: &Supports) -> Vec<f64> {
    let communities = leiden(&upvote_graph(board), 1.0, ROUNDS, LEIDEN_SEED);
    let measured = reciprocity(board, chance, supports, &communities);
    let of = |member: u32| {
        let community = measured.get(communities.of(member) as usize);
        let beyond = community.and_then(|community| community.beyond_chance());
        beyond.unwrap_or(0.0)
    };
    (0..board.members() as u32).map(of).collect()
}

/// How much less varied the voters of a member's posts are than activity explains, as a share of that; zero,
/// as by chance, for whoever has too few.
fn of_entropy(board: &Board) -> Vec<f64> {
    let less = |entropy: Option<f64>| entropy.map(|share| 1.0 - share);
    let measured = entropy(board).into_iter();
    or_zero(measured.map(|e| less(e.and_then(|e| e.normalised()))))
}

/// One less the independence weight; zero, as by chance, for whoever has none.
fn of_independence(board: &Board) -> Vec<f64> {
    let measured = independence(board).into_iter();
    or_zero(measured.map(|i| i.weight().map(|weight| 1.0 - weight)))
}

/// Of pairs: the surprise `-ln p` of the member's three strongest, added.
fn of_covoting(board: &Board, chance: &Chance) -> Vec<f64> {
    let mut by_member: Vec<Vec<f64>> = vec![Vec::new(); board.members()];
    for pair in covotes(board, chance).pairs {
        for member in [pair.a, pair.b] {
            if let Some(list) = by_member.get_mut(member.at()) {
                list.push(surprise(pair.p));
            }
        }
    }
    let strongest = |mut list: Vec<f64>| -> f64 {
        list.sort_unstable_by(|a, b| b.total_cmp(a));
        list.iter().take(STRONGEST).sum()
    };
    by_member.into_iter().map(strongest).collect()
}

/// Of groups: the evidence of the member's votes together, in the group where there is most.
fn of_together(board: &Board, groups: &[Judged]) -> Vec<f64> {
    best(board, groups, |group| {
        let of = group.together.iter();
        of.map(|t| (t.member, t.evidence)).collect()
    })
}

/// Of posts: the surprise of the first hour of the member's post where it is most, less what the best of so
/// many posts has by chance. Of any number of votes: a small ring would never have the ten of a burst.
fn of_bursts(board: &Board) -> Vec<f64> {
    let mut by_member: BTreeMap<MemberId, (f64, f64)> = BTreeMap::new();
    for hour in first_hours(board) {
        let author = board.post(hour.post).author;
        let (most, posts) = by_member.entry(author).or_default();
        *most = most.max(surprise(hour.tail().p()));
        *posts += 1.0;
    }
    let of = |member: u32| {
        let hours = by_member.get(&MemberId(member));
        hours.map_or(0.0, |(most, posts)| (most - posts.ln()).max(0.0))
    };
    (0..board.members() as u32).map(of).collect()
}

/// Of pairs within groups: the surprise of the pair of the member where it is most, less what the best of its
/// pairs in the group has by chance, in the group where that is most.
fn of_order(board: &Board, groups: &[Judged]) -> Vec<f64> {
    best(board, groups, |group| {
        let mut found: BTreeMap<MemberId, (f64, f64)> = BTreeMap::new();
        for pair in orders(board, &members(group)).pairs {
            for member in [pair.a, pair.b] {
                let (most, pairs) = found.entry(member).or_default();
                *most = most.max(surprise(pair.tail().p()));
                *pairs += 1.0;
            }
        }
        let less = |(member, (most, pairs)): (MemberId, (f64, f64))| (member, most - pairs.ln());
        found.into_iter().map(less).collect()
    })
}

/// Of groups: how much of the usual dissent is missing, in the member's group where that is most; the same
/// for all of a group.
fn of_one_mind(board: &Board, groups: &[Judged]) -> Vec<f64> {
    best(board, groups, |group| {
        let missing = group.dissent.missing();
        let members = group.group.members.iter();
        members.map(|(member, _)| (*member, missing)).collect()
    })
}

/// Of groups: the evidence of the member's early votes, in the group where there is most.
fn of_early(board: &Board, groups: &[Judged]) -> Vec<f64> {
    best(board, groups, |group| {
        let of = early(board, &members(group)).into_iter();
        of.map(|t| (t.member, t.evidence)).collect()
    })
}

/// Of groups: the evidence that the member supports its group more than others of its taste do, in the group
/// where there is most.
fn of_taste(board: &Board, groups: &[Judged]) -> Vec<f64> {
    let voters = Voters::of(board);
    best(board, groups, |group| {
        let of = voters.matched(board, &members(group)).into_iter();
        of.map(|m| (m.member, m.evidence)).collect()
    })
}

fn members(group: &Judged) -> Vec<MemberId> {
    let members = group.group.members.iter();
    members.map(|(member, _)| *member).collect()
}

/// The largest value of each member over groups, zero at least.
fn best(
    board: &Board,
    groups: &[Judged],
    values: impl Fn(&Judged) -> Vec<(MemberId, f64)>,
) -> Vec<f64> {
    let mut best = vec![0.0_f64; board.members()];
    for (member, value) in groups.iter().flat_map(values) {
        if let Some(best) = best.get_mut(member.at()) {
            *best = best.max(value);
        }
    }
    best
}

fn surprise(p: f64) -> f64 {
    -p.max(f64::MIN_POSITIVE).ln()
}

fn or_zero(values: impl IntoIterator<Item = Option<f64>>) -> Vec<f64> {
    values.into_iter().map(Option::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;

    use super::*;
    use crate::simulate::generator;
    use crate::simulate::population::Population;
    use crate::validate::detection::Site;
    use crate::validate::metrics::auc;

    /// A plain synchronised ring on a made-up board, and each score.
    fn site() -> (Site, Vec<(&'static str, Vec<f64>)>) {
        let population = Population::plain(150, 21);
        let ring = Ring {
            share: 0.3,
            ..Ring::of(10)
        };
        let ground = Ground::Population(&population);
        let site = Site::of(&Case { ground, ring }, 2).unwrap();
        let scores = scores(site.board());
        let names = NAMES.into_iter().skip(1);
        let named: Vec<_> = names.zip(scores).collect();
        assert_eq!(named.len(), NAMES.len() - 1);
        (site, named)
    }

    #[test]
    fn structure_pairs_and_time_each_alone_rank_a_plain_ring_above_chance() {
        let (site, scores) = site();
        for (name, scores) in &scores {
            assert_eq!(scores.len(), site.board().members(), "{name}");
            assert!(scores.iter().all(|score| score.is_finite()), "{name}");
            let auc = site.measure(scores).auc.unwrap();
            if ["structure", "mutual pairs", "votes together"].contains(name) {
                assert!(auc > 0.8, "{name}: {auc}");
            }
        }
    }

    #[test]
    fn members_drawn_by_lot_are_ranked_as_chance_would() {
        let (site, scores) = site();
        let mut rng = generator(5, b"labels");
        let mut members: Vec<usize> = (0..site.board().members()).collect();
        let mut sums = vec![0.0; scores.len()];
        const LOTS: usize = 200;
        for _ in 0..LOTS {
            members.shuffle(&mut rng);
            let (ring, others) = members.split_at(site.ring().len());
            for (sum, (_, scores)) in sums.iter_mut().zip(&scores) {
                let of = |list: &[usize]| -> Vec<f64> { list.iter().map(|m| scores[*m]).collect() };
                *sum += auc(&of(ring), &of(others)).unwrap();
            }
        }
        for (sum, (name, _)) in sums.iter().zip(&scores) {
            let mean = sum / LOTS as f64;
            assert!((0.45..0.55).contains(&mean), "{name}: {mean}");
        }
    }

    #[test]
    fn a_table_has_each_signal_with_each_ring_on_each_ground() {
        let population = Population::plain(70, 7);
        let grounds = [Ground::Population(&population)];
        let nobody = |_: &Board| None;
        let lines = alone(&grounds, Scope::Quick, &[0], &nobody, 1, || {});
        let rings = rings(Scope::Quick);
        assert_eq!(lines.len(), rings.len() * NAMES.len());
        for (place, line) in lines.iter().enumerate() {
            let (kind, ring) = rings[place / NAMES.len()];
            assert_eq!((line.kind, &line.ring), (kind, &ring.to_string()));
            assert_eq!(line.signal, NAMES[place % NAMES.len()]);
            assert!(line.boards == 1 && line.auc.is_some());
        }
        // Who sees nothing can't tell.
        assert_eq!(lines[0].auc.unwrap().mean, 0.5);
    }

    #[test]
    fn rings_can_be_and_the_quick_ones_are_of_the_whole() {
        let whole = rings(Scope::Whole);
        assert!(whole.iter().all(|(_, ring)| ring.check().is_ok()));
        assert!(rings(Scope::Quick).iter().all(|ring| whole.contains(ring)));
        assert_eq!(seeds(Scope::Quick, &[0, 2, 4]), [0, 2]);
        assert_eq!(seeds(Scope::Quick, &[0]), [0]);
        assert_eq!(seeds(Scope::Whole, &[0, 2, 4]), [0, 2, 4]);
    }
}
