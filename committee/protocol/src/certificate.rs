//! Finalization certificates as clients check them: without the consensus engine, on any platform.
//!
//! Encoding (commonware-consensus simplex with Ed25519, all big endian):
//! `varint epoch ‖ varint view ‖ varint parent view ‖ 32-byte block digest ‖ u64 n ‖ bitmap (bit i =
//! signer i, low bit first) ‖ varint count ‖ 64-byte signatures in ascending signer order`. Signed
//! bytes: `varint(len ns) ‖ ns ‖ proposal` with `ns` the committee's namespace and `_FINALIZE`.

use thiserror::Error;

use crate::block::{Header, MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, VERSION};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::entry::MAX_ENTRY;
use crate::founding::{Founding, MAX_NODES};
use crate::hash::{Digest, Hasher, domain};
use crate::ids::{Fingerprint, NodeIndex};
use crate::keys::Signature;

/// Longest encoding of a certificate, in bytes.
pub const MAX_CERTIFICATE: usize = 128 + 64 * MAX_NODES;
/// Most headers between a height and the next one that has a certificate.
pub const MAX_WALK: usize = 256;

/// Namespace of a committee's consensus messages. It binds everything that must be equal on all
/// nodes, so that a node with other limits can't even connect.
pub fn namespace(fingerprint: &Fingerprint) -> Vec<u8> {
    let digest = Hasher::new(domain::CONSENSUS)
        .chain(fingerprint)
        .chain(VERSION.to_be_bytes())
        .chain((MAX_BLOCK_BYTES as u64).to_be_bytes())
        .chain((MAX_BLOCK_ENTRIES as u64).to_be_bytes())
        .chain((MAX_ENTRY as u64).to_be_bytes())
        .finish();
    format!("tacit-{digest}").into_bytes()
}

/// Why a certificate or a certified head isn't one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not an encoding.
    #[error("the certificate can't be read: {0}")]
    Decode(#[from] DecodeError),
    /// It names another block.
    #[error("the certificate is for another block")]
    OtherBlock,
    /// Too few signers.
    #[error("{have} nodes signed, {need} must")]
    Quorum {
        /// Signers.
        have: usize,
        /// n - f.
        need: usize,
    },
    /// A signature is wrong.
    #[error("node {0}'s signature does not verify")]
    Signature(NodeIndex),
    /// A header doesn't follow the one before.
    #[error("the headers are not linked")]
    Unlinked,
    /// A path leads elsewhere.
    #[error("the Merkle path does not lead to the certified root")]
    Path,
}

/// A certificate that has been read, not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parsed {
    proposal: Vec<u8>,
    digest: Digest,
    signers: Vec<NodeIndex>,
    signatures: Vec<Signature>,
}

fn varint(r: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let byte = r.u8()?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(DecodeError::Invalid("a varint"));
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            // The shortest form is the only one.
            if byte == 0 && shift > 0 {
                return Err(DecodeError::Invalid("a varint"));
            }
            return Ok(value);
        }
    }
    Err(DecodeError::Invalid("a varint"))
}

fn parse(bytes: &[u8], nodes: usize) -> Result<Parsed, DecodeError> {
    let mut r = Reader::new(bytes);
    for _ in 0..3 {
        varint(&mut r)?;
    }
    let digest = Digest::decode(&mut r)?;
    let proposal = bytes
        .get(..bytes.len() - r.remaining())
        .unwrap_or_default()
        .to_vec();
    if r.u64()? != nodes as u64 {
        return Err(DecodeError::Invalid("the number of nodes"));
    }
    let bitmap = r.take(nodes.div_ceil(8))?;
    let mut signers = Vec::new();
    for (i, byte) in bitmap.iter().enumerate() {
        for bit in 0..8 {
            if byte >> bit & 1 == 1 {
                let signer = i * 8 + bit;
                if signer >= nodes {
                    return Err(DecodeError::Invalid("a signer"));
                }
                signers.push(signer as NodeIndex);
            }
        }
    }
    if varint(&mut r)? != signers.len() as u64 {
        return Err(DecodeError::Invalid("the number of signatures"));
    }
    let signatures = signers
        .iter()
        .map(|_| Signature::decode(&mut r))
        .collect::<Result<_, _>>()?;
    r.finish()?;
    Ok(Parsed {
        proposal,
        digest,
        signers,
        signatures,
    })
}

/// Checks a certificate of the block `digest`: n - f good signatures of the founding's operators.
pub fn verify(
    founding: &Founding,
    fingerprint: &Fingerprint,
    digest: &Digest,
    certificate: &[u8],
) -> Result<Vec<NodeIndex>, CertificateError> {
    let parsed = parse(certificate, founding.nodes())?;
    if &parsed.digest != digest {
        return Err(CertificateError::OtherBlock);
    }
    if parsed.signers.len() < founding.quorum() {
        return Err(CertificateError::Quorum {
            have: parsed.signers.len(),
            need: founding.quorum(),
        });
    }
    let mut ns = namespace(fingerprint);
    ns.extend_from_slice(b"_FINALIZE");
    // Shorter than 128 bytes, so its length is one varint byte.
    let mut message = vec![ns.len() as u8];
    message.extend_from_slice(&ns);
    message.extend_from_slice(&parsed.proposal);
    for (signer, signature) in parsed.signers.iter().zip(&parsed.signatures) {
        let key = founding
            .key(*signer)
            .ok_or(CertificateError::Signature(*signer))?;
        key.verify_raw(&message, signature)
            .map_err(|_| CertificateError::Signature(*signer))?;
    }
    Ok(parsed.signers)
}

/// A header that a certificate covers: itself, or through descendants up to one that is certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedHeader {
    /// From the header in question up to the certified one.
    pub headers: Vec<Header>,
    /// Certificate of the last header.
    pub certificate: Vec<u8>,
}

impl CertifiedHeader {
    /// Checks links and certificate; gives the header in question.
    pub fn verify(
        &self,
        founding: &Founding,
        fingerprint: &Fingerprint,
    ) -> Result<&Header, CertificateError> {
        let (first, last) = match (self.headers.first(), self.headers.last()) {
            (Some(first), Some(last)) => (first, last),
            _ => return Err(CertificateError::Unlinked),
        };
        for pair in self.headers.windows(2) {
            let [parent, child] = pair else { continue };
            let follows = child.parent == parent.digest()
                && child.height == parent.height.wrapping_add(1)
                && child.timestamp_ms > parent.timestamp_ms;
            if !follows {
                return Err(CertificateError::Unlinked);
            }
        }
        verify(founding, fingerprint, &last.digest(), &self.certificate)?;
        Ok(first)
    }
}

impl Encode for CertifiedHeader {
    fn encode(&self, w: &mut Writer) {
        w.list(&self.headers);
        w.bytes(&self.certificate);
    }
}

impl Decode for CertifiedHeader {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            headers: r.list("headers", MAX_WALK)?,
            certificate: r.bytes("a certificate", MAX_CERTIFICATE)?.to_vec(),
        })
    }
}
