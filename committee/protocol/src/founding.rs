//! The founding file: who the operators are, which circuits and keys hold, who may create what, and
//! the limits. Every operator signs it; its hash is the committee's fingerprint, which clients pin.

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::hash::{Digest, Hasher, domain};
use crate::ids::{CircuitId, Fingerprint, NodeIndex};
use crate::keys::{PublicKey, Signature, SigningKey};

/// Version of the protocol that this code speaks.
pub const PROTOCOL_VERSION: u16 = 1;
/// Fewest operators.
pub const MIN_NODES: usize = 4;
/// Most operators.
pub const MAX_NODES: usize = 100;
/// Longest operator name, in bytes.
pub const MAX_OPERATOR_NAME: usize = 64;

/// The warning that goes with keys that one party made.
pub const DEVELOPMENT_KEYS_WARNING: &str = "development keys: whoever made them can forge signatures, so can trip the trigger and expose the real signers";

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Signs entries, votes and connections of the operator's node.
    pub key: PublicKey,
    /// What people call the operator.
    pub name: String,
}

impl Encode for Operator {
    fn encode(&self, w: &mut Writer) {
        self.key.encode(w);
        w.text(&self.name);
    }
}

impl Decode for Operator {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: Decode::decode(r)?,
            name: r.text("an operator's name", MAX_OPERATOR_NAME)?,
        })
    }
}

/// A circuit and the hashes of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitKeys {
    /// Hash of the constraint system.
    pub circuit: CircuitId,
    /// Hash of the verifying key's bytes.
    pub verifying_key: Digest,
    /// Hash of the proving key's bytes.
    pub proving_key: Digest,
    /// Hash of the ceremony's transcript; `None` for development keys.
    pub transcript: Option<Digest>,
}

impl Encode for CircuitKeys {
    fn encode(&self, w: &mut Writer) {
        self.circuit.encode(w);
        self.verifying_key.encode(w);
        self.proving_key.encode(w);
        w.option(&self.transcript);
    }
}

impl Decode for CircuitKeys {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            circuit: Decode::decode(r)?,
            verifying_key: Decode::decode(r)?,
            proving_key: Decode::decode(r)?,
            transcript: r.option()?,
        })
    }
}

/// Spans of time, in milliseconds, and limits that all nodes must share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// An idle committee makes a block this often.
    pub heartbeat_ms: u32,
    /// How far a block's time may be ahead of a verifier's clock.
    pub skew_ms: u32,
    /// How long a leader has to propose.
    pub leader_ms: u32,
    /// How long a view has to be certified.
    pub certification_ms: u32,
    /// Longest wait in one phase of key generation, in log time.
    pub dkg_phase_ms: u32,
    /// Fewest blocks of that wait.
    pub dkg_phase_blocks: u32,
}

impl Timing {
    /// For nodes on one machine.
    pub const LOOPBACK: Self = Self {
        heartbeat_ms: 1000,
        skew_ms: 500,
        leader_ms: 2500,
        certification_ms: 3500,
        dkg_phase_ms: 3000,
        dkg_phase_blocks: 8,
    };
    /// For nodes on the internet.
    pub const WAN: Self = Self {
        heartbeat_ms: 2000,
        skew_ms: 1000,
        leader_ms: 4000,
        certification_ms: 6000,
        dkg_phase_ms: 30_000,
        dkg_phase_blocks: 8,
    };

    /// Checks the relations between the spans that liveness needs.
    pub fn check(&self) -> Result<(), FoundingError> {
        let Self {
            heartbeat_ms,
            skew_ms,
            leader_ms,
            certification_ms,
            dkg_phase_ms,
            dkg_phase_blocks,
        } = *self;
        let ordered = heartbeat_ms >= 100
            && u64::from(leader_ms) > u64::from(heartbeat_ms) + u64::from(skew_ms)
            && certification_ms > leader_ms
            && certification_ms <= 60_000
            && dkg_phase_ms >= heartbeat_ms
            && dkg_phase_ms <= 3_600_000
            && (1..=1000).contains(&dkg_phase_blocks);
        if ordered {
            Ok(())
        } else {
            Err(FoundingError::Timing)
        }
    }
}

impl Encode for Timing {
    fn encode(&self, w: &mut Writer) {
        for v in [
            self.heartbeat_ms,
            self.skew_ms,
            self.leader_ms,
            self.certification_ms,
            self.dkg_phase_ms,
            self.dkg_phase_blocks,
        ] {
            w.u32(v);
        }
    }
}

