//! What every command starts from: the person's folder, the pinned committee, its nodes, and the ways
//! to ask for a passphrase or a confirmation.
//!
//! Secrets come from a prompt, a file or stdin, never from arguments, which other users of a machine
//! can read.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use tacit_client::api::{Api, ApiError, Connector, ServiceUrl};
use tacit_client::identity_file::{self, IdentityFileError, Unlocked};
use tacit_files as files;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::founding::{Founding, FoundingFile};
use tacit_protocol::ids::Fingerprint;
use tacit_protocol::keys::SigningKey;
use zeroize::{Zeroize as _, Zeroizing};

use crate::failure::Failure;
use crate::output::{Output, printable_line};
use crate::{input, parse};

/// The pinned committee's founding file.
const FOUNDING_FILE: &str = "committee.bin";
/// How its fingerprint came here.
const PIN_FILE: &str = "pin.json";
/// Addresses of its nodes.
const NODES_FILE: &str = "nodes.json";
/// The identity, encrypted.
const IDENTITY_FILE: &str = "identity.tacit";
/// The key that signs groups and statements.
const CREATOR_KEY_FILE: &str = "creator.key";
/// The key that signs contributions to ceremonies.
const CEREMONY_KEY_FILE: &str = "ceremony.key";
/// Longest of these files, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Longest passphrase or code, in bytes.
const MAX_SECRET: u64 = 4096;
/// Most nodes that are remembered.
const MAX_REMEMBERED: usize = 200;

/// Headings in `--help`.
const EVERYWHERE: &str = "Options of every command";
const COMMITTEE: &str = "The committee";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// Folder of all your state [default: tacit in your data folder, such as ~/.local/share/tacit]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print one JSON value on stdout
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Answer every question with yes
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub yes: bool,
    /// Read the passphrase of your identity from this file ("-": stdin)
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Options of commands that talk to a committee.
#[derive(Debug, Clone, Default, Args)]
pub struct Network {
    /// URL of a node's API; repeat it for several. The committee's own are remembered
    #[arg(long = "node", help_heading = COMMITTEE, value_name = "URL")]
    pub nodes: Vec<String>,
    /// The committee's fingerprint, as you know it from elsewhere than its nodes or your invitation
    #[arg(long, help_heading = COMMITTEE, value_name = "HEX", value_parser = parse::fingerprint)]
    pub fingerprint: Option<Fingerprint>,
    /// That fingerprint stood in your invitation: whoever invited you chose the committee
    #[arg(long, help_heading = COMMITTEE, requires = "fingerprint")]
    pub from_invitation: bool,
}

impl Network {
    /// How a fingerprint that was given came here.
    fn origin(&self) -> Origin {
        if self.from_invitation {
            Origin::Invitation
        } else {
            Origin::Given
        }
    }
}

/// How a pinned fingerprint came here, the weakest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A node said so: who runs the node could name a committee of their own.
    Node,
    /// It stood in an invitation: who invites could name a committee of their own.
    Invitation,
    /// The person knows it from elsewhere.
    Given,
}

/// A committee that this folder is bound to.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// Its founding file, checked.
    pub file: FoundingFile,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// How the fingerprint came here.
    pub origin: Origin,
}

impl Pinned {
    /// The founding.
    pub fn founding(&self) -> &Founding {
        &self.file.founding
    }
}

#[derive(Serialize, Deserialize)]
struct PinFile {
    fingerprint: String,
    origin: Origin,
}

#[derive(Default, Serialize, Deserialize)]
struct NodesFile {
    nodes: Vec<String>,
}

/// The committee that `home` is bound to, if any. Its founding file is checked again.
pub fn load_founding(home: &Path) -> Result<Option<Pinned>, Failure> {
    const ADVICE: &str = "Use another --home, or restore this one from a backup.";
    let (founding, pin) = (home.join(FOUNDING_FILE), home.join(PIN_FILE));
    let Some(note) = read(&pin)? else {
        return Ok(None);
    };
    let damaged = |path: &Path, why: &dyn std::fmt::Display| {
        Failure::check(
            "damaged",
            format!("{} is damaged: {why}", path.display()),
            ADVICE,
        )
    };
    let note: PinFile = serde_json::from_slice(&note).map_err(|e| damaged(&pin, &e))?;
    let bytes = read(&founding)?.ok_or_else(|| {
        Failure::check(
            "damaged",
            format!("{} is missing", founding.display()),
            ADVICE,
        )
    })?;
    let file = FoundingFile::from_bytes(&bytes).map_err(|e| damaged(&founding, &e))?;
    let fingerprint = file.check().map_err(|e| damaged(&founding, &e))?;
    if fingerprint.to_string() != note.fingerprint {
        return Err(damaged(&founding, &"its fingerprint is not the pinned one"));
    }
    Ok(Some(Pinned {
        file,
        fingerprint,
        origin: note.origin,
    }))
}

