//! What is read of a table, what is left out of it and why, and what is said of rows that can't be read.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tacit_detection::read::{
    self, BadRow, MAX_LINE, MAX_MS, MAX_NAME, ReadError, Reading, RowError, TOLD,
};
use tacit_detection::report::dispute;
use tacit_detection::votes::{Board, LeftOut, MemberId, Stance, TOLD_POSTS, Votes, escaped};

const HEADER: &str = "conv,vote_ms,voter,post,author,post_ms,vote\n";
const NOW: i64 = 1_000_000;

fn read(rows: &str) -> Reading {
    read::table(format!("{HEADER}{rows}").as_bytes(), NOW).unwrap()
}

fn refused(table: &[u8]) -> ReadError {
    read::table(table, NOW).unwrap_err()
}

fn bad(rows: &str) -> Vec<(u64, RowError)> {
    let reading = read(rows);
    assert_eq!(reading.bad_rows, reading.bad.len() as u64);
    reading
        .bad
        .into_iter()
        .map(|BadRow { line, why }| (line, why))
        .collect()
}

/// Everything of the votes by name, so that boards can be compared whatever their numbers are.
fn told(votes: &Votes) -> Vec<String> {
    let mut told = Vec::new();
    for board in votes.boards() {
        told.push(format!(
            "{} {} {}",
            board.name(),
            board.members(),
            board.posts()
        ));
        for vote in board.votes() {
            let post = board.post(vote.post);
            told.push(format!(
                "{} {} {} {} {} {} {:?}",
                board.name(),
                vote.at_ms,
                board.member_name(vote.member),
                board.post_name(vote.post),
                board.member_name(post.author),
                post.at_ms,
                vote.stance,
            ));
        }
    }
    told
}

/// As [`told`], with the numbers too.
fn numbered(votes: &Votes) -> Vec<String> {
    let mut told = told(votes);
    for board in votes.boards() {
        told.extend(
            board
                .votes()
                .iter()
                .map(|v| format!("{v:?} {:?}", board.post(v.post))),
        );
    }
    told
}

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
fn a_row_with_too_few_or_too_many_fields_is_told_with_its_line() {
    let fields = |found| RowError::Fields { found, expected: 7 };
    let rows = "c,20,ann,p,bob,10\nc,20,ann,p,bob,10,1\nc,20,ann,p,bob,10,1,1\n";
    assert_eq!(bad(rows), [(2, fields(6)), (4, fields(8))]);
}

#[test]
fn a_row_that_is_not_text_is_told_with_its_line() {
    let mut table = format!("{HEADER}c,20,ann,p,bob,10,1\n").into_bytes();
    table.extend(b"c,20,\xff\xfe,p,bob,10,1\n");
    let reading = read::table(table.as_slice(), NOW).unwrap();
    assert_eq!(
        reading.bad,
        [BadRow {
            line: 3,
            why: RowError::Text
        }]
    );
}

#[test]
fn times_that_are_no_whole_numbers_are_told_with_their_column() {
    let rows =
        "c,noon,ann,p,bob,10,1\nc,20,ann,p,bob,1.5,1\nc,,ann,p,bob,10,1\nc,20,ann,p,bob,-,1\n";
    let time = |column| RowError::Time { column };
    assert_eq!(
        bad(rows),
        [
            (2, time("vote_ms")),
            (3, time("post_ms")),
            (4, time("vote_ms")),
            (5, time("post_ms"))
        ]
    );
}

#[test]
fn times_of_no_year_that_we_count_are_told_with_their_column() {
    let years = |column| RowError::Years { column };
    for time in [-1, i64::MIN, MAX_MS + 1, i64::MAX] {
        assert_eq!(
            bad(&format!("c,{time},a,p,b,10,1\n")),
            [(2, years("vote_ms"))]
        );
        assert_eq!(
            bad(&format!("c,20,a,p,b,{time},1\n")),
            [(2, years("post_ms"))]
        );
    }
    let larger = "c,9223372036854775808,a,p,b,10,1\nc,-99999999999999999999999,a,p,b,10,1\n";
    assert_eq!(bad(larger), [(2, years("vote_ms")), (3, years("vote_ms"))]);
    let least_and_most = format!("{HEADER}c,{MAX_MS},a,p,b,0,1\n");
    let reading = read::table(least_and_most.as_bytes(), MAX_MS).unwrap();
    assert_eq!(
        (reading.bad_rows, reading.votes.boards()[0].votes().len()),
        (0, 1)
    );
}

