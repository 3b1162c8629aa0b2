use super::*;

fn class(name: &str) -> ClassName {
    ClassName::new(name).unwrap()
}

fn bad(text: &str) -> Vec<(usize, RowProblem)> {
    match Roster::parse(text.as_bytes()) {
        Err(RosterError::Rows(rows, _)) => rows.into_iter().map(|r| (r.row, r.problem)).collect(),
        other => panic!("expected bad rows, got {other:?}"),
    }
}

#[test]
fn a_roster_reads_as_a_spreadsheet_saves_it() {
    let text = "\u{FEFF}Name, contact ,senators,board\r\n\
                Ada Lovelace,ada@example.org,yes,\r\n\
                \r\n\
                \"Tubman, Harriet\",,TRUE,1\r\n\
                \"Dwayne \"\"The Rock\"\" Johnson\", +1 555 ,No,0\r\n\
                李小龍,,false,";
    let roster = Roster::parse(text.as_bytes()).unwrap();
    assert_eq!(roster.classes, [class("board"), class("senators")]);
    let rows: Vec<_> = roster
        .rows
        .iter()
        .map(|r| {
            (
                r.number,
                r.name.as_str(),
                r.contact.as_deref(),
                r.classes.iter().map(ClassName::as_str).collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (2, "Ada Lovelace", Some("ada@example.org"), vec!["senators"]),
            (4, "Tubman, Harriet", None, vec!["board", "senators"]),
            (5, "Dwayne \"The Rock\" Johnson", Some("+1 555"), vec![]),
            (6, "李小龍", None, vec![]),
        ]
    );
}

#[test]
fn a_roster_that_is_written_reads_back() {
    let text =
        "name,senators,contact,board\n\"Tubman, Harriet\",1,h@x,\nDwayne \"Rock\" Johnson,,,yes\n";
    let roster = Roster::parse(text.as_bytes()).unwrap();
    assert_eq!(Roster::parse(&roster.to_csv()).unwrap(), roster);
}

#[test]
fn a_name_column_is_all_that_a_roster_needs() {
    let roster = Roster::parse(b"name\nAda\nBob\n").unwrap();
    assert_eq!(roster.rows.len(), 2);
    assert!(roster.classes.is_empty());
}

#[test]
fn a_contact_never_enters_the_record() {
    let roster = Roster::parse(b"name,contact,senators\nAda,ada@example.org,1\n").unwrap();
    let record = roster.rows[0].record();
    assert_eq!(
        (record.name.as_str(), record.classes),
        ("Ada", vec![class("senators")])
    );
    assert!(!format!("{:?}", roster.rows[0]).contains("Ada"));
}

#[test]
fn every_kind_of_bad_row_is_refused_with_its_number() {
    let long = "x".repeat(257);
    let cases: Vec<(String, usize, RowProblem)> = vec![
        (
            "name,contact\nAda,a@x\n,b@x\n".into(),
            3,
            RowProblem::NoName,
        ),
        (
            "name,contact\nAda,a@x\n   ,b@x\n".into(),
            3,
            RowProblem::NoName,
        ),
        (
            "name,contact\nAda\n".into(),
            2,
            RowProblem::Cells { have: 1, want: 2 },
        ),
        (
            "name,contact\nAda,a@x,1\n".into(),
            2,
            RowProblem::Cells { have: 3, want: 2 },
        ),
        (
            "name\n\n\nAda,\n".into(),
            4,
            RowProblem::Cells { have: 2, want: 1 },
        ),
        (
            format!("name\nAda\n{long}\n"),
            3,
            RowProblem::TooLong {
                column: "name",
                len: 257,
                max: 256,
            },
        ),
        (
            format!("name,contact\nAda,{long}{long}\n"),
            2,
            RowProblem::TooLong {
                column: "contact",
                len: 514,
                max: 320,
            },
        ),
        (
            "name,board\nAda,maybe\n".into(),
            2,
            RowProblem::Membership {
                class: class("board"),
                value: "maybe".into(),
            },
        ),
        (
            "name,board\nAda,2\n".into(),
            2,
            RowProblem::Membership {
                class: class("board"),
                value: "2".into(),
            },
        ),
        (
            "name\nAda\u{202E}\n".into(),
            2,
            RowProblem::Invisible {
                column: "name",
                character: '\u{202E}',
            },
        ),
        (
            "name\nA\u{200B}da\n".into(),
            2,
            RowProblem::Invisible {
                column: "name",
                character: '\u{200B}',
            },
        ),
        (
            "name\n\"A\nda\"\n".into(),
            2,
            RowProblem::Invisible {
                column: "name",
                character: '\n',
            },
        ),
        (
            "name,contact\nAda,a\tb\n".into(),
            2,
            RowProblem::Invisible {
                column: "contact",
                character: '\t',
            },
        ),
        ("name\nBob\n\"Ada\n".into(), 3, RowProblem::OpenQuote),
        ("name\nBob\n\"Ada".into(), 3, RowProblem::OpenQuote),
        (
            "name\nAda\nBob\nAda\n".into(),
            4,
            RowProblem::Duplicate { first: 2 },
        ),
    ];
    for (text, row, problem) in cases {
        assert_eq!(bad(&text), [(row, problem)], "{text:?}");
    }
}

#[test]
fn the_same_person_is_found_by_the_canonical_identifier() {
    // Case, white space and the way an accent is composed make no other person.
    assert_eq!(
        bad("name\nJos\u{E9}\n JOSE\u{301} \n"),
        [(3, RowProblem::Duplicate { first: 2 })]
    );
    // The contact decides where there is one: one address is one person, whatever the name.
    assert_eq!(
        bad("name,contact\nAda,ada@x\nAda King,ADA@X\n"),
        [(3, RowProblem::Duplicate { first: 2 })]
    );
    // And two addresses are two people, whatever the name.
    assert_eq!(
        Roster::parse(b"name,contact\nAda,ada@x\nAda,ada@y\n")
            .unwrap()
            .rows
            .len(),
        2
    );
}

#[test]
fn all_bad_rows_are_named_up_to_a_limit() {
    assert_eq!(
        bad("name,board\nAda,x\n,1\nBob,1\nBob,0\n")
            .iter()
            .map(|b| b.0)
            .collect::<Vec<_>>(),
        [2, 3, 5]
    );
    let many = format!("name\n{}", "Ada\n".repeat(40));
    let error = Roster::parse(many.as_bytes()).unwrap_err();
    assert!(matches!(&error, RosterError::Rows(rows, 39) if rows.len() == 20));
    let text = error.to_string();
    assert!(
        text.starts_with("row 3: the same person as row 2\n"),
        "{text}"
    );
    assert!(text.ends_with("\nand 19 more bad rows"), "{text}");
}

#[test]
fn a_header_that_cannot_be_used_is_refused_by_name() {
    let cases = [
        ("", RosterError::NoHeader),
        ("\n\n", RosterError::NoHeader),
        ("full name,contact\nAda,\n", RosterError::NoNameColumn),
        ("name;contact\nAda;x\n", RosterError::NoNameColumn),
        (
            "name,name\nAda,Ada\n",
            RosterError::RepeatedColumn("name".into()),
        ),
        (
            "name,board,Board\nAda,1,1\n",
            RosterError::RepeatedColumn("board".into()),
        ),
        (
            "name,\nAda,1\n",
            RosterError::ClassName {
                column: 2,
                name: String::new(),
            },
        ),
        (
            "name,9th\nAda,1\n",
            RosterError::ClassName {
                column: 2,
                name: "9th".into(),
            },
        ),
        (
            "name,the board\nAda,1\n",
            RosterError::ClassName {
                column: 2,
                name: "the board".into(),
            },
        ),
        ("\"name,contact\nAda,x\n", RosterError::OpenQuote),
        ("name,board\n", RosterError::NoRows),
    ];
    for (text, error) in cases {
        assert_eq!(Roster::parse(text.as_bytes()), Err(error), "{text:?}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_its_row() {
    assert_eq!(
        Roster::parse(b"name\r\nAda\r\nJos\xE9\r\n"),
        Err(RosterError::NotUtf8(3))
    );
    let utf16: Vec<u8> = "\u{FEFF}name\nAda\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(Roster::parse(&utf16), Err(RosterError::NotUtf8(1)));
}

#[test]
fn every_kind_of_line_end_counts_as_one() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["name", "Ada", "", "", "Bob", "Ada", ""].join(end);
        assert_eq!(
            bad(&text),
            [(6, RowProblem::Duplicate { first: 2 })],
            "{end:?}"
        );
    }
}

#[test]
fn a_class_that_the_group_does_not_have_is_refused() {
    let roster = Roster::parse(b"name,board,senators\nAda,1,0\n").unwrap();
    let mut group = crate::registrar::testing::definition(&[]);
    group.classes = vec![class("aldermen"), class("senators")];
    assert_eq!(
        roster.check_classes(&group),
        Err(RosterError::UnknownClasses(vec![class("board")]))
    );
    group.classes = vec![class("aldermen"), class("board"), class("senators")];
    assert_eq!(roster.check_classes(&group), Ok(()));
    assert_eq!(roster.missing_classes(&group), [&class("aldermen")]);
}

#[test]
fn limits_on_size_hold() {
    assert_eq!(
        Roster::parse(&vec![b'a'; MAX_ROSTER_BYTES + 1]),
        Err(RosterError::TooLarge(MAX_ROSTER_BYTES + 1))
    );
    let many = format!(
        "name{}\nAda",
        (0..33).map(|i| format!(",c{i}")).collect::<String>()
    );
    assert_eq!(
        Roster::parse(many.as_bytes()),
        Err(RosterError::TooManyClasses(33))
    );
    let most = format!(
        "name{}\nAda{}",
        (0..32).map(|i| format!(",c{i}")).collect::<String>(),
        ",1".repeat(32)
    );
    assert_eq!(
        Roster::parse(most.as_bytes()).unwrap().rows[0]
            .classes
            .len(),
        32
    );
}

#[test]
fn a_roster_of_more_people_than_a_tree_has_leaves_is_refused() {
    let mut text = String::from("name\n");
    for i in 0..=MAX_PEOPLE {
        use std::fmt::Write as _;
        writeln!(text, "{i}").unwrap();
    }
    assert_eq!(
        Roster::parse(text.as_bytes()),
        Err(RosterError::TooManyRows)
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = Roster::parse(&[b"name,contact,board\n", &bytes[..]].concat());
        let _ = Roster::parse(&bytes);
    }

    #[test]
    fn what_a_spreadsheet_writes_is_what_is_read(names in proptest::collection::btree_set("[a-z\",' ]{0,12}x", 1..20)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["name"]).unwrap();
        for name in &names {
            writer.write_record([name]).unwrap();
        }
        let written = writer.into_inner().unwrap();
        let expected: std::collections::BTreeSet<&str> = names.iter().map(|n| n.trim()).collect();
        proptest::prop_assume!(expected.len() == names.len());
        let roster = Roster::parse(&written).unwrap();
        let read: std::collections::BTreeSet<&str> = roster.rows.iter().map(|r| r.name.as_str()).collect();
        proptest::prop_assert_eq!(read, expected);
    }
}
