//! What a contribution's record says beside its points: its kind, a name, a beacon. snarkjs puts none of
//! it under a hash, so whoever holds a file can change it; the signed transcript is what binds it.

use super::container::u32_at;

/// Bytes of a name at most: 64 UTF-16 units.
pub const MAX_NAME: usize = 192;
/// UTF-16 units of a name at most.
pub const MAX_NAME_UNITS: usize = 64;
/// Bytes of a beacon's value at most.
pub const MAX_BEACON: usize = 255;

/// The kind of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Somebody's secret.
    Contribution,
    /// A public value.
    Beacon(Beacon),
}

/// A public value, hashed 2^exponent times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// The value's bytes.
    pub value: Vec<u8>,
    /// Hashes, as a power of two. From a file: compare it with the announced one before hashing, since
    /// nothing bounds it there.
    pub exponent: u8,
}

/// What stands beside a record's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Its kind.
    pub kind: Kind,
    /// A label. Public for ever.
    pub name: Option<String>,
}

impl Parameters {
    /// A contribution under a name, cut as snarkjs would.
    pub fn contribution(name: Option<&str>) -> Self {
        Self {
            kind: Kind::Contribution,
            name: name.map(cut),
        }
    }

    /// A beacon.
    pub fn beacon(beacon: Beacon, name: Option<&str>) -> Self {
        Self {
            kind: Kind::Beacon(beacon),
            name: name.map(cut),
        }
    }

    /// As it stands in a record: type, length, tagged values in ascending order of tags.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(name) = &self.name {
            body.extend([1, name.len() as u8]);
            body.extend(name.as_bytes());
        }
        let kind: u32 = match &self.kind {
            Kind::Contribution => 0,
            Kind::Beacon(beacon) => {
                body.extend([2, beacon.exponent]);
                body.extend([3, beacon.value.len() as u8]);
                body.extend(&beacon.value);
                1
            }
        };
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// Reads what stands at `at`; the answer has the position behind it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn decode(bytes: &[u8], at: usize) -> Result<(Self, usize), &'static str> {
        let head = bytes
            .get(at..at.saturating_add(8))
            .ok_or("it ends before its parameters")?;
        let (kind, len) = (u32_at(head, 0), u32_at(head, 4) as usize);
        let start = at + 8;
        let end = start
            .checked_add(len)
            .ok_or("its parameters are too long")?;
        let mut rest = bytes
            .get(start..end)
            .ok_or("its parameters end behind the section")?;
        let (mut name, mut exponent, mut value) = (None, None, None);
        let mut last = 0;
        while let Some((&tag, tail)) = rest.split_first() {
            if tag <= last {
                return Err("its parameters are repeated or out of order");
            }
            last = tag;
            let (&len, tail) = tail.split_first().ok_or("a parameter has no value")?;
            if tag == 2 {
                exponent = Some(len);
                rest = tail;
                continue;
            }
            let (bytes, tail) = tail
                .split_at_checked(usize::from(len))
                .ok_or("a parameter is longer than its record")?;
            rest = tail;
            match tag {
                1 => {
                    let text = std::str::from_utf8(bytes).map_err(|_| "its name is not UTF-8")?;
                    if text.encode_utf16().count() > MAX_NAME_UNITS {
                        return Err("its name is longer than 64 UTF-16 units");
                    }
                    name = Some(text.to_owned());
                }
                3 => value = Some(bytes.to_vec()),
                _ => return Err("it has a parameter that is unknown"),
            }
        }
        let kind = match (kind, exponent, value) {
            (0, None, None) => Kind::Contribution,
            (0, ..) => return Err("it is a contribution with a beacon's parameters"),
            (1, Some(exponent), Some(value)) => Kind::Beacon(Beacon { value, exponent }),
            (1, ..) => return Err("it is a beacon without its value or exponent"),
            _ => return Err("its type is neither contribution nor beacon"),
        };
        Ok((Self { kind, name }, end))
    }
}

/// At most 64 UTF-16 units, whole characters.
fn cut(name: &str) -> String {
    let mut units = 0;
    name.chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= MAX_NAME_UNITS
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacon() -> Parameters {
        let beacon = Beacon {
            value: vec![9; 32],
            exponent: 10,
        };
        Parameters::beacon(beacon, Some("the beacon"))
    }

    #[test]
    fn parameters_come_back_and_say_where_they_end() {
        for p in [
            Parameters::contribution(None),
            Parameters::contribution(Some("ada")),
            beacon(),
        ] {
            let mut bytes = vec![0xaa; 3];
            bytes.extend(p.encode());
            let end = bytes.len();
            bytes.extend([1, 2, 3]);
            assert_eq!(Parameters::decode(&bytes, 3), Ok((p, end)));
        }
    }

    #[test]
    fn each_rule_of_the_encoding_is_kept() {
        let refused = |bytes: &[u8]| Parameters::decode(bytes, 0).unwrap_err();
        let mut relabelled = beacon().encode();
        relabelled[0] = 0;
        assert!(refused(&relabelled).contains("contribution with a beacon"));
        let mut seven = Parameters::contribution(None).encode();
        seven[0] = 7;
        assert!(refused(&seven).contains("neither"));
        let mut bare = Parameters::contribution(None).encode();
        bare[0] = 1;
        assert!(refused(&bare).contains("without its value"));
        assert!(refused(&[0; 7]).contains("ends before"));
        assert!(refused(&[0, 0, 0, 0, 9, 0, 0, 0]).contains("end behind"));
        assert!(refused(&[0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 1, 0]).contains("repeated"));
        assert!(refused(&[0, 0, 0, 0, 2, 0, 0, 0, 1, 9]).contains("longer"));
        assert!(refused(&[0, 0, 0, 0, 1, 0, 0, 0, 1]).contains("no value"));
        assert!(refused(&[0, 0, 0, 0, 3, 0, 0, 0, 1, 1, 0xff]).contains("UTF-8"));
        assert!(refused(&[0, 0, 0, 0, 2, 0, 0, 0, 4, 0]).contains("unknown"));
        let mut long = vec![0, 0, 0, 0, 67, 0, 0, 0, 1, 65];
        long.extend([b'a'; 65]);
        assert!(refused(&long).contains("64"));
    }

    #[test]
    fn a_name_is_cut_at_whole_characters() {
        let p = Parameters::contribution(Some(&"𝛼".repeat(40)));
        assert_eq!(p.name.unwrap(), "𝛼".repeat(32));
    }
}
