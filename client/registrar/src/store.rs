//! What a registrar must not forget, in one SQLite file. Every write is durable when its call returns
//! (write-ahead log, `synchronous = FULL`), and what may happen once is decided by one conditional
//! write, so that several processes on one folder can't disagree.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::{GroupDefinition, Record};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{GroupId, Subject};
use tacit_protocol::keys::{PublicKey, Signature};

use crate::error::RegistrarError;
use crate::files;

/// Marks the file as a registrar's ("TREG").
const APPLICATION: i32 = 0x5452_4547;
/// Version of the schema below.
const VERSION: i32 = 1;

const SCHEMA: &str = "
-- Whose database this is: one row.
CREATE TABLE registrar (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    key  BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;

-- Groups that this registrar has approved: only for these it invites and attests.
CREATE TABLE groups (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    definition BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The people on a group's roster: one row is one person, with the one code that counts.
CREATE TABLE people (
    grp       BLOB NOT NULL REFERENCES groups (id),
    subject   BLOB NOT NULL CHECK (length(subject) = 32),
    record    BLOB NOT NULL,          -- what a reveal may publish, encoded
    contact   TEXT,                   -- never leaves this file but for the list of codes
    code      BLOB NOT NULL CHECK (length(code) = 32),      -- hash of the code
    leaf      BLOB CHECK (length(leaf) = 32),               -- the first leaf that came with the code
    signature BLOB CHECK (length(signature) = 64),          -- the attestation that was given for it
    PRIMARY KEY (grp, subject),
    CHECK ((leaf IS NULL) = (signature IS NULL))
) STRICT, WITHOUT ROWID;

-- A code is one person's.
CREATE UNIQUE INDEX people_code ON people (grp, code);
-- A leaf is one person's.
CREATE UNIQUE INDEX people_leaf ON people (grp, leaf) WHERE leaf IS NOT NULL;
";

/// A person on a roster.
#[derive(Clone)]
pub(crate) struct Person {
    pub subject: Subject,
    pub record: Record,
    pub contact: Option<String>,
    /// Has the code been used?
    pub enrolled: bool,
}

/// What binding a leaf to a code came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The leaf is this code's, now or since before.
    Yes,
    /// The code is another leaf's.
    OtherLeaf,
    /// The leaf is another code's.
    OtherCode,
    /// The person's record isn't the one that was signed.
    OtherRecord,
    /// No such code (any more).
    NoCode,
}

pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Makes the database, or takes over one that an interrupted `init` left.
    pub fn create(path: &Path, name: &str, key: &PublicKey) -> Result<Self, RegistrarError> {
        if !path.exists() {
            // SQLite gives its other files the permissions of this one.
            files::create_private(path, b"")?;
        }
        let store = Self::connect(path)?;
        let mut connection = store.lock();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_empty(&tx)? {
            tx.execute_batch(SCHEMA)?;
            tx.pragma_update(None, "application_id", APPLICATION)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        check_version(&tx)?;
        let groups: i64 = tx.query_row("SELECT count(*) FROM groups", [], |r| r.get(0))?;
        if groups > 0 {
            return Err(RegistrarError::ForeignStore("is in use by another key"));
        }
        tx.execute(
            "INSERT OR REPLACE INTO registrar (id, name, key) VALUES (1, ?1, ?2)",
            params![name, key.0],
        )?;
        tx.commit()?;
        drop(connection);
        Ok(store)
    }

    /// Opens the database of the registrar with `key`; gives its name.
    pub fn open(path: &Path, key: &PublicKey) -> Result<(Self, String), RegistrarError> {
        files::check_private(path)?;
        let store = Self::connect(path)?;
        let connection = store.lock();
        check_version(&connection)?;
        let found = connection
            .query_row("SELECT name, key FROM registrar", [], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .optional()?;
        let (name, owner): (String, [u8; 32]) =
            found.ok_or(RegistrarError::ForeignStore("names no registrar"))?;
        if owner != key.0 {
            return Err(RegistrarError::ForeignStore("is another key's"));
        }
        drop(connection);
        Ok((store, name))
    }

    fn connect(path: &Path) -> Result<Self, RegistrarError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere rolled its transaction back; the connection is as good as before.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores an approved group; again changes nothing.
    pub fn add_group(
        &self,
        id: &GroupId,
        definition: &GroupDefinition,
    ) -> Result<(), RegistrarError> {
        let sql = "INSERT INTO groups (id, definition) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.lock()
            .execute(sql, params![id.as_bytes(), definition.to_bytes()])?;
        Ok(())
    }

    /// An approved group.
    pub fn group(&self, id: &GroupId) -> Result<GroupDefinition, RegistrarError> {
        let sql = "SELECT definition FROM groups WHERE id = ?1";
        let found: Option<Vec<u8>> = self
            .lock()
            .query_row(sql, [id.as_bytes()], |r| r.get(0))
            .optional()?;
        Ok(GroupDefinition::from_bytes(
            &found.ok_or(RegistrarError::UnknownGroup(*id))?,
        )?)
    }

    /// All approved groups, ascending.
    pub fn groups(&self) -> Result<Vec<GroupId>, RegistrarError> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT id FROM groups ORDER BY id")?;
        let ids = query.query_map([], |r| r.get(0).map(|id| GroupId(Digest(id))))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Everybody on a group's roster.
    pub fn people(&self, group: &GroupId) -> Result<Vec<Person>, RegistrarError> {
        people(&self.lock(), group)
    }

    /// The person whose code has this hash.
    pub fn person_by_code(
        &self,
        group: &GroupId,
        code: &Digest,
    ) -> Result<Option<Person>, RegistrarError> {
        let sql = format!("{SELECT_PERSON} WHERE grp = ?1 AND code = ?2");
        let row = self
            .lock()
            .query_row(&sql, params![group.as_bytes(), code.0], raw_person)
            .optional()?;
        row.map(person).transpose()
    }

    /// How many of these hashes are codes that count.
    pub fn count_codes(&self, group: &GroupId, codes: &[Digest]) -> Result<usize, RegistrarError> {
        let connection = self.lock();
        let mut query = connection.prepare("SELECT 1 FROM people WHERE grp = ?1 AND code = ?2")?;
        let mut count = 0;
        for code in codes {
            count += usize::from(query.exists(params![group.as_bytes(), code.0])?);
        }
        Ok(count)
    }

    /// Runs `change` on a group's roster in one transaction: all of it counts, or none.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&RosterChange<'_>) -> Result<T, RegistrarError>,
    ) -> Result<T, RegistrarError> {
        let mut connection = self.lock();
        let change_of =
            RosterChange(connection.transaction_with_behavior(TransactionBehavior::Immediate)?);
        let done = change(&change_of)?;
        change_of.0.commit()?;
        Ok(done)
    }

    /// Binds `leaf` to a code, unless the code has another leaf or the leaf another code.
    ///
    /// One conditional write decides: whoever comes first has the code, however many come at once and
    /// through however many processes. It is on the disk when this returns.
    pub fn bind(
        &self,
        group: &GroupId,
        code: &Digest,
        record: &Record,
        leaf: &FieldElement,
        signature: &Signature,
    ) -> Result<Bound, RegistrarError> {
        let connection = self.lock();
        let written = connection.execute(
            "UPDATE people SET leaf = ?4, signature = ?5
             WHERE grp = ?1 AND code = ?2 AND record = ?3 AND (leaf IS NULL OR leaf = ?4)",
            params![
                group.as_bytes(),
                code.0,
                record.to_bytes(),
                leaf.to_le_bytes(),
                signature.0
            ],
        );
        match written {
            Ok(0) => {}
            Ok(_) => return Ok(Bound::Yes),
            Err(e) if is_unique_violation(&e) => return Ok(Bound::OtherCode),
            Err(e) => return Err(e.into()),
        }
        // Refused already; this only finds out why.
        let sql = "SELECT leaf FROM people WHERE grp = ?1 AND code = ?2";
        let found: Option<Option<[u8; 32]>> = connection
            .query_row(sql, params![group.as_bytes(), code.0], |r| r.get(0))
            .optional()?;
        Ok(match found {
            None => Bound::NoCode,
            Some(Some(bound)) if bound != leaf.to_le_bytes() => Bound::OtherLeaf,
            Some(_) => Bound::OtherRecord,
        })
    }
}

/// Writes to a roster inside one transaction.
pub(crate) struct RosterChange<'a>(Transaction<'a>);

