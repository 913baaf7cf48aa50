//! Every route of the table: as nobody, as a viewer, as another agency. A route without a case fails here.

use axum::http::{Method, StatusCode};
use bongsu_center::routes::{Access, ROUTES, Route};
use bongsu_domain::Ability;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::city::{A, City, Ids, MARK};

/// What another agency's administrator must get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// There is no such thing for them.
    Nothing,
    /// It concerns every agency: not theirs to do.
    NotTheirs,
    /// They get an answer that holds nothing of A.
    Empty,
    /// It is about themselves or about nobody.
    Own,
}

/// A request that would work for who may, on something of A; and what B must get.
fn case(method: &str, path: &str, ids: &Ids) -> Option<(String, Option<Value>, Other)> {
    use Other::{Empty, NotTheirs, Nothing, Own};
    let at = |id: &dyn std::fmt::Display| path.replace("{id}", &id.to_string());
    let plain = |other| Some((path.to_owned(), None, other));
    let with = |body: Value, other| Some((path.to_owned(), Some(body), other));
    let policy = json!({
        "valid_from": "2026-01-01T00:00:00Z", "example": false, "protected": [], "minutes_max": 600,
        "budget_agency_hour": 9, "budget_total_hour": 9, "budget_service_hour": 9, "wide_v4": 24, "wide_v6": 48,
        "widest_v4": 16, "widest_v6": 32, "grace_minutes": 60, "automatic": false, "automatic_severity": "high",
        "automatic_minutes": 60, "dry_run": false, "inside": ["10.0.0.0/8"]
    });
    let block = json!({"target": "198.51.100.99", "agency": A.0, "minutes": 60, "reason": "test"});
    let source = json!({"name": "new", "from": "192.0.2.99", "agency": A.0});
    match (method, path) {
        ("post", "/api/session/link/check" | "/api/session/link") => with(json!({"token": "none"}), Own),
        ("post", "/api/session") => with(json!({"name": "nobody", "password": "none at all"}), Own),
        ("get", "/api/session" | "/api/sessions") => plain(Own),
        ("delete", "/api/session") => plain(Own),
        ("delete", "/api/sessions/{id}") => Some((at(&"somebody-elses"), None, Nothing)),
        ("get", "/api/overview" | "/api/stream" | "/api/kill-switch" | "/api/block-policy") => plain(Empty),
        ("get", "/api/authority.pem") => plain(Own),
        ("get", "/api/alerts") => Some((format!("{path}?tab=all&agency={}", A.0), None, Empty)),
        ("get", "/api/alerts/{id}" | "/api/alerts/{id}/events") => Some((at(&ids.alert), None, Nothing)),
        ("post", "/api/alerts/{id}/acknowledge" | "/api/alerts/{id}/reopen") => Some((at(&ids.alert), None, Nothing)),
        ("post", "/api/alerts/{id}/close") => {
            Some((at(&ids.alert), Some(json!({"verdict": "benign", "reason": "known"})), Nothing))
        }
        ("post", "/api/alerts/{id}/notes") => Some((at(&ids.alert), Some(json!({"text": "called"})), Nothing)),
        ("get", "/api/blocks") => Some((format!("{path}?tab=all"), None, Empty)),
        ("get", "/api/blocks/{id}") => Some((at(&ids.block), None, Nothing)),
        ("post", "/api/blocks/preview" | "/api/blocks") => with(block, Nothing),
        ("post", "/api/blocks/{id}/approve" | "/api/blocks/{id}/refuse") => {
            Some((at(&ids.waiting), Some(json!({"reason": "sure"})), Nothing))
        }
        ("post", "/api/blocks/{id}/undo") => Some((at(&ids.block), Some(json!({"reason": "sure"})), Nothing)),
        ("put", "/api/kill-switch") => with(json!({"on": false, "reason": "test"}), NotTheirs),
        ("put", "/api/block-policy") => with(policy, NotTheirs),
        ("get", "/api/search" | "/api/search/histogram" | "/api/search/facets" | "/api/search/export") => plain(Empty),
        ("get", "/api/search/fields") => plain(Empty),
        ("get", "/api/search/events/{id}") => Some((at(&"1-1"), None, Nothing)),
        ("get", "/api/sources") => plain(Empty),
        ("post", "/api/sources") => with(source, Nothing),
        ("patch", "/api/sources/{id}") => Some((at(&ids.source), Some(json!({"name": "x"})), Nothing)),
        ("delete", "/api/sources/{id}") => Some((at(&ids.source), None, Nothing)),
        ("get", "/api/quarantine") => plain(NotTheirs),
        ("post", "/api/quarantine/adopt") => with(source, Nothing),
        ("get", "/api/agents") => plain(Empty),
        ("post", "/api/agents/tokens") => with(json!({"name": "new", "agency": A.0, "hours": 1}), Nothing),
        ("patch", "/api/agents/{id}") => Some((at(&ids.agent), Some(json!({"enforce": "dry_run"})), Nothing)),
        ("delete", "/api/agents/{id}") => Some((at(&ids.agent), None, Nothing)),
        ("get", "/api/attack" | "/api/rules") => plain(Empty),
        ("get", "/api/rules/{id}") => Some((at(&"no-such-rule"), None, Nothing)),
        ("put", "/api/rules/{id}/enabled") => {
            Some((at(&"no-such-rule"), Some(json!({"enabled": false, "reason": "noise"})), NotTheirs))
        }
        ("post", "/api/rules/reload") => plain(NotTheirs),
        ("post", "/api/rules/import") => Some((format!("{path}?name=x.yml"), Some(json!({"title": "x"})), NotTheirs)),
        ("post", "/api/rules/import/{id}") => Some((at(&77), Some(json!({"reason": "tests"})), NotTheirs)),
        ("post", "/api/rules/{id}/backtest") => Some((at(&"no-such-rule"), Some(json!({"days": 7})), Nothing)),
        ("get" | "delete", "/api/backtests/{id}") => Some((at(&"no-such-test"), None, Nothing)),
        ("post", "/api/rules/{id}/exceptions") => Some((
            at(&"no-such-rule"),
            Some(json!({"agency": A.0, "parts": [{"field": "user", "test": "is", "values": ["kim"]}], "days": 7,
                        "reason": "known"})),
            Nothing,
        )),
        ("post", "/api/exceptions/{id}/end") => Some((at(&ids.exception), Some(json!({"reason": "over"})), Nothing)),
        ("post", "/api/rules/{id}/test") => Some((at(&"no-such-rule"), Some(json!({"lines": []})), Nothing)),
        ("get", "/api/agencies") => plain(Empty),
        ("post", "/api/agencies") => {
            with(json!({"parent": A.0, "code": "new", "name": "새 기관", "name_en": "", "kind": "gu"}), Nothing)
        }
        ("patch", "/api/agencies/{id}") => Some((at(&A), Some(json!({"name_en": "Suan"})), Nothing)),
        ("get", "/api/users") => plain(Empty),
        ("post", "/api/users") => {
            with(json!({"name": "new", "display_name": "새 사람", "agency": A.0, "role": "viewer"}), Nothing)
        }
        ("post", "/api/users/{id}/link") => Some((at(&ids.user), None, Nothing)),
        ("patch", "/api/users/{id}") => Some((at(&ids.user), Some(json!({"phone": "1"})), Nothing)),
        ("post", "/api/users/{id}/roles") => {
            Some((at(&ids.user), Some(json!({"role": "viewer", "agency": A.0})), Nothing))
        }
        ("delete", "/api/role-assignments/{id}") => Some((at(&ids.role), None, Nothing)),
        ("get", "/api/audit") => Some((format!("{path}?limit=500"), None, Empty)),
        ("get", "/api/audit/verify") => plain(Empty),
        ("get", "/operator/status" | "/operator/search") => plain(Nothing),
        _ => None,
    }
}

