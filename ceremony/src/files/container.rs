//! The container that `.ptau`, `.zkey` and `.r1cs` files share: a magic word, a version, and numbered
//! sections in any order.
//!
//! Other tools pass over unknown sections and over bytes behind the last one. Here each known section
//! stands exactly once, there are no others, and the file ends with the last: else one content would have
//! many hashes, and a file room for things that nobody checks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::points::{Encoded, PointError, load_all};

/// Sections in one file at most; real ones have 12.
const MAX_SECTIONS: u32 = 32;

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileError {
    /// It can't be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It's a file of another kind.
    #[error("{path} is not a .{expected} file")]
    Magic {
        /// Which file.
        path: PathBuf,
        /// Its kind, as its name's ending.
        expected: &'static str,
    },
    /// It's something else than what its bytes should say; see the text.
    #[error("{path}: {fault}")]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
}

/// What is wrong within a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// An unknown version.
    #[error("version {0} of the format is unknown")]
    Version(u32),
    /// The file ends early.
    #[error("the file ends within its sections")]
    Truncated,
    /// Bytes behind the last section.
    #[error("{0} bytes stand behind the last section")]
    Trailing(u64),
    /// A section that the format doesn't have.
    #[error("section {0} is unknown")]
    UnknownSection(u32),
    /// A section twice.
    #[error("section {0} stands there twice")]
    RepeatedSection(u32),
    /// A section is missing.
    #[error("section {0} is missing")]
    MissingSection(u32),
    /// A section's length doesn't fit the header.
    #[error("section {section} has {found} bytes, not {expected}")]
    SectionLength {
        /// Which.
        section: u32,
        /// Its bytes.
        found: u64,
        /// The bytes that the header asks for.
        expected: u64,
    },
    /// The header names another field.
    #[error("the file is for another curve than BN254")]
    Curve,
    /// A number in a header or record that can't be.
    #[error("{what} is {value}: {rule}")]
    Number {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        rule: &'static str,
    },
    /// A point that isn't one.
    #[error("section {section}, point {index}: {error}")]
    Point {
        /// Which section.
        section: u32,
        /// Its position there.
        index: u64,
        /// What is wrong.
        error: PointError,
    },
    /// A field element that isn't canonical.
    #[error("section {section}, item {index}: a field element is not below the field's order")]
    Element {
        /// Which section.
        section: u32,
        /// Its position there.
        index: u64,
    },
    /// A file that was cut from a larger one, where a whole one is needed.
    #[error("it was cut from a larger ceremony's file: it can be used, but not contributed to")]
    Cut,
    /// A file that ends with a beacon, where an open one is needed.
    #[error("its beacon has been added: nobody can contribute any more")]
    Closed,
    /// A contribution's record that isn't well-formed.
    #[error("contribution {number}: {what}")]
    Record {
        /// Its number, from 1.
        number: u32,
        /// What is wrong.
        what: &'static str,
    },
}

/// Where a section's body lies.
#[derive(Debug, Clone, Copy)]
struct Section {
    offset: u64,
    len: u64,
}

/// The kind of a file.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The first four bytes; also the ending of the file's name.
    pub magic: &'static str,
    /// The only version that is read and written.
    pub version: u32,
    /// Sections that must be there.
    pub required: &'static [u32],
    /// Sections that may be there.
    pub optional: &'static [u32],
}

/// An open file whose sections are known.
#[derive(Debug)]
pub struct SectionFile {
    path: PathBuf,
    file: File,
    sections: BTreeMap<u32, Section>,
}