impl RosterChange<'_> {
    /// Everybody on a group's roster, as of this transaction.
    pub fn people(&self, group: &GroupId) -> Result<Vec<Person>, RegistrarError> {
        people(&self.0, group)
    }

    /// Adds a person with a code.
    pub fn add(
        &self,
        group: &GroupId,
        person: &Person,
        code: &Digest,
    ) -> Result<(), RegistrarError> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO people (grp, subject, record, contact, code) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        insert.execute(params![
            group.as_bytes(),
            person.subject.as_bytes(),
            person.record.to_bytes(),
            person.contact,
            code.0
        ])?;
        Ok(())
    }

    /// Gives a person who hasn't enrolled another record; false if they have.
    pub fn set_record(&self, group: &GroupId, person: &Person) -> Result<bool, RegistrarError> {
        let sql = "UPDATE people SET record = ?3, contact = ?4 WHERE grp = ?1 AND subject = ?2 AND leaf IS NULL";
        let values = params![
            group.as_bytes(),
            person.subject.as_bytes(),
            person.record.to_bytes(),
            person.contact
        ];
        Ok(self.0.execute(sql, values)? == 1)
    }

    /// Replaces an unused code; false if it has been used.
    pub fn set_code(
        &self,
        group: &GroupId,
        subject: &Subject,
        code: &Digest,
    ) -> Result<bool, RegistrarError> {
        let sql = "UPDATE people SET code = ?3 WHERE grp = ?1 AND subject = ?2 AND leaf IS NULL";
        Ok(self
            .0
            .execute(sql, params![group.as_bytes(), subject.as_bytes(), code.0])?
            == 1)
    }
}

const SELECT_PERSON: &str = "SELECT subject, record, contact, leaf IS NOT NULL FROM people";

type RawPerson = ([u8; 32], Vec<u8>, Option<String>, bool);

fn raw_person(row: &rusqlite::Row<'_>) -> rusqlite::Result<RawPerson> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn person((subject, record, contact, enrolled): RawPerson) -> Result<Person, RegistrarError> {
    Ok(Person {
        subject: Subject(Digest(subject)),
        record: Record::from_bytes(&record)?,
        contact,
        enrolled,
    })
}

fn people(connection: &Connection, group: &GroupId) -> Result<Vec<Person>, RegistrarError> {
    let mut query = connection.prepare(&format!("{SELECT_PERSON} WHERE grp = ?1"))?;
    let rows = query.query_map([group.as_bytes()], raw_person)?;
    rows.map(|row| person(row?)).collect()
}

fn is_empty(connection: &Connection) -> Result<bool, RegistrarError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    Ok(tables == 0)
}

fn check_version(connection: &Connection) -> Result<(), RegistrarError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    match (application, version) {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, _) => Err(RegistrarError::ForeignStore(
            "is of another version of this program",
        )),
        _ => Err(RegistrarError::ForeignStore("is not a registrar's")),
    }
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(e, _) if e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}
