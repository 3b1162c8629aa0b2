use crate::scene::{Scene, command, tacit, text};

/// A day from which windows of two days are counted, in November 2023.
const START: i64 = 19_676 * 86_400_000;
const HEADER: &str = "conv,vote_ms,voter,post,author,post_ms,vote\n";

/// Sixty honest members, each of whom votes for every seventh post or so, and six more who only vote for
/// each other, on twelve posts of their own.
fn town() -> String {
    town_with(6)
}

/// The same with a ring of so many, who write two posts each.
fn town_with(ring: i64) -> String {
    let mut table = HEADER.to_owned();
    let minute = 60_000_i64;
    for post in 0..90_i64 {
        let author = post % 30;
        for voter in 0..60_i64 {
            if voter != author && (voter * 31 + post * 17 + voter * post) % 7 == 0 {
                let made = START + post * 60 * minute;
                let at = START + (post * 60 + voter * 13 + 1) * minute;
                table += &format!("town,{at},m{voter},p{post},m{author},{made},1\n");
            }
        }
    }
    for post in 0..2 * ring {
        let author = post % ring;
        let made = START + (post * 400 + 7) * minute;
        for voter in (0..ring).filter(|v| *v != author) {
            let at = made + minute + voter * 1_000;
            table += &format!("town,{at},r{voter},q{post},r{author},{made},1\n");
        }
        let at = made + 90 * minute;
        table += &format!("town,{at},m{post},q{post},r{author},{made},1\n");
    }
    table
}

/// Rows with times of a few milliseconds, which are none of a board, from November 2023.
fn in_november(rows: &str) -> String {
    let rows = rows.lines().map(|row| {
        let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
        for cell in [1, 5] {
            cells[cell] = (START + cells[cell].parse::<i64>().unwrap()).to_string();
        }
        cells.join(",") + "\n"
    });
    rows.collect()
}

/// The town, with its times in another unit.
fn town_in_seconds() -> String {
    let table = town();
    let rows = table.lines().skip(1).map(|row| {
        let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
        for cell in [1, 5] {
            cells[cell] = (cells[cell].parse::<i64>().unwrap() / 1_000).to_string();
        }
        cells.join(",") + "\n"
    });
    format!("{HEADER}{}", rows.collect::<String>())
}

#[test]
fn times_in_seconds_are_refused_and_a_few_old_votes_are_told() {
    let mut scene = Scene::new();
    scene.write("seconds.csv", town_in_seconds());
    scene.fails(&["audit", "seconds.csv"]);
    scene.fails(&["audit", "seconds.csv", "--out", "out"]);
    assert!(!scene.path("out").exists());
    scene.fails(&["audit", "validate", "--votes", "seconds.csv"]);
    scene.note("Half of them are refused, and fewer are told.");
    let board = |old: i64| {
        let at = |n: i64| if n < old { 1_700_000_000 } else { START };
        let rows = (0..4).map(|n| format!("b,{},v{n},p{n},a,{},1\n", at(n), at(n)));
        format!("{HEADER}{}", rows.collect::<String>())
    };
    scene.write("half.csv", board(2));
    scene.fails(&["audit", "half.csv"]);
    scene.write("quarter.csv", board(1));
    scene.works(&["audit", "quarter.csv"]);
    scene.hold_golden("audit-times");
}

#[test]
fn a_table_can_come_from_stdin() {
    let scene = Scene::new();
    scene.write("town.csv", town());
    let from_file = scene.quietly(&["--json", "audit", "town.csv"]);
    let mut command = command(&scene.path(""), &["--json", "audit", "-", "--out", "out"]);
    let file = std::fs::File::open(scene.path("town.csv")).unwrap();
    let output = command.stdin(file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), text(&from_file.stdout));
    let page = std::fs::read_to_string(scene.path("out/report.html")).unwrap();
    assert!(page.contains("<bdi>standard input</bdi>"));
}

#[test]
fn the_page_names_every_unreadable_row_that_the_json_does() {
    let scene = Scene::new();
    let bad = (0..22).map(|n| format!("town,soon,b{n},p0,m0,1,1\n"));
    scene.write("town.csv", town() + &bad.collect::<String>());
    let said = scene.quietly(&["--json", "audit", "town.csv", "--out", "out"]);
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let bad = said["read"]["bad"].as_array().unwrap();
    assert_eq!(bad.len(), 20);
    let page = std::fs::read_to_string(scene.path("out/report.html")).unwrap();
    for bad in bad {
        let says = format!("Line {} is unreadable: ", bad["line"]);
        assert!(page.contains(&says), "{says}");
    }
    assert!(page.contains("And 2 unreadable rows more."));
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
    let rows = "0,7,a,two,b,1,1\n0,7,a,two,c,1,1\n0,5,a,1,b,1,1\n0,5,a,1,b,1,2\n0,0,c,1,b,1,1\n0,5,b,1,b,1,1\n0,9,a,1,b,1,1\n0,9,d,1,b,1\n";
    scene.write("few.csv", format!("{HEADER}{}", in_november(rows)));
    scene.works(&["audit", "few.csv"]);
    scene.hold_golden("audit");
}