impl Decode for Timing {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            heartbeat_ms: r.u32()?,
            skew_ms: r.u32()?,
            leader_ms: r.u32()?,
            certification_ms: r.u32()?,
            dkg_phase_ms: r.u32()?,
            dkg_phase_blocks: r.u32()?,
        })
    }
}

/// What the operators agree on at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founding {
    /// Only [`PROTOCOL_VERSION`].
    pub version: u16,
    /// 0: this version has one epoch.
    pub epoch: u32,
    /// When it was founded: Unix time in milliseconds, the genesis block's time.
    pub founded_ms: u64,
    /// Makes two committees of the same operators different.
    pub nonce: [u8; 16],
    /// The operators, ascending by key, distinct.
    pub operators: Vec<Operator>,
    /// The circuits that this committee serves; the first is the sealing circuit.
    pub circuits: Vec<CircuitKeys>,
    /// Who may create groups. Empty: nobody.
    pub group_creators: Vec<PublicKey>,
    /// Who may propose statements to any group.
    pub statement_creators: Vec<PublicKey>,
    /// Spans of time.
    pub timing: Timing,
    /// Most statements that are open at once (admission).
    pub max_open_statements: u32,
}

/// Why a founding file can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FoundingError {
    /// Another version.
    #[error("the founding file is of version {0}; this program speaks version {PROTOCOL_VERSION}")]
    Version(u16),
    /// Too few or too many operators.
    #[error("a committee has {MIN_NODES} to {MAX_NODES} nodes, this one {0}")]
    Nodes(usize),
    /// Lists must be ascending and without repetition.
    #[error("operators must be sorted by key and distinct")]
    Unsorted,
    /// No circuit.
    #[error("the founding file names no circuit")]
    NoCircuit,
    /// Spans of time contradict each other.
    #[error(
        "its timing doesn't fit together: leader time must exceed heartbeat plus skew, and certification time leader time"
    )]
    Timing,
    /// A field that this version doesn't serve.
    #[error("{0} is not supported in this version")]
    Unsupported(&'static str),
    /// An operator hasn't signed.
    #[error("operator {0} has not signed the founding file")]
    Unsigned(NodeIndex),
}

impl Founding {
    /// The committee's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(
            Hasher::new(domain::FOUNDING)
                .chain(self.to_bytes())
                .finish(),
        )
    }

    /// Number of nodes, n.
    pub fn nodes(&self) -> usize {
        self.operators.len()
    }

    /// Nodes that may be faulty: f = floor((n-1)/3).
    pub fn faults(&self) -> usize {
        self.nodes().saturating_sub(1) / 3
    }

    /// Shares that open, and signatures of a certificate: t = n - f.
    pub fn quorum(&self) -> usize {
        self.nodes() - self.faults()
    }

    /// Attestations that make a statement erased: the least e with n - e + f <= t - 1, so that too few
    /// nodes are left to open even if f of the attestations lie.
    pub fn erasure_quorum(&self) -> usize {
        (self.nodes() + self.faults() + 1)
            .saturating_sub(self.quorum())
            .min(self.nodes())
    }

    /// Position of an operator's key.
    pub fn node(&self, key: &PublicKey) -> Option<NodeIndex> {
        self.operators
            .iter()
            .position(|o| &o.key == key)
            .and_then(|i| NodeIndex::try_from(i).ok())
    }

    /// Key of the operator at a position.
    pub fn key(&self, node: NodeIndex) -> Option<&PublicKey> {
        self.operators.get(usize::from(node)).map(|o| &o.key)
    }

    /// The sealing circuit's keys.
    pub fn sealing(&self) -> Result<&CircuitKeys, FoundingError> {
        self.circuits.first().ok_or(FoundingError::NoCircuit)
    }

    /// Were any keys made by one party?
    pub fn development_keys(&self) -> bool {
        self.circuits.iter().any(|c| c.transcript.is_none())
    }

    /// Checks what the encoding alone doesn't.
    pub fn check(&self) -> Result<(), FoundingError> {
        if self.version != PROTOCOL_VERSION {
            return Err(FoundingError::Version(self.version));
        }
        if self.epoch != 0 {
            return Err(FoundingError::Unsupported("an epoch after the first"));
        }
        if !(MIN_NODES..=MAX_NODES).contains(&self.operators.len()) {
            return Err(FoundingError::Nodes(self.operators.len()));
        }
        if !self
            .operators
            .windows(2)
            .all(|w| matches!(w, [a, b] if a.key < b.key))
        {
            return Err(FoundingError::Unsorted);
        }
        self.sealing()?;
        // Nothing checks a transcript yet, and naming one would silence the warning about keys.
        if self.circuits.iter().any(|c| c.transcript.is_some()) {
            return Err(FoundingError::Unsupported("a ceremony's transcript"));
        }
        self.timing.check()
    }
}

