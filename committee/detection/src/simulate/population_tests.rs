use std::collections::BTreeMap;

use super::*;
use crate::simulate::reading::{DIGEST_READ, DIGEST_SENT};
use crate::votes::{PostId, Stance};

fn mixed(seed: u64) -> (Synthetic, Board) {
    let made = Population::mixed().board(seed);
    let board = made.board().unwrap();
    (made, board)
}

fn of(made: &Synthetic, board: &Board, behaviour: Behaviour) -> Vec<MemberId> {
    let members = (0..board.members() as u32).map(MemberId);
    members
        .filter(|m| made.behaviour(board, *m) == Some(behaviour))
        .collect()
}

#[test]
fn the_same_seed_makes_the_same_board_and_another_another() {
    let population = Population::mixed();
    assert_eq!(population.board(4), population.board(4));
    assert_ne!(
        population.board(4).script.votes,
        population.board(5).script.votes
    );
}

#[test]
fn every_behaviour_is_on_the_board() {
    let (made, board) = mixed(1);
    for behaviour in Behaviour::ALL {
        assert!(!of(&made, &board, behaviour).is_empty(), "{behaviour}");
    }
}

#[test]
fn nobody_votes_before_a_post_or_on_their_own_or_twice() {
    let (made, board) = mixed(2);
    assert_eq!(board.votes().len(), made.script.votes.len());
    assert!(board.votes().len() > 5_000, "{}", board.votes().len());
}

#[test]
fn activity_has_a_heavy_tail_and_days_have_a_rhythm() {
    let (made, board) = mixed(3);
    let casual = of(&made, &board, Behaviour::Casual);
    let mut counts: Vec<usize> = casual.iter().map(|m| board.votes_of(*m).len()).collect();
    counts.sort_unstable();
    let all: usize = counts.iter().sum();
    let top: usize = counts.iter().rev().take(counts.len() / 10).sum();
    assert!(4 * top > all, "the busiest tenth cast {top} of {all}");
    let evening = board
        .votes()
        .iter()
        .filter(|v| (17..23).contains(&(v.at_ms / HOUR % 24)));
    // A quarter, if all hours were alike.
    assert!(5 * evening.count() > 2 * board.votes().len());
}

#[test]
fn fans_favour_one_author_who_does_not_return_it() {
    let (made, board) = mixed(5);
    let fans = of(&made, &board, Behaviour::FanClub);
    let favourites = of(&made, &board, Behaviour::Favourite);
    let to = |from: &[MemberId], to: &[MemberId]| {
        let votes = board
            .votes()
            .iter()
            .filter(|v| v.stance == Stance::Up && from.contains(&v.member));
        votes
            .filter(|v| to.contains(&board.post(v.post).author))
            .count()
    };
    let (given, returned) = (to(&fans, &favourites), to(&favourites, &fans));
    assert!(given > 10 * returned.max(1), "{given} {returned}");
}

#[test]
fn a_niche_supports_itself_most() {
    let (made, board) = mixed(6);
    let niche = of(&made, &board, Behaviour::LocalNiche);
    let votes = board
        .votes()
        .iter()
        .filter(|v| v.stance == Stance::Up && niche.contains(&v.member));
    let (mut own, mut all) = (0, 0);
    for vote in votes {
        all += 1;
        own += usize::from(niche.contains(&board.post(vote.post).author));
    }
    assert!(2 * own > all, "{own} of {all}");
}

#[test]
fn parties_vote_for_their_own_and_against_the_other() {
    let made = Population::mixed().board(7);
    let board = made.board().unwrap();
    let party = of(&made, &board, Behaviour::PartyLine);
    let mut rates: BTreeMap<bool, (f64, f64)> = BTreeMap::new();
    let side = |member: MemberId| {
        let name = board.member_name(member);
        // Members of the first bloc were made before those of the second.
        let place = made
            .script
            .members
            .iter()
            .position(|m| **m == *name)
            .unwrap();
        let first = made
            .script
            .members
            .iter()
            .position(|m| made.behaviours[m] == Behaviour::PartyLine)
            .unwrap();
        place < first + 40
    };
    for vote in board.votes() {
        let author = board.post(vote.post).author;
        if party.contains(&vote.member) && party.contains(&author) {
            let rate = rates.entry(side(vote.member) == side(author)).or_default();
            rate.0 += f64::from(u8::from(vote.stance == Stance::Up));
            rate.1 += 1.0;
        }
    }
    let rate = |same| rates[&same].0 / rates[&same].1;
    assert!(
        rate(true) > 0.7 && rate(false) < 0.4,
        "{} {}",
        rate(true),
        rate(false)
    );
}

#[test]
fn digest_readers_vote_within_minutes_of_each_other() {
    let (made, board) = mixed(8);
    let readers = of(&made, &board, Behaviour::DigestReader);
    let votes = board.votes().iter().filter(|v| readers.contains(&v.member));
    let hours: Vec<i64> = votes
        .map(|v| (v.at_ms - START_MS).rem_euclid(DAY) - DIGEST_SENT)
        .collect();
    let in_time = hours
        .iter()
        .filter(|h| (0..DIGEST_READ + 10 * MINUTE).contains(h))
        .count();
    assert!(2 * in_time > hours.len(), "{in_time} of {}", hours.len());
}

#[test]
fn a_cohort_comes_at_once_and_never_before() {
    let (made, board) = mixed(9);
    let first = |m: &MemberId| board.votes_of(*m).map(|v| v.at_ms).min();
    let firsts: Vec<i64> = of(&made, &board, Behaviour::NewcomerCohort)
        .iter()
        .filter_map(first)
        .collect();
    let start = firsts.iter().min().unwrap();
    assert!(*start > START_MS + 6 * DAY);
    let same_hours = |f: &&i64| {
        firsts
            .iter()
            .filter(|o| (**o - **f).abs() < 2 * HOUR)
            .count()
            > 8
    };
    assert!(firsts.iter().filter(same_hours).count() * 10 > firsts.len() * 8);
}

#[test]
fn the_bot_keeps_its_minute() {
    let (made, board) = mixed(10);
    for bot in of(&made, &board, Behaviour::ScheduledBot) {
        assert!(board.votes_of(bot).len() > 20);
        assert!(board.votes_of(bot).all(|v| v.at_ms / HOUR % 24 == 6));
    }
}

#[test]
fn on_the_viral_day_a_few_posts_have_a_burst() {
    let (made, board) = mixed(11);
    let mut posts: Vec<PostId> = (0..board.posts() as u32).map(PostId).collect();
    posts.sort_by_key(|p| std::cmp::Reverse(board.votes_on(*p).len()));
    let day = |post: &PostId| (board.post(*post).at_ms - START_MS) / DAY;
    let viral: Vec<i64> = posts.iter().take(VIRAL).map(day).collect();
    assert!(viral.iter().all(|d| (15..17).contains(d)), "{viral:?}");
    for visitor in of(&made, &board, Behaviour::ViralDay) {
        let times = || board.votes_of(visitor).map(|v| v.at_ms);
        assert!(times().max().unwrap_or(0) - times().min().unwrap_or(0) < HOUR);
    }
}

#[test]
fn where_one_can_only_vote_for_posts_the_same_people_do_and_say_nothing_else() {
    let all = Population::mixed().board(3).board().unwrap();
    let only = Population::only_up().board(3).board().unwrap();
    let up = all.votes().iter().filter(|v| v.stance == Stance::Up);
    assert_eq!(up.count(), only.votes().len());
    assert!(only.votes().iter().all(|v| v.stance == Stance::Up));
    assert!(all.votes().len() > only.votes().len() * 5 / 4);
}
