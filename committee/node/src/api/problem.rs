//! Everything that can be wrong with a request, and the one map from there to status, problem type
//! (RFC 9457) and advice.
//!
//! A problem never says more than the asker knows: no addresses, no paths, nothing of the database.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use thiserror::Error;

use crate::{ledger::Stopped, machine::Refusal};

/// Prefix of all problem types; what follows is a stable word.
pub const PROBLEM_TYPE: &str = "urn:tacit:problem:";

/// Why a request gets no proper answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    /// No such route.
    #[error("there is nothing here")]
    NoRoute,
    /// The route has other methods.
    #[error("this address doesn't take that method")]
    Method,
    /// A path's id isn't one.
    #[error("an id is 64 lowercase hexadecimal digits")]
    MalformedId,
    /// No such group.
    #[error("there is no group {0}")]
    UnknownGroup(String),
    /// No such statement.
    #[error("there is no statement {0}")]
    UnknownStatement(String),
    /// Not one of the committee's keys.
    #[error("the committee has no key {0}")]
    UnknownKey(String),
    /// Not `application/octet-stream`.
    #[error("a submission is application/octet-stream")]
    MediaType,
    /// The body is over the route's bound.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// The body didn't arrive in time.
    #[error("the body took too long")]
    SlowBody,
    /// The body broke off.
    #[error("the body broke off")]
    BrokenBody,
    /// The body isn't a submission of an entry.
    #[error("{0}")]
    Malformed(String),
    /// Known to the encoding and not served yet.
    #[error("{0}")]
    Unsupported(String),
    /// Another kind of entry than the route takes, or about something else than its path says.
    #[error("{0}")]
    WrongRoute(&'static str),
    /// The log refuses the entry.
    #[error("{0}")]
    Refused(Refusal),
    /// Too much to do.
    #[error("this node has too much to do at the moment")]
    Busy,
    /// Submitted and not final in time.
    #[error("not final yet: send the same bytes again")]
    NotFinal,
    /// The node can't answer for the log now.
    #[error("{0}")]
    NotReady(String),
    /// No certificate for the present state came in time.
    #[error("no certificate of the present state came in time")]
    Uncertified,
    /// The list is open, but not all of its bodies are here yet.
    #[error("the list is open, and this node doesn't have all of it yet")]
    BodiesMissing,
    /// A read took too long.
    #[error("the answer took too long")]
    TimedOut,
    /// The node is stopping.
    #[error("this node is stopping")]
    Stopping,
    /// The node's own fault. Its log says what happened.
    #[error("this node has failed to answer")]
    Internal,
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        Self::Stopping
    }
}

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same, in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// What to do.
    pub advice: &'static str,
}

/// Status, word, title, advice.
type Row = (StatusCode, &'static str, &'static str, &'static str);

const OTHER_NODE: &str = "Ask another node, or try again in a moment.";
const SAME_BYTES: &str =
    "Send the same bytes again, here or to another node: nothing is counted twice.";

impl ApiError {
    fn row(&self) -> Row {
        use StatusCode as S;
        match self {
            Self::NoRoute => (
                S::NOT_FOUND,
                "no-route",
                "Not found",
                "docs/api.md lists all routes.",
            ),
            Self::Method => (
                S::METHOD_NOT_ALLOWED,
                "method",
                "Method not allowed",
                "docs/api.md lists all routes.",
            ),
            Self::MalformedId => (
                S::BAD_REQUEST,
                "malformed-id",
                "Malformed id",
                "Copy the whole id, in lower case.",
            ),
            Self::UnknownGroup(_) => unknown("unknown-group", "Unknown group"),
            Self::UnknownStatement(_) => unknown("unknown-statement", "Unknown statement"),
            Self::UnknownKey(_) => (
                S::NOT_FOUND,
                "unknown-key",
                "Unknown key",
                "GET /v1/epoch names the committee's keys.",
            ),
            Self::MediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "Unsupported media type",
                "Send the encoded submission as application/octet-stream.",
            ),
            Self::TooLarge(_) => too_large(),
            Self::SlowBody => (S::REQUEST_TIMEOUT, "slow-body", "Too slow", SAME_BYTES),
            Self::BrokenBody => (S::BAD_REQUEST, "broken-body", "Incomplete body", SAME_BYTES),
            Self::Malformed(_) => (
                S::UNPROCESSABLE_ENTITY,
                "malformed",
                "Not a submission",
                "Make the submission with a program of the committee's version.",
            ),
            Self::Unsupported(_) => (
                S::UNPROCESSABLE_ENTITY,
                "unsupported",
                "Not supported in this version",
                "Leave it out, or wait for a version that serves it.",
            ),
            Self::WrongRoute(_) => (
                S::UNPROCESSABLE_ENTITY,
                "wrong-route",
                "Another route's entry",
                "docs/api.md says which entry goes where.",
            ),
            Self::Refused(refusal) => refused(refusal.code),
            Self::Busy => (
                S::TOO_MANY_REQUESTS,
                "busy",
                "Too many requests",
                "Wait a few seconds, or ask another node.",
            ),
            Self::NotFinal => (S::GATEWAY_TIMEOUT, "not-final", "Not final yet", SAME_BYTES),
            Self::NotReady(_) => (S::SERVICE_UNAVAILABLE, "not-ready", "Not ready", OTHER_NODE),
            Self::Uncertified => (
                S::SERVICE_UNAVAILABLE,
                "uncertified",
                "No certificate",
                OTHER_NODE,
            ),
            Self::BodiesMissing => (
                S::SERVICE_UNAVAILABLE,
                "bodies-missing",
                "Incomplete list",
                OTHER_NODE,
            ),
            Self::TimedOut => (S::SERVICE_UNAVAILABLE, "timed-out", "Too slow", OTHER_NODE),
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "stopping", "Stopping", OTHER_NODE),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
                "Ask another node. The operator finds the cause in the node's log.",
            ),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.row().0
    }

    /// The document.
    pub fn problem(&self) -> Problem {
        let (status, word, title, advice) = self.row();
        let detail = match self {
            Self::Refused(refusal) => refusal.detail.clone(),
            other => other.to_string(),
        };
        Problem {
            kind: format!("{PROBLEM_TYPE}{word}"),
            title,
            status: status.as_u16(),
            detail,
            advice,
        }
    }
}

