//! Log-in, log-out, single-use links, and the sessions a person has open.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bongsu_api::session::{
    Abilities, HeldRole, LinkCheck, LinkInfo, LinkUse, LogIn, Me, Session, SessionPath, Sessions,
};
use bongsu_domain::{Ability, Actor, Rights, UserId, check_password};
use bongsu_event::{Micros, Scope};
use bongsu_state::{Change, NewSession};

use super::caller::{At, Body, By, Visit, cookie_name};
use super::convert::{agency, role, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::auth::{TOKEN_CHARS_MAX, csrf_of, new_token, token_hash};

/// What a link or a log-in that fails says, whatever was wrong.
const BAD_LOG_IN: &str = "the name or the password is wrong";

fn may_guess(web: &Web, visit: Visit, account: Option<&str>) -> Answer<()> {
    match web.throttle.wait(visit.address, account, web.app.now()) {
        Some(seconds) => Err(Failure::rate_limited(seconds)),
        None => Ok(()),
    }
}

/// What is this link for?
pub(crate) async fn link_check(
    State(web): Shared,
    visit: Visit,
    Body(asked): Body<LinkCheck>,
) -> Answer<Json<LinkInfo>> {
    may_guess(&web, visit, None)?;
    let now = web.app.now();
    match link_of(&web, &asked.token, now).await {
        Ok(link) => Ok(Json(LinkInfo {
            user: link.name,
            display_name: link.display_name,
            expires_at: time(link.expires_at),
            logs_in: link.logs_in,
        })),
        Err(e) => {
            web.throttle.failed(visit.address, None, now);
            Err(e)
        }
    }
}

async fn link_of(web: &Web, token: &str, now: Micros) -> Answer<bongsu_state::LinkRow> {
    if token.len() > TOKEN_CHARS_MAX {
        return Err(Failure::not_found("link"));
    }
    Ok(web.app.state.link(&token_hash(token), now).await?)
}

/// Use a single-use link: set the password and log in.
pub(crate) async fn link_use(
    State(web): Shared,
    visit: Visit,
    headers: HeaderMap,
    Body(asked): Body<LinkUse>,
) -> Answer<Response> {
    may_guess(&web, visit, None)?;
    let now = web.app.now();
    let link = link_of(&web, &asked.token, now).await.inspect_err(|_| web.throttle.failed(visit.address, None, now))?;
    let hash = match asked.password.filter(|p| !p.is_empty()) {
        None if link.logs_in => None,
        None => return Err(Failure::bad_request(Some("password"), "choose a password of 12 characters or more")),
        Some(password) => {
            check_password(&link.name, &password).map_err(|e| Failure::bad_request(Some("password"), e.to_string()))?;
            Some(web.passwords.hash(password).await?)
        }
    };
    let link = web.app.state.use_link(&token_hash(&asked.token), hash.as_deref(), Some(visit.address), now).await?;
    web.throttle.succeeded(visit.address, &link.name);
    begin(&web, visit, &headers, link.user).await
}

/// Log in.
pub(crate) async fn log_in(
    State(web): Shared,
    visit: Visit,
    headers: HeaderMap,
    Body(asked): Body<LogIn>,
) -> Answer<Response> {
    let name: String = asked.name.trim().to_lowercase().chars().take(64).collect();
    may_guess(&web, visit, Some(&name))?;
    if asked.password.chars().count() > bongsu_domain::PASSWORD_CHARS_MAX {
        return Err(Failure::unauthorized(BAD_LOG_IN));
    }
    let credential = web.app.state.credential(&name).await?;
    let hash = credential.as_ref().filter(|c| c.enabled).and_then(|c| c.password_hash.clone());
    // Counted before the answer is known: parallel guesses count too.
    web.throttle.failed(visit.address, Some(&name), web.app.now());
    let fits = web.passwords.verify(asked.password, hash).await?;
    match credential.filter(|_| fits) {
        Some(credential) => {
            web.throttle.succeeded(visit.address, &name);
            begin(&web, visit, &headers, credential.user).await
        }
        None => {
            let actor = Actor { address: Some(visit.address), ..Actor::center() };
            let by = Change::new(&actor, web.app.now(), "");
            web.app.state.note_look(&by, "session.refused", &format!("user {name}"), None, "log-in refused").await?;
            Err(Failure::unauthorized(BAD_LOG_IN))
        }
    }
}

/// Open a session: always a fresh secret, so that none planted before log-in counts after it.
async fn begin(web: &Web, visit: Visit, headers: &HeaderMap, user: UserId) -> Answer<Response> {
    let token = new_token()?;
    let now = web.app.now();
    let hours = i64::from(web.app.config.session_hours);
    let user_agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let session = NewSession {
        id: uuid::Uuid::new_v4().to_string(),
        user,
        token_hash: token_hash(&token),
        expires_at: now.plus_seconds(hours * 3600),
        address: Some(visit.address),
        user_agent,
    };
    web.app.state.create_session(&session, now).await?;
    let me = me_of(web, user, csrf_of(&token), session.expires_at).await?;
    let secure = if visit.tls { "; Secure" } else { "" };
    let cookie = format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        cookie_name(visit.tls),
        hours * 3600
    );
    Ok(with_cookie(Json(me).into_response(), &cookie))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

async fn me_of(web: &Web, user: UserId, csrf: String, expires_at: Micros) -> Answer<Me> {
    let at = web.app.state.moment(web.app.now());
    let rights = web.app.state.rights(user, at).await?;
    let account = web.app.state.user(&Scope::All, user).await?;
    let tree = web.app.state.tree();
    let Scope::Agencies(seen) = rights.scope(Ability::See, &tree) else {
        return Err(Failure::internal(&anyhow::anyhow!("a person's scope is always a set")));
    };
    Ok(Me {
        id: user.0,
        name: account.name,
        display_name: account.display_name,
        roles: rights.held().iter().map(|h| HeldRole { role: role(h.role), agency: agency(&tree, h.agency) }).collect(),
        can: abilities(&rights),
        scope_agencies: u32::try_from(seen.len()).unwrap_or(u32::MAX),
        scope: rights.tops(&tree).into_iter().map(|a| agency(&tree, a)).collect(),
        csrf,
        expires_at: time(expires_at),
    })
}

fn abilities(rights: &Rights) -> Abilities {
    let may = |a| rights.may_anywhere(a);
    Abilities {
        work_alerts: may(Ability::WorkAlerts),
        request_blocks: may(Ability::RequestBlocks),
        approve_blocks: may(Ability::ApproveBlocks),
        administer: may(Ability::Administer),
        manage_people: may(Ability::ManagePeople),
        read_audit: may(Ability::ReadAudit),
    }
}

/// The session of a caller the guard let through as a person.
fn own(by: &By) -> Answer<&bongsu_state::SessionRow> {
    by.0.session.as_ref().ok_or_else(|| Failure::forbidden("this is for people with an account"))
}

/// Log out.
pub(crate) async fn log_out(State(web): Shared, visit: Visit, by: By) -> Answer<Response> {
    let session = own(&by)?;
    web.app.state.end_session(&by.0.change("logged out"), session.user, &session.id).await?;
    let secure = if visit.tls { "; Secure" } else { "" };
    let cookie = format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}", cookie_name(visit.tls));
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie))
}

