//! The routes: `GET /v1/registrar`, `POST /v1/groups/{id}/invitation`, `POST /v1/groups/{id}/attest`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use tacit_protocol::ids::GroupId;
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::EddsaSignature;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::problem::Problem;
use crate::error::RegistrarError;
use crate::limits::HttpLimits;
use crate::registrar::Registrar;
use crate::wire::{
    AttestRequest, AttestedView, InvitationRequest, InvitationView, RegistrarView, read_hex,
};

/// The routes with the limits on what one request may take.
pub fn router(registrar: Arc<Registrar>, limits: HttpLimits) -> Router {
    let gate = Gate {
        permits: Arc::new(Semaphore::new(limits.requests)),
        limits,
    };
    Router::new()
        .route("/v1/registrar", get(about))
        .route("/v1/groups/{id}/invitation", post(invitation))
        .route("/v1/groups/{id}/attest", post(attest))
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
            let advice = "See the registrar's guide for its calls.";
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
        .with_state(registrar)
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
            "the registrar has too much to do",
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

async fn about(State(registrar): State<Arc<Registrar>>) -> Result<Json<RegistrarView>, Problem> {
    work(registrar, |registrar| {
        let groups = registrar
            .groups()?
            .iter()
            .map(ToString::to_string)
            .collect();
        let card = registrar.card();
        Ok(Json(RegistrarView {
            name: card.name,
            key: card.key.to_string(),
            groups,
        }))
    })
    .await
}

async fn invitation(
    State(registrar): State<Arc<Registrar>>,
    Path(group): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<InvitationView>, Problem> {
    let group = group_id(&group)?;
    let request: InvitationRequest = json(body)?;
    work(registrar, move |registrar| {
        let invitation = registrar.invitation(&group, &request.code)?;
        Ok(Json(InvitationView::from(&invitation)))
    })
    .await
}

async fn attest(
    State(registrar): State<Arc<Registrar>>,
    Path(group): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<AttestedView>, Problem> {
    let group = group_id(&group)?;
    let request: AttestRequest = json(body)?;
    work(registrar, move |registrar| {
        let public = public_key(&request.public)?;
        let signature = read_hex::<EddsaSignature>("signature", &request.signature)
            .map_err(|_| RegistrarError::SignatureEncoding)?;
        let attested = registrar.attest(&group, &request.code, &public, &signature)?;
        Ok(Json(AttestedView::from(&attested)))
    })
    .await
}

/// Decodes A so that the error says what is wrong with the point.
fn public_key(text: &str) -> Result<Point, RegistrarError> {
    let mut bytes = [0; 32];
    let decoded = hex::decode_to_slice(text, &mut bytes);
    decoded.map_err(|_| RegistrarError::PublicKey(tacit_protocol::point::PointError::Encoding))?;
    Ok(Point::from_bytes(&bytes)?)
}

fn group_id(text: &str) -> Result<GroupId, Problem> {
    GroupId::from_hex(text).ok_or_else(|| {
        let detail = "a group's id has 64 lowercase hex digits";
        Problem::new(
            StatusCode::BAD_REQUEST,
            "group-id",
            "Not a group's id",
            detail,
            "Check the address.",
        )
    })
}

fn json<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Too large",
            "the request's body is too long",
            "Send less.",
        ),
        status => Problem::new(
            status,
            "body",
            "No body",
            "the request's body can't be read",
            "Send it again.",
        ),
    })?;
    // It holds a code: this copy goes, the network's own is the client's risk as much as ours.
    let body = Zeroizing::new(body.to_vec());
    serde_json::from_slice(&body).map_err(|e| {
        // The position only: serde's own text quotes the input.
        let detail = format!(
            "the body is not the JSON that this call takes (line {}, column {})",
            e.line(),
            e.column()
        );
        Problem::new(
            StatusCode::BAD_REQUEST,
            "json",
            "Not the right JSON",
            detail,
            "See the registrar's guide for its calls.",
        )
    })
}

/// Runs what takes the disk or a millisecond of arithmetic off the network's threads.
async fn work<T: Send + 'static>(
    registrar: Arc<Registrar>,
    call: impl FnOnce(&Registrar) -> Result<T, RegistrarError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || call(&registrar)).await;
    match done {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let problem = Problem::from(&error);
            if problem.status == 500 {
                tracing::error!(%error, "a request failed");
            } else {
                tracing::info!(problem = %problem.kind, "a request was refused");
            }
            Err(problem)
        }
        Err(panic) => {
            tracing::error!(%panic, "a request failed");
            Err(Problem::from(&RegistrarError::ForeignStore(
                "can't be used",
            )))
        }
    }
}
