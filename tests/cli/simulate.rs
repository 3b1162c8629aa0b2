use crate::scene::{Scene, tacit, text};

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
        "rings of ten or more, each alike: defences",
        "no defence",
        "With all defences the mix",
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
}
