//! The ledger as the state machine of the consensus.

use std::sync::Arc;

use bytes::Bytes;
use tacit_ledger as ledger;
use tacit_protocol::{
    block::Block,
    codec::Encode as _,
    entry::{Entry, Envelope, Kind},
    hash::Digest,
    signature::PROOF_BYTES,
};

use crate::{
    block::LogBlock,
    machine::{
        Admission, Applied, BodyKey, BodyNeed, Built, Candidate, Checked, Committed, Fault,
        Outline, Place, Position, ProofClaim, Refusal, StateMachine,
    },
};

/// A [`ledger::Ledger`] behind [`StateMachine`]. Whoever has a
/// [`Reader`](crate::ledger::Reader) of it reads through [`LedgerMachine::ledger`].
pub struct LedgerMachine {
    ledger: ledger::Ledger,
    circuit: Digest,
    applied: Applied,
}

impl LedgerMachine {
    /// Wraps an opened ledger.
    pub fn new(ledger: ledger::Ledger) -> Result<Self, ledger::LedgerError> {
        let circuit = ledger.founding().sealing()?.circuit.0;
        let applied = applied(&ledger)?;
        Ok(Self {
            ledger,
            circuit,
            applied,
        })
    }

    /// The ledger, for reading.
    pub fn ledger(&self) -> &ledger::Ledger {
        &self.ledger
    }

    /// The ledger, for what isn't part of the log: keeping opened bodies as public.
    pub fn ledger_mut(&mut self) -> &mut ledger::Ledger {
        &mut self.ledger
    }

    fn claims(&self, claims: Vec<ledger::Claim>) -> Vec<ProofClaim> {
        claims
            .into_iter()
            .map(|claim| ProofClaim {
                entry: claim.entry,
                circuit: self.circuit,
                public: claim.public.to_vec(),
                proof: claim.proof.to_vec(),
            })
            .collect()
    }
}

fn applied(ledger: &ledger::Ledger) -> Result<Applied, ledger::LedgerError> {
    let applied = ledger.applied()?;
    Ok(Applied {
        height: applied.height,
        digest: applied.digest,
        timestamp_ms: applied.time_ms,
    })
}

fn need(need: ledger::BodyNeed) -> BodyNeed {
    let key = BodyKey {
        statement: need.sign.statement,
        id: need.sign.body_id().0,
    };
    // The encoding is canonical, so these are the entry's very bytes.
    let entry = Bytes::from(Entry::Sign(need.sign).to_bytes());
    BodyNeed { key, entry }
}

fn needs(bodies: Vec<ledger::BodyNeed>) -> Vec<BodyNeed> {
    bodies.into_iter().map(need).collect()
}

fn refusal(refusal: ledger::Refusal) -> Refusal {
    Refusal::new(refusal.code, refusal.detail)
}

fn plain(ancestors: &[Arc<LogBlock>]) -> Vec<&Block> {
    ancestors.iter().map(|block| &***block).collect()
}

impl StateMachine for LedgerMachine {
    fn applied(&self) -> Applied {
        self.applied
    }

    fn build(
        &mut self,
        ancestors: &[Arc<LogBlock>],
        timestamp_ms: u64,
        candidates: &[Arc<Candidate>],
    ) -> Result<Built, Fault> {
        let entries: Vec<&[u8]> = candidates.iter().map(|c| &c.entry[..]).collect();
        let built = self
            .ledger
            .build(&plain(ancestors), timestamp_ms, &entries)?;
        let refused = built
            .refused
            .iter()
            .filter_map(|(i, _)| candidates.get(*i))
            .map(|candidate| candidate.id)
            .collect();
        Ok(Built {
            block: built.block,
            bodies: needs(built.effects.bodies),
            refused,
        })
    }

    fn check(&mut self, ancestors: &[Arc<LogBlock>], block: &LogBlock) -> Result<Checked, Fault> {
        Ok(match self.ledger.check(&plain(ancestors), block)? {
            ledger::Checked::Invalid(why) => Checked::Invalid(refusal(why)),
            ledger::Checked::Valid(effects) => Checked::Valid {
                claims: self.claims(effects.claims),
                bodies: needs(effects.bodies),
            },
        })
    }

    fn outline(entry: &Bytes) -> Outline {
        if let Ok(Some(envelope)) = Envelope::peek(entry) {
            return Outline {
                author: Some(envelope.node),
                place: Some(Place::Word {
                    node: envelope.node,
                    kind: envelope.kind,
                    statement: envelope.statement,
                    about: envelope.about,
                }),
                content: entry.clone(),
            };
        }
        if entry.first() == Some(&(Kind::Sign as u8))
            && let Ok(Entry::Sign(sign)) = Entry::parse(entry)
        {
            return Outline {
                author: None,
                place: Some(Place::Signature {
                    statement: sign.statement,
                    nullifier: sign.nullifier.to_le_bytes(),
                }),
                // The proof is the last field.
                content: entry.slice(..entry.len().saturating_sub(PROOF_BYTES)),
            };
        }
        Outline::default()
    }

    fn admit(&mut self, entry: &[u8]) -> Result<Admission, Fault> {
        Ok(match self.ledger.admit(entry)? {
            ledger::Admission::Valid(effects) => Admission::Valid {
                claims: self.claims(effects.claims),
                // An entry is one signature at most.
                body: effects.bodies.into_iter().next().map(need),
            },
            ledger::Admission::Final { height, index } => {
                Admission::Final(Position { height, index })
            }
            ledger::Admission::Refused(why) => Admission::Refused(refusal(why)),
        })
    }

    fn commit(&mut self, block: &LogBlock) -> Result<Committed, Fault> {
        let effects = self.ledger.commit(block)?;
        self.applied = applied(&self.ledger)?;
        Ok(Committed {
            bodies: needs(effects.bodies),
        })
    }
}
