//! A registrar's card: name and public key, for whoever creates a group. Not secret, not signed: a
//! registrar proves its key when it approves the group.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tacit_protocol::codec::Decode as _;
use tacit_protocol::keys::PublicKey;
use thiserror::Error;

use crate::files::{self, FileError};
use crate::limits::{MAX_CARD_FILE, MAX_REGISTRAR_NAME};

/// What a card says it is.
const KIND: &str = "tacit registrar card v1";

/// Who a registrar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarCard {
    /// What people call it.
    pub name: String,
    /// Signs groups and attestations.
    pub key: PublicKey,
}

/// Why a file isn't a card.
#[derive(Debug, Error)]
pub enum CardError {
    /// The file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds something else.
    #[error("this is no registrar's card: {0}")]
    Malformed(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    kind: String,
    name: String,
    key: String,
}

impl RegistrarCard {
    /// Checks a registrar's name: 1 to 64 bytes without control characters.
    pub fn check_name(name: &str) -> Result<(), CardError> {
        let fits = !name.trim().is_empty()
            && name.len() <= MAX_REGISTRAR_NAME
            && !name.chars().any(char::is_control);
        if fits {
            Ok(())
        } else {
            Err(CardError::Malformed(
                "its name must have 1 to 64 bytes and no control characters",
            ))
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let json = Json {
            kind: KIND.into(),
            name: self.name.clone(),
            key: self.key.to_string(),
        };
        // Three texts always have a JSON form.
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a file's text.
    pub fn from_json(text: &[u8]) -> Result<Self, CardError> {
        let json: Json = serde_json::from_slice(text)
            .map_err(|_| CardError::Malformed("not the JSON of one"))?;
        if json.kind != KIND {
            return Err(CardError::Malformed("another kind or version"));
        }
        Self::check_name(&json.name)?;
        let key = PublicKey::from_hex(&json.key)
            .and_then(|key| PublicKey::from_bytes(&key.0).ok())
            .ok_or(CardError::Malformed(
                "its key isn't an Ed25519 key as 64 lowercase hex digits",
            ))?;
        Ok(Self {
            name: json.name,
            key,
        })
    }

    /// Reads a card's file.
    pub fn read(path: &Path) -> Result<Self, CardError> {
        Self::from_json(&files::read_bounded(
            path,
            MAX_CARD_FILE,
            "a registrar's card",
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_protocol::keys::SigningKey;

    fn card() -> RegistrarCard {
        RegistrarCard {
            name: "Town clerk".into(),
            key: SigningKey::from_seed([7; 32]).public(),
        }
    }

    #[test]
    fn a_card_comes_back() {
        assert_eq!(
            RegistrarCard::from_json(card().to_json().as_bytes()).unwrap(),
            card()
        );
    }

    #[test]
    fn what_is_no_card_is_refused() {
        let good = card().to_json();
        for bad in [
            String::new(),
            good.replace("v1", "v2"),
            good.replace("Town clerk", ""),
            good.replace("Town clerk", "Town\\nclerk"),
            good.replace("Town clerk", &"x".repeat(65)),
            good.replace(&card().key.to_string(), "00"),
            good.replace(
                &card().key.to_string(),
                &card().key.to_string().to_uppercase(),
            ),
            good.replace(&card().key.to_string(), &format!("02{}", "00".repeat(31))),
            good.replace("\"kind\"", "\"secret\": 1, \"kind\""),
        ] {
            assert!(
                matches!(
                    RegistrarCard::from_json(bad.as_bytes()),
                    Err(CardError::Malformed(_))
                ),
                "{bad}"
            );
        }
    }
}
