//! This node's own key, used elsewhere: certificates show its signature on votes that this node never
//! made, because a second node runs with a copy of its key, or of its whole home.
//!
//! Votes themselves don't show it. The engine takes a vote only over a connection of its signer's key,
//! and no node connects to itself. But a certificate names all who signed, and this node's own votes
//! are all known: the engine journals each before it sends it, and reports each, those in the journal
//! again at every start.
//!
//! What it must never do is stop an honest node: see [`OwnVotes::certified`].

use std::collections::{BTreeMap, BTreeSet};

use commonware_consensus::{
    Viewable as _,
    simplex::types::{Activity, Attributable as _},
};
use commonware_utils::Participant;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::{
    engine::{Scheme, Sha256Digest},
    limits::VIEW_RETENTION,
};

/// Views with a signature of ours that we didn't make, before it is believed.
const ENOUGH: usize = 3;
/// Views that must have passed before a missing vote is missing: reports come from two tasks.
const SETTLED: u64 = 2;

/// Somebody else signs with this node's key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Elsewhere {
    /// A certificate holds a vote that contradicts this node's.
    #[error(
        "the certificate of view {0} holds a vote with this node's key that contradicts its own: the \
         key is in use on another machine"
    )]
    Contradiction(u64),
    /// Certificates hold votes that this node never made.
    #[error(
        "certificates of views {first} to {last} hold votes with this node's key that it never made: \
         the key is in use on another machine"
    )]
    NotMine {
        /// The first of the views.
        first: u64,
        /// The last.
        last: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Notarize,
    Nullify,
    Finalize,
}

/// What this node has voted, and what certificates say that it has.
pub(crate) struct OwnVotes {
    me: Participant,
    made: BTreeMap<(u64, Kind), Option<Sha256Digest>>,
    not_made: BTreeSet<(u64, Kind)>,
    tell: Option<oneshot::Sender<Elsewhere>>,
}

impl OwnVotes {
    /// Of the member at this place; `tell` gets what is found, once.
    pub(crate) fn new(me: Participant, tell: oneshot::Sender<Elsewhere>) -> Self {
        Self {
            me,
            made: BTreeMap::new(),
            not_made: BTreeSet::new(),
            tell: Some(tell),
        }
    }

    /// Notes what the engine reports.
    pub(crate) fn note(&mut self, activity: &Activity<Scheme, Sha256Digest>) {
        use Activity as A;
        let view = activity.view().get();
        let (kind, block, signers) = match activity {
            A::Notarize(v) if v.signer() == self.me => {
                return self.vote(view, Kind::Notarize, Some(v.proposal.payload));
            }
            A::Nullify(v) if v.signer() == self.me => return self.vote(view, Kind::Nullify, None),
            A::Finalize(v) if v.signer() == self.me => {
                return self.vote(view, Kind::Finalize, Some(v.proposal.payload));
            }
            A::Notarization(c) => (
                Kind::Notarize,
                Some(c.proposal.payload),
                &c.certificate.signers,
            ),
            A::Nullification(c) => (Kind::Nullify, None, &c.certificate.signers),
            A::Finalization(c) => (
                Kind::Finalize,
                Some(c.proposal.payload),
                &c.certificate.signers,
            ),
            _ => return,
        };
        let is_signed = signers.iter().any(|signer| signer == self.me);
        let found = self.certified(view, kind, block, is_signed);
        if let Some((found, tell)) = found.and_then(|found| Some((found, self.tell.take()?))) {
            drop(tell.send(found));
        }
    }

    fn vote(&mut self, view: u64, kind: Kind, block: Option<Sha256Digest>) {
        self.not_made.remove(&(view, kind));
        self.made.insert((view, kind), block);
    }

