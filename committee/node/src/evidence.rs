//! Conflicting votes: a node that signs two votes of which an honest one signs one is named by its
//! own signatures, verified before anybody is told.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::{
    Reporter, Viewable as _,
    simplex::{scheme::reporter::AttributableReporter, types::Activity, types::Attributable as _},
};
use commonware_cryptography::certificate::Scheme as _;
use commonware_parallel::Sequential;
use rand_core::CryptoRng;
use tracing::warn;

use crate::engine::{PublicKey, Scheme, Sha256Digest};

/// What a node did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Two notarize votes in one view.
    TwoNotarizes,
    /// Two finalize votes in one view.
    TwoFinalizes,
    /// A nullify and a finalize vote in one view.
    NullifyAndFinalize,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TwoNotarizes => "voted for two blocks in one view",
            Self::TwoFinalizes => "finalized two blocks in one view",
            Self::NullifyAndFinalize => "skipped and finalized one view",
        })
    }
}

/// Two signatures of one node that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The node.
    pub node: PublicKey,
    /// What it did.
    pub offence: Offence,
    /// In which view.
    pub view: u64,
    /// Both votes, in the engine's encoding.
    pub votes: Bytes,
}

/// Is told of evidence; must only enqueue. The same evidence may come more than once.
pub type OnEvidence = Arc<dyn Fn(Evidence) + Send + Sync>;

/// Keeps evidence, drops everything else.
pub(crate) struct Witness<E: CryptoRng + Send + 'static> {
    verified: AttributableReporter<E, Scheme, Sha256Digest, Sequential, Namer>,
}

impl<E: CryptoRng + Send + 'static> Clone for Witness<E> {
    fn clone(&self) -> Self {
        Self {
            verified: self.verified.clone(),
        }
    }
}

impl<E: CryptoRng + Send + 'static> Witness<E> {
    pub(crate) fn new(rng: E, scheme: Scheme, tell: OnEvidence) -> Self {
        let namer = Namer {
            scheme: scheme.clone(),
            tell,
        };
        Self {
            verified: AttributableReporter::new(rng, scheme, namer, Sequential, true),
        }
    }
}

impl<E: CryptoRng + Send + 'static> Reporter for Witness<E> {
    type Activity = Activity<Scheme, Sha256Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match activity {
            // Only these are worth a signature check.
            Activity::ConflictingNotarize(_)
            | Activity::ConflictingFinalize(_)
            | Activity::NullifyFinalize(_) => self.verified.report(activity),
            _ => Feedback::Ok,
        }
    }
}

#[derive(Clone)]
struct Namer {
    scheme: Scheme,
    tell: OnEvidence,
}

impl Reporter for Namer {
    type Activity = Activity<Scheme, Sha256Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        let (signer, offence, view, votes) = match &activity {
            Activity::ConflictingNotarize(e) => {
                (e.signer(), Offence::TwoNotarizes, e.view(), e.encode())
            }
            Activity::ConflictingFinalize(e) => {
                (e.signer(), Offence::TwoFinalizes, e.view(), e.encode())
            }
            Activity::NullifyFinalize(e) => (
                e.signer(),
                Offence::NullifyAndFinalize,
                e.view(),
                e.encode(),
            ),
            _ => return Feedback::Ok,
        };
        let Some(node) = self.scheme.participants().get(signer.get() as usize) else {
            return Feedback::Ok;
        };
        let evidence = Evidence {
            node: node.clone(),
            offence,
            view: view.get(),
            votes,
        };
        warn!(node = %evidence.node, view = evidence.view, offence = %offence, "a node cheats: its own signatures show it");
        (self.tell)(evidence);
        Feedback::Ok
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use commonware_consensus::{
        simplex::types::{
            ConflictingFinalize, ConflictingNotarize, Finalize, Notarize, Nullify, NullifyFinalize,
            Proposal,
        },
        types::{Epoch, Round, View},
    };
    use commonware_cryptography::Signer as _;
    use commonware_utils::ordered::Set;
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::engine::PrivateKey;

    fn schemes(namespace: &[u8]) -> Vec<Scheme> {
        let keys: Vec<PrivateKey> = (0..4).map(PrivateKey::from_seed).collect();
        let committee = Set::from_iter_dedup(keys.iter().map(|key| key.public_key()));
        let mut schemes: Vec<(PublicKey, Scheme)> = keys
            .into_iter()
            .map(|key| {
                let public = key.public_key();
                let scheme = Scheme::signer(namespace, committee.clone(), key);
                (public, scheme.expect("a member"))
            })
            .collect();
        schemes.sort_by(|a, b| a.0.cmp(&b.0));
        schemes.into_iter().map(|(_, scheme)| scheme).collect()
    }

    fn proposal(block: u8) -> Proposal<Sha256Digest> {
        Proposal::new(
            Round::new(Epoch::zero(), View::new(9)),
            View::new(8),
            Sha256Digest::from([block; 32]),
        )
    }

    fn offences(cheat: &Scheme) -> [Activity<Scheme, Sha256Digest>; 3] {
        let notarize = |block| Notarize::sign(cheat, proposal(block)).expect("signer");
        let finalize = |block| Finalize::sign(cheat, proposal(block)).expect("signer");
        let round = Round::new(Epoch::zero(), View::new(9));
        let nullify = Nullify::sign::<Sha256Digest>(cheat, round).expect("signer");
        [
            Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(1), notarize(2))),
            Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(1), finalize(2))),
            Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(1))),
        ]
    }

    fn told(activities: impl IntoIterator<Item = Activity<Scheme, Sha256Digest>>) -> Vec<Evidence> {
        let found = Arc::new(Mutex::new(Vec::new()));
        let keep = found.clone();
        let mut witness = Witness::new(
            StdRng::seed_from_u64(1),
            schemes(b"committee")[0].clone(),
            Arc::new(move |evidence| keep.lock().expect("not poisoned").push(evidence)),
        );
        for activity in activities {
            assert_eq!(witness.report(activity), Feedback::Ok);
        }
        let found = found.lock().expect("not poisoned");
        found.clone()
    }

    #[test]
    fn each_kind_of_contradiction_names_the_node_that_signed_it() {
        let schemes = schemes(b"committee");
        let evidence = told(offences(&schemes[2]));
        let cheat = schemes[2].participants().get(2).expect("a member");
        assert!(evidence.iter().all(|e| &e.node == cheat && e.view == 9));
        let offences: Vec<Offence> = evidence.iter().map(|e| e.offence).collect();
        assert_eq!(
            offences,
            [
                Offence::TwoNotarizes,
                Offence::TwoFinalizes,
                Offence::NullifyAndFinalize
            ]
        );
    }

    #[test]
    fn forged_evidence_and_honest_votes_name_nobody() {
        let forged = offences(&schemes(b"another committee")[2]);
        assert_eq!(told(forged), []);
        let honest = Notarize::sign(&schemes(b"committee")[1], proposal(1)).expect("signer");
        assert_eq!(told([Activity::Notarize(honest)]), []);
    }
}