impl Encode for Founding {
    fn encode(&self, w: &mut Writer) {
        w.u16(self.version);
        w.u32(self.epoch);
        w.u64(self.founded_ms);
        w.raw(&self.nonce);
        w.list(&self.operators);
        w.list(&self.circuits);
        w.list(&self.group_creators);
        w.list(&self.statement_creators);
        self.timing.encode(w);
        w.u32(self.max_open_statements);
    }
}

impl Decode for Founding {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.u16()?,
            epoch: r.u32()?,
            founded_ms: r.u64()?,
            nonce: r.array()?,
            operators: r.list("operators", MAX_NODES)?,
            circuits: r.list("circuits", 16)?,
            group_creators: r.list("creators", 256)?,
            statement_creators: r.list("creators", 256)?,
            timing: Decode::decode(r)?,
            max_open_statements: r.u32()?,
        })
    }
}

/// A founding file with the operators' signatures, complete or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundingFile {
    /// What is signed.
    pub founding: Founding,
    /// One place per operator, in their order.
    pub signatures: Vec<Option<Signature>>,
}

impl FoundingFile {
    /// An unsigned file.
    pub fn draft(founding: Founding) -> Self {
        let signatures = vec![None; founding.nodes()];
        Self {
            founding,
            signatures,
        }
    }

    /// Adds the signature of the operator who holds `key`; `None` if it isn't an operator's.
    pub fn sign(&mut self, key: &SigningKey) -> Option<NodeIndex> {
        let node = self.founding.node(&key.public())?;
        let signature = key.sign(
            domain::SIGN_FOUNDING,
            self.founding.fingerprint().as_bytes(),
        );
        *self.signatures.get_mut(usize::from(node))? = Some(signature);
        Some(node)
    }

    /// Checks the founding and every operator's signature.
    pub fn check(&self) -> Result<Fingerprint, FoundingError> {
        self.founding.check()?;
        let fingerprint = self.founding.fingerprint();
        for (i, operator) in self.founding.operators.iter().enumerate() {
            let unsigned = FoundingError::Unsigned(i as NodeIndex);
            let signature = self
                .signatures
                .get(i)
                .and_then(Option::as_ref)
                .ok_or(unsigned)?;
            operator
                .key
                .verify(domain::SIGN_FOUNDING, fingerprint.as_bytes(), signature)
                .map_err(|_| unsigned)?;
        }
        if self.signatures.len() != self.founding.nodes() {
            return Err(FoundingError::Nodes(self.signatures.len()));
        }
        Ok(fingerprint)
    }
}

impl Encode for FoundingFile {
    fn encode(&self, w: &mut Writer) {
        self.founding.encode(w);
        w.u32(self.signatures.len() as u32);
        for s in &self.signatures {
            w.option(s);
        }
    }
}

impl Decode for FoundingFile {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let founding = Decode::decode(r)?;
        let len = r.length("signatures", MAX_NODES)?;
        let mut signatures = Vec::with_capacity(len);
        for _ in 0..len {
            signatures.push(r.option()?);
        }
        Ok(Self {
            founding,
            signatures,
        })
    }
}

/// An operator's card: key, name and where its node is reached. Signed by the operator, replaced by a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The operator.
    pub operator: Operator,
    /// `ip:port` where other nodes connect.
    pub p2p: String,
    /// URL of the node's API.
    pub api: String,
    /// A later card has a greater number.
    pub sequence: u64,
}

impl Encode for Card {
    fn encode(&self, w: &mut Writer) {
        self.operator.encode(w);
        w.text(&self.p2p);
        w.text(&self.api);
        w.u64(self.sequence);
    }
}

impl Decode for Card {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            operator: Decode::decode(r)?,
            p2p: r.text("an address", 256)?,
            api: r.text("an address", 512)?,
            sequence: r.u64()?,
        })
    }
}

/// A card with its operator's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCard {
    /// The card.
    pub card: Card,
    /// By the card's own key.
    pub signature: Signature,
}

impl SignedCard {
    /// Signs a card.
    pub fn sign(card: Card, key: &SigningKey) -> Self {
        let signature = key.sign(domain::SIGN_CARD, &card.to_bytes());
        Self { card, signature }
    }

    /// Checks the signature.
    pub fn check(&self) -> Result<&Card, crate::keys::BadSignature> {
        self.card
            .operator
            .key
            .verify(domain::SIGN_CARD, &self.card.to_bytes(), &self.signature)?;
        Ok(&self.card)
    }
}

impl Encode for SignedCard {
    fn encode(&self, w: &mut Writer) {
        self.card.encode(w);
        self.signature.encode(w);
    }
}