#[test]
fn a_vote_other_than_one_nought_and_minus_one_is_told() {
    let rows = "c,20,ann,p,bob,10,2\nc,20,ann,p,bob,10,\nc,20,ann,p,bob,10,yes\n";
    assert_eq!(
        bad(rows),
        [
            (2, RowError::Vote),
            (3, RowError::Vote),
            (4, RowError::Vote)
        ]
    );
}

#[test]
fn an_empty_name_is_told_with_its_column() {
    let empty = |column| RowError::Empty { column };
    let rows = ",20,a,p,b,10,1\nc,20, ,p,b,10,1\nc,20,a,,b,10,1\nc,20,a,p,\"\",10,1\n";
    let expected = [(2, "conv"), (3, "voter"), (4, "post"), (5, "author")];
    assert_eq!(
        bad(rows),
        expected.map(|(line, column)| (line, empty(column)))
    );
}

#[test]
fn huge_numbers_are_names_like_others_and_names_that_are_too_long_are_told() {
    let (longest, longer) = ("9".repeat(MAX_NAME), "9".repeat(MAX_NAME + 1));
    let reading = read(&format!(
        "c,20,{longest},p,bob,10,1\nc,20,{longer},p,bob,10,1\n"
    ));
    assert!(told(&reading.votes)[1].contains(&longest));
    let why = RowError::Long {
        column: "voter",
        found: MAX_NAME + 1,
    };
    assert_eq!(reading.bad, [BadRow { line: 3, why }]);
}

#[test]
fn lines_are_those_of_an_editor() {
    // Empty lines, and either kind of line end.
    let rows = "c,20,ann,p,bob,10,1\n\n\nc,20,ann,p,bob,10,5\n\"c\",20,ann,p,bob,10,5\nc,20,ann,p,bob,10,7";
    let lines = |rows: &str| {
        bad(rows)
            .into_iter()
            .map(|(line, _)| line)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(rows), [5, 6, 7]);
    assert_eq!(lines(&rows.replace('\n', "\r\n")), [5, 6, 7]);
    assert_eq!(lines(&format!("{rows}\n")), [5, 6, 7]);
}

#[test]
fn a_stray_quotation_mark_takes_no_other_row_with_it() {
    let rows = "c,20,ann,p,bob,10,1\nc,20,\"eve,p,bob,10,1\nc,20,joe,p,bob,10,1\nc,20,\"sue\"x,p,bob,10,1\nc,20,\"kim\",p,bob,10,1\n";
    assert_eq!(bad(rows), [(3, RowError::Quote), (5, RowError::AfterQuote)]);
    let reading = read(rows);
    assert_eq!(
        (reading.rows, reading.votes.boards()[0].votes().len()),
        (5, 3)
    );
}

#[test]
fn a_line_that_is_too_long_is_told_and_passed_over() {
    let long = "9".repeat(MAX_LINE);
    let rows = format!("c,20,ann,p,bob,10,1\n\"{long}\nc,20,eve,p,bob,10,1\n");
    assert_eq!(bad(&rows), [(3, RowError::LongLine)]);
    assert_eq!(read(&rows).votes.boards()[0].votes().len(), 2);
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

#[test]
fn of_many_bad_rows_the_first_are_told_and_all_are_counted() {
    let reading = read(&"c,20,ann,p,bob,10,x\n".repeat(TOLD + 30));
    assert_eq!(
        (reading.bad.len(), reading.bad_rows),
        (TOLD, TOLD as u64 + 30)
    );
    assert_eq!(reading.bad.last().map(|b| b.line), Some(TOLD as u64 + 1));
}

#[test]
fn a_bad_row_takes_no_other_with_it() {
    let reading = read("c,20,ann,p,bob,10,x\nc,20,eve,p,bob,10,1\n");
    assert_eq!((reading.rows, reading.bad_rows), (2, 1));
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 eve p bob 10 Up"]);
}

#[test]
fn a_vote_for_ones_own_post_is_left_out() {
    let reading = read("c,10,bob,p,bob,10,1\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::OwnPost, 1)]
    );
    assert_eq!(told(&reading.votes), ["c 0 0"]);
}

#[test]
fn of_votes_on_the_same_post_the_last_one_counts() {
    let reading = read("c,30,ann,p,bob,10,-1\nc,20,ann,p,bob,10,1\nc,25,ann,p,bob,10,0\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::VotedAgain, 2)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 30 ann p bob 10 Down"]);
}

#[test]
fn of_votes_in_the_same_millisecond_the_one_that_supports_less_counts() {
    let votes = [
        "c,30,ann,p,bob,10,1\n",
        "c,30,ann,p,bob,10,-1\n",
        "c,30,ann,p,bob,10,0\n",
    ];
    for turn in 0..3 {
        let mut votes = votes;
        votes.rotate_left(turn);
        let reading = read(&votes.concat());
        assert_eq!(told(&reading.votes), ["c 2 1", "c 30 ann p bob 10 Down"]);
    }
}

