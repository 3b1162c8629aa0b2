//! The coordinator's HTTP service: the queue, uploads, and everything published.
//!
//! It keeps and logs nothing about where a request came from, and limits nobody by address.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt as _;
use serde::Deserialize;
use tacit_protocol::keys::{PublicKey, Signature};
use tacit_serve::{Admission, Gate, HttpLimits, Problem};

use super::wire::{ReceivedView, StandingView, TicketView, TurnRequest};
use super::{CallError, Coordinator, MAX_PIECE};

/// Bytes that are read and sent at once.
const BUFFER: u64 = 1 << 18;

/// Bytes of an upload that are written at once.
const CHUNK: usize = 1 << 20;
/// Whose turn it is and who sends nothing of a piece for so long has gone.
const IDLE: Duration = Duration::from_secs(20);
/// Bytes that come are a sign of life, so often.
const SIGN: Duration = Duration::from_secs(1);

/// What one request may take. Bodies are short, but for pieces of uploads, which come from slow lines and
/// are read from whose turn it is alone.
pub fn limits() -> HttpLimits {
    HttpLimits {
        body: 8 * 1024,
        // Each may have a file open, and the system gives a thousand of both without being asked.
        connections: 400,
        reserved: 8,
        reserved_time: Duration::from_secs(600),
        ..HttpLimits::default()
    }
}

/// The routes.
pub fn router(coordinator: Arc<Coordinator>, limits: HttpLimits) -> Router {
    let routes = Router::new()
        .route("/", get(status_page))
        .route("/v1/ceremony", get(status))
        .route("/v1/files/{*name}", get(file))
        .route("/v1/turns", post(join))
        .route("/v1/turns/{ticket}", get(standing))
        .route("/v1/turns/{ticket}/leave", post(leave))
        .route("/v1/turns/{ticket}/files/{index}", post(receive))
        .route("/v1/turns/{ticket}/entry", post(hand_in))
        .with_state(coordinator.clone());
    let pressure = coordinator.pressure();
    Gate::new(limits)
        .admitting(move |method, uri| admission(&coordinator, method, uri))
        .telling(pressure)
        .around(routes)
}

/// By a request's head: whose turn it is gets through, whoever else comes; and nobody else hands anything
/// in. The ticket stands in the path, or after a file's name as `ticket=`.
fn admission(coordinator: &Coordinator, method: &Method, uri: &Uri) -> Admission {
    let mut parts = uri
        .path()
        .strip_prefix("/v1/turns/")
        .unwrap_or("")
        .split('/');
    let (ticket, call) = (parts.next().unwrap_or(""), parts.next());
    let queried = || {
        let pairs = uri.query().unwrap_or("").split('&');
        pairs.filter_map(|pair| pair.strip_prefix("ticket=")).next()
    };
    let ticket = if ticket.is_empty() {
        queried()
    } else {
        Some(ticket)
    };
    match (ticket.and_then(|t| coordinator.is_turn(t)), call) {
        (Some(turn), _) => Admission::Reserved(turn),
        (None, Some("files" | "entry")) if method == Method::POST => {
            let known = ticket.is_some_and(|t| coordinator.desk().find(t).is_ok());
            let error = if known {
                CallError::NotYourTurn
            } else {
                CallError::Ticket
            };
            Admission::Refused(error.into())
        }
        _ => Admission::Ordinary,
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| d.as_secs())
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        use super::queue::Refused;
        use CallError as E;
        const AGAIN: &str = "Run the same command again: it goes on where it was.";
        let (status, word, title, advice) = match &error {
            E::Closed(_) => (
                StatusCode::CONFLICT,
                "closed",
                "Closed",
                "See the ceremony's status page for what comes next.",
            ),
            E::Refused(Refused::NotListed) => (
                StatusCode::FORBIDDEN,
                "not-listed",
                "Not on the list",
                "Ask the coordinator which keys may contribute.",
            ),
            E::Refused(Refused::Strikes) => (
                StatusCode::FORBIDDEN,
                "strikes",
                "Too many missed turns",
                "Ask the coordinator.",
            ),
            E::Refused(Refused::Full) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "full",
                "The queue is full",
                "Try again later.",
            ),
            E::Refused(Refused::TooOften) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-often",
                "Too many requests",
                "Try again in a minute.",
            ),
            E::Again => (
                StatusCode::CONFLICT,
                "contributed",
                "Contributed already",
                "Once is enough. Keep your attestation.",
            ),
            E::Request => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "request",
                "The request does not hold",
                "Set your clock, and try again.",
            ),
            E::Repeated => (
                StatusCode::CONFLICT,
                "repeated",
                "Asked already",
                "Run the same command again in a few seconds, and on one machine only.",
            ),
            E::Ticket => (StatusCode::NOT_FOUND, "ticket", "No such ticket", AGAIN),
            E::NotYourTurn => (
                StatusCode::CONFLICT,
                "not-your-turn",
                "Not your turn",
                AGAIN,
            ),
            E::Offset { .. } => (
                StatusCode::CONFLICT,
                "offset",
                "Another place in the file",
                "Go on where the file ends.",
            ),
            E::TooLong(_) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "Too large",
                "Upload the file that your contribution made.",
            ),
            E::Slow => (StatusCode::REQUEST_TIMEOUT, "slow", "Too slow", AGAIN),
            E::NoFile(_) => (
                StatusCode::NOT_FOUND,
                "no-file",
                "No such file",
                "See the ceremony's circuits for how many files there are.",
            ),
            E::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "The contribution does not hold",
                "Run the same command again. If that changes nothing, check your clock, and take this program's latest version.",
            ),
            E::Internal(inner) => {
                tracing::error!(error = %inner, "a request failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "The coordinator has a problem",
                    "Try again later.",
                )
            }
        };
        Self::new(status, word, title, error.to_string(), advice)
    }
}

