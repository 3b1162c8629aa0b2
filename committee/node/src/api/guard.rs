//! What is done to every request and every answer: bounds on how much is worked on at once, and
//! headers that keep answers out of caches and pages.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Api, ApiError};

/// Bounds requests in number and time. Submissions, which wait, and reads don't take each other's
/// places. Nobody is told apart by address.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let submits = request.method() == Method::POST;
    let places = if submits {
        api.submission_places()
    } else {
        api.read_places()
    };
    let Ok(_place) = places.try_acquire() else {
        return ApiError::Busy.into_response();
    };
    let answer = next.run(request);
    if submits {
        // Its parts have their own bounds.
        return answer.await;
    }
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
