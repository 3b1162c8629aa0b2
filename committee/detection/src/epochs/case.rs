//! The case against a member, for people: who, which posts, which minutes, what chance alone would give, and
//! each innocent explanation with the figure that speaks for it or against it.
//!
//! It must be possible to check every sentence with the table of votes alone, and none says more than that:
//! a case is a reason to ask, and the member's answer is heard before anything is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Epoch;
use super::circles::{Circle, Suspect};
use crate::economy::windows::pseudonym;
use crate::policy::inputs::{CaseText, CommunityId, Pseudonym, WindowId};
use crate::policy::slash::{Grounds, Immune, NoSlash, Slash, Spent};
use crate::votes::{Board, MemberId, Stance, Vote};
use crate::words::{counted, day, expected, name, percent, utc};

/// Members, and votes together, that are written out for a window: as many as a case has room for. More are
/// counted.
const SHOWN: [usize; 5] = [24, 12, 6, 3, 1];
const HOUR_MS: i64 = 60 * 60 * 1000;

/// The grounds for a strike against a member, with the case in words, if windows hold enough against it.
///
/// # Errors
/// [`NoSlash`], with the first reason why not; without any window with enough members, the reason is that
/// there is no structure.
pub fn against(
    member: &Pseudonym,
    epochs: &[Epoch],
    rules: &Slash,
    spent: &Spent,
    immune: &Immune,
) -> Result<Grounds, NoSlash> {
    // Findings of windows in which enough were active, and of no other.
    let judged = epochs
        .iter()
        .filter_map(|epoch| Some((epoch.enough.ok()?, epoch)));
    let (mut findings, mut fewest) = (Vec::new(), None);
    for (enough, epoch) in judged {
        let own = epoch.findings.iter().filter(|f| f.member == *member);
        let before = findings.len();
        findings.extend(own.cloned());
        if findings.len() > before {
            fewest = fewest.into_iter().chain([enough]).min();
        }
    }
    let Some(enough) = fewest else {
        return Err(NoSlash::NoStructure);
    };
    let grounds = |text| rules.grounds(enough, member, &findings, text, spent, immune);
    let found = grounds(CaseText::cut("A draft."))?;
    let told = |shown| text(member, found.community(), found.windows(), epochs, shown);
    let mut fitting = SHOWN
        .iter()
        .filter_map(|shown| CaseText::new(&told(*shown)).ok());
    grounds(fitting.next().unwrap_or_else(|| CaseText::cut(&told(1))))
}

/// The case in words.
fn text(
    member: &Pseudonym,
    community: CommunityId,
    windows: &BTreeSet<WindowId>,
    epochs: &[Epoch],
    shown: usize,
) -> String {
    let mut text = String::new();
    let pseudonym = name(member.as_str());
    line(
        &mut text,
        format_args!(
            "Case against {pseudonym}. It rests on {} of time, each judged by its own votes alone. It is a reason to ask, and no proof.",
            counted(windows.len() as u64, "window")
        ),
    );
    for epoch in epochs.iter().filter(|e| windows.contains(&e.window)) {
        let circle = epoch.circles.iter().find(|(id, _)| *id == community);
        let (Some(board), Some((_, circle))) = (&epoch.board, circle) else {
            continue;
        };
        let of_member = |s: &&Suspect| is(board, s.member, member);
        if let Some(suspect) = circle.suspects.iter().find(of_member) {
            window(&mut text, epoch.window, board, circle, suspect, shown);
        }
    }
    line(
        &mut text,
        format_args!(
            "\nWhoever is accused can answer until the period ends; nothing is taken before. If the answer explains this member's part, the stake is given back, and evidence of which these votes are half or more never counts against this member again. If it explains a moment (a mail, a meeting that brought people there), the votes of that moment count against nobody."
        ),
    );
    text
}

fn is(board: &Board, member: MemberId, wanted: &Pseudonym) -> bool {
    pseudonym(board, member) == *wanted
}

