//! Agencies. The tree is read without a scope: scopes are made of it.

use std::sync::{Arc, PoisonError};

use bongsu_domain::{Agency, AgencyKind, AgencyTree};
use bongsu_event::{AgencyId, Scope};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use crate::error::unique;
use crate::row::{Columns, push_scope};
use crate::{Change, Result, State, StateError, audit};

/// The root agency of a fresh center: the default of `source add`.
pub const ROOT: AgencyId = AgencyId(1);
/// Longest name or code, characters.
const NAME_CHARS_MAX: usize = 100;

/// An agency with its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyRow {
    /// The agency.
    pub agency: Agency,
    /// Its own sources.
    pub sources: u32,
    /// Its own open alerts.
    pub open_alerts: u32,
}

/// A new agency.
#[derive(Clone, Debug)]
pub struct NewAgency {
    /// Above it.
    pub parent: AgencyId,
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// English.
    pub name_en: String,
    /// Kind.
    pub kind: AgencyKind,
}

/// What to change; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ChangeAgency {
    /// Name.
    pub name: Option<String>,
    /// English.
    pub name_en: Option<String>,
    /// Kind.
    pub kind: Option<AgencyKind>,
}

fn read(row: &SqliteRow) -> std::result::Result<Agency, sqlx::Error> {
    Ok(Agency {
        id: row.agency("id")?,
        parent: row.maybe_int("parent_id")?.map(|n| AgencyId(crate::row::small(n))),
        code: row.text("code")?,
        name: row.text("name")?,
        name_en: row.text("name_en")?,
        kind: row.word("kind", AgencyKind::from_name)?,
    })
}

pub(crate) async fn seed(conn: &mut SqliteConnection) -> Result<()> {
    sqlx::query(
        "INSERT INTO agencies (id, parent_id, code, name, name_en, kind, created_at) \
         VALUES (1, NULL, 'root', '본청', 'Headquarters', 'city', 0) ON CONFLICT DO NOTHING",
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn load(conn: &mut SqliteConnection) -> Result<AgencyTree> {
    let rows = sqlx::query("SELECT * FROM agencies").fetch_all(conn).await?;
    let all = rows.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
    AgencyTree::new(all).map_err(|e| StateError::invalid(e.to_string()))
}

fn check_words(words: &[(&'static str, &str)]) -> Result<()> {
    match words.iter().find(|(_, w)| w.trim().is_empty() || w.chars().count() > NAME_CHARS_MAX) {
        Some((at, _)) => Err(StateError::invalid(format!("{at} has 1 to {NAME_CHARS_MAX} characters"))),
        None => Ok(()),
    }
}

impl State {
    /// All agencies, as they are now.
    #[must_use]
    pub fn tree(&self) -> Arc<AgencyTree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does this scope hold every agency there is? Then it also sees what belongs to none.
    #[must_use]
    pub fn sees_all(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Agencies(ids) => self.tree().in_order().all(|a| ids.contains(&a.id)),
        }
    }

    async fn reload_tree(&self, conn: &mut SqliteConnection) -> Result<()> {
        let fresh = Arc::new(load(conn).await?);
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Agencies in scope, parents before children.
    ///
    /// # Errors
    /// The database fails.
    pub async fn agencies(&self, scope: &Scope) -> Result<Vec<AgencyRow>> {
        let mut query = QueryBuilder::new(
            "SELECT a.id, \
             (SELECT COUNT(*) FROM sources s WHERE s.agency_id = a.id AND s.removed_at IS NULL) AS sources, \
             (SELECT COUNT(*) FROM alerts x WHERE x.agency_id = a.id AND x.state <> 'closed' AND x.suppressed = 0) AS open_alerts \
             FROM agencies a WHERE ",
        );
        push_scope(&mut query, "a.id", scope);
        let found = query.build().fetch_all(&self.readers).await?;
        let mut figures = std::collections::BTreeMap::new();
        for row in &found {
            figures.insert(row.agency("id")?, (row.u32("sources")?, row.u32("open_alerts")?));
        }
        let tree = self.tree();
        let in_scope = tree.in_order().filter_map(|a| figures.get(&a.id).map(|f| (a, *f)));
        Ok(in_scope.map(|(a, (sources, open_alerts))| AgencyRow { agency: a.clone(), sources, open_alerts }).collect())
    }

    /// Add one below another that is in scope.
    ///
    /// # Errors
    /// Its parent is out of scope, its code is taken, a name is empty or too long.
    pub async fn create_agency(&self, by: &Change<'_>, scope: &Scope, new: &NewAgency) -> Result<AgencyId> {
        check_words(&[("code", &new.code), ("name", &new.name)])?;
        if !scope.holds(new.parent) || self.tree().get(new.parent).is_none() {
            return Err(StateError::NotFound("agency"));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "INSERT INTO agencies (parent_id, code, name, name_en, kind, created_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(i64::from(new.parent.0))
        .bind(&new.code)
        .bind(&new.name)
        .bind(&new.name_en)
        .bind(new.kind.name())
        .bind(by.now.0)
        .fetch_one(&mut *tx)
        .await
        .map_err(|e| unique(e, "an agency with this code exists; choose another code"))?;
        let id = row.agency("id")?;
        audit::append(&mut tx, by, "agency.create", &format!("agency {}", new.code), Some(id), &new.name).await?;
        tx.commit().await?;
        self.reload_tree(&mut conn).await?;
        Ok(id)
    }

    /// Change one in scope.
    ///
    /// # Errors
    /// It is out of scope, or a name is empty or too long.
    pub async fn change_agency(&self, by: &Change<'_>, scope: &Scope, id: AgencyId, to: &ChangeAgency) -> Result<()> {
        let tree = self.tree();
        let Some(old) = tree.get(id).filter(|_| scope.holds(id)) else { return Err(StateError::NotFound("agency")) };
        let name = to.name.as_ref().unwrap_or(&old.name);
        let name_en = to.name_en.as_ref().unwrap_or(&old.name_en);
        let kind = to.kind.unwrap_or(old.kind);
        check_words(&[("name", name)])?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("UPDATE agencies SET name = $1, name_en = $2, kind = $3 WHERE id = $4")
            .bind(name)
            .bind(name_en)
            .bind(kind.name())
            .bind(i64::from(id.0))
            .execute(&mut *tx)
            .await?;
        let what = format!("{} → {name}, {} → {}", old.name, old.kind.name(), kind.name());
        audit::append(&mut tx, by, "agency.change", &format!("agency {}", old.code), Some(id), &what).await?;
        tx.commit().await?;
        self.reload_tree(&mut conn).await
    }
}