#[test]
fn an_option_that_makes_no_sense_is_refused_before_anything_is_read() {
    let mut scene = Scene::new();
    scene.write("own.csv", format!("{HEADER}0,5,1,1,1,1,1\n"));
    for fpr in ["0", "0.6", "-1", "nan", "few"] {
        scene.fails(&["audit", "own.csv", &format!("--fpr={fpr}")]);
    }
    for window in ["7", "0d", "5m", "1.5d", "-7d", "99999w", "d", ""] {
        scene.fails(&["audit", "own.csv", &format!("--window={window}")]);
    }
    scene.fails(&["audit", "own.csv", "--seed=-1"]);
    for (option, value) in [("--fpr", "-1"), ("--window", "-7d"), ("--seed", "-1")] {
        scene.fails(&["audit", "own.csv", option, value]);
    }
    scene.note("A folder that isn't one, or is somebody's.");
    scene.fails(&["audit", "own.csv", "--out", "own.csv"]);
    scene.write("mine/diary.txt", "dear");
    scene.fails(&["audit", "town.csv", "--out", "mine"]);
    scene.write("page/report.html", "<html>of somebody else</html>");
    scene.fails(&["audit", "town.csv", "--out", "page"]);
    scene.note("Options before a command make it a file.");
    scene.fails(&["audit", "--fpr=0.1", "simulate"]);
    scene.hold_golden("audit-options");
}

#[test]
fn a_report_says_who_stands_out_and_why_and_what_else_it_could_be() {
    let mut scene = Scene::new();
    scene.write("town.csv", town());
    scene.works(&["audit", "town.csv", "--window=2d"]);
    let boards = (0..25).map(|n| format!("b{n},{START},a,1,b,{START},1\n"));
    let boards: String = boards.collect();
    scene.note("More members than anybody wants to read of.");
    scene.write("many.csv", town_with(24));
    scene.works(&["audit", "many.csv"]);
    scene.note("More boards than anybody wants to read of.");
    scene.write("boards.csv", format!("{HEADER}{boards}"));
    scene.works(&["audit", "boards.csv"]);
    scene.hold_golden("audit-town");
}

