//! `tacit audit simulate`: rings and honest members played against each other on made-up boards, or among the
//! members of real ones, and who earns what. It judges nobody.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_detection::economy::simulation::page::{between, fared, page, pages, taken};
use tacit_detection::economy::simulation::real::{Ground, OnBoard};
use tacit_detection::economy::simulation::{Cost, Fared, Plan, Results, simulate};
use tacit_detection::validate::detection::Part;
use tacit_detection::words::{grouped, name};
use tacit_files as files;

use super::folder::can_be_written;
use super::threads;
use super::validate::table;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::counted;
use crate::parse;

const PAGE: &str = "simulation.html";
const FIGURES: &str = "simulation.json";
/// Boards for each ring, unless another number is given: for the whole, and for a quick look.
const SEEDS: (u64, u64) = (20, 4);
/// Boards for each ring at most.
const MOST_SEEDS: u64 = 1_000;

#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Boards for each kind of ring: 20, or 4 with --quick
    #[arg(long, value_name = "N", value_parser = seeds)]
    seeds: Option<u64>,
    /// Seed of the first board; every second one from there on is played. Odd ones report; even ones are
    /// those that thresholds were chosen on
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse::number::<u64>)]
    seed: u64,
    /// Play among the members of this table's boards, those of the seeds' half, with a smaller mix of rings
    #[arg(long, value_name = "FILE")]
    votes: Option<PathBuf>,
    /// Three kinds of rings on small boards: seconds instead of the better part of an hour
    #[arg(long)]
    quick: bool,
    /// How many boards are played at once; as many as there are processors
    #[arg(long, value_name = "N", value_parser = parse::number::<NonZeroUsize>)]
    threads: Option<NonZeroUsize>,
    /// Write simulation.html and simulation.json into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn seeds(text: &str) -> Result<u64, String> {
    let number: u64 = parse::number(text)?;
    if (2..=MOST_SEEDS).contains(&number) {
        Ok(number)
    } else {
        Err(format!("from 2 to {MOST_SEEDS} boards are played"))
    }
}

pub fn run(args: &SimulateArgs, cx: &Context) -> Result<(), Failure> {
    let count = args
        .seeds
        .unwrap_or(if args.quick { SEEDS.1 } else { SEEDS.0 });
    let last = args.seed.checked_add(2 * (count - 1));
    let Some(last) = last else {
        return Err(Failure::usage(
            "seed",
            "there are not so many seeds",
            "Give a smaller --seed.",
        ));
    };
    let seeds: Vec<u64> = (args.seed..=last).step_by(2).collect();
    if let Some(folder) = &args.out {
        if [PAGE, FIGURES]
            .iter()
            .any(|name| folder.join(name).exists())
        {
            let question = format!(
                "{} holds an earlier {PAGE} or {FIGURES}. Replace it?",
                folder.display()
            );
            cx.confirm(&question, "another folder, or --yes")?;
        }
        can_be_written(folder)?;
    }
    match &args.votes {
        Some(file) => real(file, seeds, args, cx),
        None => made_up(seeds, args, cx),
    }
}

fn made_up(seeds: Vec<u64>, args: &SimulateArgs, cx: &Context) -> Result<(), Failure> {
    let plan = if args.quick {
        Plan::quick(seeds)
    } else {
        Plan::stated(seeds)
    };
    let bar = cx.out.progress(plan.boards() as u64, "playing");
    let results = simulate(&plan, threads(args.threads), || bar.inc(1));
    bar.finish_and_clear();
    let results = results.ok_or_else(nothing_played)?;
    cx.out.result(&results, |_| show(&plan, &results, cx));
    match &args.out {
        Some(folder) => write(folder, &results, &page(&plan, &results), cx),
        None => Ok(()),
    }
}

fn nothing_played() -> Failure {
    Failure::usage(
        "nothing-played",
        "no ring could be planted on these boards",
        "Give another --seed.",
    )
}

/// What was played on real boards, and which were left out.
#[derive(Serialize)]
struct Real {
    boards: Vec<OnBoard>,
    not_played: Vec<NotPlayed>,
    /// Boards of the other half of all boards and seeds, which were left alone.
    of_other_part: usize,
}

#[derive(Serialize)]
struct NotPlayed {
    board: String,
    why: String,
}

