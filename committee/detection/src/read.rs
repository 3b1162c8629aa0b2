//! Reads votes from a table, and says which of its rows don't count, and why.
//!
//! The table is CSV, plain or gzipped, with a header that names the columns `conv`, `vote_ms`, `voter`,
//! `post`, `author`, `post_ms` and `vote`, in any order; others are not looked at. Times are milliseconds
//! since 1970 in UTC. A vote is 1 (for), 0 (neither) or -1 (against). Everything else is opaque text.
//!
//! A row is a line, and what is wrong with one must never reach another: a field in quotation marks ends on
//! its line. However large or broken a file is, no more than one line of it is held.

mod lines;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::votes::{Builder, Differing, Disputed, LeftOut, Row, Stance, Votes};
use crate::words::counted;
use lines::{Fields, Lines, Next};

/// Bytes of a pseudonym or of the name of a board or post at most.
pub const MAX_NAME: usize = 128;
/// Bytes of a line at most.
pub const MAX_LINE: usize = 64 << 10;
/// Rows of a table at most: members, two in a row, are numbered with 32 bits.
pub const MAX_ROWS: u64 = 1 << 30;
/// The end of the year 9999, in milliseconds since 1970. Times are from 0 to this, so that differences of
/// any two can be added up without a thought.
pub const MAX_MS: i64 = 253_402_300_799_999;
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
    /// The first of the posts whose rows don't agree about author and time, which all count as
    /// [`LeftOut::OtherPost`].
    pub disputed: Vec<Disputed>,
    /// How many such posts there are.
    pub disputed_posts: u64,
    /// Posts in all.
    pub posts: u64,
    /// The first of the voters under whose names the rows stand that differ from most of a disputed post's.
    pub differing: Vec<Differing>,
    /// How many such voters there are.
    pub differing_voters: u64,
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
    #[error("it has {} and the header has {expected}", counted(*.found as u64, "field"))]
    Fields {
        /// In the row.
        found: usize,
        /// In the header.
        expected: usize,
    },
    /// More than [`MAX_LINE`] bytes.
    #[error("it has more than {MAX_LINE} bytes")]
    LongLine,
    /// A field that begins with a quotation mark, and none ends it.
    #[error("a quotation mark isn't closed on its line")]
    Quote,
    /// A field that goes on after it was closed.
    #[error("text stands between a closing quotation mark and the next comma")]
    AfterQuote,
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    Text,
    /// A time that is no whole number of milliseconds.
    #[error("{column} is no time in milliseconds")]
    Time {
        /// Which.
        column: &'static str,
    },
    /// A time before 1970 or after 9999.
    #[error("{column} is not between the years 1970 and 9999")]
    Years {
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
    /// The file.
    #[error("the votes could not be read: {0}")]
    Io(#[from] io::Error),
    /// The compression.
    #[error("the compressed file is cut short or damaged at line {line}")]
    Damaged {
        /// The line that could not be had whole; the header is line 1.
        line: u64,
    },
    /// Something else than text.
    #[error("this is no text; a table of comma-separated values is needed, plain or gzipped")]
    Binary,
    /// A header that is no row.
    #[error("the header can't be read: {0}")]
    Header(RowError),
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A header without a column that is needed.
    #[error(
        "the header has no column {column}; it needs conv, vote_ms, voter, post, author, post_ms and vote, with commas between them"
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

/// Reads a file, gzipped or not, whatever its name.
///
/// # Errors
/// [`ReadError`], if it isn't such a table. A row that can't be read is no error; see [`Reading::bad`].
pub fn file(path: &Path, now_ms: i64, on_bytes: impl FnMut(u64)) -> Result<Reading, ReadError> {
    stream(File::open(path)?, now_ms, on_bytes)
}

/// As [`file`], of what comes from elsewhere, such as a pipe.
///
/// # Errors
/// As [`file`].
pub fn stream(
    from: impl Read,
    now_ms: i64,
    on_bytes: impl FnMut(u64),
) -> Result<Reading, ReadError> {
    let mut file = BufReader::with_capacity(1 << 20, Counted(from, on_bytes));
    if !file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return table(file, now_ms);
    }
    let mut lines = Lines::new(MultiGzDecoder::new(file));
    rows(&mut lines, now_ms).map_err(|error| match error {
        ReadError::Io(error) if of_compression(&error) => ReadError::Damaged {
            line: lines.number(),
        },
        other => other,
    })
}

/// As the decoder says it, and no file does.
fn of_compression(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Tells how many bytes were read.
struct Counted<R, F>(R, F);

impl<R: Read, F: FnMut(u64)> Read for Counted<R, F> {
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
    rows(&mut Lines::new(from), now_ms)
}

fn rows<R: Read>(lines: &mut Lines<R>, now_ms: i64) -> Result<Reading, ReadError> {
    let header = Header::read(lines)?;
    let mut builder = Builder::default();
    let mut reading = Reading {
        votes: Votes::default(),
        rows: 0,
        left_out: BTreeMap::new(),
        disputed: Vec::new(),
        disputed_posts: 0,
        posts: 0,
        differing: Vec::new(),
        differing_voters: 0,
        bad: Vec::new(),
        bad_rows: 0,
    };
    loop {
        let parsed = match lines.next()? {
            Next::End => break,
            Next::Line(line) if line.trim_ascii().is_empty() => continue,
            Next::Line(line) => header.row(line),
            Next::Long => Err(RowError::LongLine),
        };
        // What is left out is counted at the end.
        let pushed = parsed.and_then(|cells| {
            let _ = builder.push(cells.row()?, now_ms);
            Ok(())
        });
        reading.rows += 1;
        if reading.rows > MAX_ROWS {
            return Err(ReadError::Rows);
        }
        if let Err(why) = pushed {
            reading.bad_rows += 1;
            if reading.bad.len() < TOLD {
                let line = lines.number();
                reading.bad.push(BadRow { line, why });
            }
        }
    }
    let (votes, omitted) = builder.finish();
    reading.votes = votes;
    reading.left_out = omitted.rows;
    reading.disputed = omitted.disputed;
    reading.disputed_posts = omitted.disputed_posts;
    reading.posts = omitted.posts;
    reading.differing = omitted.differing;
    reading.differing_voters = omitted.differing_voters;
    Ok(reading)
}

/// What stands where in a row.
struct Header {
    /// Fields of a row.
    fields: usize,
    /// Where each of [`COLUMNS`] stands.
    places: [usize; 7],
}

/// The fields of a row that are looked at, in the order of [`COLUMNS`].
struct Cells<'a>([Cow<'a, [u8]>; 7]);

