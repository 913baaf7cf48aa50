//! Role assignments: who holds what, over which agency, from when to when, and who stands in.

use bongsu_domain::{Ability, Held, Moment, Rights, Role, RoleAssignment, RoleAssignmentId, UserId};
use bongsu_event::{AgencyId, Scope};
use jiff::civil::Date;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use crate::row::{Columns, push_in, push_scope, small};
use crate::{Change, Result, State, StateError, audit};

/// An assignment with the names of its people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The assignment.
    pub assignment: RoleAssignment,
    /// Holder's display name.
    pub name: String,
    /// Holder's telephone.
    pub phone: Option<String>,
    /// Substitute's display name.
    pub substitute_name: Option<String>,
    /// Substitute's telephone.
    pub substitute_phone: Option<String>,
}

/// A new assignment.
#[derive(Clone, Debug)]
pub struct NewAssignment {
    /// Who.
    pub user: UserId,
    /// Over this agency's subtree.
    pub agency: AgencyId,
    /// What.
    pub role: Role,
    /// From this date on.
    pub starts_on: Date,
    /// Through this date.
    pub ends_on: Option<Date>,
    /// Who stands in.
    pub substitute: Option<UserId>,
    /// Away from, through.
    pub away: Option<(Date, Date)>,
}

const SELECT: &str = "SELECT r.*, u.display_name, u.phone, v.display_name AS substitute_name, v.phone AS substitute_phone \
     FROM role_assignments r JOIN users u ON u.id = r.user_id LEFT JOIN users v ON v.id = r.substitute_id WHERE ";

fn date(row: &SqliteRow, name: &str) -> std::result::Result<Option<Date>, sqlx::Error> {
    let Some(text) = row.maybe_text(name)? else { return Ok(None) };
    text.parse()
        .map(Some)
        .map_err(|e: jiff::Error| sqlx::Error::ColumnDecode { index: name.to_owned(), source: e.into() })
}

fn read(row: &SqliteRow) -> std::result::Result<RoleAssignment, sqlx::Error> {
    Ok(RoleAssignment {
        id: RoleAssignmentId(row.u32("id")?),
        user: UserId(row.u32("user_id")?),
        agency: row.agency("agency_id")?,
        role: row.word("role", Role::from_name)?,
        starts_on: date(row, "starts_on")?.unwrap_or(Date::MAX),
        ends_on: date(row, "ends_on")?,
        ended_at: row.maybe_time("ended_at")?,
        substitute: row.maybe_int("substitute_id")?.map(|n| UserId(small(n))),
        away: date(row, "away_from")?.zip(date(row, "away_through")?),
    })
}

fn read_named(row: &SqliteRow) -> std::result::Result<RoleRow, sqlx::Error> {
    Ok(RoleRow {
        assignment: read(row)?,
        name: row.text("display_name")?,
        phone: row.maybe_text("phone")?,
        substitute_name: row.maybe_text("substitute_name")?,
        substitute_phone: row.maybe_text("substitute_phone")?,
    })
}

/// Rights of a person at a moment, read on any connection.
pub(crate) async fn rights(conn: &mut SqliteConnection, user: UserId, at: Moment) -> Result<Rights> {
    let rows = sqlx::query("SELECT * FROM role_assignments WHERE user_id = $1 OR substitute_id = $1")
        .bind(i64::from(user.0))
        .fetch_all(conn)
        .await?;
    let all = rows.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Rights::of(user, &all, at))
}

