//! A small city behind a router: root 1, offices A (2) and B (3); one of everything in A, marked 갑을표지.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bongsu_center::auth::{new_token, token_hash};
use bongsu_center::serve::Peer;
use bongsu_domain::{Actor, AgencyKind, BlockRequest, Entity, Origin, Role};
use bongsu_event::{AgencyId, Event, EventId, Field, Micros, Scope, Severity};
use bongsu_lake::{Lake, LakeOptions};
use bongsu_state::{
    Change, NewAgency, NewAssignment, NewDetection, NewException, NewSource, NewUser, Outcome, Position, ROOT, State,
};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub const A: AgencyId = AgencyId(2);
pub const B: AgencyId = AgencyId(3);
/// Stands in everything of A and nowhere else.
pub const MARK: &str = "갑을표지";

/// Events of A in the lake; the alert is about the first.
pub const EVENTS: u64 = 3;

/// A guess at A's server.
pub fn event(sequence: u64, at: Micros) -> Event {
    let mut event = Event::unread(MARK.into(), at);
    (event.id, event.agency) = (EventId { epoch: 1, sequence }, A);
    event.set(Field::DstIp, std::net::IpAddr::from([192, 0, 2, 80]));
    event.set(Field::DstPort, 22);
    event
}

/// Put events into the lake of a folder whose center does not run.
pub fn store(folder: &std::path::Path, events: Vec<Event>) {
    let (lake, _) = Lake::open(&folder.join("lake"), LakeOptions::default()).unwrap();
    lake.append(std::sync::Arc::new(events)).unwrap();
    lake.close().unwrap();
}

/// Ids of what is in A.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids {
    pub user: u32,
    pub source: u32,
    pub agent: u32,
    pub role: u32,
    pub alert: i64,
    pub block: i64,
    pub waiting: i64,
    pub exception: i64,
}

pub struct City {
    _dir: TempDir,
    offline: bongsu_center::start::Offline,
    pub router: Router,
    pub ids: Ids,
    links: Vec<(&'static str, String)>,
}

/// A browser of somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Browser {
    pub cookie: String,
    pub csrf: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Said {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn now() -> Micros {
    Micros::from_timestamp(jiff::Timestamp::now())
}

async fn person(state: &State, name: &'static str, agency: AgencyId, role: Role) -> (u32, (&'static str, String)) {
    let center = Actor::center();
    let by = Change::new(&center, now(), "");
    let new = NewUser { name: name.into(), display_name: name.into(), agency, phone: None, example: false };
    let user = state.create_user(&by, &Scope::All, &new).await.unwrap();
    let starts_on = state.moment(now()).today;
    let new = NewAssignment { user, agency, role, starts_on, ends_on: None, substitute: None, away: None };
    state.assign_role(&by, &Scope::All, &new).await.unwrap();
    let token = new_token().unwrap();
    state.new_link(&by, &Scope::All, user, &token_hash(&token), now().plus_seconds(3600), true).await.unwrap();
    (user.0, (name, token))
}

fn request(target: &str, point: bongsu_domain::PointId) -> BlockRequest {
    BlockRequest {
        target: target.parse().unwrap(),
        agency: A,
        service: None,
        points: vec![point],
        minutes: 60,
        reason: MARK.into(),
        alert: None,
        dry_run: false,
        ask_approval: false,
        together: 1,
        origin: Origin::Person,
    }
}

/// A detection of the first event, recorded at that time: its alert.
pub async fn detect(state: &State, at: Micros) -> i64 {
    let detection = NewDetection {
        id: "rule-1/1-1".into(),
        rule: "rule-1".into(),
        rule_title: "추측".into(),
        rule_title_en: "guessing".into(),
        entity: Entity { kind: "src_ip".into(), value: "198.51.100.66".into() },
        agency: A,
        severity: Severity::High,
        score: 70,
        at,
        events: vec![EventId { epoch: 1, sequence: 1 }],
        matched: vec![],
        reason: MARK.into(),
        reason_en: MARK.into(),
        count: 1,
        example: false,
        block: None,
    };
    let position = Position { consumer: "alerts".into(), through: EventId { epoch: 1, sequence: 1 }, data: None };
    state.record_detections(&[detection], &position, &[], at).await.unwrap()[0].alert.unwrap().0
}

async fn furnish(state: &State) -> Ids {
    let center = Actor::center();
    let by = Change::new(&center, now(), "");
    let source = NewSource {
        name: format!("fw-{MARK}"),
        from: "192.0.2.7".into(),
        agency: A,
        format: None,
        timezone: None,
        silent_after_minutes: None,
        example: false,
    };
    let source = state.create_source(&by, &Scope::All, &source).await.unwrap().id.0;
    state.create_token(&by, &Scope::All, "agent-a", A, &[1; 32], now().plus_seconds(600)).await.unwrap();
    let agent = state.use_token(&[1; 32], MARK, now()).await.unwrap().agent.0;
    let point = state.dry_run_point(&by, A, &format!("point-{MARK}")).await.unwrap();
    let alert = detect(state, now()).await;
    let operator = Actor::operator("setup");
    let by = Change::new(&operator, now(), "");
    let outcome = state.request_block(&by, &Scope::All, &request("198.51.100.66/32", point), &[], false).await.unwrap();
    let Outcome::Approved(wanted) = outcome else { panic!("{outcome:?}") };
    let outcome = state.request_block(&by, &Scope::All, &request("198.51.0.0/20", point), &[], false).await.unwrap();
    let Outcome::Waiting { id: waiting, .. } = outcome else { panic!("{outcome:?}") };
    let text = format!("title: x\nfilter: {{ rules: [rule-1], e: {{ user: {MARK} }}, condition: not e }}\n");
    let new = NewException { rule: "rule-1".into(), agency: A, text, expires_at: now().plus_seconds(3600) };
    let by = Change::new(&operator, now(), "known");
    let exception = state.create_exception(&by, &Scope::All, &new).await.unwrap();
    let role = state.role_assignments(&Scope::Agencies([A].into())).await.unwrap()[0].assignment.id.0;
    Ids { user: 0, source, agent, role, alert, block: wanted.id.0, waiting: waiting.0, exception }
}

impl City {
    pub async fn new() -> Self {
        Self::with_rules(Vec::new()).await
    }
    /// A city with further rules.
    pub async fn with_rules(rules: Vec<std::path::PathBuf>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join(bongsu_center::start::STATE_FILE)).await.unwrap();
        let center = Actor::center();
        let by = Change::new(&center, now(), "");
        for (code, name) in [("suan-gu", "수안구"), ("haeon-gu", "해온구")] {
            let new = NewAgency {
                parent: ROOT,
                code: code.into(),
                name: name.into(),
                name_en: String::new(),
                kind: AgencyKind::Gu,
            };
            state.create_agency(&by, &Scope::All, &new).await.unwrap();
        }
        let mut links = Vec::new();
        let (user, link) = person(&state, "manager-a", A, Role::AgencySecurityManager).await;
        links.push(link);
        for (name, agency, role) in [
            ("admin", ROOT, Role::Administrator),
            ("viewer", ROOT, Role::Viewer),
            ("analyst", ROOT, Role::Analyst),
            ("lead", ROOT, Role::DutyLead),
            ("admin-b", B, Role::Administrator),
            ("admin-a", A, Role::Administrator),
        ] {
            links.push(person(&state, name, agency, role).await.1);
        }
        let ids = Ids { user, ..furnish(&state).await };
        state.close().await;
        store(dir.path(), (1..=EVENTS).map(|n| event(n, now())).collect());
        let mut config = bongsu_center::config::Config::default_for(dir.path().to_owned(), false);
        config.rules = rules;
        let offline = bongsu_center::start::offline_with(config).await.unwrap();
        Self { router: offline.router(), offline, _dir: dir, ids, links }
    }

