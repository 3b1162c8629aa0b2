//! Rosters: who is invited, from a CSV file as a spreadsheet saves it.
//!
//! ```text
//! name,contact,senators
//! Ada Lovelace,ada@example.org,yes
//! "Tubman, Harriet",,no
//! ```
//!
//! `name` is required and is what a reveal publishes; `contact` is optional and stays with the
//! registrar; every further column is a class. Pure: bytes in, roster or the rows that are wrong out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use tacit_protocol::group::{
    ClassName, GroupDefinition, MAX_CLASSES, MAX_RECORD_NAME, Record, canonical_identifier,
};
use thiserror::Error;

use crate::limits::{MAX_BAD_ROWS, MAX_CONTACT, MAX_PEOPLE, MAX_ROSTER_BYTES};

/// One person.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The row's number in the file, as a spreadsheet shows it: the header is row 1.
    pub number: usize,
    /// The name as a reveal publishes it, trimmed.
    pub name: String,
    /// How the registrar reaches the person; never in the record.
    pub contact: Option<String>,
    /// The person's classes, ascending.
    pub classes: Vec<ClassName>,
}

impl Row {
    /// What makes two rows the same person.
    pub fn identifier(&self) -> String {
        canonical_identifier(&self.name, self.contact.as_deref())
    }

    /// What a reveal may publish.
    pub fn record(&self) -> Record {
        Record {
            name: self.name.clone(),
            classes: self.classes.clone(),
        }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({}, redacted)", self.number)
    }
}

/// A roster in which every row is a different person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// The people, in the file's order; at least one.
    pub rows: Vec<Row>,
    /// The classes that the header names, ascending.
    pub classes: Vec<ClassName>,
}

/// Why a file isn't a roster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RosterError {
    /// Over the limit.
    #[error("the roster has {0} bytes, at most {MAX_ROSTER_BYTES} are allowed")]
    TooLarge(usize),
    /// Another character set.
    #[error("row {0}: not UTF-8 text")]
    NotUtf8(usize),
    /// An empty file.
    #[error("the roster is empty: its first row must name the columns")]
    NoHeader,
    /// Nobody's name is given.
    #[error("row 1: no column is called `name` (columns are separated by commas)")]
    NoNameColumn,
    /// A column without a usable name.
    #[error(
        "row 1: column {column} is called {name:?}, which can't be a class: use at most 32 letters a-z, digits, - and _, a letter first"
    )]
    ClassName {
        /// The column's number from 1.
        column: usize,
        /// What the header says.
        name: String,
    },
    /// Two columns of one name.
    #[error("row 1: two columns are called `{0}`")]
    RepeatedColumn(String),
    /// Too many columns.
    #[error("row 1: {0} classes, at most {MAX_CLASSES} are allowed")]
    TooManyClasses(usize),
    /// The first row can't be read.
    #[error("row 1: a quote is not closed")]
    OpenQuote,
    /// A header and nobody under it.
    #[error("the roster names nobody")]
    NoRows,
    /// More people than a group can have.
    #[error("the roster has more than {MAX_PEOPLE} rows")]
    TooManyRows,
    /// Rows that can't be used.
    #[error("{}", list(.0, *.1))]
    Rows(Vec<BadRow>, usize),
    /// Columns that the group doesn't know.
    #[error("the group has no class {}", names(.0))]
    UnknownClasses(Vec<ClassName>),
}

impl RosterError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotUtf8(_) => "Save the file as \"CSV UTF-8\".",
            Self::TooLarge(_) | Self::TooManyRows => "Split the people into several groups.",
            Self::UnknownClasses(_) => {
                "Rename or remove the column: the group's creator fixed its classes, and every further column of a roster is one."
            }
            Self::Rows(..) | Self::NoRows => {
                "Correct the rows and run this again: nothing was taken from this file."
            }
            Self::NoHeader
            | Self::NoNameColumn
            | Self::ClassName { .. }
            | Self::RepeatedColumn(_)
            | Self::TooManyClasses(_)
            | Self::OpenQuote => {
                "The first row names the columns: name, optionally contact, then one column per class."
            }
        }
    }
}

/// A row that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("row {row}: {problem}")]
pub struct BadRow {
    /// Its number, as in [`Row::number`].
    pub row: usize,
    /// Why not.
    pub problem: RowProblem,
}

/// Why a row can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowProblem {
    /// More or fewer cells than columns.
    #[error("{have} {} where the first row has {want}{}", if *have == 1 { "cell" } else { "cells" }, if have > want { " (a comma within a cell needs quotes around the cell)" } else { "" })]
    Cells {
        /// Cells of this row.
        have: usize,
        /// Columns.
        want: usize,
    },
    /// A quote that opens or closes nothing.
    #[error("a quote is not closed")]
    OpenQuote,
    /// No name.
    #[error("no name")]
    NoName,
    /// Over the limit.
    #[error("the {column} has {len} bytes, at most {max} are allowed")]
    TooLong {
        /// `name` or `contact`.
        column: &'static str,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A character that nobody sees, and that makes a list lie.
    #[error("the {column} holds the invisible character U+{:04X}", u32::from(*character))]
    Invisible {
        /// `name` or `contact`.
        column: &'static str,
        /// The character.
        character: char,
    },
    /// Neither yes nor no.
    #[error("{value:?} under `{class}` is neither 1, yes, true nor 0, no, false or empty")]
    Membership {
        /// The class.
        class: ClassName,
        /// What the cell says, shortened.
        value: String,
    },
    /// The same person again.
    #[error("the same person as row {first}")]
    Duplicate {
        /// The person's first row.
        first: usize,
    },
}

