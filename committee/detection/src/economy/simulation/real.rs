//! A real board as ground for rings: its members are taken to be honest, for nobody knows better, and nothing
//! is said of any of them.
//!
//! What made-up boards know, a real one doesn't tell: how its members behave, and how good its posts are. All
//! members count as one group, and a post's quality is its place among the board's posts by the share of its
//! voters who are for it. The ring is drawn anew with each seed, and the board stays what it is, so that what
//! varies is the ring, and not whom it is planted among.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Results;
use crate::economy::windows::{numbers_of, within};
use crate::policy::inputs::ActiveMembers;
use crate::simulate::behaviour::Behaviour;
use crate::simulate::population::Synthetic;
use crate::simulate::{HOUR, Script};
use crate::validate::detection::Part;
use crate::votes::{Board, MemberId, PostId, Stance};
use crate::words::{counted, grouped, percent};

/// Windows with enough active members, at least: a strike needs two, and the first proposes groups to the next.
pub const LEAST_JUDGED: usize = 4;
/// Lengths of windows in hours, the longest first: two weeks, as on made-up boards, if the board lasts.
const LENGTHS: [i64; 9] = [336, 168, 96, 72, 48, 36, 24, 18, 12];
/// Three occasions of twelve hours begin within no window as short as this.
const NO_TIME_MS: i64 = 24 * HOUR;
/// Posts of each member in a window that is judged, as on made-up boards, and at most in all.
const POSTS: (usize, usize) = (2, 12);

/// A real board, and how it is cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    /// Its name.
    pub board: Box<str>,
    /// Its members.
    pub members: usize,
    /// The longest windows of which enough are judged.
    pub window_ms: i64,
    /// How many there are.
    pub windows: usize,
    /// Those with enough active members, without a ring.
    pub judged: usize,
    /// The share of all votes that fall into those.
    pub votes_judged: f64,
    pub(super) stage: Synthetic,
}

/// A board that is too short or too small.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "fewer than {LEAST_JUDGED} windows of it have 50 active members, be they of two weeks or of twelve hours"
)]
pub struct TooShort;

/// What was found on one board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnBoard {
    /// Its name.
    pub board: String,
    /// Its members, without a ring.
    pub members: usize,
    /// How long a window is.
    pub window_ms: i64,
    /// How many there are.
    pub windows: usize,
    /// Those with enough active members, without a ring.
    pub judged: usize,
    /// The share of all votes that fall into those.
    pub votes_judged: f64,
    /// What is to be known before the figures are read.
    pub notes: Vec<String>,
    /// The figures.
    pub results: Results,
}

impl Ground {
    /// Cuts a board into the longest windows of which [`LEAST_JUDGED`] can be judged.
    ///
    /// # Errors
    /// [`TooShort`].
    pub fn of(board: &Board) -> Result<Self, TooShort> {
        let cut = LENGTHS.iter().map(|hours| hours * HOUR).find_map(|length| {
            let numbers = numbers_of(board, length).ok()??;
            let windows = numbers.clone().count();
            let own = numbers.filter_map(|n| within(board, &(n..=n), length));
            let judged = own.filter(|own| ActiveMembers::of(own).is_ok());
            let votes: Vec<usize> = judged.map(|own| own.votes().len()).collect();
            (votes.len() >= LEAST_JUDGED).then_some((length, windows, votes))
        });
        let (window_ms, windows, votes) = cut.ok_or(TooShort)?;
        let members = (0..board.members() as u32).map(MemberId);
        let named = members.map(|m| (board.member_name(m).into(), Behaviour::Casual));
        Ok(Self {
            board: board.name().into(),
            members: board.members(),
            window_ms,
            windows,
            judged: votes.len(),
            votes_judged: votes.iter().sum::<usize>() as f64
                / (board.votes().len() as f64).max(1.0),
            stage: Synthetic {
                script: Script::of(board),
                // One group; what it is called in the results says that nobody knows more of it.
                behaviours: named.collect(),
                qualities: qualities(board),
            },
        })
    }

    /// Posts of each of a ring's members.
    pub fn posts_each(&self) -> usize {
        (POSTS.0 * self.judged).min(POSTS.1)
    }

    /// Which part the board is of.
    pub fn part(&self) -> Part {
        Part::of_board(&self.board)
    }

