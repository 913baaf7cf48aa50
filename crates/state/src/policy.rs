//! Policies: dated versions, kept all. Read from memory; the stored form is this file's own.

use std::sync::{Arc, PoisonError};

use bongsu_domain::{AlertPolicy, Due, ProtectedList, ProtectedNet, SafetyPolicy, Suppression, Versions};
use bongsu_event::{AgencyId, Micros, Severity};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, SqliteConnection};

use crate::row::Columns;
use crate::{Change, Result, State, StateError, audit};

#[derive(Serialize, Deserialize)]
struct StoredSafety {
    example: bool,
    protected: Vec<(String, String, String)>,
    minutes_max: u32,
    budget_agency_hour: u32,
    budget_total_hour: u32,
    budget_service_hour: u32,
    wide: (u8, u8),
    widest: (u8, u8),
    targets_wide: u32,
    grace_minutes: u32,
    automatic: bool,
    automatic_severity: String,
    automatic_minutes: u32,
    dry_run: bool,
    dry_run_rules: Vec<String>,
    inside: Vec<String>,
}

/// Rule, entity, agency, until, why.
type StoredSuppression = (Option<String>, Option<String>, Option<u32>, i64, String);

#[derive(Serialize, Deserialize)]
struct StoredAlerts {
    example: bool,
    /// Critical first.
    due: [Option<u32>; 5],
    suppressions: Vec<StoredSuppression>,
}

impl StoredSafety {
    fn of(p: &SafetyPolicy) -> Self {
        let stored = |n: &ProtectedNet| (n.net.to_string(), n.list.name().to_owned(), n.note.clone());
        Self {
            example: p.example,
            protected: p.protected.iter().map(stored).collect(),
            minutes_max: p.minutes_max,
            budget_agency_hour: p.budget_agency_hour,
            budget_total_hour: p.budget_total_hour,
            budget_service_hour: p.budget_service_hour,
            wide: (p.wide_v4, p.wide_v6),
            widest: (p.widest_v4, p.widest_v6),
            targets_wide: p.targets_wide,
            grace_minutes: p.grace_minutes,
            automatic: p.automatic,
            automatic_severity: p.automatic_severity.name().to_owned(),
            automatic_minutes: p.automatic_minutes,
            dry_run: p.dry_run,
            dry_run_rules: p.dry_run_rules.clone(),
            inside: p.inside.iter().map(ToString::to_string).collect(),
        }
    }
    /// A net that can't be read makes the version unreadable: a never-block list with holes is none.
    fn policy(self, valid_from: Micros) -> Option<SafetyPolicy> {
        let protected = self.protected.into_iter().map(|(net, list, note)| {
            Some(ProtectedNet { net: net.parse().ok()?, list: ProtectedList::from_name(&list)?, note })
        });
        Some(SafetyPolicy {
            valid_from,
            example: self.example,
            protected: protected.collect::<Option<_>>()?,
            minutes_max: self.minutes_max,
            budget_agency_hour: self.budget_agency_hour,
            budget_total_hour: self.budget_total_hour,
            budget_service_hour: self.budget_service_hour,
            wide_v4: self.wide.0,
            wide_v6: self.wide.1,
            widest_v4: self.widest.0,
            widest_v6: self.widest.1,
            targets_wide: self.targets_wide,
            grace_minutes: self.grace_minutes,
            automatic: self.automatic,
            automatic_severity: Severity::from_name(&self.automatic_severity)?,
            automatic_minutes: self.automatic_minutes,
            dry_run: self.dry_run,
            dry_run_rules: self.dry_run_rules,
            inside: self.inside.iter().map(|n| n.parse().ok()).collect::<Option<_>>()?,
        })
    }
}

impl StoredAlerts {
    fn of(p: &AlertPolicy) -> Self {
        let Due { critical, high, medium, low, info } = p.due;
        let stored =
            |s: &Suppression| (s.rule.clone(), s.entity.clone(), s.agency.map(|a| a.0), s.until.0, s.reason.clone());
        Self {
            example: p.example,
            due: [critical, high, medium, low, info],
            suppressions: p.suppressions.iter().map(stored).collect(),
        }
    }
    fn policy(self, valid_from: Micros) -> AlertPolicy {
        let [critical, high, medium, low, info] = self.due;
        let read = |(rule, entity, agency, until, reason): (_, _, Option<u32>, _, _)| Suppression {
            rule,
            entity,
            agency: agency.map(AgencyId),
            until: Micros(until),
            reason,
        };
        AlertPolicy {
            valid_from,
            example: self.example,
            due: Due { critical, high, medium, low, info },
            suppressions: self.suppressions.into_iter().map(read).collect(),
        }
    }
}

