//! Adding randomness to a key, in constant memory.

use std::path::Path;

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup as _;
use ark_ff::Field as _;
use zeroize::Zeroizing;

use super::BLOCK;
use super::key::{Secret, Transcript, contribution_hash};
use super::verify::LinkedKey;
use crate::blake2b::Digest64;
use crate::files::container::{Fault, FileError, SectionWriter};
use crate::files::parameters::{Kind, Parameters};
use crate::files::zkey::{self, Record, Zkey};
use crate::phase1::lists;
use crate::points::stored;
use crate::progress::Progress;
use crate::scale::all;
use crate::stream::Stream;

/// What a contribution has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contributed {
    /// Its number, from 1.
    pub number: usize,
    /// Its hash: what its contributor publishes.
    pub hash: Digest64,
    /// delta after it.
    pub delta: G1Affine,
}

/// Multiplies delta by a secret from the stream, divides L and H by it, and writes the new file.
///
/// # Errors
/// [`Fault::Closed`] for a key that ends with a beacon, or that a file can't be read or written.
pub fn contribute(
    before: &LinkedKey,
    to: &Path,
    mut stream: Stream,
    parameters: Parameters,
    progress: &mut dyn Progress,
) -> Result<Contributed, FileError> {
    let before = before.zkey();
    let last = before.records().last();
    if last.is_some_and(|r| r.parameters.kind != Kind::Contribution) {
        return Err(before.file().fault(Fault::Closed));
    }
    let secret = Secret::draw(&mut stream);
    let inverse = Zeroizing::new(secret.x.inverse().unwrap_or_default());
    let knowledge = secret.prove(&Transcript::after(before.circuit_hash(), before.records()));
    let mut header = before.header().clone();
    header.delta_g1 = (header.delta_g1 * secret.x).into_affine();
    header.delta_g2 = (header.delta_g2 * secret.x).into_affine();
    progress.start(
        "contributing",
        header.count(zkey::L) + header.count(zkey::H),
    );

    let mut writer = zkey::create(to, &header)?;
    for section in [zkey::IC, zkey::COEFFICIENTS, zkey::A, zkey::B1, zkey::B2] {
        writer.begin(section)?;
        lists::copy(before.file(), section, &mut writer)?;
    }
    for section in [zkey::L, zkey::H] {
        divide(before, section, &inverse, &mut writer, progress)?;
    }
    let record = Record {
        delta: header.delta_g1,
        s: knowledge.s,
        sx: knowledge.sx,
        spx: knowledge.spx,
        transcript: knowledge.transcript,
        parameters,
    };
    let mut records = before.records().to_vec();
    let contributed = Contributed {
        number: records.len() + 1,
        hash: contribution_hash(&record),
        delta: record.delta,
    };
    records.push(record);
    let body = zkey::encode_records(before.circuit_hash(), &records);
    writer.section(zkey::RECORDS, &body)?;
    writer.finish()?;
    progress.done();
    Ok(contributed)
}

fn divide(
    before: &Zkey,
    section: u32,
    inverse: &Fr,
    writer: &mut SectionWriter,
    progress: &mut dyn Progress,
) -> Result<(), FileError> {
    writer.begin(section)?;
    let total = before.header().count(section);
    let mut at = 0;
    while at < total {
        let now = (total - at).min(BLOCK as u64) as usize;
        let points: Vec<G1Affine> = before.file().points(section, at, now)?;
        writer.write(&stored(&all(&points, inverse)))?;
        at += now as u64;
        progress.advance(now as u64);
    }
    Ok(())
}