/// One window's part.
fn window(
    text: &mut String,
    id: WindowId,
    board: &Board,
    circle: &Circle,
    suspect: &Suspect,
    shown: usize,
) {
    let times = (board.votes().first(), board.votes().last());
    if let (Some(first), Some(last)) = times {
        line(
            text,
            format_args!("\nIn {id}, {} to {}:", day(first.at_ms), day(last.at_ms)),
        );
    }
    let others = circle
        .suspects
        .iter()
        .filter(|s| s.member != suspect.member);
    let names: Vec<String> = others.map(|s| name(board.member_name(s.member))).collect();
    line(
        text,
        format_args!(
            "The group: this member and {}, namely {}.",
            counted(names.len() as u64, "other"),
            listed(&names, shown)
        ),
    );
    let ((given, given_by_chance), (got, got_by_chance)) = (suspect.given, suspect.got);
    line(
        text,
        format_args!(
            "Support: gave {} to the others' posts, where chance alone would give {}; got {} from them, where chance would give {}.",
            counted(given.into(), "vote"),
            expected(given_by_chance),
            got,
            expected(got_by_chance)
        ),
    );
    let meetings = meetings(board, circle, suspect);
    time(text, suspect, &meetings, shown);
    quality(text, suspect);
    innocent(text, board, circle, suspect, &meetings);
}

fn time(text: &mut String, suspect: &Suspect, meetings: &[Meeting], shown: usize) {
    let Some((timed, strength)) = &suspect.time else {
        return;
    };
    line(
        text,
        format_args!(
            "Time: of {} on the group's posts, {} came within {} seconds after another member's; by this member's own habit and the pace of others it would be {}. They were together on {}, twelve hours or more from the beginning of one to that of the next; what was cast within an hour counts once. Chance gives as much, in both of two such windows, to some member of those looked at in {} of all pairs of windows.",
            counted(timed.votes.into(), "vote"),
            timed.together,
            timed.window_ms / 1000,
            expected(timed.expected * f64::from(timed.votes)),
            counted(suspect.occasions.into(), "occasion"),
            percent(strength.p_value.get().powi(2))
        ),
    );
    for meeting in meetings.iter().take(shown) {
        line(
            text,
            format_args!(
                "  {}  post {} by {}, with {}",
                utc(meeting.at_ms),
                meeting.post,
                meeting.author,
                listed(&meeting.with, shown)
            ),
        );
    }
    if meetings.len() > shown {
        line(text, format_args!("  and {} more", meetings.len() - shown));
    }
}

fn quality(text: &mut String, suspect: &Suspect) {
    if let Some((low, strength)) = &suspect.quality {
        line(
            text,
            format_args!(
                "Quality: {} of its {} for the group's posts, which are by {}, went to posts worse than nine in ten of those that it votes for elsewhere; by habit it would be {}. Each author counts once. Chance gives as much to any of the members looked at in {} of such windows.",
                low.low,
                counted(low.votes.into(), "vote"),
                counted(low.authors.into(), "author"),
                expected(super::circles::LOW_SHARE * f64::from(low.votes)),
                percent(strength.p_value.get())
            ),
        );
    }
}

