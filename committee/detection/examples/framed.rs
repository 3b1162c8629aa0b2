//! What a ring can do to innocent members, ruse by ruse, and nothing else of the validation.
//!
//! `framed [VOTES.csv[.gz]] [tuning|held-back] [SEEDS] [THREADS]`; `-` in place of a table for made-up boards
//! alone. Look at the held-back part to report, never to choose.

use std::error::Error;
use std::path::Path;

use tacit_detection::read;
use tacit_detection::simulate::population::Population;
use tacit_detection::validate::cases::Scope;
use tacit_detection::validate::detection::{Ground, Part};
use tacit_detection::validate::framed::framed;
use tacit_detection::validate::product;
use tacit_detection::votes::Votes;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or_else(|| "-".into());
    let part = match args.next().as_deref() {
        None | Some("tuning") => Part::Tuning,
        Some("held-back") => Part::HeldBack,
        Some(other) => return Err(format!("{other} is neither tuning nor held-back").into()),
    };
    let seeds: u64 = args.next().map_or(Ok(4), |n| n.parse())?;
    let threads: usize = args.next().map_or(Ok(1), |n| n.parse())?;
    let votes = match path.as_str() {
        "-" => Votes::default(),
        path => read::file(Path::new(path), i64::MAX, |_| {})?.votes,
    };
    let of_part = |board: &&_| Part::of_board(tacit_detection::votes::Board::name(board)) == part;
    let boards = votes.boards().iter().filter(of_part).map(Ground::Board);
    let made = [Population::mixed(), Population::open()];
    let grounds: Vec<Ground<'_>> = boards.chain(made.iter().map(Ground::Population)).collect();
    let week = 7 * 24 * 60 * 60 * 1000;
    let seeds = part.seeds(2 * seeds);
    let list = framed(
        &grounds,
        Scope::Whole,
        &seeds,
        week,
        &product,
        threads,
        || {},
    )?;
    println!(
        "| ring | ruse | ground | framed | flagged | discounted | struck | the ring, flagged |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for framing in list {
        let all = ("all".to_owned(), framing.before, framing.after);
        for (ground, before, after) in std::iter::once(all).chain(framing.grounds) {
            let mean = |i: Option<tacit_detection::validate::metrics::Interval>| {
                i.map_or("-".to_owned(), |i| format!("{:.3}", i.mean))
            };
            println!(
                "| {} | {} | {ground} | {} | {} → {} | {} → {} | {} → {} | {} |",
                framing.ring,
                framing.ruse,
                after.victims,
                mean(before.flagged),
                mean(after.flagged),
                mean(before.discounted),
                mean(after.discounted),
                mean(before.struck),
                mean(after.struck),
                mean(after.ring_flagged),
            );
        }
    }
    Ok(())
}
