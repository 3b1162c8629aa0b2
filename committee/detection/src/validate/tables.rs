//! A validation as tables, for a terminal or a page of text.

use super::cases::{AGAINST_AUC, DISCOUNTED, LEAST_EPOCHS, SLASH_PRECISION, SLASHED, Scope};
use super::clean::{Befell, Clean};
use super::detection::Part;
use super::framed::{Fared, Framing, VICTIMS, seeds as framed_seeds};
use super::metrics::{ENOUGH_SEEDS, Interval, at_most, bounds};
use super::results::{Against, Alone, Figures, KindFound, Real, Study, Verdict};
use super::slashes::Slashes;
use crate::words::{counted, grouped};

/// What a recall is, and what it isn't: on top of every table with one.
const RECALL: &str = "Recall at 1 % is of the ring's members, the share above the score that one in a hundred of the others on the same board exceeds: a cut for each board, by who is of the ring and who isn't, which no user knows. What a user gets is \"flagged\".";

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// What to know before reading it.
    pub notes: Vec<String>,
    /// Its columns.
    pub headers: Vec<String>,
    /// Its rows, of as many cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(title: &str, headers: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            notes: Vec::new(),
            headers: headers.iter().map(|h| (*h).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    fn note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        for note in &self.notes {
            text.push_str(note);
            text.push_str("\n\n");
        }
        let rule: Vec<&str> = self.headers.iter().map(|_| "---").collect();
        let rule: Vec<String> = rule.into_iter().map(str::to_owned).collect();
        for row in [&self.headers, &rule].into_iter().chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// The same for signals, which flag nobody.
const RECALL_ALONE: &str = "Recall at 1 % is at a cut of each board's own, by who is of the ring and who isn't, which no user knows; and no signal flags anybody by itself.";

/// What a study is of, in sentences.
pub fn preface(study: &Study) -> Vec<String> {
    let (part, other, parity) = match study.part {
        Part::Tuning => ("kept for tuning", "held back", "even"),
        Part::HeldBack => ("held back", "kept for tuning", "odd"),
    };
    let boards = match study.boards.as_slice() {
        [] => "No real board.".to_owned(),
        names => format!("Real boards: {}.", names.join(", ")),
    };
    let mut lines = vec![
        format!(
            "All figures are of the seeds and boards {part}; those {other} were not looked at. Seeds are {parity}: {}.",
            listed(&study.seeds)
        ),
        format!("{boards} Made-up boards: {}.", study.populations.join(", ")),
    ];
    if study.part == Part::Tuning {
        lines.push(
            "Thresholds were chosen by boards like these, so these figures are hopeful; report those held back.".to_owned(),
        );
    }
    if study.seeds.len() < ENOUGH_SEEDS {
        lines.push(match study.seeds.len() {
            1 => "One seed gives no interval, so whatever is met is in doubt.".to_owned(),
            few => format!("What stands in brackets is the range over {few} seeds, and no interval that would hold the truth in 95 of 100 cases: whatever is met by it may be so by chance. From {ENOUGH_SEEDS} seeds on there are 95 % intervals."),
        });
    }
    if study.scope == Scope::Quick {
        lines.push("Quick: a few cells of each kind, on made-up boards only.".to_owned());
    }
    lines
}

/// All tables, in the order in which they are read.
pub fn tables(study: &Study) -> Vec<Table> {
    let seeds = study.seeds.len();
    let mut tables = vec![rings(study), against(&study.against, seeds)];
    let title = "Nothing planted: what befalls honest members";
    tables.push(clean(title, &study.clean));
    for (name, found) in &study.clean_elsewhere {
        tables.push(clean(&format!("{title} where there are {name}"), found));
    }
    if !study.real.is_empty() || !study.not_judged.is_empty() {
        tables.push(real(&study.real, &study.not_judged, seeds));
    }
    tables.push(slashes(&study.slashes));
    if !study.framed.is_empty() {
        let framed_over = framed_seeds(study.scope, &study.seeds).len();
        tables.push(framed(&study.framed, framed_over));
        tables.push(framed_by_ground(&study.framed));
    }
    tables.push(alone(&study.alone));
    tables.push(grounds(&study.kinds, seeds));
    tables.push(cells(&study.kinds, seeds));
    let adapted = adapted(&study.kinds);
    if !adapted.rows.is_empty() {
        tables.push(adapted);
    }
    tables
}

fn rings(study: &Study) -> Table {
    let mut table = Table::new(
        "Rings",
        &[
            "ring", "AUC", "aim", "", "recall at 1 %", "aim", "", "flagged", "boards",
        ],
    )
    .note(format!(
        "Means over all grounds, sizes and shares; {}. Flagged is what the audit says of the ring's members by itself.",
        bounds(study.seeds.len())
    ))
    .note(RECALL.to_owned());
    for kind in &study.kinds {
        let aim = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.3}"));
        let [auc, recall] = kind
            .verdicts
            .map(|v| v.map_or("", Verdict::words).to_owned());
        table.rows.push(vec![
            kind.name.to_owned(),
            interval(kind.all.auc),
            aim(kind.aim.and_then(|a| a.auc)),
            auc,
            interval(kind.all.recall),
            aim(kind.aim.and_then(|a| a.recall)),
            recall,
            interval(kind.all.flagged),
            kind.boards.to_string(),
        ]);
        if let Some((count, why)) = &kind.refused {
            let times = counted(*count as u64, "time");
            let note = format!("{}: not measured {times}: {why}.", kind.name);
            table.notes.push(note);
        }
    }
    table
}

