//! What can go wrong in a registrar, and whose fault it is.

use std::path::PathBuf;

use tacit_protocol::codec::DecodeError;
use tacit_protocol::ids::GroupId;
use tacit_protocol::point::PointError;
use thiserror::Error;

use crate::approval::ApprovalError;
use crate::card::CardError;
use crate::code::CodeError;
use crate::files::FileError;
use crate::roster::RosterError;

/// Why a registrar can't do what it is asked to.
#[derive(Debug, Error)]
pub enum RegistrarError {
    /// The home folder: its owner's to mend.
    #[error(transparent)]
    File(#[from] FileError),
    /// A home without a registrar: its owner named another, or made none yet.
    #[error("there is no registrar in {}", .0.display())]
    NoRegistrar(PathBuf),
    /// A home with a registrar, where another was to be made.
    #[error("there is a registrar in {} already", .0.display())]
    AlreadyRegistrar(PathBuf),
    /// A card or a registrar's name: its maker's.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A group under approval: its creator's.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The roster: its author's.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The database, or the disk under it.
    #[error("the registrar's database: {0}")]
    Store(#[from] rusqlite::Error),
    /// The database is another version's, another registrar's, or damaged.
    #[error("the registrar's database {0}")]
    ForeignStore(&'static str),
    /// Bytes in the database don't decode: damaged.
    #[error("the registrar's database is damaged: {0}")]
    Damaged(#[from] DecodeError),
    /// The operating system gives no randomness.
    #[error("no randomness from the operating system: {0}")]
    Randomness(String),
    /// The codes couldn't be handed over, so none of them counts.
    #[error("the codes could not be written, so none of them counts: {0}")]
    HandOver(std::io::Error),

    /// A group that this registrar hasn't approved.
    #[error("this registrar has not approved group {0}")]
    UnknownGroup(GroupId),
    /// A row names somebody who is enrolled with another record.
    #[error("row {row}: this person is enrolled already, with another name or other classes")]
    RecordFixed {
        /// The row's number.
        row: usize,
    },
    /// A row would make a known person a second one.
    #[error("row {row}: {} is on the earlier roster {}; as written here this would be a second person of that name", name, if *with_contact { "with a contact" } else { "without a contact" })]
    SecondIdentifier {
        /// The row's number.
        row: usize,
        /// The person's name.
        name: String,
        /// Had the earlier row a contact?
        with_contact: bool,
    },
    /// More people than a group can have.
    #[error(
        "with this roster the group would have more than {} people",
        crate::limits::MAX_PEOPLE
    )]
    TooManyPeople,
    /// Nobody on the roster is called so.
    #[error("nobody on the roster has the name or contact {0:?}")]
    NobodyOfThatName(String),
    /// Several people are called so.
    #[error("{1} people on the roster are called {0:?}")]
    SeveralOfThatName(String, usize),
    /// A code that has been used stays the one.
    #[error("{0:?} has used the code already: a person enrols once")]
    AlreadyEnrolled(String),

    /// The text isn't a code of this registrar for this group: the member's slip.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The code was never issued, or was replaced.
    #[error("no invitation has this code")]
    UnknownCode,
    /// The code was used with another identity.
    #[error("this code has been used with another identity")]
    CodeUsed,
    /// The identity came with another person's code.
    #[error("this identity is enrolled already with another invitation")]
    LeafTaken,
    /// The roster changed between the two steps.
    #[error("the invitation has changed since it was shown")]
    InvitationChanged,
    /// Not a usable public key. (A low-order one would have no secret, or many.)
    #[error("the public key: {0}")]
    PublicKey(#[from] PointError),
    /// The signature can't be read.
    #[error("the signature is not one")]
    SignatureEncoding,
    /// The member didn't sign this group, leaf and record with this key.
    #[error("the signature does not show that the sender holds this identity")]
    Signature,
}

impl RegistrarError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::File(e) | Self::Card(CardError::File(e)) | Self::Approval(ApprovalError::File(e)) => return e.advice(),
            Self::NoRegistrar(_) => "Check --home, or make one: tacit registrar init",
            Self::AlreadyRegistrar(_) => "Use it (`tacit registrar show`), or another --home.",
            Self::Card(_) => "Ask the registrar for its card: `tacit registrar init` writes one.",
            Self::Approval(e) => e.advice(),
            Self::Roster(e) => e.advice(),
            Self::Store(_) => "Check that the disk has room and that the folder is writable, then try again.",
            Self::ForeignStore(_) | Self::Damaged(_) => "Restore the registrar's whole folder from one backup.",
            Self::Randomness(_) => "Try again.",
            Self::HandOver(_) => "Choose another --out and run this again.",
            Self::UnknownGroup(_) => "Approve it first: tacit registrar approve GROUP.bin.",
            Self::RecordFixed { .. } => "Leave the row as it was: what is enrolled can't change.",
            Self::SecondIdentifier { .. } => {
                "Write the row as on the earlier roster; if they really are two people, give both a contact or tell their names apart."
            }
            Self::TooManyPeople => "Split the people into several groups.",
            Self::NobodyOfThatName(_) => "Write the name or contact as on the roster.",
            Self::SeveralOfThatName(..) => "Give the person's contact instead.",
            Self::AlreadyEnrolled(_) => "Nothing is left to do.",
            Self::Code(CodeError::Check) => "Compare it with the invitation, letter by letter, and check that it goes to the registrar who sent it.",
            Self::Code(_) => "Compare it with the invitation, letter by letter.",
            Self::UnknownCode => "It may have been replaced: ask the registrar for a new one.",
            Self::CodeUsed => "Enrol with the identity that it was first used with; if that was not you, tell the registrar.",
            Self::LeafTaken => "Every person needs an identity of their own.",
            Self::InvitationChanged => "Start the enrolment again and look at what is shown.",
            Self::PublicKey(_) | Self::SignatureEncoding | Self::Signature => "Enrol with `tacit group enrol`, which makes both from one identity.",
        }
        .into()
    }
}
