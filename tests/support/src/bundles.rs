//! What clients get: receipts and bundles, with certificates by our operators.

use tacit_protocol::block::Header;
use tacit_protocol::certificate::CertifiedHeader;
use tacit_protocol::chain::{Chain, Facts};
use tacit_protocol::entry::Subject;
use tacit_protocol::ids::StatementId;
use tacit_protocol::merkle::Path;
use tacit_protocol::proof::{Bundle, CertifiedFacts, ProvenFacts, Receipt};
use tacit_protocol::statement::Status;
use tacit_protocol::{hash::Digest, merkle};

use crate::{Committee, Log, circuit};

impl Log {
    /// A header, certified by all.
    pub fn certified(&self, height: u64) -> CertifiedHeader {
        let header = &self.blocks[height as usize].header;
        self.committee.certify(header, &self.committee.nodes())
    }

    /// An entry's receipt.
    #[track_caller]
    pub fn receipt(&self, height: u64, index: u32) -> Receipt {
        let found = self.proposer.entry_path(height, index).expect("readable");
        let (entry, path) = found.expect("the entry is in the log");
        Receipt {
            entry,
            path,
            header: self.certified(height),
        }
    }

    /// The group's and the statement's facts as they stand, with the block that certifies them: one more.
    #[track_caller]
    pub fn certified_facts(&mut self, subjects: &[Subject]) -> CertifiedFacts {
        let facts = self.proposer.prove(subjects).expect("readable");
        let facts = facts.expect("all are in the log");
        let height = self.next([]);
        CertifiedFacts {
            header: self.certified(height),
            facts,
        }
    }

    /// A statement's bundle as it stands, as a node makes it.
    #[track_caller]
    pub fn bundle(&mut self, statement: &StatementId) -> Bundle {
        let view = self.view(statement);
        let subjects = [
            Subject::Group(view.statement.group),
            Subject::Statement(*statement),
        ];
        let chains = subjects.map(|s| self.chain(s));
        let bodies = match view.status {
            Status::Revealed => {
                let signatures = self.proposer.signatures(statement).expect("readable");
                let body = |ct: [u8; 32]| self.bodies[&ct].clone();
                signatures
                    .iter()
                    .map(|s| body(s.ct.to_le_bytes()))
                    .collect()
            }
            _ => Vec::new(),
        };
        let state = self.certified_facts(&subjects);
        let [group, statement] = chains;
        Bundle {
            founding: self.committee.file.clone(),
            verifying_key: circuit().verifying.clone(),
            state,
            group,
            statement,
            bodies,
        }
    }
}

/// Certifies a bundle's chains anew, as they stand, by a committee of which every node lies: heads, numbers
/// of links and paths fit again. What `lie` does to the facts stays.
pub fn recertify(committee: &Committee, bundle: &mut Bundle, lie: impl FnOnce(&mut [Facts])) {
    let mut facts: Vec<Facts> = bundle.state.facts.iter().map(|f| f.facts.clone()).collect();
    for (facts, chain) in facts.iter_mut().zip([&bundle.group, &bundle.statement]) {
        let (head, links) = head(chain);
        match facts {
            Facts::Group(f) => (f.head, f.links) = (head, links),
            Facts::Statement(f) => (f.head, f.links) = (head, links),
        }
    }
    lie(&mut facts);
    let leaves: Vec<Digest> = facts.iter().map(Facts::leaf).collect();
    let old = &bundle.state.header.headers[0];
    let header = Header {
        state_root: merkle::root(&leaves),
        ..old.clone()
    };
    bundle.state = CertifiedFacts {
        header: committee.certify(&header, &committee.nodes()),
        facts: facts
            .into_iter()
            .enumerate()
            .map(|(i, facts)| ProvenFacts {
                facts,
                path: Path::of(&leaves, i).expect("a leaf"),
            })
            .collect(),
    };
}

fn head(chain: &Chain) -> (Digest, u64) {
    let start = tacit_protocol::chain::start(&chain.subject);
    let head = chain
        .links
        .iter()
        .fold(start, |head, link| link.extend(&head));
    (head, chain.links.len() as u64)
}
