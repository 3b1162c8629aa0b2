//! Which score tells which kind of ring: rings planted into the boards of a table and into made-up ones.
//!
//! `cells VOTES.csv[.gz] [tuning|held-back] [SEEDS] [THREADS] [FILTER]`, where SEEDS is how many of that part
//! are run and FILTER a piece of a ring's name. Look at the held-back part to report, never to choose.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use tacit_detection::judge::{Evidence, judge};
use tacit_detection::read;
use tacit_detection::scan::{Scan, scan};
use tacit_detection::signals::chance::Chance;
use tacit_detection::signals::support::Supports;
use tacit_detection::signals::together::{early, together};
use tacit_detection::signals::twins::matched;
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Joining, Ring, Rotation, Synchrony};
use tacit_detection::validate::detection::{Case, Ground, Line, Part, run};
use tacit_detection::votes::{Board, MemberId, Stance};

/// Groups of the scan that are looked at closer, the strongest first.
const GROUPS: usize = 12;
const NAMES: [&str; 14] = [
    "the product's",
    "scan",
    "mutual3",
    "pair3",
    "together",
    "early",
    "twins",
    "unanimity",
    "scan+together",
    "scan+mutual3",
    "mutual3+together",
    "mutual3+together+unanimity",
    "best rank of mutual3, together",
    "ranks of scan, mutual3, together",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("which table?")?;
    let part = match args.next().as_deref() {
        None | Some("tuning") => Part::Tuning,
        Some("held-back") => Part::HeldBack,
        Some(other) => return Err(format!("{other} is neither tuning nor held-back").into()),
    };
    let seeds: u64 = args.next().map_or(Ok(6), |n| n.parse())?;
    let threads: usize = args.next().map_or(Ok(1), |n| n.parse())?;
    let filter = args.next().unwrap_or_default();
    let reading = read::file(Path::new(&path), i64::MAX, |_| {})?;
    let boards: Vec<&Board> = {
        let boards = reading.votes.boards().iter();
        boards
            .filter(|b| Part::of_board(b.name()) == part)
            .collect()
    };
    println!("## Nothing planted\n");
    println!(
        "| board | members | votes | groups beyond chance | their members | highest scan scores |"
    );
    println!("|---|---|---|---|---|---|");
    let population = Population::mixed();
    let open = Population::open();
    let made = population.board(part.seeds(2).first().copied().unwrap_or(0));
    let made = made.board().ok_or("a board without posts")?;
    for board in boards.iter().copied().chain([&made]) {
        clean(board);
    }
    let mut cases = Vec::new();
    let rings: Vec<Ring> = rings()
        .into_iter()
        .filter(|r| r.to_string().contains(&filter))
        .collect();
    for ring in &rings {
        for board in &boards {
            cases.push(Case {
                ground: Ground::Board(board),
                ring: *ring,
            });
        }
        cases.push(Case {
            ground: Ground::Population(&population),
            ring: *ring,
        });
        cases.push(Case {
            ground: Ground::Population(&open),
            ring: *ring,
        });
    }
    let start = Instant::now();
    let seeds = part.seeds(2 * seeds);
    let lines = run(&cases, &seeds, &NAMES, scores, threads, |_| {});
    eprintln!(
        "{} boards in {:.0} s",
        cases.len() * seeds.len(),
        start.elapsed().as_secs_f64()
    );
    println!("\n## {part:?}: AUC, or recall at 1 %, by ring and score\n");
    summary("AUC", &lines, |l| l.auc.map(|i| i.mean));
    summary("AUC among authors", &lines, |l| {
        l.auc_among_authors.map(|i| i.mean)
    });
    summary("recall at 1 %", &lines, |l| l.recall.map(|i| i.mean));
    println!("\n## Against each honest behaviour (mixed): AUC / share above the threshold\n");
    for line in lines.iter().filter(|l| !l.against.is_empty()) {
        let parts = line
            .against
            .iter()
            .map(|(b, (auc, above))| format!("{b} {auc:.2}/{above:.3}"));
        println!(
            "{} | {} | {}",
            line.ring,
            line.score,
            parts.collect::<Vec<_>>().join(", ")
        );
    }
    println!(
        "\n## All lines\n\n| ground | ring | score | AUC | AUC among authors | recall at 1 % | seeds |"
    );
    println!("|---|---|---|---|---|---|---|");
    for line in &lines {
        println!("{line}");
        if let Some((count, why)) = &line.refused {
            println!("({count} seeds not run: {why})");
        }
    }
    Ok(())
}

