use crate::scene::Scene;

#[test]
fn what_cannot_be_demonstrated_is_refused_before_anything_starts() {
    let mut scene = Scene::new();
    scene.fails(&["demo", "--nodes", "3"]);
    scene.fails(&["demo", "--nodes", "101"]);
    scene.fails(&["demo", "--signers", "31"]);
    scene.fails(&["demo", "--signers", "2"]);
    scene.fails(&["demo", "--signers", "0"]);
    scene.fails(&["demo", "--signers", "8", "--trigger", "count >= 3"]);
    scene.fails(&["demo", "--deadline", "0"]);
    scene.fails(&["demo", "--deadline", "86401"]);
    scene.fails(&["demo", "--statement", "none.txt"]);
    scene.write("empty.txt", " \n");
    scene.fails(&["demo", "--statement", "empty.txt"]);
    scene.write("latin1.txt", [b'c', b'a', b'f', 0xe9]);
    scene.fails(&["demo", "--statement", "latin1.txt"]);
    scene.write("full/file", "x");
    scene.fails(&["demo", "--dir", "full"]);
    scene.fails(&["demo", "--dir", "full/file"]);
    scene.fails(&["demo", "--act", "play"]);
    scene.fails(&["demo", "--act", "ceremony", "--nodes", "4"]);
    scene.fails(&["demo", "--act", "ceremony", "--ceremony", "town"]);
    scene.fails(&["demo", "--act", "ceremony", "--dir", "full"]);
    scene.fails(&["demo", "--ceremony", "full"]);
    assert!(!scene.path("tacit").exists(), "nothing was made");
    scene.hold_golden("demo");
}

#[test]
fn a_roster_that_is_wrong_is_refused_with_the_rows_that_are() {
    let mut scene = Scene::new();
    scene.fails(&["demo", "--roster", "none.csv"]);
    let rosters: [(&str, &[u8]); 11] = [
        ("empty.csv", b""),
        ("nobody.csv", b"name,contact\n"),
        ("no-name.csv", b"person,contact\nAda,ada@example.org\n"),
        ("semicolons.csv", b"name;contact\nAda;ada@example.org\n"),
        ("class.csv", b"name,Board Members\nAda,1\n"),
        ("twice.csv", b"name,board,board\nAda,1,0\n"),
        ("latin1.csv", b"name\nAda\nJos\xe9\n"),
        ("rows.csv", b"name,contact,board\nAda,,1\n,bob@example.org,0\nCem,,maybe\nAda,,0\nDora,dora@example.org\n"),
        ("invisible.csv", "name\nAda\nBob\u{200b}\n".as_bytes()),
        ("quote.csv", b"name\nAda\n\"Bob\n"),
        ("small.csv", b"name\nAda\n"),
    ];
    for (name, bytes) in rosters {
        scene.write(name, bytes);
        scene.fails(&["demo", "--roster", name]);
    }
    scene.hold_golden("demo-roster");
}

#[test]
fn a_trigger_that_can_not_be_is_refused_with_the_place_where_it_goes_wrong() {
    let mut scene = Scene::new();
    for trigger in [
        "",
        "10",
        "signatures >= 10",
        "count",
        "count >= ",
        "count >= ten",
        "count > 10",
        "count = 10",
        "count <= 10",
        "not count >= 10",
        "count >= 0",
        "count >= -1",
        "count >= 99999999999",
        "count >= 0% of members",
        "count >= 101% of members",
        "count >= 30% of directors",
        "count >= 30%",
        "count >= 10 and count(directors) >= 2 or count >= 20",
        "count >= 10 and",
        "any()",
        "any(count >= 10",
        "any(count >= 10,)",
        "(count >= 10",
        "count >= 10)",
        "count() >= 1",
        "count(Directors) >= 1",
        "count(judges) >= 1",
        "count(directors) >= 31",
        "count >= 31",
        "count >= 10 # comment",
    ] {
        scene.fails(&["demo", "--trigger", trigger]);
    }
    let deep = format!("{}count >= 1{}", "(".repeat(200), ")".repeat(200));
    scene.fails(&["demo", "--trigger", &deep]);
    scene.hold_golden("demo-trigger");
}
