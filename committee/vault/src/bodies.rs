//! A statement's sealed bodies: one append-only file of records, and an index of it in memory.
//!
//! ```text
//! 0   marker     4 bytes
//! 4   kind       1 byte: 1 a body, 2 its removal
//! 5   ct        32 bytes: which body
//! 37  length     4 bytes, big endian: of the body
//! 41  nonce     12 bytes
//! 53  sealed     the body and its tag; associated data = domain ‖ statement ‖ offset in the file ‖ the
//!                bytes 0 to 41
//! ```
//!
//! What a crash may leave at the end of the file was never acknowledged, and is cut off at open. Damage
//! before a later good record was acknowledged once: it is skipped and logged, and the bodies in it count
//! as missing, so that a node fetches them from its peers again.

use std::collections::BTreeMap;

use tacit_protocol::ids::StatementId;
use tracing::warn;
use zeroize::Zeroizing;

use crate::error::AtPath as _;
use crate::files::Files;
use crate::limits::{Limits, MAX_BODY};
use crate::memory::LockedKey;
use crate::random::Random;
use crate::seal::{NONCE, Purpose, SealingKey, TAG};
use crate::{SecretBytes, Step, VaultError, steps};

const MARKER: [u8; 4] = *b"tcb1";
/// Marker, kind, ct and length.
const PREFIX: usize = 4 + 1 + 32 + 4;
const HEADER: usize = PREFIX + NONCE;
const MAX_RECORD: usize = HEADER + MAX_BODY + TAG;
/// Bytes read at once when a file is opened.
const WINDOW: usize = 1 << 20;

/// Name of a body: the commitment to it that its signature's proof carries.
pub(crate) type Ct = [u8; 32];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Body = 1,
    Drop = 2,
}

/// Where a body's record lies.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    /// Of the body, in bytes.
    len: usize,
}

/// The bodies of one statement.
pub(crate) struct Bodies {
    index: BTreeMap<Ct, Place>,
    /// Where the next record goes.
    end: u64,
    /// Bodies ever written, dropped ones included.
    written: u64,
    /// A write failed in a way that couldn't be undone, or is under way.
    doubtful: bool,
}

