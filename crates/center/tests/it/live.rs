//! A center that runs: rules that change under the stream, what they cost, exceptions, and a look at past lines.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use bongsu_center::config::Config;
use bongsu_center::serve::Peer;
use bongsu_center::start::{Running, start};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tower::ServiceExt;

const ID: &str = "7d2f0b0e-3d57-4be0-9a0e-5d0f3a1b2c3e";
/// Longest wait for something that must come, tenths of a second.
const PATIENCE: usize = 300;

struct Stage {
    running: Running,
    router: Router,
    to: TcpStream,
    _data: tempfile::TempDir,
    rules: tempfile::TempDir,
}

fn rule(folder: &Path, word: &str) {
    let text = format!(
        "title: Marked\nid: {ID}\nlogsource: {{ category: any }}\nentity: [src_ip]\ntags: [attack.t1110]\n\
         detection:\n  word: {{ raw|contains: {word} }}\n  condition: word\n"
    );
    std::fs::write(folder.join("marked.yml"), text).unwrap();
}

impl Stage {
    async fn new() -> Self {
        let (data, rules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        rule(rules.path(), "tulip");
        let mut config = Config::default_for(data.path().join("d"), false);
        for key in ["web.listen", "intake.syslog_udp", "intake.syslog_tls", "uplink.listen"] {
            config.set(key, "off").unwrap();
        }
        config.set("intake.syslog_tcp", "127.0.0.1:0").unwrap();
        config.set("rules.paths", &rules.path().display().to_string()).unwrap();
        config.set("rules.findings_minute_max", "1").unwrap();
        let running = start(config).await.unwrap();
        let listeners = running.app.listeners.lock().clone();
        let address = listeners.iter().find_map(|l| l.strip_prefix("syslog TCP ")).unwrap();
        let to = TcpStream::connect(address).await.unwrap();
        let router = bongsu_center::routes::router(std::sync::Arc::clone(&running.app));
        let mut stage = Self { running, router, to, _data: data, rules };
        let source = json!({"name": "test", "from": "127.0.0.1", "agency": 1});
        stage.ask(Method::POST, "/api/sources", Some(source)).await;
        stage
    }
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "operator");
        request = request.header(header::CONTENT_TYPE, "application/json");
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer::Operator { uid: 0 });
        let response = self.router.clone().oneshot(request).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }
    async fn send(&mut self, words: &str) {
        let at = jiff::Timestamp::now().in_tz("Asia/Seoul").unwrap().strftime("%b %e %H:%M:%S").to_string();
        let line = format!("<38>{at} h sshd[8]: Failed password for {words} from 203.0.113.9 port 40022 ssh2\n");
        self.to.write_all(line.as_bytes()).await.unwrap();
    }
    /// Ask until the answer is as it must be.
    async fn until(&mut self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..PATIENCE {
            last = self.ask(Method::GET, path, None).await;
            if holds(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path}: {last}");
    }
    fn at(tail: &str) -> String {
        format!("/api/rules/{ID}{tail}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_change_under_the_stream_and_tell_what_they_do() {
    let mut s = Stage::new().await;
    let matches = |v: &Value| v["rule"]["cost"]["matches"].as_u64().unwrap_or(0);
    s.send("tulip").await;
    s.until(&Stage::at(""), |v| matches(v) == 1 && v["alerts"][0]["count"] == 1).await;

    // The file changes on disk: nobody asks, and the stream goes on.
    rule(s.rules.path(), "heather");
    let text = |v: &Value| v["text"].as_str().unwrap_or("").to_owned();
    let detail = s.until(&Stage::at(""), |v| text(v).contains("heather")).await;
    assert_eq!(detail["versions"][0]["reason"], "files changed");
    assert!(detail["versions"][1]["text"].as_str().unwrap().contains("tulip"), "{detail}");
    s.send("tulip").await;
    for _ in 0..4 {
        s.send("heather").await;
    }
    // The costs of a new set begin anew; the old word is no match any more.
    s.until(&Stage::at(""), |v| matches(v) == 4 && v["alerts"][0]["count"] == 5).await;
    let told = s.until("/api/rules", |v| {
        let rows = v["rows"].as_array().unwrap();
        rows.iter().any(|r| r["id"] == ID && r["cost"]["too_often"] == true)
    });
    assert!(told.await["cost"]["events"].as_u64().unwrap() >= 5);
    let status = s.ask(Method::GET, "/operator/status", None).await;
    assert!(status["troubles"].to_string().contains("rules_often"), "{status}");

    // What was sent shows which techniques are covered.
    s.until("/api/attack", |v| v["sources"].as_array().is_some_and(|a| a.iter().any(|l| l["seen"] == true))).await;

    // An exception holds back its values and nothing else, and is counted.
    let exception = json!({
        "agency": 1, "days": 7, "reason": "our own scanner",
        "parts": [{"field": "user", "test": "starts_with", "values": ["heather"]}],
    });
    let made = s.ask(Method::POST, &Stage::at("/exceptions"), Some(exception)).await;
    assert_eq!(made["reason"], "our own scanner", "{made}");
    s.send("heather").await;
    s.until(&Stage::at(""), |v| v["exceptions"][0]["held_back"] == 1).await;
    let end = format!("/api/exceptions/{}/end", made["id"]);
    assert!(s.ask(Method::POST, &end, Some(json!({"reason": "it is gone"}))).await["ended_at"].is_string());
    s.send("heather").await;
    s.until(&Stage::at(""), |v| v["alerts"][0]["count"] == 6).await;

    // Back over what came: six lines have the word, whatever was held back.
    s.until("/api/search?q=heather", |v| v["total"] == 6).await;
    let job = s.ask(Method::POST, &Stage::at("/backtest"), Some(json!({"days": 1}))).await;
    let path = format!("/api/backtests/{}", job["id"]);
    let found = s.until(&path, |v| v["state"] != "running").await;
    assert_eq!((found["state"].as_str(), found["matches"].as_u64()), (Some("done"), Some(6)), "{found}");
    assert_eq!(found["entities"][0], json!({"value": "203.0.113.9", "count": 6}));
    assert!(found["samples"][0]["raw"].as_str().unwrap().contains("heather"));
    s.running.drain().await.unwrap();
}
