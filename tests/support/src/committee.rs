//! Operators, their founding file, and the certificates that they sign.

use std::sync::OnceLock;

use tacit_circuits::keys::{key_hash, setup};
use tacit_circuits::{CIRCUIT_ID, PreparedKey, VerifyingKey, seeded_rng};
use tacit_client::seal::SealingKey;
use tacit_protocol::block::Header;
use tacit_protocol::certificate::{CertifiedHeader, namespace};
use tacit_protocol::codec::{Encode as _, Writer};
use tacit_protocol::founding::{
    CircuitKeys, Founding, FoundingFile, Operator, PROTOCOL_VERSION, Timing,
};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, NodeIndex};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::lean_imt::MAX_DEPTH;

use crate::bytes;

/// When every committee of these tests was founded, Unix milliseconds.
pub const FOUNDED_MS: u64 = 1_700_000_000_000;

/// Spans that let a silent node be waited for in few blocks.
pub const TIMING: Timing = Timing {
    dkg_phase_ms: 3000,
    dkg_phase_blocks: 3,
    ..Timing::LOOPBACK
};

/// Development keys of the real circuit.
pub struct Circuit {
    /// What founding files say of them.
    pub pinned: CircuitKeys,
    /// The proving key's bytes.
    pub proving: Vec<u8>,
    /// The verifying key's bytes.
    pub verifying: Vec<u8>,
    /// The verifying key, prepared.
    pub prepared: PreparedKey,
    sealing: OnceLock<SealingKey>,
}

impl Circuit {
    /// The proving key as signers load it.
    pub fn sealing(&self, founding: &Founding) -> &SealingKey {
        self.sealing.get_or_init(|| {
            SealingKey::load_again(&self.proving, founding).expect("the keys are those pinned")
        })
    }
}

/// One set of keys per process: making them takes a second.
pub fn circuit() -> &'static Circuit {
    static CIRCUIT: OnceLock<Circuit> = OnceLock::new();
    CIRCUIT.get_or_init(|| {
        let mut rng = seeded_rng(bytes("circuit keys", 0));
        let (proving, verifying) =
            setup::<MAX_DEPTH>(&mut rng).expect("the circuit can be laid out");
        let (proving, verifying) = (proving.to_bytes(), verifying.to_bytes());
        let pinned = CircuitKeys {
            circuit: CIRCUIT_ID,
            verifying_key: key_hash(&verifying),
            proving_key: key_hash(&proving),
            transcript: None,
        };
        let key = VerifyingKey::load(&verifying, &pinned.verifying_key).expect("just made");
        Circuit {
            prepared: PreparedKey::new(&key),
            pinned,
            proving,
            verifying,
            sealing: OnceLock::new(),
        }
    })
}

/// A committee whose every operator is in our hands.
pub struct Committee {
    /// The founding file, signed by all.
    pub file: FoundingFile,
    /// Its hash.
    pub fingerprint: Fingerprint,
    /// The operators' keys, by node.
    pub keys: Vec<SigningKey>,
    /// Who may create groups and propose statements.
    pub creator: SigningKey,
}

impl Committee {
    /// A committee of `nodes` nodes.
    pub fn new(label: &str, nodes: usize) -> Self {
        Self::with(label, nodes, |_| {})
    }

    /// A committee whose founding is changed before it is signed.
    pub fn with(label: &str, nodes: usize, change: impl FnOnce(&mut Founding)) -> Self {
        let mut keys: Vec<SigningKey> = (0..nodes)
            .map(|i| SigningKey::from_seed(bytes(&format!("{label} operator"), i as u64)))
            .collect();
        keys.sort_by_key(SigningKey::public);
        let creator = SigningKey::from_seed(bytes(&format!("{label} creator"), 0));
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&bytes(label, 0)[..16]);
        let operators = keys.iter().zip('A'..).map(|(key, name)| Operator {
            key: key.public(),
            name: name.to_string(),
        });
        let mut founding = Founding {
            version: PROTOCOL_VERSION,
            epoch: 0,
            founded_ms: FOUNDED_MS,
            nonce,
            operators: operators.collect(),
            circuits: vec![circuit().pinned.clone()],
            group_creators: vec![creator.public()],
            statement_creators: vec![creator.public()],
            timing: TIMING,
            max_open_statements: 64,
        };
        change(&mut founding);
        let fingerprint = founding.fingerprint();
        let mut file = FoundingFile::draft(founding);
        for key in &keys {
            file.sign(key).expect("the key is an operator's");
        }
        Self {
            file,
            fingerprint,
            keys,
            creator,
        }
    }

    /// What was founded.
    pub fn founding(&self) -> &Founding {
        &self.file.founding
    }

    /// All nodes.
    pub fn nodes(&self) -> Vec<NodeIndex> {
        (0..self.keys.len() as NodeIndex).collect()
    }

    /// A finalization certificate of a block, by these nodes, as consensus encodes it.
    pub fn certificate(&self, digest: &Digest, view: u64, signers: &[NodeIndex]) -> Vec<u8> {
        let mut proposal = Writer::new();
        for number in [0, view, view - 1] {
            varint(&mut proposal, number);
        }
        digest.encode(&mut proposal);
        let proposal = proposal.finish();

        let mut namespace = String::from_utf8(namespace(&self.fingerprint)).expect("text");
        namespace += "_FINALIZE";
        let mut bitmap = vec![0u8; self.keys.len().div_ceil(8)];
        for signer in signers {
            bitmap[usize::from(*signer) / 8] |= 1 << (signer % 8);
        }
        let mut w = Writer::new();
        w.raw(&proposal);
        w.u64(self.keys.len() as u64);
        w.raw(&bitmap);
        varint(&mut w, signers.len() as u64);
        for signer in signers {
            let key = &self.keys[usize::from(*signer)];
            // The same shape as ours: length, namespace, message.
            key.sign(&namespace, &proposal).encode(&mut w);
        }
        w.finish()
    }

    /// A header that these nodes certified.
    pub fn certify(&self, header: &Header, signers: &[NodeIndex]) -> CertifiedHeader {
        CertifiedHeader {
            certificate: self.certificate(&header.digest(), header.height + 3, signers),
            headers: vec![header.clone()],
        }
    }
}

fn varint(w: &mut Writer, mut value: u64) {
    while value >= 0x80 {
        w.u8(value as u8 | 0x80);
        value >>= 7;
    }
    w.u8(value as u8);
}