fn unreadable(noun: &str, id: i64) -> StateError {
    StateError::invalid(format!(
        "version {id} of the {noun} policy can't be read; restore the state database from a backup"
    ))
}

async fn insert(conn: &mut SqliteConnection, noun: &str, valid_from: Micros, body: &str) -> Result<()> {
    sqlx::query("INSERT INTO policies (noun, valid_from, body) VALUES ($1, $2, $3)")
        .bind(noun)
        .bind(valid_from.0)
        .bind(body)
        .execute(conn)
        .await?;
    Ok(())
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StateError::invalid(format!("the policy can't be stored: {e}")))
}

pub(crate) async fn seed(conn: &mut SqliteConnection) -> Result<()> {
    if sqlx::query("SELECT id FROM policies LIMIT 1").fetch_optional(&mut *conn).await?.is_none() {
        insert(conn, "safety", Micros(0), &json(&StoredSafety::of(&SafetyPolicy::example()))?).await?;
        insert(conn, "alert", Micros(0), &json(&StoredAlerts::of(&AlertPolicy::example()))?).await?;
    }
    Ok(())
}

async fn bodies(conn: &mut SqliteConnection, noun: &str) -> Result<Vec<(i64, Micros, String)>> {
    let rows = sqlx::query("SELECT * FROM policies WHERE noun = $1 ORDER BY valid_from, id")
        .bind(noun)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|r| Ok((r.int("id")?, r.time("valid_from")?, r.text("body")?))).collect()
}

pub(crate) async fn load_safety(conn: &mut SqliteConnection) -> Result<Versions<SafetyPolicy>> {
    let mut all = Vec::new();
    for (id, from, body) in bodies(conn, "safety").await? {
        let stored: Option<StoredSafety> = serde_json::from_str(&body).ok();
        all.push(stored.and_then(|s| s.policy(from)).ok_or_else(|| unreadable("safety", id))?);
    }
    Ok(Versions::new(all))
}

pub(crate) async fn load_alerts(conn: &mut SqliteConnection) -> Result<Versions<AlertPolicy>> {
    let mut all = Vec::new();
    for (id, from, body) in bodies(conn, "alert").await? {
        let stored: StoredAlerts = serde_json::from_str(&body).map_err(|_| unreadable("alert", id))?;
        all.push(stored.policy(from));
    }
    Ok(Versions::new(all))
}

impl State {
    /// Every version of the safety policy.
    #[must_use]
    pub fn safety_versions(&self) -> Arc<Versions<SafetyPolicy>> {
        Arc::clone(&self.safety.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The safety policy in force. Before the first version's day the shipped example holds: never none.
    #[must_use]
    pub fn safety_policy(&self, now: Micros) -> SafetyPolicy {
        self.safety_versions().in_force(now).cloned().unwrap_or_else(SafetyPolicy::example)
    }

    /// The alert policy in force.
    #[must_use]
    pub fn alert_policy(&self, now: Micros) -> AlertPolicy {
        let versions = Arc::clone(&self.alerts.read().unwrap_or_else(PoisonError::into_inner));
        versions.in_force(now).cloned().unwrap_or_else(AlertPolicy::example)
    }

    /// A new version of the safety policy, in force from now on or from its own later day. Call
    /// [`State::recheck_blocks`] after it: never-block lists reach existing blocks.
    ///
    /// # Errors
    /// A field makes no sense, or the version would begin in the past.
    pub async fn set_safety_policy(&self, by: &Change<'_>, policy: &SafetyPolicy) -> Result<()> {
        policy.check().map_err(|e| StateError::invalid(e.to_string()))?;
        let valid_from = policy.valid_from.max(by.now);
        let stored = json(&StoredSafety::of(policy))?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        insert(&mut tx, "safety", valid_from, &stored).await?;
        audit::append(&mut tx, by, "policy.safety", "safety policy", None, &stored).await?;
        tx.commit().await?;
        let fresh = Arc::new(load_safety(&mut conn).await?);
        *self.safety.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// A new version of the alert policy.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_alert_policy(&self, by: &Change<'_>, policy: &AlertPolicy) -> Result<()> {
        let valid_from = policy.valid_from.max(by.now);
        let stored = json(&StoredAlerts::of(policy))?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        insert(&mut tx, "alert", valid_from, &stored).await?;
        audit::append(&mut tx, by, "policy.alert", "alert policy", None, &stored).await?;
        tx.commit().await?;
        let fresh = Arc::new(load_alerts(&mut conn).await?);
        *self.alerts.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}
