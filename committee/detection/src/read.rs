//! Reads votes from a table, and says which of its rows don't count, and why.
//!
//! The table is CSV, plain or gzipped, with a header that names the columns `conv`, `vote_ms`, `voter`,
//! `post`, `author`, `post_ms` and `vote`, in any order; others are not looked at. Times are milliseconds
//! since 1970 in UTC. A vote is 1 (for), 0 (neither) or -1 (against). Everything else is opaque text.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::votes::{Builder, LeftOut, Row, Stance, Votes};

/// Bytes of a pseudonym or of the name of a board or post at most.
pub const MAX_NAME: usize = 128;
/// Rows of a table at most: the indices of votes have 32 bits.
pub const MAX_ROWS: u64 = 1 << 31;
/// Bad rows that are told one by one; of the others only the number.
pub const TOLD: usize = 20;
const COLUMNS: [&str; 7] = [
    "conv", "vote_ms", "voter", "post", "author", "post_ms", "vote",
];

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// The votes that count.
    pub votes: Votes,
    /// Rows of the table, without its header.
    pub rows: u64,
    /// Good rows that don't count, by reason.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Rows that could not be read: the first [`TOLD`] of them.
    pub bad: Vec<BadRow>,
    /// How many rows could not be read.
    pub bad_rows: u64,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its line in the file; the header is line 1.
    pub line: u64,
    /// What is wrong.
    pub why: RowError,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Too few or too many fields.
    #[error("it has {found} fields and the header has {expected}")]
    Fields {
        /// In the row.
        found: usize,
        /// In the header.
        expected: usize,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    Text,
    /// A time that is no whole number of milliseconds.
    #[error("{column} is no time in milliseconds")]
    Time {
        /// Which.
        column: &'static str,
    },
    /// A vote that is none.
    #[error("vote is not 1, 0 or -1")]
    Vote,
    /// Nothing where a name must stand.
    #[error("{column} is empty")]
    Empty {
        /// Which.
        column: &'static str,
    },
    /// A name that is too long.
    #[error("{column} has {found} bytes; {MAX_NAME} are allowed")]
    Long {
        /// Which.
        column: &'static str,
        /// Its bytes.
        found: usize,
    },
}

/// Why a table could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file, or its compression.
    #[error("the votes could not be read: {0}")]
    Io(#[from] io::Error),
    /// Not a table.
    #[error("this is no table of comma-separated values: {0}")]
    Table(String),
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A header without a column that is needed.
    #[error(
        "the header has no column {column}; it needs conv, vote_ms, voter, post, author, post_ms and vote"
    )]
    Column {
        /// Which.
        column: &'static str,
    },
    /// A column twice.
    #[error("the header has the column {column} twice")]
    Twice {
        /// Which.
        column: &'static str,
    },
    /// Too many rows.
    #[error("the table has more than {MAX_ROWS} rows; split it by conv")]
    Rows,
}

/// Reads a file, gzipped or not.
///
/// # Errors
/// [`ReadError`], if it isn't such a table. A row that can't be read is no error; see [`Reading::bad`].
pub fn file(path: &Path, now_ms: i64, on_bytes: impl FnMut(u64)) -> Result<Reading, ReadError> {
    let mut file = BufReader::with_capacity(1 << 20, Counted(File::open(path)?, on_bytes));
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        table(MultiGzDecoder::new(file), now_ms)
    } else {
        table(file, now_ms)
    }
}

/// Tells how many bytes were read of a file.
struct Counted<F>(File, F);

impl<F: FnMut(u64)> Read for Counted<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(into)?;
        (self.1)(count as u64);
        Ok(count)
    }
}

