//! A coordinator's folder: everything it has accepted, and nothing half.
//!
//! A contribution counts from the moment that the transcript on the disk names it, and its files have
//! their names before that. The transcript is replaced as a whole. So whatever step the machine stops at,
//! the folder holds the ceremony with the contribution or without it; files that no transcript names are
//! removed when the folder is opened again.

pub mod layout;

#[cfg(test)]
pub(crate) mod tests;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tacit_files as files;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::keys::SigningKey;
use thiserror::Error;

use crate::beacon::{self, Rule};
use crate::blake2b::hash;
use crate::checks::Weights;
use crate::files::container::FileError;
use crate::files::parameters::Parameters;
use crate::files::ptau::Ptau;
use crate::files::r1cs::R1cs;
use crate::parts::{
    PartError, file_hash, follows_key, follows_powers, match_key, match_powers, open_key,
    open_powers, part_of_key, part_of_powers, same_file,
};
use crate::phase1::{self, LinkedPowers, PreparedPowers};
use crate::phase2::{self, LinkedKey, SetupError};
use crate::progress::Progress;
use crate::transcript::{
    Cast, Contribution, Descriptor, Entry, Evidence, EvidenceError, Finished, FinishedCircuit,
    Part, Powers, Signed, Stage, Transcript, TranscriptError,
};
use layout::Layout;

/// Longest descriptor, in bytes.
pub const MAX_DESCRIPTOR: u64 = 1 << 20;
/// Longest transcript, in bytes.
pub const MAX_TRANSCRIPT: u64 = 256 << 20;

/// The steps of accepting something, in order. A test stops at each; nothing else looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The files' bytes are on the disk.
    FilesSynced,
    /// The files have their names.
    FilesNamed,
    /// So they do after a loss of power.
    FolderSynced,
    /// A step of replacing the transcript.
    Transcript(files::Step),
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::FilesSynced,
        Self::FilesNamed,
        Self::FolderSynced,
        Self::Transcript(files::Step::Written),
        Self::Transcript(files::Step::Synced),
        Self::Transcript(files::Step::Renamed),
        Self::Transcript(files::Step::FolderSynced),
    ];
}

/// Called after each step; an error stops there.
pub type Steps = Box<dyn FnMut(Step) -> io::Result<()> + Send>;

