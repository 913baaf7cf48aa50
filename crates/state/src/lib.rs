//! The state store: what people edit. SQL is named here and nowhere else.
//!
//! Invariants: every read takes a [`Scope`] and applies it inside the query; every change takes a [`Change`] (who,
//! when, why) and writes its audit entry in the same transaction; there is one writer. What has no scope says why:
//! log-in by secret, the agency tree (scopes are made of it), and the center's own positions and settings.
//!
//! One file per noun; `migrations/` holds the tables. Times are [`Micros`].
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod agency;
mod agent;
mod alert;
mod audit;
mod block;
mod error;
mod exception;
mod logsource;
mod overview;
mod point;
mod policy;
mod position;
mod role;
mod row;
mod rule;
mod session;
mod setting;
mod source;
mod timeline;
mod user;

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bongsu_domain::{Actor, AgencyTree, AlertPolicy, Moment, SafetyPolicy, Versions};
use bongsu_event::Micros;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;

pub use agency::{AgencyRow, ChangeAgency, NewAgency, ROOT};
pub use agent::{AgentInput, AgentRow, AgentSeen, Certificate, Enrolled, InputRow, NewInput, TokenRow};
pub use alert::{
    AlertFilter, AlertPage, AlertRow, AlertTab, BlockBrief, CURSOR_ROWS_MAX, DetectionRow, DetectionsPage,
    MatchedValue, NewDetection, Recorded, RuleStats, SimilarRow,
};
pub use audit::{AuditChain, AuditFilter, AuditPage, AuditRow};
pub use block::{
    BlockFilter, BlockPage, BlockRow, BlockTab, Ended, Outcome, PROPOSALS_OPEN_MAX, PointFound, PointOutcome,
    PointStateRow, Wanted,
};
pub use bongsu_event::Scope;
pub use error::{Result, StateError};
pub use exception::{EXCEPTION_DAYS_MAX, ExceptionRow, NewException};
pub use logsource::LogsourceSeen;
pub use overview::Counts;
pub use point::PointRow;
pub use position::Position;
pub use role::{NewAssignment, RoleRow};
pub use rule::{RuleSwitch, RuleText, RuleVersion};
pub use session::{NewSession, SessionRow};
pub use setting::KillSwitch;
pub use source::{ChangeSource, NewSource, QUARANTINE_ROWS_MAX, QuarantineRow, QuarantineSeen, SourceRow, SourceSeen};
pub use timeline::TimelineRow;
pub use user::{ChangeUser, Credential, LINK_HOURS_MAX, LinkRow, NewUser, UserRow};

/// Connections that read at the same time.
const READERS_MAX: u32 = 4;
/// Page cache of a connection, KiB.
const CACHE_KIB: u32 = 2_048;
/// How long a reader waits for a lock, seconds.
const BUSY_SECONDS: u64 = 10;
/// Write-ahead log pages after which it is folded back (4 KiB each).
const CHECKPOINT_PAGES: u32 = 1_000;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Who changes something, when, and why.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// Now.
    pub now: Micros,
    /// Why, in words; may be empty where nobody is asked for a reason.
    pub reason: &'a str,
}

impl<'a> Change<'a> {
    /// By somebody, now, because.
    #[must_use]
    pub fn new(actor: &'a Actor, now: Micros, reason: &'a str) -> Self {
        Self { actor, now, reason }
    }
}

/// The state store. Share it in an `Arc`.
pub struct State {
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
    tree: RwLock<Arc<AgencyTree>>,
    safety: RwLock<Arc<Versions<SafetyPolicy>>>,
    alerts: RwLock<Arc<Versions<AlertPolicy>>>,
    zone: jiff::tz::TimeZone,
}

impl State {
    /// Open the database file, made if it is not there, and bring its tables to the newest form. A fresh one has
    /// the root agency and the example policies.
    ///
    /// # Errors
    /// The file can't be made, is no database, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(BUSY_SECONDS))
            .pragma("cache_size", format!("-{CACHE_KIB}"))
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
            .disable_statement_logging();
        let mut writer = SqliteConnection::connect_with(&options).await.map_err(|e| error::opening(path, e))?;
        MIGRATIONS.run_direct(&mut writer).await.map_err(|e| error::migrating(path, &e))?;
        agency::seed(&mut writer).await?;
        policy::seed(&mut writer).await?;
        let tree = agency::load(&mut writer).await?;
        let safety = policy::load_safety(&mut writer).await?;
        let alerts = policy::load_alerts(&mut writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .min_connections(1)
            .idle_timeout(Duration::from_secs(60))
            .connect_with(options.create_if_missing(false).read_only(true))
            .await?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers,
            tree: RwLock::new(Arc::new(tree)),
            safety: RwLock::new(Arc::new(safety)),
            alerts: RwLock::new(Arc::new(alerts)),
            zone: jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(9)),
        })
    }

    /// Close every connection; the write-ahead log is folded back.
    pub async fn close(self) {
        self.readers.close().await;
        let _ = self.writer.into_inner().close().await;
    }

    /// The instant with its date in the office's zone (Korea).
    #[must_use]
    pub fn moment(&self, now: Micros) -> Moment {
        Moment::new(now, &self.zone)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// SHA-256 of a secret: what is stored of tokens and links.
#[must_use]
pub fn secret_hash(secret: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(secret).into()
}
