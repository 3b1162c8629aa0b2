//! What a signer checks of a statement's bundle before they sign: that every node's word in it is
//! certified under the pinned fingerprint, that nothing is missing, and that the roster is the one
//! whose roots the committee froze.
//!
//! This is the part that a browser runs too. A whole life (key generation, proofs, partial decryptions,
//! erasure) is checked by replaying the ledger, which needs a database.

use tacit_circuits::keys::key_hash;
use tacit_protocol::certificate::CertificateError;
use tacit_protocol::chain::{
    Chain, ChainError, Event, Facts, GroupFacts, Link, Opening, StatementFacts,
};
use tacit_protocol::entry::{Entry, EntryError, Subject};
use tacit_protocol::field::FieldElement;
use tacit_protocol::founding::{Founding, FoundingError};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, GroupId, StatementId};
use tacit_protocol::keys::BadSignature;
use tacit_protocol::proof::{Bundle, CertifiedChain};
use tacit_protocol::signature::Sign;
use tacit_protocol::statement::Statement;
use thiserror::Error;

use crate::roster::{Frozen, Roster, RosterError};

/// Oldest certified head that a signature is sealed on, and furthest ahead of the clock, in milliseconds.
pub const MAX_HEAD_AGE_MS: u64 = 120_000;

/// Why a bundle isn't what it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// The founding file doesn't hold.
    #[error("its founding file does not hold: {0}")]
    Founding(#[from] FoundingError),
    /// Another committee's.
    #[error("it is of the committee {found}, not of {expected}")]
    OtherCommittee {
        /// The pinned fingerprint.
        expected: Fingerprint,
        /// The bundle's.
        found: Fingerprint,
    },
    /// The verifying key isn't the one that the founding file names.
    #[error("its verifying key is not the one that the founding file names")]
    VerifyingKey,
    /// Certificate or path.
    #[error("its state is not certified: {0}")]
    Certificate(#[from] CertificateError),
    /// Not the group's facts, then the statement's.
    #[error("it does not hold the facts of one group and one statement")]
    Facts,
    /// Another statement's.
    #[error("it is of the statement {found}, not of {expected}")]
    OtherStatement {
        /// Which was asked for.
        expected: StatementId,
        /// The bundle's.
        found: StatementId,
    },
    /// Another group's.
    #[error("it is of the group {found}, not of {expected}")]
    OtherGroup {
        /// Which was asked for.
        expected: GroupId,
        /// The chain's.
        found: GroupId,
    },
    /// A chain isn't whole, or isn't the one whose head is certified.
    #[error("the {0}'s history does not hold: {1}")]
    Chain(&'static str, ChainError),
    /// The roster isn't what the certified facts say.
    #[error("the roster does not hold: {0}")]
    Roster(#[from] RosterError),
    /// An entry that can't be read.
    #[error("entry {0} of the statement's chain can't be read: {1}")]
    Entry(usize, EntryError),
    /// The chain doesn't begin with the statement.
    #[error("the statement's chain does not begin with its proposal")]
    NoProposal,
    /// Its creator didn't sign it.
    #[error("the statement's creator has not signed it")]
    Creator(#[from] BadSignature),
    /// The statement names another committee, group or circuit.
    #[error("the statement names another {0}")]
    Names(&'static str),
    /// The facts say something else than the chain.
    #[error("the certified {0} is not what the chain says")]
    Contradiction(&'static str),
    /// It doesn't collect yet, or never will.
    #[error("the statement has no key")]
    NotOpen,
}

/// A bundle's contents, certified.
#[derive(Debug, Clone)]
pub struct Certified {
    /// Height of the certified head.
    pub height: u64,
    /// Its log time, Unix milliseconds.
    pub time_ms: u64,
    /// The statement's id.
    pub id: StatementId,
    /// The statement.
    pub statement: Statement,
    /// What the certified state says of it.
    pub facts: StatementFacts,
    /// What the certified state says of its group.
    pub group: GroupFacts,
    /// The group's roster as it is now.
    pub roster: Roster,
    /// All signatures that count, in the order of the log.
    pub signatures: Vec<Sign>,
    /// Heights of their blocks.
    pub signed_at: Vec<u64>,
}

/// Checks a bundle of the statement `expected` against the pinned fingerprint.
pub fn check(
    bundle: &Bundle,
    fingerprint: &Fingerprint,
    expected: &StatementId,
) -> Result<Certified, BundleError> {
    let found = bundle.founding.check()?;
    if found != *fingerprint {
        let expected = *fingerprint;
        return Err(BundleError::OtherCommittee { expected, found });
    }
    let founding = &bundle.founding.founding;
    if key_hash(&bundle.verifying_key) != founding.sealing()?.verifying_key {
        return Err(BundleError::VerifyingKey);
    }
    let time_ms = bundle.state.verify(founding, fingerprint)?;
    let height = bundle.state.header.headers.first().map_or(0, |h| h.height);
    let [group, facts] = bundle.state.facts.as_slice() else {
        return Err(BundleError::Facts);
    };
    let (Facts::Group(group), Facts::Statement(facts)) = (&group.facts, &facts.facts) else {
        return Err(BundleError::Facts);
    };
    if facts.id != *expected {
        let (expected, found) = (*expected, facts.id);
        return Err(BundleError::OtherStatement { expected, found });
    }
    check_chain(
        "group",
        &bundle.group,
        Subject::Group(group.id),
        (&group.head, group.links),
    )?;
    check_chain(
        "statement",
        &bundle.statement,
        Subject::Statement(facts.id),
        (&facts.head, facts.links),
    )?;
    let roster = Roster::from_chain(&bundle.group)?;
    roster.check(group)?;
    let statement = proposal(&bundle.statement, founding, fingerprint, group, facts)?;
    let (signatures, signed_at) = signatures(&bundle.statement)?;
    if signatures.len() as u64 != facts.count {
        return Err(BundleError::Contradiction("count"));
    }
    if opening(&bundle.statement) != facts.opening.as_ref() {
        return Err(BundleError::Contradiction("opening"));
    }
    Ok(Certified {
        height,
        time_ms,
        id: facts.id,
        statement,
        facts: facts.clone(),
        group: group.clone(),
        roster,
        signatures,
        signed_at,
    })
}

fn check_chain(
    whose: &'static str,
    chain: &Chain,
    subject: Subject,
    (head, links): (&Digest, u64),
) -> Result<(), BundleError> {
    let folded = chain.fold().map_err(|e| BundleError::Chain(whose, e))?;
    if chain.subject != subject || folded != *head || chain.links.len() as u64 != links {
        return Err(BundleError::Chain(whose, ChainError::Head));
    }
    Ok(())
}

fn proposal(
    chain: &Chain,
    founding: &Founding,
    fingerprint: &Fingerprint,
    group: &GroupFacts,
    facts: &StatementFacts,
) -> Result<Statement, BundleError> {
    let first = chain.entries.first().ok_or(BundleError::NoProposal)?;
    let entry = Entry::parse(first).map_err(|e| BundleError::Entry(0, e))?;
    let Entry::StatementPropose(proposal) = entry else {
        return Err(BundleError::NoProposal);
    };
    if proposal.check()? != facts.id {
        return Err(BundleError::NoProposal);
    }
    let statement = proposal.statement;
    if statement.fingerprint != *fingerprint {
        return Err(BundleError::Names("committee"));
    }
    if statement.group != group.id {
        return Err(BundleError::Names("group"));
    }
    if statement.circuit != founding.sealing()?.circuit {
        return Err(BundleError::Names("circuit"));
    }
    Ok(statement)
}

/// All signatures of a chain that folds, and the heights of their blocks.
fn signatures(chain: &Chain) -> Result<(Vec<Sign>, Vec<u64>), BundleError> {
    let (mut signatures, mut heights) = (Vec::new(), Vec::new());
    // Each entry belongs to one link, in the same order.
    let of_entries = |link: &&Link| matches!(link.event, Event::Entry { .. });
    let links = chain.links.iter().filter(of_entries);
    for ((i, bytes), link) in chain.entries.iter().enumerate().zip(links) {
        match Entry::parse(bytes).map_err(|e| BundleError::Entry(i, e))? {
            Entry::Sign(sign) => {
                signatures.push(sign);
                heights.push(link.height);
            }
            Entry::StatementPropose(_) | Entry::Node(_) => {}
            Entry::GroupCreate(_) | Entry::Enrol(_) => {
                return Err(BundleError::Chain("statement", ChainError::Entry(i)));
            }
        }
    }
    Ok((signatures, heights))
}

fn opening(chain: &Chain) -> Option<&Opening> {
    chain.links.iter().find_map(|link| match &link.event {
        Event::Collecting { opening, .. } => Some(opening),
        _ => None,
    })
}

/// A group's chain, certified.
#[derive(Debug, Clone)]
pub struct CertifiedGroup {
    /// Log time of the certified head, Unix milliseconds.
    pub time_ms: u64,
    /// What the certified state says of the group.
    pub facts: GroupFacts,
    /// Its roster.
    pub roster: Roster,
}

/// Checks the chain of the group `expected` against the founding, whose fingerprint is pinned.
pub fn check_group(
    certified: &CertifiedChain,
    founding: &Founding,
    fingerprint: &Fingerprint,
    expected: &GroupId,
) -> Result<CertifiedGroup, BundleError> {
    let time_ms = certified.state.verify(founding, fingerprint)?;
    let [proven] = certified.state.facts.as_slice() else {
        return Err(BundleError::Facts);
    };
    let Facts::Group(facts) = &proven.facts else {
        return Err(BundleError::Facts);
    };
    if facts.id != *expected {
        let (expected, found) = (*expected, facts.id);
        return Err(BundleError::OtherGroup { expected, found });
    }
    check_chain(
        "group",
        &certified.chain,
        Subject::Group(facts.id),
        (&facts.head, facts.links),
    )?;
    let roster = Roster::from_chain(&certified.chain)?;
    roster.check(facts)?;
    Ok(CertifiedGroup {
        time_ms,
        facts: facts.clone(),
        roster,
    })
}

impl Certified {
    /// The signature with this nullifier, and the height of its block, if one is counted.
    pub fn counted(&self, nullifier: &FieldElement) -> Option<(&Sign, u64)> {
        let mut all = self.signatures.iter().zip(&self.signed_at);
        let (sign, height) = all.find(|(sign, _)| sign.nullifier == *nullifier)?;
        Some((sign, *height))
    }

    /// Is the certified head recent by this clock? A log that stands still, a node that lags and a wrong
    /// clock look the same from here.
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        self.time_ms.abs_diff(now_ms) <= MAX_HEAD_AGE_MS
    }

    /// What signers rely on; none before the statement collects.
    pub fn opening(&self) -> Result<&Opening, BundleError> {
        self.facts.opening.as_ref().ok_or(BundleError::NotOpen)
    }

    /// The roster as the statement froze it.
    pub fn frozen(&self) -> Result<Frozen, BundleError> {
        Ok(self.roster.frozen(self.opening()?)?)
    }
}
