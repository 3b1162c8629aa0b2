//! The status page: one file, no scripts, nothing from elsewhere. Whatever others wrote is escaped.

use super::wire::{CeremonyView, EntryView};

const STYLE: &str = include_str!("page.css");

/// The page, with the rows of what happened.
pub(super) fn render(view: &CeremonyView, rows: &str, now: u64) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"20\"><title>Ceremony {name}</title><style>{STYLE}</style><main><header><h1>{name}</h1><p class=\"about\">A ceremony: strangers make proving keys together, which nobody can abuse if one of them forgets what they added.</p><p class=\"id\">id <code>{id}</code></p></header>",
        name = escape(&view.name),
        id = escape(&view.ceremony),
    );
    if view.rehearsal {
        page += "<p class=\"note\">This is a rehearsal: its keys count as development keys.</p>";
    }
    let (kind, title, text) = state(view, now);
    page += &format!("<section class=\"state {kind}\"><h2>{title}</h2><p>{text}</p>");
    page += &steps(view);
    page += "</section>";
    if let (Some(_), false) = (view.phase, view.closed) {
        page += &open(view, now);
    }
    page += "<h2>What happened</h2>";
    if rows.is_empty() {
        page += "<p class=\"quiet\">Nobody has contributed yet.</p>";
    } else {
        page += &format!(
            "<div class=\"wide\"><table><thead><tr><th>Phase<th>No.<th>Who<th>When (UTC)<th>What</tr></thead><tbody>{rows}</tbody></table></div>"
        );
    }
    page += &format!(
        "<h2>Check it yourself</h2><p>Everything is published. On your own machine, <code>tacit ceremony verify THIS-ADDRESS --ceremony ID</code> fetches and checks all of it; ID is the ceremony's, as it was published before the start.</p><p class=\"id\">transcript <code>{}</code></p><details><summary>{} files</summary><ul>",
        escape(&view.transcript),
        view.files.len(),
    );
    for file in &view.files {
        let file = escape(file);
        page += &format!("<li><a href=\"v1/files/{file}\">{file}</a>");
    }
    page + "</ul></details></main></html>"
}

/// What is the case: a class of the style, a title, and a sentence.
fn state(view: &CeremonyView, now: u64) -> (&'static str, String, String) {
    let beacon = match (&view.beacon, view.phase) {
        (Some(beacon), Some(_)) => format!(" Its beacon is {}.", escape(beacon)),
        _ => String::new(),
    };
    match (view.finished, view.phase, view.closed) {
        (true, ..) => (
            "done",
            "Finished".into(),
            "The keys are made. If you contributed, see whether you are in it with your attestation.".into(),
        ),
        (_, None, _) => (
            "closed",
            "All beacons are cast".into(),
            "The coordinator writes the keys next.".into(),
        ),
        (_, Some(phase), true) if view.contributors < view.least => (
            "closed",
            format!("Phase {phase} is closed"),
            format!(
                "Phase {phase} closed with {} of at least {} contributors: it can't end, and the ceremony must start anew.",
                view.contributors, view.least
            ),
        ),
        (_, Some(phase), true) => (
            "closed",
            format!("Phase {phase} is closed"),
            format!("It takes no more contributions and awaits its beacon.{beacon}"),
        ),
        (_, Some(phase), false) => {
            let closes = view.closes.unwrap_or(now);
            let left = span(closes.saturating_sub(now));
            (
                "open",
                format!("Phase {phase} is open"),
                format!("It closes in {left}, at {} UTC.{beacon}", time(closes)),
            )
        }
    }
}

/// The ceremony's way, and where it is.
fn steps(view: &CeremonyView) -> String {
    let names = [
        "Phase 1: powers",
        "Beacon",
        "Phase 2: keys",
        "Beacon",
        "Keys",
    ];
    let at = match (view.finished, view.phase, view.closed) {
        (true, ..) => 5,
        (_, None, _) => 4,
        (_, Some(phase), closed) => 2 * usize::from(phase.saturating_sub(1)) + usize::from(closed),
    };
    let mut list = "<ol class=\"steps\">".to_owned();
    for (i, name) in names.iter().enumerate() {
        let class = match i.cmp(&at) {
            std::cmp::Ordering::Less => "past",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "next",
        };
        list += &format!("<li class=\"{class}\">{name}");
    }
    list + "</ol>"
}

