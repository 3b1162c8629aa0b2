//! A node's folder.
//!
//! ```text
//! node.key        the operator's Ed25519 seed, 0600
//! founding.bin    the founding file, signed by every operator
//! cards/          every operator's card: where its node is reached
//! keys/           proving and verifying keys, by hash
//! node.json       where this node listens
//! evidence.jsonl  nodes that were seen to vote twice, if any
//! ledger.db       the state, rebuilt from the log if lost
//! engine/         consensus storage, and that this node has voted: never restored from a backup
//! erasable/       everything that must be erasable: never backed up
//! ```

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tacit_circuits::keys::key_hash;
use tacit_circuits::{KeyError, VerifyingKey};
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::founding::{FoundingError, FoundingFile, SignedCard};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, NodeIndex};
use tacit_protocol::keys::SigningKey;
use tacit_vault::{PermissionError, check_permissions};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::storage::{self, StorageError};

/// Longest file that is read here, in bytes (a proving key has 4 MB).
const MAX_FILE: u64 = 64 << 20;

/// Why a node's folder can't be used. The problem, then what to do.
#[derive(Debug, Error)]
pub enum HomeError {
    /// A file can't be read or written.
    #[error("can't {doing} {path}: {error}")]
    File {
        /// "read", "write".
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file isn't what its name says.
    #[error("{path} is not {what}")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The operator's settings can't be read.
    #[error("{path} is not a node's settings: {why}")]
    Settings {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and where.
        why: serde_json::Error,
    },
    /// There is no node here.
    #[error("there is no node in {0}: make one with `tacit node init`")]
    NoNode(PathBuf),
    /// There is one already.
    #[error("there is a node in {0} already")]
    Exists(PathBuf),
    /// A secret file that others may read.
    #[error(transparent)]
    Permissions(#[from] PermissionError),
    /// The founding file can't be used.
    #[error("the founding file: {0}")]
    Founding(#[from] FoundingError),
    /// This operator isn't in it.
    #[error(
        "the founding file doesn't name this node's key: `tacit committee card` prints the one that it should name"
    )]
    NotAnOperator,
    /// No card for an operator.
    #[error(
        "there is no valid card of operator {node} ({name}): ask them for it and add it with `tacit node init --card`"
    )]
    NoCard {
        /// Their position.
        node: NodeIndex,
        /// Their name.
        name: String,
    },
    /// A key that the founding file names is missing.
    #[error(
        "the {0} is missing in the node's keys folder: get it from whoever founded the committee, or from another node at /v1/keys/{1}"
    )]
    NoKey(&'static str, Digest),
    /// A key isn't the one that the founding file names.
    #[error("the {what} does not have the hash that the founding file names ({expected})")]
    OtherKey {
        /// Which key.
        what: &'static str,
        /// The hash in the founding file.
        expected: Digest,
    },
    /// The verifying key can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The engine's folder.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Where a node listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Other nodes connect here.
    pub listen_p2p: SocketAddr,
    /// Clients connect here.
    pub listen_api: SocketAddr,
    /// TLS certificate chain (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// TLS key (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// A reverse proxy in front speaks TLS.
    #[serde(default)]
    pub behind_proxy: bool,
}

/// A node's folder, not yet opened.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// Everything that a node starts from, checked.
pub struct Opened {
    /// The operator's key.
    pub key: SigningKey,
    /// This node's position.
    pub node: NodeIndex,
    /// The founding file.
    pub founding: FoundingFile,
    /// Its hash.
    pub fingerprint: Fingerprint,
    /// Every operator's card, by position.
    pub cards: Vec<SignedCard>,
    /// Where to listen.
    pub settings: Settings,
    /// The sealing circuit's verifying key: bytes and parsed.
    pub verifying_key: (Vec<u8>, VerifyingKey),
    /// The sealing circuit's proving key, for clients.
    pub proving_key: Vec<u8>,
}

impl Home {
    /// Names the folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The ledger's database.
    pub fn database(&self) -> PathBuf {
        self.0.join("ledger.db")
    }

    /// Consensus storage.
    pub fn engine(&self) -> PathBuf {
        self.0.join("engine")
    }

    /// What can be erased.
    pub fn erasable(&self) -> PathBuf {
        self.0.join("erasable")
    }

    /// Evidence against other nodes.
    pub fn evidence(&self) -> PathBuf {
        self.0.join("evidence.jsonl")
    }

    fn key_path(&self) -> PathBuf {
        self.0.join("node.key")
    }

    fn founding_path(&self) -> PathBuf {
        self.0.join("founding.bin")
    }

