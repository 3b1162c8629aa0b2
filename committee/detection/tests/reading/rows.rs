//! Rows that can't be read: each is told with its line, and takes no other with it.

use tacit_detection::read::{BadRow, MAX_LINE, MAX_MS, MAX_NAME, RowError, TOLD};

use super::{HEADER, NOW, bad, read, told};

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
