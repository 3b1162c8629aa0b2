//! `.r1cs` files: a circuit's constraints, A·w ∘ B·w = C·w over BN254's scalar field.
//!
//! A stranger's file takes about six times its bytes of memory at most, when all its rows are empty: wires
//! are counted by their labels, which must be there, rows by their bytes, and the file is read piece by piece.

use std::path::Path;

use ark_bn254::Fr;
use ark_ff::{PrimeField as _, Zero as _};

use super::container::{Fault, FileError, Format, SectionFile, SectionWriter, u32_at};
use super::ptau::{MAX_POWER, modulus};
use crate::blake2b::{Blake2b, Digest64};
use crate::points::limbs;

/// The format.
pub const FORMAT: Format = Format {
    magic: "r1cs",
    version: 1,
    required: &[HEADER, CONSTRAINTS, LABELS],
    optional: &[],
};

const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const LABELS: u32 = 3;
/// Bytes of a file's constraints at most.
const MAX_CONSTRAINT_BYTES: u64 = 4 << 30;
/// Wires at most; the largest domain has so many rows.
pub const MAX_WIRES: u32 = 1 << 28;
/// Bytes of a file at most.
pub const MAX_BYTES: u64 = HEAD_BYTES + MAX_CONSTRAINT_BYTES + 8 * MAX_WIRES as u64;
/// Bytes of the container's head, its sections' heads, and the header.
const HEAD_BYTES: u64 = 4 * 12 + 64;
/// Bytes of a term: its wire and its factor.
const TERM: u64 = 36;
/// Bytes that are read, hashed or written at once.
const PIECE: usize = 1 << 16;

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
        // Each wire has a label, each constraint the lengths of three rows: before memory is taken for them.
        file.expect_len(LABELS, 8 * u64::from(wires))?;
        let length = file.len(CONSTRAINTS);
        if length > MAX_CONSTRAINT_BYTES {
            return Err(file.fault(Fault::SectionLength {
                section: CONSTRAINTS,
                found: length,
                expected: MAX_CONSTRAINT_BYTES,
            }));
        }
        if u64::from(count) + u64::from(public) + 1 > 1 << MAX_POWER {
            return number(
                "the number of constraints",
                count,
                "with public inputs, below 2^28",
            );
        }
        if u64::from(count) > length / 12 {
            return Err(file.fault(Fault::Truncated));
        }
        let mut reader = Reader {
            file: &file,
            piece: Vec::new(),
            place: 0,
            at: 0,
            length,
            wires,
            item: 0,
        };
        let mut constraints = Vec::new();
        for _ in 0..count {
            constraints.push([reader.row()?, reader.row()?, reader.row()?]);
        }
        if reader.at != length {
            return Err(file.fault(Fault::SectionLength {
                section: CONSTRAINTS,
                found: length,
                expected: reader.at,
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
        for section in [HEADER, CONSTRAINTS, LABELS] {
            writer.begin(section)?;
            self.body(section, |bytes| writer.write(bytes))?;
        }
        writer.finish()
    }

    /// Bytes of the file that [`R1cs::write`] writes.
    pub fn file_bytes(&self) -> u64 {
        let rows = self.constraints.iter().flatten();
        let body: u64 = rows.map(|row| 4 + TERM * row.len() as u64).sum();
        HEAD_BYTES + body + 8 * u64::from(self.wires)
    }

    /// BLAKE2b-512 of the circuit as [`R1cs::write`] encodes it: what a ceremony is bound to.
    pub fn hash(&self) -> Digest64 {
        let mut hash = Blake2b::new();
        for section in [HEADER, CONSTRAINTS, LABELS] {
            let hashed: Result<(), std::convert::Infallible> = self.body(section, |bytes| {
                hash.update(bytes);
                Ok(())
            });
            let Ok(()) = hashed;
        }
        hash.finish()
    }

    /// A section's body, piece by piece.
    fn body<E>(&self, section: u32, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut bytes = Vec::new();
        let mut pass = |bytes: &mut Vec<u8>, all: bool| {
            if all || bytes.len() >= PIECE {
                take(bytes)?;
                bytes.clear();
            }
            Ok(())
        };
        match section {
            HEADER => bytes = self.header(),
            CONSTRAINTS => {
                for row in self.constraints.iter().flatten() {
                    bytes.extend((row.len() as u32).to_le_bytes());
                    for (wire, factor) in row {
                        bytes.extend(wire.to_le_bytes());
                        for limb in factor.into_bigint().0 {
                            bytes.extend(limb.to_le_bytes());
                        }
                    }
                    pass(&mut bytes, false)?;
                }
            }
            _ => {
                for label in 0..u64::from(self.wires) {
                    bytes.extend(label.to_le_bytes());
                    pass(&mut bytes, false)?;
                }
            }
        }
        pass(&mut bytes, true)
    }

    fn header(&self) -> Vec<u8> {
        let mut head = 32u32.to_le_bytes().to_vec();
        head.extend(modulus::<Fr>());
        let private = self.wires.saturating_sub(self.public + 1);
        for number in [self.wires, 0, self.public, private] {
            head.extend(number.to_le_bytes());
        }
        head.extend(u64::from(self.wires).to_le_bytes());
        head.extend((self.constraints.len() as u32).to_le_bytes());
        head
    }

    /// The power of the smallest domain that has a row for each constraint, each public input and the one.
    pub fn power(&self) -> u32 {
        let rows = self.constraints.len() as u64 + u64::from(self.public) + 1;
        rows.next_power_of_two().trailing_zeros()
    }
}

struct Reader<'a> {
    file: &'a SectionFile,
    /// What was read of the section, and how much of it was taken.
    piece: Vec<u8>,
    place: usize,
    /// How much of the section was taken.
    at: u64,
    length: u64,
    wires: u32,
    item: u64,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        if self.piece.len() - self.place < N {
            let left = self.length - self.at;
            self.piece.resize(left.min(PIECE as u64) as usize, 0);
            (self.file).read_at(CONSTRAINTS, self.at, &mut self.piece)?;
            self.place = 0;
        }
        let end = self.place + N;
        let taken = self.piece.get(self.place..end);
        let taken = taken.and_then(|bytes| bytes.try_into().ok());
        let taken = taken.ok_or_else(|| self.file.fault(Fault::Truncated))?;
        self.place = end;
        self.at += N as u64;
        Ok(taken)
    }

    fn row(&mut self) -> Result<Row, FileError> {
        let count = u32::from_le_bytes(self.take()?);
        // No more than there are bytes for.
        if u64::from(count) > (self.length - self.at) / TERM {
            return Err(self.file.fault(Fault::Truncated));
        }
        let mut row = Row::with_capacity(count as usize);
        for _ in 0..count {
            self.item += 1;
            let bytes = self.take::<{ TERM as usize }>()?;
            let (wire, value) = (u32_at(&bytes, 0), limbs(bytes.get(4..).unwrap_or_default()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase2::tests::cube;

    /// A file of these sections.
    fn file(sections: &[(u32, Vec<u8>)]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.r1cs");
        let mut bytes = b"r1cs\x01\0\0\0".to_vec();
        bytes.extend((sections.len() as u32).to_le_bytes());
        for (section, body) in sections {
            bytes.extend(section.to_le_bytes());
            bytes.extend((body.len() as u64).to_le_bytes());
            bytes.extend(body);
        }
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn sections(circuit: &R1cs) -> Vec<(u32, Vec<u8>)> {
        let body = |section| {
            let mut all = Vec::new();
            let taken: Result<(), ()> = circuit.body(section, |bytes| {
                all.extend_from_slice(bytes);
                Ok(())
            });
            taken.unwrap();
            (section, all)
        };
        [HEADER, CONSTRAINTS, LABELS].map(body).to_vec()
    }

    fn fault(sections: &[(u32, Vec<u8>)]) -> Fault {
        let (_folder, path) = file(sections);
        match R1cs::open(&path) {
            Err(FileError::Format { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_circuit_of_many_pieces_reads_back_and_is_as_long_as_it_says() {
        let one = Fr::from(1u64);
        let row = |i: u32| -> Row { (0..i % 40).map(|wire| (wire, one + Fr::from(i))).collect() };
        let circuit = R1cs {
            wires: 20_000,
            public: 3,
            constraints: (0..5_000)
                .map(|i| [row(i), row(i + 1), row(i + 2)])
                .collect(),
        };
        let (_folder, path) = file(&sections(&circuit));
        assert_eq!(R1cs::open(&path).unwrap(), circuit);
        let again = path.with_extension("again");
        circuit.write(&again).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(std::fs::read(&again).unwrap(), bytes);
        assert_eq!(circuit.file_bytes(), bytes.len() as u64);
        let bodies: Vec<u8> = sections(&circuit).into_iter().flat_map(|s| s.1).collect();
        assert_eq!(circuit.hash(), crate::blake2b::hash(&bodies));
    }

    #[test]
    fn wires_that_the_file_has_no_room_for_are_refused() {
        let mut sections = sections(&cube());
        // As many wires as a header can claim, and no list of them that would have to be as long.
        sections[0].1[36..40].copy_from_slice(&MAX_WIRES.to_le_bytes());
        let expected = 8 * u64::from(MAX_WIRES);
        let wrong = Fault::SectionLength {
            section: LABELS,
            found: 40,
            expected,
        };
        assert_eq!(fault(&sections), wrong);
        sections.pop();
        assert_eq!(fault(&sections), Fault::MissingSection(LABELS));
    }

    #[test]
    fn constraints_and_terms_that_the_file_has_no_room_for_are_refused() {
        let good = sections(&cube());
        let mut many = good.clone();
        many[0].1[60..64].copy_from_slice(&(1u32 << 27).to_le_bytes());
        assert_eq!(fault(&many), Fault::Truncated);
        let mut long = good.clone();
        long[1].1[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(fault(&long), Fault::Truncated);
        let mut more = good;
        more[1].1.push(0);
        assert!(matches!(
            fault(&more),
            Fault::SectionLength {
                section: CONSTRAINTS,
                ..
            }
        ));
    }
}
