//! A statement's bundle from the nodes, checked wholly before anything of it is believed or shown.
//!
//! The one place where a downloaded bundle is verified: `sign`, `names` and `bundle` start here.

use tacit_client::api::ApiError;
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
/// needed for. Any node may lag: if none has got that far, it is the newest that there is.
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
    let mut newest: Option<Evidence> = None;
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
        if verified.certified.id != *id {
            return Err("its bundle is of another statement".into());
        }
        let (now, head) = (now_ms(), verified.certified.time_ms);
        if freshness == Freshness::Recent && !verified.certified.is_fresh(now) {
            stale = Some(head);
            return Err(format!(
                "its newest certified block is of {}, which is {}",
                crate::clock::utc(head),
                crate::clock::distance(head, now)
            ));
        }
        let evidence = Evidence { bytes, verified };
        let certified = &evidence.verified.certified;
        if enough(certified) {
            return Ok(evidence);
        }
        let behind = format!("by its bundle the statement is {}", certified.facts.status);
        let height = |e: &Evidence| e.verified.certified.height;
        if newest
            .as_ref()
            .is_none_or(|n| height(n) < height(&evidence))
        {
            newest = Some(evidence);
        }
        Err(behind)
    });
    spinner.finish_and_clear();
    evidence.or_else(|e| newest.ok_or(e)).map_err(|e| match (&e, stale) {
        (ApiError::BadAnswer { .. }, Some(_)) => Failure::check(
            "stale",
            e,
            "Nothing is signed on old news. Check this machine's clock, name other nodes with --node URL, or wait until the committee makes blocks again.",
        ),
        _ => e.into(),
    })
}
