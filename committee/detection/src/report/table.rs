//! The voters as a table for spreadsheets.

use super::Report;
use crate::votes::escaped;

/// What a spreadsheet takes for a formula if a cell begins with it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The voters, one in a row. Names are written as in their ids ([`escaped`]), and one that a spreadsheet would run
/// as a formula has a `'` before it; the report in JSON has names as they are.
///
/// # Errors
/// None that a buffer in memory gives; they are passed on all the same.
pub fn voters_csv(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "conv", "voter", "score", "flag", "discount", "group", "windows", "reasons",
    ])?;
    for voter in &report.voters {
        let windows: Vec<String> = voter.windows.iter().map(|w| w.window.to_string()).collect();
        table.write_record([
            cell(&escaped(&voter.conv)),
            cell(&escaped(&voter.voter)),
            format!("{:.3}", voter.score),
            u8::from(voter.flag).to_string(),
            format!("{:.3}", voter.discount),
            voter.community.map_or(String::new(), |n| n.to_string()),
            windows.join(" "),
            cell(&voter.reasons.join("; ")),
        ])?;
    }
    table.into_inner().map_err(|e| e.into_error().into())
}

fn cell(text: &str) -> String {
    if text.starts_with(FORMULA) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
