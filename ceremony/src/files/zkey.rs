//! `.zkey` files: a circuit's Groth16 key, and the records of who contributed to it.

use std::path::Path;

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ff::{BigInt, MontConfig as _, PrimeField as _};

use super::container::{Fault, FileError, Format, SectionFile, SectionWriter, u32_at};
use super::parameters::Parameters;
use super::ptau::modulus;
use crate::blake2b::{DIGEST_BYTES, Digest64};
use crate::points::{Encoded, PointError, limbs, stored};

/// The format.
pub const FORMAT: Format = Format {
    magic: "zkey",
    version: 1,
    required: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    optional: &[],
};

const PROTOCOL: u32 = 1;
const HEADER: u32 = 2;
/// Points of the public inputs.
pub const IC: u32 = 3;
/// Coefficients of A and B.
pub const COEFFICIENTS: u32 = 4;
/// A in G1.
pub const A: u32 = 5;
/// B in G1.
pub const B1: u32 = 6;
/// B in G2.
pub const B2: u32 = 7;
/// L: the private wires' points, over delta.
pub const L: u32 = 8;
/// H: the quotient's points, over delta.
pub const H: u32 = 9;
/// The contributions.
pub const RECORDS: u32 = 10;

const HEADER_BYTES: u64 = 660;
/// Bytes of a record without its parameters.
const RECORD_BYTES: usize = 3 * 64 + 128 + DIGEST_BYTES;
/// Bytes of a record at most.
pub const MAX_RECORD: u64 = RECORD_BYTES as u64 + 8 + 2 * 257 + 2;
/// Most contributions in one file.
pub const MAX_RECORDS: u32 = 10_000;
/// Bytes of a coefficient: matrix, row, wire, value.
pub const COEFFICIENT_BYTES: u64 = 44;

/// A key's numbers and single points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Wires, the constant one too.
    pub wires: u32,
    /// Public wires, without the constant one.
    pub public: u32,
    /// Rows of the domain.
    pub domain: u32,
    /// alpha in G1.
    pub alpha_g1: G1Affine,
    /// beta in G1.
    pub beta_g1: G1Affine,
    /// beta in G2.
    pub beta_g2: G2Affine,
    /// gamma in G2.
    pub gamma_g2: G2Affine,
    /// delta in G1.
    pub delta_g1: G1Affine,
    /// delta in G2.
    pub delta_g2: G2Affine,
}

impl Header {
    /// The domain's size as a power of two.
    pub fn power(&self) -> u32 {
        self.domain.trailing_zeros()
    }

    /// Points of a section, for the six that are lists of points.
    pub fn count(&self, section: u32) -> u64 {
        match section {
            IC => u64::from(self.public) + 1,
            A | B1 | B2 => self.wires.into(),
            L => u64::from(self.wires) - u64::from(self.public) - 1,
            H => self.domain.into(),
            _ => 0,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = 32u32.to_le_bytes().to_vec();
        bytes.extend(modulus::<Fq>());
        bytes.extend(32u32.to_le_bytes());
        bytes.extend(modulus::<Fr>());
        for number in [self.wires, self.public, self.domain] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(stored(&[self.alpha_g1, self.beta_g1]));
        bytes.extend(stored(&[self.beta_g2, self.gamma_g2]));
        bytes.extend(stored(&[self.delta_g1]));
        bytes.extend(stored(&[self.delta_g2]));
        bytes
    }
}

/// A term of A or B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coefficient {
    /// Whether it's of B.
    pub in_b: bool,
    /// Its row.
    pub row: u32,
    /// Its wire.
    pub wire: u32,
    /// Its factor.
    pub value: Fr,
}

impl Coefficient {
    /// As it stands in a file: the factor times R^2, so that a Montgomery product with a plain witness
    /// value comes out in Montgomery form.
    pub fn encode(&self, to: &mut Vec<u8>) {
        for number in [u32::from(self.in_b), self.row, self.wire] {
            to.extend(number.to_le_bytes());
        }
        // The raw limbs of v * R are those of the plain value v * R^2.
        let twice = self.value * Fr::new_unchecked(ark_bn254::FrConfig::R2);
        for limb in twice.0.0 {
            to.extend(limb.to_le_bytes());
        }
    }

