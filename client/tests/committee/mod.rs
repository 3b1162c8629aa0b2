//! A committee in one place for tests: real keys and signatures everywhere, so that what it certifies
//! is certified, and each test changes one thing of it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::OnceLock;

use tacit_circuits::{CIRCUIT_ID, seeded_rng, setup};
use tacit_client::bundle::{self, BundleError, Certified};
use tacit_client::seal::{Sealed, SealingKey, Signer, Target, seal};
use tacit_protocol::block::Header;
use tacit_protocol::certificate::{CertifiedHeader, namespace};
use tacit_protocol::chain::{Chain, Event, Facts, GroupFacts, Link, Opening, StatementFacts, Tree};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, Subject as ChainSubject};
use tacit_protocol::field::{FieldElement, Fr, Scalar, SecretScalar};
use tacit_protocol::founding::{
    CircuitKeys, Founding, FoundingFile, Operator, PROTOCOL_VERSION, Timing,
};
use tacit_protocol::group::{
    Attestation, ClassName, Enrol, GroupCreate, GroupDefinition, GroupRoster, Record,
    RegistrarSignature,
};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::ids::{Fingerprint, GroupId, StatementId, Subject};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::lean_imt::LeanImt;
use tacit_protocol::merkle::{self, Path};
use tacit_protocol::point::Point;
use tacit_protocol::proof::{Bundle, CertifiedFacts, ProvenFacts, Receipt};
use tacit_protocol::semaphore::Identity;
use tacit_protocol::signature::Sign;
use tacit_protocol::statement::{CountPolicy, RosterPolicy, Statement, StatementPropose, Status};
use tacit_protocol::trigger::Trigger;

/// Log time of the first block.
pub const START_MS: u64 = 1_800_000_000_000;
/// Members whose place is even are senators.
pub const SENATORS: u16 = 0;

/// Development keys: proving and verifying, as bytes. Made once for all tests of a program.
pub fn keys() -> &'static (Vec<u8>, Vec<u8>) {
    static KEYS: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let (proving, verifying) = setup(&mut seeded_rng([1; 32])).unwrap();
        let proving: tacit_circuits::ProvingKey = proving;
        (proving.to_bytes(), verifying.to_bytes())
    })
}

pub fn signing_key(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32])
}

pub fn class(name: &str) -> ClassName {
    ClassName::new(name).unwrap()
}

/// Somebody with an identity and a record.
#[derive(Clone)]
pub struct Person {
    pub identity: Identity,
    pub record: Record,
    pub salt: [u8; 32],
    pub classes: Vec<u16>,
}

impl Person {
    pub fn new(n: u64) -> Self {
        let senator = n.is_multiple_of(2);
        Self {
            identity: Identity::from_scalar(SecretScalar::new(Scalar::from(1000 + n))).unwrap(),
            record: Record {
                name: format!("Person {n}"),
                classes: if senator {
                    vec![class("senators")]
                } else {
                    vec![]
                },
            },
            salt: [n as u8; 32],
            classes: if senator { vec![SENATORS] } else { vec![] },
        }
    }

    pub fn leaf(&self) -> FieldElement {
        FieldElement(self.identity.commitment())
    }

    pub fn signer(&self) -> Signer<'_> {
        Signer {
            identity: &self.identity,
            record: &self.record,
            salt: &self.salt,
        }
    }
}

/// Four operators, three registrars, a group of five and a statement that collects.
#[derive(Clone)]
pub struct Committee {
    /// In the founding file's order.
    pub operators: Vec<SigningKey>,
    pub file: FoundingFile,
    pub fingerprint: Fingerprint,
    /// In the group's order.
    pub registrars: Vec<SigningKey>,
    pub group: GroupDefinition,
    pub people: Vec<Person>,
    pub group_chain: Chain,
    pub statement: Statement,
    /// The statement's secret, which nobody has.
    pub secret: Scalar,
    pub opening: Opening,
    pub statement_chain: Chain,
}

pub fn founding(proving_key: Digest, verifying_key: Digest) -> (Vec<SigningKey>, FoundingFile) {
    let mut operators: Vec<SigningKey> = (10..14).map(signing_key).collect();
    operators.sort_by_key(SigningKey::public);
    let mut file = FoundingFile::draft(Founding {
        version: PROTOCOL_VERSION,
        epoch: 0,
        founded_ms: START_MS,
        nonce: [0; 16],
        operators: operators
            .iter()
            .map(|k| Operator {
                key: k.public(),
                name: "operator".into(),
            })
            .collect(),
        circuits: vec![CircuitKeys {
            circuit: CIRCUIT_ID,
            verifying_key,
            proving_key,
            transcript: None,
        }],
        group_creators: vec![signing_key(30).public()],
        statement_creators: vec![signing_key(30).public()],
        timing: Timing::LOOPBACK,
        max_open_statements: 10,
    });
    for key in &operators {
        file.sign(key);
    }
    (operators, file)
}

impl Committee {
    pub fn new() -> Self {
        Self::with_people((0..5).map(Person::new).collect())
    }