impl State {
    /// What a person holds at a moment. No scope: it is what scopes are made of.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rights(&self, user: UserId, at: Moment) -> Result<Rights> {
        let mut conn = self.readers.acquire().await?;
        rights(&mut conn, user, at).await
    }

    /// What a person sees at a moment.
    ///
    /// # Errors
    /// The database fails.
    pub async fn scope_of(&self, user: UserId, at: Moment) -> Result<Scope> {
        Ok(self.rights(user, at).await?.scope(Ability::See, &self.tree()))
    }

    /// Assignments over agencies in scope, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn role_assignments(&self, scope: &Scope) -> Result<Vec<RoleRow>> {
        let mut query = QueryBuilder::new(SELECT);
        push_scope(&mut query, "r.agency_id", scope);
        query.push(" ORDER BY r.id DESC");
        let rows = query.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(read_named).collect::<std::result::Result<_, _>>()?)
    }

    /// Assignments over an agency and those above it, for calling somebody: routing goes through what is in force,
    /// absences included. The agency must be in scope; those above are told of by name and telephone alone.
    ///
    /// # Errors
    /// The agency is out of scope.
    pub async fn responsible_for(&self, scope: &Scope, agency: AgencyId, at: Moment) -> Result<Vec<RoleRow>> {
        if !scope.holds(agency) {
            return Err(StateError::NotFound("agency"));
        }
        let line = self.tree().lineage(agency);
        let mut query = QueryBuilder::new(SELECT);
        push_in(&mut query, "r.agency_id", line.iter().map(|a| i64::from(a.0)));
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut all = rows.iter().map(read_named).collect::<std::result::Result<Vec<_>, _>>()?;
        all.retain(|r| r.assignment.in_force(at));
        // Nearest agency first, then by role.
        all.sort_by_key(|r| (line.iter().position(|a| *a == r.assignment.agency), r.assignment.role, r.assignment.id));
        Ok(all)
    }

    /// Give a role.
    ///
    /// # Errors
    /// The agency or the person is out of scope, or dates stand the wrong way round.
    pub async fn assign_role(&self, by: &Change<'_>, scope: &Scope, new: &NewAssignment) -> Result<RoleAssignmentId> {
        if !scope.holds(new.agency) || self.tree().get(new.agency).is_none() {
            return Err(StateError::NotFound("agency"));
        }
        let user = self.user(scope, new.user).await?;
        if let Some(substitute) = new.substitute {
            self.user(scope, substitute).await?;
            if substitute == new.user {
                return Err(StateError::invalid("nobody stands in for themselves; choose another substitute"));
            }
        }
        let backwards = new.ends_on.is_some_and(|end| end < new.starts_on) || new.away.is_some_and(|(f, t)| t < f);
        if backwards {
            return Err(StateError::invalid("a period ends before it begins"));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "INSERT INTO role_assignments (user_id, agency_id, role, starts_on, ends_on, substitute_id, away_from, away_through, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        )
        .bind(i64::from(new.user.0))
        .bind(i64::from(new.agency.0))
        .bind(new.role.name())
        .bind(new.starts_on.to_string())
        .bind(new.ends_on.map(|d| d.to_string()))
        .bind(new.substitute.map(|u| i64::from(u.0)))
        .bind(new.away.map(|a| a.0.to_string()))
        .bind(new.away.map(|a| a.1.to_string()))
        .bind(by.now.0)
        .fetch_one(&mut *tx)
        .await?;
        let id = RoleAssignmentId(row.u32("id")?);
        let what = format!("{} from {}", new.role.name(), new.starts_on);
        audit::append(&mut tx, by, "role.assign", &format!("user {}", user.name), Some(new.agency), &what).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// What an assignment gives, if it is in scope: to check whether somebody may end it.
    ///
    /// # Errors
    /// It is not there or out of scope.
    pub async fn role_assignment(&self, scope: &Scope, id: RoleAssignmentId) -> Result<(UserId, Held)> {
        let mut query = QueryBuilder::new("SELECT * FROM role_assignments r WHERE id = ");
        query.push_bind(i64::from(id.0)).push(" AND ");
        push_scope(&mut query, "r.agency_id", scope);
        let row = query.build().fetch_optional(&self.readers).await?.ok_or(StateError::NotFound("role assignment"))?;
        let found = read(&row)?;
        Ok((found.user, Held { role: found.role, agency: found.agency }))
    }

    /// End an assignment now. The last administrator over the root stays: a center nobody can administer is lost.
    ///
    /// # Errors
    /// It is not there, out of scope, ended already, or the last administrator's.
    pub async fn end_role(&self, by: &Change<'_>, scope: &Scope, id: RoleAssignmentId) -> Result<()> {
        let (user, held) = self.role_assignment(scope, id).await?;
        let at = self.moment(by.now);
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        if held == (Held { role: Role::Administrator, agency: self.tree().root() }) {
            let rows = sqlx::query(
                "SELECT r.* FROM role_assignments r JOIN users u ON u.id = r.user_id WHERE r.role = 'administrator' AND r.agency_id = $1 AND r.id <> $2 AND u.enabled = 1",
            )
            .bind(i64::from(held.agency.0))
            .bind(i64::from(id.0))
            .fetch_all(&mut *tx)
            .await?;
            let others = rows.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
            if !others.iter().any(|o| o.in_force(at)) {
                return Err(StateError::conflict(
                    "this is the last administrator; give the role to somebody else first",
                ));
            }
        }
        let done = sqlx::query("UPDATE role_assignments SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
            .bind(i64::from(id.0))
            .bind(by.now.0)
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StateError::conflict("the assignment has ended already"));
        }
        audit::append(&mut tx, by, "role.end", &format!("user #{user}"), Some(held.agency), held.role.name()).await?;
        Ok(tx.commit().await?)
    }
}
