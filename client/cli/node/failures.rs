//! What is wrong with a node, and what its operator should do about it: the one mapping from the node's
//! errors. Advice must never make things worse: a node that forgot its votes is never told to start again.

use std::io;

use tacit_ledger::LedgerError;
use tacit_node::api::{CommitteeError, ListenError, TlsError};
use tacit_node::engine::EngineError;
use tacit_node::home::HomeError;
use tacit_node::production::NodeError;
use tacit_node::reconcile::ReconcileError;
use tacit_node::run::RunError;
use tacit_node::storage::StorageError;
use tacit_protocol::founding::FoundingError;
use tacit_vault::{PermissionError, VaultError};

use crate::failure::Failure;

/// For a node without the storage of its votes.
const STAY_OUT: &str = "A node that forgot its votes could contradict them, so it stays out. Don't make a new one and restore nothing: see the operators' guide, section 7.";
/// For a node that stopped for a reason outside of it.
const GOES_ON: &str = "Mend first what it says; the log above says more. Then start it again: it goes on where it stopped.";
/// For a database that isn't what it should be.
const REBUILD: &str = "Check the disk. If it is sound, move ledger.db, ledger.db-wal and ledger.db-shm away and start the node again: it rebuilds them from the log.";
/// For a founding file that can't be.
const ANOTHER_FOUNDING: &str = "Ask the founder for another one.";
/// For what no operator can have caused.
const MISTAKE: &str = "This is a mistake of the program: tell its makers what the log above says.";