    pub fn with_people(people: Vec<Person>) -> Self {
        let (proving, verifying) = keys();
        let hash = tacit_circuits::keys::key_hash;
        let (operators, file) = founding(hash(proving), hash(verifying));
        let fingerprint = file.check().unwrap();
        let mut registrars: Vec<SigningKey> = (20..23).map(signing_key).collect();
        registrars.sort_by_key(SigningKey::public);
        let group = GroupDefinition {
            fingerprint,
            name: "The five".into(),
            nonce: [2; 16],
            roster: GroupRoster::Growing,
            registrars: registrars.iter().map(SigningKey::public).collect(),
            threshold: 2,
            classes: vec![class("senators")],
            creators: vec![],
            creator: signing_key(30).public(),
        };
        let statement = Statement {
            fingerprint,
            epoch: 0,
            group: group.id(),
            text: "We saw it.".into(),
            trigger: Trigger::parse("count >= 2").unwrap(),
            deadline_ms: START_MS + 3_600_000,
            count_policy: CountPolicy::Live,
            roster_policy: RosterPolicy::Frozen,
            circuit: CIRCUIT_ID,
            creator: signing_key(30).public(),
            nonce: [3; 16],
        };
        let secret = Scalar::from(987_654_321u64);
        let opening = Opening {
            k: Point::mul_generator(&secret).unwrap(),
            attempt: 0,
            holders: vec![0, 1, 2, 3],
            group: tree(&people, None),
            classes: vec![tree(&people, Some(SENATORS))],
        };
        let mut committee = Self {
            operators,
            file,
            fingerprint,
            registrars,
            group_chain: Chain {
                subject: ChainSubject::Group(group.id()),
                links: vec![],
                entries: vec![],
            },
            statement_chain: Chain {
                subject: ChainSubject::Statement(statement.id()),
                links: vec![],
                entries: vec![],
            },
            group,
            people,
            statement,
            secret,
            opening,
        };
        committee.fill();
        committee
    }

    fn fill(&mut self) {
        let id = self.group.id();
        let create = GroupCreate {
            definition: self.group.clone(),
            creator: signing_key(30).sign(domain::SIGN_GROUP, id.as_bytes()),
            registrars: self.attest(domain::SIGN_GROUP, id.as_bytes()),
        };
        append(&mut self.group_chain, 1, Entry::GroupCreate(create));
        for (i, person) in self.people.clone().iter().enumerate() {
            let enrol = self.enrol(person);
            append(&mut self.group_chain, 2 + i as u64, Entry::Enrol(enrol));
        }
        let propose = StatementPropose::sign(self.statement.clone(), &signing_key(30));
        append(
            &mut self.statement_chain,
            20,
            Entry::StatementPropose(propose),
        );
        let collecting = Event::Collecting {
            opening: self.opening.clone(),
            findings: Vec::new(),
        };
        follow(&mut self.statement_chain, 30, collecting);
    }

    /// Signatures of the first two registrars.
    pub fn attest(&self, namespace: &str, bytes: &[u8]) -> Vec<RegistrarSignature> {
        let sign = |(i, key): (usize, &SigningKey)| RegistrarSignature {
            registrar: i as u8,
            signature: key.sign(namespace, bytes),
        };
        self.registrars
            .iter()
            .enumerate()
            .take(2)
            .map(sign)
            .collect()
    }

    pub fn enrol(&self, person: &Person) -> Enrol {
        let attestation = Attestation {
            group: self.group.id(),
            subject: Subject(Digest(person.salt)),
            binder: person.record.binder(&person.salt),
            leaf: person.leaf(),
            classes: person.classes.clone(),
        };
        Enrol {
            registrars: self.attest(domain::SIGN_ATTESTATION, &attestation.to_bytes()),
            attestation,
        }
    }

    pub fn id(&self) -> StatementId {
        self.statement.id()
    }

    pub fn group_id(&self) -> GroupId {
        self.group.id()
    }

    /// Counts a signature.
    pub fn count(&mut self, sign: Sign) {
        let height = 40 + self.statement_chain.links.len() as u64;
        append(&mut self.statement_chain, height, Entry::Sign(sign));
    }

    pub fn group_facts(&self) -> GroupFacts {
        GroupFacts {
            id: self.group_id(),
            head: self.group_chain.fold().unwrap(),
            links: self.group_chain.links.len() as u64,
            members: tree(&self.people, None),
            classes: vec![tree(&self.people, Some(SENATORS))],
        }
    }

    pub fn statement_facts(&self) -> StatementFacts {
        let count = self.statement_chain.entries.len() as u64 - 1;
        StatementFacts {
            id: self.id(),
            head: self.statement_chain.fold().unwrap(),
            links: self.statement_chain.links.len() as u64,
            status: Status::Collecting,
            count,
            class_counts: vec![0],
            holders: vec![0, 1, 2, 3],
            opening: Some(self.opening.clone()),
        }
    }