fn against(list: &[Against], seeds: usize) -> Table {
    let kinds: Vec<&str> = list
        .first()
        .map(|a| a.by_kind.iter().map(|(name, _)| *name).collect())
        .unwrap_or_default();
    let headers = [
        &["honest behaviour", "AUC", "", "above 1 %"][..],
        kinds.as_slice(),
    ];
    let mut table = Table::new("Rings against honest behaviours", &headers.concat()).note(format!(
        "The chance that a ring member's score is above that of an honest member of one behaviour, on made-up boards; the aim is {AGAINST_AUC} for those that look like rings; {}. Above 1 %: the share of them above the score that one in a hundred of all honest members exceeds, which is a cut that knows who is honest, and no flag.",
        bounds(seeds)
    ));
    for one in list {
        let mut row = vec![
            one.behaviour.clone(),
            interval(one.auc),
            one.verdict.map_or("", Verdict::words).to_owned(),
            percent(one.above),
        ];
        row.extend(one.by_kind.iter().map(|(_, auc)| format!("{auc:.3}")));
        table.rows.push(row);
    }
    table
}

fn clean(title: &str, clean: &Clean) -> Table {
    let days = clean.window_ms as f64 / 86_400_000.0;
    let verdict = match clean.slash_verdict {
        Some(verdict) => format!(
            "At most one in {:.0} of those that look like rings slashed: {}.",
            1.0 / SLASHED,
            verdict.words()
        ),
        None => format!(
            "Fewer than {} member-epochs of those that look like rings: too few to say whether at most one in {:.0} is slashed.",
            grouped(LEAST_EPOCHS),
            1.0 / SLASHED
        ),
    };
    let mut table = Table::new(
        title,
        &[
            "honest behaviour",
            "member-epochs",
            "flagged %",
            "discounted %",
            "",
            "support lost",
            "slashed",
            "at most",
            "members",
            "flagged on the whole, %",
            "discounted on the whole, %",
        ],
    )
    .note(format!(
        "{} made up, in windows of {days} days; a member-epoch is a member who cast a vote in one window. Discounted: one vote or more counted for less; the aim is {} for those that look like rings. At most: the 95 % bound of what so few slashed may stand for. On the whole: by one audit of all of the board's votes, as `tacit audit` does it, of those who cast a vote.",
        counted(clean.boards as u64, "board"),
        percent(DISCOUNTED)
    ))
    .note(format!("Shares: {}.", bounds(clean.seeds)))
    .note(verdict);
    for befell in clean.by.iter().chain([&clean.like_rings, &clean.all]) {
        table.rows.push(of_befell(befell));
    }
    table
}

fn of_befell(befell: &Befell) -> Vec<String> {
    vec![
        befell.who.clone(),
        grouped(befell.epochs),
        shares(befell.flagged),
        shares(befell.discounted),
        befell
            .discount_verdict
            .map_or("", Verdict::words)
            .to_owned(),
        percent(befell.lost),
        befell.slashed.to_string(),
        format!("{:.1}", befell.slashed_at_most),
        grouped(befell.members),
        shares(befell.whole_flagged),
        shares(befell.whole_discounted),
    ]
}

