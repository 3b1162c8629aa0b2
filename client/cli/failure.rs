//! How a command fails: a problem, advice, and an exit code; and the one mapping from the library's
//! errors to them.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use tacit_client::api::{ApiError, UrlError};
use tacit_client::identity_file::IdentityFileError;

use crate::output::{Output, printable};

/// Exit codes, documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A check failed: something is not what it claims to be.
    CheckFailed = 1,
    /// Usage or input.
    Usage = 2,
    /// Nobody could be reached.
    Unreachable = 3,
    /// Not yet: try again later.
    NotYet = 4,
    /// Stopped by a signal before it was done: what shells expect of Ctrl-C.
    Interrupted = 130,
}

/// The exit codes as `--help` shows them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a check failed
  2  wrong usage or input
  3  nobody could be reached
  4  not yet: try again later
130  stopped by Ctrl-C before it was done";

/// Why a command didn't do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The program's exit code.
    pub exit: Exit,
    /// Stable name of the problem, for scripts.
    pub code: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

impl Failure {
    fn new(
        exit: Exit,
        code: &'static str,
        problem: impl fmt::Display,
        advice: impl fmt::Display,
    ) -> Self {
        Self {
            exit,
            code,
            problem: without_numbers(&problem.to_string()),
            advice: advice.to_string(),
        }
    }

    /// Something is not what it claims to be.
    pub fn check(
        code: &'static str,
        problem: impl fmt::Display,
        advice: impl fmt::Display,
    ) -> Self {
        Self::new(Exit::CheckFailed, code, problem, advice)
    }

    /// Wrong usage or input.
    pub fn usage(
        code: &'static str,
        problem: impl fmt::Display,
        advice: impl fmt::Display,
    ) -> Self {
        Self::new(Exit::Usage, code, problem, advice)
    }

    /// Nobody could be reached.
    pub fn unreachable(
        code: &'static str,
        problem: impl fmt::Display,
        advice: impl fmt::Display,
    ) -> Self {
        Self::new(Exit::Unreachable, code, problem, advice)
    }

    /// Not yet.
    pub fn not_yet(
        code: &'static str,
        problem: impl fmt::Display,
        advice: impl fmt::Display,
    ) -> Self {
        Self::new(Exit::NotYet, code, problem, advice)
    }

    /// Stopped by a signal.
    pub fn interrupted(advice: impl fmt::Display) -> Self {
        let problem = "stopped before it was done";
        Self::new(Exit::Interrupted, "interrupted", problem, advice)
    }

    /// A check failed, and the command's own JSON result says so: nothing more is printed.
    pub fn already_told() -> Self {
        Self::check("told", "", "")
    }

    /// Not yet, and the command's own JSON result says so: nothing more is printed.
    pub fn not_yet_told() -> Self {
        Self::not_yet("told", "", "")
    }

    /// A file that was named isn't there.
    pub fn no_file(path: &Path) -> Self {
        let problem = format!("there is no file {}", path.display());
        Self::usage("no-file", problem, "Check the path.")
    }

    /// A file couldn't be read or written. `doing` completes "can't …", such as "read".
    pub fn file(doing: &str, path: &Path, e: &io::Error) -> Self {
        let problem = format!("can't {doing} {}: {e}", path.display());
        Self::usage("file", problem, "Check the path and its permissions.")
    }

    /// A folder couldn't be made.
    pub fn folder(path: &Path, e: &io::Error) -> Self {
        if path.exists() && !path.is_dir() {
            let problem = format!("{} is a file, not a folder", path.display());
            return Self::usage("file", problem, "Give another folder.");
        }
        Self::file("make", path, e)
    }

    /// Prints it: `error: …` and advice on stderr, or the error object on stdout.
    pub fn print(&self, out: &Output) {
        #[derive(Serialize)]
        struct Body<'a> {
            code: &'a str,
            problem: &'a str,
            advice: &'a str,
        }
        #[derive(Serialize)]
        struct Object<'a> {
            error: Body<'a>,
        }
        if self.problem.is_empty() {
            return;
        }
        if out.is_json() {
            out.json(&Object {
                error: Body {
                    code: self.code,
                    problem: &self.problem,
                    advice: &self.advice,
                },
            });
        } else {
            out.note(format!("error: {}", printable(&self.problem)));
            if !self.advice.is_empty() {
                out.note(printable(&self.advice));
            }
        }
    }
}

