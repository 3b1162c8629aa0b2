//! Which error is which problem.

use axum::http::StatusCode;
use tacit_serve::Problem;

use crate::code::CodeError;
use crate::error::RegistrarError;

impl From<&RegistrarError> for Problem {
    fn from(error: &RegistrarError) -> Self {
        use RegistrarError as E;
        let (status, word, title) = match error {
            E::UnknownGroup(_) => (StatusCode::NOT_FOUND, "unknown-group", "Unknown group"),
            E::Code(CodeError::Check) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "code-mistyped",
                "The code does not check",
            ),
            E::Code(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "code-malformed",
                "Not a code",
            ),
            E::UnknownCode => (StatusCode::FORBIDDEN, "code-unknown", "Unknown code"),
            E::CodeUsed => (StatusCode::CONFLICT, "code-used", "The code has been used"),
            E::LeafTaken => (
                StatusCode::CONFLICT,
                "identity-taken",
                "The identity is enrolled already",
            ),
            E::InvitationChanged => (
                StatusCode::CONFLICT,
                "invitation-changed",
                "The invitation has changed",
            ),
            E::PublicKey(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "public-key",
                "Not a usable public key",
            ),
            E::SignatureEncoding => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "signature-encoding",
                "Not a signature",
            ),
            E::Signature => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "signature",
                "The signature does not hold",
            ),
            // The rest is this registrar's own trouble; a client learns no more than that.
            E::File(_)
            | E::NoRegistrar(_)
            | E::AlreadyRegistrar(_)
            | E::Card(_)
            | E::Approval(_)
            | E::Roster(_)
            | E::Store(_)
            | E::ForeignStore(_)
            | E::Damaged(_)
            | E::Randomness(_)
            | E::HandOver(_)
            | E::RecordFixed { .. }
            | E::SecondIdentifier { .. }
            | E::TooManyPeople
            | E::NobodyOfThatName(_)
            | E::SeveralOfThatName(..)
            | E::AlreadyEnrolled(_) => {
                let detail = "the registrar can't do this now";
                return Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "The registrar has a problem",
                    detail,
                    "Try again later.",
                );
            }
        };
        let advice = match error {
            E::UnknownGroup(_) => "Check the group's id and the registrar's address.".into(),
            other => other.advice(),
        };
        Self::new(status, word, title, error.to_string(), advice)
    }
}
