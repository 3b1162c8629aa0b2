//! What is read of a table, what is left out of it and why, and what is said of rows that can't be read.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tacit_detection::read::{self, BadRow, MAX_NAME, ReadError, Reading, RowError, TOLD};
use tacit_detection::votes::{LeftOut, Stance, Votes};

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
    std::fs::write(&packed, &bytes[..bytes.len() - 12]).unwrap();
    assert!(matches!(
        read::file(&packed, NOW, |_| {}),
        Err(ReadError::Io(_))
    ));
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
        "c,noon,ann,p,bob,10,1\nc,20,ann,p,bob,1.5,1\nc,9223372036854775808,ann,p,bob,10,1\n";
    let time = |column| RowError::Time { column };
    assert_eq!(
        bad(rows),
        [
            (2, time("vote_ms")),
            (3, time("post_ms")),
            (4, time("vote_ms"))
        ]
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
    // Empty lines, fields with line ends of their own, and either kind of line end.
    let rows = "c,20,ann,p,bob,10,1\n\n\nc,20,ann,p,bob,10,5\n\"c\nd\",20,ann,p,bob,10,5\nc,20,ann,p,bob,10,7";
    let lines = |rows: &str| {
        bad(rows)
            .into_iter()
            .map(|(line, _)| line)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(rows), [5, 6, 8]);
    assert_eq!(lines(&rows.replace('\n', "\r\n")), [5, 6, 8]);
    assert_eq!(lines(&format!("{rows}\n")), [5, 6, 8]);
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
fn a_vote_for_ones_own_post_is_left_out_and_the_post_is_known() {
    let reading = read("c,10,bob,p,bob,10,1\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::OwnPost, 1)]
    );
    assert_eq!(told(&reading.votes), ["c 1 1"]);
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
fn times_at_the_ends_of_the_scale_do_no_harm() {
    let reading = read(&format!(
        "c,{},ann,p,bob,{},1\nc,0,eve,p,bob,{1},1\n",
        i64::MIN,
        i64::MIN
    ));
    assert_eq!(reading.votes.boards()[0].votes().len(), 2);
}

#[test]
fn a_post_under_another_author_or_at_another_time_is_left_out() {
    let rows = "c,20,ann,p,bob,10,1\nc,30,eve,p,ann,10,1\nc,30,eve,p,bob,11,1\n";
    let reading = read(rows);
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::OtherPost, 2)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
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

proptest! {
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
