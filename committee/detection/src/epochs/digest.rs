//! What identifies evidence: SHA-256 over the member, the kind, and the votes that it stands on.
//!
//! Not over the figures drawn from them: the same votes, weighed again by a later version, are the same
//! evidence, and a won appeal holds against it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::circles::Circle;
use crate::policy::inputs::{EvidenceDigest, Kind};
use crate::votes::{Board, MemberId, Stance, Vote};

/// Before everything that is hashed, so that the hash of something else never identifies evidence.
const DOMAIN: &[u8] = b"tacit evidence 1";

/// The digest of a finding about a member of a circle: of the votes between the member and the circle for
/// structure and quality, and for time also of the circle's other votes on the posts that it voted on.
pub fn of(board: &Board, member: MemberId, kind: Kind, circle: &Circle) -> EvidenceDigest {
    let inside: BTreeSet<MemberId> = circle.suspects.iter().map(|s| s.member).collect();
    let within = |vote: &&Vote| {
        let author = board.post(vote.post).author;
        vote.stance == Stance::Up && inside.contains(&vote.member) && inside.contains(&author)
    };
    let own = || board.votes_of(member).filter(within);
    let mut votes: Vec<&Vote> = own().collect();
    match kind {
        Kind::Structure => {
            for post in board.posts_by(member) {
                votes.extend(board.votes_on(post).filter(within));
            }
        }
        Kind::Time => {
            let others = own().flat_map(|vote| board.votes_on(vote.post).filter(within));
            let others: Vec<&Vote> = others.filter(|v| v.member != member).collect();
            votes.extend(others);
        }
        Kind::Quality => {}
    }
    let mut rows: Vec<(&str, &str, i64)> = votes
        .iter()
        .map(|v| {
            (
                board.member_name(v.member),
                board.post_name(v.post),
                v.at_ms,
            )
        })
        .collect();
    rows.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    text(&mut hash, board.name());
    text(&mut hash, board.member_name(member));
    hash.update([match kind {
        Kind::Structure => 0,
        Kind::Time => 1,
        Kind::Quality => 2,
    }]);
    hash.update((rows.len() as u64).to_be_bytes());
    for (voter, post, at_ms) in rows {
        text(&mut hash, voter);
        text(&mut hash, post);
        hash.update(at_ms.to_be_bytes());
    }
    EvidenceDigest(hash.finalize().into())
}

/// With its length first, so that no two lists of texts have the same bytes.
fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}