fn rings() -> Vec<Ring> {
    let of = |size, share, synchrony| Ring {
        share,
        synchrony,
        ..Ring::of(size)
    };
    use Synchrony::{Minute, Organic, TenMinutes};
    vec![
        Ring {
            sham: true,
            ..of(10, 0.3, Organic)
        },
        Ring {
            sham: true,
            accounts: Accounts::Sleepers,
            ..of(10, 0.3, Organic)
        },
        Ring {
            sham: true,
            posts_each: 1,
            ..of(10, 0.5, Organic)
        },
        of(10, 0.5, Minute),
        of(10, 0.3, Minute),
        of(10, 0.1, Minute),
        Ring {
            posts_each: 1,
            ..of(10, 0.5, Minute)
        },
        Ring {
            rotation: Rotation::Rota,
            ..of(10, 0.3, TenMinutes)
        },
        Ring {
            accounts: Accounts::Sleepers,
            ..of(10, 0.3, TenMinutes)
        },
        Ring {
            accounts: Accounts::Mixed,
            joining: Joining::OverTime,
            bribed: 5,
            ..of(10, 0.3, TenMinutes)
        },
        of(10, 0.6, Organic),
        of(10, 0.3, Organic),
        Ring {
            feints: 0.3,
            ..of(10, 0.3, Organic)
        },
        of(10, 0.1, Organic),
        Ring {
            camouflage: 0.9,
            ..of(10, 0.3, Organic)
        },
        Ring {
            accounts: Accounts::Sleepers,
            ..of(10, 0.3, Organic)
        },
        of(5, 0.5, Minute),
        of(5, 0.5, TenMinutes),
        of(5, 0.5, Organic),
        Ring {
            camouflage: 0.9,
            ..of(20, 0.2, Organic)
        },
        of(35, 0.1, Organic),
    ]
}

fn clean(board: &Board) {
    let supports = Supports::of(board, &Chance::of_upvotes(board));
    let found = scan(&supports, board.members());
    let beyond: Vec<_> = found
        .groups
        .iter()
        .filter(|g| g.beyond_chance > 0.0)
        .collect();
    let members: usize = beyond.iter().map(|g| g.members.len()).sum();
    let mut top = found.evidence.clone();
    top.sort_unstable_by(|a, b| b.total_cmp(a));
    let top: Vec<String> = top.iter().take(5).map(|e| format!("{e:.0}")).collect();
    println!(
        "| {} | {} | {} | {} | {members} | {} |",
        board.name(),
        board.members(),
        board.votes().len(),
        beyond.len(),
        top.join(" ")
    );
}

fn scores(board: &Board) -> Vec<Vec<f64>> {
    let supports = Supports::of(board, &Chance::of_upvotes(board));
    let found = scan(&supports, board.members());
    let (mutual, pair) = pairs(&supports, board.members());
    let by_group =
        |evidence: &dyn Fn(&[MemberId]) -> Vec<(MemberId, f64)>| of_groups(board, &found, evidence);
    let together = by_group(&|g| {
        together(board, g)
            .iter()
            .map(|t| (t.member, t.evidence))
            .collect()
    });
    let early = by_group(&|g| {
        early(board, g)
            .iter()
            .map(|t| (t.member, t.evidence))
            .collect()
    });
    let twins = by_group(&|g| {
        matched(board, g)
            .iter()
            .map(|t| (t.member, t.evidence))
            .collect()
    });
    let sum = |lists: &[&[f64]]| -> Vec<f64> {
        let at = |member: usize| lists.iter().filter_map(|l| l.get(member)).sum();
        (0..board.members()).map(at).collect()
    };
    let unanimity = by_group(&|g| unanimity(board, g));
    let timed = sum(&[&found.evidence, &together]);
    let both = sum(&[&found.evidence, &mutual]);
    let paired = sum(&[&mutual, &together]);
    let all = sum(&[&paired, &unanimity]);
    let ranked = [&found.evidence, &mutual, &together].map(|scores| surprise(scores));
    let [of_scan, of_mutual, of_together] = &ranked;
    let best = of_mutual
        .iter()
        .zip(of_together)
        .map(|(a, b)| a.max(*b))
        .collect();
    let ranks = sum(&[of_scan, of_mutual, of_together]);
    let of_product = match judge(board) {
        Ok(verdict) => verdict.members.iter().map(Evidence::score).collect(),
        Err(_) => vec![0.0; board.members()],
    };
    vec![
        of_product,
        found.evidence,
        mutual,
        pair,
        together,
        early,
        twins,
        unanimity,
        timed,
        both,
        paired,
        all,
        best,
        ranks,
    ]
}

