//! What `tacit audit FILE` says in a terminal: who stands out, in which groups, when, and the strongest cases.

use std::fmt::Display;

use tacit_detection::report::case::Case;
use tacit_detection::report::{Community, Found, Report, Voter, Window};
use tacit_detection::words::{IF_CHANCE, counted, grouped, id, name, percent, taken_off};

use crate::context::Context;

/// Voters, groups, windows and boards that are shown to people.
const SHOWN: usize = 20;
/// Cases that are shown to people.
const CASES: usize = 3;
/// Members of a group that are named on one line.
const NAMED: usize = 8;

/// Tells what was found. `read` says what was read of the table, and `dispute` which posts couldn't be looked at,
/// in sentences.
pub fn show(report: &Report, read: &[String], dispute: &[String], cx: &Context) {
    let out = &cx.out;
    out.line(read.join(" "));
    if !dispute.is_empty() {
        out.line(format!("Note: {}", dispute.join(" ")));
    }
    for board in report.not_judged.iter().take(SHOWN) {
        let name = name(&board.board);
        out.line(format!("Board {name} isn't judged: {}.", board.why));
    }
    more(cx, report.not_judged.len().saturating_sub(SHOWN), "board");
    if report.voters.is_empty() {
        out.line("Nobody is judged.");
        return;
    }
    let judged = report.voters.len();
    let flagged = report.flagged();
    let all = counted(judged as u64, "member");
    if flagged == 0 {
        let of = if dispute.is_empty() {
            ""
        } else {
            " among the votes that count"
        };
        out.line(format!("{all} judged; nobody stands out{of}."));
    } else {
        let stand = if flagged == 1 { "stands" } else { "stand" };
        out.line(format!(
            "{all} judged; {} {stand} out ({}).",
            grouped(flagged as u64),
            percent(flagged as f64 / judged as f64)
        ));
    }
    voters(report, cx);
    communities(report, cx);
    windows(report, cx);
    for case in report.cases.iter().take(CASES) {
        let group = report
            .communities
            .iter()
            .find(|c| c.number == case.community);
        show_case(case, group, cx);
    }
    if report.cases.len() > CASES {
        out.line("");
        more(cx, report.cases.len() - CASES, "case");
    }
    if flagged == 0 {
        return;
    }
    out.line("");
    out.line("A score is a reason to look, and no proof: a fan club, a party or a class of newcomers can look like a ring.");
    out.line(
        "Whoever is named may answer: docs/detection.md, \"What may follow\", says what helps, and whoever runs the board decides.",
    );
}

/// Says how much of a list isn't shown.
fn more(cx: &Context, left_out: usize, noun: &str) {
    if left_out > 0 {
        let plural = if left_out == 1 { "" } else { "s" };
        let number = grouped(left_out as u64);
        cx.out.line(format!(
            "And {number} more {noun}{plural}; see --json or --out."
        ));
    }
}

fn voters(report: &Report, cx: &Context) {
    let flagged = report.flagged();
    if flagged == 0 {
        return;
    }
    let windowed = !report.windows.is_empty();
    let number = |n: Option<usize>| n.map_or(String::new(), |n| n.to_string());
    let line = |voter: &Voter| {
        let board = report.boards.iter().find(|b| b.conv == voter.conv);
        board.map_or(String::new(), |b| format!("{:.1}", b.flag_score))
    };
    let row = |voter: &Voter| {
        let mut cells = vec![
            id(&voter.id),
            format!("{:.1}", voter.score),
            line(voter),
            taken_off(voter.discount),
            number(voter.community),
        ];
        if windowed {
            cells.push(joined(voter.windows.iter().map(|w| w.window)));
        }
        cells.push(voter.reasons.first().cloned().unwrap_or_default());
        cells
    };
    let rows: Vec<_> = report
        .voters
        .iter()
        .filter(|v| v.flag)
        .take(SHOWN)
        .map(row)
        .collect();
    let mut headers = vec!["voter", "score", "line", "discount", "group"];
    if windowed {
        headers.push("windows");
    }
    headers.push("what speaks for a ring, first of all");
    cx.out.line("");
    cx.out.table(&headers, &rows);
    legend(cx);
    more(cx, flagged.saturating_sub(SHOWN), "member");
    let elsewhere = report
        .voters
        .iter()
        .filter(|v| !v.flag && !v.windows.is_empty());
    let elsewhere = elsewhere.count() as u64;
    if elsewhere > 0 {
        let stand = if elsewhere == 1 { "stands" } else { "stand" };
        cx.out.line(format!(
            "{} {stand} out in a window and not on the whole; see --json.",
            counted(elsewhere, "member")
        ));
    }
}

/// What the columns of the voters say.
fn legend(cx: &Context) {
    cx.out.line(
        "score: what speaks for a ring, added up; line: the score from which on a member of this board may stand out; discount: \
         how much less the member's votes would count on the average if support within a suspected group were discounted \
         (nothing has been).",
    );
}

