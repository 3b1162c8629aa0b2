//! The routes and their handlers: parse, call, encode.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderValue, header},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use tacit_protocol::{
    hash::Digest,
    ids::{GroupId, StatementId},
    views::{EpochView, GroupView, HealthView, ReadyView, StatementView},
};

use super::{Api, ApiError, guard, submit::Route};

/// All routes.
pub(super) fn router(api: &Api) -> Router {
    // Always answered, however much there is to do.
    let probes = Router::new()
        .route("/v1/health", get(health))
        .route("/v1/ready", get(ready))
        .method_not_allowed_fallback(async || ApiError::Method)
        .with_state(api.clone());
    Router::new()
        .route("/v1/founding", get(founding))
        .route("/v1/epoch", get(epoch))
        .route("/v1/keys/{hash}", get(key))
        .route("/v1/groups", get(groups).post(create_group))
        .route("/v1/groups/{id}", get(group))
        .route("/v1/groups/{id}/members", get(members).post(enrol))
        .route("/v1/groups/{id}/chain", get(group_chain))
        .route("/v1/statements", get(statements).post(propose))
        .route("/v1/statements/{id}", get(statement))
        .route("/v1/statements/{id}/signatures", get(signatures).post(sign))
        .route("/v1/statements/{id}/chain", get(statement_chain))
        .route("/v1/statements/{id}/bundle", get(bundle))
        .method_not_allowed_fallback(async || ApiError::Method)
        .route_layer(from_fn_with_state(api.clone(), guard::admit))
        .with_state(api.clone())
        .merge(probes)
        .fallback(async || ApiError::NoRoute)
        .layer(from_fn(guard::headers))
}

/// Families of metrics that are shown: about blocks, votes, peers and the process. The engine has others,
/// which count messages of each channel, bytes and tasks: whoever keeps those sees in which second a
/// signature came in, and through which node.
const SHOWN: [&str; 12] = [
    "application_",
    "backfill_",
    "blocks_",
    "finalizations_",
    "marshal_",
    "network_dialer_",
    "network_listener_",
    "network_tracker_",
    "runtime_open_blobs",
    "runtime_process_",
    "runtime_storage_",
    "simplex_",
];

/// `GET /metrics`: what of `encode` is about no one signature, as Prometheus text. For an address of the
/// operator's own, apart from the API.
pub fn metrics(encode: Arc<dyn Fn() -> String + Send + Sync>) -> Router {
    let handler = async move || {
        let kind = HeaderValue::from_static("text/plain; version=0.0.4");
        ([(header::CONTENT_TYPE, kind)], shown(&encode()))
    };
    Router::new()
        .route("/metrics", get(handler))
        .fallback(async || ApiError::NoRoute)
        .layer(from_fn(guard::headers))
}

fn shown(metrics: &str) -> String {
    let is_shown = |line: &&str| {
        // "# HELP name …", "# TYPE name …", "name{…} value"
        let name = match line.strip_prefix("# ") {
            Some(comment) => comment.split_once(' ').map_or("", |(_, name)| name),
            None => line,
        };
        SHOWN.iter().any(|family| name.starts_with(family))
    };
    let mut text: String = metrics
        .lines()
        .filter(is_shown)
        .flat_map(|line| [line, "\n"])
        .collect();
    text.push_str("# EOF\n");
    text
}

type Answer = Result<Response, ApiError>;

fn group_id(text: &str) -> Result<GroupId, ApiError> {
    GroupId::from_hex(text).ok_or(ApiError::MalformedId)
}

fn statement_id(text: &str) -> Result<StatementId, ApiError> {
    StatementId::from_hex(text).ok_or(ApiError::MalformedId)
}

fn binary(bytes: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

fn json(bytes: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

async fn health(State(api): State<Api>) -> Json<HealthView> {
    Json(HealthView {
        status: "alive".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        fingerprint: api.committee().fingerprint().to_string(),
    })
}

async fn ready(State(api): State<Api>) -> Result<Json<ReadyView>, ApiError> {
    api.ready().map(Json)
}

async fn founding(State(api): State<Api>) -> Response {
    binary(api.committee().file_bytes())
}

async fn epoch(State(api): State<Api>) -> Json<EpochView> {
    Json(api.committee().epoch())
}

async fn key(State(api): State<Api>, Path(hash): Path<String>) -> Answer {
    let digest = Digest::from_hex(&hash).ok_or(ApiError::MalformedId)?;
    let key = api
        .committee()
        .key(&digest)
        .ok_or(ApiError::UnknownKey(hash))?;
    Ok(binary(key))
}

async fn groups(State(api): State<Api>) -> Answer {
    api.groups().await.map(json)
}

async fn group(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<GroupView>, ApiError> {
    api.group(group_id(&id)?).await.map(Json)
}

async fn members(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    api.members(group_id(&id)?).await.map(json)
}

async fn group_chain(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    api.group_chain(group_id(&id)?).await.map(binary)
}

async fn statements(State(api): State<Api>) -> Answer {
    api.statements().await.map(json)
}

async fn statement(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<StatementView>, ApiError> {
    api.statement(statement_id(&id)?).await.map(Json)
}

async fn signatures(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    api.signatures(statement_id(&id)?).await.map(json)
}

async fn statement_chain(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    api.statement_chain(statement_id(&id)?).await.map(binary)
}

async fn bundle(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    api.bundle(statement_id(&id)?).await.map(binary)
}

async fn create_group(State(api): State<Api>, request: Request) -> Answer {
    api.submit(Route::Groups, request).await.map(binary)
}

async fn enrol(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Answer {
    let route = Route::Members(group_id(&id)?);
    api.submit(route, request).await.map(binary)
}

async fn propose(State(api): State<Api>, request: Request) -> Answer {
    api.submit(Route::Statements, request).await.map(binary)
}

async fn sign(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Answer {
    let route = Route::Signatures(statement_id(&id)?);
    api.submit(route, request).await.map(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_that_time_a_signature_are_not_shown() {
        let all = "\
# HELP marshal_finalized_height Height.
# TYPE marshal_finalized_height gauge
marshal_finalized_height 7
# HELP network_spawner_messages_sent Messages.
# TYPE network_spawner_messages_sent counter
network_spawner_messages_sent_total{peer=\"ab\",message=\"data_3\"} 12
# TYPE runtime_outbound_bandwidth counter
runtime_outbound_bandwidth_total 4096
runtime_tasks_spawned_total{name=\"gossip\"} 5
# EOF
";
        let wanted = "\
# HELP marshal_finalized_height Height.
# TYPE marshal_finalized_height gauge
marshal_finalized_height 7
# EOF
";
        assert_eq!(shown(all), wanted);
    }
}