/// The names of an object's fields.
fn fields(value: &serde_json::Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_json_has_the_shape_that_is_promised() {
    let scene = Scene::new();
    scene.write("town.csv", town());
    let args = [
        "--json",
        "audit",
        "town.csv",
        "--window=2d",
        "--fpr=0.02",
        "--seed=7",
    ];
    let output = tacit(&scene.path(""), &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        fields(&said),
        [
            "boards",
            "cases",
            "communities",
            "communities_left_out",
            "not_judged",
            "parameters",
            "read",
            "voters",
            "windows"
        ]
    );
    assert_eq!(
        fields(&said["voters"][0]),
        [
            "community",
            "conv",
            "discount",
            "flag",
            "id",
            "reasons",
            "score",
            "voter",
            "windows"
        ]
    );
    assert_eq!(
        fields(&said["communities"][0]),
        [
            "conv", "flagged", "found", "members", "number", "p_value", "score", "signals"
        ]
    );
    assert_eq!(said["voters"].as_array().unwrap().len(), 62);
    let parameters = &said["parameters"];
    assert_eq!(parameters["fpr"], 0.02);
    assert_eq!(parameters["window_ms"], 172_800_000);
    assert_eq!(parameters["seed"], 7);
    assert_eq!(parameters["least_active"], 50);
    assert!(said["boards"][0]["flag_score"].as_f64().unwrap() > 0.0);
    let voter = &said["voters"][0];
    assert_eq!(
        voter["id"],
        format!(
            "{}/{}",
            voter["conv"].as_str().unwrap(),
            voter["voter"].as_str().unwrap()
        )
    );
    let signals = &said["communities"][0]["signals"];
    for measure in [
        "clustering",
        "co_voting",
        "closure",
        "reciprocity",
        "entropy",
        "independence",
        "bursts",
        "order",
        "leiden",
    ] {
        assert_eq!(fields(&signals[measure]), ["group", "usual"], "{measure}");
        assert!(signals[measure]["group"].is_number(), "{measure}");
    }
    let window = &said["windows"][0];
    let from_1970 = window["number"].as_i64().unwrap() * 172_800_000;
    assert_eq!(window["from_ms"].as_i64(), Some(from_1970));
    let case = &said["cases"][0];
    assert_eq!(case["community"], voter["community"]);
    assert!(case["members"][0]["measures"]["independence"].is_number());
    assert!(case["posts"][0]["group"][0]["after_ms"].is_number());
    assert!(
        case["moments"][0]["from"]
            .as_str()
            .unwrap()
            .ends_with("UTC")
    );
    for innocent in case["innocent"].as_array().unwrap() {
        assert!(
            !innocent["figures"].as_array().unwrap().is_empty(),
            "{innocent}"
        );
        assert!(innocent["reading"].is_string() && innocent["is_seen"].is_string());
    }
}

#[test]
fn a_folder_gets_a_page_a_report_and_a_table_and_is_replaced_only_if_it_is_ours() {
    let scene = Scene::new();
    scene.write(
        "town.csv",
        town().replace("r1,", "<script>alert(1)</script>,"),
    );
    let says = |args: &[&str]| text(&scene.quietly(args).stderr);
    let first = says(&["audit", "town.csv", "--out", "out"]);
    assert!(
        first.contains("Written to out: report.html, report.json and voters.csv.\n"),
        "{first}"
    );
    let read = |name: &str| std::fs::read_to_string(scene.path("out").join(name)).unwrap();
    let names = std::fs::read_dir(scene.path("out")).unwrap().count();
    assert_eq!(names, 3, "nothing half-written is left");
    let page = read("report.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("Content-Security-Policy") && page.contains("<svg"));
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;%2Fscript&gt;"));
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    let voters = report["voters"].as_array().unwrap();
    assert_eq!(read("voters.csv").lines().count(), 1 + voters.len());
    assert!(
        voters
            .iter()
            .any(|v| v["voter"] == "<script>alert(1)</script>")
    );
    // What a killed run left is in nobody's way.
    scene.write("out/report.json.new", "{");
    let again = says(&["audit", "town.csv", "--out", "out"]);
    assert!(!scene.path("out/report.json.new").exists());
    assert!(again.contains("in place of an earlier report"), "{again}");
    assert_eq!(read("report.html"), page);
    scene.write("out/notes.txt", "mine");
    let refused = tacit(&scene.path(""), &["audit", "town.csv", "--out", "out"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("notes.txt"));
    says(&["--yes", "audit", "town.csv", "--out", "out"]);
    assert_eq!(read("notes.txt"), "mine");
    for half in ["", &page[..1500]] {
        scene.write("killed/report.html.new", half);
        scene.write("killed/report.json.new", "{");
        let first = says(&["audit", "town.csv", "--out", "killed"]);
        assert!(first.contains("Written to killed: "), "{first}");
        let names = std::fs::read_dir(scene.path("killed")).unwrap().count();
        assert_eq!(names, 3);
        std::fs::remove_dir_all(scene.path("killed")).unwrap();
    }
    scene.write("theirs/report.json.new", "mine");
    let refused = tacit(&scene.path(""), &["audit", "town.csv", "--out", "theirs"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("report.json.new"));
}

#[test]
fn posts_that_false_rows_took_out_of_the_look_are_told_first() {
    let mut scene = Scene::new();
    let mut table = town();
    let minute = 60_000;
    for post in 0..12 {
        let made = START + (post * 400 + 7) * minute;
        table += &format!("town,{},m3,q{post},m3,{made},1\n", made + minute);
    }
    scene.write("disputed.csv", &table);
    scene.works(&["audit", "disputed.csv"]);
    scene.note("Names that would read as several.");
    let deceiving = town()
        .replace(",r0,", ",\"r1, r2, r3\",")
        .replace(",r4,", ",m8 and 40 more,");
    scene.write("names.csv", deceiving);
    scene.works(&["audit", "names.csv"]);
    scene.quietly(&["audit", "disputed.csv", "--out", "out"]);
    let page = std::fs::read_to_string(scene.path("out/report.html")).unwrap();
    let first = page.split("<nav").next().unwrap();
    assert!(
        first.contains("Nobody stands out among the votes that count."),
        "{first}"
    );
    assert!(
        first.contains("12 posts (13 % of all) are in dispute"),
        "{first}"
    );
    assert!(first.contains("town/m3 (12 rows)"), "{first}");
    let said = text(&scene.quietly(&["--json", "audit", "disputed.csv"]).stdout);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["read"]["differing"][0]["voter"], "m3");
    assert_eq!(said["read"]["disputed_posts"], 12);
    scene.hold_golden("audit-disputed");
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
        // Who always votes first follows nobody: that others vote after it isn't its doing.
        let leads = voter["id"] == "town/r0";
        assert_eq!(voter["flag"], !leads, "{voter}");
        // Sixty votes without one against are too few to discount any.
        assert_eq!(voter["discount"], 0.0);
        let reasons = voter["reasons"].to_string();
        assert!(
            reasons.contains("group 1: ")
                && reasons.contains("the 5 others in it")
                && (leads || reasons.contains("within")),
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