impl SectionFile {
    /// Opens a file and finds its sections. Reads their heads only.
    ///
    /// # Errors
    /// [`FileError::Magic`], [`FileError::Io`], or a [`Fault`] of the container.
    pub fn open(path: &Path, format: &Format) -> Result<Self, FileError> {
        let file = File::open(path).map_err(|error| io_error(path, error))?;
        let end = file
            .metadata()
            .map_err(|error| io_error(path, error))?
            .len();
        let mut opened = Self {
            path: path.to_path_buf(),
            file,
            sections: BTreeMap::new(),
        };
        let mut head = [0; 12];
        if end < 12 {
            return Err(opened.not_a(format));
        }
        opened.read_raw(0, &mut head)?;
        if head.get(..4) != Some(format.magic.as_bytes()) {
            return Err(opened.not_a(format));
        }
        let version = u32_at(&head, 4);
        if version != format.version {
            return Err(opened.fault(Fault::Version(version)));
        }
        let count = u32_at(&head, 8);
        if count > MAX_SECTIONS {
            return Err(opened.fault(Fault::Number {
                what: "the number of sections",
                value: count.into(),
                rule: "at most 32",
            }));
        }
        let mut at = 12u64;
        for _ in 0..count {
            let mut head = [0; 12];
            if end - at < 12 {
                return Err(opened.fault(Fault::Truncated));
            }
            opened.read_raw(at, &mut head)?;
            at += 12;
            let (id, len) = (u32_at(&head, 0), u64_at(&head, 4));
            if !format.required.contains(&id) && !format.optional.contains(&id) {
                return Err(opened.fault(Fault::UnknownSection(id)));
            }
            if len > end - at {
                return Err(opened.fault(Fault::Truncated));
            }
            if opened
                .sections
                .insert(id, Section { offset: at, len })
                .is_some()
            {
                return Err(opened.fault(Fault::RepeatedSection(id)));
            }
            at += len;
        }
        if at != end {
            return Err(opened.fault(Fault::Trailing(end - at)));
        }
        if let Some(missing) = format
            .required
            .iter()
            .find(|id| !opened.sections.contains_key(id))
        {
            return Err(opened.fault(Fault::MissingSection(*missing)));
        }
        Ok(opened)
    }

    /// Which file this is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a section is there.
    pub fn has(&self, section: u32) -> bool {
        self.sections.contains_key(&section)
    }

    /// Bytes of a section; zero if it isn't there.
    pub fn len(&self, section: u32) -> u64 {
        self.sections.get(&section).map_or(0, |s| s.len)
    }

    /// Refuses a section of another length.
    pub fn expect_len(&self, section: u32, expected: u64) -> Result<(), FileError> {
        let found = self.len(section);
        if found == expected {
            return Ok(());
        }
        Err(self.fault(Fault::SectionLength {
            section,
            found,
            expected,
        }))
    }

    /// Bytes of a section from an offset within it.
    pub fn read_at(&self, section: u32, offset: u64, to: &mut [u8]) -> Result<(), FileError> {
        let place = self
            .sections
            .get(&section)
            .ok_or_else(|| self.fault(Fault::MissingSection(section)))?;
        if offset
            .checked_add(to.len() as u64)
            .is_none_or(|end| end > place.len)
        {
            return Err(self.fault(Fault::Truncated));
        }
        self.read_raw(place.offset + offset, to)
    }

