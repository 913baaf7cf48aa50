//! The agent's data folder: one process at a time, one name for each thing in it, whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// What a local file may override: nothing else is configured here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalConfig {
    /// Data folder.
    pub data: Option<PathBuf>,
    /// `host:port` of the center.
    pub center: Option<String>,
}

impl LocalConfig {
    /// Reads the file; one that is missing says nothing.
    ///
    /// # Errors
    /// It cannot be read, or holds a key that is not ours.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .with_context(|| format!("{}: only `data` and `center` may stand there", path.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

impl Folder {
    /// The folder, made if it is not there, readable by its owner only.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| {
            format!("cannot make the data folder {}: choose one with --data that this user may write", path.display())
        })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of one thing in it.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Takes the folder for this process, as long as the file lives.
    ///
    /// # Errors
    /// Another agent runs on it, or it cannot be written.
    pub fn lock(&self) -> Result<File> {
        let path = self.at("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write to the data folder {}", self.path.display()))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                bail!("another agent runs on {}: stop it, or choose another folder with --data", self.path.display())
            }
            Err(e) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// Is an agent running on it?
    #[must_use]
    pub fn in_use(&self) -> bool {
        File::open(self.at("lock")).is_ok_and(|f| {
            rustix::fs::flock(&f, rustix::fs::FlockOperation::NonBlockingLockShared)
                == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// Replaces one file in one step, durable when it returns; only the owner may read it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, fresh) = (self.at(name), self.at(&format!("{name}.new")));
        let write = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// [`Folder::write`] of something as JSON.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        self.write(name, &serde_json::to_vec(value)?)
    }

    /// Reads something back; a missing or damaged file is `None`, a damaged one also said.
    #[must_use]
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = fs::read(self.at(name)).ok()?;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Some(value),
            Err(e) => {
                tracing::warn!(file = name, error = %e, "cannot be read: beginning without it");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn two_agents_never_share_a_folder_and_nobody_else_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("agent")).unwrap();
        assert!(!folder.in_use());
        let lock = folder.lock().unwrap();
        assert!(folder.in_use());
        assert!(folder.lock().unwrap_err().to_string().contains("another agent runs"));
        folder.write("secret", b"x").unwrap();
        let mode = |p: PathBuf| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.at("secret")), mode(folder.path().to_owned())), (0o600, 0o700));
        drop(lock);
        assert!(folder.lock().is_ok());
    }

    #[test]
    fn a_local_file_may_say_where_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        assert!(LocalConfig::read(&path).unwrap().center.is_none());
        fs::write(&path, "center = \"192.0.2.1:6515\"\n").unwrap();
        assert_eq!(LocalConfig::read(&path).unwrap().center.as_deref(), Some("192.0.2.1:6515"));
        fs::write(&path, "inputs = []\n").unwrap();
        assert!(LocalConfig::read(&path).is_err());
    }
}
