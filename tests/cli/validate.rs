use crate::scene::{Scene, tacit, text};

const HEADER: &str = "conv,vote_ms,voter,post,author,post_ms,vote\n";

#[test]
fn what_cannot_be_validated_is_refused_before_anything_is_measured() {
    let mut scene = Scene::new();
    scene.write("empty.csv", "");
    // A board's part is that of its name's hash.
    scene.write(
        "votes.csv",
        format!("{HEADER}0,1700000000005,ann,p,bob,1700000000001,1\n"),
    );
    scene.write("here/validation.json", "of last week");
    scene.fails(&["audit", "validate", "--votes", "nowhere.csv"]);
    scene.fails(&["audit", "validate", "--votes", "empty.csv"]);
    scene.fails(&["audit", "validate", "--votes", "votes.csv"]);
    scene.fails(&["audit", "validate", "--votes", "votes.csv", "--quick"]);
    scene.fails(&["audit", "validate", "--quick", "--seeds", "0"]);
    scene.fails(&["audit", "validate", "--quick", "--threads", "0"]);
    scene.fails(&["audit", "validate", "--quick", "--part", "all"]);
    scene.fails(&["audit", "validate", "--quick", "--window", "7"]);
    scene.fails(&["audit", "validate", "--quick", "--out", "votes.csv"]);
    scene.fails(&["audit", "validate", "--quick", "--out", "here"]);
    scene.hold_golden("validate");
}

#[test]
fn a_quick_validation_has_its_tables_its_figures_and_its_curves() {
    let scene = Scene::new();
    let run = |out: &str, more: &[&str]| {
        let args = ["audit", "validate", "--quick", "--seeds", "1", "--out", out];
        let output = tacit(&scene.path("."), &[&args[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let told = run("one", &[]);
    for title in [
        "Rings",
        "Rings against honest behaviours",
        "Nothing planted",
        "Each signal alone",
        "By cell",
    ] {
        assert!(told.contains(title), "{title}");
    }
    assert!(told.contains("kept for tuning"));
    let read = |path: &str| std::fs::read_to_string(scene.path(path)).unwrap();
    assert!(read("one/validation.md").starts_with("# Validation\n"));
    assert!(read("one/curves.svg").ends_with("</svg>\n"));
    // The same seed, whatever the threads: the same figures, on stdout as in the folder.
    let json = run("two", &["--json", "--threads", "1"]);
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&json), value(&read("one/validation.json")));
    assert_eq!(read("one/curves.svg"), read("two/curves.svg"));
    assert_eq!(value(&json)["part"], "tuning");
}
