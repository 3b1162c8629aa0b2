//! The tables. All rows follow from the log, so a lost database is rebuilt from it; but for those of
//! `opened_bodies`, which a node fetches from its peers again.

use rusqlite::Connection;

/// The schema's version; another one is refused.
pub const VERSION: i64 = 1;

/// Creates the tables in an empty database.
pub fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(SCHEMA)?;
    conn.pragma_update(None, "user_version", VERSION)
}

const SCHEMA: &str = "
-- One row: which block is applied, of which committee.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    fingerprint BLOB NOT NULL,
    height INTEGER NOT NULL,
    digest BLOB NOT NULL,
    time_ms INTEGER NOT NULL
) STRICT;

-- Headers of applied blocks: parents of what is checked next, and what receipts are made of.
CREATE TABLE headers (
    height INTEGER PRIMARY KEY,
    header BLOB NOT NULL
) STRICT;

-- Every applied entry, for receipts and chains.
CREATE TABLE entries (
    id BLOB PRIMARY KEY,
    height INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_position ON entries (height, idx);

-- Groups and statements in the order of their creation: the leaves of the certified state.
CREATE TABLE objects (
    ord INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    head BLOB NOT NULL,
    links INTEGER NOT NULL,
    leaf BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX objects_by_id ON objects (id);

-- The links of their chains. `entry` names an entry of the log, if the link is one.
CREATE TABLE links (
    ord INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    link BLOB NOT NULL,
    entry BLOB,
    PRIMARY KEY (ord, seq)
) STRICT, WITHOUT ROWID;

-- Who was found to be at fault by a link, from 0 in the link's order.
CREATE TABLE findings (
    ord INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    node INTEGER NOT NULL,
    fault TEXT NOT NULL,
    PRIMARY KEY (ord, seq, idx)
) STRICT, WITHOUT ROWID;

-- Definitions of groups.
CREATE TABLE groups (
    id BLOB PRIMARY KEY,
    definition BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Members: one live leaf per subject, one subject per leaf.
CREATE TABLE members (
    grp BLOB NOT NULL,
    subject BLOB NOT NULL,
    position INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    binder BLOB NOT NULL,
    classes BLOB NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (grp, subject)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX members_by_leaf ON members (grp, leaf);

-- LeanIMT nodes of a group (class -1) and of its classes.
CREATE TABLE tree_nodes (
    grp BLOB NOT NULL,
    class INTEGER NOT NULL,
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    node BLOB NOT NULL,
    PRIMARY KEY (grp, class, level, idx)
) STRICT, WITHOUT ROWID;

-- Size and root of each of these trees.
CREATE TABLE trees (
    grp BLOB NOT NULL,
    class INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB,
    PRIMARY KEY (grp, class)
) STRICT, WITHOUT ROWID;

-- Statements. `opening` and its block's time once they collect; phase_* while their key is made.
CREATE TABLE statements (
    id BLOB PRIMARY KEY,
    grp BLOB NOT NULL,
    statement BLOB NOT NULL,
    status INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    phase_height INTEGER NOT NULL,
    phase_ms INTEGER NOT NULL,
    opening BLOB,
    opened_ms INTEGER,
    count INTEGER NOT NULL,
    trigger_height INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX statements_by_status ON statements (status);

-- Key generation: every message of each attempt in log order, and (node -1, no body) every end of a
-- phase. `running` hashes the events up to here.
CREATE TABLE keygen (
    statement BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    node INTEGER NOT NULL,
    body BLOB NOT NULL,
    running BLOB NOT NULL,
    PRIMARY KEY (statement, attempt, seq)
) STRICT, WITHOUT ROWID;

-- Nodes that confirmed that they hold a share of the current attempt's key.
CREATE TABLE holders (
    statement BLOB NOT NULL,
    node INTEGER NOT NULL,
    PRIMARY KEY (statement, node)
) STRICT, WITHOUT ROWID;

-- Counted signatures, one per nullifier; `position` from 0 in log order.
CREATE TABLE signatures (
    statement BLOB NOT NULL,
    nullifier BLOB NOT NULL,
    position INTEGER NOT NULL,
    class INTEGER NOT NULL,
    ct BLOB NOT NULL,
    payload_hash BLOB NOT NULL,
    height INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    PRIMARY KEY (statement, nullifier)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX signatures_by_position ON signatures (statement, position);

-- Signatures counted under each class.
CREATE TABLE class_counts (
    statement BLOB NOT NULL,
    class INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (statement, class)
) STRICT, WITHOUT ROWID;

-- The ciphertexts of opened chunks, as the first valid `Unseal` gave them.
CREATE TABLE unseals (
    statement BLOB NOT NULL,
    chunk INTEGER NOT NULL,
    items BLOB NOT NULL,
    PRIMARY KEY (statement, chunk)
) STRICT, WITHOUT ROWID;

-- What each node posted about a chunk: kind 0 unseal, 1 partial. Good or not, once.
CREATE TABLE posts (
    statement BLOB NOT NULL,
    kind INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    node INTEGER NOT NULL,
    good INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (statement, kind, chunk, node)
) STRICT, WITHOUT ROWID;

-- Attestations of erasure, one per node.
CREATE TABLE erasures (
    statement BLOB NOT NULL,
    node INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    caveats INTEGER NOT NULL,
    PRIMARY KEY (statement, node)
) STRICT, WITHOUT ROWID;

-- Sealed bodies of opened signatures: public once the list is open. They lie beside the log, so rows
-- that are missing for an open list are fetched from other nodes, each checked against its signature.
CREATE TABLE opened_bodies (
    statement BLOB NOT NULL,
    position INTEGER NOT NULL,
    id BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (statement, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX opened_bodies_by_id ON opened_bodies (statement, id);
";