/// Minus the logarithm of the share of members with a score as high, equal ones counted half: what a score
/// says once its scale is taken away.
fn surprise(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = scores.len() as f64;
    let share = |score: &f64| {
        let below = sorted.partition_point(|s| s < score) as f64;
        let up_to = sorted.partition_point(|s| s <= score) as f64;
        1.0 - ((below + up_to) / 2.0 - 0.25) / count
    };
    scores.iter().map(|score| -share(score).ln()).collect()
}

/// A member's evidence in the best of the strongest groups that it is in.
fn of_groups(
    board: &Board,
    found: &Scan,
    evidence: &dyn Fn(&[MemberId]) -> Vec<(MemberId, f64)>,
) -> Vec<f64> {
    let mut best = vec![0.0_f64; board.members()];
    for group in found.groups.iter().take(GROUPS) {
        let members: Vec<MemberId> = group.members.iter().map(|(member, _)| *member).collect();
        for (member, evidence) in evidence(&members) {
            if let Some(best) = best.get_mut(member.at()) {
                *best = best.max(evidence);
            }
        }
    }
    best
}

/// Whether a member is kinder to the group than to others: its votes for, of all its votes on the group's
/// posts, against the same share elsewhere; a likelihood ratio in nats. Who shares a taste disagrees at times.
fn unanimity(board: &Board, group: &[MemberId]) -> Vec<(MemberId, f64)> {
    let of_board = board
        .votes()
        .iter()
        .filter(|v| v.stance == Stance::Up)
        .count() as f64;
    let of_board = of_board / board.votes().len().max(1) as f64;
    let measure = |member: &MemberId| {
        let (mut inside, mut elsewhere) = ([0.0, 0.0], [0.0, 0.0]);
        for vote in board.votes_of(*member) {
            let own = group.contains(&board.post(vote.post).author);
            let [up, all] = if own { &mut inside } else { &mut elsewhere };
            *all += 1.0;
            *up += f64::from(u8::from(vote.stance == Stance::Up));
        }
        let usual = (elsewhere[0] + 8.0 * of_board) / (elsewhere[1] + 8.0);
        let [up, all] = inside;
        let (seen, down) = (up / f64::max(all, 1.0), all - up);
        let mut evidence = 0.0;
        if seen > usual {
            evidence = up * (seen / usual).ln();
            if down > 0.0 {
                evidence += down * ((1.0 - seen) / (1.0 - usual)).ln();
            }
        }
        (*member, evidence)
    };
    group.iter().map(measure).collect()
}

/// By member, the sum of its three best pairs: of the weaker of the two directions, and of both added.
fn pairs(supports: &Supports, members: usize) -> (Vec<f64>, Vec<f64>) {
    let mut ratios: BTreeMap<(u32, u32), [f64; 2]> = BTreeMap::new();
    for member in 0..members as u32 {
        for support in supports.by(MemberId(member)) {
            let (seen, expected) = (f64::from(support.votes), support.expected.max(0.02));
            let ratio = if seen > expected {
                seen * (seen / expected).ln() - (seen - expected)
            } else {
                0.0
            };
            let author = support.author.0;
            let pair = ratios
                .entry((member.min(author), member.max(author)))
                .or_default();
            pair[usize::from(member > author)] = ratio;
        }
    }
    let mut lists: Vec<[Vec<f64>; 2]> = vec![<[Vec<f64>; 2]>::default(); members];
    for ((a, b), [there, back]) in ratios {
        for member in [a, b] {
            if let Some([mutual, pair]) = lists.get_mut(member as usize) {
                mutual.push(there.min(back));
                pair.push(there + back);
            }
        }
    }
    let three = |list: &mut Vec<f64>| {
        list.sort_unstable_by(|a, b| b.total_cmp(a));
        list.iter().take(3).sum::<f64>()
    };
    lists
        .iter_mut()
        .map(|[mutual, pair]| (three(mutual), three(pair)))
        .unzip()
}

/// One row by ring and ground, one column by score.
fn summary(title: &str, lines: &[Line], value: fn(&Line) -> Option<f64>) {
    println!("\n| {title} | ground | {} |", NAMES.join(" | "));
    println!("|---|---|{}", "---|".repeat(NAMES.len()));
    for row in lines.chunks(NAMES.len()) {
        let Some(first) = row.first() else { continue };
        let cells = row
            .iter()
            .map(|line| value(line).map_or("-".to_owned(), |v| format!("{v:.2}")));
        println!(
            "| {} | {} | {} |",
            first.ring,
            first.ground,
            cells.collect::<Vec<_>>().join(" | ")
        );
    }
}
