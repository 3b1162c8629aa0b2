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
    scene.fails(&["audit", "validate", "--quick", "--out", "votes.csv/below"]);
    scene.hold_golden("validate");
}

#[test]
fn what_was_measured_is_told_though_it_cannot_be_written() {
    let scene = Scene::new();
    scene.write("out/validation.json/in-the-way", "");
    let args = [
        "--yes", "audit", "validate", "--quick", "--seeds", "1", "--out", "out",
    ];
    let output = tacit(&scene.path("."), &args);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("can't write out/validation.json"));
    assert!(text(&output.stdout).contains("Each signal alone"));
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_anything_is_measured_and_none_is_left() {
    let scene = Scene::new();
    for command in [&["audit", "validate"][..], &["audit", "simulate"]] {
        // All of it takes the better part of an hour: what is refused at once was not measured.
        let output = tacit(&scene.path("."), &[command, &["--out", "/proc"]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("can't write to /proc"));
        assert!(output.stdout.is_empty());
        let mut running = start(
            &scene.path("."),
            &[command, &["--out", "new/below"]].concat(),
        );
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert!(running.try_wait().unwrap().is_none(), "it is at work");
        running.kill().unwrap();
        running.wait().unwrap();
        assert!(!scene.path("new").exists());
    }
}

fn start(folder: &std::path::Path, args: &[&str]) -> std::process::Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_tacit"))
        .args(args)
        .current_dir(folder)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
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
