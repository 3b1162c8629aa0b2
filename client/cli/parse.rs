//! How ids, keys and names are read from arguments. clap prints these texts behind "invalid value …".

use std::net::SocketAddr;
use std::str::FromStr;

use tacit_protocol::group::ClassName;
use tacit_protocol::ids::{Fingerprint, GroupId, StatementId};
use tacit_protocol::keys::PublicKey;

/// Reads a committee's fingerprint.
pub fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::from_hex(text).ok_or_else(|| hex_wanted("a fingerprint", text))
}

/// Reads a group's id.
pub fn group(text: &str) -> Result<GroupId, String> {
    GroupId::from_hex(text).ok_or_else(|| hex_wanted("a group's id", text))
}

/// Reads a statement's id.
pub fn statement(text: &str) -> Result<StatementId, String> {
    StatementId::from_hex(text).ok_or_else(|| hex_wanted("a statement's id", text))
}

/// Reads a person's or registrar's public key.
pub fn key(text: &str) -> Result<PublicKey, String> {
    PublicKey::from_hex(text).ok_or_else(|| hex_wanted("a public key", text))
}

/// Reads a number of things.
pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    let whole = "a whole number in digits is wanted, and not a huge one";
    text.parse().map_err(|_| whole.to_string())
}

/// Reads where something listens.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "an IP address and a port are wanted, such as 127.0.0.1:7700".to_string())
}

/// Reads the name of a class.
pub fn class(text: &str) -> Result<ClassName, String> {
    ClassName::new(text).map_err(|_| {
        "a class has at most 32 letters a-z, digits, - and _, a letter first".to_string()
    })
}

fn hex_wanted(what: &str, text: &str) -> String {
    let length = text.chars().count();
    if length == 64 {
        format!("{what} has only the digits 0-9 and a-f")
    } else {
        format!("{what} has 64 digits 0-9 and a-f, this has {length} characters")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_lowercase_hex_digits_and_a_slip_is_told_apart() {
        let good = "0123456789abcdef".repeat(4);
        assert!(fingerprint(&good).is_ok() && group(&good).is_ok() && statement(&good).is_ok());
        let short = fingerprint(&good[1..]).unwrap_err();
        assert_eq!(
            short,
            "a fingerprint has 64 digits 0-9 and a-f, this has 63 characters"
        );
        for odd in [good.to_uppercase(), good.replace('a', "g")] {
            let refused = statement(&odd).unwrap_err();
            assert_eq!(refused, "a statement's id has only the digits 0-9 and a-f");
        }
    }
}
