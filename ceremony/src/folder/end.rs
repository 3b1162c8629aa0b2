//! The ends: of a phase, by its beacon, and of a ceremony, by its keys. Both follow from what stands in the
//! folder, so an interrupted one is simply done again.

use std::path::PathBuf;

use tacit_files as files;

use super::checked::{Base, base, check_next, make_initial, own_initial, prepared};
use super::disk::io_at;
use super::layout::{self, Layout};
use super::{Folder, FolderError, Step, tidy};
use crate::beacon::{self, Rule};
use crate::files::parameters::{Beacon, Parameters};
use crate::parts::{PartError, file_hash, match_key, open_key, open_powers};
use crate::phase1;
use crate::phase2;
use crate::progress::Progress;
use crate::transcript::{
    Cast, Entry, Evidence, Finished, FinishedCircuit, Prepared, Stage, Transcript,
};

impl Folder {
    /// Ends this phase, and no other; if it has ended so already, there is nothing to do.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn end(
        &mut self,
        stage: Stage,
        evidence: Evidence,
        progress: &mut dyn Progress,
    ) -> Result<(), FolderError> {
        if self.transcript.ended_with(stage, &evidence) {
            return Ok(());
        }
        self.end_open(stage, evidence, progress)
    }

    /// Ends the open phase with its beacon, and makes what the next one starts from.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn cast(
        &mut self,
        evidence: Evidence,
        progress: &mut dyn Progress,
    ) -> Result<Stage, FolderError> {
        let open = self.transcript.stage();
        let stage = open.ok_or(FolderError::NotDue("the last phase has ended"))?;
        self.end_open(stage, evidence, progress)?;
        Ok(stage)
    }

    fn end_open(
        &mut self,
        stage: Stage,
        evidence: Evidence,
        progress: &mut dyn Progress,
    ) -> Result<(), FolderError> {
        self.sure()?;
        let beacon = due(&self.transcript, stage, &evidence)?;
        let d = self.transcript.descriptor().clone();
        let number = self.transcript.count() + 1;
        let paths: Vec<PathBuf> = (0..d.files_of(stage))
            .map(|i| self.layout.path(&layout::step(&d, stage, number, i)))
            .collect();
        for path in &paths {
            tidy::make_room(&self.layout, path)?;
        }
        let parameters = Parameters::beacon(beacon.clone(), None);
        match base(&self.layout, &self.transcript, progress)? {
            Base::Powers(powers) => {
                for path in &paths {
                    let stream = beacon::stream(&beacon);
                    phase1::contribute(&powers, path, stream, parameters.clone(), progress)?;
                }
            }
            Base::Keys(keys) => {
                for (key, path) in keys.iter().zip(&paths) {
                    let stream = beacon::stream(&beacon);
                    phase2::contribute(key, path, stream, parameters.clone(), progress)?;
                }
            }
        }
        self.step(Step::Made("beacon's files"))?;
        let rule = Rule::Announced(beacon);
        let (layout, transcript) = (&self.layout, &self.transcript);
        let parts = check_next(layout, transcript, &paths, &rule, None, progress)?;
        let mut made = None;
        if let (Stage::Powers, Some(path)) = (stage, paths.first()) {
            let powers = open_powers(path, &rule, progress)?;
            let to = self.layout.path(&layout::prepared());
            phase1::prepare(&powers, &to, progress)?;
            let (file, bytes) = file_hash(&to)?;
            made = Some(Prepared { file, bytes });
            self.step(Step::Made("prepared powers"))?;
        }
        let signed = self.sign(Entry::Beacon(Cast {
            stage,
            evidence,
            parts,
            prepared: made.clone(),
        }));
        let mut with = self.transcript.clone();
        with.push(signed)?;
        if made.is_some() {
            let powers = prepared(&self.layout, &with, progress)?;
            make_initial(&self.layout, &d, &powers, progress)?;
            self.step(Step::Made("initial keys"))?;
        }
        self.commit(with)
    }

    /// Writes the keys, and ends the ceremony.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn finish(&mut self, progress: &mut dyn Progress) -> Result<Finished, FolderError> {
        self.sure()?;
        if self.transcript.stage().is_some() {
            return Err(FolderError::NotDue("the last phase has no beacon yet"));
        }
        if let Some(finished) = self.transcript.finished() {
            return Ok(finished.clone());
        }
        let mut circuits = Vec::new();
        for bytes in final_keys(&self.layout, &self.transcript, progress)? {
            let circuit = FinishedCircuit {
                proving_key: tacit_circuits::keys::key_hash(&bytes.proving),
                verifying_key: tacit_circuits::keys::key_hash(&bytes.verifying),
            };
            let index = circuits.len();
            for (name, bytes) in [
                (layout::key(&circuit.proving_key), &bytes.proving[..]),
                (layout::key(&circuit.verifying_key), &bytes.verifying[..]),
                (
                    layout::verifying_json(self.transcript.descriptor(), index),
                    bytes.verifying_json.as_bytes(),
                ),
            ] {
                let path = self.layout.path(&name);
                files::publish(&path, bytes).map_err(io_at(&path))?;
                self.step(Step::Made("finished key"))?;
            }
            circuits.push(circuit);
        }
        let finished = Finished { circuits };
        let signed = self.sign(Entry::Finished(finished.clone()));
        let mut with = self.transcript.clone();
        with.push(signed)?;
        self.commit(with)?;
        Ok(finished)
    }
}

