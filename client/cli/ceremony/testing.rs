//! A small ceremony's folder, for tests.

use std::path::Path;

use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::folder::{Folder, Start};
use tacit_ceremony::phase2;
use tacit_ceremony::progress::Silent;
use tacit_ceremony::transcript::{
    BeaconRule, Circuit, Closing, Descriptor, Powers, REHEARSAL_VALUE, Source,
};
use tacit_protocol::keys::SigningKey;

use crate::context::{Context, Globals};

/// With this home.
pub fn context(home: &Path) -> Context {
    let globals = Globals {
        home: Some(home.to_path_buf()),
        json: true,
        yes: true,
        passphrase_file: None,
    };
    Context::new(globals).unwrap()
}

/// A ceremony that nobody has contributed to; another one for each number.
pub fn town(root: &Path, number: u8) -> Folder {
    let key = SigningKey::from_seed([number; 32]);
    let circuit = R1cs {
        wires: 2,
        public: 1,
        constraints: vec![[vec![], vec![], vec![]]],
    };
    let closing = |closes| Closing {
        closes,
        beacon: BeaconRule {
            source: Source::Known {
                value: REHEARSAL_VALUE.to_vec(),
            },
            exponent: 10,
        },
    };
    let power = phase2::needed_power(&circuit);
    let descriptor = Descriptor {
        name: "town".into(),
        rehearsal: true,
        powers: Powers::Fresh {
            power,
            closing: closing(1_000),
        },
        circuits: vec![Circuit {
            name: "empty".into(),
            hash: circuit.hash(),
            power,
            bytes: circuit.file_bytes(),
        }],
        contributors: Vec::new(),
        least: 1,
        turn: 60,
        strikes: 2,
        closing: closing(2_000),
        coordinator: key.public(),
        nonce: [number; 16],
    };
    let start = Start {
        descriptor,
        circuits: vec![circuit],
        powers: None,
    };
    Folder::create(root, &start, &key, &mut Silent).unwrap()
}