/// A system's own words without the number behind them: "Permission denied (os error 13)".
pub fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        plain.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    plain
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<UrlError> for Failure {
    fn from(e: UrlError) -> Self {
        let (code, advice) = match e {
            UrlError::Malformed(_) => (
                "url",
                "Give a URL such as https://node.example:8443, without user, query or fragment.",
            ),
            UrlError::PlainHttp(_) => (
                "plain-http",
                "Use its https URL; plain http is only for this machine and .onion addresses.",
            ),
        };
        Failure::usage(code, e, advice)
    }
}

impl From<ApiError> for Failure {
    fn from(e: ApiError) -> Self {
        match &e {
            ApiError::NoNodes => Failure::usage(
                "no-nodes",
                e,
                "Name one with --node URL; it is remembered for the next time.",
            ),
            ApiError::Unreachable(_) => Failure::unreachable(
                "unreachable",
                e,
                "Check the addresses and your connection, or name other nodes with --node URL.",
            ),
            ApiError::BadAnswer { .. } => Failure::check(
                "bad-answer",
                e,
                "Name other nodes with --node URL. If several answer like this, tell their operators.",
            ),
            ApiError::OtherCommittee { .. } => Failure::check(
                "other-committee",
                e,
                "Check the fingerprint. If it is right, name nodes of that committee with --node URL.",
            ),
            ApiError::Problem { problem, .. } if problem.is_not_yet() => Failure::not_yet(
                "not-final",
                e,
                "Run the same command again: it sends the same bytes and never counts twice.",
            ),
            ApiError::Problem { problem, .. } if problem.is_busy() => {
                const STILL: &str = "The committee's log stands still, or the node has just been started. Try again in a minute; tacit node status shows how the nodes are.";
                let (code, advice) = match problem.word() {
                    "uncertified" => ("uncertified", STILL),
                    "not-ready" => ("not-ready", STILL),
                    _ => ("busy", "Try again in a minute."),
                };
                Failure::not_yet(code, e, advice)
            }
            ApiError::Problem { problem, .. } => {
                let advice = problem.advice.clone();
                let code = match problem.status {
                    404 => "not-found",
                    409 => "conflict",
                    _ => "refused",
                };
                Failure::usage(code, e, advice)
            }
        }
    }
}

impl From<IdentityFileError> for Failure {
    fn from(e: IdentityFileError) -> Self {
        use IdentityFileError as E;
        match &e {
            E::Missing(_) => Failure::usage("no-identity", e, "Make one: tacit identity new"),
            E::Exists(_) => Failure::usage(
                "identity-exists",
                e,
                "Use it, or another --home. To replace it, move the file away yourself: with it go its memberships and receipts.",
            ),
            E::InUse(_) => Failure::not_yet("in-use", e, "Wait for the other tacit to finish."),
            E::Permissions(path) => {
                let advice = format!("Run: chmod 600 {}", path.display());
                Failure::usage("permissions", e, advice)
            }
            E::Io { .. } => Failure::usage("file", e, "Check the path and its permissions."),
            E::NotAnIdentity(_) | E::Cost(_) | E::Contents(_) | E::Secret(_) => {
                Failure::check("damaged", e, "Restore the file from a backup.")
            }
            E::Passphrase => Failure::check("passphrase", e, "Try again, or restore a backup."),
            E::AlreadySealed(_) => Failure::usage(
                "already-sealed",
                e,
                "Run tacit sign again: it sends the same bytes and never counts twice.",
            ),
            E::NothingSealed(_) => Failure::usage("nothing-sealed", e, "Sign it with tacit sign."),
            E::Randomness(_) => Failure::usage("randomness", e, "Try again."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_systems_words_are_told_without_their_numbers() {
        let told = "a (Connection refused (os error 111)), b (No such file (os error 2))";
        assert_eq!(
            without_numbers(told),
            "a (Connection refused), b (No such file)"
        );
        assert_eq!(without_numbers("nothing special"), "nothing special");
    }
}