fn unknown(word: &'static str, title: &'static str) -> Row {
    (
        StatusCode::NOT_FOUND,
        word,
        title,
        "Check the id; a node that is behind may not know it yet.",
    )
}

fn too_large() -> Row {
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "Too large",
        "Shorten the text or the testimony.",
    )
}

/// The ledger's and the mempool's refusals. What conflicts with the log's state is 409, a quota is
/// 429, and what could never be valid is 422 under the refusal's own word.
fn refused(code: &'static str) -> Row {
    use StatusCode as S;
    match code {
        "nullifier-spent" => (
            S::CONFLICT,
            code,
            "Signed already",
            "Each member signs a statement once. Look for the receipt of the first signature.",
        ),
        "signature-waiting" => (
            S::CONFLICT,
            code,
            "Another signature waits",
            "Send the bytes that you sent first again: each member signs a statement once.",
        ),
        "duplicate" | "repeated" => (
            S::CONFLICT,
            code,
            "In the log already",
            "Nothing is left to do.",
        ),
        "group-exists" => (
            S::CONFLICT,
            code,
            "Group exists",
            "Use the group, or make one with another nonce.",
        ),
        "statement-exists" => (
            S::CONFLICT,
            code,
            "Statement exists",
            "Use the statement, or make one with another nonce.",
        ),
        "already-enrolled" => (
            S::CONFLICT,
            code,
            "Enrolled already",
            "Nothing is left to do if it was you. If not, tell the registrars.",
        ),
        "not-collecting" => (
            S::CONFLICT,
            code,
            "Takes no signatures",
            "GET the statement to see where it stands.",
        ),
        "out-of-phase" => (
            S::CONFLICT,
            code,
            "Out of phase",
            "GET the statement to see where it stands.",
        ),
        "unknown-group" => unknown(code, "Unknown group"),
        "unknown-statement" => unknown(code, "Unknown statement"),
        "too-many-statements" => (
            S::TOO_MANY_REQUESTS,
            code,
            "Too many open statements",
            "Wait until one ends.",
        ),
        "too-large" => too_large(),
        "proof-invalid" => (
            S::UNPROCESSABLE_ENTITY,
            code,
            "The proof does not hold",
            "Sign again with the committee's keys and the statement as it is certified.",
        ),
        "body-missing" | "body-malformed" | "body-mismatch" => (
            S::UNPROCESSABLE_ENTITY,
            code,
            "The sealed body does not fit",
            "Send the body that was sealed with this signature.",
        ),
        _ => (
            S::UNPROCESSABLE_ENTITY,
            code,
            "Not valid",
            "Correct what the detail says; sending the same bytes again won't help.",
        ),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        // A struct of strings and a number always encodes.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if matches!(problem.status, 429 | 503 | 504) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
