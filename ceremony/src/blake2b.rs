//! BLAKE2b-512 whose inner state can be written down and taken up again.
//!
//! A `.ptau` file stores, of each contribution, the state of the hash just before the contribution's
//! public key: 216 bytes that other libraries keep to themselves. So the compression function stands
//! here, after RFC 7693, and a well-kept crate is its oracle in the tests. Hashes that export nothing
//! use that crate: [`hash`].

use zeroize::Zeroize as _;

/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 64;
/// Bytes of an exported state: a block's buffer, eight words, two counters, eight unused.
pub const STATE_BYTES: usize = 216;

const BLOCK: usize = 128;
/// Bytes that a state from a file has compressed at most; a ceremony of 2^28 hashes some 2^36.
const MOST: u64 = 1 << 48;

const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// A digest of BLAKE2b-512, unkeyed.
pub type Digest64 = [u8; DIGEST_BYTES];

/// BLAKE2b-512 of some bytes.
pub fn hash(bytes: &[u8]) -> Digest64 {
    *blake2b_simd::blake2b(bytes).as_array()
}

/// A hash under way.
///
/// The buffer is lazy, as in the reference implementation: a full block is compressed only when more
/// comes, since the last block is compressed in another way. Wiped when it is dropped: contributors' secrets
/// pass through it.
#[derive(Clone)]
pub struct Blake2b {
    words: [u64; 8],
    compressed: u64,
    buffer: [u8; BLOCK],
    fill: usize,
}

impl Default for Blake2b {
    fn default() -> Self {
        let mut words = IV;
        // Digest length 64, no key, fanout 1, depth 1.
        words[0] ^= 0x0101_0040;
        Self {
            words,
            compressed: 0,
            buffer: [0; BLOCK],
            fill: 0,
        }
    }
}

impl Drop for Blake2b {
    fn drop(&mut self) {
        self.words.zeroize();
        self.buffer.zeroize();
    }
}