fn real(list: &[Real], not_judged: &[String], seeds: usize) -> Table {
    let mut table = Table::new(
        "Real conversations with nothing planted",
        &[
            "board", "members", "flagged", "", "slashed", "", "of half, %", "most, %", "windows", "member-epochs", "flagged, %", "discounted, %",
        ],
    )
    .note(format!("Nobody knows who is honest there; but at most one in a hundred should be flagged, and nobody slashed: the verdict is on both. Of half the voters: the share flagged if only a random half had voted, over one half for each seed ({}), and the most of these.", bounds(seeds)));
    for real in list {
        let of = |part: u64| percent(part as f64 / (real.epochs as f64).max(1.0));
        table.rows.push(vec![
            real.board.clone(),
            grouped(real.members as u64),
            real.flagged.to_string(),
            percent(real.flagged as f64 / (real.members as f64).max(1.0)),
            real.slashed.to_string(),
            real.verdict.words().to_owned(),
            shares(real.halves),
            format!("{:.2}", 100.0 * real.worst_half),
            real.windows.to_string(),
            grouped(real.epochs),
            of(real.epochs_flagged),
            of(real.epochs_discounted),
        ]);
        if real.halves_not_judged > 0 {
            table.notes.push(format!(
                "{}: of its halves {} not judged, because too few members are active.",
                real.board, real.halves_not_judged
            ));
        }
    }
    if !not_judged.is_empty() {
        table.notes.push(format!(
            "{} of {} not judged, because too few members are active: {}.",
            not_judged.len(),
            counted((list.len() + not_judged.len()) as u64, "board"),
            not_judged.join(", ")
        ));
    }
    table
}

/// What a ring did to those whom it framed, over all grounds.
fn framed(list: &[Framing], seeds: usize) -> Table {
    let headers = [
        "what the ring does",
        "ring",
        "framed",
        "flagged before, %",
        "flagged, %",
        "discounted before, %",
        "discounted, %",
        "struck before, %",
        "struck, %",
        "of the ring flagged, %",
    ];
    let mut table = Table::new("Innocent members whom a ring frames", &headers).note(format!(
        "On each board a ring picks {VICTIMS} members at random who take part, write and have nothing to do with it, and does this to make them look like its own; in every row all of it also votes for all of their posts. Means over all grounds; {}. Before is the same people on the same board with the same ring, before it framed them. Flagged: by the audit of the whole board. Discounted: one vote of theirs or more counted for less in some window. Struck: there were grounds for a strike, in two windows. At most: the 95 % bound, where it befell none.",
        bounds(seeds)
    )).note("Those who like the ring's posts do so honestly, at times of their own, and few others read these posts. Votes can't tell that from a member who is quietly of the ring: these rows say how often such a person would have to explain herself.".to_owned());
    for framing in list {
        let (before, after) = (&framing.before, &framing.after);
        table.rows.push(vec![
            framing.ruse.clone(),
            framing.ring.clone(),
            grouped(after.victims),
            shares_of(before.flagged, before.victims),
            shares_of(after.flagged, after.victims),
            shares_of(before.discounted, before.victims),
            shares_of(after.discounted, after.victims),
            shares_of(before.struck, before.victims),
            shares_of(after.struck, after.victims),
            shares(after.ring_flagged),
        ]);
        if framing.left_out > 0 {
            let boards = counted(framing.left_out, "board");
            table.notes.push(format!(
                "{}, {}: not measured on {boards}, because the ring had no place there, too few take part, or nobody judges it.",
                framing.ruse, framing.ring
            ));
        }
    }
    table
}

fn framed_by_ground(list: &[Framing]) -> Table {
    let headers = [
        "what the ring does",
        "ring",
        "ground",
        "framed",
        "flagged, %",
        "discounted, %",
        "struck, %",
    ];
    let mut table = Table::new("Innocent members whom a ring frames, by ground", &headers)
        .note("Before → after.".to_owned());
    for framing in list {
        for (ground, before, after) in &framing.grounds {
            let both = |of: fn(&Fared) -> Option<Interval>| {
                let share = |found: &Fared| {
                    of(found).map_or("-".to_owned(), |i| format!("{:.2}", 100.0 * i.mean))
                };
                format!("{} → {}", share(before), share(after))
            };
            table.rows.push(vec![
                framing.ruse.clone(),
                framing.ring.clone(),
                ground.clone(),
                grouped(after.victims),
                both(|fared| fared.flagged),
                both(|fared| fared.discounted),
                both(|fared| fared.struck),
            ]);
        }
    }
    table
}

