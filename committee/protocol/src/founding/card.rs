//! Operators' cards: where each node is reached. Not part of the founding file, since addresses change.

use super::Operator;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::hash::domain;
use crate::keys::{BadSignature, Signature, SigningKey};

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
    pub fn check(&self) -> Result<&Card, BadSignature> {
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
