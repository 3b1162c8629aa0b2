//! Every decoder of what comes from outside: whatever the bytes are it doesn't panic, and what it accepts is
//! the one encoding of what it read. A second encoding would be a second id of the same entry, a block
//! with another digest, or a place to hide a message in.

use proptest::prelude::*;
use proptest::sample::Index;
use tacit_protocol::block::{Block, Header};
use tacit_protocol::chain::{Chain, Facts, Link};
use tacit_protocol::codec::{Decode, Encode};
use tacit_protocol::entry::{Entry, Envelope, Kind, Subject};
use tacit_protocol::founding::FoundingFile;
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::proof::{
    BUNDLE_MAGIC, Bundle, CertifiedChain, CertifiedFacts, Receipt, Submission,
};
use tacit_protocol::signature::SealedBody;
use tacit_protocol::statement::Statement;

use crate::story::story;

/// One change to some bytes.
#[derive(Debug, Clone)]
enum Edit {
    /// Other bits.
    Flip(Index, u8),
    /// A byte that means something in many places: a count, a tag, an end of a range.
    Set(Index, u8),
    /// A big-endian length.
    Length(Index, u32),
    /// More bytes.
    Insert(Index, Vec<u8>),
    /// Fewer bytes.
    Remove(Index, usize),
    /// Bytes from elsewhere, such as another field of the same size.
    Copy(Index, Index, usize),
    /// The end is missing.
    Cut(Index),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match self {
            Self::Flip(at, mask) => bytes[at.index(len)] ^= mask,
            Self::Set(at, value) => bytes[at.index(len)] = *value,
            Self::Length(at, value) => {
                let at = at.index(len);
                for (byte, new) in bytes.iter_mut().skip(at).zip(value.to_be_bytes()) {
                    *byte = new;
                }
            }
            Self::Insert(at, more) => {
                let at = at.index(len + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Remove(at, n) => {
                let at = at.index(len);
                bytes.drain(at..(at + n).min(len));
            }
            Self::Copy(from, to, n) => {
                let (from, to) = (from.index(len), to.index(len));
                let n = (*n).min(len - from).min(len - to);
                bytes.copy_within(from..from + n, to);
            }
            Self::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let edit = prop_oneof![
        (at(), 1u8..).prop_map(|(at, mask)| Edit::Flip(at, mask)),
        (at(), prop_oneof![Just(0), Just(1), Just(2), Just(0xff)])
            .prop_map(|(at, value)| Edit::Set(at, value)),
        (at(), prop_oneof![0u32..4, Just(u32::MAX), any::<u32>()])
            .prop_map(|(at, value)| Edit::Length(at, value)),
        (at(), proptest::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, more)| Edit::Insert(at, more)),
        (at(), 1usize..70).prop_map(|(at, n)| Edit::Remove(at, n)),
        (
            at(),
            at(),
            prop_oneof![Just(32usize), Just(64), 1usize..100]
        )
            .prop_map(|(from, to, n)| Edit::Copy(from, to, n)),
        at().prop_map(Edit::Cut),
    ];
    proptest::collection::vec(edit, 1..4)
}

/// Bytes that begin like something and go on like nothing.
fn junk(begin: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let rest = proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..3], 0..400);
    (proptest::sample::select(begin), rest).prop_map(|(begin, rest)| [begin, &rest].concat())
}

/// If this is an encoding, it is the only one.
fn canonical<T: Encode + Decode>(bytes: &[u8]) -> bool {
    match T::from_bytes(bytes) {
        Ok(value) => {
            assert!(value.to_bytes() == bytes, "a second encoding");
            true
        }
        Err(_) => false,
    }
}

/// The same of an entry, which is looked at from outside first.
fn canonical_entry(bytes: &[u8]) -> bool {
    let envelope = Envelope::peek(bytes);
    let Ok(entry) = Entry::parse(bytes) else {
        return false;
    };
    assert!(entry.to_bytes() == bytes, "a second encoding");
    assert_eq!(Entry::id_of(bytes), entry.id());
    let envelope = envelope.expect("an entry has a readable outside");
    match (&entry, envelope) {
        (Entry::Node(e), Some(envelope)) => {
            let about = (envelope.kind, envelope.node, envelope.statement);
            assert_eq!(about, (entry.kind(), e.node, e.body.statement()));
        }
        (Entry::Node(_), None) => panic!("a node's entry has an envelope"),
        (_, envelope) => assert!(envelope.is_none()),
    }
    true
}

/// Encodings of a whole life.
struct Samples {
    entries: Vec<Vec<u8>>,
    blocks: Vec<Vec<u8>>,
    submissions: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    receipts: Vec<Vec<u8>>,
    chains: Vec<Vec<u8>>,
    certified_chains: Vec<Vec<u8>>,
    facts: Vec<Vec<u8>>,
    bundles: Vec<Vec<u8>>,
    foundings: Vec<Vec<u8>>,
}

