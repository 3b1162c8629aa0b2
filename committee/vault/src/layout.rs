//! Where things lie in the erasable folder, and which names are allowed there.

use std::path::{Path, PathBuf};

use tacit_protocol::ids::StatementId;

use crate::Caveats;
use crate::limits::MAX_SECRET_NAME;

/// The paths of a vault.
pub(crate) struct Layout {
    root: PathBuf,
}

/// A file in `keys/`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyEntry {
    /// A slot's key.
    Key(StatementId),
    /// A key whose creation was interrupted, so that nothing was ever sealed under it.
    New(StatementId),
    /// A key whose erasure has begun.
    Erasing(StatementId),
}

/// A file in `secrets/`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SecretEntry {
    pub statement: StatementId,
    pub name: SecretName,
    /// Its creation was interrupted.
    pub unfinished: bool,
}

impl Layout {
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    pub fn sealed(&self) -> PathBuf {
        self.root.join("sealed")
    }

    pub fn erased(&self) -> PathBuf {
        self.root.join("erased")
    }

    /// The four parts of the folder.
    pub fn parts(&self) -> [PathBuf; 4] {
        [self.keys(), self.secrets(), self.sealed(), self.erased()]
    }

    pub fn key(&self, statement: &StatementId) -> PathBuf {
        self.keys().join(format!("{statement}.key"))
    }

    pub fn key_new(&self, statement: &StatementId) -> PathBuf {
        self.keys().join(format!("{statement}.new"))
    }

    pub fn key_erasing(&self, statement: &StatementId) -> PathBuf {
        self.keys().join(format!("{statement}.erasing"))
    }

    pub fn bodies(&self, statement: &StatementId) -> PathBuf {
        self.sealed().join(format!("{statement}.bodies"))
    }

    pub fn secret(&self, statement: &StatementId, name: &SecretName) -> PathBuf {
        self.secrets()
            .join(format!("{statement}.{}.secret", name.as_file_name()))
    }

    pub fn secret_new(&self, statement: &StatementId, name: &SecretName) -> PathBuf {
        self.secrets()
            .join(format!("{statement}.{}.new", name.as_file_name()))
    }

    /// The tombstone carries its caveats in its name, so that one atomic creation writes it whole.
    pub fn tombstone(&self, statement: &StatementId, caveats: Caveats) -> PathBuf {
        self.erased()
            .join(format!("{statement}-{:08x}", caveats.bits()))
    }
}

/// The name of a secret: 1 to [`MAX_SECRET_NAME`] of a-z, 0-9, `-` and `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SecretName(String);

impl SecretName {
    pub fn parse(text: &str) -> Option<Self> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'/';
        let fits = (1..=MAX_SECRET_NAME).contains(&text.len());
        (fits && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `_` isn't allowed in names, so this is one-to-one.
    fn as_file_name(&self) -> String {
        self.0.replace('/', "_")
    }

    fn from_file_name(text: &str) -> Option<Self> {
        if text.contains('/') {
            None
        } else {
            Self::parse(&text.replace('_', "/"))
        }
    }
}

pub(crate) fn parse_key(name: &str) -> Option<KeyEntry> {
    let (id, suffix) = name.split_once('.')?;
    let id = StatementId::from_hex(id)?;
    match suffix {
        "key" => Some(KeyEntry::Key(id)),
        "new" => Some(KeyEntry::New(id)),
        "erasing" => Some(KeyEntry::Erasing(id)),
        _ => None,
    }
}

pub(crate) fn parse_secret(file: &str) -> Option<SecretEntry> {
    let (id, rest) = file.split_once('.')?;
    let (name, suffix) = rest.split_once('.')?;
    let unfinished = match suffix {
        "secret" => false,
        "new" => true,
        _ => return None,
    };
    let name = SecretName::from_file_name(name)?;
    Some(SecretEntry {
        statement: StatementId::from_hex(id)?,
        name,
        unfinished,
    })
}

pub(crate) fn parse_bodies(name: &str) -> Option<StatementId> {
    StatementId::from_hex(name.strip_suffix(".bodies")?)
}

pub(crate) fn parse_tombstone(name: &str) -> Option<(StatementId, Caveats)> {
    let (id, caveats) = name.split_once('-')?;
    let bits = u32::from_str_radix(caveats, 16).ok()?;
    let (id, caveats) = (StatementId::from_hex(id)?, Caveats::from_bits(bits)?);
    // Exactly what `Layout::tombstone` writes.
    (format!("{id}-{:08x}", caveats.bits()) == name).then_some((id, caveats))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_protocol::hash::Digest;

    fn file_name(path: PathBuf) -> String {
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn every_name_that_is_written_is_read_back_as_the_same() {
        let layout = Layout::new("/vault".into());
        let id = StatementId(Digest([0x5a; 32]));
        let name = SecretName::parse("dkg-seed/2").unwrap();
        assert_eq!(
            parse_key(&file_name(layout.key(&id))),
            Some(KeyEntry::Key(id))
        );
        assert_eq!(
            parse_key(&file_name(layout.key_new(&id))),
            Some(KeyEntry::New(id))
        );
        assert_eq!(
            parse_key(&file_name(layout.key_erasing(&id))),
            Some(KeyEntry::Erasing(id))
        );
        assert_eq!(parse_bodies(&file_name(layout.bodies(&id))), Some(id));
        let entry = |unfinished| {
            Some(SecretEntry {
                statement: id,
                name: name.clone(),
                unfinished,
            })
        };
        assert_eq!(
            parse_secret(&file_name(layout.secret(&id, &name))),
            entry(false)
        );
        assert_eq!(
            parse_secret(&file_name(layout.secret_new(&id, &name))),
            entry(true)
        );
        for caveats in [Caveats::NONE, Caveats::NO_DISCARD] {
            let tombstone = file_name(layout.tombstone(&id, caveats));
            assert_eq!(parse_tombstone(&tombstone), Some((id, caveats)));
        }
    }

    #[test]
    fn other_names_are_not_taken_for_the_vaults() {
        let id = "ab".repeat(32);
        for name in [
            "",
            "x",
            &id,
            &format!("{id}.key~"),
            &format!("{id}.key.bak"),
            &id.to_uppercase(),
        ] {
            assert_eq!(parse_key(name), None, "{name}");
            assert_eq!(parse_secret(name), None, "{name}");
            assert_eq!(parse_bodies(name), None, "{name}");
            assert_eq!(parse_tombstone(name), None, "{name}");
        }
        assert_eq!(parse_tombstone(&format!("{id}-80000000")), None);
        assert_eq!(parse_tombstone(&format!("{id}-1")), None);
        assert_eq!(parse_tombstone(&format!("{id}-+0000001")), None);
    }

    #[test]
    fn names_of_secrets_are_bounded_and_plain() {
        assert!(SecretName::parse(&"a".repeat(MAX_SECRET_NAME)).is_some());
        for bad in [
            "",
            &"a".repeat(MAX_SECRET_NAME + 1),
            "A",
            "a_b",
            "a.b",
            "a b",
            "é",
            "a\0",
        ] {
            assert_eq!(SecretName::parse(bad), None, "{bad:?}");
        }
    }
}
