//! Adding randomness to the powers, in constant memory: every block of points is read, multiplied, hashed
//! and written.

use std::path::Path;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ff::{Field as _, One as _};
use zeroize::Zeroizing;

use super::key::Secrets;
use super::link::LinkedPowers;
use super::{BLOCK, first_challenge};
use crate::blake2b::{Blake2b, Digest64};
use crate::files::container::{Fault, FileError, SectionWriter};
use crate::files::parameters::{Kind, Parameters};
use crate::files::ptau::{self, Head, Powers, Ptau, Record};
use crate::points::{Encoded, compressed, hashed, load_all, stored};
use crate::progress::Progress;
use crate::scale::{Scalable, each};
use crate::stream::Stream;

/// What a contribution has made.
#[derive(Debug, Clone)]
pub struct Contributed {
    /// Its number, from 1.
    pub number: usize,
    /// Its hash: what its contributor publishes.
    pub response: Digest64,
    /// What the next one starts from.
    pub next_challenge: Digest64,
    /// The first powers after it.
    pub head: Head,
}

/// Multiplies all powers by secrets from the stream, and writes the new file.
///
/// The powers must have been linked: a contribution to powers that aren't powers would be worth nothing,
/// and multiplication in G2 is exact in the prime subgroup only.
///
/// # Errors
/// [`Fault::Cut`] for powers that were cut from a larger ceremony's, [`Fault::Closed`] for those that end
/// with a beacon, or that a file can't be read or written.
pub fn contribute(
    before: &LinkedPowers,
    to: &Path,
    mut stream: Stream,
    parameters: Parameters,
    progress: &mut dyn Progress,
) -> Result<Contributed, FileError> {
    let before = before.ptau();
    if before.is_truncated() {
        return Err(before.file().fault(Fault::Cut));
    }
    let last = before.records().last();
    if last.is_some_and(|r| r.parameters.kind != Kind::Contribution) {
        return Err(before.file().fault(Fault::Closed));
    }
    let power = before.power();
    let challenge = challenge(before);
    let secrets = Secrets::draw(&mut stream);
    let key = secrets.public_key(&challenge);
    progress.start(
        "contributing",
        Powers::ALL.iter().map(|l| l.count(power) * 2).sum(),
    );

    let mut writer = ptau::create(to, power, before.ceremony_power(), 7)?;
    let mut hash = Blake2b::new();
    hash.update(&challenge);
    let mut head = Head::fresh();
    let mut starts = Vec::new();
    for list in Powers::ALL {
        writer.begin(list.section())?;
        starts.push((list, writer.position()));
        let one = Fr::one();
        let first = match list {
            Powers::TauG1 | Powers::TauG2 => &one,
            Powers::AlphaG1 => &secrets.alpha,
            Powers::BetaG1 | Powers::BetaG2 => &secrets.beta,
        };
        let mut work = Work {
            before,
            list,
            tau: &secrets.tau,
            hash: &mut hash,
            writer: &mut writer,
            progress,
        };
        if list.in_g2() {
            let [zeroth, one] = work.multiply::<G2Affine>(first)?;
            match list {
                Powers::BetaG2 => head.beta_g2 = zeroth,
                _ => head.tau_g2 = one,
            }
        } else {
            let [zeroth, one] = work.multiply::<G1Affine>(first)?;
            match list {
                Powers::AlphaG1 => head.alpha_g1 = zeroth,
                Powers::BetaG1 => head.beta_g1 = zeroth,
                _ => head.tau_g1 = one,
            }
        }
    }
    let partial_hash = hash.export();
    hash.update(&key.hashed());
    let response = hash.finish();

    let mut hash = Blake2b::new();
    hash.update(&response);
    for (list, start) in starts {
        if list.in_g2() {
            hash_back::<G2Affine>(&mut writer, &mut hash, list.count(power), start, progress)?;
        } else {
            hash_back::<G1Affine>(&mut writer, &mut hash, list.count(power), start, progress)?;
        }
    }
    let next_challenge = hash.finish();
    let mut records = before.records().to_vec();
    records.push(Record {
        head,
        key,
        partial_hash,
        next_challenge,
        parameters,
    });
    let number = records.len();
    ptau::finish(writer, &records)?;
    progress.done();
    Ok(Contributed {
        number,
        response,
        next_challenge,
        head,
    })
}

/// What the next contribution starts from.
pub(crate) fn challenge(ptau: &Ptau) -> Digest64 {
    ptau.records().last().map_or_else(
        || first_challenge(ptau.ceremony_power()),
        |r| r.next_challenge,
    )
}

struct Work<'a> {
    before: &'a Ptau,
    list: Powers,
    tau: &'a Fr,
    hash: &'a mut Blake2b,
    writer: &'a mut SectionWriter,
    progress: &'a mut dyn Progress,
}

impl Work<'_> {
    /// A list, times `first`, `first * tau`, `first * tau^2`, …; the answer are its first two points.
    fn multiply<P: Scalable>(&mut self, first: &Fr) -> Result<[P; 2], FileError> {
        let total = self.list.count(self.before.power());
        let mut head = [P::generator(); 2];
        let mut at = 0;
        while at < total {
            let now = (total - at).min(BLOCK as u64) as usize;
            let points: Vec<P> = self.before.points(self.list, at, now)?;
            let mut scalar = Zeroizing::new(*first * *Zeroizing::new(self.tau.pow([at])));
            let mut scalars = Zeroizing::new(Vec::with_capacity(now));
            scalars.resize_with(now, || {
                let this = *scalar;
                *scalar *= self.tau;
                this
            });
            let points = each(&points, &scalars);
            if at == 0 {
                head.iter_mut().zip(&points).for_each(|(to, p)| *to = *p);
            }
            self.hash.update(&compressed(&points));
            self.writer.write(&stored(&points))?;
            at += now as u64;
            self.progress.advance(now as u64);
        }
        Ok(head)
    }
}

/// Hashes what was written, in another form.
fn hash_back<P: Encoded>(
    writer: &mut SectionWriter,
    hash: &mut Blake2b,
    count: u64,
    start: u64,
    progress: &mut dyn Progress,
) -> Result<(), FileError> {
    let mut at = 0;
    while at < count {
        let now = (count - at).min(BLOCK as u64) as usize;
        let mut bytes = vec![0; now * P::BYTES];
        writer.read_back(start + at * P::BYTES as u64, &mut bytes)?;
        let points: Vec<P> = load_all(&bytes).map_err(|(_, error)| {
            crate::files::container::io_error(writer.path(), std::io::Error::other(error))
        })?;
        hash.update(&hashed(&points));
        at += now as u64;
        progress.advance(now as u64);
    }
    Ok(())
}
