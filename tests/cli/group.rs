use crate::committee::{bring, fingerprint, founded};
use crate::scene::Scene;

/// A scene with the home of the creator whom the founding file names, bound to the committee.
pub fn creators_scene() -> Scene {
    let scene = Scene::new();
    bring(&scene, &["creator/creator.key"]);
    for home in ["creator", "stranger"] {
        let file = std::fs::read(founded().join("founding.bin")).unwrap();
        scene.write(&format!("{home}/committee.bin"), file);
        let pin = format!(
            "{{\"fingerprint\":\"{}\",\"origin\":\"given\"}}",
            fingerprint()
        );
        scene.write(&format!("{home}/pin.json"), pin);
    }
    for i in 1..=3 {
        let (home, name) = (format!("reg{i}"), format!("Registrar {i}"));
        let (card, secret) = (format!("reg{i}.json"), "shared-secret");
        let mut args = vec![
            "--home",
            &home,
            "registrar",
            "init",
            "--name",
            &name,
            "--card",
            &card,
        ];
        args.extend(if i == 1 {
            ["--secret-out", secret]
        } else {
            ["--secret-file", secret]
        });
        scene.quietly(&args);
    }
    scene
}

/// Drafts the group `group.bin` with classes, and lets registrars approve it.
pub fn draft(scene: &Scene, registrars: &[&str]) {
    scene.quietly(&[
        "--home",
        "creator",
        "group",
        "create",
        "--name",
        "Town",
        "--class",
        "senators",
        "--registrar",
        "reg1.json",
        "--registrar",
        "reg2.json",
        "--registrar",
        "reg3.json",
        "--out",
        "group.bin",
    ]);
    for home in registrars {
        scene.quietly(&["--home", home, "--yes", "registrar", "approve", "group.bin"]);
    }
}

#[test]
fn a_group_that_can_not_be_is_not_drafted() {
    let mut scene = creators_scene();
    let create = |home, more: &[&'static str]| {
        let mut args = vec![
            "--home",
            home,
            "group",
            "create",
            "--name",
            "Town",
            "--out",
            "group.bin",
        ];
        args.extend(more);
        args
    };
    let cards = [
        "--registrar",
        "reg1.json",
        "--registrar",
        "reg2.json",
        "--registrar",
        "reg3.json",
    ];
    let with = |more: &[&'static str]| [&cards, more].concat();
    scene.fails(&["group", "create"]);
    scene.fails(&create("creator", &[]));
    scene.fails(&create("nobody", &cards));
    scene.fails(&create("stranger", &cards));
    scene.fails(&create("creator", &["--registrar", "none.json"]));
    scene.write("text.json", "no card");
    scene.fails(&create("creator", &["--registrar", "text.json"]));
    scene.fails(&create(
        "creator",
        &["--registrar", "reg1.json", "--registrar", "reg1.json"],
    ));
    scene.fails(&create("creator", &with(&["--threshold", "1"])));
    scene.fails(&create("creator", &with(&["--threshold", "4"])));
    scene.fails(&create("creator", &with(&["--class", "Board Members"])));
    scene.fails(&create(
        "creator",
        &with(&["--class", "board", "--class", "board"]),
    ));
    scene.fails(&create("creator", &with(&["--statement-creator", "bob"])));
    scene.works(&create("creator", &with(&["--class", "senators"])));
    scene.fails(&create("creator", &cards));
    scene.hold_golden("group-create");
}

#[test]
fn a_group_that_too_few_registrars_approved_is_not_submitted() {
    let mut scene = creators_scene();
    draft(&scene, &["reg1"]);
    scene.fails(&[
        "--home",
        "creator",
        "group",
        "create",
        "--submit",
        "group.bin",
    ]);
    scene.fails(&[
        "--home", "creator", "group", "create", "--submit", "none.bin",
    ]);
    scene.write("text.bin", "no group");
    scene.fails(&[
        "--home", "creator", "group", "create", "--submit", "text.bin",
    ]);
    scene.fails(&[
        "--home",
        "creator",
        "group",
        "create",
        "--submit",
        "group.bin",
        "--name",
        "Town",
    ]);
    // Registrars stand in the order of their keys, which are drawn anew each time.
    for i in 0..3 {
        scene.hide(&format!("registrar {i} "), "registrar N ");
    }
    let mut changed = std::fs::read(scene.path("group.bin")).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    scene.write("changed.bin", changed);
    scene.fails(&[
        "--home",
        "creator",
        "group",
        "create",
        "--submit",
        "changed.bin",
    ]);
    scene.hold_golden("group-submit");
}
