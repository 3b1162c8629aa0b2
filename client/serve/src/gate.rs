//! Bounds on what one request may take, and on how many are worked on.
//!
//! A request is worked on when all of it has come: whoever sends a body slowly, or not at all, holds a
//! connection, which a newcomer may take, and nothing else.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Semaphore;

use crate::crowd::{Connected, Kept, Owned, Pressure, Turn};
use crate::limits::HttpLimits;
use crate::problem::Problem;

/// How long a request that has come waits for others to be done.
const WAIT: Duration = Duration::from_secs(2);

/// What a request's head says about it.
#[derive(Debug)]
pub enum Admission {
    /// Like any other.
    Ordinary,
    /// It has permits of its own, and its connection no newcomer takes until it is answered or its turn is
    /// over. Its body isn't read before its handler runs. The permits are those of this turn: what an
    /// earlier one's owner still holds takes none of them.
    Reserved(u64),
    /// It is answered with this before its body is read.
    Refused(Problem),
}

type Admit = Arc<dyn Fn(&Method, &Uri) -> Admission + Send + Sync>;

/// The limits around a service's routes.
#[derive(Clone)]
pub struct Gate {
    permits: Arc<Semaphore>,
    /// The last turn and its permits.
    reserved: Arc<Mutex<Reserved>>,
    limits: HttpLimits,
    pressure: Pressure,
    admit: Admit,
}

/// What is reserved for a turn.
struct Reserved {
    number: u64,
    turn: Turn,
    permits: Arc<Semaphore>,
}

impl Reserved {
    fn of(number: u64, limits: &HttpLimits) -> Self {
        Self {
            number,
            turn: Turn::default(),
            permits: Arc::new(Semaphore::new(limits.reserved)),
        }
    }
}

/// Routes within the limits, with problem documents for what isn't there.
pub fn limited(routes: Router, limits: HttpLimits) -> Router {
    Gate::new(limits).around(routes)
}

impl Gate {
    /// With every request like any other.
    pub fn new(limits: HttpLimits) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limits.requests)),
            reserved: Arc::new(Mutex::new(Reserved::of(0, &limits))),
            limits,
            pressure: Pressure::default(),
            admit: Arc::new(|_, _| Admission::Ordinary),
        }
    }

    /// Decides by a request's head. This must not wait for anything.
    pub fn admitting(
        self,
        admit: impl Fn(&Method, &Uri) -> Admission + Send + Sync + 'static,
    ) -> Self {
        let admit = Arc::new(admit);
        Self { admit, ..self }
    }

    /// Notes here when somebody is turned away.
    pub fn telling(self, pressure: Pressure) -> Self {
        Self { pressure, ..self }
    }

    /// The routes within these limits.
    pub fn around(self, routes: Router) -> Router {
        let limits = self.limits;
        routes
            .fallback(async || {
                Problem::new(
                    StatusCode::NOT_FOUND,
                    "not-found",
                    "Not found",
                    "there is nothing here",
                    "Check the address.",
                )
            })
            .method_not_allowed_fallback(async || {
                let advice = "See the service's guide for its calls.";
                Problem::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method",
                    "Method not allowed",
                    "this address takes another method",
                    advice,
                )
            })
            .layer(DefaultBodyLimit::max(limits.body))
            .layer(middleware::from_fn_with_state(self, admit))
    }

    fn busy() -> Response {
        let busy = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "Busy",
            "this service has too much to do",
            "Try again in a moment.",
        );
        ([(header::RETRY_AFTER, "1")], closing(busy)).into_response()
    }
}

/// What is left of an unread body would be read as the next request's head.
fn closing(problem: Problem) -> Response {
    ([(header::CONNECTION, "close")], problem).into_response()
}

fn slow() -> Response {
    closing(Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "slow",
        "Too slow",
        "the request took too long",
        "Send it again.",
    ))
}

fn too_large() -> Response {
    closing(Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "Too large",
        "the request's body is too long",
        "Send less.",
    ))
}

async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let connected = request.extensions_mut().remove::<Connected>();
    match (gate.admit)(request.method(), request.uri()) {
        Admission::Ordinary => gate.ordinary(connected, request, next).await,
        Admission::Reserved(turn) => gate.owned(turn, connected, request, next).await,
        Admission::Refused(problem) => closing(problem),
    }
}

impl Gate {
    async fn ordinary(
        &self,
        connected: Option<Connected>,
        request: Request,
        next: Next,
    ) -> Response {
        let limits = self.limits;
        let (parts, body) = request.into_parts();
        if HttpBody::size_hint(&body).lower() > limits.body as u64 {
            return too_large();
        }
        let body =
            match tokio::time::timeout(limits.request_time, to_bytes(body, limits.body)).await {
                Ok(Ok(body)) => body,
                // Or a connection that broke, which nobody reads this from.
                Ok(Err(_)) => return too_large(),
                Err(_) => return slow(),
            };
        let Ok(Ok(_permit)) = tokio::time::timeout(WAIT, self.permits.acquire()).await else {
            self.pressure.note();
            return Self::busy();
        };
        let _kept = Kept::new(connected);
        let request = Request::from_parts(parts, Body::from(body));
        match tokio::time::timeout(limits.request_time, next.run(request)).await {
            Ok(response) => response,
            Err(_) => slow(),
        }
    }

    /// None: that turn is over.
    fn reserved(&self, number: u64) -> Option<(Turn, Arc<Semaphore>)> {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        if reserved.number < number {
            reserved.turn.end();
            *reserved = Reserved::of(number, &self.limits);
        }
        (reserved.number == number).then(|| (reserved.turn.clone(), reserved.permits.clone()))
    }

    async fn owned(
        &self,
        number: u64,
        connected: Option<Connected>,
        request: Request,
        next: Next,
    ) -> Response {
        // All of these are one client's: nobody else is kept out, and it is no pressure, or whoever is
        // judged by silence could make its own excuse.
        let Some((turn, permits)) = self.reserved(number) else {
            return Self::busy();
        };
        let Ok(permit) = permits.try_acquire_owned() else {
            return Self::busy();
        };
        let held = (permit, Owned::new(connected, turn));
        match tokio::time::timeout(self.limits.reserved_time, next.run(request)).await {
            Ok(response) => response.map(|inner| Body::new(Held { inner, _held: held })),
            Err(_) => slow(),
        }
    }
}

/// A body with what is held until all of it is sent.
struct Held<T> {
    inner: Body,
    _held: T,
}

impl<T: Unpin> HttpBody for Held<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.inner)
    }
}
