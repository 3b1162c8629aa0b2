//! What identifies evidence: SHA-256 over the member, the kind, and the votes that it stands on, each of which
//! has a hash of its own.
//!
//! Not over the figures drawn from them: the same votes, weighed again by a later version, are the same
//! evidence. A won appeal refutes the votes themselves, so that it holds also where they stand against another
//! member, or in a group of a somewhat different make-up.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::circles::Circle;
use crate::policy::inputs::{EvidenceDigest, Kind, Pseudonym, VoteHash};
use crate::votes::{Board, MemberId, Stance, Vote};

/// Before everything that is hashed, so that the hash of something else never identifies evidence.
const DOMAIN: &[u8] = b"tacit evidence 2";
/// The same for a vote.
const VOTE_DOMAIN: &[u8] = b"tacit vote 1";

/// The votes that a finding about a member of a circle stands on: for structure those between the member and
/// the circle, for quality and one mind those that it gave, and for time these and the circle's other votes on the same
/// posts. None, if there is nothing that evidence could stand on.
pub fn votes(board: &Board, member: MemberId, kind: Kind, circle: &Circle) -> BTreeSet<VoteHash> {
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
        Kind::Quality | Kind::OneMind => {}
    }
    votes.into_iter().map(|vote| hash(board, vote)).collect()
}

/// The digest of a finding about a member that stands on these votes.
pub fn of(member: &Pseudonym, kind: Kind, votes: &BTreeSet<VoteHash>) -> EvidenceDigest {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    text(&mut hash, member.as_str());
    hash.update([match kind {
        Kind::Structure => 0,
        Kind::Time => 1,
        Kind::Quality => 2,
        Kind::OneMind => 3,
    }]);
    for vote in votes {
        hash.update(vote.0);
    }
    EvidenceDigest(hash.finalize().into())
}

fn hash(board: &Board, vote: &Vote) -> VoteHash {
    let mut hash = Sha256::new();
    hash.update(VOTE_DOMAIN);
    text(&mut hash, board.name());
    text(&mut hash, board.member_name(vote.member));
    text(&mut hash, board.post_name(vote.post));
    hash.update(vote.at_ms.to_be_bytes());
    VoteHash(hash.finalize().into())
}

/// With its length first, so that no two lists of texts have the same bytes.
fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}
