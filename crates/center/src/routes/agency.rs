//! Agencies.

use axum::Json;
use axum::extract::State;
use bongsu_api::agency::{Agencies, Agency, AgencyPath, ChangeAgency, NewAgency};
use bongsu_domain::{Ability, AgencyKind, Moment, Role};
use bongsu_event::{AgencyId, Scope};
use bongsu_state::{AgencyRow, RoleRow};

use super::caller::{At, Body, By, Caller};
use super::convert::time;
use super::failure::{Answer, Failure};
use super::{Shared, Web};

/// Who holds a post of this agency now; a holder away is answered for by the substitute.
fn post(roles: &[RoleRow], agency: AgencyId, role: Role, at: Moment) -> Option<String> {
    roles.iter().filter(|r| r.assignment.agency == agency && r.assignment.role == role).find_map(|r| {
        match r.assignment.responsible(at) {
            Some(user) if user == r.assignment.user => Some(r.name.clone()),
            Some(_) => r.substitute_name.clone(),
            None => None,
        }
    })
}

fn shown(row: AgencyRow, roles: &[RoleRow], at: Moment) -> Agency {
    let manager = post(roles, row.agency.id, Role::AgencySecurityManager, at);
    let deputy = post(roles, row.agency.id, Role::AgencySecurityDeputy, at);
    let posts = [("manager", &manager), ("deputy", &deputy)];
    let vacancies = posts.iter().filter(|(_, p)| p.is_none()).map(|(n, _)| (*n).to_owned()).collect();
    Agency {
        id: row.agency.id.0,
        parent: row.agency.parent.map(|p| p.0),
        code: row.agency.code,
        name: row.agency.name,
        name_en: row.agency.name_en,
        kind: row.agency.kind.name().to_owned(),
        manager,
        deputy,
        vacancies,
        sources: row.sources,
        open_alerts: row.open_alerts,
    }
}

async fn rows(web: &Web, caller: &Caller) -> Answer<Vec<Agency>> {
    let scope = caller.sees();
    let roles = web.app.state.role_assignments(&scope).await?;
    let rows = web.app.state.agencies(&scope).await?;
    Ok(rows.into_iter().map(|r| shown(r, &roles, caller.at)).collect())
}

async fn one(web: &Web, id: AgencyId, at: Moment) -> Answer<Json<Agency>> {
    let scope = Scope::Agencies([id].into());
    let roles = web.app.state.role_assignments(&scope).await?;
    let row = web.app.state.agencies(&scope).await?.pop().ok_or_else(|| Failure::not_found("agency"))?;
    Ok(Json(shown(row, &roles, at)))
}

fn kind(name: &str) -> Answer<AgencyKind> {
    AgencyKind::from_name(name).ok_or_else(|| {
        Failure::bad_request(Some("kind"), format!("`{name}` is none of city, department, gu, gun, affiliate"))
    })
}

/// Agencies in scope.
pub(crate) async fn list(State(web): Shared, By(by): By) -> Answer<Json<Agencies>> {
    Ok(Json(Agencies { as_of: time(by.now()), rows: rows(&web, &by).await? }))
}

/// Add one below another.
pub(crate) async fn create(State(web): Shared, By(by): By, Body(new): Body<NewAgency>) -> Answer<Json<Agency>> {
    let new = bongsu_state::NewAgency {
        parent: AgencyId(new.parent),
        code: new.code,
        name: new.name,
        name_en: new.name_en,
        kind: kind(&new.kind)?,
    };
    let id = web.app.state.create_agency(&by.change(""), &by.scope(Ability::ManagePeople), &new).await?;
    web.app.refresh_directory().await?;
    one(&web, id, by.at).await
}

/// Change.
pub(crate) async fn change(
    State(web): Shared,
    By(by): By,
    At(path): At<AgencyPath>,
    Body(to): Body<ChangeAgency>,
) -> Answer<Json<Agency>> {
    let id = AgencyId(path.id);
    let to = bongsu_state::ChangeAgency {
        name: to.name,
        name_en: to.name_en,
        kind: to.kind.as_deref().map(kind).transpose()?,
    };
    web.app.state.change_agency(&by.change(""), &by.scope(Ability::ManagePeople), id, &to).await?;
    web.app.refresh_directory().await?;
    one(&web, id, by.at).await
}