fn communities(report: &Report, cx: &Context) {
    if report.communities.is_empty() {
        return;
    }
    let row = |c: &Community| {
        let mut members: Vec<String> = c.members.iter().take(NAMED).map(|m| id(m)).collect();
        if c.members.len() > NAMED {
            members.push(format!("and {} more", c.members.len() - NAMED));
        }
        vec![
            c.number.to_string(),
            c.members.len().to_string(),
            c.flagged.to_string(),
            if c.score > 0.0 {
                format!("{:.1}", c.score)
            } else {
                "–".to_owned()
            },
            match c.found {
                Found::Support if c.p_value < 1e-12 => "<1e-12".to_owned(),
                Found::Support if c.p_value < 0.01 => format!("{:.1e}", c.p_value),
                Found::Support => format!("{:.2}", c.p_value),
                Found::Time => "by time".to_owned(),
            },
            format!("{:.1}", c.signals.matched),
            format!("{:.1}", c.signals.together),
            members.join(" "),
        ]
    };
    let rows: Vec<_> = report.communities.iter().take(SHOWN).map(row).collect();
    let headers = [
        "group",
        "size",
        "flags",
        "support",
        "p",
        "taste",
        "time",
        "who support each other beyond chance",
    ];
    cx.out.line("");
    cx.out.table(&headers, &rows);
    cx.out.line(format!(
        "support: how strongly its members support each other beyond chance (each 2.3 more are ten times as unlikely by chance); \
         p: how many boards would have one like it {IF_CHANCE}, which says nothing about guilt; \
         taste: the same beyond people of the same taste, which isn't counted; time: the same for votes together beyond the members' habits."
    ));
    more(cx, report.communities.len().saturating_sub(SHOWN), "group");
    if report.communities_left_out > 0 {
        cx.out.line(format!(
            "{} beyond chance were weaker than those that were looked at closely, and aren't listed.",
            counted(report.communities_left_out as u64, "group")
        ));
    }
}

fn windows(report: &Report, cx: &Context) {
    if report.windows.is_empty() {
        return;
    }
    let judged: Vec<&Window> = report
        .windows
        .iter()
        .filter(|w| w.not_judged.is_none())
        .collect();
    let row = |w: &&Window| {
        vec![
            w.number.to_string(),
            name(&w.conv),
            w.from.clone(),
            w.to.clone(),
            grouped(w.votes as u64),
            w.flagged.to_string(),
        ]
    };
    let rows: Vec<_> = judged.iter().take(SHOWN).map(row).collect();
    cx.out.line("");
    if !rows.is_empty() {
        cx.out.table(
            &["window", "board", "from", "to", "votes", "stand out"],
            &rows,
        );
        more(cx, judged.len().saturating_sub(SHOWN), "window");
    }
    let others = report.windows.len() - judged.len();
    if others > 0 {
        let were = if others == 1 { "was" } else { "were" };
        cx.out.line(format!(
            "{} {were} not judged, for want of {} active members.",
            counted(others as u64, "window"),
            report.parameters.least_active
        ));
    }
}

fn show_case(case: &Case, group: Option<&Community>, cx: &Context) {
    let out = &cx.out;
    out.line("");
    out.line(format!(
        "Group {} on board {}: {}",
        case.community,
        name(&case.conv),
        who(case)
    ));
    for says in &case.summary {
        out.line(format!("  {says}"));
    }
    if let Some(moment) = case.moments.first() {
        let voters: Vec<String> = moment.voters.iter().take(NAMED).map(|v| name(v)).collect();
        let others = moment.voters.len().saturating_sub(NAMED);
        let and = if others > 0 {
            format!(" and {others} more")
        } else {
            String::new()
        };
        out.line(format!(
            "  The fullest moment: {}, post {}, {}{and}.",
            moment.from,
            name(&moment.post),
            voters.join(", ")
        ));
    }
    out.line("  Innocent explanations:");
    for innocent in &case.innocent {
        out.line(format!("  - {}", innocent.sentence()));
    }
    let told = group.map(|group| group.signals.measures.told());
    let told = told.unwrap_or_default();
    if !told.is_empty() {
        let told = told.iter().map(|told| {
            format!(
                "{} {} ({})",
                told.what.to_lowercase(),
                told.group,
                told.usual
            )
        });
        let told: Vec<String> = told.collect();
        out.line(format!(
            "  Other measures, shown and not counted (usual on the board): {}.",
            told.join("; ")
        ));
    }
}

/// Who stands out, and how many others there are.
fn who(case: &Case) -> String {
    let (out, others) = case.sides();
    let out: Vec<String> = out.map(|m| name(&m.voter)).collect();
    let (named, more) = out.split_at(out.len().min(NAMED));
    let mut says = named.join(", ");
    if !more.is_empty() {
        says += &format!(" and {} more who stand out", more.len());
    }
    match others.count() {
        0 => {}
        1 => says += " and 1 other who doesn't",
        n => says += &format!(" and {n} others who don't"),
    }
    says
}

fn joined<T: Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|i| i.to_string()).collect();
    items.join(" ")
}
