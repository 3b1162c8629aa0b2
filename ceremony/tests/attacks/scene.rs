//! A finished ceremony of three contributors in each phase, made once, and copies of it to lie with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::One as _;
use tacit_ceremony::contributor::{self, Entropy};
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::folder::{self, Folder, FolderError, Start};
use tacit_ceremony::parts::PartError;
use tacit_ceremony::phase2;
use tacit_ceremony::progress::Silent;
use tacit_ceremony::transcript::{
    Attestation, BeaconRule, Circuit, Closing, Contribution, Descriptor, Entry, EntryFault,
    Evidence, Part, Powers, Prepared, QUICKNET, Signed, Source, Stage, Transcript, TranscriptError,
};
use tacit_ceremony::verify::{Verified, VerifyError, verify};
use tacit_protocol::codec::{Decode as _, Encode as _, Writer};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::keys::SigningKey;
use tempfile::TempDir;

/// The coordinator's seed.
pub const COORDINATOR: u8 = 100;
pub const STAGES: [Stage; 2] = [Stage::Powers, Stage::Keys];
/// Round 1000 of drand's quicknet, and its network's signature.
const ROUND: u64 = 1000;
const SIGNATURE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub fn evidence() -> Evidence {
    Evidence::Drand(hex::decode(SIGNATURE).unwrap())
}

/// y = x^3 + x + 5; wires: one, y, x, x^2, x^3.
pub fn cube() -> R1cs {
    let one = Fr::one();
    R1cs {
        wires: 5,
        public: 1,
        constraints: vec![
            [vec![(2, one)], vec![(2, one)], vec![(3, one)]],
            [vec![(3, one)], vec![(2, one)], vec![(4, one)]],
            [
                vec![(4, one), (2, one), (0, Fr::from(5u64))],
                vec![(0, one)],
                vec![(1, one)],
            ],
        ],
    }
}

pub fn start() -> Start {
    let circuit = cube();
    let beacon = |exponent| BeaconRule {
        source: Source::Drand {
            chain: QUICKNET.hash(),
            round: ROUND,
        },
        exponent,
    };
    let descriptor = Descriptor {
        name: "town".into(),
        // The one round that is known here is long past.
        rehearsal: true,
        powers: Powers::Fresh {
            power: 4,
            closing: Closing {
                closes: 1_000,
                beacon: beacon(10),
            },
        },
        circuits: vec![Circuit {
            name: "cube".into(),
            hash: circuit.hash(),
            power: phase2::needed_power(&circuit),
            bytes: circuit.file_bytes(),
        }],
        contributors: Vec::new(),
        turn: 60,
        strikes: 2,
        least: 1,
        closing: Closing {
            closes: 2_000,
            beacon: beacon(11),
        },
        coordinator: key(COORDINATOR).public(),
        nonce: [0; 16],
    };
    Start {
        descriptor,
        circuits: vec![circuit],
        powers: None,
    }
}

/// What somebody makes as the next contribution, with their signature; nobody has taken it yet.
pub fn make(folder: &Folder, who: u8, label: Option<&str>) -> (Signed, Vec<PathBuf>, Attestation) {
    let (layout, transcript) = (folder.layout(), folder.transcript());
    let base = folder::base(layout, transcript, &mut Silent).unwrap();
    let files = vec![layout.incoming().join(format!("made-{who}"))];
    let entropy = Entropy::gather(b"test").unwrap();
    contributor::contribute(&base, entropy, label, &files, &mut Silent).unwrap();
    let label = label.map(str::to_owned);
    let (signed, attestation) =
        contributor::sign(layout, transcript, &files, &key(who), label, 5, &mut Silent).unwrap();
    (signed, files, attestation)
}

pub fn contribute(folder: &mut Folder, who: u8) -> Attestation {
    let (signed, files, attestation) = make(folder, who, Some(&format!("number {who}")));
    folder.accept(signed, &files).unwrap();
    attestation
}

pub fn cast(folder: &mut Folder) {
    folder.cast(evidence(), &mut Silent).unwrap();
}

/// A finished ceremony: entries 0 to 2 are contributions of 1, 2 and 3, then comes the beacon; 4 to 6 are
/// theirs to phase 2, then come the beacon and the keys.
struct Scene {
    files: BTreeMap<String, Vec<u8>>,
    attestations: Vec<Attestation>,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("town");
    let mut folder = Folder::create(&root, &start(), &key(COORDINATOR), &mut Silent).unwrap();
    let mut attestations = Vec::new();
    for _ in STAGES {
        for who in 1..=3 {
            attestations.push(contribute(&mut folder, who));
        }
        cast(&mut folder);
    }
    folder.finish(&mut Silent).unwrap();
    let mut names = layout::published(folder.transcript());
    names.extend([layout::DESCRIPTOR, layout::TRANSCRIPT].map(String::from));
    names.push("private/coordinator.key".into());
    let load = |name: String| (name.clone(), fs::read(root.join(name)).unwrap());
    Scene {
        files: names.into_iter().map(load).collect(),
        attestations,
    }
});

/// What a contributor to a phase, by their place in it from 1, keeps.
pub fn attestation(stage: Stage, number: usize) -> &'static Attestation {
    &SCENE.attestations[number - 1 + if stage == Stage::Keys { 3 } else { 0 }]
}

/// The place in the transcript, from 0, of a phase's step from 1.
pub fn place(stage: Stage, number: usize) -> usize {
    number - 1 + if stage == Stage::Keys { 4 } else { 0 }
}

