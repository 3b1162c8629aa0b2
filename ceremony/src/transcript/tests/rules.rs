//! Which rules a ceremony can have.

use super::*;

#[test]
fn each_rule_of_a_descriptor_is_refused_by_name_when_it_alone_is_broken() {
    let drand = |seconds: u64| BeaconRule {
        source: Source::Drand {
            chain: QUICKNET.hash(),
            round: QUICKNET.round_from(QUICKNET.genesis + seconds),
        },
        exponent: 10,
    };
    let mut real = rules();
    real.rehearsal = false;
    real.least = 2;
    let closing = |seconds, beacon| Closing {
        closes: QUICKNET.genesis + seconds,
        beacon,
    };
    real.powers = Powers::Fresh {
        power: 4,
        closing: closing(10_000, drand(13_600)),
    };
    real.closing = closing(17_210, drand(20_820));
    assert_eq!(real.check(), Ok(()));
    type Break = Box<dyn Fn(&mut Descriptor)>;
    let circuit = real.circuits[0].clone();
    let rules: Vec<(Break, DescriptorError)> = vec![
        (
            Box::new(|d| d.name = "A Town".into()),
            DescriptorError::Name("A Town".into()),
        ),
        (
            Box::new(|d| d.circuits.clear()),
            DescriptorError::Circuits(0),
        ),
        (
            Box::new(move |d| d.circuits.push(circuit.clone())),
            DescriptorError::SameName("cube".into()),
        ),
        (
            Box::new(|d| d.circuits[0].power = 5),
            DescriptorError::TooLarge {
                name: "cube".into(),
                needed: 5,
                found: 4,
            },
        ),
        (
            Box::new(|d| d.contributors = vec![key(1).public(); 2]),
            DescriptorError::Unsorted,
        ),
        (
            Box::new(|d| d.circuits[0].bytes = 0),
            DescriptorError::CircuitBytes("cube".into(), 0),
        ),
        (
            Box::new(|d| {
                d.powers = Powers::Existing {
                    power: 4,
                    hash: [1; 64],
                    bytes: 1 << 40,
                }
            }),
            DescriptorError::PowersBytes {
                power: 4,
                bytes: 1 << 40,
            },
        ),
        (
            Box::new(|d| d.least = 1),
            DescriptorError::Least { least: 1 },
        ),
        (
            Box::new(|d| d.least = 1_001),
            DescriptorError::Least { least: 1_001 },
        ),
        (
            Box::new(|d| {
                d.contributors = vec![key(1).public(), d.coordinator];
                d.contributors.sort();
            }),
            DescriptorError::TooFewListed {
                least: 2,
                listed: 1,
            },
        ),
        (
            Box::new(|d| {
                d.closing.beacon = BeaconRule {
                    source: Source::Bitcoin {
                        height: 1,
                        expected: u64::MAX,
                    },
                    exponent: MIN_BITCOIN_EXPONENT - 1,
                }
            }),
            DescriptorError::Quick {
                stage: Stage::Keys,
                exponent: 21,
            },
        ),
        (Box::new(|d| d.turn = 1), DescriptorError::Turn(1)),
        (Box::new(|d| d.strikes = 0), DescriptorError::Strikes),
        (
            Box::new(|d| d.closing.beacon.exponent = 63),
            DescriptorError::Exponent(63),
        ),
        (
            Box::new(move |d| d.closing.beacon = drand(20_700)),
            DescriptorError::BeaconTooEarly(Stage::Keys),
        ),
        (
            Box::new(|d| {
                d.closing.beacon = BeaconRule {
                    source: Source::Bitcoin {
                        height: 1,
                        expected: d.closing.closes + 3 * 3600 - 1,
                    },
                    exponent: MIN_BITCOIN_EXPONENT,
                }
            }),
            DescriptorError::BlockTooEarly(Stage::Keys),
        ),
        (
            Box::new(|d| {
                let seed = |n: u32| {
                    SigningKey::from_seed(
                        [&n.to_be_bytes()[..], &[3; 28]]
                            .concat()
                            .try_into()
                            .unwrap(),
                    )
                };
                d.contributors = (0..5_001).map(|n| seed(n).public()).collect();
                d.contributors.sort();
            }),
            DescriptorError::TooManyListed(5_001),
        ),
        (
            Box::new(|d| d.closing.beacon = known()),
            DescriptorError::KnownBeacon(Stage::Keys),
        ),
        (
            Box::new(|d| {
                d.closing.beacon.source = Source::Drand {
                    chain: [0; 32],
                    round: 1 << 40,
                }
            }),
            DescriptorError::UnknownChain(Stage::Keys),
        ),
        (
            Box::new(|d| d.closing.closes -= 100),
            DescriptorError::Order,
        ),
    ];
    for (break_rule, expected) in rules {
        let mut broken = real.clone();
        break_rule(&mut broken);
        assert_eq!(broken.check(), Err(expected));
    }
}

#[test]
fn a_rehearsals_known_beacon_is_the_one_that_its_powers_are_told_by() {
    let mut rehearsal = rules();
    assert_eq!(rehearsal.check(), Ok(()));
    rehearsal.closing.beacon.source = Source::Known { value: vec![6; 32] };
    let refused = DescriptorError::OtherValue(Stage::Keys);
    assert_eq!(rehearsal.check(), Err(refused));
}
