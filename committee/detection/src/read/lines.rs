//! Lines of a file, and the fields of a line.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use super::{MAX_LINE, RowError};

/// A file by lines, of which it holds one, and no more than [`MAX_LINE`] bytes of it.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    whole: u64,
    ended: bool,
}

/// What comes next.
pub(super) enum Next<'a> {
    /// A line without its end.
    Line(&'a [u8]),
    /// A line that is too long, and was passed over.
    Long,
    /// No more lines.
    End,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(1 << 18, from),
            line: Vec::new(),
            whole: 0,
            ended: false,
        }
    }

    /// The number of the line that was given last, or, after an error, of the one that could not be had.
    pub(super) fn number(&self) -> u64 {
        self.whole + u64::from(!self.ended)
    }

    /// The next line. Its number is told until the next call.
    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        self.ended = false;
        let (mut some, mut long) = (false, false);
        loop {
            let bytes = match self.from.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let piece = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
            let last = end.is_some() || bytes.is_empty();
            some |= !bytes.is_empty();
            long |= self.line.len() + piece.len() > MAX_LINE;
            if !long {
                self.line.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.from.consume(used);
            if last {
                break;
            }
        }
        if !some {
            return Ok(Next::End);
        }
        self.whole += 1;
        self.ended = true;
        if long {
            return Ok(Next::Long);
        }
        let line = self.line.as_slice();
        Ok(Next::Line(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// The fields of a line (RFC 4180, without line ends in fields): up to the next comma, or in quotation marks,
/// of which two stand for one. Ends after the first error.
pub(super) struct Fields<'a>(Option<&'a [u8]>);

impl<'a> Fields<'a> {
    pub(super) fn of(line: &'a [u8]) -> Self {
        Self(Some(line))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Cow<'a, [u8]>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.take()?;
        if let Some(quoted) = rest.trim_ascii_start().strip_prefix(b"\"") {
            let (field, after) = match unquoted(quoted) {
                Ok(found) => found,
                Err(why) => return Some(Err(why)),
            };
            self.0 = after;
            return Some(Ok(field));
        }
        let end = rest.iter().position(|byte| *byte == b',');
        match end.and_then(|end| rest.split_at_checked(end)) {
            Some((field, after)) => {
                self.0 = after.get(1..);
                Some(Ok(Cow::Borrowed(field)))
            }
            None => Some(Ok(Cow::Borrowed(rest))),
        }
    }
}

/// A field, and what follows its comma.
type Parted<'a> = (Cow<'a, [u8]>, Option<&'a [u8]>);

/// Of what comes after an opening quotation mark.
fn unquoted(text: &[u8]) -> Result<Parted<'_>, RowError> {
    let mut field = Cow::Borrowed(&[][..]);
    let mut rest = text;
    loop {
        let mark = rest.iter().position(|byte| *byte == b'"');
        let (piece, after) = mark
            .and_then(|mark| rest.split_at_checked(mark))
            .ok_or(RowError::Quote)?;
        let after = after.get(1..).unwrap_or_default();
        match (&mut field, after.strip_prefix(b"\"")) {
            (_, Some(after)) => {
                let field = field.to_mut();
                field.extend_from_slice(piece);
                field.push(b'"');
                rest = after;
            }
            (Cow::Owned(field), None) => field.extend_from_slice(piece),
            (Cow::Borrowed(field), None) => *field = piece,
        }
        if !after.starts_with(b"\"") {
            let after = after.trim_ascii_start();
            return match after.strip_prefix(b",") {
                Some(after) => Ok((field, Some(after))),
                None if after.is_empty() => Ok((field, None)),
                None => Err(RowError::AfterQuote),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, RowError> {
        Fields::of(line.as_bytes())
            .map(|field| field.map(|f| String::from_utf8(f.into_owned()).unwrap()))
            .collect()
    }

    #[test]
    fn fields_are_split_at_commas_outside_of_quotation_marks() {
        for (line, expected) in [
            ("", vec![""]),
            (",", vec!["", ""]),
            ("a,b", vec!["a", "b"]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"\",\"\"", vec!["", ""]),
            ("\"a\"\"b\"\"\",c", vec!["a\"b\"", "c"]),
            (" \"a\" , b", vec!["a", " b"]),
            ("a\"b,c", vec!["a\"b", "c"]),
        ] {
            assert_eq!(fields(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn quotation_marks_that_stay_open_or_close_early_are_refused() {
        for line in ["\"", "a,\"b,c", "\"a\"\"", "a,\"b\"\","] {
            assert_eq!(fields(line), Err(RowError::Quote), "{line}");
        }
        assert_eq!(fields("\"a\"b,c"), Err(RowError::AfterQuote));
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_whole() {
        let long = "x".repeat(MAX_LINE + 1);
        let text = format!("a\n{long}\n{}\r\nb", &long[1..]);
        let mut lines = Lines::new(text.as_bytes());
        let mut told = Vec::new();
        loop {
            let length = match lines.next().unwrap() {
                Next::Line(line) => Some(line.len()),
                Next::Long => None,
                Next::End => break,
            };
            told.push((lines.number(), length));
        }
        // A carriage return counts as a byte of its line.
        assert_eq!(told, [(1, Some(1)), (2, None), (3, None), (4, Some(1))]);
        assert!(lines.line.capacity() <= 2 * MAX_LINE);
    }

    proptest! {
        /// The library reads what it can: it takes an open quotation mark to the end for closed.
        #[test]
        fn fields_are_those_that_a_library_finds(line in "[ab\",]{0,16}") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let mut record = csv::ByteRecord::new();
            let some = reader.read_byte_record(&mut record).unwrap();
            if let (true, Ok(fields)) = (some, fields(&line)) {
                let theirs: Vec<String> = record.iter().map(|f| String::from_utf8(f.to_vec()).unwrap()).collect();
                prop_assert_eq!(fields, theirs);
            }
        }
    }
}
