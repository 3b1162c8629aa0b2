//! What one more day of votes costs when a year of them is judged already, week by week.

use std::error::Error;

use tacit_detection::judge::judge;
use tacit_detection::votes::Board;
use tacit_detection::windows::{Window, Windows};

use crate::boards::{DAY_MS, START_MS, Shape, made};
use crate::{load, timed};

const WEEK_MS: i64 = 7 * DAY_MS;
/// The day that is added: the 53rd Thursday, on which a window counted from 1970 begins.
const NEW_DAY: i64 = START_MS + (52 * 7 + 3) * DAY_MS;

/// Judges a year of so many votes in weeks, then adds a day.
pub fn run(votes: usize) -> Result<(), Box<dyn Error>> {
    let year = made(Shape::Communities, votes, 372, 1);
    let mut windows = Windows::new(WEEK_MS)?;
    let look = |_: &Window, board: Board| judge(&board).map_or(0, |found| found.groups.len());
    let add = |windows: &mut Windows<usize>, from: i64, to: i64| {
        let mut count = 0;
        year.rows(|row| {
            if (from..to).contains(&row.vote_ms) && windows.push(row, i64::MAX).is_ok() {
                count += 1;
            }
        });
        count
    };
    println!("Seconds of processor; load average {}.\n", load());
    println!("| what | votes | windows judged | reading, s | judging, s |");
    println!("|---|---|---|---|---|");
    let day = |number: i64| NEW_DAY + number * DAY_MS;
    for (what, from, to) in [
        ("a year", i64::MIN, day(0)),
        ("one more day", day(0), day(1)),
        ("the day after", day(1), day(2)),
        ("nothing", day(2), day(2)),
    ] {
        let (count, adding) = timed(|| add(&mut windows, from, to));
        let (judged, judging) = timed(|| windows.judge(look));
        println!(
            "| {what} | {count} | {judged} of {} | {:.3} | {:.3} |",
            windows.found().count(),
            adding.processor,
            judging.processor
        );
    }
    println!("\nReading includes going through all {votes} made votes for those of the day.");
    Ok(())
}