    /// A whole section of at most `limit` bytes.
    pub fn section(&self, section: u32, limit: u64) -> Result<Vec<u8>, FileError> {
        let len = self.len(section);
        if len > limit {
            return Err(self.fault(Fault::SectionLength {
                section,
                found: len,
                expected: limit,
            }));
        }
        // Not more than the file has: `open` has compared.
        let mut bytes = vec![0; len as usize];
        self.read_at(section, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// `count` points of a section from position `first` on. Each is on its curve.
    pub fn points<P: Encoded>(
        &self,
        section: u32,
        first: u64,
        count: usize,
    ) -> Result<Vec<P>, FileError> {
        let mut bytes = vec![0; count * P::BYTES];
        self.read_at(section, first * P::BYTES as u64, &mut bytes)?;
        load_all(&bytes).map_err(|(i, error)| {
            self.fault(Fault::Point {
                section,
                index: first + i as u64,
                error,
            })
        })
    }

    /// This file with something wrong in it.
    pub fn fault(&self, fault: Fault) -> FileError {
        FileError::Format {
            path: self.path.clone(),
            fault,
        }
    }

    fn not_a(&self, format: &Format) -> FileError {
        FileError::Magic {
            path: self.path.clone(),
            expected: format.magic,
        }
    }

    fn read_raw(&self, at: u64, to: &mut [u8]) -> Result<(), FileError> {
        self.file
            .read_exact_at(to, at)
            .map_err(|error| io_error(&self.path, error))
    }
}

/// Writes a file of sections, one after another.
///
/// The file has its name only when [`SectionWriter::finish`] has returned: it is written beside it, synced
/// and renamed, so a crash leaves the old file or the new one.
#[derive(Debug)]
pub struct SectionWriter {
    path: PathBuf,
    draft: PathBuf,
    file: BufWriter<File>,
    /// Of the section that is being written: where its length stands, and its bytes so far.
    current: Option<(u64, u64)>,
    at: u64,
    left: u32,
}

impl SectionWriter {
    /// Starts a file of `sections` sections.
    pub fn create(path: &Path, format: &Format, sections: u32) -> Result<Self, FileError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let draft = path.with_file_name(name);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&draft)
            .map_err(|error| io_error(&draft, error))?;
        let mut writer = Self {
            path: path.to_path_buf(),
            draft,
            file: BufWriter::with_capacity(1 << 20, file),
            current: None,
            at: 0,
            left: sections,
        };
        writer.raw(format.magic.as_bytes())?;
        writer.raw(&format.version.to_le_bytes())?;
        writer.raw(&sections.to_le_bytes())?;
        Ok(writer)
    }

    /// Begins the next section.
    pub fn begin(&mut self, section: u32) -> Result<(), FileError> {
        self.end()?;
        self.left = self.left.saturating_sub(1);
        self.raw(&section.to_le_bytes())?;
        let place = self.at;
        self.raw(&[0; 8])?;
        self.current = Some((place, 0));
        Ok(())
    }

    /// More of the section's body.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.raw(bytes)?;
        if let Some((_, len)) = &mut self.current {
            *len += bytes.len() as u64;
        }
        Ok(())
    }

    /// A whole section.
    pub fn section(&mut self, section: u32, body: &[u8]) -> Result<(), FileError> {
        self.begin(section)?;
        self.write(body)
    }

    fn end(&mut self) -> Result<(), FileError> {
        let Some((place, len)) = self.current.take() else {
            return Ok(());
        };
        let (draft, at) = (self.draft.clone(), self.at);
        let mut patch = || {
            self.file.seek(SeekFrom::Start(place))?;
            self.file.write_all(&len.to_le_bytes())?;
            self.file.seek(SeekFrom::Start(at)).map(|_| ())
        };
        patch().map_err(|error| io_error(&draft, error))
    }

    /// Reads back what was written so far: bytes of the file from an absolute offset.
    pub fn read_back(&mut self, at: u64, to: &mut [u8]) -> Result<(), FileError> {
        let draft = self.draft.clone();
        let mut read = || {
            self.file.flush()?;
            self.file.get_ref().read_exact_at(to, at)
        };
        read().map_err(|error| io_error(&draft, error))
    }

    /// The file as it will be named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next byte goes.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Ends the file, makes it durable and gives it its name.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.end()?;
        debug_assert_eq!(self.left, 0, "all announced sections are written");
        let (draft, path) = (self.draft.clone(), self.path.clone());
        let close = || {
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            std::fs::rename(&draft, &path)?;
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            File::open(folder)?.sync_all()
        };
        let mut close = close;
        close().map_err(|error| io_error(&self.path, error))
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let draft = &self.draft;
        self.file
            .write_all(bytes)
            .map_err(|error| io_error(draft, error))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// An error of the system about a file.
pub fn io_error(path: &Path, error: io::Error) -> FileError {
    FileError::Io {
        path: path.to_path_buf(),
        error,
    }
}

/// The integer at an offset; zero beyond the end.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    four.map_or(0, u32::from_le_bytes)
}

/// The integer at an offset; zero beyond the end.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
    eight.map_or(0, u64::from_le_bytes)
}
