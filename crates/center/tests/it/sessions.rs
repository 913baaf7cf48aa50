//! Log-in, cookies, CSRF, and what every answer carries.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::city::{City, send};

fn log_in(name: &str, password: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/api/session")
        .header(header::HOST, "center.example")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({"name": name, "password": password}).to_string()))
        .unwrap()
}

/// A link that sets a password, from a new account.
async fn invited(city: &City, name: &str) -> String {
    let root = city.log_in("admin").await;
    let new = json!({"name": name, "display_name": name, "agency": 1, "role": "analyst"});
    let made = city.say(Some(&root), Method::POST, "/api/users", Some(&new)).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    made.json()["link"].as_str().unwrap().strip_prefix("/link#").unwrap().to_owned()
}

#[tokio::test]
async fn a_link_sets_the_password_once_and_the_password_logs_in() {
    let city = City::new().await;
    let token = invited(&city, "kim").await;
    let check = city.say(None, Method::POST, "/api/session/link/check", Some(&json!({"token": token}))).await;
    assert_eq!(check.json()["user"], "kim");
    let use_link = |password: &str| json!({"token": token, "password": password});
    for weak in ["short", "aaaaaaaaaaaaaa", ""] {
        let said = city.say(None, Method::POST, "/api/session/link", Some(&use_link(weak))).await;
        assert_eq!((said.status, said.json()["at"].as_str()), (StatusCode::BAD_REQUEST, Some("password")), "{weak}");
    }
    let good = city.say(None, Method::POST, "/api/session/link", Some(&use_link("correct horse battery"))).await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.text);
    assert_eq!(good.json()["can"]["request_blocks"], true);
    let again = city.say(None, Method::POST, "/api/session/link", Some(&use_link("another long password"))).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let said = send(&city.router, log_in("kim", "correct horse battery"), false).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    let wrong = send(&city.router, log_in("kim", "correct horse batterx"), false).await;
    let unknown = send(&city.router, log_in("nobody-here", "correct horse battery"), false).await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.text, unknown.text, "an unknown name looks like a wrong password");
}

#[tokio::test]
async fn guessing_is_stopped_and_the_right_password_waits_too() {
    let city = City::new().await;
    let token = invited(&city, "kim").await;
    let set = json!({"token": token, "password": "correct horse battery"});
    assert_eq!(city.say(None, Method::POST, "/api/session/link", Some(&set)).await.status, StatusCode::OK);
    let router = city.fresh();
    for _ in 0..10 {
        assert_eq!(send(&router, log_in("kim", "wrong wrong wrong"), false).await.status, StatusCode::UNAUTHORIZED);
    }
    let said = send(&router, log_in("kim", "correct horse battery"), false).await;
    assert_eq!((said.status, said.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    assert!(said.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let city = City::new().await;
    let token = invited(&city, "kim").await;
    let body = json!({"token": token, "password": "correct horse battery"}).to_string();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/session/link")
        .header(header::HOST, "center.example")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap();
    let said = send(&city.router, request, true).await;
    let cookie = said.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["__Host-bongsu=", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/", "; Max-Age="] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(said.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    assert_eq!(said.headers[header::CACHE_CONTROL], "no-store");
    // A cookie of TLS is none over plain HTTP, whatever its name.
    let plain = Request::builder()
        .uri("/api/session")
        .header(header::COOKIE, cookie.split(';').next().unwrap())
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&city.router, plain, false).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_change_needs_the_word_of_the_session_and_our_own_origin() {
    let city = City::new().await;
    let (admin, other) = (city.log_in("admin").await, city.log_in("lead").await);
    let ask = |csrf: Option<&str>, origin: Option<&str>| {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("/api/alerts/{}/notes", city.ids.alert))
            .header(header::HOST, "127.0.0.1:8440")
            .header(header::COOKIE, &admin.cookie)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(csrf) = csrf {
            request = request.header("x-bongsu-csrf", csrf);
        }
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        request.body(Body::from(json!({"text": "note"}).to_string())).unwrap()
    };
    for (csrf, origin, status) in [
        (Some(admin.csrf.as_str()), None, 200),
        (Some(admin.csrf.as_str()), Some("http://127.0.0.1:8440"), 200),
        (None, None, 403),
        (Some(""), None, 403),
        (Some(other.csrf.as_str()), None, 403),
        (Some(admin.csrf.as_str()), Some("https://evil.example"), 403),
        (Some(admin.csrf.as_str()), Some("null"), 403),
        (Some(admin.csrf.as_str()), Some("http://127.0.0.1:8440.evil.example"), 403),
    ] {
        let said = send(&city.router, ask(csrf, origin), false).await;
        assert_eq!(said.status.as_u16(), status, "{csrf:?} {origin:?}: {}", said.text);
    }
}

#[tokio::test]
async fn a_session_ends_by_log_out_and_from_another_one() {
    let city = City::new().await;
    let admin = city.log_in("admin").await;
    let mine = city.say(Some(&admin), Method::GET, "/api/sessions", None).await.json();
    let id = mine["sessions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(mine["sessions"][0]["current"], true);
    assert!(!mine.to_string().contains(admin.cookie.split('=').nth(1).unwrap()), "the secret is never shown");
    let lead = city.log_in("lead").await;
    let theirs = city.say(Some(&lead), Method::DELETE, &format!("/api/sessions/{id}"), None).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND, "nobody ends another's session");
    assert_eq!(city.say(Some(&lead), Method::DELETE, "/api/session", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(city.say(Some(&lead), Method::GET, "/api/session", None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        city.say(Some(&admin), Method::DELETE, &format!("/api/sessions/{id}"), None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(city.say(Some(&admin), Method::GET, "/api/session", None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_carries_its_headers_and_bad_requests_are_said_in_our_form() {
    let city = City::new().await;
    let admin = city.log_in("admin").await;
    for path in ["/", "/api/overview", "/api/nothing", "/operator/status"] {
        let said = city.say(Some(&admin), Method::GET, path, None).await;
        let policy = said.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(said.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    let bad = |body: &str, path: &str| {
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8440")
            .header(header::COOKIE, &admin.cookie)
            .header("x-bongsu-csrf", &admin.csrf)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let huge = format!("{{\"text\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let notes = format!("/api/alerts/{}/notes", city.ids.alert);
    for (body, path, status) in [
        ("{", notes.as_str(), 400),
        ("[]", notes.as_str(), 400),
        ("\u{0}", notes.as_str(), 400),
        (huge.as_str(), notes.as_str(), 413),
        ("{\"text\": \"x\"}", "/api/alerts/abc/notes", 404),
        ("{\"text\": \"x\"}", "/api/alerts/99999999999999999999/notes", 404),
        ("{\"text\": \"\"}", notes.as_str(), 400),
    ] {
        let said = send(&city.router, bad(body, path), false).await;
        assert_eq!(said.status.as_u16(), status, "{path}: {}", said.text);
        assert!(!said.code().is_empty() && !said.json()["message"].as_str().unwrap().is_empty());
    }
    let query = city.say(Some(&admin), Method::GET, "/api/search?q=src_ip:(", None).await;
    assert_eq!(query.status, StatusCode::BAD_REQUEST, "{}", query.text);
}
