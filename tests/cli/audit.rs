use crate::scene::{Scene, tacit, text};

const HEADER: &str = "conv,vote_ms,voter,post,author,post_ms,vote\n";

/// Sixty honest members, each of whom votes for every seventh post or so, and six more who only vote for
/// each other, on twelve posts of their own.
fn town() -> String {
    let mut table = HEADER.to_owned();
    let minute = 60_000_i64;
    for post in 0..90_i64 {
        let author = post % 30;
        for voter in 0..60_i64 {
            if voter != author && (voter * 31 + post * 17 + voter * post) % 7 == 0 {
                let (made, at) = (post * 60 * minute, (post * 60 + voter * 13 + 1) * minute);
                table += &format!("town,{at},m{voter},p{post},m{author},{made},1\n");
            }
        }
    }
    for post in 0..12_i64 {
        let author = post % 6;
        let made = (post * 400 + 7) * minute;
        for voter in (0..6_i64).filter(|v| *v != author) {
            let at = made + minute + voter * 1_000;
            table += &format!("town,{at},r{voter},q{post},r{author},{made},1\n");
        }
        let at = made + 90 * minute;
        table += &format!("town,{at},m{post},q{post},r{author},{made},1\n");
    }
    table
}

#[test]
fn a_table_that_cannot_be_read_is_refused_and_bad_rows_are_told() {
    let mut scene = Scene::new();
    scene.write("empty.csv", "");
    scene.write("header.csv", HEADER);
    scene.write("columns.csv", "conv,voter\n0,1\n");
    scene.write(
        "twice.csv",
        "conv,conv,vote_ms,voter,post,author,post_ms,vote\n",
    );
    scene.write("own.csv", format!("{HEADER}0,5,1,1,1,1,1\n0,x,2,1,1,1,1\n"));
    scene.fails(&["audit", "nowhere.csv"]);
    for file in [
        "empty.csv",
        "header.csv",
        "columns.csv",
        "twice.csv",
        "own.csv",
    ] {
        scene.fails(&["audit", file]);
    }
    scene.note("Too few to judge, and rows that don't count.");
    let rows =
        "0,5,a,1,b,1,1\n0,5,a,1,b,1,2\n0,0,c,1,b,1,1\n0,5,b,1,b,1,1\n0,9,a,1,b,1,1\n0,9,d,1,b,1\n";
    scene.write("few.csv", format!("{HEADER}{rows}"));
    scene.works(&["audit", "few.csv"]);
    scene.hold_golden("audit");
}

#[test]
fn six_who_support_each_other_at_once_come_first_and_say_why() {
    let scene = Scene::new();
    scene.write("town.csv", town());
    let output = tacit(&scene.path(""), &["--json", "audit", "town.csv"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let voters = said["voters"].as_array().unwrap();
    assert!(voters.len() > 60);
    let id = |n: usize| voters[n]["id"].as_str().unwrap().to_owned();
    let mut first: Vec<String> = (0..6).map(id).collect();
    first.sort();
    assert_eq!(
        first,
        [
            "town/r0", "town/r1", "town/r2", "town/r3", "town/r4", "town/r5"
        ]
    );
    for voter in &voters[..6] {
        assert_eq!(voter["flag"], true);
        assert!(voter["discount"].as_f64().unwrap() < 1.0);
        let reasons = voter["reasons"].to_string();
        assert!(
            reasons.contains("group with 5 others") && reasons.contains("within"),
            "{reasons}"
        );
    }
    let members = said["communities"][0]["members"].as_array().unwrap();
    assert_eq!(members.len(), 6);
    assert!(said["communities"][0]["p_value"].as_f64().unwrap() < 1e-6);
}

#[test]
fn the_order_of_rows_changes_nothing() {
    let scene = Scene::new();
    let table = town();
    let mut rows: Vec<&str> = table.lines().skip(1).collect();
    rows.sort_by_key(|row| {
        row.bytes()
            .map(u64::from)
            .fold(7, |h: u64, b| (h * 31 + b) % 1009)
    });
    scene.write("town.csv", &table);
    scene.write("mixed.csv", format!("{HEADER}{}\n", rows.join("\n")));
    let said = |file: &str| text(&tacit(&scene.path(""), &["--json", "audit", file]).stdout);
    assert_eq!(said("town.csv"), said("mixed.csv"));
}
