//! Posts that stand under two authors or at two times.

use tacit_detection::report::dispute;
use tacit_detection::votes::{LeftOut, TOLD_POSTS};

use super::{NOW, read, told};

#[test]
fn of_a_post_under_two_authors_or_at_two_times_no_row_counts_whichever_comes_first() {
    let rows = [
        "c,20,ann,p,bob,10,1\n",
        "c,30,eve,p,ann,10,1\n",
        "c,10,bob,p,bob,10,1\n",
        "c,30,eve,q,bob,11,1\n",
        "c,30,joe,q,bob,12,1\n",
        "c,40,joe,r,bob,12,1\n",
    ];
    for turn in 0..rows.len() {
        let mut rows = rows;
        rows.rotate_left(turn);
        let reading = read(&rows.concat());
        assert_eq!(
            reading.left_out.into_iter().collect::<Vec<_>>(),
            [(LeftOut::OtherPost, 5)]
        );
        assert_eq!(told(&reading.votes), ["c 2 1", "c 40 joe r bob 12 Up"]);
        let names: Vec<_> = reading
            .disputed
            .iter()
            .map(|d| (&*d.board, &*d.post))
            .collect();
        assert_eq!(names, [("c", "p"), ("c", "q")]);
        assert_eq!(reading.disputed_posts, 2);
    }
}

#[test]
fn a_vote_in_the_future_says_nothing_of_its_post() {
    let reading = read(&format!(
        "c,20,ann,p,bob,10,1\nc,{},eve,p,joe,11,1\n",
        NOW + 1
    ));
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
    assert_eq!(reading.disputed_posts, 0);
}

#[test]
fn of_many_disputed_posts_some_are_named_and_all_are_counted() {
    let post = |n: usize| format!("c,20,ann,p{n:03},bob,10,1\nc,20,ann,p{n:03},bob,11,1\n");
    let reading = read(&(0..TOLD_POSTS + 30).rev().map(post).collect::<String>());
    assert_eq!(reading.disputed_posts, TOLD_POSTS as u64 + 30);
    let names: Vec<String> = reading
        .disputed
        .iter()
        .map(|d| d.post.to_string())
        .collect();
    assert_eq!(
        names,
        (0..TOLD_POSTS)
            .map(|n| format!("p{n:03}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_voters_whose_rows_differ_from_most_of_a_disputed_post_are_named_in_whatever_order_rows_come()
{
    let rows = [
        "c,20,ann,p,bob,10,1",
        "c,21,eve,p,bob,10,1",
        "c,22,mal,p,mal,10,1",
        "c,23,mal,q,mal,10,1",
        "c,24,ann,q,bob,10,1",
        "c,25,eve,q,bob,10,0",
        "c,26,eve,even,bob,10,1",
        "c,27,zoe,even,ann,10,1",
        "c,28,zoe,fine,ann,10,1",
    ];
    for start in 0..rows.len() {
        let mut turned = rows.to_vec();
        turned.rotate_left(start);
        let reading = read(&(turned.join("\n") + "\n"));
        assert_eq!((reading.disputed_posts, reading.posts), (3, 4));
        let named: Vec<_> = reading
            .differing
            .iter()
            .map(|d| (&*d.voter, d.rows))
            .collect();
        assert_eq!(
            named,
            [("mal", 2)],
            "on a post with two equal sides nobody is"
        );
        let says = dispute(&reading);
        assert!(
            says[0].starts_with("3 posts (75 % of all) are in dispute"),
            "{says:?}"
        );
        assert!(
            says[1].starts_with("None of the 8 rows on them counts (89 % of all rows)"),
            "{says:?}"
        );
        assert!(
            says[2].ends_with("these voters: c/mal (2 rows)."),
            "{says:?}"
        );
    }
    assert!(dispute(&read(rows[8])).is_empty());
}
