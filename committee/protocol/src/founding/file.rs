//! The founding file: the founding with every operator's signature.

use super::{Founding, FoundingError, MAX_NODES};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::hash::domain;
use crate::ids::{Fingerprint, NodeIndex};
use crate::keys::{Signature, SigningKey};

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