/// Why a folder can't be used, or something not accepted.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It can't be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no ceremony.
    #[error("there is no ceremony in {}", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("there is a ceremony in {} already", .0.display())]
    Exists(PathBuf),
    /// Another process works on it.
    #[error("another tacit works on the ceremony in {}", .0.display())]
    Locked(PathBuf),
    /// The key isn't the ceremony's coordinator's.
    #[error("the key in {} is not the ceremony's coordinator's", .0.display())]
    Key(PathBuf),
    /// The descriptor or transcript doesn't hold.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// A file doesn't hold.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A circuit's constraints aren't those that the ceremony is for.
    #[error("the circuit {0} is not the one that the ceremony is for")]
    Circuit(String),
    /// The initial key can't be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The beacon isn't the rule's.
    #[error("the beacon is not the announced one: {0}")]
    Evidence(#[from] EvidenceError),
    /// Something that isn't due.
    #[error("{0}")]
    NotDue(&'static str),
}

impl From<FileError> for FolderError {
    fn from(e: FileError) -> Self {
        Self::Part(e.into())
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |error| FolderError::Io { path, error }
}

/// What a ceremony starts from.
#[derive(Debug)]
pub struct Start {
    /// The rules.
    pub descriptor: Descriptor,
    /// The circuits, in the rules' order.
    pub circuits: Vec<R1cs>,
    /// The file of powers, if they exist already: prepared.
    pub powers: Option<PathBuf>,
}

/// A ceremony's folder, open for its coordinator alone.
pub struct Folder {
    layout: Layout,
    transcript: Transcript,
    key: SigningKey,
    steps: Steps,
    _lock: File,
}

/// What a contribution builds on, checked.
#[derive(Debug)]
pub enum Base {
    /// Phase 1.
    Powers(LinkedPowers),
    /// Phase 2, by circuit.
    Keys(Vec<LinkedKey>),
}

/// Reads the rules and the transcript of a ceremony's folder, and checks them.
///
/// # Errors
/// [`FolderError`]
pub fn read(layout: &Layout) -> Result<Transcript, FolderError> {
    let path = layout.path(layout::DESCRIPTOR);
    let bytes = files::read(&path, MAX_DESCRIPTOR).map_err(io_at(&path))?;
    let bytes = bytes.ok_or_else(|| FolderError::Missing(layout.root().to_path_buf()))?;
    let descriptor = Descriptor::from_bytes(&bytes).map_err(TranscriptError::from)?;
    let path = layout.path(layout::TRANSCRIPT);
    let bytes = files::read(&path, MAX_TRANSCRIPT).map_err(io_at(&path))?;
    let bytes = bytes.ok_or_else(|| FolderError::Missing(layout.root().to_path_buf()))?;
    Ok(Transcript::read(descriptor, &bytes)?)
}

/// Opens the circuits and checks that they are those of the rules.
///
/// # Errors
/// [`FolderError::Circuit`], or that one can't be read.
pub fn circuits(layout: &Layout, descriptor: &Descriptor) -> Result<Vec<R1cs>, FolderError> {
    let mut circuits = Vec::new();
    for (i, expected) in descriptor.circuits.iter().enumerate() {
        let circuit = R1cs::open(&layout.path(&layout::circuit(descriptor, i)))?;
        if circuit.hash() != expected.hash || phase2::needed_power(&circuit) != expected.power {
            return Err(FolderError::Circuit(expected.name.clone()));
        }
        circuits.push(circuit);
    }
    Ok(circuits)
}

/// Opens what phase 2 starts from, and checks all of it against the transcript.
///
/// # Errors
/// [`FolderError`]
pub fn prepared(
    layout: &Layout,
    transcript: &Transcript,
    progress: &mut dyn Progress,
) -> Result<PreparedPowers, FolderError> {
    let path = layout.path(&layout::prepared());
    let rule = match &transcript.descriptor().powers {
        Powers::Fresh { .. } => match transcript.beacon(Stage::Powers) {
            Some(beacon) => Rule::Announced(beacon),
            None => return Err(FolderError::NotDue("phase 1 has no beacon yet")),
        },
        Powers::Existing { hash, .. } => {
            if file_hash(&path)?.0 != *hash {
                let name = path.display().to_string();
                return Err(PartError::OtherFile(name).into());
            }
            Rule::Any
        }
    };
    let powers = open_powers(&path, &rule, progress)?;
    if let Powers::Fresh { .. } = transcript.descriptor().powers {
        let steps = transcript.steps(Stage::Powers);
        match_powers(&powers, steps.iter().filter_map(|(p, _)| p.first()))?;
    }
    let mut weights = Weights::from_os().map_err(PartError::Randomness)?;
    let prepared =
        phase1::verify_prepared(powers, &mut weights, progress).map_err(PartError::from)?;
    Ok(prepared)
}

/// Writes the circuits' initial keys into the folder, where they aren't given by anybody but made.
///
/// # Errors
/// [`FolderError`]
pub fn make_initial(
    layout: &Layout,
    descriptor: &Descriptor,
    powers: &PreparedPowers,
    progress: &mut dyn Progress,
) -> Result<(), FolderError> {
    for (i, circuit) in circuits(layout, descriptor)?.iter().enumerate() {
        let path = layout.path(&layout::step(descriptor, Stage::Keys, 0, i));
        phase2::setup(powers, circuit, &path, progress)?;
    }
    Ok(())
}

/// Opens what the next contribution builds on, and checks it against the transcript. In phase 2 the
/// initial keys must be the opener's own.
///
/// # Errors
/// [`FolderError`]
pub fn base(
    layout: &Layout,
    transcript: &Transcript,
    progress: &mut dyn Progress,
) -> Result<Base, FolderError> {
    let d = transcript.descriptor();
    let stage = transcript
        .stage()
        .ok_or(FolderError::NotDue("the last phase has ended"))?;
    let number = transcript.count();
    let steps = transcript.steps(stage);
    match stage {
        Stage::Powers => {
            let path = layout.path(&layout::step(d, stage, number, 0));
            if let Some(part) = steps.last().and_then(|(p, _)| p.first()) {
                same_file(&path, part)?;
            }
            let powers = open_powers(&path, &Rule::Open, progress)?;
            if powers.ptau().power() != d.powers.power() {
                return Err(FolderError::NotDue("the powers are of another size"));
            }
            match_powers(&powers, steps.iter().filter_map(|(p, _)| p.first()))?;
            Ok(Base::Powers(powers))
        }
        Stage::Keys => {
            let mut keys = Vec::new();
            for i in 0..d.circuits.len() {
                let path = layout.path(&layout::step(d, stage, number, i));
                let initial = layout.path(&layout::step(d, stage, 0, i));
                if let Some(part) = steps.last().and_then(|(p, _)| p.get(i)) {
                    same_file(&path, part)?;
                }
                let key = open_key(&path, &initial, &Rule::Open, progress)?;
                match_key(&key, steps.iter().filter_map(|(p, _)| p.get(i)))?;
                keys.push(key);
            }
            Ok(Base::Keys(keys))
        }
    }
}

/// Checks files that are to follow on the last ones, and says what the transcript must say of them.
///
/// # Errors
/// The rule that they break.
pub fn check_next(
    layout: &Layout,
    transcript: &Transcript,
    files: &[PathBuf],
    rule: &Rule,
    progress: &mut dyn Progress,
) -> Result<Vec<Part>, FolderError> {
    let d = transcript.descriptor();
    let stage = transcript
        .stage()
        .ok_or(FolderError::NotDue("the last phase has ended"))?;
    let number = transcript.count();
    let mut parts = Vec::new();
    for (i, path) in files.iter().enumerate() {
        let before = layout.path(&layout::step(d, stage, number, i));
        parts.push(match stage {
            Stage::Powers => {
                // The cheap checks first.
                follows_powers(&Ptau::open(&before)?, &Ptau::open(path)?)?;
                part_of_powers(path, &open_powers(path, rule, progress)?)?
            }
            Stage::Keys => {
                let (old, new) = (
                    crate::files::zkey::Zkey::open(&before)?,
                    crate::files::zkey::Zkey::open(path)?,
                );
                follows_key(&old, &new)?;
                let initial = layout.path(&layout::step(d, stage, 0, i));
                part_of_key(path, &open_key(path, &initial, rule, progress)?)?
            }
        });
    }
    Ok(parts)
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Folder({})", self.layout.root().display())
    }
}

const KEY_FILE: &str = "coordinator.key";

impl Folder {
    /// Makes a ceremony's folder. The coordinator's key is kept in it.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn create(
        root: &Path,
        start: &Start,
        key: &SigningKey,
        progress: &mut dyn Progress,
    ) -> Result<Self, FolderError> {
        let layout = Layout::new(root);
        let d = &start.descriptor;
        if layout.path(layout::DESCRIPTOR).exists() {
            return Err(FolderError::Exists(root.to_path_buf()));
        }
        let transcript = Transcript::new(d.clone())?;
        for folder in ["circuits", "powers", "keys", "finished"] {
            let path = layout.path(folder);
            fs::create_dir_all(&path).map_err(io_at(&path))?;
        }
        let incoming = layout.incoming();
        files::create_folder(&incoming).map_err(io_at(&incoming))?;
        for (i, circuit) in start.circuits.iter().enumerate() {
            circuit.write(&layout.path(&layout::circuit(d, i)))?;
        }
        circuits(&layout, d)?;
        match (&d.powers, &start.powers) {
            (Powers::Fresh { power, .. }, _) => {
                let path = layout.path(&layout::step(d, Stage::Powers, 0, 0));
                phase1::create(&path, *power)?;
            }
            (Powers::Existing { .. }, Some(from)) => {
                let to = layout.path(&layout::prepared());
                if !to.exists() {
                    fs::copy(from, &to).map_err(io_at(from))?;
                }
                let powers = prepared(&layout, &transcript, progress)?;
                make_initial(&layout, d, &powers, progress)?;
            }
            (Powers::Existing { .. }, None) => {
                return Err(FolderError::NotDue("the file of powers is missing"));
            }
        }
        let path = layout.private().join(KEY_FILE);
        files::replace(&path, hex::encode(key.expose()).as_bytes()).map_err(io_at(&path))?;
        let path = layout.path(layout::TRANSCRIPT);
        files::replace(&path, &transcript.to_bytes()).map_err(io_at(&path))?;
        // Last: what makes it a ceremony.
        let path = layout.path(layout::DESCRIPTOR);
        files::replace(&path, &d.to_bytes()).map_err(io_at(&path))?;
        Self::open(root)
    }

    /// Opens a ceremony's folder, alone, and removes what an interruption left.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let layout = Layout::new(root);
        if !layout.path(layout::DESCRIPTOR).exists() {
            return Err(FolderError::Missing(root.to_path_buf()));
        }
        let path = layout.private().join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_at(&path))?;
        lock.try_lock()
            .map_err(|_| FolderError::Locked(root.to_path_buf()))?;
        let transcript = read(&layout)?;
        let path = layout.private().join(KEY_FILE);
        let key = read_key(&path)?;
        if key.public() != transcript.descriptor().coordinator {
            return Err(FolderError::Key(path));
        }
        let folder = Self {
            layout,
            transcript,
            key,
            steps: Box::new(|_| Ok(())),
            _lock: lock,
        };
        folder.tidy()?;
        Ok(folder)
    }

    /// Calls this after each step from now on.
    pub fn watch(&mut self, steps: Steps) {
        self.steps = steps;
    }

    /// Where the files lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The transcript.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Removes files of phases that no transcript names.
    fn tidy(&self) -> Result<(), FolderError> {
        let published = layout::published(&self.transcript);
        for folder in ["powers", "keys"] {
            let path = self.layout.path(folder);
            for entry in fs::read_dir(&path).map_err(io_at(&path))? {
                let entry = entry.map_err(io_at(&path))?;
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if !published.contains(&name) {
                    let path = entry.path();
                    fs::remove_file(&path).map_err(io_at(&path))?;
                }
            }
        }
        Ok(())
    }

    /// Accepts a contribution whose files were checked, from where they were uploaded to.
    ///
    /// # Errors
    /// [`FolderError`]; unless it is one of the disk, nothing has changed.
    pub fn accept(&mut self, signed: Signed, uploaded: &[PathBuf]) -> Result<(), FolderError> {
        let mut with = self.transcript.clone();
        with.push(signed)?;
        let (d, number) = (with.descriptor().clone(), self.transcript.count() + 1);
        let stage = self
            .transcript
            .stage()
            .ok_or(FolderError::NotDue("the last phase has ended"))?;
        for path in uploaded {
            let synced = File::open(path).and_then(|f| f.sync_all());
            synced.map_err(io_at(path))?;
        }
        self.step(Step::FilesSynced)?;
        for (i, path) in uploaded.iter().enumerate() {
            let to = self.layout.path(&layout::step(&d, stage, number, i));
            fs::rename(path, &to).map_err(io_at(&to))?;
        }
        let folder = self.layout.path(stage.word());
        self.step(Step::FilesNamed)?;
        File::open(&folder)
            .and_then(|f| f.sync_all())
            .map_err(io_at(&folder))?;
        self.step(Step::FolderSynced)?;
        self.commit(with)
    }

    /// Writes down that somebody's turn came to nothing.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn missed(&mut self, missed: crate::transcript::Missed) -> Result<(), FolderError> {
        let signed = self.sign(Entry::Missed(missed));
        let mut with = self.transcript.clone();
        with.push(signed)?;
        self.commit(with)
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
        let stage = self
            .transcript
            .stage()
            .ok_or(FolderError::NotDue("the last phase has ended"))?;
        if self.transcript.count() == 0 {
            return Err(FolderError::NotDue("nobody has contributed to this phase"));
        }
        let d = self.transcript.descriptor().clone();
        let closing = d
            .closing_of(stage)
            .ok_or(FolderError::NotDue("this phase has no beacon"))?;
        let beacon = closing.beacon.resolve(&evidence)?;
        let number = self.transcript.count() + 1;
        let paths: Vec<PathBuf> = (0..d.files_of(stage))
            .map(|i| self.layout.path(&layout::step(&d, stage, number, i)))
            .collect();
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
        let rule = Rule::Announced(beacon);
        let parts = check_next(&self.layout, &self.transcript, &paths, &rule, progress)?;
        let signed = self.sign(Entry::Beacon(Cast {
            stage,
            evidence,
            parts,
        }));
        let mut with = self.transcript.clone();
        with.push(signed)?;
        if let (Stage::Powers, Some(path)) = (stage, paths.first()) {
            let powers = open_powers(path, &rule, progress)?;
            let to = self.layout.path(&layout::prepared());
            phase1::prepare(&powers, &to, progress)?;
            let powers = prepared(&self.layout, &with, progress)?;
            make_initial(&self.layout, &d, &powers, progress)?;
        }
        self.commit(with)?;
        Ok(stage)
    }

    /// Writes the keys, and ends the ceremony.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn finish(&mut self, progress: &mut dyn Progress) -> Result<Finished, FolderError> {
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
                files::replace(&path, bytes).map_err(io_at(&path))?;
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

    fn sign(&self, entry: Entry) -> Signed {
        entry.sign(self.transcript.id(), &self.transcript.head(), &self.key)
    }

    fn step(&mut self, step: Step) -> Result<(), FolderError> {
        (self.steps)(step).map_err(io_at(self.layout.root()))
    }

    fn commit(&mut self, with: Transcript) -> Result<(), FolderError> {
        let path = self.layout.path(layout::TRANSCRIPT);
        let steps = &mut self.steps;
        files::replace_in_steps(&path, &with.to_bytes(), &mut |s| steps(Step::Transcript(s)))
            .map_err(io_at(&path))?;
        self.transcript = with;
        Ok(())
    }
}

