use std::net::TcpListener;

use crate::group::{creators_scene, draft};
use crate::scene::Scene;

#[test]
fn a_registrar_is_made_once_with_a_name_and_the_secret_that_the_others_have() {
    let mut scene = Scene::new();
    scene.fails(&["--home", "reg", "registrar", "show"]);
    scene.fails(&["--home", "reg", "registrar", "init", "--name", ""]);
    scene.fails(&[
        "--home",
        "reg",
        "registrar",
        "init",
        "--name",
        "Clerk",
        "--secret-file",
        "none",
    ]);
    scene.write("secret", "ab");
    scene.chmod("secret", 0o644);
    scene.fails(&[
        "--home",
        "reg",
        "registrar",
        "init",
        "--name",
        "Clerk",
        "--secret-file",
        "secret",
    ]);
    scene.chmod("secret", 0o600);
    scene.fails(&[
        "--home",
        "reg",
        "registrar",
        "init",
        "--name",
        "Clerk",
        "--secret-file",
        "secret",
    ]);
    scene.fails(&[
        "--home",
        "reg",
        "registrar",
        "init",
        "--name",
        "Clerk",
        "--secret-out",
        "secret",
    ]);
    let elsewhere = [
        "registrar",
        "init",
        "--name",
        "Clerk",
        "--card",
        "none/card",
    ];
    scene.fails(&[&["--home", "other"][..], &elsewhere].concat());
    scene.works(&["--home", "reg", "registrar", "init", "--name", "Clerk"]);
    scene.fails(&["--home", "reg", "registrar", "init", "--name", "Clerk"]);
    scene.works(&["--home", "reg", "registrar", "show"]);
    scene.chmod("reg/registrar.key", 0o640);
    scene.fails(&["--home", "reg", "registrar", "show"]);
    scene.hold_golden("registrar-init");
}

#[test]
fn a_registrar_approves_groups_that_name_it_and_that_are_whole() {
    let mut scene = creators_scene();
    draft(&scene, &[]);
    scene.quietly(&["--home", "other", "registrar", "init", "--name", "Other"]);
    scene.fails(&["--home", "reg1", "registrar", "approve", "none.bin"]);
    scene.write("text.bin", "no group");
    scene.fails(&["--home", "reg1", "registrar", "approve", "text.bin"]);
    scene.fails(&["--home", "nobody", "registrar", "approve", "group.bin"]);
    scene.fails(&["--home", "other", "registrar", "approve", "group.bin"]);
    scene.quietly(&[
        "--home",
        "reg1",
        "--yes",
        "registrar",
        "approve",
        "group.bin",
    ]);
    scene.hold_golden("registrar-approve");
}

#[test]
fn nobody_is_invited_from_a_roster_with_a_wrong_row() {
    let mut scene = creators_scene();
    draft(&scene, &["reg1"]);
    let invite = |more: &[&'static str]| {
        let mut args = vec![
            "--home",
            "reg1",
            "registrar",
            "invite",
            "--group",
            "group.bin",
        ];
        args.extend(more);
        args
    };
    scene.fails(&invite(&["--roster", "roster.csv"]));
    scene.fails(&invite(&["--out", "codes.csv"]));
    scene.fails(&invite(&["--roster", "none.csv", "--out", "codes.csv"]));
    scene.write(
        "bad.csv",
        "name,contact,senators\nAda,,1\n,bob@example.org,0\nCem,,maybe\nAda,,0\nDora\n",
    );
    scene.fails(&invite(&["--roster", "bad.csv", "--out", "codes.csv"]));
    scene.write("judges.csv", "name,judges\nAda,1\n");
    scene.fails(&invite(&["--roster", "judges.csv", "--out", "codes.csv"]));
    scene.write(
        "roster.csv",
        "name,contact,senators\nAda,ada@example.org,1\nBob,,\nCem,,\n",
    );
    scene.note("Another registrar has not approved the group.");
    scene.fails(&[
        "--home",
        "reg2",
        "registrar",
        "invite",
        "--group",
        "group.bin",
        "--roster",
        "roster.csv",
        "--out",
        "c",
    ]);
    scene.works(&invite(&["--roster", "roster.csv", "--out", "codes.csv"]));
    scene.works(&invite(&["--roster", "roster.csv", "--out", "codes.csv"]));
    scene.write("more.csv", "name,contact,senators\nDora,,\n");
    scene.note("The file holds codes that count.");
    scene.fails(&invite(&["--roster", "more.csv", "--out", "codes.csv"]));
    scene.write(
        "contact.csv",
        "name,contact,senators\nBob,bob@example.org,\n",
    );
    scene.fails(&invite(&["--roster", "contact.csv", "--out", "codes2.csv"]));
    scene.fails(&invite(&["--renew", "Zoe", "--out", "codes2.csv"]));
    scene.works(&invite(&["--renew", "Bob", "--out", "codes2.csv"]));
    scene.hold_golden("registrar-invite");
}

#[test]
fn codes_never_cross_a_network_in_clear_text() {
    let mut scene = Scene::new();
    scene.quietly(&["--home", "reg", "registrar", "init", "--name", "Clerk"]);
    let serve = |more: &[&str]| {
        let mut args = vec!["--home", "reg", "registrar", "serve"];
        args.extend(more);
        args.into_iter().map(str::to_string).collect::<Vec<_>>()
    };
    let fails = |scene: &mut Scene, more: &[&str]| {
        let args = serve(more);
        scene.fails(&args.iter().map(String::as_str).collect::<Vec<_>>());
    };
    fails(&mut scene, &["--listen", "0.0.0.0:7700"]);
    fails(&mut scene, &["--listen", "anywhere"]);
    fails(
        &mut scene,
        &["--listen", "0.0.0.0:7700", "--tls-cert", "chain.pem"],
    );
    fails(
        &mut scene,
        &[
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            "chain.pem",
            "--tls-key",
            "key.pem",
        ],
    );
    scene.write("chain.pem", "no certificate");
    scene.write("key.pem", "no key");
    fails(
        &mut scene,
        &[
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            "chain.pem",
            "--tls-key",
            "key.pem",
        ],
    );
    fails(
        &mut scene,
        &["--listen", "127.0.0.1:0", "--log", "all=everything"],
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_at = taken.local_addr().unwrap();
    scene.hide_port(taken_at.port());
    fails(&mut scene, &["--listen", &taken_at.to_string()]);
    scene.hold_golden("registrar-serve");
}