/// Each with the figure that speaks for it or against it.
fn innocent(
    text: &mut String,
    board: &Board,
    circle: &Circle,
    suspect: &Suspect,
    meetings: &[Meeting],
) {
    line(text, format_args!("Innocent explanations considered:"));
    let (got, got_by_chance) = suspect.got;
    line(
        text,
        format_args!(
            "- A fan club gives and gets nothing back: the group gave this member {got} where chance would give {}.",
            expected(got_by_chance)
        ),
    );
    if let Some((timed, _)) = &suspect.time {
        line(
            text,
            format_args!(
                "- People of one time zone meet on everything: on posts that aren't the group's, {} of this member's votes would be as close to another member's; on the group's, {} are.",
                percent(timed.expected),
                percent(f64::from(timed.together) / f64::from(timed.votes.max(1)))
            ),
        );
    }
    if !meetings.is_empty() {
        let hours: BTreeMap<i64, usize> = meetings.iter().fold(BTreeMap::new(), |mut hours, m| {
            *hours
                .entry(m.at_ms.div_euclid(HOUR_MS).rem_euclid(24))
                .or_default() += 1;
            hours
        });
        let days: BTreeSet<i64> = meetings
            .iter()
            .map(|m| m.at_ms.div_euclid(24 * HOUR_MS))
            .collect();
        let most = hours.iter().max_by_key(|(hour, count)| (**count, -**hour));
        if let Some((hour, count)) = most {
            line(
                text,
                format_args!(
                    "- A digest by e-mail is read at one hour of each day: the votes together were on {} at {} of the day, {count} of {} between {hour:02}:00 and {:02}:00 UTC. A class of newcomers, or a day when everybody talks of one thing, is one day.",
                    counted(days.len() as u64, "day"),
                    counted(hours.len() as u64, "hour"),
                    meetings.len(),
                    (hour + 1) % 24
                ),
            );
        }
    }
    let all = board.votes_of(suspect.member).len();
    let within = |v: &&Vote| circle.suspect(board.post(v.post).author).is_some();
    let inside = board.votes_of(suspect.member).filter(within).count();
    let agreement = &circle.agreement;
    let habit = match agreement.habit {
        Some(habit) => percent(habit),
        None => "unknown, for there are too few".to_owned(),
    };
    line(
        text,
        format_args!(
            "- A small niche reads and likes its own, and disagrees now and then: {} of the group's {} on each other's posts were no support (by others' votes on the same posts it would be {}, by the members' own votes elsewhere {}, and of friends at least {}); {inside} of this member's {} were on the group's posts.",
            agreement.dissent.against,
            counted(agreement.dissent.votes.into(), "vote"),
            percent(agreement.dissent.usual()),
            habit,
            percent(agreement.friends),
            counted(all as u64, "vote")
        ),
    );
    if !agreement.can_tell() {
        line(
            text,
            format_args!(
                "  There are too few votes, or too few people who disagree with anything here, for disagreement to tell friends from others: it speaks neither for this member nor against it."
            ),
        );
    }
}

/// A vote of the member with others of the group within the span that the evidence is about.
struct Meeting {
    at_ms: i64,
    post: String,
    author: String,
    with: Vec<String>,
}

fn meetings(board: &Board, circle: &Circle, suspect: &Suspect) -> Vec<Meeting> {
    let Some((timed, _)) = &suspect.time else {
        return Vec::new();
    };
    let up = board
        .votes_of(suspect.member)
        .filter(|v| v.stance == Stance::Up);
    up.filter_map(|vote| {
        let author = board.post(vote.post).author;
        circle.suspect(author)?;
        let near = board.votes_on(vote.post).filter(|other| {
            other.at_ms < vote.at_ms
                && other.member != suspect.member
                && other.stance == Stance::Up
                && circle.suspect(other.member).is_some()
                && other.at_ms.abs_diff(vote.at_ms) <= timed.window_ms.unsigned_abs()
        });
        let with: Vec<String> = near
            .map(|other| {
                let apart = other.at_ms.abs_diff(vote.at_ms) / 1000;
                format!("{} ({apart} s)", name(board.member_name(other.member)))
            })
            .collect();
        (!with.is_empty()).then(|| Meeting {
            at_ms: vote.at_ms,
            post: name(board.post_name(vote.post)),
            author: name(board.member_name(author)),
            with,
        })
    })
    .collect()
}

fn listed(names: &[String], shown: usize) -> String {
    let first: Vec<&str> = names.iter().take(shown).map(String::as_str).collect();
    let mut list = first.join(", ");
    if names.len() > shown {
        let _ = write!(list, " and {} more", names.len() - shown);
    }
    list
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing into a text never fails.
    let _ = writeln!(text, "{what}");
}
