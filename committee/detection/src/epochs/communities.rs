//! Communities that keep their number from window to window, however their order changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::inputs::{CommunityId, Pseudonym, the_same};

/// All communities that were ever found, as each was last seen.
#[derive(Debug, Clone, Default)]
pub struct Communities {
    last_seen: BTreeMap<CommunityId, BTreeSet<Pseudonym>>,
}

impl Communities {
    /// Numbers the communities of the next window: each that is [`the_same`] as an earlier one has its number,
    /// the most alike first and no number twice; all others have new ones.
    pub fn follow(&mut self, found: &[BTreeSet<Pseudonym>]) -> Vec<CommunityId> {
        let mut alike: Vec<(f64, CommunityId, usize)> = Vec::new();
        for (place, members) in found.iter().enumerate() {
            for (id, earlier) in &self.last_seen {
                if the_same(earlier, members) {
                    let both = earlier.intersection(members).count() as f64;
                    let either = (earlier.len() + members.len()) as f64 - both;
                    alike.push((both / either, *id, place));
                }
            }
        }
        alike.sort_unstable_by(|a, b| {
            let more = b.0.total_cmp(&a.0);
            more.then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2))
        });
        let mut of_place: BTreeMap<usize, CommunityId> = BTreeMap::new();
        let mut taken: BTreeSet<CommunityId> = BTreeSet::new();
        for (_, id, place) in alike {
            if !taken.contains(&id) && !of_place.contains_key(&place) {
                taken.insert(id);
                of_place.insert(place, id);
            }
        }
        let mut next = self.last_seen.keys().last().map_or(0, |id| id.0 + 1);
        let number = |(place, members): (usize, &BTreeSet<Pseudonym>)| {
            let id = of_place.get(&place).copied().unwrap_or_else(|| {
                next += 1;
                CommunityId(next - 1)
            });
            self.last_seen.insert(id, members.clone());
            id
        };
        found.iter().enumerate().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(members: &[u32]) -> BTreeSet<Pseudonym> {
        let name = |m: &u32| Pseudonym::new("square", &m.to_string());
        members.iter().map(name).collect()
    }

    #[test]
    fn a_community_keeps_its_number_while_half_of_all_stay() {
        let mut communities = Communities::default();
        let first = communities.follow(&[set(&[1, 2, 3]), set(&[7, 8, 9])]);
        assert_eq!(first, [CommunityId(0), CommunityId(1)]);
        // Two of four stay; one of five doesn't do.
        let second = communities.follow(&[set(&[7, 5, 6]), set(&[1, 2, 4])]);
        assert_eq!(second, [CommunityId(2), CommunityId(0)]);
    }

    #[test]
    fn a_community_that_is_missed_for_a_window_is_known_again() {
        let mut communities = Communities::default();
        communities.follow(&[set(&[1, 2, 3])]);
        assert_eq!(communities.follow(&[set(&[4, 5])]), [CommunityId(1)]);
        assert_eq!(communities.follow(&[set(&[1, 2, 3])]), [CommunityId(0)]);
    }

    #[test]
    fn of_two_heirs_the_more_alike_has_the_number() {
        let mut communities = Communities::default();
        communities.follow(&[set(&[1, 2, 3, 4])]);
        let heirs = communities.follow(&[set(&[1, 2]), set(&[1, 2, 3])]);
        assert_eq!(heirs, [CommunityId(1), CommunityId(0)]);
    }
}