/// Binds `home` to the committee of this founding file, whose fingerprint must be `fingerprint`. A home
/// that is bound to another committee refuses. An origin is only ever replaced by a better one.
pub fn pin(
    home: &Path,
    file: &FoundingFile,
    fingerprint: &Fingerprint,
    origin: Origin,
) -> Result<Pinned, Failure> {
    let found = file.check().map_err(|e| {
        Failure::check(
            "founding",
            format!("the founding file does not hold: {e}"),
            "Get it from another node or operator.",
        )
    })?;
    if found != *fingerprint {
        return Err(other_committee(&found, fingerprint));
    }
    let mut origin = origin;
    if let Some(before) = load_founding(home)? {
        if before.fingerprint != found {
            return Err(other_committee(&before.fingerprint, fingerprint));
        }
        origin = origin.max(before.origin);
    }
    let note = PinFile {
        fingerprint: fingerprint.to_string(),
        origin,
    };
    files::create_folder(home).map_err(|e| Failure::folder(home, &e))?;
    // The note last: without it, a founding file binds nothing.
    write(&home.join(FOUNDING_FILE), &file.to_bytes())?;
    write_json(&home.join(PIN_FILE), &note)?;
    Ok(Pinned {
        file: file.clone(),
        fingerprint: found,
        origin,
    })
}

fn other_committee(is: &Fingerprint, wanted: &Fingerprint) -> Failure {
    Failure::check(
        "other-committee",
        format!("this is the committee {is}, not {wanted}"),
        "Check the fingerprint. For another committee use another --home.",
    )
}

/// A pinned committee with a client of its nodes.
#[derive(Debug)]
pub struct Committee {
    /// The committee.
    pub pinned: Pinned,
    /// Its nodes.
    pub api: Api,
}

impl Committee {
    /// What receipts are checked against.
    pub fn founding(&self) -> (&Founding, &Fingerprint) {
        (self.pinned.founding(), &self.pinned.fingerprint)
    }
}

/// A command's surroundings.
#[derive(Debug)]
pub struct Context {
    /// Options of every command.
    pub globals: Globals,
    /// Where output goes.
    pub out: Output,
    home: PathBuf,
}

impl Context {
    /// From the options; makes nothing yet.
    pub fn new(globals: Globals) -> Result<Self, Failure> {
        let home = match &globals.home {
            Some(home) => home.clone(),
            None => data_folder().map(|d| d.join("tacit")).ok_or_else(|| {
                Failure::usage(
                    "no-home",
                    "there is no home folder to keep your state in",
                    "Give one with --home DIR.",
                )
            })?,
        };
        let out = Output::new(globals.json);
        Ok(Self { globals, out, home })
    }

    /// The folder of all the person's state. It may not exist yet.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A file's path in the home, which is made if it doesn't exist.
    pub fn in_home(&self, name: &str) -> Result<PathBuf, Failure> {
        files::create_folder(&self.home).map_err(|e| Failure::folder(&self.home, &e))?;
        Ok(self.home.join(name))
    }

    /// A client of the nodes that were named or else are remembered.
    pub fn api(&self, network: &Network) -> Result<Api, Failure> {
        // Named nodes are the ones that are asked: somebody who names them has a reason.
        let mut nodes = named_nodes(network)?;
        if nodes.is_empty() {
            nodes = self.remembered_nodes()?;
        }
        if nodes.is_empty() {
            return Err(ApiError::NoNodes.into());
        }
        Ok(Api::new(Connector::new(), nodes))
    }