fn list(rows: &[BadRow], all: usize) -> String {
    let mut lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    if all > rows.len() {
        lines.push(format!("and {} more bad rows", all - rows.len()));
    }
    lines.join("\n")
}

fn names(classes: &[ClassName]) -> String {
    classes
        .iter()
        .map(|c| format!("`{c}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Roster {
    /// Reads a CSV file: UTF-8 with or without a byte-order mark, commas, optional quotes (RFC 4180).
    pub fn parse(bytes: &[u8]) -> Result<Self, RosterError> {
        if bytes.len() > MAX_ROSTER_BYTES {
            return Err(RosterError::TooLarge(bytes.len()));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if let Err(e) = std::str::from_utf8(bytes) {
            return Err(RosterError::NotUtf8(
                1 + line_ends(bytes, 0, e.valid_up_to()),
            ));
        }
        let mut records = Records::new(bytes);
        let columns = match records.next() {
            None => return Err(RosterError::NoHeader),
            Some(CsvRow {
                open_quote: true, ..
            }) => return Err(RosterError::OpenQuote),
            Some(header) => Columns::parse(&header.cells)?,
        };
        let (mut rows, mut bad, mut bad_rows) = (Vec::new(), Vec::new(), 0);
        let mut seen = HashMap::new();
        for record in records {
            if rows.len() + bad_rows == MAX_PEOPLE {
                return Err(RosterError::TooManyRows);
            }
            let row = columns
                .row(&record)
                .and_then(|row| match seen.entry(row.identifier()) {
                    Entry::Occupied(first) => Err(RowProblem::Duplicate {
                        first: *first.get(),
                    }),
                    Entry::Vacant(place) => {
                        place.insert(row.number);
                        Ok(row)
                    }
                });
            match row {
                Ok(row) => rows.push(row),
                Err(problem) => {
                    bad_rows += 1;
                    if bad.len() < MAX_BAD_ROWS {
                        bad.push(BadRow {
                            row: record.number,
                            problem,
                        });
                    }
                }
            }
        }
        if bad_rows > 0 {
            return Err(RosterError::Rows(bad, bad_rows));
        }
        if rows.is_empty() {
            return Err(RosterError::NoRows);
        }
        let mut classes: Vec<ClassName> = columns.classes().cloned().collect();
        classes.sort();
        Ok(Self { rows, classes })
    }

    /// The roster as a CSV file that [`Roster::parse`] reads back.
    pub fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = ["name", "contact"]
            .into_iter()
            .chain(self.classes.iter().map(ClassName::as_str));
        // Writing into memory doesn't fail, and all rows have as many cells as the header.
        let _ = writer.write_record(header);
        for row in &self.rows {
            let cells = [
                row.name.as_str(),
                row.contact.as_deref().unwrap_or_default(),
            ];
            let classes = self
                .classes
                .iter()
                .map(|c| if row.classes.contains(c) { "1" } else { "0" });
            let _ = writer.write_record(cells.into_iter().chain(classes));
        }
        writer.into_inner().unwrap_or_default()
    }

    /// Checks that the group knows every class of this roster.
    pub fn check_classes(&self, group: &GroupDefinition) -> Result<(), RosterError> {
        let unknown: Vec<ClassName> = self
            .classes
            .iter()
            .filter(|c| group.class_index(c).is_none())
            .cloned()
            .collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(RosterError::UnknownClasses(unknown))
        }
    }

    /// Classes of the group that this roster has no column for: nobody on it is in them.
    pub fn missing_classes<'a>(&self, group: &'a GroupDefinition) -> Vec<&'a ClassName> {
        group
            .classes
            .iter()
            .filter(|c| !self.classes.contains(c))
            .collect()
    }
}

/// What a column holds.
enum Column {
    Name,
    Contact,
    Class(ClassName),
}

struct Columns(Vec<Column>);