fn slashes(slashes: &Slashes) -> Table {
    let verdict = match (
        slashes.precision,
        slashes.precision_at_least,
        slashes.verdict,
    ) {
        (Some(precision), Some(least), Some(verdict)) => format!(
            "Of those slashed, {} are of a ring, {} at least (the 95 % bound); the aim is {}: {}.",
            percent(precision),
            percent(least),
            percent(SLASH_PRECISION),
            verdict.words()
        ),
        _ => "Nobody is slashed, so nothing can be said of precision.".to_owned(),
    };
    let headers = [
        "synchrony",
        "ground",
        "boards",
        "of the ring",
        "slashed",
        "",
        "honest slashed",
        "votes for each other lost",
        "honest discounted",
    ];
    let mut table = Table::new("Discounted and slashed where there is a ring", &headers)
        .note("Rings whose members write eight posts each, windows as above; slashed is who has structure and time against it in two windows. Lost: of the ring members' votes for each other, the share that the discount takes.".to_owned())
        .note(verdict);
    if slashes.left_out > 0 {
        let rings = counted(slashes.left_out as u64, "ring");
        let note = format!("Not measured: {rings} that had no place on a board.");
        table.notes.push(note);
    }
    let all = ("all", String::new(), slashes.all);
    for (name, ground, struck) in slashes.by.iter().chain([&all]) {
        table.rows.push(vec![
            (*name).to_owned(),
            ground.clone(),
            struck.boards.to_string(),
            grouped(struck.ring),
            grouped(struck.ring_slashed),
            percent(struck.found()),
            struck.honest_slashed.to_string(),
            percent(struck.lost()),
            percent(struck.wronged()),
        ]);
    }
    table
}

