//! People and their role assignments.
//!
//! Invariant: nobody touches an account that may do more than they could give: a new link is the account itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bongsu_api::user::{AssignRole, ChangeUser, NewUser, RoleAssignment, User, UserLink, UserPath, Users};
use bongsu_domain::{Ability, RoleAssignmentId, UserId};
use bongsu_event::{AgencyId, Scope};
use bongsu_state::{NewAssignment, RoleRow, UserRow};

use super::caller::{At, Body, By, Caller};
use super::convert::{agency, maybe_time, named, parse_date, role, role_from, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::auth::{new_token, token_hash};

/// Hours a link that is handed to a person works.
const LINK_HOURS: i64 = 24;

fn assignment(row: &RoleRow, caller: &Caller) -> RoleAssignment {
    let a = &row.assignment;
    let substitute = a.substitute.zip(row.substitute_name.as_ref()).map(|(id, name)| named(id.0, name));
    RoleAssignment {
        id: a.id.0,
        role: role(a.role),
        agency: agency(&caller.tree, a.agency),
        starts_on: a.starts_on.to_string(),
        ends_on: a.ends_on.map(|d| d.to_string()),
        substitute,
        away_from: a.away.map(|(from, _)| from.to_string()),
        away_through: a.away.map(|(_, through)| through.to_string()),
        in_force: a.in_force(caller.at),
    }
}

fn shown(user: UserRow, roles: &[RoleRow], caller: &Caller) -> User {
    User {
        roles: roles.iter().filter(|r| r.assignment.user == user.id).map(|r| assignment(r, caller)).collect(),
        id: user.id.0,
        name: user.name,
        display_name: user.display_name,
        agency: agency(&caller.tree, user.agency),
        phone: user.phone,
        enabled: user.enabled,
        has_password: user.has_password,
        last_login_at: maybe_time(user.last_login),
        example: user.example,
    }
}

async fn one(web: &Web, caller: &Caller, id: UserId) -> Answer<User> {
    let scope = caller.scope(Ability::ManagePeople);
    let user = web.app.state.user(&scope, id).await?;
    let roles = web.app.state.role_assignments(&scope).await?;
    Ok(shown(user, &roles, caller))
}

/// May the caller have this account in hand? Only if they could give every role it holds or will hold.
async fn may_touch(web: &Web, caller: &Caller, id: UserId) -> Answer<()> {
    let Some(rights) = caller.rights() else { return Ok(()) };
    let roles = web.app.state.role_assignments(&Scope::All).await?;
    let live = |r: &&RoleRow| {
        let a = &r.assignment;
        (a.user == id || a.substitute == Some(id))
            && a.ended_at.is_none()
            && a.ends_on.is_none_or(|end| caller.at.today <= end)
    };
    let gives = |r: &RoleRow| rights.may_give(r.assignment.role, r.assignment.agency, &caller.tree);
    if roles.iter().filter(live).all(gives) {
        return Ok(());
    }
    Err(Failure::forbidden("this person holds a role you could not give; ask an administrator above"))
}

fn may_give(caller: &Caller, role: bongsu_domain::Role, over: AgencyId) -> Answer<()> {
    if caller.rights().is_none_or(|r| r.may_give(role, over, &caller.tree)) {
        return Ok(());
    }
    Err(Failure::forbidden("you may not give this role over this agency"))
}

async fn link_for(web: &Web, caller: &Caller, id: UserId) -> Answer<UserLink> {
    let token = new_token()?;
    let until = caller.now().plus_seconds(LINK_HOURS * 3600);
    let scope = caller.scope(Ability::ManagePeople);
    web.app.state.new_link(&caller.change(""), &scope, id, &token_hash(&token), until, false).await?;
    Ok(UserLink { user: one(web, caller, id).await?, link: format!("/link#{token}"), expires_at: time(until) })
}

/// Users in scope. The look is noted before anything is shown.
pub(crate) async fn list(State(web): Shared, By(by): By) -> Answer<Json<Users>> {
    let scope = by.scope(Ability::ManagePeople);
    let top = by.rights().and_then(|r| r.tops(&by.tree).first().copied());
    web.app.state.note_look(&by.change(""), "user.list", "users", top, "list of people looked at").await?;
    let roles = web.app.state.role_assignments(&scope).await?;
    let users = web.app.state.users(&scope).await?;
    Ok(Json(Users { as_of: time(by.now()), rows: users.into_iter().map(|u| shown(u, &roles, &by)).collect() }))
}

/// Add a user with a first role; answers with a single-use link.
pub(crate) async fn create(State(web): Shared, By(by): By, Body(new): Body<NewUser>) -> Answer<Json<UserLink>> {
    let home = AgencyId(new.agency);
    if !by.may(Ability::ManagePeople, home) || by.tree.get(home).is_none() {
        return Err(Failure::not_found("agency"));
    }
    may_give(&by, role_from(new.role), home)?;
    let scope = by.scope(Ability::ManagePeople);
    let user = bongsu_state::NewUser {
        name: new.name,
        display_name: new.display_name,
        agency: home,
        phone: new.phone.filter(|p| !p.is_empty()),
        example: false,
    };
    let id = web.app.state.create_user(&by.change(""), &scope, &user).await?;
    let first = NewAssignment {
        user: id,
        agency: home,
        role: role_from(new.role),
        starts_on: by.at.today,
        ends_on: None,
        substitute: None,
        away: None,
    };
    web.app.state.assign_role(&by.change("first role"), &scope, &first).await?;
    Ok(Json(link_for(&web, &by, id).await?))
}

/// A new single-use link; the old password stops working.
pub(crate) async fn new_link(State(web): Shared, By(by): By, At(path): At<UserPath>) -> Answer<Json<UserLink>> {
    let id = UserId(path.id);
    web.app.state.user(&by.scope(Ability::ManagePeople), id).await?;
    may_touch(&web, &by, id).await?;
    Ok(Json(link_for(&web, &by, id).await?))
}

/// Change.
pub(crate) async fn change(
    State(web): Shared,
    By(by): By,
    At(path): At<UserPath>,
    Body(to): Body<ChangeUser>,
) -> Answer<Json<User>> {
    let id = UserId(path.id);
    let scope = by.scope(Ability::ManagePeople);
    web.app.state.user(&scope, id).await?;
    may_touch(&web, &by, id).await?;
    if by.user() == Some(id) && to.enabled == Some(false) {
        return Err(Failure::conflict("nobody switches themselves off; ask another administrator"));
    }
    let to = bongsu_state::ChangeUser { display_name: to.display_name, phone: to.phone, enabled: to.enabled };
    web.app.state.change_user(&by.change(""), &scope, id, &to).await?;
    Ok(Json(one(&web, &by, id).await?))
}

/// Give a role.
pub(crate) async fn assign_role(
    State(web): Shared,
    By(by): By,
    At(path): At<UserPath>,
    Body(asked): Body<AssignRole>,
) -> Answer<Json<User>> {
    let id = UserId(path.id);
    let over = AgencyId(asked.agency);
    let scope = by.scope(Ability::ManagePeople);
    web.app.state.user(&scope, id).await?;
    if !scope.holds(over) || by.tree.get(over).is_none() {
        return Err(Failure::not_found("agency"));
    }
    may_give(&by, role_from(asked.role), over)?;
    let date = |at: &str, text: Option<&String>| text.map(|t| parse_date(at, t)).transpose();
    let away_from = date("away_from", asked.away_from.as_ref())?;
    let away_through = date("away_through", asked.away_through.as_ref())?;
    if away_from.is_some() != away_through.is_some() {
        return Err(Failure::bad_request(Some("away_from"), "an absence has a first and a last day"));
    }
    let new = NewAssignment {
        user: id,
        agency: over,
        role: role_from(asked.role),
        starts_on: date("starts_on", asked.starts_on.as_ref())?.unwrap_or(by.at.today),
        ends_on: date("ends_on", asked.ends_on.as_ref())?,
        substitute: asked.substitute.map(UserId),
        away: away_from.zip(away_through),
    };
    web.app.state.assign_role(&by.change(""), &scope, &new).await?;
    Ok(Json(one(&web, &by, id).await?))
}

/// End a role assignment today.
pub(crate) async fn end_role(State(web): Shared, By(by): By, At(path): At<UserPath>) -> Answer<StatusCode> {
    let id = RoleAssignmentId(path.id);
    let scope = by.scope(Ability::ManagePeople);
    let (_, held) = web.app.state.role_assignment(&scope, id).await?;
    may_give(&by, held.role, held.agency)?;
    web.app.state.end_role(&by.change(""), &scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
