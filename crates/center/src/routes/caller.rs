//! Who calls: the session behind a cookie, or the operator at the socket; and the guard before every handler.
//!
//! Invariants: a change from the network carries the session's CSRF word and, if the browser names one, our own
//! origin; rights are read anew for each request, so that an ended role ends at once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use bongsu_domain::{Ability, Actor, AgencyTree, Moment, Rights, UserId};
use bongsu_event::{AgencyId, Micros, Scope};
use bongsu_state::{Change, SessionRow};
use serde::de::DeserializeOwned;

use super::Web;
use super::failure::{Answer, Failure};
use crate::auth::{TOKEN_CHARS_MAX, csrf_of, same_secret, token_hash};
use crate::serve::Peer;

/// Header with the CSRF word.
const CSRF: &str = "x-bongsu-csrf";

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever is logged in.
    Person,
    /// Whoever is logged in and has the ability over some agency; the handler asks over which.
    Ability(Ability),
    /// The operator at the socket.
    Operator,
}

/// Who calls, and what they may.
#[derive(Clone)]
pub(crate) struct Caller {
    /// For the audit log.
    pub actor: Actor,
    /// The clock of this request.
    pub at: Moment,
    /// The session, of a person.
    pub session: Option<SessionRow>,
    /// Rights; `None`: the operator, who may all.
    rights: Option<Rights>,
    /// The agencies these rights were read against.
    pub tree: Arc<AgencyTree>,
}

impl Caller {
    /// Account, of a person.
    pub fn user(&self) -> Option<UserId> {
        self.actor.user
    }
    /// Now.
    pub fn now(&self) -> Micros {
        self.at.now
    }
    /// Rights, of a person.
    pub fn rights(&self) -> Option<&Rights> {
        self.rights.as_ref()
    }
    /// The same person with rights read anew.
    pub fn with_rights(&self, rights: Rights, tree: Arc<AgencyTree>) -> Self {
        Self { rights: Some(rights), tree, ..self.clone() }
    }
    /// Agencies over which the caller may do that.
    pub fn scope(&self, ability: Ability) -> Scope {
        self.rights.as_ref().map_or(Scope::All, |r| r.scope(ability, &self.tree))
    }
    /// What the caller sees.
    pub fn sees(&self) -> Scope {
        self.scope(Ability::See)
    }
    /// May the caller do that over this agency?
    pub fn may(&self, ability: Ability, agency: AgencyId) -> bool {
        self.rights.as_ref().is_none_or(|r| r.may(ability, agency, &self.tree))
    }
    /// May the caller do that somewhere?
    pub fn may_anywhere(&self, ability: Ability) -> bool {
        self.rights.as_ref().is_none_or(|r| r.may_anywhere(ability))
    }
    /// The caller must hold that over the whole center: rules, policy and kill switch are everybody's.
    pub fn require_everywhere(&self, ability: Ability) -> Answer<()> {
        if self.may(ability, self.tree.root()) {
            return Ok(());
        }
        Err(Failure::forbidden("this concerns every agency; ask somebody whose role is over all of them"))
    }
    /// A change by this caller.
    pub fn change<'a>(&'a self, reason: &'a str) -> Change<'a> {
        Change::new(&self.actor, self.at.now, reason)
    }
}

/// What the guard found out besides: for log-in, which has no caller yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    /// From where.
    pub address: IpAddr,
    /// Over TLS?
    pub tls: bool,
    /// At the socket?
    pub operator: bool,
}

fn visit(parts: &Parts) -> Visit {
    match parts.extensions.get::<Peer>() {
        Some(Peer::Network { address, tls }) => {
            Visit { address: address.ip().to_canonical(), tls: *tls, operator: false }
        }
        Some(Peer::Operator { .. }) => Visit { address: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: false, operator: true },
        // Nobody said where it came from: a stranger.
        None => Visit { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), tls: false, operator: false },
    }
}

/// Name of the session cookie; over TLS browsers bind `__Host-` to this host.
pub(crate) fn cookie_name(tls: bool) -> &'static str {
    if tls { "__Host-bongsu" } else { "bongsu" }
}

/// The session's secret, if the request carries one.
pub(crate) fn cookie(headers: &HeaderMap, tls: bool) -> Option<String> {
    let name = cookie_name(tls);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, v)| *n == name && v.len() <= TOKEN_CHARS_MAX)
        .map(|(_, v)| v.to_owned())
}