#[test]
fn of_exact_duplicates_one_counts() {
    let reading = read(&"c,30,ann,p,bob,10,1\n".repeat(3));
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::VotedAgain, 2)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 30 ann p bob 10 Up"]);
}

#[test]
fn a_vote_before_its_post_is_left_out_and_one_in_its_moment_is_not() {
    let reading = read("c,9,ann,p,bob,10,1\nc,10,eve,p,bob,10,1\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::BeforePost, 1)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 10 eve p bob 10 Up"]);
}

#[test]
fn a_vote_in_the_future_is_left_out_and_one_now_is_not() {
    let rows = format!(
        "c,{},ann,p,bob,10,1\nc,{NOW},eve,p,bob,10,1\nc,{0},ann,q,bob,{0},1\n",
        NOW + 1
    );
    let reading = read(&rows);
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::Future, 2)]
    );
    assert_eq!(
        told(&reading.votes),
        ["c 2 1", &format!("c {NOW} eve p bob 10 Up")]
    );
}

#[test]
fn of_a_post_under_two_authors_or_at_two_times_no_row_counts_whichever_comes_first() {
    let rows = [
        "c,20,ann,p,bob,10,1\n",
        "c,30,eve,p,ann,10,1\n",
        "c,10,bob,p,bob,10,1\n",
        "c,30,eve,q,bob,11,1\n",
        "c,30,joe,q,bob,12,1\n",
        "c,40,joe,r,bob,12,1\n",
    ];
    for turn in 0..rows.len() {
        let mut rows = rows;
        rows.rotate_left(turn);
        let reading = read(&rows.concat());
        assert_eq!(
            reading.left_out.into_iter().collect::<Vec<_>>(),
            [(LeftOut::OtherPost, 5)]
        );
        assert_eq!(told(&reading.votes), ["c 2 1", "c 40 joe r bob 12 Up"]);
        let names: Vec<_> = reading
            .disputed
            .iter()
            .map(|d| (&*d.board, &*d.post))
            .collect();
        assert_eq!(names, [("c", "p"), ("c", "q")]);
        assert_eq!(reading.disputed_posts, 2);
    }
}

#[test]
fn a_vote_in_the_future_says_nothing_of_its_post() {
    let reading = read(&format!(
        "c,20,ann,p,bob,10,1\nc,{},eve,p,joe,11,1\n",
        NOW + 1
    ));
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
    assert_eq!(reading.disputed_posts, 0);
}