fn real(file: &Path, seeds: Vec<u64>, args: &SimulateArgs, cx: &Context) -> Result<(), Failure> {
    let votes = table(file, cx)?;
    let part = seeds
        .first()
        .map_or(Part::HeldBack, |seed| Part::of_seed(*seed));
    let mut real = Real {
        boards: Vec::new(),
        not_played: Vec::new(),
        of_other_part: 0,
    };
    let mut plans = Vec::new();
    for board in votes.boards() {
        if Part::of_board(board.name()) != part {
            real.of_other_part += 1;
            continue;
        }
        match Ground::of(board) {
            Ok(ground) => plans.push((ground.clone(), Plan::on(ground, seeds.clone(), args.quick))),
            Err(why) => real.not_played.push(NotPlayed {
                board: board.name().to_owned(),
                why: why.to_string(),
            }),
        }
    }
    if plans.is_empty() {
        let problem = match real.not_played.first() {
            Some(left) => format!("no board is played: {}: {}", name(&left.board), left.why),
            None => {
                "no board of the table is of the seeds' part, by the hash of its name".to_owned()
            }
        };
        let advice = "Take a table of longer boards, or seeds of the other part: --seed 0 or 1.";
        return Err(Failure::usage("no-board", problem, advice));
    }
    let boards: usize = plans.iter().map(|(_, plan)| plan.boards()).sum();
    let bar = cx.out.progress(boards as u64, "playing");
    for (ground, plan) in &plans {
        let results =
            simulate(plan, threads(args.threads), || bar.inc(1)).ok_or_else(nothing_played)?;
        real.boards.push(OnBoard {
            board: ground.board.to_string(),
            members: ground.members,
            window_ms: ground.window_ms,
            windows: ground.windows,
            judged: ground.judged,
            votes_judged: ground.votes_judged,
            notes: ground.says(),
            results,
        });
    }
    bar.finish_and_clear();
    cx.out.result(&real, |_| {
        for ((_, plan), on) in plans.iter().zip(&real.boards) {
            show(plan, &on.results, cx);
            cx.out.line("");
        }
        for left in &real.not_played {
            cx.out
                .line(format!("Not played: {}: {}.", name(&left.board), left.why));
        }
        if real.of_other_part > 0 {
            let boards = counted(real.of_other_part as u64, "board");
            cx.out.line(format!(
                "Of the other part, and left alone: {boards} of the table."
            ));
        }
    });
    match &args.out {
        Some(folder) => {
            let played = plans.iter().zip(&real.boards);
            let page = pages(played.map(|((_, plan), on)| (plan, &on.results)));
            write(folder, &real, &page, cx)
        }
        None => Ok(()),
    }
}

fn write(folder: &Path, results: &impl Serialize, page: &str, cx: &Context) -> Result<(), Failure> {
    files::create_folder(folder).map_err(|e| Failure::folder(folder, &e))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        files::replace(&path, bytes).map_err(|e| Failure::file("write", &path, &e))
    };
    let json = serde_json::to_vec_pretty(results)
        .map_err(|e| Failure::file("write", &folder.join(FIGURES), &e.into()))?;
    put(FIGURES, &json)?;
    put(PAGE, page.as_bytes())?;
    cx.out.note(format!(
        "Written to {}: {PAGE} and {FIGURES}.",
        folder.display()
    ));
    Ok(())
}

fn show(plan: &Plan, results: &Results, cx: &Context) {
    let out = &cx.out;
    for sentence in results.preface(plan) {
        out.line(sentence);
    }
    out.line("");
    let rows: Vec<Vec<String>> = results
        .mix
        .iter()
        .map(|r| {
            vec![
                r.defences.to_owned(),
                between(&r.on_investment),
                between(&r.over_honesty),
            ]
        })
        .collect();
    let mix = format!("{}: defences", results.mix_of);
    let heads = [
        mix.as_str(),
        "return",
        "beyond the same posts without a ring",
    ];
    out.table(&heads, &rows);
    out.line("");
    let rows: Vec<Vec<String>> = results.cells.iter().map(ring).collect();
    let heads = ["ring", "no defence", "all", "all, beyond honesty", "struck"];
    out.table(&heads, &rows);
    out.line("");
    for sentence in results.verdict() {
        out.line(sentence);
    }
    out.line("");
    let rows: Vec<Vec<String>> = results.adaptive().into_iter().map(ring).collect();
    let heads = [
        "a ring that knows these figures does",
        "no defence",
        "all",
        "all, beyond honesty",
        "struck",
    ];
    out.table(&heads, &rows);
    for refused in &results.refused {
        out.line(format!("Not played: {refused}."));
    }
    out.line("");
    let rows: Vec<Vec<String>> = results.honest.iter().map(cost).collect();
    let heads = [
        "honest members",
        "windows",
        "discounted",
        "rewards it took",
        "allowance took",
        "strikes",
        "stake lost a year",
        "at most",
    ];
    out.table(&heads, &rows);
    out.line("");
    let strikes = &results.strikes;
    let precision = strikes.precision().map_or_else(
        || "none met anybody".to_owned(),
        |p| format!("{:.2} % met a ring", 100.0 * p),
    );
    out.line(format!(
        "Of {} strikes, {precision}; {} met honest members, in {} of their windows ({:.2} of 10,000). {} more met outsiders whom a ring had paid.",
        grouped(strikes.ring + strikes.clean),
        strikes.clean,
        grouped(strikes.clean_member_epochs),
        strikes.of_ten_thousand(),
        strikes.bribed
    ));
    out.line("");
    let rows: Vec<Vec<String>> = results
        .terms
        .iter()
        .map(|t| vec![t.terms.to_owned(), between(&t.none), between(&t.all)])
        .collect();
    out.table(&["with other terms", "no defence", "all"], &rows);
}

fn ring(cell: &Fared) -> Vec<String> {
    let mut row = fared(cell);
    row.push(format!("{:.0} %", 100.0 * cell.struck));
    row
}

fn cost(cost: &Cost) -> Vec<String> {
    vec![
        cost.behaviour.clone(),
        grouped(cost.member_epochs),
        format!("{:.2} %", 100.0 * cost.discounted),
        taken(cost.rewards_lost),
        taken(cost.rewards_limited),
        cost.strikes.to_string(),
        format!("{:.3} %", 100.0 * cost.stake_lost_per_year),
        format!("{:.3} %", 100.0 * cost.at_most_per_year),
    ]
}
