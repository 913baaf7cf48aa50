//! Rule switches: which detection rules are off. Rules themselves are files; they belong to no agency.

use bongsu_event::Micros;
use sqlx::Connection;

use crate::row::Columns;
use crate::{AuditFilter, AuditRow, Change, Result, Scope, State, audit};

/// A switch somebody has touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSwitch {
    /// Rule id.
    pub rule: String,
    /// On?
    pub enabled: bool,
    /// When.
    pub at: Micros,
}

impl State {
    /// Switches somebody has touched; every other rule is on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rule_switches(&self) -> Result<Vec<RuleSwitch>> {
        let rows = sqlx::query("SELECT * FROM rule_switches").fetch_all(&self.readers).await?;
        rows.iter()
            .map(|r| Ok(RuleSwitch { rule: r.text("rule_id")?, enabled: r.truth("enabled")?, at: r.time("at")? }))
            .collect()
    }

    /// Switch a rule.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_rule_enabled(&self, by: &Change<'_>, rule: &str, enabled: bool) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO rule_switches (rule_id, enabled, at) VALUES ($1, $2, $3) \
             ON CONFLICT (rule_id) DO UPDATE SET enabled = excluded.enabled, at = excluded.at",
        )
        .bind(rule)
        .bind(i64::from(enabled))
        .bind(by.now.0)
        .execute(&mut *tx)
        .await?;
        let action = if enabled { "rule.enable" } else { "rule.disable" };
        audit::append(&mut tx, by, action, &format!("rule {rule}"), None, "").await?;
        Ok(tx.commit().await?)
    }

    /// Who switched a rule and why, newest first. Seen by everybody who sees rules.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rule_history(&self, rule: &str) -> Result<Vec<AuditRow>> {
        let filter = AuditFilter { object: Some(format!("rule {rule}")), limit: 50, ..AuditFilter::default() };
        Ok(self.audit(&Scope::All, &filter).await?.rows)
    }
}
