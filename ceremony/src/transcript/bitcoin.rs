//! A Bitcoin block's header: its hash, its work, its time. Not its height, which no header says.

use sha2::{Digest as _, Sha256};

use super::beacon::EvidenceError;

/// When a block was made, as its miner says: Unix time in seconds.
pub(super) fn block_time(header: &[u8; 80]) -> u64 {
    let time = header.get(68..72).and_then(|b| b.try_into().ok());
    time.map_or(0, u32::from_le_bytes).into()
}

/// A block's hash as people write it, highest byte first.
pub(super) fn block_hash(header: &[u8; 80], max_size: usize) -> Result<Vec<u8>, EvidenceError> {
    let mut hash = Sha256::digest(Sha256::digest(header)).to_vec();
    hash.reverse();
    // bits: a byte of exponent and three of mantissa, little-endian at offset 72.
    let bits = header.get(72..76).and_then(|b| b.try_into().ok());
    let bits = bits.map_or(0, u32::from_le_bytes);
    let (size, mantissa) = ((bits >> 24) as usize, bits & 0x007f_ffff);
    if !(3..=max_size).contains(&size) || bits & 0x0080_0000 != 0 {
        return Err(EvidenceError::Work);
    }
    let mut target = [0; 32];
    let start = 32 - size;
    if let Some(place) = target.get_mut(start..start + 3) {
        place.copy_from_slice(mantissa.to_be_bytes().get(1..).unwrap_or_default());
    }
    if hash.as_slice() > target.as_slice() {
        return Err(EvidenceError::Work);
    }
    Ok(hash)
}
