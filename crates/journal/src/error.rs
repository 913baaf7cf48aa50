//! Errors of the journal; each text says what to do.

use std::io;
use std::path::PathBuf;

use crate::Damage;

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process; stop it, or choose another data folder", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// The file system refuses.
    #[error("cannot {what} {}: {source}; check the folder's owner, permissions and free space", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder belongs to a later epoch than the caller's.
    #[error("the journal is at epoch {found}, the center at {given}: its state was restored from before; start with epoch {}", found + 1)]
    Epoch {
        /// Epoch of the newest segment.
        found: u64,
        /// Epoch asked for.
        given: u64,
    },
    /// The signing key cannot be used.
    #[error("{}: not a signing key; restore it from a backup, or remove it to begin a new one (old checkpoints will not verify)", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
    },
}

impl OpenError {
    pub(crate) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// Why records were not stored. They are not acknowledged; the sender has to keep them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The journal was closed.
    #[error("the journal is closed; the center is stopping")]
    Closed,
    /// The journal was closed while the disk failed.
    #[error("not stored: {0}")]
    NotStored(String),
}

/// Why a part of the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A damaged stretch was passed over; the next call goes on behind it.
    #[error("{0}")]
    Damaged(Damage),
    /// The file system refuses; the next call tries again.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