/// Runs what takes the disk, or arithmetic, off the network's threads.
async fn work<T: Send + 'static>(
    coordinator: Arc<Coordinator>,
    call: impl FnOnce(&Coordinator) -> Result<T, CallError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(move || call(&coordinator)).await {
        Ok(answer) => answer.map_err(Problem::from),
        Err(panic) => {
            tracing::error!(%panic, "a request failed");
            Err(broken())
        }
    }
}

fn broken() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The coordinator has a problem",
        "the coordinator can't do this now",
        "Try again later.",
    )
}

type Shared = State<Arc<Coordinator>>;

async fn status(State(c): Shared) -> Result<Response, Problem> {
    let answers = work(c, |c| Ok(c.answers(now()))).await?;
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, answers.json.clone()).into_response())
}

async fn status_page(State(c): Shared) -> Result<Response, Problem> {
    let answers = work(c, |c| Ok(c.answers(now()))).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
    ];
    Ok((headers, answers.page.clone()).into_response())
}

async fn join(State(c): Shared, body: Bytes) -> Result<Json<TicketView>, Problem> {
    let request: TurnRequest = serde_json::from_slice(&body).map_err(|_| malformed())?;
    let key = PublicKey::from_hex(&request.key).ok_or_else(malformed)?;
    let mut signature = [0; 64];
    hex::decode_to_slice(&request.signature, &mut signature).map_err(|_| malformed())?;
    let join = move |c: &Coordinator| c.join(key, request.at, &Signature(signature), now());
    let ticket = work(c, join).await?;
    Ok(Json(TicketView { ticket }))
}

fn malformed() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "json",
        "Not the right JSON",
        "the body is not the JSON that this call takes",
        "Use this program's latest version.",
    )
}

async fn standing(
    State(c): Shared,
    Path(ticket): Path<String>,
) -> Result<Json<StandingView>, Problem> {
    let standing = work(c, move |c| c.standing(&ticket, now())).await?;
    Ok(Json(standing.into()))
}

