//! The report as one page that needs nothing else: for a moderator who has never heard of statistics.
//!
//! It runs nothing and loads nothing, and its policy forbids both, so that a name in a table can't make it do
//! so; and it says of nobody that they cheated.

mod cases;
mod graph;
mod histogram;
mod layout;
mod pictures;
mod raster;

use super::markup::Markup;
use super::{Found, Report, Voter};
use crate::calibrate::USUAL_RATE;
use crate::words::{self, counted, grouped, percent};

/// By this a page is known as one of ours.
pub const MARK: &str = "<meta name=\"generator\" content=\"tacit audit\"/>";
/// Voters that the page lists.
const VOTERS: usize = 100;
/// Reasons of a voter in the list; its case has the figures.
const REASONS: usize = 3;
/// Cases with all their pictures and tables.
const CASES: usize = 30;
/// Boards that are drawn.
const BOARDS: usize = 12;
/// Groups, windows and boards that aren't judged, in their tables.
const ROWS: usize = 100;

/// What stands on a page beside the report.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The name of the table.
    pub table: &'a str,
    /// What was read of it and what left out, in sentences.
    pub read: &'a [String],
    /// What posts are in dispute, as [`super::dispute`] says it.
    pub dispute: &'a [String],
}

/// The page.
pub fn page(report: &Report, beside: &Beside<'_>) -> String {
    let mut m = Markup::new();
    m.fixed("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    m.fixed(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'\"/>\n",
    );
    m.fixed("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    m.fixed("<meta name=\"referrer\" content=\"no-referrer\"/>\n");
    m.fixed(MARK);
    m.fixed("\n<title>Vote audit</title>\n<style>\n");
    m.fixed(include_str!("style.css"));
    m.fixed("</style>\n</head>\n<body>\n");
    m.leaf("h1", &[], "Vote audit");
    m.open("p", &[("class", "soft")]);
    m.text("Members who support each other more than chance explains, in ");
    m.file(beside.table);
    m.text(".");
    m.close();
    summary(&mut m, report, beside);
    about_you(&mut m, report);
    contents(&mut m, report);
    standing_out(&mut m, report);
    scores(&mut m, report);
    graphs(&mut m, report);
    cases::cases(&mut m, report, CASES);
    groups(&mut m, report);
    windows(&mut m, report);
    how_to_read(&mut m, report);
    what_was_read(&mut m, report, beside);
    m.fixed("</body>\n</html>\n");
    m.finish()
}

fn section(m: &mut Markup, id: &'static str, title: &str) {
    m.leaf("h2", &[("id", id)], title);
}

fn paragraph(m: &mut Markup, text: &str) {
    m.leaf("p", &[], text);
}

/// Says that a list goes on elsewhere.
fn more(m: &mut Markup, left_out: usize, noun: &str) {
    if left_out > 0 {
        let plural = if left_out == 1 { "" } else { "s" };
        let text = format!(
            "And {} more {noun}{plural}, in report.json.",
            grouped(left_out as u64)
        );
        m.leaf("p", &[("class", "note")], &text);
    }
}

fn summary(m: &mut Markup, report: &Report, beside: &Beside<'_>) {
    let flagged = report.flagged();
    m.open("section", &[("class", "sum")]);
    m.open("p", &[]);
    let judged = counted(report.voters.len() as u64, "member");
    if report.voters.is_empty() {
        m.leaf("strong", &[], "Nobody was judged.");
        m.text(" No board had enough active members; among few, friends and rings look the same.");
    } else if flagged == 0 {
        let whole = beside.dispute.is_empty();
        m.leaf(
            "strong",
            &[],
            if whole {
                "Nobody stands out."
            } else {
                "Nobody stands out among the votes that count."
            },
        );
        m.text(&format!(
            " {judged} were looked at. That is no proof that there is no ring: one that votes like everybody else \
             isn't seen."
        ));
    } else {
        let stands = if flagged == 1 { "stands" } else { "stand" };
        m.leaf(
            "strong",
            &[],
            &format!("{} of {judged} {stands} out", grouped(flagged as u64)),
        );
        m.text(&format!(
            " ({}), in {}.",
            percent(flagged as f64 / report.voters.len() as f64),
            counted(report.cases.len() as u64, "group")
        ));
    }
    m.close();
    if let Some((first, more)) = beside.dispute.split_first() {
        m.open("p", &[]);
        m.leaf("strong", &[], first);
        for says in more {
            m.text(" ");
            m.text(says);
        }
        m.close();
    }
    if flagged > 0 {
        paragraph(
            m,
            "This is a reason to look, and no proof. Friends, a fan club, a party or a class of newcomers can look like a \
             ring. Read the cases, look at the posts, and ask the members before anything else is done.",
        );
    }
    let rate = report.parameters.fpr.get();
    if !report.voters.is_empty() {
        paragraph(
            m,
            &format!(
                "The line was asked to be drawn for a rate of false alarms of {} in {}: so many honest members may stand out as \
                 well. That is no bound: on an unusual board, such as one where many keep to a closed circle of their own, it can \
                 be more.{}",
                one_in(rate).0,
                one_in(rate).1,
                if rate == USUAL_RATE {
                    String::new()
                } else {
                    format!(" Only {USUAL_RATE} was measured.")
                }
            ),
        );
    }
    m.close();
}