fn read_key(path: &Path) -> Result<SigningKey, FolderError> {
    let bytes = files::read(path, 64).map_err(io_at(path))?;
    let bytes = zeroize::Zeroizing::new(bytes.unwrap_or_default());
    let mut seed = [0; 32];
    hex::decode_to_slice(&*bytes, &mut seed).map_err(|_| FolderError::Key(path.to_path_buf()))?;
    Ok(SigningKey::from_seed(seed))
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
        let initial = layout.path(&layout::step(d, Stage::Keys, 0, i));
        let key = open_key(&path, &initial, &rule, progress)?;
        match_key(&key, steps.iter().filter_map(|(p, _)| p.get(i)))?;
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

/// The rules of a contribution's entry, before it's signed.
pub fn contribution_entry(
    transcript: &Transcript,
    contributor: tacit_protocol::keys::PublicKey,
    label: Option<String>,
    at: u64,
    parts: Vec<Part>,
) -> Option<Entry> {
    Some(Entry::Contribution(Contribution {
        contributor,
        label,
        stage: transcript.stage()?,
        number: transcript.count() + 1,
        at,
        parts,
    }))
}

/// BLAKE2b-512 of some bytes: an upload's own name.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    hex::encode(hash(bytes).get(..16).unwrap_or_default())
}
