//! Poseidon over BN254's scalar field with circomlib's parameters, by `light-poseidon`.

use std::cell::RefCell;

use light_poseidon::{Poseidon, PoseidonHasher as _};

use crate::field::Fr;

thread_local! {
    // Building a hasher allocates its tables (8 µs): one per thread and width is kept.
    static HASHERS: RefCell<[Option<Poseidon<Fr>>; 6]> = const { RefCell::new([None, None, None, None, None, None]) };
}

fn hash<const N: usize>(inputs: [Fr; N]) -> Fr {
    HASHERS.with(|hashers| {
        let mut hashers = hashers.borrow_mut();
        // Only called with N of 2, 3 and 5 below, for which circomlib has parameters.
        let hasher = hashers[N].get_or_insert_with(|| {
            Poseidon::<Fr>::new_circom(N).expect("circomlib has parameters for this width")
        });
        hasher
            .hash(&inputs)
            .expect("as many inputs as the hasher is wide")
    })
}

/// Poseidon of two field elements.
pub fn poseidon2(a: Fr, b: Fr) -> Fr {
    hash([a, b])
}

/// Poseidon of three field elements.
pub fn poseidon3(a: Fr, b: Fr, c: Fr) -> Fr {
    hash([a, b, c])
}

/// Poseidon of five field elements.
pub fn poseidon5(a: Fr, b: Fr, c: Fr, d: Fr, e: Fr) -> Fr {
    hash([a, b, c, d, e])
}