/// A browser that names an origin must name ours.
fn own_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).or_else(|| uri.authority().map(|a| a.as_str()));
    let named = origin.to_str().ok().and_then(|o| o.split_once("://")).map(|(_, rest)| rest);
    matches!((named, host), (Some(n), Some(h)) if n.eq_ignore_ascii_case(h))
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Name of a system account, for the audit log.
fn account_of(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let id = uid.to_string();
    let line = passwd.lines().map(|l| l.split(':').collect::<Vec<_>>());
    line.filter(|f| f.get(2) == Some(&id.as_str()))
        .find_map(|f| f.first().map(|n| (*n).to_owned()))
        .unwrap_or(format!("uid {uid}"))
}

async fn caller(web: &Web, parts: &Parts, visit: Visit) -> Answer<Option<(Caller, String)>> {
    let at = web.app.state.moment(web.app.now());
    let tree = web.app.state.tree();
    if let Some(Peer::Operator { uid }) = parts.extensions.get::<Peer>() {
        let actor = Actor::operator(&account_of(*uid));
        return Ok(Some((Caller { actor, at, session: None, rights: None, tree }, String::new())));
    }
    let Some(token) = cookie(&parts.headers, visit.tls) else { return Ok(None) };
    let idle = i64::from(web.app.config.session_idle_minutes) * 60;
    let Some(session) = web.app.state.session(&token_hash(&token), idle, at.now).await? else { return Ok(None) };
    let rights = web.app.state.rights(session.user, at).await?;
    let actor = Actor::person(session.user, &session.display_name, Some(visit.address));
    Ok(Some((Caller { actor, at, session: Some(session), rights: Some(rights), tree }, token)))
}

/// Before every handler of the table.
pub(crate) async fn guard(
    State((web, access)): State<(Arc<Web>, Access)>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let visit = visit(&parts);
    if changes(&parts.method) && !visit.operator && !own_origin(&parts.headers, &parts.uri) {
        return Err(Failure::forbidden("the request comes from another site"));
    }
    parts.extensions.insert(visit);
    if access == Access::Operator && !visit.operator {
        return Err(Failure::not_found("page"));
    }
    if access != Access::Public {
        let Some((caller, token)) = caller(&web, &parts, visit).await? else {
            return Err(Failure::unauthorized("log in first"));
        };
        check_csrf(&parts, &caller, &token)?;
        check_access(access, &caller)?;
        parts.extensions.insert(Arc::new(caller));
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(response)
}

fn check_csrf(parts: &Parts, caller: &Caller, token: &str) -> Answer<()> {
    if !changes(&parts.method) || caller.session.is_none() {
        return Ok(());
    }
    let sent = parts.headers.get(CSRF).and_then(|v| v.to_str().ok()).unwrap_or("");
    if same_secret(sent, &csrf_of(token)) {
        return Ok(());
    }
    Err(Failure::forbidden(format!("the header {CSRF} is missing or old; load the page again")))
}

fn check_access(access: Access, caller: &Caller) -> Answer<()> {
    match access {
        Access::Public => Ok(()),
        Access::Person if caller.session.is_some() => Ok(()),
        Access::Person => Err(Failure::forbidden("this is for people with an account")),
        Access::Operator => Ok(()),
        Access::Ability(ability) if caller.may_anywhere(ability) => Ok(()),
        Access::Ability(_) => Err(Failure::forbidden("your role does not allow this; ask your administrator")),
    }
}

/// What the transport alone decides: over TLS browsers stay on TLS.
pub(crate) async fn transport_headers(request: Request, next: Next) -> Response {
    let tls = matches!(request.extensions().get::<Peer>(), Some(Peer::Network { tls: true, .. }));
    let mut response = next.run(request).await;
    if tls {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// The caller, as the guard found it.
pub(crate) struct By(pub Arc<Caller>);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Arc<Caller>>().cloned().map(Self).ok_or_else(|| Failure::unauthorized("log in first"))
    }
}

/// Where a request came from.
impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(visit(parts))
    }
}

/// A JSON body whose faults are said in our own form.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let axum::Json(value) = axum::Json::<T>::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// A query string likewise.
pub(crate) struct Ask<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Ask<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Query(value) = axum::extract::Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// Ids in the path likewise; what is no id is nowhere.
pub(crate) struct At<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Path(value) = axum::extract::Path::<T>::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}
