//! The results as one page that needs nothing else: bars with their intervals, and every figure in tables.

use std::fmt::{self, Write as _};

use super::{Between, Fared, Plan, Results, Return};
use crate::words::name;

const ROW: f64 = 17.0;
const LABEL: f64 = 330.0;
const PLOT: f64 = 560.0;
const TICKS: [f64; 9] = [-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];

/// A share in percent with its sign, as people read it: "+340 %", "-35 %".
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent.abs() {
        p if p < 9.95 => format!("{percent:+.1} %"),
        _ => format!("{percent:+.0} %"),
    }
}

/// A share of rewards that was taken: "8.70 %"; "–" of whoever earned nothing.
pub fn taken(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", 100.0 * share))
}

/// A mean with its interval: "-35 % [-41, -29]".
pub fn between(figure: &Between) -> String {
    let digits = usize::from(100.0 * figure.mean.abs() < 9.95);
    format!(
        "{} [{:+.digits$}, {:+.digits$}]",
        percent(figure.mean),
        100.0 * figure.low,
        100.0 * figure.high
    )
}

/// The page.
pub fn page(plan: &Plan, results: &Results) -> String {
    pages([(plan, results)])
}

/// One page of several boards, one after the other.
pub fn pages<'a>(played: impl IntoIterator<Item = (&'a Plan, &'a Results)>) -> String {
    let mut page = String::from(HEAD);
    for (plan, results) in played {
        // Writing into a text never fails.
        let _ = fill(&mut page, plan, results);
    }
    page.push_str("</main></body></html>\n");
    page
}

fn fill(page: &mut String, plan: &Plan, results: &Results) -> fmt::Result {
    match &plan.ground {
        None => page.push_str("<h1>What a ring earns</h1>"),
        Some(ground) => write!(
            page,
            "<h1>What a ring earns on board {}</h1>",
            escaped(&name(&ground.board))
        )?,
    }
    for sentence in results.preface(plan) {
        write!(page, "<p>{}</p>", escaped(&sentence))?;
    }
    page.push_str("<p>Lines at the ends of bars are what stands in brackets in the tables.</p>");
    write!(page, "<h2>{}</h2>", results.heading())?;
    let rows: Vec<Row<'_>> = results
        .mix
        .iter()
        .map(|r| Row {
            label: r.defences,
            bars: vec![(class(r.defences), r.on_investment)],
        })
        .collect();
    plot(page, "Return on investment by defence", &rows)?;
    write!(page, "<p>{}</p>", results.verdict().join(" "))?;
    page.push_str("<h2>A ring that knows these figures, by size</h2>");
    let heads = ["does", "no defence", "all", "all, beyond honesty"];
    table(page, &heads, results.adaptive().into_iter().map(fared))?;
    page.push_str("<h2>Every ring</h2>");
    page.push_str("<p class=key><span class=none></span> without defences <span class=all></span> with all</p>");
    let rows: Vec<Row<'_>> = results
        .cells
        .iter()
        .map(|cell| Row {
            label: &cell.ring,
            bars: ["none", "all"]
                .iter()
                .filter_map(|name| Some((class(name), of(cell, name)?.on_investment)))
                .collect(),
        })
        .collect();
    plot(page, "Return on investment by ring", &rows)?;
    honest(page, results)?;
    page.push_str("<h2>Other terms</h2>");
    let rows = results
        .terms
        .iter()
        .map(|t| vec![t.terms.to_owned(), between(&t.none), between(&t.all)]);
    table(page, &["terms", "no defence", "all defences"], rows)?;
    page.push_str("<h2>Every figure</h2><p>Return on investment.</p>");
    every(page, results, |r| between(&r.on_investment))?;
    page.push_str(
        "<p>Return beyond what the same posts would have earned without the ring's votes.</p>",
    );
    every(page, results, |r| between(&r.over_honesty))
}

/// A board's name is a stranger's.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

fn class(defences: &str) -> &'static str {
    match defences {
        "none" => "none",
        "all" => "all",
        _ => "some",
    }
}

/// A ring's return with one set of defences.
pub fn of<'a>(cell: &'a Fared, defences: &str) -> Option<&'a Return> {
    cell.returns.iter().find(|r| r.defences == defences)
}

/// A ring, and its returns without defences, with all, and with all beyond honesty.
pub fn fared(cell: &Fared) -> Vec<String> {
    let figure = |defences: &str, of_return: fn(&Return) -> &Between| {
        of(cell, defences).map_or_else(String::new, |r| between(of_return(r)))
    };
    vec![
        cell.ring.clone(),
        figure("none", |r| &r.on_investment),
        figure("all", |r| &r.on_investment),
        figure("all", |r| &r.over_honesty),
    ]
}

fn honest(page: &mut String, results: &Results) -> fmt::Result {
    let strikes = &results.strikes;
    write!(
        page,
        "<h2>What the defences cost honest members</h2><p>{} strikes met members of rings, {} outsiders whom they \
         paid, and {} honest members, in {} windows of honest members: {:.2} of 10,000. Losses are before appeals. \
         At most: where nobody was struck, the 95 % bound of a strike a year that was never seen; else the upper end \
         of what stands in brackets elsewhere.</p>",
        strikes.ring,
        strikes.bribed,
        strikes.clean,
        strikes.clean_member_epochs,
        strikes.of_ten_thousand()
    )?;
    let rows = results.honest.iter().map(|cost| {
        vec![
            cost.behaviour.clone(),
            cost.member_epochs.to_string(),
            format!("{:.2} %", 100.0 * cost.discounted),
            taken(cost.rewards_lost),
            taken(cost.rewards_limited),
            cost.strikes.to_string(),
            format!("{:.3} %", 100.0 * cost.stake_lost_per_year),
            format!("{:.3} %", 100.0 * cost.at_most_per_year),
        ]
    });
    let heads = [
        "behaviour",
        "windows of members",
        "of these discounted",
        "rewards it took",
        "allowance took",
        "strikes",
        "stake lost a year",
        "at most",
    ];
    table(page, &heads, rows)
}

