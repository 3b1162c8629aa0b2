//! What is done to every request and every answer: bounds on how much is worked on at once, and
//! headers that keep answers out of caches and pages.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Api, ApiError};

/// Bounds reads in number and time. Submissions have places of their own, which they take once
/// their body is here. Nobody is told apart by address.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.method() == Method::POST {
        return next.run(request).await;
    }
    let Ok(_place) = api.read_places().try_acquire() else {
        return ApiError::Busy.into_response();
    };
    let answer = next.run(request);
    match tokio::time::timeout(api.limits().read_time, answer).await {
        Ok(response) => response,
        Err(_) => ApiError::TimedOut.into_response(),
    }
}

/// For whoever opens an answer in a browser: don't keep it, don't run it, don't frame it, don't
/// tell others where it came from.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds the headers.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
