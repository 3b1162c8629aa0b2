//! Requests to the router, and what comes back.

use std::sync::{Arc, atomic::AtomicU64, atomic::Ordering};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use bytes::Bytes;
use serde_json::Value;
use tacit_node::api::{Api, Limits, Log as _};
use tower::ServiceExt as _;

use crate::{committee::operators, log::TestLog};

/// An API over a log, and its clock.
pub struct Client {
    pub api: Api,
    pub router: Router,
    /// How far this node's clock is past the log's, in milliseconds.
    pub late: Arc<AtomicU64>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem's word; checks the document's shape on the way.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let document = self.json();
        let object = document.as_object().unwrap();
        let names: Vec<_> = object.keys().map(String::as_str).collect();
        assert_eq!(names, ["advice", "detail", "status", "title", "type"]);
        assert_eq!(document["status"], self.status.as_u16());
        for name in ["advice", "detail", "title"] {
            assert!(!document[name].as_str().unwrap().is_empty(), "{name}");
        }
        let kind = document["type"].as_str().unwrap();
        let word = kind.strip_prefix(tacit_node::api::PROBLEM_TYPE).unwrap();
        word.to_string()
    }

    pub fn ok(self) -> Bytes {
        assert_eq!(
            self.status,
            StatusCode::OK,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.body
    }
}

/// Bounds that tests don't have to wait for.
pub fn quick() -> Limits {
    let ms = std::time::Duration::from_millis;
    Limits {
        body_time: ms(300),
        finality_time: ms(400),
        certify_time: ms(400),
        read_time: ms(2000),
        ..Limits::default()
    }
}

impl Client {
    pub fn new(log: &Arc<TestLog>) -> Self {
        Self::with(log, quick())
    }

    pub fn with(log: &Arc<TestLog>, limits: Limits) -> Self {
        let late = Arc::new(AtomicU64::new(100));
        let (clock, offset) = (log.clone(), late.clone());
        let now = Arc::new(move || clock.applied().timestamp_ms + offset.load(Ordering::SeqCst));
        let api = Api::new(operators().committee(), log.clone(), now, limits);
        let router = api.router();
        Self { api, router, late }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/octet-stream");
        self.send(request.body(body.into()).unwrap()).await
    }
}