/// Reads a table.
///
/// # Errors
/// As [`file`].
pub fn table(from: impl Read, now_ms: i64) -> Result<Reading, ReadError> {
    // Lines end at \n alone, and the last one does too, so that the reader's count of lines is that of the
    // line after the row; a \r before it is trimmed with the field.
    let mut rows = csv::ReaderBuilder::new()
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .buffer_capacity(1 << 18)
        .from_reader(from.chain(&b"\n"[..]));
    let header = rows.byte_headers().map_err(of_csv)?.clone();
    if header.as_slice().trim_ascii().is_empty() {
        return Err(ReadError::Empty);
    }
    let places = places(&header)?;
    let mut builder = Builder::default();
    let mut reading = Reading {
        votes: Votes::default(),
        rows: 0,
        left_out: BTreeMap::new(),
        bad: Vec::new(),
        bad_rows: 0,
    };
    let mut record = csv::ByteRecord::new();
    while rows.read_byte_record(&mut record).map_err(of_csv)? {
        if record.len() == 1 && record.as_slice().trim_ascii().is_empty() {
            continue;
        }
        reading.rows += 1;
        if reading.rows > MAX_ROWS {
            return Err(ReadError::Rows);
        }
        match row(&record, &places, header.len()) {
            Ok(row) => {
                if let Err(why) = builder.push(row, now_ms) {
                    *reading.left_out.entry(why).or_default() += 1;
                }
            }
            Err(why) => {
                reading.bad_rows += 1;
                if reading.bad.len() < TOLD {
                    let inside = record
                        .as_slice()
                        .iter()
                        .filter(|byte| **byte == b'\n')
                        .count();
                    let line = rows.position().line().saturating_sub(1 + inside as u64);
                    reading.bad.push(BadRow { line, why });
                }
            }
        }
    }
    let (votes, again) = builder.finish();
    reading.votes = votes;
    if again > 0 {
        reading.left_out.insert(LeftOut::VotedAgain, again);
    }
    Ok(reading)
}

fn of_csv(error: csv::Error) -> ReadError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ReadError::Io(error),
        other => ReadError::Table(format!("{other:?}")),
    }
}

/// Where each of [`COLUMNS`] stands.
fn places(header: &csv::ByteRecord) -> Result<[usize; 7], ReadError> {
    let mut places = [0; 7];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let name = |field: &[u8]| {
            field
                .trim_ascii()
                .strip_prefix("\u{feff}".as_bytes())
                .unwrap_or(field.trim_ascii())
                == column.as_bytes()
        };
        let mut found = header.iter().enumerate().filter(|(_, field)| name(field));
        *place = found.next().ok_or(ReadError::Column { column })?.0;
        if found.next().is_some() {
            return Err(ReadError::Twice { column });
        }
    }
    Ok(places)
}

fn row<'a>(
    record: &'a csv::ByteRecord,
    places: &[usize; 7],
    expected: usize,
) -> Result<Row<'a>, RowError> {
    let found = record.len();
    if found != expected {
        return Err(RowError::Fields { found, expected });
    }
    let text = |n: usize| -> Result<&'a str, RowError> {
        let place = places.get(n).copied().unwrap_or(usize::MAX);
        let bytes = record.get(place).unwrap_or_default();
        Ok(std::str::from_utf8(bytes)
            .map_err(|_| RowError::Text)?
            .trim())
    };
    let name = |n: usize, column| {
        let text = text(n)?;
        match text.len() {
            0 => Err(RowError::Empty { column }),
            1..=MAX_NAME => Ok(text),
            found => Err(RowError::Long { column, found }),
        }
    };
    let time = |n: usize, column| {
        text(n)?
            .parse::<i64>()
            .map_err(|_| RowError::Time { column })
    };
    let [_, vote_ms, _, _, _, post_ms, _] = COLUMNS;
    Ok(Row {
        board: name(0, COLUMNS[0])?,
        vote_ms: time(1, vote_ms)?,
        voter: name(2, COLUMNS[2])?,
        post: name(3, COLUMNS[3])?,
        author: name(4, COLUMNS[4])?,
        post_ms: time(5, post_ms)?,
        stance: match text(6)? {
            "1" | "+1" => Stance::Up,
            "0" => Stance::Pass,
            "-1" => Stance::Down,
            _ => return Err(RowError::Vote),
        },
    })
}