/// A record as it lies in a buffer.
struct Record<'a> {
    kind: Kind,
    ct: Ct,
    prefix: &'a [u8; PREFIX],
    nonce: &'a [u8; NONCE],
    sealed: &'a [u8],
    tag: &'a [u8; TAG],
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`, not yet authenticated.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (prefix, rest) = bytes.split_first_chunk::<PREFIX>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (marker, fields) = prefix.split_first_chunk::<4>()?;
        let (kind, fields) = fields.split_first()?;
        let (ct, len) = fields.split_first_chunk::<32>()?;
        let kind = match kind {
            1 => Kind::Body,
            2 => Kind::Drop,
            _ => return None,
        };
        let len = u32::from_be_bytes(*len.first_chunk()?) as usize;
        if *marker != MARKER || len > MAX_BODY || (kind == Kind::Drop && len != 0) {
            return None;
        }
        let (sealed, rest) = rest.split_at_checked(len)?;
        let tag = rest.first_chunk::<TAG>()?;
        Some(Self {
            kind,
            ct: *ct,
            prefix,
            nonce,
            sealed,
            tag,
        })
    }

    /// Length of the whole record, in bytes.
    fn len(&self) -> usize {
        HEADER + self.sealed.len() + TAG
    }

    /// The body, if the record is what was written for this statement at this place.
    fn open(&self, key: &SealingKey, statement: &StatementId, offset: u64) -> Option<SecretBytes> {
        let mut body = Zeroizing::new(self.sealed.to_vec());
        key.open(
            self.nonce,
            &associated_data(statement, offset, self.prefix),
            &mut body,
            self.tag,
        )
        .ok()?;
        Some(SecretBytes::new(body))
    }
}

fn associated_data(statement: &StatementId, offset: u64, prefix: &[u8; PREFIX]) -> Vec<u8> {
    [
        b"tacit/vault/record/v1",
        &statement.as_bytes()[..],
        &offset.to_be_bytes(),
        prefix,
    ]
    .concat()
}

/// Makes records of one statement.
struct Sealer<'a> {
    key: SealingKey,
    random: &'a Random,
    statement: &'a StatementId,
    /// Where in the file `content` will go.
    start: u64,
    content: Zeroizing<Vec<u8>>,
}

impl<'a> Sealer<'a> {
    /// A sealer with room for `size` bytes, so that growing leaves no copy of a body behind in memory.
    fn new(
        key: &LockedKey,
        random: &'a Random,
        statement: &'a StatementId,
        start: u64,
        size: usize,
    ) -> Self {
        let key = SealingKey::derive(key, statement, Purpose::Body);
        Self {
            key,
            random,
            statement,
            start,
            content: Zeroizing::new(Vec::with_capacity(size)),
        }
    }

    /// Appends one record; the answer is its offset in the file.
    fn record(&mut self, kind: Kind, ct: &Ct, body: &[u8]) -> Result<u64, VaultError> {
        let offset = self.start + self.content.len() as u64;
        let len = u32::try_from(body.len()).map_err(|_| VaultError::BodyTooLarge(body.len()))?;
        let fields = MARKER
            .into_iter()
            .chain([kind as u8])
            .chain(*ct)
            .chain(len.to_be_bytes());
        let mut prefix = [0; PREFIX];
        prefix
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        let mut nonce = [0; NONCE];
        self.random.fill(&mut nonce)?;
        self.content.extend_from_slice(&prefix);
        self.content.extend_from_slice(&nonce);
        let at = self.content.len();
        self.content.extend_from_slice(body);
        let (_, message) = self.content.split_at_mut(at);
        let tag = self.key.seal(
            &nonce,
            &associated_data(self.statement, offset, &prefix),
            message,
        );
        self.content.extend_from_slice(&tag);
        Ok(offset)
    }
}

impl Bodies {
    /// The bodies of a new slot.
    pub fn empty() -> Self {
        Self {
            index: BTreeMap::new(),
            end: 0,
            written: 0,
            doubtful: false,
        }
    }

    /// Reads a statement's file, which exists; cuts off a torn tail.
    ///
    /// It is synced first: a process that died may have left records in the cache only, and from now on
    /// they count as stored.
    pub fn load(
        files: &Files,
        key: &LockedKey,
        statement: &StatementId,
    ) -> Result<Self, VaultError> {
        let Files { layout, disk } = files;
        let path = layout.bodies(statement);
        disk.sync_data(steps::OPEN_SYNC_BODIES, &path).at(&path)?;
        let len = disk.len(&path).at(&path)?;
        let mut bodies = Self::empty();
        let damaged = bodies.scan(
            files,
            &SealingKey::derive(key, statement, Purpose::Body),
            statement,
            len,
        )?;
        if damaged > 0 {
            warn!(%statement, bytes = damaged, "sealed bodies are damaged and count as missing");
        }
        if bodies.end < len {
            warn!(%statement, bytes = len - bodies.end, "cutting off what an interrupted write left");
            disk.truncate(steps::OPEN_TRUNCATE_BODIES, &path, bodies.end)
                .at(&path)?;
            disk.sync_data(steps::OPEN_SYNC_TRUNCATED, &path)
                .at(&path)?;
        }
        Ok(bodies)
    }

    /// Fills the index from a file of `len` bytes and sets the end behind the last good record. The
    /// answer is how many bytes before it aren't good.
    fn scan(
        &mut self,
        files: &Files,
        key: &SealingKey,
        statement: &StatementId,
        len: u64,
    ) -> Result<u64, VaultError> {
        let path = files.layout.bodies(statement);
        let (mut window, mut window_at) = (Vec::new(), 0u64);
        let (mut at, mut damaged) = (0u64, 0u64);
        while at < len {
            let mut rest = window_from(&window, window_at, at);
            if rest.len() < MAX_RECORD && window_at + (window.len() as u64) < len {
                window.resize(usize::try_from(len - at).unwrap_or(WINDOW).min(WINDOW), 0);
                window_at = at;
                files.disk.read_back(&path, at, &mut window).at(&path)?;
                rest = &window;
            }
            let found = Record::parse(rest).filter(|r| r.open(key, statement, at).is_some());
            match found {
                Some(record) => {
                    damaged += at - self.end;
                    self.apply(&record, at);
                    at = self.end;
                }
                // On to the next place where a record could begin.
                None => {
                    let ahead = rest.get(1..).unwrap_or_default();
                    let next = ahead.windows(MARKER.len()).position(|w| w == MARKER);
                    let searched = ahead.len().saturating_sub(MARKER.len() - 1).max(1);
                    at += 1 + next.unwrap_or(searched - 1) as u64;
                }
            }
        }
        Ok(damaged)
    }

    /// Takes an authentic record at `offset` into the index.
    fn apply(&mut self, record: &Record<'_>, offset: u64) {
        match record.kind {
            Kind::Body => {
                self.index.insert(
                    record.ct,
                    Place {
                        offset,
                        len: record.sealed.len(),
                    },
                );
                self.written += 1;
            }
            Kind::Drop => {
                self.index.remove(&record.ct);
            }
        }
        self.end = offset + record.len() as u64;
    }

    pub fn has(&self, ct: &Ct) -> bool {
        self.index.contains_key(ct)
    }

    pub fn cts(&self) -> Vec<Ct> {
        self.index.keys().copied().collect()
    }

    /// The body, decrypted. One that doesn't decrypt leaves the index.
    pub fn get(
        &mut self,
        files: &Files,
        key: &LockedKey,
        statement: &StatementId,
        ct: &Ct,
    ) -> Result<Option<SecretBytes>, VaultError> {
        let Some(place) = self.index.get(ct).copied() else {
            return Ok(None);
        };
        let path = files.layout.bodies(statement);
        let mut bytes = vec![0; HEADER + place.len + TAG];
        files
            .disk
            .read_at(&path, place.offset, &mut bytes)
            .at(&path)?;
        let key = SealingKey::derive(key, statement, Purpose::Body);
        let body = Record::parse(&bytes)
            .filter(|r| r.ct == *ct && r.kind == Kind::Body && r.len() == bytes.len())
            .and_then(|r| r.open(&key, statement, place.offset));
        if body.is_none() {
            self.index.remove(ct);
            return Err(VaultError::BodyDamaged(*statement));
        }
        Ok(body)
    }

    /// Stores those of `batch` that aren't there yet, with one sync.
    pub fn put(
        &mut self,
        files: &Files,
        key: &LockedKey,
        random: &Random,
        statement: &StatementId,
        batch: &[(Ct, &[u8])],
        limits: &Limits,
    ) -> Result<(), VaultError> {
        let new: BTreeMap<Ct, &[u8]> = batch
            .iter()
            .filter(|(ct, _)| !self.has(ct))
            .copied()
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        if self.index.len() + new.len() > limits.bodies
            || self.written + new.len() as u64 > limits.bodies_written
        {
            return Err(VaultError::TooManyBodies(*statement));
        }
        let size = new.values().map(|body| HEADER + body.len() + TAG).sum();
        let mut sealer = Sealer::new(key, random, statement, self.end, size);
        let mut places = Vec::with_capacity(new.len());
        for (ct, body) in &new {
            let offset = sealer.record(Kind::Body, ct, body)?;
            places.push((
                *ct,
                Place {
                    offset,
                    len: body.len(),
                },
            ));
        }
        self.append(
            files,
            statement,
            &sealer.content,
            steps::BODIES_APPEND,
            steps::BODIES_SYNC,
        )?;
        self.written += places.len() as u64;
        self.index.extend(places);
        Ok(())
    }

    /// Drops a body, durably. The answer is whether it was there.
    ///
    /// Its ciphertext stays in the file until the wrapping key goes.
    pub fn drop_body(
        &mut self,
        files: &Files,
        key: &LockedKey,
        random: &Random,
        statement: &StatementId,
        ct: &Ct,
    ) -> Result<bool, VaultError> {
        if !self.has(ct) {
            return Ok(false);
        }
        let mut sealer = Sealer::new(key, random, statement, self.end, HEADER + TAG);
        sealer.record(Kind::Drop, ct, &[])?;
        self.append(
            files,
            statement,
            &sealer.content,
            steps::BODIES_APPEND_DROP,
            steps::BODIES_SYNC_DROP,
        )?;
        self.index.remove(ct);
        Ok(true)
    }

    fn append(
        &mut self,
        files: &Files,
        statement: &StatementId,
        content: &[u8],
        write: Step,
        sync: Step,
    ) -> Result<(), VaultError> {
        if self.doubtful {
            return Err(VaultError::Doubtful(*statement));
        }
        let path = files.layout.bodies(statement);
        self.doubtful = true;
        if let Err(failed) = files
            .disk
            .write_at(write, &path, self.end, content)
            .at(&path)
        {
            // Most likely the disk is full. Nothing was acknowledged, so cutting it off is a clean end.
            self.doubtful = files
                .disk
                .truncate(steps::BODIES_UNDO, &path, self.end)
                .is_err();
            return Err(failed);
        }
        files.disk.sync_data(sync, &path).at(&path)?;
        self.doubtful = false;
        self.end += content.len() as u64;
        Ok(())
    }
}

/// The part of `window`, which begins at `window_at` of the file, from `at` on.
fn window_from(window: &[u8], window_at: u64, at: u64) -> &[u8] {
    at.checked_sub(window_at)
        .and_then(|skip| usize::try_from(skip).ok())
        .and_then(|skip| window.get(skip..))
        .unwrap_or_default()
}