async fn leave(State(c): Shared, Path(ticket): Path<String>) -> Result<StatusCode, Problem> {
    work(c, move |c| c.leave(&ticket, now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct At {
    offset: u64,
}

/// A piece of a file. What has come of it is written as it comes, so that a piece that breaks off isn't
/// sent again from its start.
async fn receive(
    State(c): Shared,
    Path((ticket, index)): Path<(String, usize)>,
    Query(at): Query<At>,
    body: Body,
) -> Result<Json<ReceivedView>, Problem> {
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    let mut offset = at.offset;
    let may = {
        let ticket = ticket.clone();
        move |c: &Coordinator| c.expects(&ticket, index, offset, declared, now()).map(drop)
    };
    work(c.clone(), may).await?;
    let keep = |piece: Vec<u8>, offset: u64| {
        let ticket = ticket.clone();
        let receive = move |c: &Coordinator| c.receive(&ticket, index, offset, &piece, now());
        work(c.clone(), receive)
    };
    let mut stream = body.into_data_stream();
    let (mut piece, mut most) = (Vec::new(), MAX_PIECE);
    let mut signed = Instant::now();
    let ended = loop {
        let Ok(next) = tokio::time::timeout(IDLE, stream.next()).await else {
            break Err(CallError::Slow);
        };
        let bytes = match next {
            None => break Ok(()),
            Some(Err(_)) => break Err(CallError::Slow),
            Some(Ok(bytes)) => bytes,
        };
        let Some(left) = most.checked_sub(bytes.len() as u64) else {
            break Err(CallError::TooLong(MAX_PIECE));
        };
        most = left;
        piece.extend_from_slice(&bytes);
        if signed.elapsed() >= SIGN {
            let ticket = ticket.clone();
            work(c.clone(), move |c| c.standing(&ticket, now()).map(drop)).await?;
            signed = Instant::now();
        }
        if piece.len() >= CHUNK {
            offset = keep(std::mem::take(&mut piece), offset).await?;
        }
    };
    let received = keep(piece, offset).await?;
    ended?;
    Ok(Json(ReceivedView { received }))
}

async fn hand_in(
    State(c): Shared,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    // A task of its own: whoever hangs up meanwhile would leave what is to be checked to nobody, and the
    // turn's clock still for ever.
    let (taken, answer) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let handed = work(c.clone(), move |c| c.hand_in(&ticket, &body, now())).await;
        let (checking, handed) = match handed {
            Ok(checking) => (Some(checking), Ok(StatusCode::ACCEPTED)),
            Err(problem) => (None, Err(problem)),
        };
        // Whoever waits asks for the outcome with their ticket.
        let _ = taken.send(handed);
        let Some(checking) = checking else { return };
        let (coordinator, key) = (c.clone(), checking.key);
        match tokio::task::spawn_blocking(move || c.check(checking, now)).await {
            Ok(outcome) => tracing::info!(?outcome, "a contribution was checked"),
            Err(panic) => {
                tracing::error!(%panic, "a check failed");
                let abandon = move || coordinator.abandon(&key, now());
                // Should that fail too, the next restart begins with an empty queue.
                let _ = tokio::task::spawn_blocking(abandon).await;
            }
        }
    });
    answer.await.unwrap_or_else(|_| Err(broken()))
}

#[derive(Deserialize)]
struct Range {
    offset: Option<u64>,
    length: Option<u64>,
}

/// A published file, or a piece of it. Only names that the transcript gives are looked for.
async fn file(
    State(c): Shared,
    Path(name): Path<String>,
    Query(range): Query<Range>,
) -> Result<Response, Problem> {
    let not_found = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            "there is no such file",
            "See /v1/ceremony for the files that there are.",
        )
    };
    let open = move |c: &Coordinator| {
        let file = c.published(&name).and_then(|path| File::open(path).ok());
        Ok(file.and_then(|f| f.metadata().ok().map(|m| (f, m.len()))))
    };
    let (file, length) = work(c, open).await?.ok_or_else(not_found)?;
    let start = range.offset.unwrap_or(0).min(length);
    let end = range
        .length
        .map_or(length, |l| start.saturating_add(l).min(length));
    let file = Arc::new(file);
    let stream = futures::stream::try_unfold(start, move |at| {
        let file = file.clone();
        async move {
            let now = (end - at).min(BUFFER);
            if now == 0 {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || {
                let mut buffer = vec![0; now as usize];
                file.read_exact_at(&mut buffer, at).map(|()| buffer)
            });
            let bytes = read.await.map_err(std::io::Error::other)??;
            Ok::<_, std::io::Error>(Some((Bytes::from(bytes), at + now)))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, (end - start).to_string()),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}