/// A step's file.
pub fn step(stage: Stage, number: usize) -> String {
    layout::step(&start().descriptor, stage, number as u32, 0)
}

/// A copy of the ceremony, in its coordinator's hands.
pub struct Town {
    _place: TempDir,
    pub root: PathBuf,
    pub rules: Descriptor,
    pub entries: Vec<Signed>,
}

impl Town {
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("town");
        for folder in ["circuits", "powers", "keys", "finished", "private/incoming"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (name, bytes) in &SCENE.files {
            fs::write(root.join(name), bytes).unwrap();
        }
        let transcript = folder::read(&Layout::new(&root)).unwrap();
        Self {
            _place: place,
            root,
            rules: transcript.descriptor().clone(),
            entries: transcript
                .links()
                .iter()
                .map(|l| l.signed.clone())
                .collect(),
        }
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.root.join(name)).unwrap()
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.root.join(name), bytes).unwrap();
    }

    /// Signs again, in the chain as it is now, what these keys' owners have to sign.
    pub fn sign_again(&mut self, willing: &[u8]) {
        let id = self.rules.id();
        let coordinator = self.rules.coordinator;
        let mut head: Digest = id.0;
        for signed in &mut self.entries {
            let signer = signed.entry.signer(&coordinator);
            if let Some(key) = willing
                .iter()
                .map(|s| key(*s))
                .find(|k| k.public() == signer)
            {
                *signed = signed.entry.clone().sign(&id, &head, &key);
            }
            head = Hasher::new(domain::CEREMONY_LINK)
                .chain(head)
                .chain(signed.to_bytes())
                .finish();
        }
    }

    /// Publishes rules and entries as they are, whether they hold or not.
    pub fn publish(&self) {
        let mut w = Writer::new();
        self.rules.id().encode(&mut w);
        w.list(&self.entries);
        self.put(layout::TRANSCRIPT, &w.finish());
        self.put(layout::DESCRIPTOR, &self.rules.to_bytes());
    }

    /// Goes back to an earlier time, and goes on from there with the coordinator's own program.
    pub fn back_to(&mut self, entries: usize) -> Folder {
        self.entries.truncate(entries);
        self.publish();
        Folder::open(&self.root).unwrap()
    }

    pub fn contribution(&mut self, place: usize) -> &mut Contribution {
        match &mut self.entries[place].entry {
            Entry::Contribution(c) => c,
            other => panic!("{other:?}"),
        }
    }

    /// What the transcript says of a step's file.
    pub fn part(&mut self, place: usize) -> &mut Part {
        match &mut self.entries[place].entry {
            Entry::Contribution(c) => &mut c.parts[0],
            Entry::Beacon(b) => &mut b.parts[0],
            other => panic!("{other:?}"),
        }
    }

    /// Puts a file in a step's place, and lets its entry name it; nothing is signed.
    pub fn put_named(&mut self, stage: Stage, number: usize, bytes: &[u8]) {
        let name = step(stage, number);
        self.put(&name, bytes);
        let (file, length) = tacit_ceremony::parts::file_hash(&self.root.join(name)).unwrap();
        let part = self.part(place(stage, number));
        (part.file, part.bytes) = (file, length);
    }

    /// Puts prepared powers in the place of the true ones, with the coordinator's signature for them. What
    /// was signed after that is gone.
    pub fn put_prepared(&mut self, bytes: &[u8]) {
        let name = layout::prepared();
        self.put(&name, bytes);
        let (file, bytes) = tacit_ceremony::parts::file_hash(&self.root.join(name)).unwrap();
        let at = place(Stage::Powers, 4);
        self.entries.truncate(at + 1);
        if let Entry::Beacon(cast) = &mut self.entries[at].entry {
            cast.prepared = Some(Prepared { file, bytes });
        }
        self.sign_again(&[COORDINATOR]);
        self.publish();
    }

    pub fn verify(&self) -> Result<Verified, VerifyError> {
        let scratch = tempfile::tempdir().unwrap();
        verify(&self.root, scratch.path(), &mut Silent)
    }

    /// The transcript's entry that is refused, from 0, and why.
    pub fn entry_fault(&self) -> (usize, EntryFault) {
        match self.refused() {
            ("transcript", FolderError::Transcript(TranscriptError::Entry { number, fault })) => {
                (number - 1, fault)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The check that doesn't hold, and why.
    pub fn refused(&self) -> (&'static str, FolderError) {
        let refused = self.verify().expect_err("it was believed");
        (refused.name, refused.error)
    }

    /// The same where a file is at fault.
    pub fn part_fault(&self) -> (&'static str, PartError) {
        match self.refused() {
            (name, FolderError::Part(error)) => (name, error),
            other => panic!("{other:?}"),
        }
    }

    /// Which published file isn't the one that the transcript names.
    pub fn other_file(&self) -> (&'static str, String) {
        match self.part_fault() {
            (name, PartError::OtherFile(path)) => {
                let root = format!("{}/", self.root.display());
                (name, path.replace(&root, ""))
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Reads a transcript as a contributor later does, after a doubter's checks.
pub fn verified(root: &Path) -> Transcript {
    let scratch = tempfile::tempdir().unwrap();
    verify(root, scratch.path(), &mut Silent)
        .unwrap()
        .transcript
}

/// The rules as bytes say them.
pub fn rules(bytes: &[u8]) -> Descriptor {
    Descriptor::from_bytes(bytes).unwrap()
}