fn cases(ids: &Ids) -> Vec<(&'static Route, Method, String, Option<Value>, Other)> {
    ROUTES
        .iter()
        .map(|r| {
            let (path, body, other) = case(r.method, r.path, ids)
                .unwrap_or_else(|| panic!("{} {} has no authorization case: write one above", r.method, r.path));
            (r, r.method.to_uppercase().parse().unwrap(), path, body, other)
        })
        .collect()
}

#[test]
fn the_table_and_the_contract_are_the_same() {
    let contract = bongsu_api::Contract::openapi();
    let mut promised = Vec::new();
    for (path, item) in &contract.paths.paths {
        let methods = [
            ("get", &item.get),
            ("post", &item.post),
            ("put", &item.put),
            ("patch", &item.patch),
            ("delete", &item.delete),
        ];
        promised.extend(methods.iter().filter(|(_, o)| o.is_some()).map(|(m, _)| format!("{m} {path}")));
    }
    let public = |r: &&Route| !r.path.starts_with("/operator/");
    let mut kept: Vec<String> = ROUTES.iter().filter(public).map(|r| format!("{} {}", r.method, r.path)).collect();
    promised.sort();
    kept.sort();
    assert_eq!(kept, promised);
}

#[tokio::test]
async fn nobody_gets_nothing() {
    let city = City::new().await;
    for (route, method, path, body, _) in cases(&city.ids) {
        let said = city.say(None, method.clone(), &path, body.as_ref()).await;
        match route.access {
            Access::Public => assert_ne!(said.status, StatusCode::FORBIDDEN, "{method} {path}"),
            Access::Operator => assert_eq!(said.status, StatusCode::NOT_FOUND, "{method} {path}"),
            _ => {
                assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", said.text);
                assert_eq!(said.code(), "unauthorized");
            }
        }
        assert!(!said.text.contains(MARK));
    }
}

