//! The status page: one file, no scripts, nothing from elsewhere. Whatever others wrote is escaped.

use super::wire::{CeremonyView, EntryView};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}h1{font-size:1.6rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}code,pre{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}.note{background:#fff4d6;padding:.6rem .8rem}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#333}.note{background:#3a3213}}";

/// The page.
pub fn render(view: &CeremonyView, now: u64) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"20\"><title>Ceremony {name}</title><style>{STYLE}</style><h1>Ceremony {name}</h1><p>id <code>{id}</code></p>",
        name = escape(&view.name),
        id = escape(&view.ceremony),
    );
    if view.rehearsal {
        page += "<p class=\"note\">This is a rehearsal: its keys count as development keys.</p>";
    }
    let state = match (view.finished, view.phase, view.closed) {
        (true, ..) => "Finished: the keys are made.".to_owned(),
        (_, None, _) => "All beacons are cast; the keys come next.".to_owned(),
        (_, Some(phase), true) => format!("Phase {phase} is closed and awaits its beacon."),
        (_, Some(phase), false) => {
            let left = view.closes.unwrap_or(now).saturating_sub(now);
            format!("Phase {phase} is open and closes in {}.", span(left))
        }
    };
    page += &format!("<p>{}</p>", escape(&state));
    if let Some(beacon) = &view.beacon {
        page += &format!("<p>Its beacon is {}.</p>", escape(beacon));
    }
    if let (Some(_), false) = (view.phase, view.closed) {
        let turn = match &view.turn {
            Some(key) => format!("It is the turn of <code>{}</code>.", escape(key)),
            None => "Nobody contributes just now.".into(),
        };
        page += &format!(
            "<p>{turn} Waiting: {}. A newcomer's turn comes in about {}.</p><p>Take part: <code>tacit ceremony contribute THIS-ADDRESS</code></p>",
            view.waiting,
            span(view.estimate)
        );
    }
    page +=
        "<h2>What happened</h2><table><tr><th>phase<th>number<th>who<th>when (UTC)<th>what</tr>";
    for entry in &view.entries {
        page += &row(entry);
    }
    page += &format!(
        "</table><p>Transcript <code>{}</code></p><h2>Files</h2><ul>",
        escape(&view.transcript)
    );
    for file in &view.files {
        let file = escape(file);
        page += &format!("<li><a href=\"v1/files/{file}\">{file}</a>");
    }
    page + "</ul></html>"
}

fn row(entry: &EntryView) -> String {
    let number = |n: Option<u32>| n.map_or(String::new(), |n| n.to_string());
    let who = match (&entry.label, &entry.contributor) {
        (Some(label), Some(key)) => format!("{}<br><code>{}</code>", escape(label), escape(key)),
        (None, Some(key)) => format!("<code>{}</code>", escape(key)),
        _ => String::new(),
    };
    let what = match (&entry.attestation, &entry.reason) {
        (Some(text), _) => format!(
            "<details><summary>contribution</summary><pre>{}</pre></details>",
            escape(text)
        ),
        (_, Some(reason)) => format!("missed the turn: {}", escape(reason)),
        _ => escape(&entry.kind),
    };
    format!(
        "<tr><td>{}<td>{}<td>{who}<td>{}<td>{what}</tr>",
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
        let page = render(&view, 0);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"));
        assert!(page.contains("2026-12-01 12:00"), "{page}");
        assert!(page.contains("rehearsal") && page.contains("closes in 16 minutes"));
    }
}