/// Who am I?
pub(crate) async fn me(State(web): Shared, visit: Visit, headers: HeaderMap, by: By) -> Answer<Json<Me>> {
    let session = own(&by)?;
    let token = super::caller::cookie(&headers, visit.tls).unwrap_or_default();
    Ok(Json(me_of(&web, session.user, csrf_of(&token), session.expires_at).await?))
}

/// My open sessions.
pub(crate) async fn list(State(web): Shared, by: By) -> Answer<Json<Sessions>> {
    let session = own(&by)?;
    let idle = i64::from(web.app.config.session_idle_minutes) * 60;
    let rows = web.app.state.sessions(session.user, idle, by.0.now()).await?;
    let sessions = rows.into_iter().map(|s| Session {
        current: s.id == session.id,
        id: s.id,
        created_at: time(s.created_at),
        last_seen_at: time(s.last_seen_at),
        address: s.address,
        user_agent: s.user_agent,
    });
    Ok(Json(Sessions { as_of: time(by.0.now()), sessions: sessions.collect() }))
}

/// End one of my sessions.
pub(crate) async fn revoke(State(web): Shared, by: By, At(path): At<SessionPath>) -> Answer<StatusCode> {
    let session = own(&by)?;
    web.app.state.end_session(&by.0.change(""), session.user, &path.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