/// The beacon that ends this phase, if it is open, as many have contributed as the rules ask for, and the
/// evidence is the rule's. Whether it has closed shows no folder.
///
/// # Errors
/// [`FolderError::NotDue`], [`FolderError::Evidence`]
pub fn due(
    transcript: &Transcript,
    stage: Stage,
    evidence: &Evidence,
) -> Result<Beacon, FolderError> {
    match transcript.stage() {
        Some(open) if open == stage => {}
        Some(_) => return Err(FolderError::NotDue("another phase is open")),
        None => return Err(FolderError::NotDue("the last phase has ended")),
    }
    let d = transcript.descriptor();
    if transcript.counted() < d.least {
        return Err(FolderError::NotDue(
            "fewer have contributed to this phase than its rules ask for",
        ));
    }
    let closing = d.closing_of(stage);
    let closing = closing.ok_or(FolderError::NotDue("this phase has no beacon"))?;
    Ok(closing.resolve(evidence)?)
}

/// A circuit's keys as the product's programs read them.
#[derive(Debug, Clone)]
pub struct KeyBytes {
    /// For provers.
    pub proving: Vec<u8>,
    /// For verifiers.
    pub verifying: Vec<u8>,
    /// The same as snarkjs's verifiers read it: `verification_key.json`.
    pub verifying_json: String,
}

/// The keys of a ceremony whose last beacon is cast, from files that are checked again. The initial keys
/// in the folder must be the opener's own.
///
/// # Errors
/// [`FolderError`]
pub fn final_keys(
    layout: &Layout,
    transcript: &Transcript,
    progress: &mut dyn Progress,
) -> Result<Vec<KeyBytes>, FolderError> {
    use ark_serialize::CanonicalSerialize as _;
    let d = transcript.descriptor();
    let steps = transcript.steps(Stage::Keys);
    let beacon = transcript
        .beacon(Stage::Keys)
        .ok_or(FolderError::NotDue("the last phase has no beacon yet"))?;
    let rule = Rule::Announced(beacon);
    let mut all = Vec::new();
    for i in 0..d.circuits.len() {
        let path = layout.path(&layout::step(d, Stage::Keys, steps.len() as u32, i));
        let initial = own_initial(layout, d, i)?;
        let key = open_key(&path, &initial, &rule, progress)?;
        match_key(&key, transcript, i)?;
        let keys = phase2::export(&key).map_err(PartError::from)?.proving;
        let (mut proving, mut verifying) = (Vec::new(), Vec::new());
        // Writing to a vector can't fail.
        let _ = keys.serialize_uncompressed(&mut proving);
        let _ = keys.vk.serialize_compressed(&mut verifying);
        all.push(KeyBytes {
            proving,
            verifying,
            verifying_json: crate::files::json::write_verifying_key(&keys.vk),
        });
    }
    Ok(all)
}
