//! Conflicting votes: a node that signs two votes of which an honest one signs one is named by its
//! own signatures, verified before anybody is told. And this node's own key in somebody else's hands.

mod file;
mod own;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

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

pub(crate) use self::own::OwnVotes;
pub use self::{
    file::{EvidenceFile, Keeper, Line, MAX_PER_NODE},
    own::Elsewhere,
};
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
    own: Option<Arc<Mutex<OwnVotes>>>,
    verified: AttributableReporter<E, Scheme, Sha256Digest, Sequential, Namer>,
}

impl<E: CryptoRng + Send + 'static> Clone for Witness<E> {
    fn clone(&self) -> Self {
        Self {
            own: self.own.clone(),
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
            own: None,
            verified: AttributableReporter::new(rng, scheme, namer, Sequential, true),
        }
    }

    /// Looks for the node's own key, too.
    #[must_use]
    pub(crate) fn and_own(mut self, own: OwnVotes) -> Self {
        self.own = Some(Arc::new(Mutex::new(own)));
        self
    }
}

impl<E: CryptoRng + Send + 'static> Reporter for Witness<E> {
    type Activity = Activity<Scheme, Sha256Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        if let Some(own) = &self.own {
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            own.note(&activity);
        }
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