impl Columns {
    fn parse(header: &csv::StringRecord) -> Result<Self, RosterError> {
        let names: Vec<String> = header
            .iter()
            .map(|cell| cell.trim().to_ascii_lowercase())
            .collect();
        if !names.iter().any(|name| name == "name") {
            return Err(RosterError::NoNameColumn);
        }
        if names.len() > MAX_CLASSES + 2 {
            return Err(RosterError::TooManyClasses(names.len() - 1));
        }
        let mut columns = Vec::new();
        for (i, (name, cell)) in names.iter().zip(header).enumerate() {
            if names.iter().take(i).any(|earlier| earlier == name) {
                return Err(RosterError::RepeatedColumn(name.clone()));
            }
            columns.push(match name.as_str() {
                "name" => Column::Name,
                "contact" => Column::Contact,
                class => {
                    Column::Class(ClassName::new(class).map_err(|_| RosterError::ClassName {
                        column: i + 1,
                        name: shorten(cell),
                    })?)
                }
            });
        }
        let columns = Self(columns);
        match columns.classes().count() {
            classes if classes > MAX_CLASSES => Err(RosterError::TooManyClasses(classes)),
            _ => Ok(columns),
        }
    }

    fn classes(&self) -> impl Iterator<Item = &ClassName> {
        self.0.iter().filter_map(|c| match c {
            Column::Class(class) => Some(class),
            _ => None,
        })
    }

    fn row(&self, record: &CsvRow) -> Result<Row, RowProblem> {
        if record.open_quote {
            return Err(RowProblem::OpenQuote);
        }
        if record.cells.len() != self.0.len() {
            return Err(RowProblem::Cells {
                have: record.cells.len(),
                want: self.0.len(),
            });
        }
        let (mut name, mut contact, mut classes) = (None, None, Vec::new());
        for (column, cell) in self.0.iter().zip(record.cells.iter()) {
            match column {
                Column::Name => name = text("name", MAX_RECORD_NAME, cell)?,
                Column::Contact => contact = text("contact", MAX_CONTACT, cell)?,
                Column::Class(class) => {
                    if is_member(class, cell)? {
                        classes.push(class.clone());
                    }
                }
            }
        }
        classes.sort();
        Ok(Row {
            number: record.number,
            name: name.ok_or(RowProblem::NoName)?,
            contact,
            classes,
        })
    }
}

/// A trimmed cell of text, or nothing.
fn text(column: &'static str, max: usize, cell: &str) -> Result<Option<String>, RowProblem> {
    let cell = cell.trim();
    if cell.len() > max {
        return Err(RowProblem::TooLong {
            column,
            len: cell.len(),
            max,
        });
    }
    if let Some(character) = cell.chars().find(|c| is_deceptive(*c)) {
        return Err(RowProblem::Invisible { column, character });
    }
    Ok((!cell.is_empty()).then(|| cell.to_string()))
}

/// Characters that show nothing or reorder what is around them. With them, two names that look the same
/// are two people, or a printed list reads otherwise than it is. The joiners U+200C and U+200D stay:
/// names in several scripts are spelled with them.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

fn is_member(class: &ClassName, cell: &str) -> Result<bool, RowProblem> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" => Ok(true),
        "" | "0" | "no" | "false" => Ok(false),
        _ => Err(RowProblem::Membership {
            class: class.clone(),
            value: shorten(cell),
        }),
    }
}

/// Enough of a cell to find it again.
fn shorten(cell: &str) -> String {
    const KEEP: usize = 24;
    let mut short: String = cell.chars().take(KEEP).collect();
    if short.len() < cell.len() {
        short.push('…');
    }
    short
}

/// One row of the file as the CSV reader splits it.
struct CsvRow {
    number: usize,
    cells: csv::StringRecord,
    open_quote: bool,
}

/// The rows of a file with their numbers. The reader skips blank lines, a spreadsheet counts them.
struct Records<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    line: usize,
    at: usize,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        Self {
            bytes,
            reader,
            line: 1,
            at: 0,
        }
    }

    fn advance(&mut self, to: usize) {
        self.line += line_ends(self.bytes, self.at, to);
        self.at = to;
    }
}

impl Iterator for Records<'_> {
    type Item = CsvRow;

    fn next(&mut self) -> Option<CsvRow> {
        let blank = self
            .bytes
            .get(self.at..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        self.advance(self.at + blank);
        let number = self.line;
        let mut cells = csv::StringRecord::new();
        // The whole text is UTF-8, rows may have any length, and memory doesn't fail to read.
        if !self.reader.read_record(&mut cells).unwrap_or(false) {
            return None;
        }
        let end = (self.reader.position().byte() as usize).min(self.bytes.len());
        // The reader closes a forgotten quote at the end of the file. In a well-formed row they come in pairs.
        let raw = self.bytes.get(self.at..end).unwrap_or_default();
        let open_quote = raw.iter().filter(|b| **b == b'"').count() % 2 == 1;
        self.advance(end);
        Some(CsvRow {
            number,
            cells,
            open_quote,
        })
    }
}

/// Line ends of `bytes` that end in `from..to`: LF, CR LF or CR.
fn line_ends(bytes: &[u8], from: usize, to: usize) -> usize {
    let range = bytes.iter().enumerate().take(to).skip(from);
    range
        .filter(|(i, b)| **b == b'\n' || (**b == b'\r' && bytes.get(i + 1) != Some(&b'\n')))
        .count()
}

#[cfg(test)]
mod tests;
