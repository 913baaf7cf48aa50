//! Rule switches: which detection rules are off; and the texts that were in force. Rules themselves are files; they
//! belong to no agency.

use std::collections::BTreeMap;

use bongsu_domain::Actor;
use bongsu_event::Micros;
use sqlx::Connection;
use sqlx::sqlite::SqliteRow;

use crate::row::{Columns, address_text};
use crate::{AuditFilter, AuditRow, Change, Result, Scope, State, audit};

/// Most versions of a rule that are told.
const VERSIONS_MAX: i64 = 50;

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

/// A rule's text that came into force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleText {
    /// Rule id.
    pub rule: String,
    /// The file it stands in.
    pub file: String,
    /// SHA-256 of the text; empty where there is none.
    pub hash: String,
    /// The text; `None`: the rule went away.
    pub text: Option<String>,
}

/// A version of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersion {
    /// The text.
    pub text: RuleText,
    /// Since when.
    pub at: Micros,
    /// Who brought it; the center where files changed by themselves.
    pub actor: Actor,
    /// Why.
    pub reason: String,
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

    /// Hash of the newest text of every rule that is not gone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rule_hashes(&self) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query(
            "SELECT rule_id, hash FROM rule_texts WHERE id IN (SELECT MAX(id) FROM rule_texts GROUP BY rule_id) \
             AND text IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|r| Ok((r.text("rule_id")?, r.text("hash")?))).collect()
    }

    /// Keep texts that came into force together; `words` says in the audit log what changed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_rule_texts(&self, by: &Change<'_>, texts: &[RuleText], words: &str) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        for text in texts {
            sqlx::query(
                "INSERT INTO rule_texts (rule_id, at, file, hash, text, actor_kind, actor_name, actor_user_id, \
                 actor_address, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(&text.rule)
            .bind(by.now.0)
            .bind(&text.file)
            .bind(&text.hash)
            .bind(text.text.as_deref())
            .bind(by.actor.kind.name())
            .bind(&by.actor.name)
            .bind(by.actor.user.map(|u| i64::from(u.0)))
            .bind(address_text(by.actor.address))
            .bind(by.reason)
            .execute(&mut *tx)
            .await?;
        }
        audit::append(&mut tx, by, "rule.reload", "rules", None, words).await?;
        Ok(tx.commit().await?)
    }

    /// Versions of a rule, newest first. Seen by everybody who sees rules.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rule_versions(&self, rule: &str) -> Result<Vec<RuleVersion>> {
        let rows = sqlx::query("SELECT * FROM rule_texts WHERE rule_id = $1 ORDER BY id DESC LIMIT $2")
            .bind(rule)
            .bind(VERSIONS_MAX)
            .fetch_all(&self.readers)
            .await?;
        let version = |r: &SqliteRow| {
            Ok(RuleVersion {
                text: RuleText {
                    rule: r.text("rule_id")?,
                    file: r.text("file")?,
                    hash: r.text("hash")?,
                    text: r.maybe_text("text")?,
                },
                at: r.time("at")?,
                actor: r.actor()?,
                reason: r.text("reason")?,
            })
        };
        rows.iter().map(version).collect()
    }
}
