//! The web console's files, embedded in the binary; any other path shows the console, which routes by itself.

use axum::body::Body;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::failure::Failure;

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Files;

/// A file of the console.
pub async fn file(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path.starts_with("operator/") {
        return Failure::not_found("route").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Failure::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", "this path only shows pages")
            .into_response();
    }
    if let Some(answer) = embedded(path) {
        return answer;
    }
    // A missing asset is an error; a page's path is the console's own.
    if path.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return Failure::not_found("file").into_response();
    }
    embedded("index.html").unwrap_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "this binary was built without the console; build it with `make console` and build again",
        )
        .into_response()
    })
}

fn embedded(path: &str) -> Option<Response> {
    let path = if path.is_empty() { "index.html" } else { path };
    if path.starts_with('.') {
        return None;
    }
    let file = Files::get(path)?;
    // Names under assets/ carry a hash of their content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let kind = file.metadata.mimetype().to_owned();
    Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, cache)
        .body(Body::from(file.data.into_owned()))
        .ok()
}
