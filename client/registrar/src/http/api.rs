//! The routes: `GET /v1/registrar`, `POST /v1/groups/{id}/invitation`, `POST /v1/groups/{id}/attest`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use tacit_protocol::ids::GroupId;
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::EddsaSignature;
use tacit_serve::{Problem, limited};
use zeroize::Zeroizing;

use crate::error::RegistrarError;
use crate::limits::HttpLimits;
use crate::registrar::Registrar;
use crate::wire::{
    AttestRequest, AttestedView, InvitationRequest, InvitationView, RegistrarView, read_hex,
};

/// The routes with the limits on what one request may take.
pub fn router(registrar: Arc<Registrar>, limits: HttpLimits) -> Router {
    let routes = Router::new()
        .route("/v1/registrar", get(about))
        .route("/v1/groups/{id}/invitation", post(invitation))
        .route("/v1/groups/{id}/attest", post(attest))
        .with_state(registrar);
    limited(routes, limits)
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