    /// A certificate of this view. Two votes that contradict each other are proof at once: the engine
    /// makes no such two. A vote that isn't known is believed to be another's only when there are several
    /// and each had time to be reported: the engine doesn't report an own vote that is hundreds of views
    /// late.
    fn certified(
        &mut self,
        view: u64,
        kind: Kind,
        block: Option<Sha256Digest>,
        is_signed: bool,
    ) -> Option<Elsewhere> {
        if is_signed {
            let other = match kind {
                Kind::Nullify => Kind::Finalize,
                Kind::Finalize | Kind::Notarize => Kind::Nullify,
            };
            match self.made.get(&(view, kind)) {
                Some(made) if *made != block => return Some(Elsewhere::Contradiction(view)),
                Some(_) => {}
                // One notarizes and nullifies a view in this order, or finalizes it, or neither.
                None if kind != Kind::Notarize && self.made.contains_key(&(view, other)) => {
                    return Some(Elsewhere::Contradiction(view));
                }
                None => drop(self.not_made.insert((view, kind))),
            }
        }
        let oldest = view.saturating_sub(VIEW_RETENTION);
        self.made = self.made.split_off(&(oldest, Kind::Notarize));
        self.not_made = self.not_made.split_off(&(oldest, Kind::Notarize));
        let settled = view.saturating_sub(SETTLED);
        let views: BTreeSet<u64> = self.not_made.iter().map(|(view, _)| *view).collect();
        let views: Vec<u64> = views.into_iter().take_while(|v| *v <= settled).collect();
        match views[..] {
            [first, .., last] if views.len() >= ENOUGH => Some(Elsewhere::NotMine { first, last }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes() -> OwnVotes {
        OwnVotes::new(Participant::new(1), oneshot::channel().0)
    }

    fn block(n: u8) -> Option<Sha256Digest> {
        Some(Sha256Digest::from([n; 32]))
    }

    #[test]
    fn a_certificate_with_another_vote_of_ours_in_the_same_view_shows_that_our_key_is_elsewhere() {
        use Kind::{Finalize, Notarize, Nullify};
        let contradictions = [
            ((Notarize, block(1)), (Notarize, block(2))),
            ((Finalize, block(1)), (Finalize, block(2))),
            ((Finalize, block(1)), (Nullify, None)),
            ((Nullify, None), (Finalize, block(1))),
        ];
        for ((made, of), (certified, other)) in contradictions {
            let mut own = votes();
            own.vote(9, made, of);
            assert_eq!(own.certified(9, certified, other, false), None, "not ours");
            let found = own.certified(9, certified, other, true);
            assert_eq!(found, Some(Elsewhere::Contradiction(9)));
        }
    }

    #[test]
    fn certificates_with_votes_that_we_never_made_show_it_when_there_are_several() {
        let mut own = votes();
        let mut found = Vec::new();
        for view in 1..=ENOUGH as u64 + SETTLED {
            found.push(own.certified(view, Kind::Finalize, block(1), true));
        }
        let last = found.pop().flatten();
        assert!(found.iter().all(Option::is_none), "not before");
        assert_eq!(last, Some(Elsewhere::NotMine { first: 1, last: 3 }));
    }

    #[test]
    fn an_honest_nodes_votes_show_nothing_in_whatever_order_they_are_reported() {
        let mut own = votes();
        for view in 1..2000u64 {
            // Reported after the certificate, now and then.
            if view % 3 == 0 {
                own.vote(view, Kind::Notarize, block(1));
            }
            let notarized = own.certified(view, Kind::Notarize, block(1), true);
            own.vote(view, Kind::Notarize, block(1));
            // A view that it gave up after it had voted, and one that it finalized.
            let (kind, of) = if view % 7 == 0 {
                (Kind::Nullify, None)
            } else {
                (Kind::Finalize, block(1))
            };
            own.vote(view, kind, of);
            let ended = own.certified(view, kind, of, true);
            assert_eq!((notarized, ended), (None, None), "{view}");
            // Others' certificates without it.
            assert_eq!(own.certified(view, Kind::Notarize, block(2), false), None);
        }
        assert!(own.made.len() < 3 * VIEW_RETENTION as usize, "old views go");
        assert_eq!(own.not_made.len(), 0);
    }
}
