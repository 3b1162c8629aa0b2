//! The cases: what a moderator reads before they ask anybody anything.

use super::{more, paragraph, raster, section};
use crate::report::case::Case;
use crate::report::innocent::Reading;
use crate::report::markup::Markup;
use crate::report::measures::Measures;
use crate::report::{Community, Report};
use crate::words::{self, counted, expected, grouped, percent, span};

pub(super) fn cases(m: &mut Markup, report: &Report, most: usize) {
    if report.cases.is_empty() {
        return;
    }
    section(m, "cases", "The cases");
    paragraph(
        m,
        "One for each group with somebody who stands out: what was found, and which innocent explanations fit.",
    );
    for case in report.cases.iter().take(most) {
        m.open(
            "section",
            &[
                ("class", "case"),
                ("id", &format!("group-{}", case.community)),
            ],
        );
        let group = report
            .communities
            .iter()
            .find(|c| c.number == case.community);
        whole(m, case, group);
        m.close();
    }
    more(m, report.cases.len().saturating_sub(most), "case");
}

fn whole(m: &mut Markup, case: &Case, group: Option<&Community>) {
    m.open("h3", &[]);
    m.text(&format!("Group {} on board ", case.community));
    m.name(&case.conv);
    m.close();
    m.open("p", &[]);
    let (out, others) = case.sides();
    for (place, member) in out.chain(others).enumerate() {
        if place > 0 {
            m.text(", ");
        }
        if member.flag {
            m.open("strong", &[]);
            m.name(&member.voter);
            m.close();
        } else {
            m.name(&member.voter);
        }
    }
    let others = case.members.iter().any(|member| !member.flag);
    m.text(if others {
        ". Who stands out is in bold."
    } else {
        ". All of them stand out."
    });
    m.close();
    m.open("ul", &[]);
    for says in &case.summary {
        m.leaf("li", &[], says);
    }
    m.close();
    if !case.posts.is_empty() {
        times(m, case);
    }
    innocent(m, case);
    members(m, case);
    if let Some(group) = group {
        measures(m, case, &group.signals.measures);
    }
    pairs(m, case);
    moments(m, case);
    posts(m, case);
}

fn times(m: &mut Markup, case: &Case) {
    m.leaf("h4", &[], "When their votes came");
    m.open("figure", &[]);
    m.open("div", &[("class", "scroll")]);
    raster::raster(m, case);
    m.close();
    let mut says = "A row is a post of the group. Dots are the group's votes for it, strokes those of others; further \
                    right is later after the post was made. Dots above each other came at the same time. The numbers \
                    are the group's votes, and what chance would give."
        .to_owned();
    let left_out = case.posts_left_out + case.posts.len().saturating_sub(raster::POSTS);
    if left_out > 0 {
        says += &format!(
            " {} with fewer votes of the group aren't drawn.",
            counted(left_out as u64, "post")
        );
    }
    m.leaf("figcaption", &[], &says);
    m.close();
}