    /// A router that has seen nobody guess yet.
    pub fn fresh(&self) -> Router {
        self.offline.router()
    }

    pub async fn log_in(&self, name: &str) -> Browser {
        let token = &self.links.iter().find(|(n, _)| *n == name).unwrap().1;
        let said = self.say(None, Method::POST, "/api/session/link", Some(&serde_json::json!({"token": token}))).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
        let cookie = said.headers[header::SET_COOKIE].to_str().unwrap();
        Browser {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            csrf: said.json()["csrf"].as_str().unwrap().to_owned(),
        }
    }

    /// Ask as somebody (or nobody).
    pub async fn say(&self, who: Option<&Browser>, method: Method, path: &str, body: Option<&Value>) -> Said {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:8440");
        if let Some(browser) = who {
            request = request.header(header::COOKIE, &browser.cookie).header("x-bongsu-csrf", &browser.csrf);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        send(&self.router, request.body(body).unwrap(), false).await
    }

    /// Ask as the operator at the socket.
    pub async fn operate(&self, method: Method, path: &str, body: Option<&Value>) -> Said {
        let body = body.map_or_else(Body::empty, |b| Body::from(b.to_string()));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "operator")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .unwrap();
        request.extensions_mut().insert(Peer::Operator { uid: 0 });
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

/// Send a request from the network.
pub async fn send(router: &Router, mut request: Request<Body>, tls: bool) -> Said {
    let address = "192.0.2.200:40000".parse().unwrap();
    request.extensions_mut().insert(Peer::Network { address, tls });
    read(router.clone().oneshot(request).await.unwrap()).await
}

async fn read(response: axum::response::Response) -> Said {
    let (parts, body) = response.into_parts();
    // A live stream has no end: its first frame says enough.
    let live = parts.headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "text/event-stream");
    let bytes = if live {
        let mut body = body;
        body.frame().await.and_then(|f| f.unwrap().into_data().ok()).unwrap_or_default()
    } else {
        body.collect().await.unwrap().to_bytes()
    };
    Said { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}