fn every(page: &mut String, results: &Results, figure: fn(&Return) -> String) -> fmt::Result {
    let mut heads = vec!["ring"];
    if let Some(first) = results.cells.first() {
        heads.extend(first.returns.iter().map(|r| r.defences));
    }
    heads.push("struck");
    let rows = results.cells.iter().map(|cell| {
        let mut row = vec![cell.ring.clone()];
        row.extend(cell.returns.iter().map(figure));
        row.push(format!("{:.0} %", 100.0 * cell.struck));
        row
    });
    table(page, &heads, rows)
}

fn table(
    page: &mut String,
    heads: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> fmt::Result {
    page.push_str("<div class=wide><table><thead><tr>");
    for head in heads {
        write!(page, "<th>{head}</th>")?;
    }
    page.push_str("</tr></thead><tbody>");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            write!(page, "<td>{cell}</td>")?;
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></div>");
    Ok(())
}

/// A label and its bars, each with a class and a figure.
struct Row<'a> {
    label: &'a str,
    bars: Vec<(&'static str, Between)>,
}

/// Bars from zero, with lines for their intervals, on an axis that is straight around zero and logarithmic
/// far from it.
fn plot(page: &mut String, title: &str, rows: &[Row<'_>]) -> fmt::Result {
    let ends = rows.iter().flat_map(|r| &r.bars);
    let most = ends.fold(1.0_f64, |most, (_, b)| most.max(b.high));
    let bend = |x: f64| (3.0 * x).asinh();
    let (low, high) = (bend(-1.0), bend(most));
    let place = |x: f64| LABEL + PLOT * (bend(x.max(-1.0)) - low) / (high - low);
    let height = ROW * rows.len() as f64 + 30.0;
    write!(
        page,
        "<div class=wide><svg viewBox=\"0 0 {} {height}\" role=img aria-label=\"{title}\">",
        LABEL + PLOT + 60.0
    )?;
    for tick in TICKS.iter().filter(|t| **t <= most) {
        let x = place(*tick);
        let (class, sign) = match *tick {
            0.0 => ("zero", ""),
            tick if tick > 0.0 => ("grid", "+"),
            _ => ("grid", ""),
        };
        write!(
            page,
            "<line class={class} x1={x:.1} x2={x:.1} y1=18 y2={height} /><text class=tick x={x:.1} y=12>{sign}{:.0} %</text>",
            100.0 * tick
        )?;
    }
    for (number, row) in rows.iter().enumerate() {
        let y = 24.0 + ROW * number as f64;
        write!(
            page,
            "<text class=label x={:.0} y={:.1}>{}</text>",
            LABEL - 8.0,
            y + 9.0,
            row.label
        )?;
        let thick = (ROW - 5.0) / row.bars.len().max(1) as f64;
        for (place_in_row, (class, figure)) in row.bars.iter().enumerate() {
            let top = y + thick * place_in_row as f64;
            let (zero, mean) = (place(0.0), place(figure.mean));
            let (from, to) = (place(figure.low), place(figure.high));
            write!(
                page,
                "<rect class={class} x={:.1} y={top:.1} width={:.1} height={thick:.1}><title>{}: {}</title></rect>\
                 <line class=interval x1={from:.1} x2={to:.1} y1={middle:.1} y2={middle:.1} />",
                zero.min(mean),
                (mean - zero).abs().max(0.5),
                row.label,
                between(figure),
                middle = top + thick / 2.0
            )?;
        }
    }
    page.push_str("</svg></div><p class=note>The axis is even about zero and ever closer far from it: a bar twice as long is more than twice as much.</p>");
    Ok(())
}

const HEAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width, initial-scale=1\"><title>What a ring earns</title><style>\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#667;--paper:#fff;--rule:#dde;--none:#c2410c;--all:#1d6f5c;--some:#7a8699}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#99a;--paper:#14171a;--rule:#333a42;--none:#f0843c;--all:#3fb59a;--some:#8290a3}}\
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1,h2{line-height:1.2;margin-top:2rem}svg{width:100%;min-width:44rem;height:auto;display:block}.note{color:var(--soft);font-size:13px;margin-top:.2rem}svg text{font-size:11px;fill:var(--ink)}.label{text-anchor:end}\
.tick{text-anchor:middle;fill:var(--soft)!important}.grid{stroke:var(--rule)}.zero{stroke:var(--ink)}.interval{stroke:var(--ink);stroke-width:1.2}\
rect.none,.key .none{fill:var(--none);background:var(--none)}rect.all,.key .all{fill:var(--all);background:var(--all)}rect.some{fill:var(--some)}\
.key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}table{border-collapse:collapse;font-size:13px;margin:0}\
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}th:first-child,td:first-child{text-align:left}\
th{white-space:nowrap}.wide{overflow-x:auto;margin:.6rem 0}</style></head><body><main>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(percent(3.4), "+340 %");
        assert_eq!(percent(-0.052), "-5.2 %");
        assert_eq!(taken(Some(0.087)), "8.70 %");
        assert_eq!(taken(None), "–");
        let figure = Between {
            mean: -0.35,
            low: -0.41,
            high: -0.29,
        };
        assert_eq!(between(&figure), "-35 % [-41, -29]");
    }
}
