//! What people give a command to read: files, stdin, and the system's randomness.

use std::io::{self, Read as _};
use std::path::Path;

use tacit_files as files;
use tacit_protocol::codec::Decode;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Longest card or founding file, in bytes.
const MAX_ENCODED: u64 = 1 << 20;

/// The bytes of a file of at most `limit` bytes, which must be there.
pub fn file(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let bytes = files::read(path, limit).map_err(|e| Failure::file("read", path, &e))?;
    bytes.ok_or_else(|| Failure::no_file(path))
}

/// A file in one of the protocol's encodings; `what` it should be, such as "an operator's card".
pub fn encoded<T: Decode>(path: &Path, what: &'static str) -> Result<T, Failure> {
    // Where the encoding goes wrong says nothing to a person who gave another file.
    T::from_bytes(&file(path, MAX_ENCODED)?).map_err(|_| {
        Failure::usage(
            "malformed",
            format!("{} is not {what}", path.display()),
            "Check the path. If it is the right file, ask for it again: it must arrive byte for byte.",
        )
    })
}

/// The first `limit` bytes of a file, or of stdin if the path is "-". For secrets: wiped when dropped.
pub fn file_or_stdin(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Failure::no_file(path),
        _ => Failure::file("read", path, &e),
    };
    // As long as it can get, and a bit: a buffer that grew would leave copies behind.
    let room = usize::try_from(limit).unwrap_or(0).saturating_add(64);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    if path == Path::new("-") {
        let stdin = io::stdin().lock();
        stdin.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(bytes)
}

/// Bytes from the operating system's generator.
pub fn randomness<const N: usize>() -> Result<Zeroizing<[u8; N]>, Failure> {
    let mut bytes = Zeroizing::new([0u8; N]);
    getrandom::fill(&mut bytes[..]).map_err(|e| {
        Failure::usage(
            "randomness",
            format!("the operating system gives no randomness: {e}"),
            "Try again.",
        )
    })?;
    Ok(bytes)
}