#[tokio::test]
async fn a_viewer_sees_and_changes_nothing() {
    let city = City::new().await;
    let viewer = city.log_in("viewer").await;
    // Log-out last: it ends the session.
    let (out, rest): (Vec<_>, Vec<_>) =
        cases(&city.ids).into_iter().partition(|c| (c.0.method, c.0.path) == ("delete", "/api/session"));
    for (route, method, path, body, _) in rest.into_iter().chain(out) {
        let said = city.say(Some(&viewer), method.clone(), &path, body.as_ref()).await;
        let words = format!("{method} {path}: {} {}", said.status, said.text);
        match route.access {
            Access::Ability(Ability::See) => {
                let missing = path.contains("no-such");
                let fine = if missing { StatusCode::NOT_FOUND } else { StatusCode::OK };
                assert_eq!(said.status, fine, "{words}");
            }
            Access::Ability(_) => {
                assert_eq!(said.status, StatusCode::FORBIDDEN, "{words}");
                assert_eq!(said.code(), "forbidden");
            }
            Access::Person => assert!(said.status.is_success() || said.status == StatusCode::NOT_FOUND, "{words}"),
            Access::Operator => assert_eq!(said.status, StatusCode::NOT_FOUND, "{words}"),
            Access::Public => assert_ne!(said.status, StatusCode::INTERNAL_SERVER_ERROR, "{words}"),
        }
    }
}

#[tokio::test]
async fn another_agency_finds_nothing_and_touches_nothing() {
    let city = City::new().await;
    let other = city.log_in("admin-b").await;
    for (route, method, path, body, expected) in cases(&city.ids) {
        if (route.method, route.path) == ("delete", "/api/session") {
            continue;
        }
        let said = city.say(Some(&other), method.clone(), &path, body.as_ref()).await;
        let words = format!("{method} {path}: {} {}", said.status, said.text);
        match expected {
            Other::Nothing => assert_eq!(said.status, StatusCode::NOT_FOUND, "{words}"),
            Other::NotTheirs => assert_eq!(said.status, StatusCode::FORBIDDEN, "{words}"),
            Other::Empty => assert_eq!(said.status, StatusCode::OK, "{words}"),
            Other::Own => assert!(said.status.as_u16() < 500, "{words}"),
        }
        assert!(!said.text.contains(MARK), "{words}");
        assert!(!said.text.contains("198.51.100.66"), "{words}");
    }
    // Nothing of A has changed.
    let own = city.log_in("admin-a").await;
    let alert = city.say(Some(&own), Method::GET, &format!("/api/alerts/{}", city.ids.alert), None).await.json();
    assert_eq!((alert["row"]["state"].as_str(), alert["timeline"].as_array().unwrap().len()), (Some("open"), 1));
    let block = city.say(Some(&own), Method::GET, &format!("/api/blocks/{}", city.ids.block), None).await.json();
    assert_eq!(block["state"], "approved");
}

