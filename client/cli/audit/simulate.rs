//! `tacit audit simulate`: rings and honest members played against each other on made-up boards, and who
//! earns what.

use std::path::{Path, PathBuf};

use clap::Args;
use tacit_detection::economy::simulation::page::{between, fared, page};
use tacit_detection::economy::simulation::{Cost, Fared, Plan, Results, simulate};
use tacit_detection::words::grouped;
use tacit_files as files;

use crate::context::Context;
use crate::failure::Failure;
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
    /// Three kinds of rings on small boards: seconds instead of the better part of an hour
    #[arg(long)]
    quick: bool,
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
    let plan = if args.quick {
        Plan::quick(seeds)
    } else {
        Plan::stated(seeds)
    };
    if let Some(folder) = &args.out {
        files::create_folder(folder).map_err(|e| Failure::folder(folder, &e))?;
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
    }
    let bar = cx.out.progress(plan.boards() as u64, "playing");
    let results = simulate(&plan, || bar.inc(1));
    bar.finish_and_clear();
    let Some(results) = results else {
        return Err(Failure::usage(
            "nothing-played",
            "no ring could be planted on these boards",
            "Give another --seed.",
        ));
    };
    cx.out.result(&results, |_| show(&plan, &results, cx));
    if let Some(folder) = &args.out {
        write(folder, &plan, &results, cx)?;
    }
    Ok(())
}

fn write(folder: &Path, plan: &Plan, results: &Results, cx: &Context) -> Result<(), Failure> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        files::replace(&path, bytes).map_err(|e| Failure::file("write", &path, &e))
    };
    let json = serde_json::to_vec_pretty(results)
        .map_err(|e| Failure::file("write", &folder.join(FIGURES), &e.into()))?;
    put(FIGURES, &json)?;
    put(PAGE, page(plan, results).as_bytes())?;
    cx.out.note(format!(
        "Written to {}: {PAGE} and {FIGURES}.",
        folder.display()
    ));
    Ok(())
}

fn show(plan: &Plan, results: &Results, cx: &Context) {
    let out = &cx.out;
    let terms = &plan.terms;
    out.line(format!(
        "{} boards of {} days for each of {} kinds of rings.",
        results.seeds,
        plan.population.days,
        results.cells.len()
    ));
    out.line(format!(
        "A post earns {} for each whole vote. A stake is {}, a post costs {}, a vote {}, an account {}, a bribe {}.",
        terms.reward.0, terms.stake.0, terms.post_cost.0, terms.vote_cost.0, terms.account_cost.0, plan.bribe.0
    ));
    out.line("Returns on investment in percent, with their 95 % intervals over boards.");
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
    let heads = [
        "rings of ten or more, each alike: defences",
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
        "rewards lost",
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
        format!("{:.2} %", 100.0 * cost.rewards_lost),
        cost.strikes.to_string(),
        format!("{:.3} %", 100.0 * cost.stake_lost_per_year),
        format!("{:.3} %", 100.0 * cost.at_most_per_year),
    ]
}