    /// Certifies these facts at log time `START_MS + 1 h`, with the first three operators.
    pub fn certify(&self, facts: Vec<Facts>) -> CertifiedFacts {
        let leaves: Vec<Digest> = facts.iter().map(Facts::leaf).collect();
        let header = Header {
            height: 500,
            parent: Digest([9; 32]),
            timestamp_ms: START_MS + 3_600_000,
            entries_root: merkle::root(&[]),
            state_root: merkle::root(&leaves),
        };
        let proven = facts.into_iter().enumerate().map(|(i, facts)| ProvenFacts {
            facts,
            path: Path::of(&leaves, i).unwrap(),
        });
        CertifiedFacts {
            facts: proven.collect(),
            header: self.certified(header),
        }
    }

    /// A header with a finalization certificate by the first three operators.
    pub fn certified(&self, header: Header) -> CertifiedHeader {
        // Epoch 0, view 7, parent view 6, all in one byte each.
        let proposal = [&[0, 7, 6][..], &header.digest().0].concat();
        let mut namespace = namespace(&self.fingerprint);
        namespace.extend_from_slice(b"_FINALIZE");
        let message = [&[namespace.len() as u8][..], &namespace, &proposal].concat();
        let mut certificate = proposal;
        certificate.extend_from_slice(&4u64.to_be_bytes());
        certificate.extend_from_slice(&[0b0111, 3]);
        for key in self.operators.iter().take(3) {
            let raw = ed25519_consensus::SigningKey::from(*key.expose());
            certificate.extend_from_slice(&raw.sign(&message).to_bytes());
        }
        CertifiedHeader {
            headers: vec![header],
            certificate,
        }
    }

    /// A receipt of an entry that is alone in its block.
    pub fn receipt(&self, entry: &[u8]) -> Receipt {
        let leaves = [merkle::leaf(entry)];
        let header = Header {
            height: 60,
            parent: Digest([8; 32]),
            timestamp_ms: START_MS + 60_000,
            entries_root: merkle::root(&leaves),
            state_root: Digest([7; 32]),
        };
        Receipt {
            entry: entry.to_vec(),
            path: Path::of(&leaves, 0).unwrap(),
            header: self.certified(header),
        }
    }

    /// The bundle as a node gives it out.
    pub fn bundle(&self) -> Bundle {
        self.bundle_with(self.group_facts(), self.statement_facts())
    }

    /// A bundle whose certified facts are these.
    pub fn bundle_with(&self, group: GroupFacts, statement: StatementFacts) -> Bundle {
        Bundle {
            founding: self.file.clone(),
            verifying_key: keys().1.clone(),
            state: self.certify(vec![Facts::Group(group), Facts::Statement(statement)]),
            group: self.group_chain.clone(),
            statement: self.statement_chain.clone(),
            bodies: vec![],
        }
    }

    pub fn check(&self, bundle: &Bundle) -> Result<Certified, BundleError> {
        bundle::check(bundle, &self.fingerprint, &self.id())
    }

    pub fn certified_bundle(&self) -> Certified {
        self.check(&self.bundle()).unwrap()
    }

    /// Seals a person's signature.
    pub fn seal(
        &self,
        person: usize,
        class: Option<u16>,
        testimony: Option<&str>,
        seed: u8,
    ) -> Sealed {
        let certified = self.certified_bundle();
        let frozen = certified.frozen().unwrap();
        let target = Target {
            statement: certified.id,
            opening: certified.opening().unwrap(),
            roster: &frozen,
            class,
        };
        let signer = self.people[person].signer();
        let rng = &mut seeded_rng([seed; 32]);
        seal(&target, &signer, testimony, sealing_key(), rng).unwrap()
    }

    /// S = k·C1: what t nodes open together.
    pub fn open(&self, c1: &Point) -> Point {
        c1.mul(&self.secret).unwrap()
    }
}

/// The proving key of the tests' committee.
pub fn sealing_key() -> &'static SealingKey {
    static KEY: OnceLock<SealingKey> = OnceLock::new();
    KEY.get_or_init(|| SealingKey::load_again(&keys().0, &Committee::new().file.founding).unwrap())
}

/// Root and size of these people's leaves, or of a class of them.
pub fn tree(people: &[Person], class: Option<u16>) -> Tree {
    let belongs = |p: &&Person| class.is_none_or(|c| p.classes.contains(&c));
    let leaves: Vec<Fr> = people.iter().filter(belongs).map(|p| p.leaf().0).collect();
    let tree = LeanImt::from_leaves(&leaves).unwrap();
    Tree {
        root: tree.root().map(FieldElement),
        size: tree.size(),
    }
}

/// Adds an entry and its link to a chain.
pub fn append(chain: &mut Chain, height: u64, entry: Entry) {
    let event = Event::Entry {
        id: entry.id(),
        findings: vec![],
    };
    chain.links.push(Link {
        height,
        time_ms: START_MS + 1000 * height,
        index: 0,
        event,
    });
    chain.entries.push(entry.to_bytes());
}

/// Adds a link that is no entry.
pub fn follow(chain: &mut Chain, height: u64, event: Event) {
    chain.links.push(Link {
        height,
        time_ms: START_MS + 1000 * height,
        index: Link::NO_ENTRY,
        event,
    });
}