    /// Reads 44 bytes; nothing, if the value isn't canonical or the matrix neither A nor B.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [matrix, row, wire] = [0, 4, 8].map(|at| u32_at(bytes, at));
        let raw = limbs(bytes.get(12..44)?);
        if raw >= Fr::MODULUS || matrix > 1 {
            return None;
        }
        // Read as raw limbs it is v * R; times the element whose raw limbs are 1, it is v.
        let value = Fr::new_unchecked(raw) * Fr::new_unchecked(BigInt::new([1, 0, 0, 0]));
        Some(Self {
            in_b: matrix == 1,
            row,
            wire,
            value,
        })
    }
}

/// What a file says of one contribution. Its points are on their curves; nothing else is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// delta after it.
    pub delta: G1Affine,
    /// A random point.
    pub s: G1Affine,
    /// The same, times the secret.
    pub sx: G1Affine,
    /// The point of G2 that the transcript hashes to, times the secret.
    pub spx: G2Affine,
    /// Hash of all before it, and of s and sx.
    pub transcript: Digest64,
    /// Kind, name, beacon.
    pub parameters: Parameters,
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = stored(&[self.delta, self.s, self.sx]);
        bytes.extend(stored(&[self.spx]));
        bytes.extend(self.transcript);
        bytes.extend(self.parameters.encode());
        bytes
    }

    fn decode(bytes: &[u8], at: usize) -> Result<(Self, usize), &'static str> {
        let fixed = bytes
            .get(at..at.saturating_add(RECORD_BYTES))
            .ok_or("it ends behind the section")?;
        let g1 = |at: usize| point::<G1Affine>(fixed.get(at..at + 64).unwrap_or_default());
        let transcript = fixed.get(320..384).and_then(|b| b.try_into().ok());
        let (parameters, end) = Parameters::decode(bytes, at + RECORD_BYTES)?;
        let record = Self {
            delta: g1(0)?,
            s: g1(64)?,
            sx: g1(128)?,
            spx: point(fixed.get(192..320).unwrap_or_default())?,
            transcript: transcript.ok_or("it ends behind the section")?,
            parameters,
        };
        Ok((record, end))
    }
}

fn point<P: Encoded>(bytes: &[u8]) -> Result<P, &'static str> {
    P::load(bytes).map_err(|error| match error {
        PointError::Coordinate => "a coordinate is not below the field's order",
        PointError::Curve => "a point is not on the curve",
    })
}

/// An open `.zkey` file: header and records are read, section lengths fit. What they say is unchecked.
#[derive(Debug)]
pub struct Zkey {
    file: SectionFile,
    header: Header,
    circuit: Digest64,
    records: Vec<Record>,
}

impl Zkey {
    /// Opens a file.
    ///
    /// # Errors
    /// [`FileError`], with what is wrong.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = SectionFile::open(path, &FORMAT)?;
        file.expect_len(PROTOCOL, 4)?;
        let protocol = u32_at(&file.section(PROTOCOL, 4)?, 0);
        if protocol != 1 {
            return Err(file.fault(Fault::Number {
                what: "the protocol",
                value: protocol.into(),
                rule: "1, which is Groth16",
            }));
        }
        let header = header(&file)?;
        for section in [IC, A, B1, L, H] {
            file.expect_len(section, 64 * header.count(section))?;
        }
        file.expect_len(B2, 128 * header.count(B2))?;
        let (circuit, records) = records(&file)?;
        let coefficients = coefficients(&file)?;
        file.expect_len(
            COEFFICIENTS,
            4 + COEFFICIENT_BYTES * u64::from(coefficients),
        )?;
        Ok(Self {
            file,
            header,
            circuit,
            records,
        })
    }

    /// Numbers and single points.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The hash of the initial key that the file claims.
    pub fn circuit_hash(&self) -> &Digest64 {
        &self.circuit
    }

    /// The contributions, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The container.
    pub fn file(&self) -> &SectionFile {
        &self.file
    }

    /// All points of a section.
    pub fn points<P: Encoded>(&self, section: u32) -> Result<Vec<P>, FileError> {
        // The lengths fit the header, and the file is as long.
        self.file
            .points(section, 0, self.header.count(section) as usize)
    }
}

