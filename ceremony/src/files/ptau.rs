//! `.ptau` files: powers of tau, and the records of who contributed.

use std::path::Path;

use ark_bn254::{Fq, G1Affine, G2Affine};

use super::container::{Fault, FileError, Format, SectionFile, SectionWriter, u32_at};
use super::parameters::Parameters;
use crate::blake2b::{DIGEST_BYTES, Digest64, STATE_BYTES};
use crate::points::{Encoded, PointError};

/// The format.
pub const FORMAT: Format = Format {
    magic: "ptau",
    version: 1,
    required: &[HEADER, 2, 3, 4, 5, 6, RECORDS],
    optional: &[12, 13, 14, 15],
};

/// Largest power that is read: BN254's scalar field has roots of unity up to 2^28.
pub const MAX_POWER: u32 = 28;
/// Most contributions in one file.
pub const MAX_RECORDS: u32 = 10_000;

const HEADER: u32 = 1;
const RECORDS: u32 = 7;
/// Bytes of a record without its parameters.
const RECORD_BYTES: usize = 3 * 64 + 2 * 128 + 6 * 64 + 3 * 128 + STATE_BYTES + DIGEST_BYTES;
/// Bytes of a record at most.
pub const MAX_RECORD: u64 = RECORD_BYTES as u64 + 8 + 2 * 257 + 2;

/// A list of powers, and the section that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Powers {
    /// tau^i in G1, 2n - 1 of them.
    TauG1,
    /// tau^i in G2, n.
    TauG2,
    /// alpha tau^i in G1, n.
    AlphaG1,
    /// beta tau^i in G1, n.
    BetaG1,
    /// beta in G2, one.
    BetaG2,
}

impl Powers {
    /// The order in which they are hashed, and stand in a file.
    pub const ALL: [Self; 5] = [
        Self::TauG1,
        Self::TauG2,
        Self::AlphaG1,
        Self::BetaG1,
        Self::BetaG2,
    ];

    /// The section's number.
    pub fn section(self) -> u32 {
        match self {
            Self::TauG1 => 2,
            Self::TauG2 => 3,
            Self::AlphaG1 => 4,
            Self::BetaG1 => 5,
            Self::BetaG2 => 6,
        }
    }

    /// The section of the same list in Lagrange form, for all but beta in G2.
    pub fn lagrange(self) -> u32 {
        self.section() + 10
    }

    /// Points for a ceremony of 2^power.
    pub fn count(self, power: u32) -> u64 {
        let n = 1u64 << power;
        match self {
            Self::TauG1 => 2 * n - 1,
            Self::BetaG2 => 1,
            _ => n,
        }
    }

    /// Whether they are points of G2.
    pub fn in_g2(self) -> bool {
        matches!(self, Self::TauG2 | Self::BetaG2)
    }
}

/// A proof that somebody knows a secret x: s and x s in G1, and x times a point of G2 that s, x s and
/// what came before hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPart {
    /// A random point.
    pub s: G1Affine,
    /// The same, times the secret.
    pub sx: G1Affine,
    /// The hashed point of G2, times the secret.
    pub spx: G2Affine,
}

/// A contribution's public key: one part each for tau, alpha and beta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    /// For tau.
    pub tau: KeyPart,
    /// For alpha.
    pub alpha: KeyPart,
    /// For beta.
    pub beta: KeyPart,
}

impl PublicKey {
    /// In hashed form, 768 bytes: six points of G1, three of G2.
    pub fn hashed(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(768);
        for part in [self.tau, self.alpha, self.beta] {
            part.s.hashed(&mut bytes);
            part.sx.hashed(&mut bytes);
        }
        for part in [self.tau, self.alpha, self.beta] {
            part.spx.hashed(&mut bytes);
        }
        bytes
    }
}

/// The first powers after a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// tau in G1.
    pub tau_g1: G1Affine,
    /// tau in G2.
    pub tau_g2: G2Affine,
    /// alpha in G1.
    pub alpha_g1: G1Affine,
    /// beta in G1.
    pub beta_g1: G1Affine,
    /// beta in G2.
    pub beta_g2: G2Affine,
}

impl Head {
    /// Of a ceremony that nobody has contributed to.
    pub fn fresh() -> Self {
        use ark_ec::AffineRepr as _;
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        Self {
            tau_g1: g1,
            tau_g2: g2,
            alpha_g1: g1,
            beta_g1: g1,
            beta_g2: g2,
        }
    }
}

