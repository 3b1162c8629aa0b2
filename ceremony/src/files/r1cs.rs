//! `.r1cs` files: a circuit's constraints, A·w ∘ B·w = C·w over BN254's scalar field.

use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{PrimeField as _, Zero as _};

use super::container::{Fault, FileError, Format, SectionFile, SectionWriter, u32_at};
use super::ptau::{MAX_POWER, modulus};
use crate::blake2b::{Digest64, hash};
use crate::points::limbs;

/// The format.
pub const FORMAT: Format = Format {
    magic: "r1cs",
    version: 1,
    required: &[HEADER, CONSTRAINTS],
    optional: &[LABELS],
};

const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const LABELS: u32 = 3;
/// Bytes of a file's constraints at most.
const MAX_CONSTRAINT_BYTES: u64 = 4 << 30;
/// Wires at most; the largest domain has so many rows.
pub const MAX_WIRES: u32 = 1 << 28;

/// A linear combination: wires, and what each is multiplied by.
pub type Row = Vec<(u32, Fr)>;

/// A circuit. Wires are: the constant one, outputs, public inputs, private ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R1cs {
    /// Wires in all, the constant one too.
    pub wires: u32,
    /// Public wires, outputs among them, without the constant one.
    pub public: u32,
    /// The constraints' rows of A, B and C.
    pub constraints: Vec<[Row; 3]>,
}

impl R1cs {
    /// Reads a file.
    ///
    /// # Errors
    /// [`FileError`]: also for custom gates, for coefficients that aren't canonical or zero, and for a wire
    /// that stands twice in a row or isn't there.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = SectionFile::open(path, &FORMAT)?;
        file.expect_len(HEADER, 64)?;
        let head = file.section(HEADER, 64)?;
        if u32_at(&head, 0) != 32 || head.get(4..36) != Some(&modulus::<Fr>()[..]) {
            return Err(file.fault(Fault::Curve));
        }
        let [wires, outputs, inputs, private] = [36, 40, 44, 48].map(|at| u32_at(&head, at));
        let count = u32_at(&head, 60);
        let number = |what, value: u32, rule| {
            let value = value.into();
            Err(file.fault(Fault::Number { what, value, rule }))
        };
        if wires == 0 || wires > MAX_WIRES {
            return number("the number of wires", wires, "from 1 to 2^28");
        }
        let Some(public) = outputs.checked_add(inputs) else {
            return number("the number of public inputs", inputs, "no more than wires");
        };
        if u64::from(public) + u64::from(private) + 1 > u64::from(wires) {
            return number(
                "the number of private inputs",
                private,
                "no more than wires",
            );
        }
        if u64::from(count) + u64::from(public) + 1 > 1 << MAX_POWER {
            return number(
                "the number of constraints",
                count,
                "with public inputs, below 2^28",
            );
        }
        if file.has(LABELS) {
            file.expect_len(LABELS, 8 * u64::from(wires))?;
        }
        let bytes = file.section(CONSTRAINTS, MAX_CONSTRAINT_BYTES)?;
        let mut reader = Reader {
            file: &file,
            bytes: &bytes,
            at: 0,
            wires,
            item: 0,
        };
        let mut constraints = Vec::new();
        for _ in 0..count {
            constraints.push([reader.row()?, reader.row()?, reader.row()?]);
        }
        if reader.at != bytes.len() {
            return Err(file.fault(Fault::SectionLength {
                section: CONSTRAINTS,
                found: bytes.len() as u64,
                expected: reader.at as u64,
            }));
        }
        Ok(Self {
            wires,
            public,
            constraints,
        })
    }

    /// Writes the file. The wires' labels are their numbers.
    ///
    /// # Errors
    /// [`FileError`], if it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let mut writer = SectionWriter::create(path, &FORMAT, 3)?;
        for (section, body) in self.sections() {
            writer.section(section, &body)?;
        }
        writer.finish()
    }

    fn sections(&self) -> [(u32, Vec<u8>); 3] {
        let mut head = 32u32.to_le_bytes().to_vec();
        head.extend(modulus::<Fr>());
        let private = self.wires.saturating_sub(self.public + 1);
        for number in [self.wires, 0, self.public, private] {
            head.extend(number.to_le_bytes());
        }
        head.extend(u64::from(self.wires).to_le_bytes());
        head.extend((self.constraints.len() as u32).to_le_bytes());
        let mut body = Vec::new();
        for row in self.constraints.iter().flatten() {
            body.extend((row.len() as u32).to_le_bytes());
            for (wire, factor) in row {
                body.extend(wire.to_le_bytes());
                for limb in factor.into_bigint().0 {
                    body.extend(limb.to_le_bytes());
                }
            }
        }
        let labels = (0..u64::from(self.wires)).flat_map(u64::to_le_bytes);
        [
            (HEADER, head),
            (CONSTRAINTS, body),
            (LABELS, labels.collect()),
        ]
    }

    /// BLAKE2b-512 of the circuit as [`R1cs::write`] encodes it: what a ceremony is bound to.
    pub fn hash(&self) -> Digest64 {
        let bytes: Vec<u8> = self
            .sections()
            .into_iter()
            .flat_map(|(_, body)| body)
            .collect();
        hash(&bytes)
    }

    /// The power of the smallest domain that has a row for each constraint, each public input and the one.
    pub fn power(&self) -> u32 {
        let rows = self.constraints.len() as u64 + u64::from(self.public) + 1;
        rows.next_power_of_two().trailing_zeros()
    }
}

struct Reader<'a> {
    file: &'a SectionFile,
    bytes: &'a [u8],
    at: usize,
    wires: u32,
    item: u64,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Result<&[u8], FileError> {
        let end = self.at.saturating_add(len);
        let taken = self.bytes.get(self.at..end);
        self.at = end;
        taken.ok_or_else(|| self.file.fault(Fault::Truncated))
    }

    fn row(&mut self) -> Result<Row, FileError> {
        let count = u32_at(self.take(4)?, 0) as usize;
        // No more than there are bytes for.
        if count > (self.bytes.len() - self.at) / 36 {
            return Err(self.file.fault(Fault::Truncated));
        }
        let mut row = Row::with_capacity(count);
        for _ in 0..count {
            self.item += 1;
            let bytes = self.take(36)?;
            let (wire, value) = (u32_at(bytes, 0), limbs(bytes.get(4..).unwrap_or_default()));
            let factor = Fr::from_bigint(value);
            let Some(factor) = factor else {
                return Err(self.file.fault(Fault::Element {
                    section: CONSTRAINTS,
                    index: self.item,
                }));
            };
            if wire >= self.wires || factor.is_zero() {
                return Err(self.file.fault(Fault::Number {
                    what: "a term's wire or factor",
                    value: wire.into(),
                    rule: "a wire that is there, times something other than zero",
                }));
            }
            row.push((wire, factor));
        }
        let mut wires: Vec<u32> = row.iter().map(|(wire, _)| *wire).collect();
        wires.sort_unstable();
        if wires.windows(2).any(|w| w.first() == w.last()) {
            return Err(self.file.fault(Fault::Number {
                what: "a term's wire",
                value: self.item,
                rule: "once in a row",
            }));
        }
        Ok(row)
    }
}