    /// The operator's key; made with the system's randomness if there is none.
    pub fn ensure_key(&self) -> Result<SigningKey, HomeError> {
        let path = self.key_path();
        if path.exists() {
            return self.key();
        }
        create_folder(&self.0)?;
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut seed[..]).map_err(|e| HomeError::File {
            doing: "write",
            path: path.clone(),
            error: io::Error::other(e.to_string()),
        })?;
        let text = Zeroizing::new(hex::encode(&seed[..]) + "\n");
        write_new(&path, text.as_bytes())?;
        Ok(SigningKey::from_seed(*seed))
    }

    /// The operator's key.
    pub fn key(&self) -> Result<SigningKey, HomeError> {
        let path = self.key_path();
        check_permissions(&path)?;
        let text = Zeroizing::new(read(&path)?);
        let malformed = || HomeError::Malformed {
            path: path.clone(),
            what: "a node's key (64 hex digits)",
        };
        let text = std::str::from_utf8(&text).map_err(|_| malformed())?;
        let mut seed = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(text.trim(), &mut seed[..]).map_err(|_| malformed())?;
        Ok(SigningKey::from_seed(*seed))
    }

    /// Makes a node of a folder that has a key: checks everything first, then writes.
    pub fn initialize(
        &self,
        founding: &FoundingFile,
        cards: &[SignedCard],
        keys_folder: &Path,
        settings: &Settings,
    ) -> Result<NodeIndex, HomeError> {
        let fingerprint = founding.check()?;
        let key = self.ensure_key()?;
        let node = founding
            .founding
            .node(&key.public())
            .ok_or(HomeError::NotAnOperator)?;
        if self.founding_path().exists() {
            return Err(HomeError::Exists(self.0.clone()));
        }
        let cards = sort_cards(founding, cards)?;
        let keys = load_keys(founding, keys_folder)?;
        create_folder(&self.0.join("cards"))?;
        create_folder(&self.0.join("keys"))?;
        for (i, card) in cards.iter().enumerate() {
            replace(
                &self.0.join("cards").join(format!("{i}.card")),
                &card.to_bytes(),
            )?;
        }
        let circuit = founding.founding.sealing()?;
        for (hash, bytes) in [
            (circuit.verifying_key, &keys.0),
            (circuit.proving_key, &keys.2),
        ] {
            replace(&self.0.join("keys").join(format!("{hash}.key")), bytes)?;
        }
        let text = serde_json::to_vec_pretty(settings).unwrap_or_default();
        replace(&self.0.join("node.json"), &text)?;
        storage::initialize(&self.engine(), &fingerprint)?;
        // Last: a folder with a founding file is a node.
        replace(&self.founding_path(), &founding.to_bytes())?;
        Ok(node)
    }

    /// Reads and checks everything that a node starts from.
    pub fn open(&self) -> Result<Opened, HomeError> {
        if !self.founding_path().exists() {
            return Err(HomeError::NoNode(self.0.clone()));
        }
        let key = self.key()?;
        let path = self.founding_path();
        let founding =
            FoundingFile::from_bytes(&read(&path)?).map_err(|_| HomeError::Malformed {
                path,
                what: "a founding file",
            })?;
        let fingerprint = founding.check()?;
        let node = founding
            .founding
            .node(&key.public())
            .ok_or(HomeError::NotAnOperator)?;
        let mut cards = Vec::new();
        for i in 0..founding.founding.nodes() {
            let path = self.0.join("cards").join(format!("{i}.card"));
            let card = SignedCard::from_bytes(&read(&path)?).map_err(|_| HomeError::Malformed {
                path,
                what: "an operator's card",
            })?;
            cards.push(card);
        }
        let cards = sort_cards(&founding, &cards)?;
        let path = self.0.join("node.json");
        let settings = serde_json::from_slice(&read(&path)?)
            .map_err(|why| HomeError::Settings { path, why })?;
        let (bytes, verifying, proving_key) = load_keys(&founding, &self.0.join("keys"))?;
        Ok(Opened {
            key,
            node,
            founding,
            fingerprint,
            cards,
            settings,
            verifying_key: (bytes, verifying),
            proving_key,
        })
    }
}

/// The newest valid card of every operator, in their order.
fn sort_cards(founding: &FoundingFile, cards: &[SignedCard]) -> Result<Vec<SignedCard>, HomeError> {
    let mut sorted = Vec::new();
    for (node, operator) in (0..).zip(&founding.founding.operators) {
        let newest = cards
            .iter()
            .filter(|c| c.card.operator.key == operator.key && c.check().is_ok())
            .max_by_key(|c| c.card.sequence)
            .ok_or_else(|| HomeError::NoCard {
                node,
                name: operator.name.clone(),
            })?;
        sorted.push(newest.clone());
    }
    Ok(sorted)
}

fn load_keys(
    founding: &FoundingFile,
    folder: &Path,
) -> Result<(Vec<u8>, VerifyingKey, Vec<u8>), HomeError> {
    let circuit = founding.founding.sealing()?;
    let load = |what: &'static str, hash: &Digest| {
        let path = folder.join(format!("{hash}.key"));
        if !path.exists() {
            return Err(HomeError::NoKey(what, *hash));
        }
        let bytes = read(&path)?;
        if key_hash(&bytes) != *hash {
            return Err(HomeError::OtherKey {
                what,
                expected: *hash,
            });
        }
        Ok(bytes)
    };
    let verifying = load("verifying key", &circuit.verifying_key)?;
    let proving = load("proving key", &circuit.proving_key)?;
    let parsed = VerifyingKey::load(&verifying, &circuit.verifying_key)?;
    Ok((verifying, parsed, proving))
}

fn read(path: &Path) -> Result<Vec<u8>, HomeError> {
    let fail = |error| HomeError::File {
        doing: "read",
        path: path.to_path_buf(),
        error,
    };
    let length = fs::metadata(path).map_err(fail)?.len();
    if length > MAX_FILE {
        return Err(fail(io::Error::other("the file is too large")));
    }
    fs::read(path).map_err(fail)
}

fn create_folder(path: &Path) -> Result<(), HomeError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| HomeError::File {
            doing: "create",
            path: path.to_path_buf(),
            error,
        })
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| HomeError::File {
        doing: "write",
        path: path.to_path_buf(),
        error,
    })
}

/// Replaces a file in one step, durably.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    let new = path.with_extension("new");
    let swap = || -> io::Result<()> {
        let _ = fs::remove_file(&new);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    swap().map_err(|error| HomeError::File {
        doing: "write",
        path: path.to_path_buf(),
        error,
    })
}
