//! The one place that opens connections. A proxy with remote name resolution goes in here.
//!
//! No redirects, cookies, kept connections or telling headers: two calls share nothing but the
//! network address they come from. Proxies of the environment are not used.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use ureq::http::Uri;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a service may say nothing at all while it is asked for something.
const STALL: Duration = Duration::from_secs(30);
/// Longest problem document, in bytes.
const MAX_PROBLEM: u64 = 64 * 1024;

/// Why a text isn't the URL of a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not `https://host[:port][/path]` (or http where it is allowed).
    #[error("\"{0}\" is not the URL of a service")]
    Malformed(String),
    /// Plain http over a network: everybody on the way could read and change what is sent.
    #[error("{0} is plain http beyond this machine")]
    PlainHttp(String),
}

/// URL of a node or registrar: https, or http to this machine or to an onion service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    /// Checks a URL. A slash at its end is dropped.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed(text.to_string());
        let trimmed = text.trim().trim_end_matches('/');
        let uri: Uri = trimmed.parse().map_err(|_| malformed())?;
        let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(malformed)?;
        let has_user = uri.authority().is_none_or(|a| a.as_str().contains('@'));
        if has_user || uri.query().is_some() || trimmed.contains('#') {
            return Err(malformed());
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_private(host) => {}
            Some("http") => return Err(UrlError::PlainHttp(trimmed.to_string())),
            _ => return Err(malformed()),
        }
        Ok(Self(trimmed.to_string()))
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Traffic to this host never crosses a network in the clear.
fn is_private(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let lower = bare.to_ascii_lowercase();
    loopback || lower == "localhost" || lower.ends_with(".onion")
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service's own account of what is wrong (RFC 9457). Its words are its own: print them as quotes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Error)]
#[error("{}", if detail.is_empty() { title } else { detail })]
pub struct Problem {
    /// Which problem: a stable identifier.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The same, in words.
    #[serde(default)]
    pub title: String,
    /// HTTP status; taken from the answer itself.
    #[serde(default)]
    pub status: u16,
    /// What happened here.
    #[serde(default)]
    pub detail: String,
    /// What to do.
    #[serde(default)]
    pub advice: String,
}

impl Problem {
    /// The stable word for the problem, such as `not-collecting`; empty if the service gave none.
    pub fn word(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// "Not final yet: send the same bytes again."
    pub fn is_not_yet(&self) -> bool {
        self.status == 504
    }

    /// The service is there, but busy or still starting.
    pub fn is_busy(&self) -> bool {
        matches!(self.status, 429 | 500..=503)
    }
}

/// Why one service gave no answer to be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServiceError {
    /// No connection, a broken one, or too slow.
    #[error("{0}")]
    Transport(String),
    /// It says that something is wrong.
    #[error("{0}")]
    Problem(Problem),
    /// What it said can't be read or doesn't hold.
    #[error("{0}")]
    BadAnswer(String),
}

/// Opens connections.
#[derive(Clone)]
pub struct Connector {
    agent: ureq::Agent,
    stall: Duration,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// A connector straight to the network.
    pub fn new() -> Self {
        Self::with_stall(STALL)
    }

    /// As [`Connector::new`], but a service that is asked for something may say nothing for `stall` only.
    pub fn with_stall(stall: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent("tacit")
            .max_idle_connections(0)
            .timeout_connect(Some(CONNECT))
            .timeout_resolve(Some(CONNECT))
            .build();
        Self {
            agent: config.new_agent(),
            stall,
        }
    }

    /// GET `path` (with its leading slash): at most `limit` bytes within `patience`, and sooner given up
    /// when nothing comes.
    pub fn get(
        &self,
        service: &ServiceUrl,
        path: &str,
        limit: u64,
        patience: Duration,
    ) -> Result<Vec<u8>, ServiceError> {
        let request = self.agent.get(format!("{service}{path}"));
        let answer = request
            .config()
            .timeout_global(Some(patience))
            .timeout_per_read(Some(self.stall))
            .build()
            .call();
        read(answer, limit)
    }

    /// POST `body` to `path` (with its leading slash): at most `limit` bytes back within `patience`.
    pub fn post(
        &self,
        service: &ServiceUrl,
        path: &str,
        content_type: &str,
        body: &[u8],
        limit: u64,
        patience: Duration,
    ) -> Result<Vec<u8>, ServiceError> {
        let request = self
            .agent
            .post(format!("{service}{path}"))
            .content_type(content_type);
        let answer = request
            .config()
            .timeout_global(Some(patience))
            .build()
            .send(body);
        read(answer, limit)
    }
}

fn transport(e: ureq::Error) -> ServiceError {
    match e {
        ureq::Error::BodyExceedsLimit(_) => {
            ServiceError::BadAnswer("the answer is longer than it may be".into())
        }
        ureq::Error::Io(e) => ServiceError::Transport(e.to_string()),
        ureq::Error::HostNotFound => ServiceError::Transport("there is no such host".into()),
        ureq::Error::Timeout(_) => ServiceError::Transport("no answer in time".into()),
        e => ServiceError::Transport(e.to_string()),
    }
}

fn read(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    limit: u64,
) -> Result<Vec<u8>, ServiceError> {
    let mut answer = answer.map_err(transport)?;
    let status = answer.status();
    if status.is_success() {
        // ureq's own limit must not be reached, not even exactly.
        let body = answer.body_mut().with_config();
        let body = body.limit(limit.saturating_add(1));
        return body.read_to_vec().map_err(transport);
    }
    let body = answer.body_mut().with_config().limit(MAX_PROBLEM);
    let bytes = body.read_to_vec().unwrap_or_default();
    let problem = match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Problem {
            status: status.as_u16(),
            ..problem
        },
        Err(_) => Problem {
            kind: String::new(),
            title: format!("HTTP status {status}"),
            status: status.as_u16(),
            detail: String::new(),
            advice: String::new(),
        },
    };
    Err(ServiceError::Problem(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_onion_services_only() {
        for good in [
            "https://node.example",
            "https://node.example:8443/tacit/",
            "http://127.0.0.1:7000",
            "http://127.8.9.1:7000",
            "http://[::1]:7000",
            "http://localhost:7000",
            "http://abcdef.onion",
        ] {
            assert!(ServiceUrl::parse(good).is_ok(), "{good}");
        }
        for plain in [
            "http://node.example",
            "http://192.168.0.7:7000",
            "http://[::2]:7000",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://onion",
        ] {
            let refused = ServiceUrl::parse(plain);
            assert_eq!(refused, Err(UrlError::PlainHttp(plain.into())), "{plain}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_service_is_refused() {
        for bad in [
            "",
            "node.example",
            "127.0.0.1:7000",
            "ftp://node.example",
            "https://",
            "https://user@node.example",
            "https://node.example/?a=b",
            "https://node.example/#a",
            "http://127.0.0.1@node.example",
        ] {
            let refused = ServiceUrl::parse(bad);
            assert_eq!(refused, Err(UrlError::Malformed(bad.into())), "{bad}");
        }
    }

    #[test]
    fn a_slash_at_the_end_makes_no_difference() {
        let url = ServiceUrl::parse("https://node.example/").unwrap();
        assert_eq!(url.as_str(), "https://node.example");
    }
}
