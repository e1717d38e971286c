//! What goes wrong, as JSON with the right status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use oarlock::orm::Invalid;
use oarlock::{Error, ErrorKind};
use serde::Serialize;

/// A request that the database could not serve.
pub struct Problem(Error);

#[derive(Serialize)]
struct Told {
    error: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    field: String,
    message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The one place that says which status an error has.
fn status(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::RowNotFound => (StatusCode::NOT_FOUND, "there is no such item"),
        ErrorKind::Invalid | ErrorKind::CheckViolation => (StatusCode::UNPROCESSABLE_ENTITY, "the values break rules"),
        ErrorKind::UniqueViolation => (StatusCode::CONFLICT, "it is there already"),
        ErrorKind::StaleRow => (StatusCode::CONFLICT, "it was changed meanwhile"),
        ErrorKind::PoolTimeout | ErrorKind::ConnectionLost | ErrorKind::ConnectionRefused | ErrorKind::PoolClosed => {
            (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the fault is ours, and is logged"),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, error) = status(self.0.kind());
        if status.is_server_error() {
            tracing::error!(kind = %self.0.kind(), error = %self.0, "a request failed");
        }
        let fields = Invalid::of(&self.0).map(Invalid::fields).unwrap_or_default();
        let fields = fields.iter().map(|found| Field { field: found.field.clone(), message: found.message.clone() });
        (status, Json(Told { error, fields: fields.collect() })).into_response()
    }
}
