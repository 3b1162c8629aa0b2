//! Evidence and records to begin with.

use std::collections::BTreeSet;

use tacit_detection::policy::inputs::{
    ActiveMembers, CaseText, CommunityId, EvidenceDigest, Finding, Kind, LEAST_ACTIVE, PValue,
    Pseudonym, Score, VoteHash, WindowId,
};
use tacit_detection::policy::slash::{Grounds, Immune, Slash, Spent};
use tacit_detection::policy::strikes::{Record, Units};

pub fn enough() -> ActiveMembers {
    ActiveMembers::new(LEAST_ACTIVE).unwrap()
}

pub fn ada() -> Pseudonym {
    Pseudonym::new("square", "ada")
}

pub fn text() -> CaseText {
    CaseText::new("Ten members voted for each other's posts within a minute.").unwrap()
}

/// Votes that evidence with this digest stands on, and no other.
pub fn votes(digest: [u8; 32]) -> BTreeSet<VoteHash> {
    let vote = |number: u8| {
        let mut hash = digest;
        hash[31] = number;
        VoteHash(hash)
    };
    (0..4).map(vote).collect()
}

/// Strong evidence about Ada, as a member of community 7. Its digest is its own.
pub fn finding(window: u64, kind: Kind) -> Finding {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&window.to_be_bytes());
    digest[8] = kind as u8;
    Finding {
        member: ada(),
        community: CommunityId(7),
        window: WindowId(window),
        kind,
        score: Score::new(0.9).unwrap(),
        p_value: PValue::new(0.001).unwrap(),
        digest: EvidenceDigest(digest),
        votes: votes(digest),
    }
}

/// Structure and time in both of two windows.
pub fn strong(first: u64, second: u64) -> Vec<Finding> {
    vec![
        finding(first, Kind::Structure),
        finding(first, Kind::Time),
        finding(second, Kind::Structure),
        finding(second, Kind::Time),
    ]
}

pub fn grounds(first: u64, second: u64) -> Grounds {
    let (spent, immune) = (Spent::default(), Immune::default());
    Slash::default()
        .grounds(
            enough(),
            &ada(),
            &strong(first, second),
            text(),
            &spent,
            &immune,
        )
        .unwrap()
}

/// Ada, with a stake of 1,000, a reputation of 42, and a reward of 30 in each of the windows 1 to 8.
pub fn record() -> Record {
    let mut record = Record::new(ada(), Units(1_000), 42);
    for window in 1..=8 {
        record = record.rewarded(WindowId(window), Units(30)).unwrap();
    }
    record
}