fn header(file: &SectionFile) -> Result<Header, FileError> {
    file.expect_len(HEADER, HEADER_BYTES)?;
    let bytes = file.section(HEADER, HEADER_BYTES)?;
    let fields = (
        u32_at(&bytes, 0),
        bytes.get(4..36),
        u32_at(&bytes, 36),
        bytes.get(40..72),
    );
    if fields
        != (
            32,
            Some(&modulus::<Fq>()[..]),
            32,
            Some(&modulus::<Fr>()[..]),
        )
    {
        return Err(file.fault(Fault::Curve));
    }
    let [wires, public, domain] = [72, 76, 80].map(|at| u32_at(&bytes, at));
    if !domain.is_power_of_two() || !(2..=1 << 28).contains(&domain) {
        return Err(file.fault(Fault::Number {
            what: "the domain",
            value: domain.into(),
            rule: "a power of two, at most 2^28",
        }));
    }
    if public >= wires {
        return Err(file.fault(Fault::Number {
            what: "the number of public inputs",
            value: public.into(),
            rule: "less than wires",
        }));
    }
    fn at<P: Encoded>(file: &SectionFile, bytes: &[u8], at: usize) -> Result<P, FileError> {
        P::load(bytes.get(at..at + P::BYTES).unwrap_or_default()).map_err(|error| {
            file.fault(Fault::Point {
                section: HEADER,
                index: at as u64,
                error,
            })
        })
    }
    Ok(Header {
        wires,
        public,
        domain,
        alpha_g1: at(file, &bytes, 84)?,
        beta_g1: at(file, &bytes, 148)?,
        beta_g2: at(file, &bytes, 212)?,
        gamma_g2: at(file, &bytes, 340)?,
        delta_g1: at(file, &bytes, 468)?,
        delta_g2: at(file, &bytes, 532)?,
    })
}

fn coefficients(file: &SectionFile) -> Result<u32, FileError> {
    let mut count = [0; 4];
    file.read_at(COEFFICIENTS, 0, &mut count)?;
    Ok(u32::from_le_bytes(count))
}

fn records(file: &SectionFile) -> Result<(Digest64, Vec<Record>), FileError> {
    let limit = 68 + u64::from(MAX_RECORDS) * MAX_RECORD;
    let bytes = file.section(RECORDS, limit)?;
    let circuit = bytes.get(..64).and_then(|b| b.try_into().ok());
    let circuit = circuit.ok_or_else(|| file.fault(Fault::Truncated))?;
    if bytes.len() < 68 {
        return Err(file.fault(Fault::Truncated));
    }
    let count = u32_at(&bytes, 64);
    if count > MAX_RECORDS {
        return Err(file.fault(Fault::Number {
            what: "the number of contributions",
            value: count.into(),
            rule: "at most 10,000",
        }));
    }
    let (mut records, mut at) = (Vec::new(), 68);
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
    Ok((circuit, records))
}

/// Starts a file: protocol and header are written.
pub(crate) fn create(path: &Path, header: &Header) -> Result<SectionWriter, FileError> {
    let mut writer = SectionWriter::create(path, &FORMAT, 10)?;
    writer.section(PROTOCOL, &1u32.to_le_bytes())?;
    writer.section(HEADER, &header.encode())?;
    Ok(writer)
}

/// The body of the records' section.
pub(crate) fn encode_records(circuit: &Digest64, records: &[Record]) -> Vec<u8> {
    let mut bytes = circuit.to_vec();
    bytes.extend((records.len() as u32).to_le_bytes());
    for record in records {
        bytes.extend(record.encode());
    }
    bytes
}