/// Whose turn it is, who waits, and how to take part.
fn open(view: &CeremonyView, now: u64) -> String {
    let turn = match (&view.turn, view.until) {
        (Some(key), Some(until)) => format!(
            "<b>{}</b><small><code>{}</code></small>",
            match until.checked_sub(now) {
                Some(left) if left > 0 => format!("{} left", span(left)),
                _ => "being checked".into(),
            },
            escape(key)
        ),
        _ => "<b>nobody</b><small>come now</small>".into(),
    };
    let wait = match (view.turn.is_some(), view.estimate) {
        (false, _) => "none".to_owned(),
        (true, estimate) => format!("about {}", span(estimate)),
    };
    let contributors = format!("{} of at least {}", view.contributors, view.least);
    format!(
        "<dl class=\"facts\"><div><dt>Contributors in this phase<dd><b>{contributors}</b></div><div><dt>Turn<dd>{turn}</div><div><dt>Waiting<dd><b>{}</b></div><div><dt>A newcomer's wait<dd><b>{wait}</b></div></dl><p>Take part: <code class=\"command\">tacit ceremony contribute THIS-ADDRESS --ceremony {}</code></p><p class=\"quiet\">Compare the id with what was published before the start, elsewhere than here.</p>",
        view.waiting,
        escape(&view.ceremony),
    )
}

/// The rows of what happened.
pub(super) fn rows(entries: &[EntryView]) -> String {
    entries.iter().map(row).collect()
}

fn row(entry: &EntryView) -> String {
    let number = |n: Option<u32>| n.map_or(String::new(), |n| n.to_string());
    let key = |key: &str| format!("<code>{}</code>", escape(key));
    let who = match (&entry.label, &entry.contributor) {
        (Some(label), Some(who)) => format!("{}<br>{}", escape(label), key(who)),
        (None, Some(who)) => key(who),
        _ => "the coordinator".into(),
    };
    let (class, what) = match (&entry.attestation, &entry.reason) {
        (Some(text), _) => (
            "good",
            format!(
                "<details><summary>contribution</summary><pre>{}</pre></details>",
                escape(text)
            ),
        ),
        (_, Some(reason)) => ("missed", format!("missed the turn: {}", escape(reason))),
        _ => ("own", escape(&entry.kind)),
    };
    format!(
        "<tr class=\"{class}\"><td>{}<td>{}<td>{who}<td>{}<td>{what}</tr>",
        number(entry.phase.map(u32::from)),
        number(entry.number),
        entry.at.map_or(String::new(), time),
    )
}

/// A time of day and date, from Unix time (Hinnant's civil-from-days).
fn time(at: u64) -> String {
    let (days, second) = ((at / 86_400).min(4_000_000) as i64, at % 86_400);
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            '\'' => "&#39;".into(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Transcript;
    use crate::transcript::tests::rules;

    #[test]
    fn what_others_wrote_is_text_and_never_markup() {
        let transcript = Transcript::new(rules()).unwrap();
        let mut view = CeremonyView::new(&transcript, None, 0);
        view.entries = vec![EntryView {
            kind: "contribution".into(),
            phase: Some(1),
            number: Some(1),
            contributor: None,
            label: None,
            at: Some(1_796_126_400),
            hashes: Vec::new(),
            reason: Some("<script>alert('1')</script>".into()),
            attestation: None,
            digest: String::new(),
        }];
        let page = render(&view, &rows(&view.entries), 0);
        assert!(!page.contains("<script"), "{page}");
        assert!(
            !page.contains("http:") && !page.contains("https:"),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"));
        assert!(page.contains("2026-12-01 12:00"), "{page}");
        assert!(page.contains("rehearsal") && page.contains("closes in 16 minutes"));
    }
}
