//! An alert and a block, from the queue to the undo, as the console asks.

use axum::http::{Method, StatusCode};
use serde_json::json;

use bongsu_center::config::Config;
use bongsu_center::start::STATE_FILE;
use bongsu_domain::AlertId;
use bongsu_event::Scope;
use bongsu_lake::{Limits, Query, TimeRange};
use bongsu_state::State;

use crate::city::{A, City, EVENTS, detect, event, now, store};

#[tokio::test]
async fn an_analyst_takes_an_alert_blocks_its_source_and_undoes_it() {
    let city = City::new().await;
    let analyst = city.log_in("analyst").await;
    let queue = city.say(Some(&analyst), Method::GET, "/api/alerts", None).await.json();
    assert_eq!((queue["total"].as_u64(), queue["rows"][0]["sparkline"].as_array().unwrap().len()), (Some(1), 12));
    let id = city.ids.alert;
    let panel = city.say(Some(&analyst), Method::GET, &format!("/api/alerts/{id}"), None).await.json();
    assert_eq!(panel["block_target"], "198.51.100.66");
    assert!(panel["contacts"].as_array().unwrap().iter().any(|c| c["name"] == "manager-a" && c["on_duty"] == true));
    let taken = city.say(Some(&analyst), Method::POST, &format!("/api/alerts/{id}/acknowledge"), None).await.json();
    assert_eq!((taken["state"].as_str(), taken["owner"]["name"].as_str()), (Some("acknowledged"), Some("analyst")));
    let ask = json!({"target": "198.51.100.77", "minutes": 60, "alert": id, "reason": "guessing"});
    let preview = city.say(Some(&analyst), Method::POST, "/api/blocks/preview", Some(&ask)).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    let preview = preview.json();
    assert_eq!(preview["decision"], "approved", "{preview}");
    assert!(preview["checks"].as_array().unwrap().iter().all(|c| c["ok"] == true));
    assert_eq!(preview["matches"]["hours"].as_array().unwrap().len(), 24);
    let made = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask)).await.json();
    assert_eq!((made["agency"]["id"].as_u64(), made["alert"].as_i64()), (Some(u64::from(A.0)), Some(id)));
    assert_eq!((made["state"].as_str(), made["points"][0]["state"].as_str()), (Some("applied"), Some("applied")));
    let block = made["id"].as_i64().unwrap();
    let queue = city.say(Some(&analyst), Method::GET, "/api/alerts", None).await.json();
    let brief = &queue["rows"][0]["block"];
    assert_eq!(brief["id"].as_i64(), Some(block));
    assert_eq!((&made["dry_run"], &brief["dry_run"]), (&true.into(), &true.into()), "its only point only tries");
    let undone = city
        .say(Some(&analyst), Method::POST, &format!("/api/blocks/{block}/undo"), Some(&json!({"reason": "oops"})))
        .await
        .json();
    assert_eq!((undone["state"].as_str(), undone["refused_by"].as_str()), (Some("withdrawn"), Some("undone")));
    assert!(undone["grace_until"].is_string());
    let close = json!({"verdict": "true_positive", "reason": "blocked"});
    let closed = city.say(Some(&analyst), Method::POST, &format!("/api/alerts/{id}/close"), Some(&close)).await.json();
    assert_eq!(closed["state"], "closed");
}

#[tokio::test]
async fn a_refusal_names_its_safety_rule_and_a_wide_block_waits_for_a_lead() {
    let city = City::new().await;
    let (analyst, lead) = (city.log_in("analyst").await, city.log_in("lead").await);
    let ask = |target: &str| json!({"target": target, "agency": A.0, "minutes": 60, "reason": "test"});
    let own = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask("192.0.2.200"))).await.json();
    assert_eq!(
        (own["state"].as_str(), own["refused_by"].as_str()),
        (Some("refused"), Some("own_path")),
        "one's own address"
    );
    for target in ["127.0.0.1", "0.0.0.0/0", "224.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let said = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask(target))).await.json();
        assert_eq!(said["state"], "refused", "{target}");
    }
    let nonsense = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask("here"))).await;
    assert_eq!((nonsense.status, nonsense.json()["at"].as_str()), (StatusCode::BAD_REQUEST, Some("target")));
    let waiting = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask("203.0.112.0/22"))).await.json();
    assert_eq!((waiting["state"].as_str(), waiting["waiting"].as_bool()), (Some("proposed"), Some(true)), "{waiting}");
    let path = format!("/api/blocks/{}/approve", waiting["id"]);
    let yes = json!({"reason": "seen"});
    let self_made = city.say(Some(&analyst), Method::POST, &path, Some(&yes)).await;
    assert_eq!(self_made.status, StatusCode::FORBIDDEN, "{}", self_made.text);
    let frame = city.say(Some(&lead), Method::GET, "/api/overview", None).await.json();
    assert_eq!(frame["approvals_waiting"], 2);
    let approved = city.say(Some(&lead), Method::POST, &path, Some(&yes)).await.json();
    assert_eq!(
        (approved["state"].as_str(), approved["approved_by"][0]["name"].as_str()),
        (Some("applied"), Some("lead"))
    );
}

