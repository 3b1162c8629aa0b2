//! Boards, their members, and the lists of their votes.

use tacit_detection::votes::{Board, MemberId, Stance, escaped};

use super::read;

#[test]
fn boards_are_in_the_order_of_their_names_and_of_numbers_if_all_are() {
    let boards = |names: &[&str]| -> Vec<String> {
        let rows = names
            .iter()
            .map(|name| format!("{name},20,ann,p,bob,10,1\n"));
        let reading = read(&rows.collect::<String>());
        reading
            .votes
            .boards()
            .iter()
            .map(|b| b.name().to_owned())
            .collect()
    };
    assert_eq!(
        boards(&["10", "9", "0", "007", "7"]),
        ["0", "007", "7", "9", "10"]
    );
    let huge = "99999999999999999999999999999999999";
    assert_eq!(boards(&[huge, "2"]), ["2", huge]);
    assert_eq!(boards(&["b", "10", "9"]), ["10", "9", "b"]);
}

#[test]
fn no_two_members_have_the_same_id_and_none_reads_as_two() {
    let reading =
        read("a,20,b/c,p,bob,10,1\na/b,20,c,p,bob,10,1\n%2F,20,x y\u{202e}z,p,bob,10,1\n");
    let mut ids: Vec<String> = reading
        .votes
        .boards()
        .iter()
        .flat_map(|b| b.votes().iter().map(|v| b.id(v.member)))
        .collect();
    ids.sort();
    assert_eq!(ids, ["%252F/x%20y%E2%80%AEz", "a%2Fb/c", "a/b%2Fc"]);
    assert_eq!(escaped("12, 81"), "12%2C%2081");
    assert_eq!(escaped("plain-Ünïcode_1.2:3@"), "plain-Ünïcode_1.2:3@");
}

#[test]
fn votes_are_in_the_order_of_time_whatever_the_order_of_rows() {
    let reading = read("c,40,ann,p,bob,10,1\nc,20,eve,p,bob,10,1\nc,30,joe,p,bob,10,1\n");
    let board = &reading.votes.boards()[0];
    let times: Vec<i64> = board.votes().iter().map(|v| v.at_ms).collect();
    assert_eq!(times, [20, 30, 40]);
    let on: Vec<i64> = board
        .votes_on(board.votes()[0].post)
        .map(|v| v.at_ms)
        .collect();
    assert_eq!(on, times);
}

#[test]
fn a_span_of_a_board_is_the_board_of_its_rows() {
    let rows = [
        "c,20,ann,p,bob,10,1\n",
        "c,30,eve,q,sue,12,0\n",
        "c,31,ann,q,sue,12,-1\n",
        "c,40,joe,p,bob,10,1\n",
    ];
    let whole = read(&rows.concat());
    let board = &whole.votes.boards()[0];
    for (from, to, of) in [(20, 40, 0..3), (21, 32, 1..3), (0, i64::MAX, 0..4)] {
        let part = read(&rows[of].concat());
        let part = &part.votes.boards()[0];
        let within = board.within(from..to);
        assert_eq!(within.votes(), part.votes());
        let names = |b: &Board| {
            (0..b.members() as u32)
                .map(|m| b.id(MemberId(m)))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&within), names(part));
        assert_eq!(within.posts(), part.posts());
    }
    let (backwards_from, backwards_to) = (50, 20);
    assert_eq!(
        (
            board.within(41..60).members(),
            board.within(backwards_from..backwards_to).active()
        ),
        (0, 0)
    );
}

#[test]
fn without_a_voter_a_board_is_that_of_the_others_rows() {
    let rows = [
        "c,20,ann,p,bob,10,1\n",
        "c,30,eve,q,sue,12,0\n",
        "c,31,ann,q,sue,12,-1\n",
    ];
    let whole = read(&rows.concat());
    let board = &whole.votes.boards()[0];
    let others = board.of_voters(|m| board.member_name(m) != "ann");
    let expected = read(rows[1]);
    assert_eq!(others.votes(), expected.votes.boards()[0].votes());
    assert_eq!((others.members(), others.posts()), (2, 1));
}

#[test]
fn every_list_of_a_board_has_the_same_votes() {
    let reading = read(
        "c,40,ann,p,bob,10,1\nc,20,eve,p,bob,10,0\nc,30,bob,q,ann,12,1\nc,31,eve,q,ann,12,-1\n",
    );
    let board = &reading.votes.boards()[0];
    let mut count = 0;
    for vote in board.votes() {
        assert!(board.votes_of(vote.member).any(|v| v == vote));
        assert!(board.votes_on(vote.post).any(|v| v == vote));
        let author = board.post(vote.post).author;
        assert!(board.posts_by(author).any(|p| p == vote.post));
        count += usize::from(vote.stance == Stance::Up);
    }
    assert_eq!((count, board.active()), (2, 3));
}
