//! What a refused request says. Two messages per error: one sentence for the person, the whole chain for the log.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bongsu_api::error::ErrorBody;
use bongsu_lake::LakeError;
use bongsu_state::StateError;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    body: ErrorBody,
    retry_after: Option<i64>,
}

pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// With a status, a stable code and a sentence.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { code: code.to_owned(), message: message.into(), at: None }, retry_after: None }
    }
    pub fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }
    pub fn bad_request(at: Option<&str>, message: impl Into<String>) -> Self {
        let mut failure = Self::new(StatusCode::BAD_REQUEST, "bad_request", message);
        failure.body.at = at.map(str::to_owned);
        failure
    }
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }
    pub fn rate_limited(seconds: i64) -> Self {
        let mut failure = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            format!("too many attempts; try again in {seconds} seconds"),
        );
        failure.retry_after = Some(seconds);
        failure
    }
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
    /// Something of ours failed: the chain goes to the log, once.
    pub fn internal(error: &anyhow::Error) -> Self {
        tracing::error!("a request failed: {error:#}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the center could not answer; its log says why")
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<StateError> for Failure {
    fn from(e: StateError) -> Self {
        match e {
            StateError::NotFound(what) => Self::not_found(what),
            StateError::Conflict(words) => Self::conflict(words),
            StateError::Invalid(words) => Self::bad_request(None, words),
            StateError::Forbidden(words) => Self::forbidden(words),
            StateError::Database(e) => {
                tracing::error!("the state database failed: {e}");
                Self::unavailable("the state database failed; check the disk of the data folder")
            }
        }
    }
}

impl From<LakeError> for Failure {
    fn from(e: LakeError) -> Self {
        match e {
            LakeError::Query(q) => {
                let hint = q.suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default();
                Self::bad_request(Some(&format!("q:{}", q.position)), format!("{}{hint}", q.message))
            }
            LakeError::Sql(words) => Self::bad_request(Some("q"), words),
            e @ (LakeError::Memory(_) | LakeError::Deadline(_)) => Self::bad_request(Some("q"), e.to_string()),
            e @ (LakeError::Busy(_) | LakeError::Backlog(_) | LakeError::Closed) => Self::unavailable(e.to_string()),
            e => Self::internal(&anyhow::Error::new(e)),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        match e.downcast::<StateError>() {
            Ok(e) => e.into(),
            Err(e) => Self::internal(&e),
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(e: JsonRejection) -> Self {
        if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "bad_request",
                "the request is larger than 1 MiB; send less at once",
            );
        }
        Self::bad_request(None, format!("the request can't be read: {}", e.body_text()))
    }
}

impl From<QueryRejection> for Failure {
    fn from(e: QueryRejection) -> Self {
        Self::bad_request(None, format!("the address can't be read: {}", e.body_text()))
    }
}

impl From<PathRejection> for Failure {
    fn from(_: PathRejection) -> Self {
        Self::not_found("page")
    }
}

/// What the caller was shown to see, and may not change: 403, not 404.
pub(crate) fn not_yours(e: StateError) -> Failure {
    match e {
        StateError::NotFound(_) => Failure::forbidden("your role does not allow this over its agency"),
        e => e.into(),
    }
}

/// A handler that panicked answers like any other failure; the connection lives on.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Failure::internal(&anyhow::anyhow!("a handler panicked")).into_response()
}
