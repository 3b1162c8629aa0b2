use crate::scene::Scene;

#[test]
fn an_identity_is_made_once_and_opens_with_its_passphrase_only() {
    let mut scene = Scene::new();
    scene.fails(&["--home", "me", "identity", "show"]);
    scene.fails(&["--home", "me", "identity", "new"]);
    scene.fails(&[
        "--home",
        "me",
        "--passphrase-file",
        "none",
        "identity",
        "new",
    ]);
    scene.write("empty", "\n");
    scene.fails(&[
        "--home",
        "me",
        "--passphrase-file",
        "empty",
        "identity",
        "new",
    ]);
    scene.write("binary", [0xff, 0xfe, 0x00]);
    scene.fails(&[
        "--home",
        "me",
        "--passphrase-file",
        "binary",
        "identity",
        "new",
    ]);

    scene.quietly(&[
        "--home",
        "me",
        "identity",
        "new",
        "--new-passphrase-file",
        "pass",
    ]);
    scene.note("The identity is there now.");
    scene.fails(&[
        "--home",
        "me",
        "identity",
        "new",
        "--new-passphrase-file",
        "pass2",
    ]);
    scene.fails(&[
        "--home",
        "you",
        "identity",
        "new",
        "--new-passphrase-file",
        "pass",
    ]);
    scene.fails(&["--home", "me", "identity", "show"]);
    scene.write("wrong", "wrong");
    scene.fails(&[
        "--home",
        "me",
        "--passphrase-file",
        "wrong",
        "identity",
        "show",
    ]);

    scene.chmod("me/identity.tacit", 0o644);
    scene.fails(&[
        "--home",
        "me",
        "--passphrase-file",
        "pass",
        "identity",
        "show",
    ]);
    scene.write("broken/identity.tacit", "not an identity");
    scene.chmod("broken/identity.tacit", 0o600);
    scene.fails(&[
        "--home",
        "broken",
        "--passphrase-file",
        "pass",
        "identity",
        "show",
    ]);
    scene.hold_golden("identity");
}

#[test]
fn what_is_no_semaphore_identity_is_not_taken_over() {
    let mut scene = Scene::new();
    let taken_over = |file| {
        [
            "--home",
            "me",
            "identity",
            "new",
            "--new-passphrase-file",
            "pass",
            "--semaphore-key-file",
            file,
        ]
    };
    scene.fails(&taken_over("none"));
    scene.write("key", "not base64 !");
    scene.fails(&taken_over("key"));
    scene.write("empty", "");
    scene.fails(&taken_over("empty"));
    scene.hold_golden("identity-semaphore");
}

#[test]
fn a_creators_key_that_others_can_read_or_that_is_none_is_refused() {
    let mut scene = Scene::new();
    scene.quietly(&["--home", "me", "identity", "creator-key"]);
    scene.chmod("me/creator.key", 0o640);
    scene.fails(&["--home", "me", "identity", "creator-key"]);
    scene.write("me/creator.key", "no key");
    scene.chmod("me/creator.key", 0o600);
    scene.fails(&["--home", "me", "identity", "creator-key"]);
    scene.write("file", "in the way");
    scene.fails(&["--home", "file", "identity", "creator-key"]);
    scene.hold_golden("identity-creator-key");
}