#[tokio::test]
async fn the_kill_switch_is_for_leads_and_stops_everything_new() {
    let city = City::new().await;
    let (analyst, lead, small) =
        (city.log_in("analyst").await, city.log_in("lead").await, city.log_in("admin-a").await);
    let on = json!({"on": true, "reason": "wrong feed"});
    for who in [&analyst, &small] {
        assert_eq!(city.say(Some(who), Method::PUT, "/api/kill-switch", Some(&on)).await.status, StatusCode::FORBIDDEN);
    }
    let no_reason = json!({"on": true, "reason": " "});
    assert_eq!(
        city.say(Some(&lead), Method::PUT, "/api/kill-switch", Some(&no_reason)).await.status,
        StatusCode::BAD_REQUEST
    );
    let thrown = city.say(Some(&lead), Method::PUT, "/api/kill-switch", Some(&on)).await.json();
    assert_eq!((thrown["on"].as_bool(), thrown["by"]["name"].as_str()), (Some(true), Some("lead")));
    let ask = json!({"target": "203.0.113.5", "agency": A.0, "minutes": 60, "reason": "test"});
    let refused = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask)).await.json();
    assert_eq!(refused["refused_by"], "kill_switch");
}

#[tokio::test]
async fn the_policy_is_a_version_and_reaches_blocks_that_are_in_force() {
    let city = City::new().await;
    let admin = city.log_in("admin").await;
    let mut policy = city.say(Some(&admin), Method::GET, "/api/block-policy", None).await.json();
    assert_eq!(policy["example"], true);
    policy["protected"] = json!([{"net": "198.51.100.66", "list": "partner", "note": "partner"}]);
    policy["valid_from"] = json!("2026-01-01T00:00:00Z");
    let set = city.say(Some(&admin), Method::PUT, "/api/block-policy", Some(&policy)).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    assert_eq!(set.json()["example"], false);
    let block = city.say(Some(&admin), Method::GET, &format!("/api/blocks/{}", city.ids.block), None).await.json();
    assert_eq!((block["state"].as_str(), block["refused_by"].as_str()), (Some("withdrawn"), Some("protected")));
    policy["protected"] = json!([{"net": "0.0.0.0/0", "list": "core", "note": ""}]);
    let silly = city.say(Some(&admin), Method::PUT, "/api/block-policy", Some(&policy)).await;
    assert_eq!(silly.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_budget_of_a_service_binds_the_drawer_too() {
    let city = City::new().await;
    let (admin, analyst) = (city.log_in("admin").await, city.log_in("analyst").await);
    let mut policy = city.say(Some(&admin), Method::GET, "/api/block-policy", None).await.json();
    policy["budget_service_hour"] = json!(1);
    policy["valid_from"] = json!("2026-01-01T00:00:00Z");
    city.say(Some(&admin), Method::PUT, "/api/block-policy", Some(&policy)).await;
    let ask = |target: &str| json!({"target": target, "minutes": 60, "alert": city.ids.alert, "reason": "guessing"});
    let first = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask("198.51.100.77"))).await.json();
    assert_eq!(first["state"], "applied", "{first}");
    let preview =
        city.say(Some(&analyst), Method::POST, "/api/blocks/preview", Some(&ask("198.51.100.78"))).await.json();
    assert_eq!((preview["decision"].as_str(), preview["because"].as_str()), (Some("refused"), Some("budget_service")));
    let second = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&ask("198.51.100.78"))).await.json();
    assert_eq!((second["state"].as_str(), second["refused_by"].as_str()), (Some("refused"), Some("budget_service")));
    let elsewhere = json!({"target": "198.51.100.79", "agency": A.0, "minutes": 60, "reason": "no alert, no service"});
    let elsewhere = city.say(Some(&analyst), Method::POST, "/api/blocks", Some(&elsewhere)).await.json();
    assert_eq!(elsewhere["state"], "applied", "{elsewhere}");
}