#[tokio::test]
async fn the_agency_itself_finds_all_of_it() {
    let city = City::new().await;
    let own = city.log_in("admin-a").await;
    for (route, method, path, body, expected) in cases(&city.ids) {
        let changes_late = route.method == "delete" || route.path.ends_with("/link");
        if changes_late || matches!(expected, Other::NotTheirs | Other::Own) || route.access == Access::Operator {
            continue;
        }
        let said = city.say(Some(&own), method.clone(), &path, body.as_ref()).await;
        let words = format!("{method} {path}: {} {}", said.status, said.text);
        if path.contains("no-such") || path.ends_with("/adopt") {
            assert_eq!(said.status, StatusCode::NOT_FOUND, "{words}");
        } else if path.ends_with("/reopen") || path.ends_with("/notes") || path.ends_with("/refuse") {
            assert!(matches!(said.status, StatusCode::OK | StatusCode::CONFLICT), "{words}");
        } else if path.ends_with("/api/sources") && route.method == "post" {
            assert_eq!(said.status, StatusCode::OK, "{words}");
        } else {
            assert!(matches!(said.status, StatusCode::OK | StatusCode::CONFLICT), "{words}");
        }
    }
}

#[tokio::test]
async fn nobody_climbs_by_a_link_or_a_role() {
    let city = City::new().await;
    let root = city.log_in("admin").await;
    // A root administrator whose home is A: A's own administrator must not get hold of that account.
    let new = json!({"name": "boss", "display_name": "boss", "agency": A.0, "role": "viewer"});
    let made = city.say(Some(&root), Method::POST, "/api/users", Some(&new)).await.json();
    let boss = made["user"]["id"].as_u64().unwrap();
    let role = json!({"role": "administrator", "agency": 1});
    let given = city.say(Some(&root), Method::POST, &format!("/api/users/{boss}/roles"), Some(&role)).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text);
    let small = city.log_in("admin-a").await;
    let link = city.say(Some(&small), Method::POST, &format!("/api/users/{boss}/link"), None).await;
    assert_eq!(link.status, StatusCode::FORBIDDEN, "{}", link.text);
    let off =
        city.say(Some(&small), Method::PATCH, &format!("/api/users/{boss}"), Some(&json!({"enabled": false}))).await;
    assert_eq!(off.status, StatusCode::FORBIDDEN);
    let mine = city.ids.user;
    let up = city.say(Some(&small), Method::POST, &format!("/api/users/{mine}/roles"), Some(&role)).await;
    assert_eq!(up.status, StatusCode::NOT_FOUND, "over the root they see nothing: {}", up.text);
    let here = json!({"role": "duty_lead", "agency": A.0});
    let fine = city.say(Some(&small), Method::POST, &format!("/api/users/{mine}/roles"), Some(&here)).await;
    assert_eq!(fine.status, StatusCode::OK, "{}", fine.text);
}

#[tokio::test]
async fn a_look_at_people_is_noted() {
    let city = City::new().await;
    let root = city.log_in("admin").await;
    city.say(Some(&root), Method::GET, "/api/users", None).await;
    let log = city.say(Some(&root), Method::GET, "/api/audit?action=user.list", None).await.json();
    assert_eq!((log["total"].as_u64(), log["rows"][0]["actor"]["name"].as_str()), (Some(1), Some("admin")));
    assert_eq!(log["rows"][0]["address"], "192.0.2.200");
    let chain = city.say(Some(&root), Method::GET, "/api/audit/verify", None).await.json();
    assert_eq!(chain["whole"], true);
}
