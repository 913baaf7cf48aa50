//! What can go wrong in the lake. Each text says what to do, in one sentence, for the operator.

use std::path::PathBuf;

use crate::QueryError;

/// A failure of the lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The query text cannot be read; nothing was searched.
    #[error("{0}")]
    Query(#[from] QueryError),
    /// SQL that is wrong, or that is not allowed.
    #[error("{0}")]
    Sql(String),
    /// The query wanted more memory than it may have.
    #[error("the query needs more than {0} MiB of memory; narrow the time range or add a condition")]
    Memory(usize),
    /// The query took longer than it may.
    #[error("the query took longer than {0} s; narrow the time range or add a condition")]
    Deadline(u64),
    /// Too many queries at once.
    #[error("{0} queries are running; try again in a moment")]
    Busy(usize),
    /// The lake cannot take events at present: the disk is full or slow. The caller keeps the events and repeats.
    #[error("the lake takes no events at present: {0}")]
    Backlog(String),
    /// The lake has been closed.
    #[error("the lake is closed")]
    Closed,
    /// Another process has this folder open.
    #[error("{0} is in use by another process; stop it first")]
    Locked(PathBuf),
    /// A file that the lake rests on is damaged; nothing is deleted.
    #[error("{path}: {what}; restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The folder was written by a newer Bongsu.
    #[error("{path}: written by a newer version (schema {found}, this program reads up to {known}); upgrade first")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// Reading or writing failed.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The engine failed in a way that is no fault of the query.
    #[error("the query failed: {0}")]
    Engine(String),
}

/// The usual result of the lake.
pub type Result<T, E = LakeError> = std::result::Result<T, E>;

/// Says which file an I/O error is about.
pub(crate) trait At<T> {
    fn at(self, path: &std::path::Path) -> Result<T>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T> {
        self.map_err(|error| LakeError::Io { path: path.to_owned(), error })
    }
}

impl<T> At<T> for parquet::errors::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T> {
        self.map_err(|e| match e {
            parquet::errors::ParquetError::External(e) => match e.downcast::<std::io::Error>() {
                Ok(error) => LakeError::Io { path: path.to_owned(), error: *error },
                Err(e) => LakeError::Io { path: path.to_owned(), error: std::io::Error::other(e) },
            },
            e => LakeError::Io { path: path.to_owned(), error: std::io::Error::other(e) },
        })
    }
}

impl From<arrow::error::ArrowError> for LakeError {
    fn from(e: arrow::error::ArrowError) -> Self {
        Self::Engine(e.to_string())
    }
}