impl Decode for SignedCard {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            card: Decode::decode(r)?,
            signature: Decode::decode(r)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed([n; 32])
    }

    fn founding() -> Founding {
        let mut operators: Vec<Operator> = (1..=4)
            .map(|n| Operator {
                key: key(n).public(),
                name: format!("operator {n}"),
            })
            .collect();
        operators.sort_by_key(|o| o.key);
        Founding {
            version: PROTOCOL_VERSION,
            epoch: 0,
            founded_ms: 1,
            nonce: [0; 16],
            operators,
            circuits: vec![CircuitKeys {
                circuit: CircuitId(Digest::ZERO),
                verifying_key: Digest::ZERO,
                proving_key: Digest::ZERO,
                transcript: None,
            }],
            group_creators: Vec::new(),
            statement_creators: Vec::new(),
            timing: Timing::LOOPBACK,
            max_open_statements: 1,
        }
    }

    fn signed() -> FoundingFile {
        let mut file = FoundingFile::draft(founding());
        for n in 1..=4 {
            file.sign(&key(n)).unwrap();
        }
        file
    }

    #[test]
    fn a_founding_that_all_operators_signed_holds_and_reads_back() {
        let file = signed();
        assert_eq!(file.check(), Ok(file.founding.fingerprint()));
        assert_eq!(FoundingFile::from_bytes(&file.to_bytes()), Ok(file));
    }

    #[test]
    fn each_rule_of_a_founding_is_refused_by_name_when_it_alone_is_broken() {
        type Break = fn(&mut Founding);
        let rules: [(Break, FoundingError); 9] = [
            (|f| f.version = 2, FoundingError::Version(2)),
            (
                |f| f.epoch = 1,
                FoundingError::Unsupported("an epoch after the first"),
            ),
            (|f| drop(f.operators.pop()), FoundingError::Nodes(3)),
            (|f| f.operators.swap(0, 1), FoundingError::Unsorted),
            (
                |f| f.operators[1] = f.operators[0].clone(),
                FoundingError::Unsorted,
            ),
            (|f| f.circuits.clear(), FoundingError::NoCircuit),
            // Nothing checks one yet, and it would silence the warning about development keys.
            (
                |f| f.circuits[0].transcript = Some(Digest::ZERO),
                FoundingError::Unsupported("a ceremony's transcript"),
            ),
            (
                |f| f.timing.leader_ms = f.timing.heartbeat_ms + f.timing.skew_ms,
                FoundingError::Timing,
            ),
            (
                |f| f.timing.certification_ms = f.timing.leader_ms,
                FoundingError::Timing,
            ),
        ];
        for (i, (break_rule, error)) in rules.into_iter().enumerate() {
            let mut broken = founding();
            break_rule(&mut broken);
            assert_eq!(broken.check(), Err(error), "rule {i}");
        }
    }

    #[test]
    fn a_missing_a_wrong_and_a_surplus_signature_are_refused() {
        let mut missing = signed();
        missing.signatures[2] = None;
        assert_eq!(missing.check(), Err(FoundingError::Unsigned(2)));
        let mut swapped = signed();
        swapped.signatures.swap(0, 1);
        assert_eq!(swapped.check(), Err(FoundingError::Unsigned(0)));
        let mut changed = signed();
        changed.founding.nonce[0] ^= 1;
        assert_eq!(changed.check(), Err(FoundingError::Unsigned(0)));
        let mut surplus = signed();
        surplus.signatures.push(surplus.signatures[0]);
        assert_eq!(surplus.check(), Err(FoundingError::Nodes(5)));
    }

    #[test]
    fn only_operators_sign_and_a_card_is_its_own_operators() {
        assert_eq!(FoundingFile::draft(founding()).sign(&key(9)), None);
        let card = Card {
            operator: Operator {
                key: key(1).public(),
                name: "one".into(),
            },
            p2p: "127.0.0.1:1".into(),
            api: "http://127.0.0.1:2".into(),
            sequence: 1,
        };
        assert!(SignedCard::sign(card.clone(), &key(1)).check().is_ok());
        assert!(SignedCard::sign(card, &key(2)).check().is_err());
    }

    #[test]
    fn the_erasure_quorum_leaves_too_few_to_open_even_if_f_of_it_lie() {
        for n in 4..=100 {
            let mut f = founding();
            f.operators = vec![f.operators[0].clone(); n];
            let (e, t, faults) = (f.erasure_quorum(), f.quorum(), f.faults());
            assert!(n - e + faults < t, "n = {n}");
            assert!(n - (e - 1) + faults >= t, "n = {n}: no more than needed");
        }
    }
}
