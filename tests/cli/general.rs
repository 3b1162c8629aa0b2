use crate::scene::{Scene, tacit, text};

#[test]
fn a_call_that_makes_no_sense_is_answered_with_how_it_would() {
    let mut scene = Scene::new();
    scene.fails(&["singe"]);
    scene.fails(&["sign", "--clas", "senators"]);
    scene.fails(&["verify"]);
    scene.fails(&["demo", "--nodes", "many"]);
    scene.note("--yes answers questions, not passwords: there is no terminal here to ask on.");
    scene.fails(&["--yes", "identity", "new"]);
    scene.hold_golden("general");
}

#[test]
fn a_script_is_told_which_arguments_are_missing() {
    let output = tacit(&std::env::temp_dir(), &["--json", "group", "create"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = said["error"]["problem"].as_str().unwrap();
    for missing in ["--name", "--registrar", "--out"] {
        assert!(problem.contains(missing), "{problem}");
    }
}

#[test]
fn without_a_command_the_whole_help_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let output = tacit(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(
        shown.contains("Commands:") && shown.contains("Exit codes:"),
        "{shown}"
    );
}

#[test]
fn a_person_without_a_home_folder_is_asked_for_one() {
    let mut command = crate::scene::command(&std::env::temp_dir(), &["identity", "show"]);
    let output = command.env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = "error: there is no home folder to keep your state in\nGive one with --home DIR.\n";
    assert_eq!(text(&output.stderr), said);
}
