//! What a refused request answers: one sentence for the person, the whole chain for the log, once, here.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bongsu_api::error::ErrorBody;
use bongsu_lake::LakeError;
use bongsu_state::StateError;

/// A request that can't be answered as asked.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    body: ErrorBody,
}

impl Problem {
    /// With a status, a stable code and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { code: code.to_owned(), message: message.into(), at: None } }
    }
    /// The field it is about.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.body.at = Some(field.to_owned());
        self
    }
    /// 400.
    #[must_use]
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
    /// 401.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "log in first")
    }
    /// 403.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "your role does not allow this; ask an administrator")
    }
    /// 404: not there, or out of scope.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }
    /// 409.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }
    /// 500: the chain goes to the log, a plain sentence to the person.
    #[must_use]
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!("a request failed: {error:#}");
        let text = "the center could not do this; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", text)
    }
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

impl From<StateError> for Problem {
    fn from(e: StateError) -> Self {
        match e {
            StateError::NotFound(what) => Self::not_found(what),
            StateError::Conflict(text) => Self::conflict(text),
            StateError::Invalid(text) => Self::bad(text),
            StateError::Forbidden(text) => Self::new(StatusCode::FORBIDDEN, "forbidden", text),
            StateError::Database(_) => Self::internal(&e),
        }
    }
}

impl From<LakeError> for Problem {
    fn from(e: LakeError) -> Self {
        match &e {
            LakeError::Query(_) | LakeError::Sql(_) => Self::bad(e.to_string()).at("q"),
            LakeError::Memory(_) | LakeError::Deadline(_) => Self::new(StatusCode::BAD_REQUEST, "too_large", e.to_string()),
            LakeError::Busy(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", e.to_string()),
            _ => Self::internal(&e),
        }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(e: anyhow::Error) -> Self {
        match e.downcast::<StateError>() {
            Ok(state) => state.into(),
            Err(e) => Self::internal(&format!("{e:#}")),
        }
    }
}
