//! What votes bring the authors of posts, by the defences that count votes for less.

use std::collections::{BTreeMap, BTreeSet};

use super::terms::Layers;
use super::{Supported, Window};
use crate::policy::allowance::{Allowance, Powers};
use crate::policy::discount::{Discount, Suspicions};
use crate::policy::inputs::{ActiveMembers, PassRate, Pseudonym, Quality};
use crate::policy::strikes::Units;

/// By author, what a window's posts earned.
pub(super) type Earned = BTreeMap<Pseudonym, Units>;

/// What each author's posts earn in a window.
pub(super) fn earned(window: &Window, reward: Units, layers: Layers) -> Earned {
    let counting = Counting::of(window, layers);
    let mut earned = Earned::new();
    for post in &window.posts {
        let Units(more) = paid(counting.value(post, |_| true), reward);
        let units = earned.entry(post.author.clone()).or_default();
        units.0 = units.0.saturating_add(more);
    }
    earned
}

/// How votes are counted in a window.
pub(super) struct Counting {
    layers: Layers,
    suspicions: Suspicions<Pseudonym>,
    powers: Powers<Pseudonym>,
}

impl Counting {
    /// By these defences; among too few members, every vote counts in full.
    pub(super) fn of(window: &Window, layers: Layers) -> Self {
        let enough = ActiveMembers::new(window.active).ok();
        let suspicions = enough
            .filter(|_| layers.discount)
            .map(|enough| Discount::default().suspicions(enough, &window.structure));
        Self {
            layers,
            suspicions: suspicions.unwrap_or_else(Suspicions::nobody),
            powers: powers(window, layers, &window.given),
        }
    }

    /// As if these members hadn't voted, and with nobody suspected.
    pub(super) fn without(window: &Window, layers: Layers, members: &BTreeSet<Pseudonym>) -> Self {
        let others = window.given.iter().filter(|(m, _)| !members.contains(*m));
        let others = others.map(|(member, votes)| (member.clone(), *votes));
        Self {
            layers,
            suspicions: Suspicions::nobody(),
            powers: powers(window, layers, &others.collect()),
        }
    }

    /// What a post's votes are worth, in whole votes.
    pub(super) fn value(&self, post: &Supported, counts: impl Fn(&Pseudonym) -> bool) -> f64 {
        let votes = post.votes.iter().filter(|(voter, _)| counts(voter));
        let votes = votes.map(|(voter, rate)| {
            let rate = match self.layers.attention {
                true => *rate,
                false => PassRate::ONE,
            };
            (voter, rate.weighed(self.powers.of(voter)))
        });
        let quality = match self.layers.quality {
            true => post.quality,
            false => Quality::ONE,
        };
        self.suspicions.value_of(&post.author, votes, quality)
    }
}

/// What the votes of those weigh who gave so many.
fn powers(window: &Window, layers: Layers, given: &BTreeMap<Pseudonym, u64>) -> Powers<Pseudonym> {
    let enough = ActiveMembers::new(window.active).ok();
    enough
        .filter(|_| layers.allowance)
        .map_or_else(Powers::full, |enough| {
            Allowance::default().powers(enough, given)
        })
}

/// What so many votes bring.
pub(super) fn paid(votes: f64, reward: Units) -> Units {
    // Not below zero, and a float that is too large for units becomes the most there are.
    Units((votes * reward.0 as f64).floor() as u64)
}
