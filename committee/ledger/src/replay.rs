//! Replaying a statement's whole life from its chains, with the very same `apply` that nodes run.
//!
//! A verdict depends only on the founding, the group's and the statement's earlier links and the
//! block's height and time, so two chains are enough: every height at which one of them has a link is
//! applied in memory, and what comes out must be the chains that went in, link by link. What a
//! certified head then adds is that nothing is missing.

use std::collections::BTreeMap;

use tacit_protocol::certificate::CertificateError;
use tacit_protocol::chain::{Chain, ChainError, Event, Facts, Link};
use tacit_protocol::entry::Subject;
use tacit_protocol::founding::{Founding, FoundingError};
use tacit_protocol::ids::{Fingerprint, GroupId, StatementId};
use thiserror::Error;

use crate::apply::{Claim, Refusal};
use crate::ledger::{Ledger, LedgerError};

/// Why chains aren't what `apply` makes of their entries.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The founding file can't be used.
    #[error(transparent)]
    Founding(#[from] FoundingError),
    /// It is another committee's.
    #[error("the bundle belongs to the committee {found}, not to the pinned {pinned}")]
    OtherCommittee {
        /// The bundle's.
        found: Fingerprint,
        /// The pinned one.
        pinned: Fingerprint,
    },
    /// Certificate or paths don't hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A chain contradicts itself or its certified head.
    #[error("the {whose}'s chain: {error}")]
    Chain {
        /// "group" or "statement".
        whose: &'static str,
        /// What is wrong.
        error: ChainError,
    },
    /// The certified facts are about something else.
    #[error("the certified facts are not those of this group and this statement")]
    OtherFacts,
    /// The two chains disagree about a height's time, or time runs backwards.
    #[error("block {0} has two times, or an earlier one than the block before")]
    Time(u64),
    /// An entry can't be where it is.
    #[error("at height {height}: {refusal}")]
    Refused {
        /// Where.
        height: u64,
        /// Why.
        refusal: Refusal,
    },
    /// A link isn't the one that the entries lead to.
    #[error("link {at} of the {whose}'s chain is not what its entries lead to")]
    Link {
        /// "group" or "statement".
        whose: &'static str,
        /// Position of the link.
        at: usize,
    },
    /// Facts aren't those that the entries lead to.
    #[error("the certified {0} is not what the chain's entries lead to")]
    Facts(&'static str),
    /// The replay itself failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A statement's life, replayed.
pub struct Replay {
    /// The state at the end, in memory: read it as one reads a node's.
    pub ledger: Ledger,
    /// The group.
    pub group: GroupId,
    /// The statement.
    pub statement: StatementId,
    /// Every counted proof, still to be verified.
    pub claims: Vec<Claim>,
}

/// Folds a chain and compares it with its certified facts.
pub fn check_head(whose: &'static str, chain: &Chain, facts: &Facts) -> Result<(), ReplayError> {
    let head = chain
        .fold()
        .map_err(|error| ReplayError::Chain { whose, error })?;
    let (facts_head, links) = match facts {
        Facts::Group(f) => (f.head, f.links),
        Facts::Statement(f) => (f.head, f.links),
    };
    if head != facts_head || links != chain.links.len() as u64 {
        return Err(ReplayError::Chain {
            whose,
            error: ChainError::Head,
        });
    }
    Ok(())
}

/// Replays a group's and a statement's chains, whose heads are certified by `group_facts` and `statement_facts`.
pub fn replay(
    founding: &Founding,
    group_chain: &Chain,
    statement_chain: &Chain,
    group_facts: &Facts,
    statement_facts: &Facts,
) -> Result<Replay, ReplayError> {
    let (Subject::Group(group), Subject::Statement(statement)) =
        (group_chain.subject, statement_chain.subject)
    else {
        return Err(ReplayError::OtherFacts);
    };
    match (group_facts, statement_facts) {
        (Facts::Group(g), Facts::Statement(s)) if g.id == group && s.id == statement => {}
        _ => return Err(ReplayError::OtherFacts),
    }
    check_head("group", group_chain, group_facts)?;
    check_head("statement", statement_chain, statement_facts)?;

    let mut ledger = Ledger::in_memory(founding.clone())?;
    let mut claims = Vec::new();
    let mut time = founding.founded_ms;
    for (height, block) in blocks(&[group_chain, statement_chain])? {
        if block.time_ms <= time {
            return Err(ReplayError::Time(height));
        }
        time = block.time_ms;
        match ledger.replay_block(height, block.time_ms, &block.entries)? {
            Ok(effects) => claims.extend(effects.claims),
            Err(refusal) => return Err(ReplayError::Refused { height, refusal }),
        }
    }
    compare(&ledger, "group", group_chain, group_facts)?;
    compare(&ledger, "statement", statement_chain, statement_facts)?;
    Ok(Replay {
        ledger,
        group,
        statement,
        claims,
    })
}

struct ReplayBlock<'c> {
    time_ms: u64,
    entries: Vec<(u32, &'c [u8])>,
}

/// The heights at which the chains have links, with their entries in block order.
fn blocks<'c>(chains: &[&'c Chain]) -> Result<BTreeMap<u64, ReplayBlock<'c>>, ReplayError> {
    let mut blocks: BTreeMap<u64, ReplayBlock<'c>> = BTreeMap::new();
    for chain in chains {
        let mut entries = chain.entries.iter();
        for link in &chain.links {
            let block = blocks.entry(link.height).or_insert_with(|| ReplayBlock {
                time_ms: link.time_ms,
                entries: Vec::new(),
            });
            if block.time_ms != link.time_ms {
                return Err(ReplayError::Time(link.height));
            }
            if let Event::Entry { .. } = link.event {
                // `fold` has matched links and entries one by one.
                block
                    .entries
                    .extend(entries.next().map(|e| (link.index, e.as_slice())));
            }
        }
    }
    for block in blocks.values_mut() {
        block.entries.sort_by_key(|(index, _)| *index);
    }
    Ok(blocks)
}

fn compare(
    ledger: &Ledger,
    whose: &'static str,
    chain: &Chain,
    facts: &Facts,
) -> Result<(), ReplayError> {
    let made = ledger
        .chain(&chain.subject)?
        .map(|c| c.links)
        .unwrap_or_default();
    let differs = |(a, b): (Option<&Link>, Option<&Link>)| a != b;
    let longest = made.len().max(chain.links.len());
    if let Some(at) = (0..longest).find(|i| differs((made.get(*i), chain.links.get(*i)))) {
        return Err(ReplayError::Link { whose, at });
    }
    if ledger.facts(&chain.subject)?.as_ref() != Some(facts) {
        return Err(ReplayError::Facts(whose));
    }
    Ok(())
}