/// For whoever is shown this because they stand in it.
fn about_you(m: &mut Markup, report: &Report) {
    if report.flagged() == 0 {
        return;
    }
    m.open("section", &[("class", "you"), ("id", "you")]);
    m.leaf("h2", &[], "If this is about you");
    paragraph(
        m,
        "Nothing has been decided by this page, and nothing is taken by it. You may answer, and should be asked first.",
    );
    m.open("ul", &[]);
    for says in [
        "Check the case of your group: each post, each minute and each number of votes in it can be checked against the votes \
         themselves. Say which are wrong.",
        "Tell whoever runs the board; whoever gave you this page knows who that is. Ask which of these figures weigh with them, \
         and until when you can answer.",
        "What helps: the mail, the link or the meeting that brought people there at that minute; who else voted alike and isn't of \
         the group; posts of the others that you did not support.",
        "Why you were there can clear you alone. A mail or a meeting that brought everybody there can clear everybody of \
         those votes.",
        "What may follow, and how it can be appealed, stands in docs/detection.md of this program, under “What may follow”.",
    ] {
        m.leaf("li", &[], says);
    }
    m.close();
    m.close();
}

/// A share as "1 in 100".
fn one_in(rate: f64) -> (u64, String) {
    let whole = (1.0 / rate).round();
    if ((1.0 / rate) - whole).abs() < 0.05 {
        (1, grouped(whole as u64))
    } else {
        ((1_000.0 * rate).round() as u64, "1,000".to_owned())
    }
}

