//! What can go wrong: words for the person, the chain for the log.

use std::path::Path;

/// Result of the state store.
pub type Result<T> = std::result::Result<T, StateError>;

/// Why a read or a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not there, or out of scope: the two look alike on purpose.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It collides with what is there.
    #[error("{0}")]
    Conflict(String),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The person may not.
    #[error("{0}")]
    Forbidden(String),
    /// The database failed.
    #[error("the state database failed: {0}; check the disk of the data folder")]
    Database(#[from] sqlx::Error),
}

impl StateError {
    pub(crate) fn conflict(words: impl Into<String>) -> Self {
        Self::Conflict(words.into())
    }
    pub(crate) fn invalid(words: impl Into<String>) -> Self {
        Self::Invalid(words.into())
    }
}

pub(crate) fn opening(path: &Path, e: sqlx::Error) -> StateError {
    tracing::error!(path = %path.display(), error = %e, "cannot open the state database");
    StateError::Invalid(format!(
        "cannot open the state database {}: {e}; check that the folder is writable",
        path.display()
    ))
}

pub(crate) fn migrating(path: &Path, e: &sqlx::migrate::MigrateError) -> StateError {
    StateError::Invalid(format!(
        "cannot bring the state database {} to this version's form: {e}; was it written by a newer version?",
        path.display()
    ))
}

/// A unique index said no: the conflict in words; any other error stays.
pub(crate) fn unique(e: sqlx::Error, words: &str) -> StateError {
    match &e {
        sqlx::Error::Database(d) if d.is_unique_violation() => StateError::conflict(words),
        _ => StateError::Database(e),
    }
}
