//! The way into the log for what nodes say: cheap checks first, decoded points last.
//!
//! A dear entry costs a hundred times what its signature costs, so nobody's points are decoded who
//! hasn't signed for them at a time when they may: else one peer with junk, or one leader, keeps all
//! honest nodes busy for as long as it likes. What passes is decoded once.

use tacit_protocol::entry::{About, Entry, EntryError, Envelope};

use super::{Applier, ApplyError, Refusal, refuse};
use crate::store::StatementRow;

impl From<EntryError> for ApplyError {
    fn from(error: EntryError) -> Self {
        ApplyError::Refused(Refusal::new("malformed", error.to_string()))
    }
}

impl Applier<'_> {
    /// The entry in these bytes, and for a node's the statement that it is about.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<(Entry, Option<StatementRow>), ApplyError> {
        let row = match Envelope::peek(bytes)? {
            Some(envelope) => Some(self.pass(&envelope)?),
            None => None,
        };
        Ok((Entry::parse(bytes)?, row))
    }

    /// Is this node one, may it say this about the statement now, for the first time, and has it?
    fn pass(&self, envelope: &Envelope<'_>) -> Result<StatementRow, ApplyError> {
        let node = envelope.node;
        let Some(key) = self.founding.key(node) else {
            return refuse("unknown-node", format!("there is no node {node}"));
        };
        let statement = &envelope.statement;
        let Some(row) = self.store.statement(statement)? else {
            return refuse(
                "unknown-statement",
                format!("there is no statement {statement}"),
            );
        };
        match envelope.about {
            About::Keygen { attempt } => self.keygen_allowed(&row, attempt)?,
            About::Unseal { chunk } => self.unseal_allowed(&row, node, chunk)?,
            About::Partial { chunk } => self.partial_allowed(&row, node, chunk)?,
            About::Erased { reason } => self.erasure_allowed(&row, node, reason)?,
        }
        if envelope.check(self.fingerprint, key).is_err() {
            return refuse(
                "bad-node-signature",
                format!("node {node} has not signed this entry"),
            );
        }
        // Dearer than a signature, if the key generation has to be replayed.
        self.keygen_awaits(&row, node, envelope.kind)?;
        Ok(row)
    }
}
