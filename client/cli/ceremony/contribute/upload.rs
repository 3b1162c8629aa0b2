//! Uploads: from where the coordinator has a file, in pieces that the line carries, for as long as the turn
//! lasts.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::ProgressBar;
use tacit_ceremony::coordinator::wire::StandingView;
use tacit_ceremony::transcript::Signed;
use tacit_client::api::ServiceError;
use tacit_protocol::codec::Encode as _;

use super::turn::over;
use super::work::Work;
use crate::ceremony::bar::estimated;
use crate::ceremony::fetch::patience::{Pace, Trouble, passes};
use crate::failure::Failure;

const BYTES: &str = "application/octet-stream";

/// What a coordinator says to a piece, or to an entry, that calls for another look at how things stand.
fn is_word(error: &ServiceError, word: &str) -> bool {
    matches!(error, ServiceError::Problem(p) if p.word() == word)
}

impl Work<'_> {
    /// Uploads all files and hands the entry in. What becomes of it is asked for later.
    pub(super) fn deliver(
        &self,
        ticket: &str,
        made: &[PathBuf],
        signed: &Signed,
    ) -> Result<(), Failure> {
        let mut again = true;
        loop {
            for (i, path) in made.iter().enumerate() {
                self.upload(ticket, i, path)?;
            }
            match self.hand_in(ticket, signed)? {
                None => return Ok(()),
                // There was something else, of an earlier run: it is gone now.
                Some(e) if again && is_word(&e, "invalid") => again = false,
                Some(e) => return Err(self.remote.failure(e)),
            }
        }
    }

    /// How things stand while it's one's turn.
    pub(super) fn in_turn(&self, ticket: &str) -> Result<StandingView, Failure> {
        let standing = self.standing(ticket)?;
        if standing.state == "turn" {
            return Ok(standing);
        }
        Err(over(standing))
    }

    fn upload(&self, ticket: &str, index: usize, path: &Path) -> Result<(), Failure> {
        let failed = |e: std::io::Error| Failure::file("read", path, &e);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let to = format!("/v1/turns/{ticket}/files/{index}");
        let bar = estimated(&self.cx.out, length, "uploading");
        let (mut pace, mut trouble) = (Pace::default(), Trouble::default());
        loop {
            // After a cut, more may have come than was answered.
            let received = self.in_turn(ticket)?.received;
            let at = received.get(index).copied().unwrap_or(0);
            if at >= length {
                bar.finish_and_clear();
                return Ok(());
            }
            match self.pieces(&to, &file, at..length, &mut pace, &bar) {
                Ok(()) => trouble.passed(&self.cx.out),
                Err(Broken::File(e)) => return Err(failed(e)),
                // While another connection still writes what it has got, the place moves.
                Err(Broken::Call(e)) if passes(&e) || is_word(&e, "offset") => {
                    pace.cut();
                    trouble.wait(&self.cx.out, &e);
                }
                Err(Broken::Call(e)) => return Err(self.remote.failure(e)),
            }
        }
    }

    fn pieces(
        &self,
        to: &str,
        file: &File,
        range: std::ops::Range<u64>,
        pace: &mut Pace,
        bar: &ProgressBar,
    ) -> Result<(), Broken> {
        let mut at = range.start;
        bar.set_position(at);
        while at < range.end {
            let mut piece = vec![0; (range.end - at).min(pace.bytes()) as usize];
            file.read_exact_at(&mut piece, at).map_err(Broken::File)?;
            let began = Instant::now();
            let to = format!("{to}?offset={at}");
            let sent = self.remote.try_send(&to, BYTES, &piece);
            sent.map_err(Broken::Call)?;
            pace.took(began.elapsed());
            at += piece.len() as u64;
            bar.set_position(at);
        }
        Ok(())
    }

    /// The answer is why it wasn't taken, if it wasn't. What was lost on the way is handed in again, but not
    /// what is being checked.
    fn hand_in(&self, ticket: &str, signed: &Signed) -> Result<Option<ServiceError>, Failure> {
        let to = format!("/v1/turns/{ticket}/entry");
        let mut trouble = Trouble::default();
        loop {
            let e = match self.remote.try_send(&to, BYTES, &signed.to_bytes()) {
                Ok(_) => return Ok(None),
                Err(e) => e,
            };
            if !passes(&e) && !is_word(&e, "not-your-turn") {
                return Ok(Some(e));
            }
            trouble.wait(&self.cx.out, &e);
            // Whatever else it is, the outcome tells.
            if self.standing(ticket)?.state != "turn" {
                return Ok(None);
            }
        }
    }
}

/// Why an upload doesn't go on.
enum Broken {
    /// The file here.
    File(std::io::Error),
    /// The call.
    Call(ServiceError),
}
