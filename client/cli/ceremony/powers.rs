//! Powers from a file: everybody who relies on a ceremony compares whose they are.
//!
//! The rules name the file by a hash that the coordinator has chosen, so the rules pin it for nobody. If one
//! person made the file, that person can forge with every key that is made from it, and each proof in the
//! ceremony holds nevertheless.

use std::io::{self, IsTerminal as _};

use tacit_ceremony::blake2b::Digest64;
use tacit_ceremony::transcript::{Powers, Transcript};

use crate::context::Context;
use crate::failure::Failure;

/// Reads a BLAKE2b-512.
pub fn digest(text: &str) -> Result<Digest64, String> {
    let mut digest = [0; 64];
    hex::decode_to_slice(text, &mut digest)
        .map_err(|_| "a BLAKE2b-512 has 128 digits 0-9 and a-f".to_owned())?;
    Ok(digest)
}

/// The hash of the powers' file, as the person knows it from elsewhere than the coordinator.
#[derive(Debug, Clone, Copy)]
pub struct KnownPowers(pub Option<Digest64>);

/// Whose the powers are, as far as the person knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The ceremony made them: its transcript says who took part.
    Own,
    /// From the file that the person named.
    Named,
    /// From a file that only the coordinator has named.
    Nobodys,
}

impl KnownPowers {
    /// Compares the rules with what the person knows.
    ///
    /// # Errors
    /// Another file than the one that was named.
    pub fn compare(self, transcript: &Transcript) -> Result<Whose, Failure> {
        match (&transcript.descriptor().powers, self.0) {
            (Powers::Fresh { .. }, None) => Ok(Whose::Own),
            (Powers::Fresh { .. }, Some(_)) => Err(Failure::check(
                "other-powers",
                "the ceremony made its powers itself, and you named those of a file",
                "Leave out --powers-hash, or check which ceremony this is.",
            )),
            (Powers::Existing { .. }, None) => Ok(Whose::Nobodys),
            (Powers::Existing { hash, .. }, Some(named)) if *hash == named => Ok(Whose::Named),
            (Powers::Existing { hash, .. }, Some(_)) => Err(Failure::check(
                "other-powers",
                format!(
                    "the ceremony starts from the powers with the BLAKE2b-512 {}, not from those that you named",
                    hex::encode(hash)
                ),
                "Don't rely on its keys. Tell the coordinator and the contributors.",
            )),
        }
    }

    /// As [`KnownPowers::compare`], for a committee of which people will rely on the keys: powers that only the
    /// coordinator has named need a person's answer, and `--yes` is none.
    ///
    /// # Errors
    /// Another file than the one that was named, or nobody has named it.
    pub fn insist(self, transcript: &Transcript, cx: &Context) -> Result<Whose, Failure> {
        let whose = self.compare(transcript)?;
        let d = transcript.descriptor();
        let Some(sentence) = d.powers_to_compare() else {
            return Ok(whose);
        };
        // A rehearsal's keys count as development keys, whoever made its powers.
        if whose != Whose::Nobodys || d.rehearsal {
            return Ok(whose);
        }
        if cx.globals.yes || !io::stdin().is_terminal() {
            return Err(Failure::usage(
                "powers-hash",
                sentence,
                "Give that hash as its own ceremony has published it: --powers-hash HEX. --yes doesn't answer this.",
            ));
        }
        cx.out.note(sentence);
        cx.confirm(
            "Have you compared it there?",
            "--powers-hash HEX, as the powers' own ceremony has published it",
        )?;
        Ok(Whose::Named)
    }
}