fn samples() -> &'static Samples {
    static SAMPLES: std::sync::OnceLock<Samples> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(|| {
        let story = story();
        let mut log = story.at(story.erased);
        let blocks = log.blocks.clone();
        let entries: Vec<Vec<u8>> = blocks.iter().flat_map(|b| b.entries.clone()).collect();
        let kind = |code: u8| entries.iter().find(|e| e[0] == code).cloned();
        let submissions = log.bodies.values().map(|body| Submission {
            entry: kind(Kind::Sign as u8).expect("somebody signed"),
            body: Some(body.clone()),
        });
        let subjects = [Subject::Group(story.group), Subject::Statement(story.open)];
        let chains = subjects.map(|subject| log.chain(subject));
        let submissions = submissions.map(|s| s.to_bytes()).collect();
        let bodies = log.bodies.values().map(Encode::to_bytes).collect();
        let receipts = vec![log.receipt(story.enrolled, 3).to_bytes()];
        let facts = log.certified_facts(&subjects);
        let certified = CertifiedChain {
            state: facts.clone(),
            chain: chains[1].clone(),
        };
        Samples {
            submissions,
            bodies,
            receipts,
            chains: chains.iter().map(Encode::to_bytes).collect(),
            certified_chains: vec![certified.to_bytes()],
            facts: vec![facts.to_bytes()],
            bundles: [story.open, story.shut]
                .iter()
                .map(|statement| log.bundle(statement).to_bytes())
                .collect(),
            foundings: vec![story.committee.file.to_bytes()],
            blocks: blocks.iter().map(Encode::to_bytes).collect(),
            entries,
        }
    })
}

fn edited(samples: &[Vec<u8>], which: Index, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = samples[which.index(samples.len())].clone();
    edits.iter().for_each(|edit| edit.apply(&mut bytes));
    bytes
}

#[test]
fn a_whole_life_is_encoded_canonically() {
    let samples = samples();
    assert!(samples.entries.iter().all(|e| canonical_entry(e)));
    let kinds: std::collections::BTreeSet<u8> = samples.entries.iter().map(|e| e[0]).collect();
    assert_eq!(kinds.len(), 12, "each kind that this version serves");
    assert!(samples.blocks.iter().all(|b| canonical::<Block>(b)));
    assert!(
        samples
            .submissions
            .iter()
            .all(|s| canonical::<Submission>(s))
    );
    assert!(samples.bodies.iter().all(|b| canonical::<SealedBody>(b)));
    assert!(samples.receipts.iter().all(|r| canonical::<Receipt>(r)));
    assert!(samples.chains.iter().all(|c| canonical::<Chain>(c)));
    let certified = &samples.certified_chains;
    assert!(certified.iter().all(|c| canonical::<CertifiedChain>(c)));
    assert!(samples.facts.iter().all(|f| canonical::<CertifiedFacts>(f)));
    assert!(samples.bundles.iter().all(|b| canonical::<Bundle>(b)));
    assert!(
        samples
            .foundings
            .iter()
            .all(|f| canonical::<FoundingFile>(f))
    );
}

const KINDS: &[&[u8]] = &[
    &[1],
    &[2],
    &[3],
    &[10],
    &[20],
    &[21],
    &[22],
    &[23],
    &[24],
    &[30],
    &[31],
    &[40],
    &[41],
    &[42],
    &[43],
    &[],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_entry_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical_entry(&edited(&samples().entries, which, &edits));
    }

    #[test]
    fn junk_is_no_entry_or_the_only_encoding_of_one(bytes in junk(KINDS)) {
        canonical_entry(&bytes);
    }

    #[test]
    fn a_block_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical::<Block>(&edited(&samples().blocks, which, &edits));
    }

    #[test]
    fn a_submission_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical::<Submission>(&edited(&samples().submissions, which, &edits));
        canonical::<SealedBody>(&edited(&samples().bodies, which, &edits));
    }

    #[test]
    fn a_receipt_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical::<Receipt>(&edited(&samples().receipts, which, &edits));
    }

    #[test]
    fn a_chain_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical::<Chain>(&edited(&samples().chains, which, &edits));
        canonical::<CertifiedChain>(&edited(&samples().certified_chains, which, &edits));
        canonical::<CertifiedFacts>(&edited(&samples().facts, which, &edits));
    }

    #[test]
    fn a_founding_file_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical::<FoundingFile>(&edited(&samples().foundings, which, &edits));
    }

    #[test]
    fn junk_is_nothing_or_the_only_encoding_of_something(bytes in junk(&[b"", b"\0\x01", BUNDLE_MAGIC])) {
        canonical::<Block>(&bytes);
        canonical::<Header>(&bytes);
        canonical::<Submission>(&bytes);
        canonical::<SealedBody>(&bytes);
        canonical::<Bundle>(&bytes);
        canonical::<Receipt>(&bytes);
        canonical::<Chain>(&bytes);
        canonical::<Link>(&bytes);
        canonical::<Facts>(&bytes);
        canonical::<CertifiedFacts>(&bytes);
        canonical::<FoundingFile>(&bytes);
        canonical::<GroupDefinition>(&bytes);
        canonical::<Statement>(&bytes);
    }
}

proptest! {
    // Each is tens of kilobytes and hundreds of points.
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_bundle_that_was_changed_has_one_encoding_or_none(which: Index, edits in edits()) {
        canonical::<Bundle>(&edited(&samples().bundles, which, &edits));
    }
}
