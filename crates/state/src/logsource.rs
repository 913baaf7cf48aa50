//! Log sources that rules ask for and that were seen, by agency: what a coverage page stands on.

use bongsu_event::{AgencyId, Micros, Scope};
use sqlx::{Connection, QueryBuilder};

use crate::row::{Columns, push_scope};
use crate::{Result, State};

/// Seen at an agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsourceSeen {
    /// Product; empty where the rule names none.
    pub product: String,
    /// Service.
    pub service: String,
    /// Category.
    pub category: String,
    /// Whose.
    pub agency: AgencyId,
    /// Last event.
    pub last_at: Micros,
}

impl State {
    /// Keep what was seen; a later time wins.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_logsources(&self, seen: &[LogsourceSeen]) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        for s in seen {
            sqlx::query(
                "INSERT INTO logsources_seen (product, service, category, agency_id, last_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (product, service, category, agency_id) DO UPDATE SET last_at = MAX(last_at, excluded.last_at)",
            )
            .bind(&s.product)
            .bind(&s.service)
            .bind(&s.category)
            .bind(i64::from(s.agency.0))
            .bind(s.last_at.0)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// What was seen in scope.
    ///
    /// # Errors
    /// The database fails.
    pub async fn logsources(&self, scope: &Scope) -> Result<Vec<LogsourceSeen>> {
        let mut query = QueryBuilder::new("SELECT * FROM logsources_seen WHERE ");
        push_scope(&mut query, "agency_id", scope);
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter()
            .map(|r| {
                Ok(LogsourceSeen {
                    product: r.text("product")?,
                    service: r.text("service")?,
                    category: r.text("category")?,
                    agency: r.agency("agency_id")?,
                    last_at: r.time("last_at")?,
                })
            })
            .collect()
    }
}
