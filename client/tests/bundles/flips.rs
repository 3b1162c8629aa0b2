//! Every byte of a bundle counts: one changed bit anywhere, and it doesn't verify.

use std::collections::BTreeMap;

use tacit_client::verify::verify;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::signature::TAG_BYTES;

use crate::lives::hamlet;

/// In long runs of one kind (the payloads' ciphertexts), every so many bytes.
const STRIDE: usize = 97;

/// The positions that are tried: all, but for the payloads' insides.
fn positions(bytes: &[u8]) -> Vec<usize> {
    let payloads: Vec<(usize, usize)> = hamlet()
        .bundle
        .bodies
        .iter()
        .map(|body| {
            let payload = &body.payload;
            let at = bytes.windows(payload.len()).position(|w| w == payload);
            let start = at.expect("the payload is in the bundle");
            (start + 1, start + payload.len() - TAG_BYTES)
        })
        .collect();
    let inside = |i: usize| {
        payloads
            .iter()
            .find(|(start, end)| (*start..*end).contains(&i))
    };
    (0..bytes.len())
        .filter(|i| inside(*i).is_none_or(|(start, _)| (i - start).is_multiple_of(STRIDE)))
        .collect()
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let fingerprint = hamlet().told.fingerprint();
    let bytes = hamlet().bundle.to_bytes();
    assert!(verify(&bytes, fingerprint, [9; 32]).ok());
    let positions = positions(&bytes);
    let (first, second) = positions.split_at(positions.len() / 2);
    let flip_all = |positions: &[usize]| {
        let mut caught: BTreeMap<&str, usize> = BTreeMap::new();
        let mut changed = bytes.clone();
        for at in positions {
            // Each position another bit, so that all eight get their turn in every field.
            let bit = 1 << (at % 8);
            changed[*at] ^= bit;
            let report = verify(&changed, fingerprint, [9; 32]);
            assert!(
                !report.ok() && report.verified.is_none(),
                "bit {bit:#x} of byte {at}"
            );
            let last = report.checks.last().expect("something was checked");
            assert!(!last.ok && !last.detail.is_empty());
            *caught.entry(last.name).or_default() += 1;
            changed[*at] ^= bit;
        }
        caught
    };
    let [first, second] = std::thread::scope(|scope| {
        let first = scope.spawn(|| flip_all(first));
        let second = flip_all(second);
        [first.join().expect("all were refused"), second]
    });
    println!(
        "{} of {} bytes changed: {first:?} {second:?}",
        positions.len(),
        bytes.len()
    );
}
