//! Four operators in one process, and keys for a circuit of four levels, made once.

use std::sync::OnceLock;

use tacit_circuits::{ProvingKey, VerifyingKey, seeded_rng, setup};
use tacit_node::api::Committee;
use tacit_protocol::{
    certificate,
    codec::{Encode as _, Writer},
    founding::{CircuitKeys, Founding, FoundingFile, Operator, Timing},
    hash::Digest,
    ids::{CircuitId, Fingerprint},
    keys::{PublicKey, SigningKey},
};

pub const DEPTH: usize = 4;
pub const FOUNDED_MS: u64 = 1_700_000_000_000;

/// Everything that all tests share.
pub struct Operators {
    pub keys: Vec<SigningKey>,
    pub file: FoundingFile,
    pub fingerprint: Fingerprint,
    pub proving: ProvingKey<DEPTH>,
    pub verifying: VerifyingKey,
}

pub fn creator() -> SigningKey {
    SigningKey::from_seed([100; 32])
}

pub fn operators() -> &'static Operators {
    static OPERATORS: OnceLock<Operators> = OnceLock::new();
    OPERATORS.get_or_init(|| {
        let (proving, verifying) = setup::<DEPTH>(&mut seeded_rng([1; 32])).unwrap();
        let mut keys: Vec<_> = (1..=4).map(|i| SigningKey::from_seed([i; 32])).collect();
        keys.sort_by_key(SigningKey::public);
        let operator = |(i, key): (usize, &SigningKey)| Operator {
            key: key.public(),
            name: format!("Operator {i}"),
        };
        let founding = Founding {
            version: 1,
            epoch: 0,
            founded_ms: FOUNDED_MS,
            nonce: [9; 16],
            operators: keys.iter().enumerate().map(operator).collect(),
            circuits: vec![CircuitKeys {
                circuit: CircuitId(Digest([3; 32])),
                verifying_key: verifying.hash(),
                proving_key: tacit_circuits::keys::key_hash(&proving.to_bytes()),
                transcript: None,
            }],
            group_creators: vec![creator().public()],
            statement_creators: vec![creator().public()],
            timing: Timing::LOOPBACK,
            max_open_statements: 3,
        };
        let mut file = FoundingFile::draft(founding);
        for key in &keys {
            file.sign(key).unwrap();
        }
        let fingerprint = file.check().unwrap();
        Operators {
            keys,
            file,
            fingerprint,
            proving,
            verifying,
        }
    })
}

impl Operators {
    pub fn founding(&self) -> &Founding {
        &self.file.founding
    }

    pub fn committee(&self) -> Committee {
        let apis = vec![Some("https://node-0.example".to_string()), None];
        let (verifying, proving) = (self.verifying.to_bytes(), self.proving.to_bytes());
        Committee::new(self.file.clone(), apis, verifying, proving).unwrap()
    }

    /// A finalization certificate of three operators, as the engine encodes it.
    pub fn certify(&self, digest: &Digest, view: u8) -> Vec<u8> {
        assert!(view < 128, "one varint byte");
        let mut proposal = Writer::new();
        proposal.raw(&[0, view, view.saturating_sub(1)]);
        digest.encode(&mut proposal);
        let proposal = proposal.finish();
        let mut namespace = certificate::namespace(&self.fingerprint);
        namespace.extend_from_slice(b"_FINALIZE");
        let namespace = String::from_utf8(namespace).unwrap();
        let mut w = Writer::new();
        w.raw(&proposal);
        w.u64(self.keys.len() as u64);
        w.raw(&[0b0111, 3]);
        for key in &self.keys[..3] {
            // As the engine does: the namespace's length, the namespace, the proposal.
            w.raw(&key.sign(&namespace, &proposal).0);
        }
        w.finish()
    }
}

pub fn public_keys(keys: &[SigningKey]) -> Vec<PublicKey> {
    keys.iter().map(SigningKey::public).collect()
}