/// What a file says of one contribution. Its points are on their curves; nothing else is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The first powers after it.
    pub head: Head,
    /// Its public key.
    pub key: PublicKey,
    /// The state of the response's hash before the key.
    pub partial_hash: [u8; STATE_BYTES],
    /// The hash that the next contribution starts from.
    pub next_challenge: Digest64,
    /// Kind, name, beacon.
    pub parameters: Parameters,
}

impl Record {
    /// As it stands in a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD_BYTES + 64);
        self.head.tau_g1.store(&mut bytes);
        self.head.tau_g2.store(&mut bytes);
        self.head.alpha_g1.store(&mut bytes);
        self.head.beta_g1.store(&mut bytes);
        self.head.beta_g2.store(&mut bytes);
        let parts = [self.key.tau, self.key.alpha, self.key.beta];
        for part in parts {
            part.s.store(&mut bytes);
            part.sx.store(&mut bytes);
        }
        for part in parts {
            part.spx.store(&mut bytes);
        }
        bytes.extend_from_slice(&self.partial_hash);
        bytes.extend_from_slice(&self.next_challenge);
        bytes.extend(self.parameters.encode());
        bytes
    }

    /// Reads the record at `at`; the answer has the position behind it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn decode(bytes: &[u8], at: usize) -> Result<(Self, usize), &'static str> {
        let mut reader = Reader { bytes, at };
        let head = Head {
            tau_g1: reader.point()?,
            tau_g2: reader.point()?,
            alpha_g1: reader.point()?,
            beta_g1: reader.point()?,
            beta_g2: reader.point()?,
        };
        let mut g1 = [G1Affine::default(); 6];
        for point in &mut g1 {
            *point = reader.point()?;
        }
        let mut g2 = [G2Affine::default(); 3];
        for point in &mut g2 {
            *point = reader.point()?;
        }
        let [tau_s, tau_sx, alpha_s, alpha_sx, beta_s, beta_sx] = g1;
        let [tau_spx, alpha_spx, beta_spx] = g2;
        let part = |s, sx, spx| KeyPart { s, sx, spx };
        let key = PublicKey {
            tau: part(tau_s, tau_sx, tau_spx),
            alpha: part(alpha_s, alpha_sx, alpha_spx),
            beta: part(beta_s, beta_sx, beta_spx),
        };
        let partial_hash = reader.bytes()?;
        let next_challenge = reader.bytes()?;
        let (parameters, end) = Parameters::decode(bytes, reader.at)?;
        let record = Self {
            head,
            key,
            partial_hash,
            next_challenge,
            parameters,
        };
        Ok((record, end))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8], &'static str> {
        let end = self.at.saturating_add(len);
        let bytes = self.bytes.get(self.at..end);
        self.at = end;
        bytes.ok_or("it ends behind the section")
    }

    fn point<P: Encoded>(&mut self) -> Result<P, &'static str> {
        P::load(self.take(P::BYTES)?).map_err(|error| match error {
            PointError::Coordinate => "a coordinate is not below the field's order",
            PointError::Curve => "a point is not on the curve",
        })
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let bytes = self.take(N)?.try_into();
        bytes.map_err(|_| "it ends behind the section")
    }
}

/// An open `.ptau` file: header and records are read, section lengths fit. What they say is unchecked.
#[derive(Debug)]
pub struct Ptau {
    file: SectionFile,
    power: u32,
    ceremony_power: u32,
    records: Vec<Record>,
}

