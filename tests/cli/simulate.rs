use crate::scene::{Scene, tacit, text};

const HEADER: &str = "conv,vote_ms,voter,post,author,post_ms,vote\n";

#[test]
fn what_cannot_be_played_is_refused_before_anything_is() {
    let mut scene = Scene::new();
    scene.write("a-file", "of somebody");
    scene.write("here/simulation.json", "of last week");
    scene.fails(&["audit", "simulate", "--quick", "--seeds", "1"]);
    scene.fails(&["audit", "simulate", "--quick", "--seeds", "many"]);
    scene.fails(&[
        "audit",
        "simulate",
        "--quick",
        "--seed",
        "18446744073709551615",
    ]);
    scene.fails(&["audit", "simulate", "--quick", "--out", "a-file"]);
    scene.fails(&["audit", "simulate", "--quick", "--out", "here"]);
    scene.fails(&["audit", "simulate", "--quick", "--out", "a-file/below"]);
    scene.write("empty.csv", "");
    scene.write(
        "short.csv",
        format!("{HEADER}0,1700000000005,ann,p,bob,1700000000001,1\n"),
    );
    scene.fails(&["audit", "simulate", "--quick", "--votes", "nowhere.csv"]);
    scene.fails(&["audit", "simulate", "--quick", "--votes", "empty.csv"]);
    scene.fails(&["audit", "simulate", "--quick", "--votes", "short.csv"]);
    scene.fails(&[
        "audit",
        "simulate",
        "--quick",
        "--votes",
        "short.csv",
        "--seed",
        "0",
    ]);
    scene.hold_golden("simulate");
}

#[test]
fn a_quick_simulation_has_its_tables_its_figures_and_its_page() {
    let scene = Scene::new();
    let run = |out: &str, more: &[&str]| {
        let args = ["audit", "simulate", "--quick", "--seeds", "2", "--out", out];
        let output = tacit(&scene.path("."), &[more, &args[..]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let told = run("one", &[]);
    for title in [
        "these 3 rings, not the stated mix: defences",
        "made-up boards",
        "seeds 1, 3",
        "the range over 2 seeds",
        "no defence",
        "With all defences the mean of these 3 rings, not the stated mix, ",
        "Without a measure of quality it",
        "a ring that knows these figures does",
        "honest members",
        "stake lost a year",
        "with other terms",
        "100.00 % met a ring",
    ] {
        assert!(told.contains(title), "{title} is missing in {told}");
    }
    let json = run("two", &["--json"]);
    let read = |path: &str| std::fs::read_to_string(scene.path(path)).unwrap();
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&json), value(&read("one/simulation.json")));
    assert_eq!(read("one/simulation.html"), read("two/simulation.html"));
    assert!(read("one/simulation.html").starts_with("<!doctype html>"));
    assert!(!told.contains("Thresholds were chosen") && !told.contains("95 % interval"));
}

#[test]
fn what_was_played_is_told_though_it_cannot_be_written() {
    let scene = Scene::new();
    scene.write("out/simulation.json/in-the-way", "");
    let args = [
        "--yes", "audit", "simulate", "--quick", "--seeds", "2", "--out", "out",
    ];
    let output = tacit(&scene.path("."), &args);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("can't write out/simulation.json"));
    assert!(text(&output.stdout).contains("With all defences"));
}

#[test]
fn rings_are_planted_on_the_boards_of_a_table_and_each_board_has_its_tables() {
    let scene = Scene::new();
    // Eighty members in five fortnights, each of whom votes on half of the posts.
    let mut rows = String::from(HEADER);
    let day = 86_400_000_u64;
    for post in 0..60_u64 {
        let written = 20_000 * day + post * day;
        for voter in (0..80).filter(|voter| (voter * 7 + post * 13 + voter * post) % 4 < 2) {
            let (at, vote) = (
                written + 1_000 * (1 + voter * 37 + post),
                1 - (voter + post) % 3 / 2,
            );
            rows.push_str(&format!(
                "0,{at},v{voter},p{post},v{},{written},{vote}\n",
                post % 20
            ));
            rows.push_str(&format!(
                "1,{at},v{voter},p{post},v{},{written},{vote}\n",
                post % 20
            ));
        }
    }
    scene.write("votes.csv", rows);
    let args = [
        "audit",
        "simulate",
        "--quick",
        "--seeds",
        "2",
        "--votes",
        "votes.csv",
    ];
    let run = |more: &[&str]| {
        let output = tacit(&scene.path("."), &[&args[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let told = run(&["--out", "out"]);
    for part in [
        "taken to be honest",
        "these 3 rings, not the stated mix: defences",
        "members of the board",
        "A strike needs evidence in two windows",
        "Of the other part, and left alone: 1 board",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["--json"])).unwrap();
    let file = std::fs::read(scene.path("out/simulation.json")).unwrap();
    assert_eq!(
        json,
        serde_json::from_slice::<serde_json::Value>(&file).unwrap()
    );
    assert_eq!(json["boards"].as_array().unwrap().len(), 1);
    assert_eq!(json["boards"][0]["results"]["part"], "held-back");
}