impl From<HomeError> for Failure {
    fn from(e: HomeError) -> Self {
        use HomeError as E;
        match e {
            E::NoNode(path) => Failure::usage(
                "no-node",
                format!("there is no node in {}", path.display()),
                "Check --home, or make one: tacit node init",
            ),
            E::Exists(path) => Failure::usage(
                "node-exists",
                format!("there is a node in {} already", path.display()),
                "Run it (`tacit node run`), or make another one in another --home.",
            ),
            E::File { doing, path, error } => Failure::file(doing, &path, &error),
            E::Permissions(e) => e.into(),
            E::Founding(FoundingError::Unsigned(operator)) => Failure::usage(
                "unsigned",
                format!("operator {operator} has not signed the founding file"),
                "Let them sign it (`tacit committee sign`), or get the file that all have signed.",
            ),
            E::Founding(e) => Failure::check("founding", e, ANOTHER_FOUNDING),
            E::NotAnOperator => Failure::usage(
                "not-an-operator",
                "the founding file doesn't name this node's key",
                "Check --home. If your key should be in it, give the founder your card (`tacit committee card`) and ask for a new file.",
            ),
            E::NoCard { node, name } => Failure::usage(
                "no-card",
                format!("there is no valid card of operator {node} ({name})"),
                "Ask them for it, and give it with --card.",
            ),
            E::NoKey(what, hash) => Failure::usage(
                "no-key",
                format!("the {what} is missing: there is no {hash}.key in the folder of keys"),
                format!(
                    "Get it from whoever founded the committee, or from another node at /v1/keys/{hash}"
                ),
            ),
            E::OtherKey { .. } => Failure::check(
                "other-key",
                e,
                "Get it again from whoever founded the committee, or from another node.",
            ),
            E::Key(_) => Failure::check(
                "other-key",
                e,
                "Tell the founder: this key must not be used.",
            ),
            E::Settings { .. } => Failure::usage(
                "settings",
                e,
                "Correct it, or restore it from a backup: section 8 of the operators' guide lists what is in it.",
            ),
            E::Malformed { .. } => Failure::check(
                "damaged",
                e,
                "Restore it from a backup. Never restore the folders engine/ and erasable/.",
            ),
            E::Storage(e) => e.into(),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(e: StorageError) -> Self {
        match e {
            StorageError::NoMarker(path) => Failure::check(
                "no-engine",
                format!(
                    "the consensus storage {} was deleted, or never made",
                    path.display()
                ),
                STAY_OUT,
            ),
            StorageError::Locked(_) => running(),
            StorageError::OtherCommittee(_) => Failure::usage(
                "other-committee",
                e,
                "Check --home. Never copy engine/ from one node to another.",
            ),
            StorageError::Marked(_) => Failure::usage(
                "node-exists",
                e,
                "A node was made here before: use another --home, or restore what is missing from a backup.",
            ),
            StorageError::Io { .. } => Failure::usage(
                "file",
                e,
                "Check the path, its permissions and the disk. Never copy or restore engine/.",
            ),
        }
    }
}

fn running() -> Failure {
    Failure::usage(
        "running",
        "this node is running already",
        "Stop the other one first.",
    )
}

impl From<PermissionError> for Failure {
    fn from(e: PermissionError) -> Self {
        match e {
            PermissionError::TooOpen { path, mode, folder } => Failure::usage(
                "permissions",
                format!(
                    "{} is open to other users of this machine (mode {mode:04o})",
                    path.display()
                ),
                format!(
                    "Run: chmod {} '{}'",
                    if folder { 700 } else { 600 },
                    path.display()
                ),
            ),
            PermissionError::NotAFile { path } => Failure::usage(
                "permissions",
                format!("{} is neither a file nor a folder", path.display()),
                "Put the key itself there.",
            ),
            PermissionError::Unreadable { path, source }
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Failure::usage(
                    "no-node-key",
                    format!("there is no node's key {}", path.display()),
                    "Make your card first, which makes the key (`tacit committee card`), or check --home.",
                )
            }
            PermissionError::Unreadable { path, source } => Failure::file("read", &path, &source),
        }
    }
}

/// Why a node doesn't run, or no longer.
impl From<RunError> for Failure {
    fn from(e: RunError) -> Self {
        use RunError as E;
        match e {
            E::Home(e) => e.into(),
            E::Vault(e) => e.into(),
            E::Ledger(e) => e.into(),
            E::Node(e) => e.into(),
            E::Committee(CommitteeError::Founding(e)) => HomeError::Founding(e).into(),
            E::Committee(e @ CommitteeError::Key { .. }) => Failure::check(
                "other-key",
                e,
                "Get it again from whoever founded the committee, or from another node.",
            ),
            E::Listen(ListenError::Unprotected(address)) => Failure::usage(
                "plain-http",
                format!(
                    "{address} is reachable from other machines, and this would serve plain http there"
                ),
                "Set tls_cert and tls_key in node.json, or behind_proxy if a proxy in front speaks TLS, or listen on 127.0.0.1.",
            ),
            E::Listen(e @ ListenError::Io { .. }) => no_port(e),
            E::Tls(TlsError::Permissions(e)) => e.into(),
            E::Tls(_) | E::HalfTls => Failure::usage(
                "tls",
                e,
                "tls_cert in node.json takes the certificate chain and tls_key its private key, both PEM.",
            ),
            E::Reconcile(ReconcileError::Ledger(e)) => e.into(),
            E::Reconcile(ReconcileError::Vault(e)) => e.into(),
            E::Reconcile(ReconcileError::Stopped) | E::Ended(_) => {
                Failure::check("stopped", e, GOES_ON)
            }
            E::Address(_) => Failure::usage(
                "card",
                e,
                "Ask the operator for a new card, and put it into cards/.",
            ),
            E::System(..) => Failure::usage(
                "system",
                e,
                "Free some resources or raise this user's limits, and start it again.",
            ),
        }
    }
}

fn no_port(e: impl std::fmt::Display) -> Failure {
    Failure::usage(
        "listen",
        e,
        "Stop what uses that port, or change the address in node.json.",
    )
}

impl From<NodeError> for Failure {
    fn from(e: NodeError) -> Self {
        use NodeError as E;
        match e {
            E::Storage(e) => e.into(),
            E::Engine(e) => e.into(),
            E::Timing(_) | E::Members(_) => Failure::check("founding", e, ANOTHER_FOUNDING),
            E::Listen { .. } => no_port(e),
            E::Ended(_) | E::Panicked => Failure::check("stopped", e, GOES_ON),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(e: EngineError) -> Self {
        use EngineError as E;
        match e {
            E::NotAMember => HomeError::NotAnOperator.into(),
            E::Timing(_) => Failure::check("founding", e, ANOTHER_FOUNDING),
            E::EngineBehind { database } => Failure::check(
                "no-engine",
                format!(
                    "the consensus storage is behind the database, which is at block {database}: it was lost or restored from a copy"
                ),
                STAY_OUT,
            ),
            E::OtherLog { .. } => Failure::check(
                "other-log",
                e,
                "Files of two logs were mixed. Find the right ledger.db, or move it away and start again: it is rebuilt. Leave engine/ as it is.",
            ),
            E::Stopped => Failure::check("stopped", e, GOES_ON),
            // Something of the storage of its votes is lost or old.
            _ => Failure::check("engine", e, STAY_OUT),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(e: LedgerError) -> Self {
        use LedgerError as E;
        match e {
            E::Store(_) | E::Gap { .. } => Failure::check("database", e, REBUILD),
            E::Founding(e) => HomeError::Founding(e).into(),
            E::OtherCommittee(committee) => Failure::usage(
                "other-committee",
                format!("the database belongs to the committee {committee}"),
                "Check --home. If it is right, move ledger.db* away: the node rebuilds its own.",
            ),
            E::Version(_) => Failure::usage(
                "version",
                e,
                "Run the newest program that ran here: never go back to an older one.",
            ),
            E::Diverged { .. } => Failure::check(
                "diverged",
                e,
                "Leave it stopped. Compare the program's version with the other operators', then rebuild the database: see the operators' guide, section 6.",
            ),
        }
    }
}

impl From<VaultError> for Failure {
    fn from(e: VaultError) -> Self {
        use VaultError as E;
        match e {
            E::Permissions(e) => e.into(),
            E::AlreadyOpen { .. } => running(),
            E::UnknownFile { path } => Failure::usage(
                "unknown-file",
                format!("{} doesn't belong in the erasable folder", path.display()),
                "Move it away, and destroy it if it is a copy of a key: erasing would not find it.",
            ),
            E::Randomness(_) => Failure::usage("randomness", e, "Try again."),
            E::Io { .. } | E::Doubtful(_) => Failure::check(
                "disk",
                e,
                "Check the disk and who owns the folder, then start the node again: it goes on where it stopped.",
            ),
            E::Survives { .. } => Failure::check(
                "disk",
                e,
                "This disk doesn't overwrite in place, so nothing is attested: see the operators' guide, section 6.",
            ),
            E::KeyDamaged(_) | E::SecretDamaged { .. } | E::BodyDamaged(_) => Failure::check(
                "damaged",
                e,
                "Restore nothing into erasable/: see the operators' guide, section 7.",
            ),
            E::NoSlot(_)
            | E::SlotErased(_)
            | E::BodyTooLarge(_)
            | E::BatchTooLarge(_)
            | E::TooManyBodies(_)
            | E::SecretTooLarge(_)
            | E::BadSecretName
            | E::TooManySecrets(_)
            | E::TooManySlots => Failure::check("vault", e, MISTAKE),
        }
    }
}
