//! Files and their headers: what is read of them, and what is refused as a whole.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tacit_detection::read::{BadRow, MAX_LINE, ReadError, Reading, RowError};

use super::{HEADER, NOW, numbered, read, refused, told};

#[test]
fn a_vote_is_read_with_its_post_and_its_author() {
    let reading = read("c,20,ann,p1,bob,10,1\nc,30,bob,p2,ann,15,-1\nc,40,eve,p2,ann,15,0\n");
    assert_eq!(
        told(&reading.votes),
        [
            "c 3 2",
            "c 20 ann p1 bob 10 Up",
            "c 30 bob p2 ann 15 Down",
            "c 40 eve p2 ann 15 Pass"
        ]
    );
    assert_eq!((reading.rows, reading.bad_rows), (3, 0));
    assert!(reading.left_out.is_empty());
}

#[test]
fn each_conversation_has_its_own_members_and_posts() {
    let reading = read("x,20,1,1,2,10,1\ny,20,2,1,1,5,1\n");
    assert_eq!(
        told(&reading.votes),
        ["x 2 1", "x 20 1 1 2 10 Up", "y 2 1", "y 20 2 1 1 5 Up"]
    );
}

#[test]
fn columns_stand_in_any_order_and_others_are_not_looked_at() {
    let table = "vote,note,author,post,voter,post_ms,vote_ms,conv\n+1,\"a, b\",bob,p,ann,10,20,c\n";
    let reading = read::table(table.as_bytes(), NOW).unwrap();
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
}

#[test]
fn a_byte_order_mark_blanks_and_carriage_returns_do_no_harm() {
    let header = HEADER.trim_end().replace(',', " ,");
    let table =
        format!("\u{feff}{header}\r\nc, 20 ,ann,p,bob,10,1\r\n\r\nc,30,eve,p,bob,10, 1 \r\n");
    let reading = read::table(table.as_bytes(), NOW).unwrap();
    assert_eq!((reading.rows, reading.bad_rows), (2, 0));
    assert_eq!(told(&reading.votes).len(), 3);
}

#[test]
fn a_gzipped_file_reads_as_a_plain_one() {
    let table = format!("{HEADER}c,20,ann,p,bob,10,1\nc,30,eve,p,bob,10,1\n");
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (
        folder.path().join("votes.csv"),
        folder.path().join("votes.csv.gz"),
    );
    std::fs::write(&plain, &table).unwrap();
    // Two members, as tools write that append.
    let mut bytes = Vec::new();
    for part in [&table[..60], &table[60..]] {
        let mut gz = GzEncoder::new(Vec::new(), Compression::default());
        gz.write_all(part.as_bytes()).unwrap();
        bytes.extend(gz.finish().unwrap());
    }
    std::fs::write(&packed, &bytes).unwrap();
    let mut read_bytes = 0;
    let from_packed = read::file(&packed, NOW, |count| read_bytes += count).unwrap();
    let from_plain = read::file(&plain, NOW, |_| {}).unwrap();
    assert_eq!(numbered(&from_packed.votes), numbered(&from_plain.votes));
    assert_eq!(from_packed.votes.boards()[0].votes().len(), 2);
    assert_eq!(read_bytes, bytes.len() as u64);
}

fn packed(table: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(table).unwrap();
    gz.finish().unwrap()
}

fn read_file(name: &str, bytes: &[u8]) -> Result<Reading, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    read::file(&path, NOW, |_| {})
}

#[test]
fn what_a_file_is_called_says_nothing_of_its_compression() {
    let table = format!("{HEADER}c,20,ann,p,bob,10,1\n");
    for (name, bytes) in [
        ("votes.csv.gz", table.clone().into_bytes()),
        ("votes.csv", packed(table.as_bytes())),
    ] {
        let reading = read_file(name, &bytes).unwrap();
        assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
    }
}

#[test]
fn a_compressed_file_that_is_cut_short_is_told_with_the_line() {
    let table = format!("{HEADER}c,20,ann,p,bob,10,1\nc,20,eve,p,bob,10,1");
    let bytes = packed(table.as_bytes());
    let error = read_file("votes.csv.gz", &bytes[..bytes.len() - 4]).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { line: 3 }), "{error}");
    assert_eq!(
        error.to_string(),
        "the compressed file is cut short or damaged at line 3"
    );
    let error = read_file("votes.csv.gz", &bytes[..5]).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { line: 1 }), "{error}");
}

#[test]
fn a_compressed_file_that_is_damaged_is_told_with_the_line() {
    let mut bytes = packed(format!("{HEADER}c,20,ann,p,bob,10,1\n").as_bytes());
    // Its checksum.
    let place = bytes.len() - 8;
    bytes[place] ^= 1;
    let error = read_file("votes.csv.gz", &bytes).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { line: 3 }), "{error}");
}

#[test]
fn files_that_are_no_text_are_said_so() {
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        b"PAR1\x15\x04\x15\x00,".as_slice(),
        b"PK\x03\x04\x00\x00",
        &utf16,
    ] {
        assert!(matches!(refused(bytes), ReadError::Binary), "{bytes:?}");
    }
}

#[test]
fn a_table_with_other_signs_between_its_fields_is_told_what_is_needed() {
    let error = refused(HEADER.replace(',', ";").as_bytes());
    assert!(matches!(error, ReadError::Column { column: "conv" }));
    assert!(
        error.to_string().ends_with("with commas between them"),
        "{error}"
    );
}

#[test]
fn a_header_that_is_no_row_is_told_why() {
    let error = refused(b"conv,\"vote_ms,voter,post,author,post_ms,vote\n");
    assert!(
        matches!(error, ReadError::Header(RowError::Quote)),
        "{error}"
    );
    let error = refused("x".repeat(MAX_LINE + 1).as_bytes());
    assert!(
        matches!(error, ReadError::Header(RowError::LongLine)),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let error = read::file("/nowhere/votes.csv".as_ref(), NOW, |_| {}).unwrap_err();
    assert!(matches!(error, ReadError::Io(_)), "{error}");
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    for nothing in ["", "\n", "\r\n\n", "\u{feff}"] {
        assert!(
            matches!(refused(nothing.as_bytes()), ReadError::Empty),
            "{nothing:?}"
        );
    }
}

#[test]
fn a_header_alone_has_no_votes_and_no_faults() {
    let reading = read("");
    assert_eq!(
        (reading.rows, reading.bad_rows, reading.votes.boards().len()),
        (0, 0, 0)
    );
}

#[test]
fn a_missing_column_is_named() {
    for column in [
        "conv", "vote_ms", "voter", "post", "author", "post_ms", "vote",
    ] {
        let header: Vec<&str> = HEADER.trim().split(',').filter(|c| *c != column).collect();
        match refused(header.join(",").as_bytes()) {
            ReadError::Column { column: named } => assert_eq!(named, column),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_column_that_stands_twice_is_named() {
    let error = refused(b"conv,vote_ms,voter,post,author,post_ms,vote,voter\n");
    assert!(
        matches!(error, ReadError::Twice { column: "voter" }),
        "{error}"
    );
}

#[test]
fn a_file_of_one_field_that_never_ends_is_passed_over() {
    // Sixty-four megabytes in some sixty thousand bytes: what is held is one line.
    let field = vec![b'x'; 1 << 20];
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(format!("{HEADER}\"").as_bytes()).unwrap();
    for _ in 0..64 {
        gz.write_all(&field).unwrap();
    }
    let reading = read_file("votes.csv.gz", &gz.finish().unwrap()).unwrap();
    let why = RowError::LongLine;
    assert_eq!(reading.bad, [BadRow { line: 2, why }]);
}