impl Header {
    /// The first line that isn't empty.
    fn read<R: Read>(lines: &mut Lines<R>) -> Result<Self, ReadError> {
        let mut first = true;
        loop {
            let line = match lines.next()? {
                Next::End => return Err(ReadError::Empty),
                Next::Long => return Err(ReadError::Header(RowError::LongLine)),
                Next::Line(line) => line,
            };
            let marked = line.strip_prefix("\u{feff}".as_bytes());
            let line = marked.filter(|_| first).unwrap_or(line);
            first = false;
            if !line.trim_ascii().is_empty() {
                return Self::of(line);
            }
        }
    }

    fn of(line: &[u8]) -> Result<Self, ReadError> {
        if line.contains(&0) || std::str::from_utf8(line).is_err() {
            return Err(ReadError::Binary);
        }
        let mut found = Vec::new();
        for field in Fields::of(line) {
            found.push(field.map_err(ReadError::Header)?);
        }
        let mut places = [0; 7];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let names = found.iter().enumerate();
            let mut these = names.filter(|(_, name)| name.trim_ascii() == column.as_bytes());
            *place = these.next().ok_or(ReadError::Column { column })?.0;
            if these.next().is_some() {
                return Err(ReadError::Twice { column });
            }
        }
        let fields = found.len();
        Ok(Self { fields, places })
    }

    fn row<'a>(&self, line: &'a [u8]) -> Result<Cells<'a>, RowError> {
        let mut cells = Cells(Default::default());
        let mut found = 0;
        for field in Fields::of(line) {
            let field = field?;
            let column = self.places.iter().position(|place| *place == found);
            if let Some(cell) = column.and_then(|column| cells.0.get_mut(column)) {
                *cell = field;
            }
            found += 1;
        }
        let expected = self.fields;
        if found == expected {
            Ok(cells)
        } else {
            Err(RowError::Fields { found, expected })
        }
    }
}

impl Cells<'_> {
    fn row(&self) -> Result<Row<'_>, RowError> {
        let [board, vote_ms, voter, post, author, post_ms, vote] = &self.0;
        Ok(Row {
            board: name(board, COLUMNS[0])?,
            vote_ms: time(vote_ms, COLUMNS[1])?,
            voter: name(voter, COLUMNS[2])?,
            post: name(post, COLUMNS[3])?,
            author: name(author, COLUMNS[4])?,
            post_ms: time(post_ms, COLUMNS[5])?,
            stance: match text(vote)? {
                "1" | "+1" => Stance::Up,
                "0" => Stance::Pass,
                "-1" => Stance::Down,
                _ => return Err(RowError::Vote),
            },
        })
    }
}

fn text(cell: &[u8]) -> Result<&str, RowError> {
    let text = std::str::from_utf8(cell).map_err(|_| RowError::Text)?;
    Ok(text.trim())
}

fn name<'a>(cell: &'a [u8], column: &'static str) -> Result<&'a str, RowError> {
    let text = text(cell)?;
    match text.len() {
        0 => Err(RowError::Empty { column }),
        1..=MAX_NAME => Ok(text),
        found => Err(RowError::Long { column, found }),
    }
}

fn time(cell: &[u8], column: &'static str) -> Result<i64, RowError> {
    let text = text(cell)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RowError::Time { column });
    }
    // A number that is too large to be one of 64 bits is a time too, and out of any year.
    let years = text.parse().ok().filter(|ms| (0..=MAX_MS).contains(ms));
    years.ok_or(RowError::Years { column })
}