/// A row for each signal and ground, and over all grounds if there are several; a column for each ring.
fn alone(lines: &[Alone]) -> Table {
    let names = |of: fn(&Alone) -> &str| {
        let mut names: Vec<&str> = Vec::new();
        for name in lines.iter().map(of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let (signals, kinds) = (names(|a| a.signal), names(|a| a.kind));
    let grounds = names(|a| &a.ground);
    let rings: Vec<String> = (kinds.iter())
        .filter_map(|kind| lines.iter().find(|line| line.kind == *kind))
        .map(|line| format!("{}: {}", line.kind, line.ring))
        .collect();
    let headers = [&["signal", "ground"][..], kinds.as_slice()].concat();
    let mut table = Table::new("Each signal alone", &headers).note(format!(
        "AUC / AUC among authors / recall at 1 % of a score that is one signal and nothing else, means over seeds, beside the product's. What a signal says where there is no ring, it says of whoever writes as much. {}.",
        rings.join("; ")
    ))
    .note(RECALL_ALONE.to_owned());
    let all = (grounds.len() > 1).then_some(None);
    let rows: Vec<Option<&str>> = (all.into_iter())
        .chain(grounds.into_iter().map(Some))
        .collect();
    for signal in signals {
        for ground in &rows {
            let mut row = vec![signal.to_owned(), ground.unwrap_or("all").to_owned()];
            for kind in &kinds {
                let here = lines.iter().filter(|line| {
                    let ground = ground.is_none_or(|ground| ground == line.ground);
                    ground && line.signal == signal && line.kind == *kind
                });
                let mean = |of: fn(&Alone) -> Option<Interval>| {
                    let found: Vec<f64> = here.clone().filter_map(of).map(|i| i.mean).collect();
                    let sum: f64 = found.iter().sum();
                    (!found.is_empty()).then(|| sum / found.len() as f64)
                };
                let figures = [
                    mean(|line| line.auc),
                    mean(|line| line.auc_among_authors),
                    mean(|line| line.recall),
                ];
                let figures = figures.map(|f| f.map_or("-".to_owned(), |f| format!("{f:.2}")));
                row.push(figures.join(" / "));
            }
            table.rows.push(row);
        }
    }
    table
}

const FIGURES: [&str; 4] = ["AUC", "among authors", "recall at 1 %", "flagged"];

fn figures(figures: &Figures) -> impl Iterator<Item = String> {
    [
        figures.auc,
        figures.auc_among_authors,
        figures.recall,
        figures.flagged,
    ]
    .into_iter()
    .map(interval)
}

fn grounds(kinds: &[KindFound], seeds: usize) -> Table {
    let headers = [&["ring", "ground"][..], &FIGURES].concat();
    let mut table = Table::new("By ground", &headers)
        .note(format!("Means; {}.", bounds(seeds)))
        .note(RECALL.to_owned());
    for kind in kinds {
        for (ground, found) in &kind.grounds {
            let names = [kind.name.to_owned(), ground.clone()];
            table
                .rows
                .push(names.into_iter().chain(figures(found)).collect());
        }
    }
    table
}

fn cells(kinds: &[KindFound], seeds: usize) -> Table {
    let headers = [&["ring", "cell"][..], &FIGURES].concat();
    let mut table = Table::new("By cell", &headers).note(format!(
        "A cell is \"members x posts of each\", s the share of the others that votes for each post, the span of time, c the share of votes that serve to look honest, and whose accounts. Means; {}.",
        bounds(seeds)
    )).note(RECALL.to_owned());
    for kind in kinds {
        for (ring, found) in &kind.rings {
            let names = [kind.name.to_owned(), ring.clone()];
            table
                .rows
                .push(names.into_iter().chain(figures(found)).collect());
        }
    }
    table
}

fn adapted(kinds: &[KindFound]) -> Table {
    let mut table = Table::new(
        "What the ring that knows the detector settled on",
        &["ground", "ring", "flagged in rehearsals", "ways tried"],
    )
    .note("It tries shares, camouflage, synchrony, passes that feign dissent by a rota, and accounts with a past on the same ground with seeds of its own, the most profitable first, until at most one in ten of its members is flagged.".to_owned());
    for settled in kinds.iter().flat_map(|kind| &kind.adapted) {
        table.rows.push(vec![
            settled.ground.clone(),
            settled.ring.clone(),
            percent(settled.flagged),
            settled.tried.to_string(),
        ]);
    }
    table
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or("-".to_owned(), |i| i.to_string())
}

/// In percent.
fn shares(share: Option<Interval>) -> String {
    share.map_or("-".to_owned(), |i| {
        let mean = 100.0 * i.mean;
        match i.low.zip(i.high) {
            Some((low, high)) => format!("{mean:.2} [{:.2}, {:.2}]", 100.0 * low, 100.0 * high),
            None => format!("{mean:.2} (one seed)"),
        }
    })
}

/// In percent, of so many people; where it is none of them, how many it may be at most.
fn shares_of(share: Option<Interval>, people: u64) -> String {
    match share.filter(|share| share.mean == 0.0 && people > 0) {
        Some(_) => {
            let most = (at_most(0) / people as f64).min(1.0);
            format!("0.00 (at most {:.1})", 100.0 * most)
        }
        None => shares(share),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn listed(seeds: &[u64]) -> String {
    let list: Vec<String> = seeds.iter().take(4).map(u64::to_string).collect();
    match (seeds.len(), seeds.last()) {
        (0..=4, _) | (_, None) => list.join(", "),
        (count, Some(last)) => format!("{}, ... {last}, {count} of them", list.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_as_markdown_has_its_cells_and_no_more() {
        let mut table = Table::new("T", &["a", "b"]).note("n".to_owned());
        table.rows.push(vec!["x|y".to_owned(), "2".to_owned()]);
        let expected = "## T\n\nn\n\n| a | b |\n| --- | --- |\n| x\\|y | 2 |\n";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn a_share_of_nobody_says_how_many_it_may_be() {
        let share = |mean| {
            Some(Interval {
                mean,
                low: Some(mean),
                high: Some(0.5),
            })
        };
        assert_eq!(shares_of(share(0.0), 40), "0.00 (at most 7.5)");
        assert_eq!(shares_of(share(0.25), 40), "25.00 [25.00, 50.00]");
        assert_eq!(shares_of(None, 0), "-");
    }

    #[test]
    fn seeds_are_listed_without_filling_a_page() {
        assert_eq!(listed(&[1, 3]), "1, 3");
        assert_eq!(
            listed(&[0, 2, 4, 6, 8, 10]),
            "0, 2, 4, 6, ... 10, 6 of them"
        );
    }
}
