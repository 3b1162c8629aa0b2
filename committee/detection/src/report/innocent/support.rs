//! Innocent explanations of whom a group supports: fans, a niche, good posts.

use std::collections::{HashMap, HashSet};

use super::{Asked, Innocent, Reading, figure, ratio};
use crate::votes::{MemberId, PostId, Stance};
use crate::words::{self, counted, expected, grouped, percent};

/// Fewer votes of others don't tell whether they like posts.
const TOLD: u32 = 5;

impl Asked<'_> {
    pub(super) fn fan_club(&self) -> Innocent {
        let mut by_author: HashMap<MemberId, u32> = HashMap::new();
        let mut pairs: HashSet<(MemberId, MemberId)> = HashSet::new();
        for vote in &self.inside {
            let author = self.board.post(vote.post).author;
            *by_author.entry(author).or_default() += 1;
            pairs.insert((vote.member, author));
        }
        let most = by_author
            .iter()
            .max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
        let (star, most) = most.map_or((None, 0), |(star, votes)| (Some(*star), *votes));
        let share = ratio(f64::from(most), self.inside.len() as f64);
        let even = ratio(1.0, by_author.len() as f64);
        let both = pairs
            .iter()
            .filter(|(from, to)| from < to && pairs.contains(&(*to, *from)))
            .count();
        let any = pairs.len() - both;
        let mutual = ratio(both as f64, any as f64);
        let few = self.members.len() > 2 && share >= 0.5;
        let reading = if few || mutual <= 0.2 {
            Reading::Fits
        } else if mutual <= 0.5 {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let star = star.map_or_else(String::new, |star| {
            format!(
                "{}, whom the group supports most, got {} of its {} ({}; evenly among its authors it would be {}). ",
                words::name(self.board.member_name(star)),
                grouped(u64::from(most)),
                counted(self.inside.len() as u64, "vote"),
                percent(share),
                percent(even)
            )
        });
        Innocent {
            what: "Fan club",
            would_show: "Fans support one author, or a few, who hardly support them back.",
            is_seen: format!(
                "{star}Pairs of whom one supports the other: {}; of whom each supports the other: {}.",
                grouped(any as u64),
                grouped(both as u64)
            ),
            reading,
            figures: vec![
                figure("share_of_most_supported", share),
                figure("share_if_even", even),
                figure("mutual_pairs", both as f64),
                figure("pairs", any as f64),
            ],
        }
    }

    pub(super) fn niche(&self) -> Innocent {
        let taste = self.ground.matched(self.members.iter().copied());
        let of = |member: &MemberId| {
            let place = taste.binary_search_by_key(member, |m| m.member).ok()?;
            taste.get(place)
        };
        let known = self.members.iter().filter_map(of);
        let known: Vec<_> = known.filter(|m| m.twins > 0).collect();
        let votes: f64 = known.iter().map(|m| f64::from(m.votes)).sum();
        let would: f64 = known.iter().map(|m| m.expected).sum();
        let cast = |member: &MemberId| {
            let votes = self.board.votes_of(*member);
            votes.filter(|v| v.stance == Stance::Up).count()
        };
        let cast: usize = self.members.iter().map(cast).sum();
        let to_own = ratio(self.inside.len() as f64, cast as f64);
        let reading = if 2 * known.len() < self.members.len() {
            Reading::CantTell
        } else if would >= 0.5 * votes {
            Reading::Fits
        } else if would >= 0.25 * votes || to_own >= 0.8 {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let own = format!(
            "{} of the members' own support goes to the group.",
            percent(to_own)
        );
        let is_seen = if known.is_empty() {
            format!(
                "Nobody outside the group votes like its members, so there is nobody to compare with: a closed niche \
                 and a ring look the same here. {own}"
            )
        } else {
            format!(
                "{} of {} can be compared with people outside who vote like them: they voted for posts of the group {} \
                 times, and those people would for {}. {own}",
                known.len(),
                counted(self.members.len() as u64, "member"),
                grouped(votes as u64),
                expected(would)
            )
        };
        Innocent {
            what: "Small niche or party",
            would_show: "Others of the same taste, who don't belong to the group, vote for its posts as much.",
            is_seen,
            reading,
            figures: vec![
                figure("members_compared", known.len() as f64),
                figure("votes", votes),
                figure("votes_by_same_taste", would),
                figure("share_of_support_within", to_own),
            ],
        }
    }

    pub(super) fn good_posts(&self) -> Innocent {
        let mut own = Likes::default();
        for post in self.posts() {
            for vote in self.board.votes_on(post) {
                if !self.group.has(vote.member) {
                    own.add(vote.stance);
                }
            }
        }
        let mut all = Likes {
            up: self.board.upvotes() as u32,
            votes: self.board.votes().len() as u32,
        };
        for vote in self.members.iter().flat_map(|m| self.board.votes_of(*m)) {
            all.up -= u32::from(vote.stance == Stance::Up);
            all.votes -= 1;
        }
        let posts = self.posts().count();
        let per_post = ratio(f64::from(own.up), posts as f64);
        let usual = ratio(f64::from(all.up), self.board.posts() as f64);
        let judged = all.up < all.votes;
        let (here, there) = if judged {
            (own.share(), all.share())
        } else {
            (per_post, usual)
        };
        let reading = if own.votes < TOLD {
            Reading::CantTell
        } else if here >= 1.5 * there {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let is_seen = if own.votes == 0 {
            "Nobody outside the group voted on its posts.".to_owned()
        } else if judged {
            format!(
                "Of {} by others on the group's posts {} are in favour; on all posts it is {}.",
                counted(u64::from(own.votes), "vote"),
                percent(here),
                percent(there)
            )
        } else {
            format!(
                "Others gave a post of the group {} votes on the average; a post of anybody {}.",
                expected(here),
                expected(there)
            )
        };
        Innocent {
            what: "Good posts",
            would_show: "Others like the group's posts more than most posts, too. (How popular each post is was already \
                         taken into account.)",
            is_seen,
            reading,
            figures: vec![
                figure("votes_by_others", f64::from(own.votes)),
                figure("in_favour", own.share()),
                figure("in_favour_everywhere", all.share()),
                figure("support_by_others_per_post", per_post),
                figure("support_by_others_per_post_everywhere", usual),
            ],
        }
    }

    fn posts(&self) -> impl Iterator<Item = PostId> {
        let authors = self.members.iter();
        authors.flat_map(|author| self.ground.board.posts_by(*author))
    }
}

#[derive(Default)]
struct Likes {
    up: u32,
    votes: u32,
}

impl Likes {
    fn add(&mut self, stance: Stance) {
        self.up += u32::from(stance == Stance::Up);
        self.votes += 1;
    }

    fn share(&self) -> f64 {
        ratio(f64::from(self.up), f64::from(self.votes))
    }
}