impl Ptau {
    /// Opens a file.
    ///
    /// # Errors
    /// [`FileError`], with what is wrong.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = SectionFile::open(path, &FORMAT)?;
        let (power, ceremony_power) = header(&file)?;
        for list in Powers::ALL {
            let bytes = if list.in_g2() { 128 } else { 64 };
            file.expect_len(list.section(), list.count(power) * bytes)?;
        }
        let lagrange = [12, 13, 14, 15].map(|s| file.has(s));
        if lagrange != [false; 4] {
            for list in Powers::ALL.into_iter().take(4) {
                let bytes = if list.in_g2() { 128 } else { 64 };
                let blocks = if list == Powers::TauG1 {
                    power + 2
                } else {
                    power + 1
                };
                file.expect_len(list.lagrange(), ((1u64 << blocks) - 1) * bytes)?;
            }
        }
        let records = records(&file)?;
        Ok(Self {
            file,
            power,
            ceremony_power,
            records,
        })
    }

    /// The file has powers for circuits of 2^this constraints.
    pub fn power(&self) -> u32 {
        self.power
    }

    /// The power of the ceremony that it was cut from; the same, if it wasn't cut.
    pub fn ceremony_power(&self) -> u32 {
        self.ceremony_power
    }

    /// Whether it was cut from a larger one. Such a file can be used, but not contributed to.
    pub fn is_truncated(&self) -> bool {
        self.power < self.ceremony_power
    }

    /// Whether it has Lagrange forms, which phase 2 starts from.
    pub fn is_prepared(&self) -> bool {
        self.file.has(12)
    }

    /// The contributions, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Points of a list.
    pub fn points<P: Encoded>(
        &self,
        list: Powers,
        first: u64,
        count: usize,
    ) -> Result<Vec<P>, FileError> {
        self.file.points(list.section(), first, count)
    }

    /// Points of a list's Lagrange block of 2^power points.
    pub fn lagrange<P: Encoded>(
        &self,
        list: Powers,
        power: u32,
        first: u64,
        count: usize,
    ) -> Result<Vec<P>, FileError> {
        let start = (1u64 << power) - 1;
        self.file.points(list.lagrange(), start + first, count)
    }

    /// The container.
    pub fn file(&self) -> &SectionFile {
        &self.file
    }
}

fn header(file: &SectionFile) -> Result<(u32, u32), FileError> {
    file.expect_len(HEADER, 44)?;
    let bytes = file.section(HEADER, 44)?;
    if u32_at(&bytes, 0) != 32 || bytes.get(4..36) != Some(&modulus::<Fq>()[..]) {
        return Err(file.fault(Fault::Curve));
    }
    let (power, ceremony) = (u32_at(&bytes, 36), u32_at(&bytes, 40));
    for (what, value, least) in [
        ("the power", power, 1),
        ("the ceremony's power", ceremony, power),
    ] {
        if !(least..=MAX_POWER).contains(&value) {
            return Err(file.fault(Fault::Number {
                what,
                value: value.into(),
                rule: "from 1 to 28, and no ceremony is smaller than its file",
            }));
        }
    }
    Ok((power, ceremony))
}

fn records(file: &SectionFile) -> Result<Vec<Record>, FileError> {
    let bytes = file.section(RECORDS, 4 + MAX_RECORD * u64::from(MAX_RECORDS))?;
    if bytes.len() < 4 {
        return Err(file.fault(Fault::Truncated));
    }
    let count = u32_at(&bytes, 0);
    if count > MAX_RECORDS {
        return Err(file.fault(Fault::Number {
            what: "the number of contributions",
            value: count.into(),
            rule: "at most 10,000",
        }));
    }
    let mut records = Vec::new();
    let mut at = 4;
    for number in 1..=count {
        let (record, end) = Record::decode(&bytes, at)
            .map_err(|what| file.fault(Fault::Record { number, what }))?;
        records.push(record);
        at = end;
    }
    if at != bytes.len() {
        return Err(file.fault(Fault::Record {
            number: count,
            what: "bytes stand behind the last record",
        }));
    }
    Ok(records)
}

/// A field's order, 32 bytes, little-endian.
pub(crate) fn modulus<F: ark_ff::PrimeField<BigInt = ark_ff::BigInt<4>>>() -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, limb) in bytes.chunks_exact_mut(8).zip(F::MODULUS.0) {
        to.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

/// The body of the header's section.
pub(crate) fn encode_header(power: u32, ceremony_power: u32) -> Vec<u8> {
    let mut bytes = 32u32.to_le_bytes().to_vec();
    bytes.extend(modulus::<Fq>());
    bytes.extend(power.to_le_bytes());
    bytes.extend(ceremony_power.to_le_bytes());
    bytes
}

/// The body of the records' section.
pub(crate) fn encode_records(records: &[Record]) -> Vec<u8> {
    let mut bytes = (records.len() as u32).to_le_bytes().to_vec();
    for record in records {
        bytes.extend(record.encode());
    }
    bytes
}

/// Starts a file: its header is written.
pub(crate) fn create(
    path: &Path,
    power: u32,
    ceremony_power: u32,
    sections: u32,
) -> Result<SectionWriter, FileError> {
    let mut writer = SectionWriter::create(path, &FORMAT, sections)?;
    writer.section(HEADER, &encode_header(power, ceremony_power))?;
    Ok(writer)
}

/// Ends a file with its records.
pub(crate) fn finish(mut writer: SectionWriter, records: &[Record]) -> Result<(), FileError> {
    writer.section(RECORDS, &encode_records(records))?;
    writer.finish()
}
