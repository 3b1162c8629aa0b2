use crate::scene::{Scene, tacit, text};

#[test]
fn a_statement_is_read_and_its_trigger_and_deadline_checked_before_a_node_is_asked() {
    let mut scene = Scene::new();
    let group = "ab".repeat(32);
    scene.write("text", "We stand together.");
    scene.write("empty", "\n");
    scene.write("long", "x".repeat(65 * 1024));
    scene.write("latin1", [b'c', b'a', b'f', 0xe9]);
    let with = |text, trigger, deadline| {
        [
            "statement",
            "new",
            "--group",
            &group,
            "--text-file",
            text,
            "--trigger",
            trigger,
            "--deadline",
            deadline,
        ]
    };
    for text in ["none", "empty", "long", "latin1"] {
        scene.fails(&with(text, "count >= 1", "+1h"));
    }
    for trigger in [
        "",
        "count > 5",
        "count >= 0",
        "count >= 1 and count >= 2 or count >= 3",
    ] {
        scene.fails(&with("text", trigger, "+1h"));
    }
    for deadline in [
        "",
        "tomorrow",
        "+3y",
        "2026-12-01",
        "2026-13-01T12:00Z",
        "1960-01-01T00:00Z",
    ] {
        scene.fails(&with("text", "count >= 1", deadline));
    }
    scene.hold_golden("statement");
}

#[test]
fn a_deadline_that_has_passed_is_refused() {
    let scene = Scene::new();
    scene.write("text", "We stand together.");
    let group = "ab".repeat(32);
    let output = tacit(
        &scene.path(""),
        &[
            "statement",
            "new",
            "--group",
            &group,
            "--text-file",
            "text",
            "--trigger",
            "count >= 1",
            "--deadline",
            "2020-01-01T00:00Z",
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    // How long ago depends on today.
    let said = text(&output.stderr);
    assert!(said.starts_with("error: the deadline was "), "{said}");
    assert!(
        said.ends_with(" days ago\nGive one that is still to come.\n"),
        "{said}"
    );
}

#[test]
fn a_testimony_is_read_before_anything_else() {
    let mut scene = Scene::new();
    let statement = "ab".repeat(32);
    scene.write("long", "x".repeat(16 * 1024 + 1));
    scene.write("latin1", [b'c', b'a', b'f', 0xe9]);
    for file in ["none", "long", "latin1"] {
        scene.fails(&["sign", &statement, "--testimony", file]);
    }
    scene.hold_golden("sign-testimony");
}

#[test]
fn a_file_that_is_no_bundle_does_not_hold() {
    let mut scene = Scene::new();
    let fingerprint = "ab".repeat(32);
    scene.fails(&["verify", "none.bundle", "--fingerprint", &fingerprint]);
    scene.write("my.bundle", "something else");
    scene.fails(&["verify", "my.bundle"]);

    // A check that failed is a result: people see the list of checks, scripts get it.
    let args = ["verify", "my.bundle", "--fingerprint", &fingerprint];
    let people = tacit(&scene.path(""), &args);
    assert_eq!(people.status.code(), Some(1));
    scene.record(
        &args,
        &format!("{}{}", text(&people.stdout), text(&people.stderr)),
        "(exit 1)\n",
    );
    let args = [
        "--json",
        "verify",
        "my.bundle",
        "--fingerprint",
        &fingerprint,
    ];
    let script = tacit(&scene.path(""), &args);
    assert_eq!(script.status.code(), Some(1));
    scene.record(&args, &text(&script.stdout), "(exit 1)\n");
    scene.hold_golden("verify");
}