impl Blake2b {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes in.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.fill == BLOCK {
                self.compressed += BLOCK as u64;
                compress(&mut self.words, &self.buffer, self.compressed, false);
                self.fill = 0;
            }
            let take = (BLOCK - self.fill).min(bytes.len());
            let (now, later) = bytes.split_at(take);
            self.buffer[self.fill..self.fill + take].copy_from_slice(now);
            self.fill += take;
            bytes = later;
        }
    }

    /// The digest of all that was taken in.
    pub fn finish(mut self) -> Digest64 {
        self.buffer[self.fill..].fill(0);
        let counter = self.compressed + self.fill as u64;
        compress(&mut self.words, &self.buffer, counter, true);
        let mut digest = [0; DIGEST_BYTES];
        for (to, word) in digest.chunks_exact_mut(8).zip(self.words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }

    /// The state, as a `.ptau` file stores it: buffer (128, zeros past the fill), words (8 u64),
    /// bytes compressed (u64), bytes in the buffer (u64), eight zeros; integers little-endian.
    pub fn export(&self) -> [u8; STATE_BYTES] {
        let mut state = [0; STATE_BYTES];
        state[..self.fill].copy_from_slice(&self.buffer[..self.fill]);
        for (to, word) in state[BLOCK..192].chunks_exact_mut(8).zip(self.words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        state[192..200].copy_from_slice(&self.compressed.to_le_bytes());
        state[200..208].copy_from_slice(&(self.fill as u64).to_le_bytes());
        state
    }

    /// Takes up an exported state. Nothing, if its counters can't be a hash's: more than a block in the
    /// buffer, an empty buffer after a block, a count that isn't of whole blocks, or more than anybody has
    /// hashed (the counter would overflow).
    ///
    /// Bytes of the buffer past its fill mean nothing (other programs leave old ones there).
    pub fn import(state: &[u8; STATE_BYTES]) -> Option<Self> {
        let word = |at: usize| -> Option<u64> {
            let bytes = state.get(at..at + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let compressed = word(192)?;
        let fill = usize::try_from(word(200)?).ok().filter(|f| *f <= BLOCK)?;
        if compressed % BLOCK as u64 != 0 || compressed > MOST || (fill == 0 && compressed != 0) {
            return None;
        }
        let mut buffer = [0; BLOCK];
        buffer[..fill].copy_from_slice(state.get(..fill)?);
        let mut words = [0; 8];
        for (i, to) in words.iter_mut().enumerate() {
            *to = word(BLOCK + 8 * i)?;
        }
        Some(Self {
            words,
            compressed,
            buffer,
            fill,
        })
    }

    /// Bytes taken in so far.
    pub fn count(&self) -> u64 {
        self.compressed + self.fill as u64
    }

    /// What waits in the buffer: at most a block, the last bytes that were taken in.
    pub fn waiting(&self) -> &[u8] {
        &self.buffer[..self.fill]
    }
}

fn compress(words: &mut [u64; 8], block: &[u8; BLOCK], counter: u64, last: bool) {
    let mut m = [0u64; 16];
    for (to, from) in m.iter_mut().zip(block.chunks_exact(8)) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(from);
        *to = u64::from_le_bytes(bytes);
    }
    let mut v = [0u64; 16];
    v[..8].copy_from_slice(words);
    v[8..].copy_from_slice(&IV);
    // The counter's upper half stays zero: nothing here has 2^64 bytes.
    v[12] ^= counter;
    if last {
        v[14] = !v[14];
    }
    for round in 0..12 {
        let s = &SIGMA[round % 10];
        mix(&mut v, [0, 4, 8, 12], m[s[0]], m[s[1]]);
        mix(&mut v, [1, 5, 9, 13], m[s[2]], m[s[3]]);
        mix(&mut v, [2, 6, 10, 14], m[s[4]], m[s[5]]);
        mix(&mut v, [3, 7, 11, 15], m[s[6]], m[s[7]]);
        mix(&mut v, [0, 5, 10, 15], m[s[8]], m[s[9]]);
        mix(&mut v, [1, 6, 11, 12], m[s[10]], m[s[11]]);
        mix(&mut v, [2, 7, 8, 13], m[s[12]], m[s[13]]);
        mix(&mut v, [3, 4, 9, 14], m[s[14]], m[s[15]]);
    }
    for (i, word) in words.iter_mut().enumerate() {
        *word ^= v[i] ^ v[i + 8];
    }
    // The same words served the blocks before.
    if last {
        m.zeroize();
        v.zeroize();
    }
}

#[inline(always)]
fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn digests_are_those_of_the_crate_at_every_length_around_a_block() {
        for n in (0..=385).chain([1_000, 4_095, 4_096, 4_097, 100_003]) {
            let input = bytes(n);
            let mut h = Blake2b::new();
            h.update(&input);
            assert_eq!(h.finish(), hash(&input), "{n} bytes");
        }
    }

    #[test]
    fn an_exported_state_goes_on_where_it_was_however_the_input_is_cut() {
        let input = bytes(700);
        for cut in [0, 1, 96, 127, 128, 129, 255, 256, 257, 699, 700] {
            let mut h = Blake2b::new();
            for piece in input[..cut].chunks(37) {
                h.update(piece);
            }
            let mut state = h.export();
            // What other programs leave behind the fill.
            let fill = h.waiting().len();
            state[fill..BLOCK].fill(0xee);
            let mut again = Blake2b::import(&state).unwrap();
            assert_eq!(again.count(), cut as u64);
            again.update(&input[cut..]);
            assert_eq!(again.finish(), hash(&input), "cut at {cut}");
        }
    }

    #[test]
    fn a_state_that_no_hash_can_have_is_refused() {
        let mut h = Blake2b::new();
        h.update(&bytes(200));
        let good = h.export();
        assert!(Blake2b::import(&good).is_some());
        for (at, value) in [(200, 129), (192, 1), (200, 0), (207, 1), (199, 0xff)] {
            let mut bad = good;
            bad[at] = value;
            assert!(Blake2b::import(&bad).is_none(), "byte {at} = {value}");
        }
    }
}
