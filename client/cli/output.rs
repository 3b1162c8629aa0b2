//! What people and scripts see: results on stdout, everything else on stderr.
//!
//! With `--json` stdout carries one JSON value and nothing else. Text that others wrote (names,
//! statements, a node's words) goes through [`printable`]: a terminal obeys control characters.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use unicode_width::UnicodeWidthChar as _;
use unicode_width::UnicodeWidthStr as _;

/// Narrowest that a shortened column gets.
const MIN_COLUMN: usize = 12;
/// Between columns.
const GAP: usize = 2;

/// Where output goes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Output for people, or for scripts.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Is stdout for scripts?
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A result: as JSON with `--json`, else what `human` prints with [`Output::line`] and its like.
    pub fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&Self)) {
        if self.json {
            self.json(value);
        } else {
            human(self);
        }
    }

    /// One JSON value on stdout.
    pub fn json<T: Serialize>(&self, value: &T) {
        // Values here are structs of text and numbers, which always serialize.
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        write_stdout(&text);
    }

    /// A line of a result for people; nothing with `--json`.
    pub fn line(&self, text: impl fmt::Display) {
        if !self.json {
            write_stdout(&text.to_string());
        }
    }

    /// As [`Output::line`], but whoever no longer reads is told apart instead of ending the program.
    pub fn try_line(&self, text: impl fmt::Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        writeln!(io::stdout().lock(), "{text}")
    }

    /// A line on stderr: not a result.
    pub fn note(&self, text: impl fmt::Display) {
        // Nothing is left to tell somebody whose stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A table for people, as wide as the terminal; whole when stdout is none. Nothing with `--json`.
    /// The widest column is shortened first, but ids (64 hex digits) never are: they are to be copied.
    pub fn table(&self, headers: &[&str], rows: &[Vec<String>]) {
        if self.json {
            return;
        }
        for line in table_lines(headers, rows, width()) {
            write_stdout(&line);
        }
    }

    /// A bar on stderr that counts up to `length`; invisible unless stderr is a terminal.
    pub fn progress(&self, length: u64, message: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(length), target());
        // The template is a constant with the fields that indicatif documents.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.set_message(message.to_string());
        bar
    }

    /// A spinner on stderr; invisible unless stderr is a terminal.
    pub fn spinner(&self, message: &str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, target());
        bar.set_style(ProgressStyle::default_spinner());
        bar.set_message(message.to_string());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn write_stdout(text: &str) {
    if let Err(e) = writeln!(io::stdout().lock(), "{text}") {
        // Whoever reads has read enough (`… | head`): that is no failure of ours.
        let code = if e.kind() == io::ErrorKind::BrokenPipe {
            0
        } else {
            2
        };
        std::process::exit(code);
    }
}

/// Columns of the terminal on stdout; none if it is no terminal.
fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_col > 0
    {
        return Some(usize::from(size.ws_col));
    }
    Some(80)
}

/// A number with its noun: "1 signature", "2 signatures".
pub fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Text from others, safe for a terminal: control and direction-changing characters become "\u{fffd}".
pub fn printable(text: &str) -> String {
    let hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if hostile(c) { '\u{fffd}' } else { c })
        .collect()
}

/// As [`printable`], on one line.
pub fn printable_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

fn table_lines(headers: &[&str], rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
    let clean: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable_line(cell)).collect())
        .collect();
    let mut columns: Vec<usize> = headers.iter().map(|h| h.width()).collect();
    for row in &clean {
        for (column, cell) in columns.iter_mut().zip(row) {
            *column = (*column).max(cell.width());
        }
    }
    if let Some(width) = width {
        loop {
            let total = columns.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1);
            let shrinkable = columns.iter_mut().zip(headers).filter(|(_, h)| **h != "id");
            match shrinkable.map(|(c, _)| c).max_by_key(|c| **c) {
                Some(widest) if total > width && *widest > MIN_COLUMN => {
                    *widest = widest.saturating_sub(total - width).max(MIN_COLUMN);
                }
                _ => break,
            }
        }
    }
    let heads: Vec<String> = headers.iter().map(|h| h.to_string()).collect();
    let rule: Vec<String> = columns.iter().map(|c| "─".repeat(*c)).collect();
    [heads, rule]
        .iter()
        .chain(&clean)
        .map(|row| format_row(row, &columns))
        .collect()
}

fn format_row(row: &[String], columns: &[usize]) -> String {
    let mut line = String::new();
    for (cell, column) in row.iter().zip(columns) {
        let cell = shorten(cell, *column);
        line.push_str(&cell);
        line.push_str(&" ".repeat(column.saturating_sub(cell.width()) + GAP));
    }
    line.truncate(line.trim_end().len());
    line
}

/// At most `width` columns of a text; "…" stands for what is missing.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let (mut short, mut used) = (String::new(), 0);
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        short.push(c);
        used += w;
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: &[&str]| cells.iter().map(|c| c.to_string()).collect();
        vec![
            row(&["Ada", "one"]),
            row(&["王小明", "a rather long remark about nothing"]),
        ]
    }

    #[test]
    fn columns_line_up_whatever_the_script() {
        let lines = table_lines(&["name", "remark"], &rows(), None);
        assert_eq!(
            lines,
            [
                "name    remark",
                "──────  ──────────────────────────────────",
                "Ada     one",
                "王小明  a rather long remark about nothing",
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_shortens_the_widest_column() {
        let lines = table_lines(&["name", "remark"], &rows(), Some(24));
        assert!(lines.iter().all(|l| l.width() <= 24), "{lines:?}");
        assert_eq!(lines[3], "王小明  a rather long r…");
    }

    #[test]
    fn an_id_is_never_shortened() {
        let rows = vec![vec![
            "f".repeat(64),
            "a statement with some words".to_string(),
        ]];
        let lines = table_lines(&["id", "text"], &rows, Some(80));
        assert_eq!(lines[2], format!("{}  a statement w…", "f".repeat(64)));
    }

    #[test]
    fn text_from_others_cannot_move_the_cursor_or_turn_the_line_around() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\r"), "a�[2Jb�c�");
        assert_eq!(printable("two\nlines"), "two\nlines");
        assert_eq!(printable_line("two\nlines"), "two lines");
    }
}