#[test]
fn of_many_disputed_posts_some_are_named_and_all_are_counted() {
    let post = |n: usize| format!("c,20,ann,p{n:03},bob,10,1\nc,20,ann,p{n:03},bob,11,1\n");
    let reading = read(&(0..TOLD_POSTS + 30).rev().map(post).collect::<String>());
    assert_eq!(reading.disputed_posts, TOLD_POSTS as u64 + 30);
    let names: Vec<String> = reading
        .disputed
        .iter()
        .map(|d| d.post.to_string())
        .collect();
    assert_eq!(
        names,
        (0..TOLD_POSTS)
            .map(|n| format!("p{n:03}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn whoever_has_no_row_that_counts_is_no_member() {
    // On its own post, before the post, in the future, on a disputed post, and unreadable.
    let rows = format!(
        "c,20,ann,p,bob,10,1\nc,20,m1,x,m1,10,1\nc,5,m2,p,bob,10,1\nc,{},m3,y,m4,10,1\nc,20,m5,z,m6,10,1\nc,20,m5,z,m7,10,1\nc,20,m8,w,m9,10,2\n",
        NOW + 1
    );
    let reading = read(&rows);
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
}

#[test]
fn boards_are_in_the_order_of_their_names_and_of_numbers_if_all_are() {
    let boards = |names: &[&str]| -> Vec<String> {
        let rows = names
            .iter()
            .map(|name| format!("{name},20,ann,p,bob,10,1\n"));
        let reading = read(&rows.collect::<String>());
        reading
            .votes
            .boards()
            .iter()
            .map(|b| b.name().to_owned())
            .collect()
    };
    assert_eq!(
        boards(&["10", "9", "0", "007", "7"]),
        ["0", "007", "7", "9", "10"]
    );
    let huge = "99999999999999999999999999999999999";
    assert_eq!(boards(&[huge, "2"]), ["2", huge]);
    assert_eq!(boards(&["b", "10", "9"]), ["10", "9", "b"]);
}

#[test]
fn no_two_members_have_the_same_id_and_none_reads_as_two() {
    let reading =
        read("a,20,b/c,p,bob,10,1\na/b,20,c,p,bob,10,1\n%2F,20,x y\u{202e}z,p,bob,10,1\n");
    let mut ids: Vec<String> = reading
        .votes
        .boards()
        .iter()
        .flat_map(|b| b.votes().iter().map(|v| b.id(v.member)))
        .collect();
    ids.sort();
    assert_eq!(ids, ["%252F/x%20y%E2%80%AEz", "a%2Fb/c", "a/b%2Fc"]);
    assert_eq!(escaped("12, 81"), "12%2C%2081");
    assert_eq!(escaped("plain-Ünïcode_1.2:3@"), "plain-Ünïcode_1.2:3@");
}

#[test]
fn votes_are_in_the_order_of_time_whatever_the_order_of_rows() {
    let reading = read("c,40,ann,p,bob,10,1\nc,20,eve,p,bob,10,1\nc,30,joe,p,bob,10,1\n");
    let board = &reading.votes.boards()[0];
    let times: Vec<i64> = board.votes().iter().map(|v| v.at_ms).collect();
    assert_eq!(times, [20, 30, 40]);
    let on: Vec<i64> = board
        .votes_on(board.votes()[0].post)
        .map(|v| v.at_ms)
        .collect();
    assert_eq!(on, times);
}

#[test]
fn a_span_of_a_board_is_the_board_of_its_rows() {
    let rows = [
        "c,20,ann,p,bob,10,1\n",
        "c,30,eve,q,sue,12,0\n",
        "c,31,ann,q,sue,12,-1\n",
        "c,40,joe,p,bob,10,1\n",
    ];
    let whole = read(&rows.concat());
    let board = &whole.votes.boards()[0];
    for (from, to, of) in [(20, 40, 0..3), (21, 32, 1..3), (0, i64::MAX, 0..4)] {
        let part = read(&rows[of].concat());
        let part = &part.votes.boards()[0];
        let within = board.within(from..to);
        assert_eq!(within.votes(), part.votes());
        let names = |b: &Board| {
            (0..b.members() as u32)
                .map(|m| b.id(MemberId(m)))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&within), names(part));
        assert_eq!(within.posts(), part.posts());
    }
    let (backwards_from, backwards_to) = (50, 20);
    assert_eq!(
        (
            board.within(41..60).members(),
            board.within(backwards_from..backwards_to).active()
        ),
        (0, 0)
    );
}

#[test]
fn without_a_voter_a_board_is_that_of_the_others_rows() {
    let rows = [
        "c,20,ann,p,bob,10,1\n",
        "c,30,eve,q,sue,12,0\n",
        "c,31,ann,q,sue,12,-1\n",
    ];
    let whole = read(&rows.concat());
    let board = &whole.votes.boards()[0];
    let others = board.of_voters(|m| board.member_name(m) != "ann");
    let expected = read(rows[1]);
    assert_eq!(others.votes(), expected.votes.boards()[0].votes());
    assert_eq!((others.members(), others.posts()), (2, 1));
}

#[test]
fn every_list_of_a_board_has_the_same_votes() {
    let reading = read(
        "c,40,ann,p,bob,10,1\nc,20,eve,p,bob,10,0\nc,30,bob,q,ann,12,1\nc,31,eve,q,ann,12,-1\n",
    );
    let board = &reading.votes.boards()[0];
    let mut count = 0;
    for vote in board.votes() {
        assert!(board.votes_of(vote.member).any(|v| v == vote));
        assert!(board.votes_on(vote.post).any(|v| v == vote));
        let author = board.post(vote.post).author;
        assert!(board.posts_by(author).any(|p| p == vote.post));
        count += usize::from(vote.stance == Stance::Up);
    }
    assert_eq!((count, board.active()), (2, 3));
}

/// Rows of votes on posts each of which has its author and time, two in each millisecond.
fn rows() -> impl Strategy<Value = Vec<(i64, u8, u8, i8)>> {
    prop::collection::vec((0..12_u8, 0..10_u8, -1..2_i8), 1..80).prop_map(|votes| {
        let numbered = (200_i64..).zip(votes);
        numbered
            .map(|(at, (voter, post, vote))| (at / 2, voter, post, vote))
            .collect()
    })
}

fn table(
    rows: &[(i64, u8, u8, i8)],
    member: impl Fn(u8) -> String,
    post: impl Fn(u8) -> String,
) -> String {
    let line = |(at, voter, on, vote): &(i64, u8, u8, i8)| {
        let (author, made) = (on % 5, 50 + i64::from(*on));
        format!(
            "c,{at},{},{},{},{made},{vote}\n",
            member(*voter),
            post(*on),
            member(author)
        )
    };
    rows.iter().map(line).collect()
}

/// Rows on few posts of few authors and times, so that most posts are disputed or have votes that don't count.
fn careless() -> impl Strategy<Value = Vec<String>> {
    let row = (0..3_u8, 0..6_u8, 0..6_u8, 0..8_u8, 0..12_u8, -1..2_i8);

    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let line = |(board, voter, on, lie, at, vote)| {
            let (author, made) = match lie {
                0_u8 => (7, 5),
                1 => (on % 3, 6),
                _ => (on % 3, 5),
            };
            let at: i64 = if at == 0 { NOW + 1 } else { i64::from(at) };
            format!("b{board},{at},m{voter},p{on},m{author},{made},{vote}\n")
        };
        rows.into_iter().map(line).collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn no_order_of_rows_that_contradict_each_other_changes_anything(
        (rows, shuffled) in careless().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let (one, other) = (read(&rows.concat()), read(&shuffled.concat()));
        prop_assert_eq!(numbered(&one.votes), numbered(&other.votes));
        prop_assert_eq!(&one.left_out, &other.left_out);
        prop_assert_eq!(one.disputed, other.disputed);
        let counted: usize = one.votes.boards().iter().map(|b| b.votes().len()).sum();
        prop_assert_eq!(counted as u64 + one.left_out.values().sum::<u64>(), one.rows);
    }

    #[test]
    fn the_order_of_rows_changes_nothing(mut votes in rows(), turn in 0..80_usize) {
        let straight = read(&table(&votes, |m| format!("m{m}"), |p| format!("p{p}")));
        let turn = turn % votes.len();
        votes.rotate_left(turn);
        votes.reverse();
        let other = read(&table(&votes, |m| format!("m{m}"), |p| format!("p{p}")));
        prop_assert_eq!(numbered(&straight.votes), numbered(&other.votes));
        prop_assert_eq!(straight.left_out, other.left_out);
    }

    #[test]
    fn names_change_nothing_but_names(votes in rows()) {
        // In the same order, so that members who first appear in the same millisecond stay in theirs.
        let one = read(&table(&votes, |m| format!("m{m:03}"), |p| format!("p{p:03}")));
        let other = read(&table(&votes, |m| format!("x{}", 7 * u32::from(m) + 1000), |p| format!("{}", 3 * u32::from(p) + 200)));
        let numbers = |votes: &Votes| {
            let boards = votes.boards().iter();
            boards.flat_map(|b| b.votes().iter().map(|v| (*v, b.post(v.post))).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        prop_assert_eq!(numbers(&one.votes), numbers(&other.votes));
    }

    #[test]
    fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read::table(bytes.as_slice(), NOW);
        let mut table = HEADER.as_bytes().to_vec();
        table.extend(&bytes);
        let _ = read::table(table.as_slice(), NOW);
    }
}

#[test]
fn the_voters_whose_rows_differ_from_most_of_a_disputed_post_are_named_in_whatever_order_rows_come()
{
    let rows = [
        "c,20,ann,p,bob,10,1",
        "c,21,eve,p,bob,10,1",
        "c,22,mal,p,mal,10,1",
        "c,23,mal,q,mal,10,1",
        "c,24,ann,q,bob,10,1",
        "c,25,eve,q,bob,10,0",
        "c,26,eve,even,bob,10,1",
        "c,27,zoe,even,ann,10,1",
        "c,28,zoe,fine,ann,10,1",
    ];
    for start in 0..rows.len() {
        let mut turned = rows.to_vec();
        turned.rotate_left(start);
        let reading = read(&(turned.join("\n") + "\n"));
        assert_eq!((reading.disputed_posts, reading.posts), (3, 4));
        let named: Vec<_> = reading
            .differing
            .iter()
            .map(|d| (&*d.voter, d.rows))
            .collect();
        assert_eq!(
            named,
            [("mal", 2)],
            "on a post with two equal sides nobody is"
        );
        let says = dispute(&reading);
        assert!(
            says[0].starts_with("3 posts (75 % of all) are in dispute"),
            "{says:?}"
        );
        assert!(
            says[1].starts_with("None of the 8 rows on them counts (89 % of all rows)"),
            "{says:?}"
        );
        assert!(
            says[2].ends_with("these voters: c/mal (2 rows)."),
            "{says:?}"
        );
    }
    assert!(dispute(&read(rows[8])).is_empty());
}