fn contents(m: &mut Markup, report: &Report) {
    let entries: [(&'static str, &str, bool); 9] = [
        ("#you", "If this is about you", report.flagged() > 0),
        ("#out", "Who stands out", report.flagged() > 0),
        (
            "#scores",
            "How far they stand out",
            !report.voters.is_empty(),
        ),
        ("#graph", "Who supports whom", !report.sketches.is_empty()),
        ("#cases", "The cases", !report.cases.is_empty()),
        (
            "#groups",
            "All groups beyond chance",
            !report.communities.is_empty(),
        ),
        ("#windows", "When", !report.windows.is_empty()),
        ("#how", "How to read this", true),
        ("#read", "What was read", true),
    ];
    m.open("nav", &[("aria-label", "Contents")]);
    m.open("p", &[]);
    for (place, (to, title, _)) in entries.iter().filter(|(_, _, there)| *there).enumerate() {
        if place > 0 {
            m.text(" · ");
        }
        m.leaf("a", &[("href", to)], title);
    }
    m.close();
    m.close();
}

fn standing_out(m: &mut Markup, report: &Report) {
    if report.flagged() == 0 {
        return;
    }
    section(m, "out", "Who stands out");
    paragraph(
        m,
        "The strongest first. “Discount” says how much less the votes of this member would count, on the average of all their \
         votes for others, if support within a suspected group were discounted; nothing has been discounted.",
    );
    m.open("table", &[("class", "cards")]);
    m.fixed("<thead><tr><th>member</th><th class=\"n\">score</th><th class=\"n\">discount</th><th>group</th>");
    if !report.windows.is_empty() {
        m.fixed("<th>windows</th>");
    }
    m.fixed("<th>why</th></tr></thead>\n<tbody>\n");
    for voter in report.voters.iter().filter(|v| v.flag).take(VOTERS) {
        m.open("tr", &[]);
        m.open("td", &[]);
        m.open("strong", &[]);
        m.name(&voter.voter);
        m.close();
        m.open("div", &[("class", "soft")]);
        m.text("board ");
        m.name(&voter.conv);
        m.close();
        m.close();
        let cell = [("class", "n"), ("data-name", "score")];
        m.leaf("td", &cell, &format!("{:.1}", voter.score));
        let cell = [("class", "n"), ("data-name", "discount")];
        m.leaf("td", &cell, &words::taken_off(voter.discount));
        m.open("td", &[("data-name", "group")]);
        if let Some(number) = voter.community {
            case_link(m, number);
        }
        m.close();
        if !report.windows.is_empty() {
            m.leaf("td", &[("data-name", "windows")], &stood_in(voter));
        }
        m.open("td", &[]);
        m.open("ul", &[]);
        for reason in voter.reasons.iter().take(REASONS) {
            m.leaf("li", &[], reason);
        }
        m.close();
        m.close();
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
    more(m, report.flagged().saturating_sub(VOTERS), "member");
}

fn stood_in(voter: &Voter) -> String {
    let numbers: Vec<String> = voter.windows.iter().map(|w| w.window.to_string()).collect();
    if numbers.is_empty() {
        "none".to_owned()
    } else {
        numbers.join(", ")
    }
}

fn case_link(m: &mut Markup, number: usize) {
    m.leaf(
        "a",
        &[("href", &format!("#group-{number}"))],
        &number.to_string(),
    );
}

fn scores(m: &mut Markup, report: &Report) {
    if report.boards.is_empty() {
        return;
    }
    section(m, "scores", "How far they stand out");
    paragraph(
        m,
        "Each bar counts the members with a score. A score adds up what speaks for a ring: support within a group beyond \
         chance, support that is returned, agreement without dissent, and votes at the same moments beyond the members' \
         habits. The line is drawn by what is usual on the board.",
    );
    paragraph(
        m,
        "A score right of the line isn't enough. Whoever stands out, in red, has also voted together with others of their \
         group at several times, or gives to and gets from a group that is of one mind where others aren't.",
    );
    let mut drawn: Vec<_> = report.boards.iter().collect();
    if report.flagged() > 0 {
        drawn.retain(|board| board.flagged > 0);
    }
    for board in drawn.iter().take(BOARDS) {
        let voters = report.voters.iter().filter(|v| v.conv == board.conv);
        let voters: Vec<&Voter> = voters.collect();
        let nothing = voters.iter().filter(|v| v.score <= 0.0).count();
        m.open("figure", &[]);
        m.open("h3", &[]);
        m.text("Board ");
        m.name(&board.conv);
        m.close();
        histogram::histogram(m, &voters, board.flag_score);
        let says = format!(
            "The number above a bar is how many members it counts. Without any score, and not drawn: {}.",
            counted(nothing as u64, "member")
        );
        m.leaf("figcaption", &[], &says);
        m.close();
    }
    more(m, drawn.len().saturating_sub(BOARDS), "board");
}

fn graphs(m: &mut Markup, report: &Report) {
    // Boards with somebody who stands out; if there is none, what there is.
    let mut drawn: Vec<_> = report.sketches.iter().collect();
    if report.flagged() > 0 {
        drawn.retain(|sketch| sketch.nodes.iter().any(|n| n.flag));
    }
    if drawn.is_empty() {
        return;
    }
    section(m, "graph", "Who supports whom");
    paragraph(
        m,
        "A dot is a member, and a line is support beyond what chance gives: solid if it goes both ways, dashed if one \
         way; the stronger, the thicker. Numbers and colours are groups. A large dot with an edge stands out. Members \
         who support each other are drawn close together; otherwise the place means nothing.",
    );
    for sketch in drawn.iter().take(BOARDS) {
        m.open("figure", &[]);
        m.open("h3", &[]);
        m.text("Board ");
        m.name(&sketch.conv);
        m.close();
        graph::graph(m, sketch, report.parameters.seed);
        graph::legend(m, sketch);
        let mut says = format!(
            "{} drawn, those with the highest scores.",
            counted(sketch.nodes.len() as u64, "member")
        );
        if sketch.left_out > 0 {
            says += &format!(
                " {} with a lower score, or without support beyond chance among these, left out.",
                counted(sketch.left_out as u64, "member")
            );
        }
        m.leaf("figcaption", &[], &says);
        m.close();
    }
    more(m, drawn.len().saturating_sub(BOARDS), "board");
}

fn groups(m: &mut Markup, report: &Report) {
    if report.communities.is_empty() {
        return;
    }
    section(m, "groups", "All groups beyond chance");
    paragraph(
        m,
        "Groups whose members support each other more than chance gives, with or without anybody who stands out. Most \
         are friends, or people with one taste.",
    );
    paragraph(
        m,
        &format!(
            "“How rare” says how many boards would have a group like this {}. {}",
            words::IF_CHANCE,
            words::NO_GUILT
        ),
    );
    m.open("table", &[("class", "cards")]);
    m.fixed(
        "<thead><tr><th>group</th><th>board</th><th class=\"n\">members</th><th class=\"n\">stand out</th>\
         <th>how rare</th></tr></thead>\n<tbody>\n",
    );
    for group in report.communities.iter().take(ROWS) {
        m.open("tr", &[]);
        m.open("td", &[("data-name", "group")]);
        if report.cases.iter().any(|c| c.community == group.number) {
            case_link(m, group.number);
        } else {
            m.text(&group.number.to_string());
        }
        m.close();
        m.open("td", &[("data-name", "board")]);
        m.name(&group.conv);
        m.close();
        let size = group.members.len().to_string();
        m.leaf("td", &[("class", "n"), ("data-name", "members")], &size);
        let flagged = group.flagged.to_string();
        m.leaf(
            "td",
            &[("class", "n"), ("data-name", "stand out")],
            &flagged,
        );
        let rare = match group.found {
            Found::Support => words::rarity(group.p_value),
            Found::Time => "found by the times of its votes".to_owned(),
        };
        m.leaf("td", &[("data-name", "how rare")], &rare);
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
    more(m, report.communities.len().saturating_sub(ROWS), "group");
    let says = "What else is measured of each group, and counted nowhere, stands in report.json.";
    m.leaf("p", &[("class", "note")], says);
    if report.communities_left_out > 0 {
        let text = format!(
            "{} beyond chance were weaker than those that were looked at closely, and aren't listed.",
            counted(report.communities_left_out as u64, "group")
        );
        m.leaf("p", &[("class", "note")], &text);
    }
}

fn windows(m: &mut Markup, report: &Report) {
    if report.windows.is_empty() {
        return;
    }
    section(m, "windows", "When");
    paragraph(
        m,
        "Each window of time was judged as if there were no other. Who stands out in several has done so with fresh \
         votes each time. Windows are counted from 1970, so that each keeps its number.",
    );
    m.open("table", &[("class", "cards")]);
    m.fixed(
        "<thead><tr><th>window</th><th>board</th><th>from</th><th>to</th><th class=\"n\">votes</th>\
         <th class=\"n\">stand out</th></tr></thead>\n<tbody>\n",
    );
    let judged: Vec<_> = report
        .windows
        .iter()
        .filter(|w| w.not_judged.is_none())
        .collect();
    for window in judged.iter().take(ROWS) {
        m.open("tr", &[]);
        m.leaf("td", &[("data-name", "window")], &window.number.to_string());
        m.open("td", &[("data-name", "board")]);
        m.name(&window.conv);
        m.close();
        m.leaf("td", &[("data-name", "from")], &window.from);
        m.leaf("td", &[("data-name", "to")], &window.to);
        let votes = grouped(window.votes as u64);
        m.leaf("td", &[("class", "n"), ("data-name", "votes")], &votes);
        let out = window.flagged.to_string();
        m.leaf("td", &[("class", "n"), ("data-name", "stand out")], &out);
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
    more(m, judged.len().saturating_sub(ROWS), "window");
    let others = report.windows.len() - judged.len();
    if others > 0 {
        let text = format!(
            "{} not judged, for want of {} active members.",
            match others {
                1 => "1 window was".to_owned(),
                n => format!("{} windows were", grouped(n as u64)),
            },
            report.parameters.least_active
        );
        m.leaf("p", &[("class", "note")], &text);
    }
}

fn how_to_read(m: &mut Markup, report: &Report) {
    section(m, "how", "How to read this");
    m.open("ul", &[]);
    for says in [
        "“By chance” is what would happen if everybody voted as often as they do, and every post were as popular as it \
         is, and nothing else decided who votes for what.",
        "A ring is members who agreed to vote for each other. What is measured is only that they do, more than chance \
         gives. Why they do can't be seen in votes.",
        "A closed niche, whose members honestly care for nobody else's posts, looks the same. Nobody but a reader of \
         the posts can tell them apart.",
        "A ring that votes rarely, that also votes for many others, and that takes its time isn't seen, or not among \
         the first.",
        "Evidence, in report.json, is in nats: the natural logarithm of how many times likelier the votes are if a group votes \
         for its own than if chance alone decides. One nat more is 2.7 times as much, and seven are a thousand times.",
        "Names are pseudonyms from the table. Who they are isn't known here, and isn't needed.",
        "A member who is asked about this should be shown their case: the posts, the times and the figures are all \
         in it, so that they can answer.",
    ] {
        m.leaf("li", &[], says);
    }
    m.close();
    let text = format!(
        "Rate of false alarms that the line was asked to be drawn for: {}. Boards with fewer than {} active members aren't judged.",
        report.parameters.fpr.get(),
        report.parameters.least_active
    );
    m.leaf("p", &[("class", "note")], &text);
}

fn what_was_read(m: &mut Markup, report: &Report, beside: &Beside<'_>) {
    section(m, "read", "What was read");
    m.open("ul", &[]);
    for says in beside.read {
        m.leaf("li", &[], says);
    }
    for board in report.not_judged.iter().take(ROWS) {
        m.open("li", &[]);
        m.text("Board ");
        m.name(&board.board);
        m.text(&format!(" isn't judged: {}.", board.why));
        m.close();
    }
    m.close();
    more(m, report.not_judged.len().saturating_sub(ROWS), "board");
}
