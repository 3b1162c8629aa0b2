//! Bounds on what one request may take, and on how many are worked on.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use crate::limits::HttpLimits;
use crate::problem::Problem;

/// Routes within the limits, with problem documents for what isn't there.
pub fn limited(routes: Router, limits: HttpLimits) -> Router {
    let gate = Gate {
        permits: Arc::new(Semaphore::new(limits.requests)),
        limits,
    };
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
        .layer(middleware::from_fn_with_state(gate, admit))
}

#[derive(Clone)]
struct Gate {
    permits: Arc<Semaphore>,
    limits: HttpLimits,
}

/// Bounds how many requests are worked on at once, by anybody, and how long each may take.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Ok(_permit) = gate.permits.try_acquire() else {
        let busy = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "Busy",
            "this service has too much to do",
            "Try again in a moment.",
        );
        return ([(header::RETRY_AFTER, "1")], busy).into_response();
    };
    match tokio::time::timeout(gate.limits.request_time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let slow = Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow",
                "Too slow",
                "the request took too long",
                "Send it again.",
            );
            // What is left of a slow body would be read as the next request's head.
            ([(header::CONNECTION, "close")], slow).into_response()
        }
    }
}