    /// The committee that this home is bound to, with a client of its nodes. The first time, the founding
    /// file comes from a node: `--fingerprint` says which one is right, else the person is asked.
    pub fn committee(&self, network: &Network) -> Result<Committee, Failure> {
        let pinned = load_founding(&self.home)?;
        let api = self.api(network)?;
        let given = network.fingerprint.as_ref();
        let first_time = pinned.is_none();
        let pinned = match (pinned, given) {
            (Some(pinned), None) => pinned,
            (Some(pinned), Some(given))
                if pinned.origin == Origin::Given && pinned.fingerprint == *given =>
            {
                pinned
            }
            (Some(pinned), Some(given)) => pin(&self.home, &pinned.file, given, network.origin())?,
            (None, Some(given)) => {
                let (file, fingerprint) = api.founding(Some(given))?;
                pin(&self.home, &file, &fingerprint, network.origin())?
            }
            (None, None) => {
                let (file, fingerprint) = api.founding(None)?;
                self.out.note(format!(
                    "The nodes say that their committee's fingerprint is\n  {fingerprint}"
                ));
                for operator in &file.founding.operators {
                    self.out
                        .note(format!("  operator: {}", printable_line(&operator.name)));
                }
                self.confirm(
                    "Nobody else vouches for that. Compare it with what you know from elsewhere. Trust this committee?",
                    "--fingerprint HEX to name the committee that you trust, or --yes if that is so",
                )?;
                pin(&self.home, &file, &fingerprint, Origin::Node)?
            }
        };
        self.remember_named(network, &pinned.fingerprint)?;
        if first_time {
            self.learn_nodes(&api)?;
        }
        Ok(Committee { pinned, api })
    }

    /// Remembers those of the named nodes that serve this committee's founding file.
    fn remember_named(&self, network: &Network, pinned: &Fingerprint) -> Result<(), Failure> {
        let named = named_nodes(network)?;
        if named.is_empty() {
            return Ok(());
        }
        let mut nodes = self.remembered_nodes()?;
        let known = nodes.len();
        for url in named {
            if nodes.contains(&url) {
                continue;
            }
            let alone = Api::new(Connector::new(), vec![url.clone()]);
            if alone.founding(Some(pinned)).is_ok() {
                nodes.push(url);
            }
        }
        if nodes.len() > known {
            self.remember_nodes(&nodes)?;
        }
        Ok(())
    }

    /// Remembers the other nodes that a node names, so that it isn't the only one that can be asked.
    /// Addresses are one node's word; whatever comes from them is checked like everything else.
    fn learn_nodes(&self, api: &Api) -> Result<(), Failure> {
        let Ok(epoch) = api.epoch() else {
            return Ok(());
        };
        let mut nodes = self.remembered_nodes()?;
        let named = epoch.nodes.into_iter().filter_map(|n| n.api);
        for url in named.filter_map(|url| ServiceUrl::parse(&url).ok()) {
            if !nodes.contains(&url) {
                nodes.push(url);
            }
        }
        self.remember_nodes(&nodes)
    }

    /// The nodes of earlier commands.
    pub fn remembered_nodes(&self) -> Result<Vec<ServiceUrl>, Failure> {
        let path = self.home.join(NODES_FILE);
        let Some(bytes) = read(&path)? else {
            return Ok(Vec::new());
        };
        let file: NodesFile = serde_json::from_slice(&bytes).map_err(|e| {
            let problem = format!("{} is damaged: {e}", path.display());
            Failure::check(
                "damaged",
                problem,
                "Delete it and name nodes with --node URL.",
            )
        })?;
        file.nodes
            .iter()
            .map(|n| Ok(ServiceUrl::parse(n)?))
            .collect()
    }

    /// Remembers these nodes, and no others.
    pub fn remember_nodes(&self, nodes: &[ServiceUrl]) -> Result<(), Failure> {
        let from = nodes.len().saturating_sub(MAX_REMEMBERED);
        let nodes = nodes.iter().skip(from).map(ToString::to_string).collect();
        write_json(&self.in_home(NODES_FILE)?, &NodesFile { nodes })
    }

    /// The key that signs groups and statements, made if there is none.
    pub fn creator_key(&self) -> Result<SigningKey, Failure> {
        self.own_key(CREATOR_KEY_FILE)
    }

    /// The person's key for ceremonies; made if it doesn't exist.
    pub fn ceremony_key(&self) -> Result<SigningKey, Failure> {
        self.own_key(CEREMONY_KEY_FILE)
    }

    fn own_key(&self, name: &str) -> Result<SigningKey, Failure> {
        let path = self.in_home(name)?;
        if let Some(bytes) = read(&path)? {
            return read_creator_key(&path, Zeroizing::new(bytes));
        }
        let seed = input::randomness::<32>()?;
        let text = Zeroizing::new(format!("{}\n", *hex_text(&seed[..])));
        write(&path, text.as_bytes())?;
        Ok(SigningKey::from_seed(*seed))
    }