    /// What is to be known before its figures are read.
    pub fn says(&self) -> Vec<String> {
        let mut said = vec![
            format!(
                "Its {} are taken to be honest, and all of them stay. {} of its {} have the 50 active members without whom nobody is judged; they hold {} of its votes. In any others a ring earns as if there were neither allowance, discount nor strikes.",
                counted(self.members as u64, "member"),
                grouped(self.judged as u64),
                counted(self.windows as u64, "window"),
                percent(self.votes_judged)
            ),
            "With each seed the ring is drawn anew and the board is the same: bounds are over rings, and not over boards. A post's quality is its place by the share of its voters who are for it, which is agreement and no measure of anything better; ring posts are junk, as on made-up boards. The terms were stated for those, and a post may bring far more or less here, whoever writes it: what a ring adds stands under what is beyond honesty.".to_owned(),
            format!(
                "A strike needs evidence in two windows, and groups are proposed by earlier ones, so that on a board of {} strikes come late or never; cases that are open at the end still run to theirs.",
                counted(self.judged as u64, "judged window")
            ),
        ];
        if self.window_ms <= NO_TIME_MS {
            said.push("Time can't be evidence here: three occasions of twelve hours begin within no window as short as this. Without it nobody is struck, and what works is the discount and what is measured from outside.".to_owned());
        }
        said
    }
}

/// By post, its place among all by the share of its voters who are for it, as a value with mean 0 and deviation
/// 1 (of the logistic distribution). Equal shares are of equal quality.
fn qualities(board: &Board) -> BTreeMap<Box<str>, f64> {
    let posts = (0..board.posts() as u32).map(PostId);
    let share = |post: PostId| {
        let (mut up, mut all) = (1.0, 2.0);
        for vote in board.votes_on(post) {
            all += 1.0;
            up += f64::from(u8::from(vote.stance == Stance::Up));
        }
        up / all
    };
    let shares: Vec<(PostId, f64)> = posts.map(|post| (post, share(post))).collect();
    let mut sorted: Vec<f64> = shares.iter().map(|(_, share)| *share).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let quality = |share: f64| {
        let below = sorted.partition_point(|other| *other < share);
        let up_to = sorted.partition_point(|other| *other <= share);
        let place = (below + up_to) as f64 / (2.0 * sorted.len() as f64);
        (place / (1.0 - place)).ln() * 3.0_f64.sqrt() / std::f64::consts::PI
    };
    shares
        .iter()
        .map(|(post, share)| (board.post_name(*post).into(), quality(*share)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::DAY;
    use crate::simulate::population::Population;

    #[test]
    fn a_board_is_cut_into_the_longest_windows_of_which_four_are_judged() {
        let of =
            |members, days| Ground::of(&Population::plain(members, days).board(2).board().unwrap());
        // Twelve weeks touch seven fortnights of those counted from 1970.
        let long = of(120, 84).unwrap();
        assert_eq!(
            (long.window_ms, long.judged, long.posts_each()),
            (14 * DAY, 7, 12)
        );
        assert_eq!(long.votes_judged, 1.0);
        let short = of(400, 12).unwrap();
        assert!(
            short.window_ms < 7 * DAY && short.judged >= LEAST_JUDGED,
            "{short:?}"
        );
        // Below fifty nobody is judged, whatever the windows.
        assert_eq!(of(30, 84), Err(TooShort));
    }

    #[test]
    fn windows_of_a_day_are_said_to_leave_time_out() {
        let board = Population::plain(120, 28).board(2).board().unwrap();
        let mut ground = Ground::of(&board).unwrap();
        let told = |ground: &Ground| ground.says().iter().any(|s| s.starts_with("Time can't"));
        ground.window_ms = NO_TIME_MS + 1;
        assert!(!told(&ground));
        ground.window_ms = NO_TIME_MS;
        assert!(told(&ground));
    }

    #[test]
    fn a_posts_quality_is_its_place_and_rises_with_the_share_that_is_for_it() {
        let board = Population::plain(120, 28).board(2).board().unwrap();
        let found = qualities(&board);
        assert_eq!(found.len(), board.posts());
        let values = || found.values().copied();
        let mean = values().sum::<f64>() / found.len() as f64;
        let square = values().map(|q| q * q).sum::<f64>() / found.len() as f64;
        assert!(
            mean.abs() < 0.01 && (square - 1.0).abs() < 0.15,
            "{mean} {square}"
        );
        let all_for = |post: PostId| board.votes_on(post).all(|v| v.stance == Stance::Up);
        let of = |post: PostId| found[board.post_name(post)];
        let posts = || {
            (0..board.posts() as u32)
                .map(PostId)
                .filter(|p| board.votes_on(*p).count() > 4)
        };
        let best = posts().filter(|p| all_for(*p)).map(of).fold(9.0, f64::min);
        let worst = posts().filter(|p| !board.votes_on(*p).any(|v| v.stance == Stance::Up));
        let worst = worst.map(of).fold(-9.0, f64::max);
        assert!(best > worst, "{best} {worst}");
    }
}
