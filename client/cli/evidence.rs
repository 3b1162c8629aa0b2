//! A statement's bundle from the nodes, checked wholly before anything of it is believed or shown.
//!
//! The one place where a downloaded bundle is verified: `sign`, `names` and `bundle` start here.

use tacit_client::api::{ApiError, Held};
use tacit_client::bundle::Certified;
use tacit_client::verify::{Verified, verify};
use tacit_protocol::ids::StatementId;

use crate::clock::now_ms;
use crate::context::{Committee, Context};
use crate::failure::Failure;

/// Must the certified head be recent?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A node may lag: what it shows is true, if not the latest.
    Any,
    /// At most two minutes old by this machine's clock: what a signature is sealed on.
    Recent,
}

/// A bundle that holds.
#[derive(Debug)]
pub struct Evidence {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What was verified.
    pub verified: Verified,
}

/// Gets a statement's bundle from the first node that has one which holds and is `enough` for what it is
/// needed for. Any node may lag: if none that is asked has got that far, it is the newest of theirs.
pub fn fetch(
    cx: &Context,
    committee: &Committee,
    id: &StatementId,
    freshness: Freshness,
    enough: impl Fn(&Certified) -> bool,
) -> Result<Evidence, Failure> {
    let spinner = cx
        .out
        .spinner("Getting the statement's history and checking it");
    let mut stale = None;
    let evidence = committee.api.bundle(id, |bytes, _| {
        let mut weights = [0u8; 32];
        getrandom::fill(&mut weights).map_err(|e| format!("no randomness here: {e}"))?;
        let report = verify(&bytes, &committee.pinned.fingerprint, weights);
        let failed = report.checks.last().filter(|c| !c.ok);
        let Some(verified) = report.verified else {
            let what = failed.map(|c| format!("{}: {}", c.name, c.detail));
            return Err(format!(
                "its bundle does not hold: {}",
                what.unwrap_or_default()
            ));
        };
        let certified = &verified.certified;
        if certified.id != *id {
            return Err("its bundle is of another statement".into());
        }
        let (now, head) = (now_ms(), certified.time_ms);
        if freshness == Freshness::Recent && !certified.is_fresh(now) {
            stale = Some(head);
            return Err(format!(
                "its newest certified block is of {}, which is {}",
                crate::clock::utc(head),
                crate::clock::distance(head, now)
            ));
        }
        let (height, enough) = (certified.height, enough(certified));
        let found = Evidence { bytes, verified };
        Ok(match enough {
            true => Held::Enough(found),
            false => Held::Behind { found, height },
        })
    });
    spinner.finish_and_clear();
    evidence.map_err(|e| match (&e, stale) {
        (ApiError::BadAnswer { .. }, Some(_)) => Failure::check(
            "stale",
            e,
            "Nothing is signed on old news. Check this machine's clock, name other nodes with --node URL, or wait until the committee makes blocks again.",
        ),
        _ => e.into(),
    })
}