fn innocent(m: &mut Markup, case: &Case) {
    m.leaf("h4", &[], "Innocent explanations");
    m.open("table", &[("class", "cards")]);
    m.fixed("<thead><tr><th>if it were</th><th>one would see</th><th>what is seen</th><th></th></tr></thead>\n<tbody>\n");
    for innocent in &case.innocent {
        m.open("tr", &[]);
        m.open("td", &[]);
        m.leaf("strong", &[], innocent.what);
        m.close();
        m.leaf("td", &[], innocent.would_show);
        m.leaf("td", &[], &innocent.is_seen);
        let class = match innocent.reading {
            Reading::Fits | Reading::FitsInPart => "reading fits",
            Reading::DoesntFit => "reading doesnt",
            Reading::CantTell | Reading::NothingToExplain => "reading unsure",
        };
        m.leaf("td", &[("class", class)], innocent.reading.words());
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
}

fn members(m: &mut Markup, case: &Case) {
    m.open("details", &[]);
    m.leaf("summary", &[], "Each member, with figures");
    let says = format!(
        "“Soon after another’s” is within {} after the vote of another of the group on the same post.",
        span(case.moment_ms)
    );
    m.leaf("p", &[("class", "note")], &says);
    m.open("table", &[("class", "cards")]);
    m.fixed(
        "<thead><tr><th>member</th><th class=\"n\">score</th><th class=\"n\">posts</th><th class=\"n\">votes for the others</th>\
         <th class=\"n\">votes by the others</th><th class=\"n\">soon after another’s</th></tr></thead>\n<tbody>\n",
    );
    for member in &case.members {
        m.open("tr", &[]);
        m.open("td", &[]);
        m.name(&member.voter);
        m.close();
        let cell = |m: &mut Markup, name: &'static str, text: &str| {
            m.leaf("td", &[("class", "n"), ("data-name", name)], text);
        };
        cell(m, "score", &format!("{:.1}", member.score));
        cell(m, "posts", &grouped(member.posts as u64));
        let by_chance =
            |votes: u32, by_chance: f64| format!("{votes} (chance {})", expected(by_chance));
        cell(
            m,
            "votes for the others",
            &by_chance(member.given, member.given_by_chance),
        );
        cell(
            m,
            "votes by the others",
            &by_chance(member.got, member.got_by_chance),
        );
        let close = format!(
            "{} of {} (habit {})",
            member.together,
            member.shared,
            expected(member.together_by_habit)
        );
        cell(m, "soon after another’s", &close);
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
    m.close();
}

/// What else is measured, and counted nowhere.
fn measures(m: &mut Markup, case: &Case, measures: &Measures) {
    let told = measures.told();
    if told.is_empty() {
        return;
    }
    m.open("details", &[]);
    m.leaf("summary", &[], "Other measures (shown, not counted)");
    let says = "These are often named where rings are looked for. Honest groups of friends have unusual figures too, so \
                none of them changes a score.";
    m.leaf("p", &[("class", "note")], says);
    m.open("table", &[("class", "cards")]);
    m.fixed(
        "<thead><tr><th>measure</th><th class=\"n\">this group</th><th class=\"n\">usual here</th><th>what it says</th>\
         </tr></thead>\n<tbody>\n",
    );
    for told in &told {
        m.open("tr", &[]);
        m.open("td", &[]);
        m.leaf("strong", &[], told.what);
        m.close();
        m.leaf(
            "td",
            &[("class", "n"), ("data-name", "this group")],
            &told.group,
        );
        m.leaf(
            "td",
            &[("class", "n"), ("data-name", "usual here")],
            &told.usual,
        );
        m.leaf("td", &[], &told.means);
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
    of_members(m, case);
    m.close();
}

/// The same by member, where there is something to measure.
fn of_members(m: &mut Markup, case: &Case) {
    let measured = case
        .members
        .iter()
        .filter_map(|m| m.measures.map(|o| (m, o)));
    let measured: Vec<_> = measured.collect();
    if measured.is_empty() {
        return;
    }
    m.open("table", &[("class", "cards")]);
    m.fixed(
        "<thead><tr><th>member</th><th class=\"n\">closed circle</th><th class=\"n\">circle of choices</th>\
         <th class=\"n\">varied</th><th class=\"n\">independent</th><th class=\"n\">sudden posts</th>\
         <th class=\"n\">community</th></tr></thead>\n<tbody>\n",
    );
    for (member, of) in measured {
        m.open("tr", &[]);
        m.open("td", &[]);
        m.name(&member.voter);
        m.close();
        let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
        let cells = [
            ("closed circle", share(of.clustering)),
            ("circle of same choices", share(of.closure)),
            ("varied supporters", share(of.entropy)),
            ("independent support", share(of.independence)),
            ("sudden posts", format!("{} of {}", of.bursts, member.posts)),
            (
                "in the community of most",
                if of.leiden { "yes" } else { "no" }.to_owned(),
            ),
        ];
        for (name, text) in cells {
            m.leaf("td", &[("class", "n"), ("data-name", name)], &text);
        }
        m.close();
    }
    m.fixed("</tbody>");
    m.close();
}

fn pairs(m: &mut Markup, case: &Case) {
    if case.pairs.is_empty() {
        return;
    }
    m.open("details", &[]);
    m.leaf("summary", &[], "Who votes for whom");
    m.open("ul", &[]);
    for pair in &case.pairs {
        m.open("li", &[]);
        m.name(&pair.one);
        m.text(" and ");
        m.name(&pair.other);
        m.text(&format!(
            ": {} and {} votes for each other; chance would give {} and {}",
            pair.votes,
            pair.back,
            expected(pair.by_chance),
            expected(pair.back_by_chance)
        ));
        m.close();
    }
    m.close();
    more(m, case.pairs_left_out, "pair");
    m.close();
}

fn moments(m: &mut Markup, case: &Case) {
    if case.moments.is_empty() {
        return;
    }
    m.open("details", &[]);
    m.leaf(
        "summary",
        &[],
        &format!(
            "Votes on one post within {} of each other",
            span(case.moment_ms)
        ),
    );
    m.open("ul", &[]);
    for moment in &case.moments {
        m.open("li", &[]);
        m.text(&format!("{}, post ", moment.from));
        m.name(&moment.post);
        m.text(&format!(
            ", {} within {}: ",
            counted(moment.voters.len() as u64, "vote"),
            span(moment.lasted_ms.max(1_000))
        ));
        names(m, &moment.voters);
        m.close();
    }
    m.close();
    more(m, case.moments_left_out, "moment");
    m.close();
}

fn posts(m: &mut Markup, case: &Case) {
    if case.posts.is_empty() {
        return;
    }
    m.open("details", &[]);
    m.leaf("summary", &[], "Each post, with its votes");
    m.open("ul", &[]);
    for post in &case.posts {
        m.open("li", &[]);
        m.text("post ");
        m.name(&post.post);
        m.text(" by ");
        m.name(&post.author);
        m.text(&format!(
            ", {}: {} of {} for it from the group, where chance would give {}: ",
            post.at,
            grouped(post.group.len() as u64),
            counted(post.votes as u64, "vote"),
            expected(post.by_chance)
        ));
        for (place, vote) in post.group.iter().enumerate() {
            if place > 0 {
                m.text(", ");
            }
            m.name(&vote.voter);
            m.text(&format!(" after {}", words::span(vote.after_ms)));
        }
        m.close();
    }
    m.close();
    more(m, case.posts_left_out, "post");
    m.close();
}

fn names(m: &mut Markup, names: &[String]) {
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            m.text(", ");
        }
        m.name(name);
    }
}
