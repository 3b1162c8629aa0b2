//! Hashing with domain separation: the one list of tags, and the digest type that ids are made of.
//!
//! Every SHA-256 in the protocol goes through [`Hasher`], whose first input is a tag from [`domain`],
//! length-prefixed, so that no two uses can ever hash the same bytes.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Domain-separation tags. One place, so that no two uses share one.
pub mod domain {
    /// Fingerprint of a founding file.
    pub const FOUNDING: &str = "tacit/founding/v1";
    /// Id of a group.
    pub const GROUP: &str = "tacit/group/v1";
    /// Id of a statement.
    pub const STATEMENT: &str = "tacit/statement-id/v1";
    /// Id of an entry of the log.
    pub const ENTRY: &str = "tacit/entry/v1";
    /// Namespace of a committee's consensus messages.
    pub const CONSENSUS: &str = "tacit/consensus/v1";
    /// Digest of a block header.
    pub const HEADER: &str = "tacit/header/v1";
    /// Leaf of a Merkle tree.
    pub const MERKLE_LEAF: &str = "tacit/merkle-leaf/v1";
    /// Inner node of a Merkle tree.
    pub const MERKLE_NODE: &str = "tacit/merkle-node/v1";
    /// Root of a Merkle tree, which also binds the number of leaves.
    pub const MERKLE_ROOT: &str = "tacit/merkle-root/v1";
    /// A link of a group's or a statement's chain.
    pub const LINK: &str = "tacit/link/v1";
    /// First head of a group's or a statement's chain.
    pub const CHAIN: &str = "tacit/chain/v1";
    /// Nonce that a creator's program gives a statement.
    pub const STATEMENT_NONCE: &str = "tacit/statement-nonce/v1";
    /// Leaf of the certified state for one group or statement.
    pub const FACTS: &str = "tacit/facts/v1";
    /// Binder of a record to a leaf.
    pub const BINDER: &str = "tacit/binder/v1";
    /// Subject pseudonym of a person within a group.
    pub const SUBJECT: &str = "tacit/subject/v1";
    /// Salt of a binder.
    pub const SALT: &str = "tacit/salt/v1";
    /// What a registrar keeps of an invitation's code.
    pub const INVITATION: &str = "tacit/invitation/v1";
    /// Check digits of an invitation's code.
    pub const INVITATION_CHECK: &str = "tacit/invitation-check/v1";
    /// What a member signs with their identity to enrol.
    pub const ENROL: &str = "tacit/enrol/v1";
    /// Statement scope (keccak, docs/protocol.md).
    pub const SCOPE: &str = "tacit/statement/v1";
    /// Nonce key of an identity that comes from a bare scalar.
    pub const EDDSA_NONCE: &str = "tacit/eddsa-nonce/v1";
    /// Mask over the leaf in a sealed signature: these bytes as a little-endian integer, first input of Poseidon.
    pub const MASK: &str = "tacit/sealing-mask/v1";
    /// Context of a sealed signature.
    pub const CONTEXT: &str = "tacit/context/v1";
    /// Key derivation and associated data of a payload.
    pub const PAYLOAD: &str = "tacit/payload/v1";
    /// Id of a sealed body.
    pub const BODY: &str = "tacit/body/v1";
    /// Hash of a payload.
    pub const PAYLOAD_HASH: &str = "tacit/payload-hash/v1";
    /// Schnorr proof of knowledge of an exponent.
    pub const SCHNORR: &str = "tacit/schnorr/v1";
    /// DLEQ proof of a complaint's ECDH point.
    pub const DLEQ: &str = "tacit/dleq/v1";
    /// Batched DLEQ proof of a chunk of partial decryptions.
    pub const PARTIAL: &str = "tacit/partial/v1";
    /// Digest of the set of entries that is opened.
    pub const OPENING_SET: &str = "tacit/opening-set/v1";
    /// Commitment to a Feldman vector.
    pub const FELDMAN: &str = "tacit/feldman/v1";
    /// Encryption of a share to one recipient.
    pub const SHARE: &str = "tacit/share/v1";
    /// Derivation of a node's secrets for one attempt from its seed.
    pub const DKG_SEED: &str = "tacit/dkg-seed/v1";
    /// Digest that a holder confirms.
    pub const DKG_CONFIRM: &str = "tacit/dkg-confirm/v1";
    /// Running digest of a key generation's events, for a node's own cache.
    pub const KEYGEN_EVENTS: &str = "tacit/keygen-events/v1";
    /// Id of a circuit (hash of its constraint system).
    pub const CIRCUIT: &str = "tacit/circuit/v1";
    /// Hash of a proving or verifying key.
    pub const PROVING_KEY: &str = "tacit/proving-key/v1";

    /// Id of a key ceremony.
    pub const CEREMONY: &str = "tacit/ceremony/v1";
    /// A link of a ceremony's transcript.
    pub const CEREMONY_LINK: &str = "tacit/ceremony-link/v1";

    /// Namespace of contributors' and coordinators' signatures over entries of a ceremony's transcript.
    pub const SIGN_CEREMONY: &str = "tacit/sign-ceremony/v1";
    /// Namespace of a contributor's signature when it asks for a turn.
    pub const SIGN_CEREMONY_TURN: &str = "tacit/sign-ceremony-turn/v1";
    /// Namespace of operators' signatures over the founding file.
    pub const SIGN_FOUNDING: &str = "tacit/sign-founding/v1";
    /// Namespace of an operator's signature over its own addresses.
    pub const SIGN_CARD: &str = "tacit/sign-card/v1";
    /// Namespace of nodes' signatures over entries.
    pub const SIGN_NODE_ENTRY: &str = "tacit/sign-node-entry/v1";
    /// Namespace of registrars' and creators' signatures over a group.
    pub const SIGN_GROUP: &str = "tacit/sign-group/v1";
    /// Namespace of creators' signatures over a statement.
    pub const SIGN_STATEMENT: &str = "tacit/sign-statement/v1";
    /// Namespace of registrars' attestations of a member.
    pub const SIGN_ATTESTATION: &str = "tacit/sign-attestation/v1";
}

/// SHA-256 that starts with a length-prefixed domain tag.
#[derive(Clone)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Starts a hash in `domain`.
    pub fn new(domain: &str) -> Self {
        let mut h = Sha256::new();
        h.update((domain.len() as u16).to_be_bytes());
        h.update(domain.as_bytes());
        Self(h)
    }

    /// Adds raw bytes. Callers whose inputs vary in length use [`Hasher::chain_var`].
    #[must_use]
    pub fn chain(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.update(bytes);
        self
    }

    /// Adds bytes behind their length (8 bytes, big endian).
    #[must_use]
    pub fn chain_var(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.update((bytes.as_ref().len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// The 32-byte digest.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// A 32-byte SHA-256 digest; 64 lowercase hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// 32 zero bytes: "none" where an encoding has a fixed place for a digest.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 lowercase hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let bytes = hex::decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Declares a newtype over [`Digest`], with hex text and encoding.
#[macro_export]
macro_rules! digest_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $crate::hash::Digest);

        impl $name {
            /// The id's 32 bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }

            /// Parses 64 lowercase hex digits.
            pub fn from_hex(text: &str) -> Option<Self> {
                $crate::hash::Digest::from_hex(text).map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.0.as_ref()
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl $crate::codec::Encode for $name {
            fn encode(&self, w: &mut $crate::codec::Writer) {
                self.0.encode(w);
            }
        }

        impl $crate::codec::Decode for $name {
            fn decode(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::DecodeError> {
                Ok(Self($crate::codec::Decode::decode(r)?))
            }
        }
    };
}