    /// Asks a question that "no" is the default answer to. `instead` completes "use …": what a script
    /// does that can't answer.
    pub fn confirm(&self, question: &str, instead: &str) -> Result<(), Failure> {
        if self.globals.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(
                "needs-confirmation",
                format!("this needs an answer, but there is no terminal to ask on: {question}"),
                format!("Use {instead}."),
            ));
        }
        let _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        let read = io::stdin().lock().take(64).read_line(&mut answer);
        match (read, answer.trim().to_lowercase().as_str()) {
            (Ok(_), "y" | "yes") => Ok(()),
            _ => Err(Failure::usage(
                "declined",
                "not confirmed",
                "Nothing was done.",
            )),
        }
    }

    /// Where the identity lies, in the home, which is made if it doesn't exist.
    pub fn identity_path(&self) -> Result<PathBuf, Failure> {
        self.in_home(IDENTITY_FILE)
    }

    /// Opens the person's identity: asks for its passphrase.
    pub fn unlock(&self) -> Result<Unlocked, Failure> {
        let path = self.identity_path()?;
        if !path.exists() {
            // Before anybody types a passphrase for nothing.
            return Err(IdentityFileError::Missing(path).into());
        }
        let passphrase = self.passphrase()?;
        Ok(identity_file::unlock(&path, &passphrase)?)
    }

    /// The passphrase of an identity that exists.
    pub fn passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        self.secret(
            "passphrase of your identity",
            self.globals.passphrase_file.as_deref(),
            "--passphrase-file",
        )
    }

    /// A passphrase for something new: asked twice, and not empty.
    pub fn new_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let first = self.passphrase()?;
        if self.globals.passphrase_file.is_none() && *prompt("The same again")? != *first {
            return Err(Failure::usage(
                "passphrase",
                "the two passphrases differ",
                "Try again.",
            ));
        }
        Ok(first)
    }

    /// A secret from a file ("-": stdin) or a prompt, without the end of its line. `option` is the one
    /// that names the file.
    pub fn secret(
        &self,
        label: &str,
        file: Option<&Path>,
        option: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        let secret = match file {
            Some(path) => secret_from_file(path)?,
            None if io::stdin().is_terminal() => prompt(&sentence(label))?,
            None => {
                return Err(Failure::usage(
                    "needs-secret",
                    format!("{label} needed, but there is no terminal to ask on"),
                    format!("Give it in a file: {option} FILE, or \"-\" for stdin."),
                ));
            }
        };
        if secret.is_empty() {
            return Err(match file {
                Some(path) => Failure::usage(
                    "needs-secret",
                    format!(
                        "{label} needed, but the first line of {} is empty",
                        path.display()
                    ),
                    "Give a file whose first line holds it.",
                ),
                None => Failure::usage(
                    "needs-secret",
                    format!("{label} needed, but nothing was typed"),
                    "Try again.",
                ),
            });
        }
        Ok(secret)
    }
}

fn named_nodes(network: &Network) -> Result<Vec<ServiceUrl>, Failure> {
    let named = network.nodes.iter().map(|url| Ok(ServiceUrl::parse(url)?));
    named.collect()
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

fn prompt(label: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(format!("{label}: "))
        .map(Zeroizing::new)
        .map_err(|e| Failure::usage("needs-secret", format!("can't ask: {e}"), ""))
}

fn secret_from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = input::file_or_stdin(path, MAX_SECRET)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::usage(
            "not-text",
            format!("{} is not UTF-8 text", path.display()),
            "Give the file that holds it, one line of text.",
        )
    })?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_string()))
}

fn read_creator_key(path: &Path, mut bytes: Zeroizing<Vec<u8>>) -> Result<SigningKey, Failure> {
    let open = files::open_to_others(path).map_err(|e| Failure::file("read", path, &e))?;
    if open {
        return Err(Failure::usage(
            "permissions",
            format!("others can read {}", path.display()),
            format!("Run: chmod 600 {}", path.display()),
        ));
    }
    let mut seed = Zeroizing::new([0u8; 32]);
    let decoded = hex::decode_to_slice(bytes.trim_ascii(), &mut seed[..]);
    bytes.zeroize();
    decoded.map_err(|_| {
        Failure::check(
            "damaged",
            format!("{} is not a key", path.display()),
            "Restore it from a backup.",
        )
    })?;
    Ok(SigningKey::from_seed(*seed))
}

fn hex_text(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(bytes))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    files::read(path, MAX_FILE).map_err(|e| Failure::file("read", path, &e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    files::replace(path, bytes).map_err(|e| Failure::file("write", path, &e))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    // Structs of text always serialize.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    write(path, &bytes)
}

/// Where programs of this platform keep a person's data.
fn data_folder() -> Option<PathBuf> {
    let variable = |name: &str| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|p| p.is_absolute())
    };
    if cfg!(target_os = "windows") {
        variable("APPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|h| h.join(".local/share")))
    }
}

#[cfg(test)]
mod tests;