#[tokio::test]
async fn a_search_written_out_keeps_to_its_limit_in_every_form() {
    let city = City::new().await;
    let rows = |format: &'static str, limit: u64| {
        let path = format!("/operator/search?format={format}&limit={limit}&q=");
        let city = &city;
        async move { city.operate(Method::GET, &path, None).await }
    };
    for (limit, wanted) in [(1, 1), (2, 2), (100, EVENTS as usize)] {
        assert_eq!(rows("jsonl", limit).await.text.lines().count(), wanted);
        assert_eq!(rows("csv", limit).await.text.lines().count(), wanted + 1, "and its head");
    }
    assert!(rows("parquet", 1).await.text.starts_with("PAR1"));
    let wrong = city.operate(Method::GET, "/operator/search?q=nosuchfield:1", None).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_days_goes_and_its_alert_stays() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join(STATE_FILE)).await.unwrap();
    let days = |n: i64| now().plus_seconds(-n * 86_400);
    let by = bongsu_domain::Actor::center();
    let office = bongsu_state::NewAgency {
        parent: bongsu_state::ROOT,
        code: "a".into(),
        name: "수안구".into(),
        name_en: String::new(),
        kind: bongsu_domain::AgencyKind::Gu,
    };
    state.create_agency(&bongsu_state::Change::new(&by, now(), ""), &Scope::All, &office).await.unwrap();
    let alert = AlertId(detect(&state, days(31)).await);
    state.close().await;
    store(dir.path(), vec![event(1, days(8)), event(2, days(8))]);
    let mut config = Config::default_for(dir.path().to_owned(), false);
    for (key, value) in [
        ("web.listen", "off"),
        ("intake.syslog_udp", "off"),
        ("intake.syslog_tcp", "off"),
        ("intake.syslog_tls", "off"),
        ("uplink.listen", "off"),
        ("alerts.detection_days", "30"),
        ("lake.retention_days", "7"),
    ] {
        config.set(key, value).unwrap();
    }
    let running = bongsu_center::start::start(config).await.unwrap();
    let app = std::sync::Arc::clone(&running.app);
    let left = async || {
        let detections = app.state.detections(&Scope::All, alert, 9).await.unwrap().rows.len();
        let events = app.lake.count(&Query::all(), &Scope::All, TimeRange::ALL, &Limits::default()).await.unwrap().rows;
        (detections, events)
    };
    for _ in 0..200 {
        if left().await == (0, 0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(left().await, (0, 0));
    assert_eq!(app.state.alert(&Scope::All, alert, now()).await.unwrap().count, 1);
    running.drain().await.unwrap();
}

#[tokio::test]
async fn the_operator_at_the_socket_may_all_and_is_named() {
    let city = City::new().await;
    let status = city.operate(Method::GET, "/operator/status", None).await;
    assert_eq!(status.status, StatusCode::OK, "{}", status.text);
    let ask = json!({"target": "203.0.113.5", "agency": A.0, "minutes": 60, "reason": "by hand"});
    let block = city.operate(Method::POST, "/api/blocks", Some(&ask)).await.json();
    assert_eq!(
        (block["requested_by"]["kind"].as_str(), block["requested_by"]["name"].as_str()),
        (Some("operator"), Some("root"))
    );
    let wide = json!({"target": "203.0.112.0/22", "agency": A.0, "minutes": 60, "reason": "by hand"});
    let waiting = city.operate(Method::POST, "/api/blocks", Some(&wide)).await.json();
    assert_eq!(waiting["waiting"], true, "two people bind the operator too");
    let own = city
        .operate(Method::POST, &format!("/api/blocks/{}/approve", waiting["id"]), Some(&json!({"reason": "x"})))
        .await;
    assert_eq!(own.status, StatusCode::CONFLICT, "{}", own.text);
}

#[tokio::test]
async fn people_agencies_and_sources_are_made_and_changed() {
    let city = City::new().await;
    let admin = city.log_in("admin").await;
    let new = json!({"parent": A.0, "code": "suan-health", "name": "수안보건소", "name_en": "Suan Health", "kind": "affiliate"});
    let agency = city.say(Some(&admin), Method::POST, "/api/agencies", Some(&new)).await.json();
    assert_eq!((agency["parent"].as_u64(), agency["vacancies"].as_array().unwrap().len()), (Some(u64::from(A.0)), 2));
    let taken = city.say(Some(&admin), Method::POST, "/api/agencies", Some(&new)).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let whole = city.say(Some(&admin), Method::GET, "/api/agencies", None).await.json();
    let a = whole["rows"].as_array().unwrap().iter().find(|r| r["id"] == A.0).unwrap().clone();
    assert_eq!((a["manager"].as_str(), a["vacancies"].as_array().unwrap().len()), (Some("manager-a"), 1));
    let source = json!({"name": "fw-2", "from": "192.0.2.50", "agency": agency["id"], "format": "nonsense"});
    let bad = city.say(Some(&admin), Method::POST, "/api/sources", Some(&source)).await;
    assert_eq!((bad.status, bad.json()["at"].as_str()), (StatusCode::BAD_REQUEST, Some("format")));
    let source = json!({"name": "fw-2", "from": "192.0.2.50", "agency": agency["id"]});
    let made = city.say(Some(&admin), Method::POST, "/api/sources", Some(&source)).await.json();
    assert_eq!((made["state"].as_str(), made["timezone"].as_str()), (Some("never"), Some("Asia/Seoul")));
    let token = json!({"name": "fw-agent", "agency": agency["id"], "hours": 24});
    let token = city.say(Some(&admin), Method::POST, "/api/agents/tokens", Some(&token)).await;
    assert_eq!(token.status, StatusCode::OK, "{}", token.text);
    assert!(token.json()["token"].as_str().unwrap().starts_with("bongsu-enrol-1."));
    let gone = city.say(Some(&admin), Method::DELETE, &format!("/api/agents/{}", city.ids.agent), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
}
