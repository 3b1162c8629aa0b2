//! Rows that can be read and don't count.

use tacit_detection::votes::LeftOut;

use super::{NOW, read, told};

#[test]
fn a_vote_for_ones_own_post_is_left_out() {
    let reading = read("c,10,bob,p,bob,10,1\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::OwnPost, 1)]
    );
    assert_eq!(told(&reading.votes), ["c 0 0"]);
}

#[test]
fn of_votes_on_the_same_post_the_last_one_counts() {
    let reading = read("c,30,ann,p,bob,10,-1\nc,20,ann,p,bob,10,1\nc,25,ann,p,bob,10,0\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::VotedAgain, 2)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 30 ann p bob 10 Down"]);
}

#[test]
fn of_votes_in_the_same_millisecond_the_one_that_supports_less_counts() {
    let votes = [
        "c,30,ann,p,bob,10,1\n",
        "c,30,ann,p,bob,10,-1\n",
        "c,30,ann,p,bob,10,0\n",
    ];
    for turn in 0..3 {
        let mut votes = votes;
        votes.rotate_left(turn);
        let reading = read(&votes.concat());
        assert_eq!(told(&reading.votes), ["c 2 1", "c 30 ann p bob 10 Down"]);
    }
}

#[test]
fn of_exact_duplicates_one_counts() {
    let reading = read(&"c,30,ann,p,bob,10,1\n".repeat(3));
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::VotedAgain, 2)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 30 ann p bob 10 Up"]);
}

#[test]
fn a_vote_before_its_post_is_left_out_and_one_in_its_moment_is_not() {
    let reading = read("c,9,ann,p,bob,10,1\nc,10,eve,p,bob,10,1\n");
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::BeforePost, 1)]
    );
    assert_eq!(told(&reading.votes), ["c 2 1", "c 10 eve p bob 10 Up"]);
}

#[test]
fn a_vote_in_the_future_is_left_out_and_one_now_is_not() {
    let rows = format!(
        "c,{},ann,p,bob,10,1\nc,{NOW},eve,p,bob,10,1\nc,{0},ann,q,bob,{0},1\n",
        NOW + 1
    );
    let reading = read(&rows);
    assert_eq!(
        reading.left_out.into_iter().collect::<Vec<_>>(),
        [(LeftOut::Future, 2)]
    );
    assert_eq!(
        told(&reading.votes),
        ["c 2 1", &format!("c {NOW} eve p bob 10 Up")]
    );
}

#[test]
fn whoever_has_no_row_that_counts_is_no_member() {
    // On its own post, before the post, in the future, on a disputed post, and unreadable.
    let rows = format!(
        "c,20,ann,p,bob,10,1\nc,20,m1,x,m1,10,1\nc,5,m2,p,bob,10,1\nc,{},m3,y,m4,10,1\nc,20,m5,z,m6,10,1\nc,20,m5,z,m7,10,1\nc,20,m8,w,m9,10,2\n",
        NOW + 1
    );
    let reading = read(&rows);
    assert_eq!(told(&reading.votes), ["c 2 1", "c 20 ann p bob 10 Up"]);
}
