//! The signed checkpoint: a lower bound of what the journal held, kept outside it.
//!
//! Invariant: a checkpoint is written only for what is durable, so a journal that ends before it has been cut off by
//! somebody; one that goes on beyond it is in order.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bongsu_event::Micros;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::error::OpenError;
use crate::files;
use crate::format::{Hash, hex, unhex};

const FORMAT: &str = "bongsu-journal-checkpoint-1";

/// Signs checkpoints and retired segments.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", hex(&self.public_key().0))
    }
}

/// Checks what a [`SigningKey`] has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    pub(crate) fn holds(&self, message: &[u8], signature_hex: &str) -> bool {
        unhex::<64>(signature_hex)
            .is_some_and(|signature| UnparsedPublicKey::new(&ED25519, self.0).verify(message, &signature).is_ok())
    }
}

impl SigningKey {
    /// Read the key file, or make it (readable by its owner alone) if there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or is no key.
    pub fn load_or_create(path: &Path) -> Result<Self, OpenError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Self::create(path)?,
            Err(e) => return Err(OpenError::io("read", path)(e)),
        };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes);
        pair.map(Self).map_err(|_| OpenError::Key { path: path.to_owned() })
    }

    fn create(path: &Path) -> Result<Vec<u8>, OpenError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| OpenError::io("make a key for", path)(io::Error::other("no randomness")))?;
        let bytes = document.as_ref().to_vec();
        fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| {
                file.write_all(&bytes)?;
                file.sync_all()
            })
            .map_err(OpenError::io("create", path))?;
        Ok(bytes)
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().first_chunk().copied().unwrap_or_default())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        hex(self.0.sign(message).as_ref())
    }
}

/// How far the journal had come for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Epoch of the segment.
    pub epoch: u64,
    /// The journal holds everything through this sequence; 0 for nothing yet.
    pub sequence: u64,
    /// The chain behind that sequence.
    pub hash: Hash,
    /// Segment that holds that sequence.
    pub segment: u32,
    /// Its length behind that sequence, bytes.
    pub offset: u64,
    /// When it was written.
    pub time: Micros,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    epoch: u64,
    sequence: u64,
    hash: String,
    segment: u32,
    offset: u64,
    time: i64,
    signature: String,
}

impl Checkpoint {
    fn message(&self) -> String {
        let Self { epoch, sequence, hash, segment, offset, time } = self;
        format!("{FORMAT}\n{epoch}\n{sequence}\n{}\n{segment}\n{offset}\n{}\n", hex(hash), time.0)
    }

    /// Write and sync the file, replacing the one before in one step.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn store(&self, path: &Path, key: &SigningKey) -> io::Result<()> {
        let stored = Stored {
            format: FORMAT.to_owned(),
            epoch: self.epoch,
            sequence: self.sequence,
            hash: hex(&self.hash),
            segment: self.segment,
            offset: self.offset,
            time: self.time.0,
            signature: key.sign(self.message().as_bytes()),
        };
        let mut text = serde_json::to_string(&stored)?;
        text.push('\n');
        files::replace(path, text.as_bytes())
    }

    /// Read the file; `Ok(None)` if there is none, `Err` text if it is not to be trusted.
    pub(crate) fn load(path: &Path, key: Option<&PublicKey>) -> io::Result<Option<Result<Self, &'static str>>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Ok(Some(Err("the checkpoint is not readable"))),
            Err(e) => return Err(e),
        };
        Ok(Some(Self::parse(&text, key)))
    }

    fn parse(text: &str, key: Option<&PublicKey>) -> Result<Self, &'static str> {
        let stored: Stored = serde_json::from_str(text).map_err(|_| "the checkpoint is not readable")?;
        let checkpoint = Self {
            epoch: stored.epoch,
            sequence: stored.sequence,
            hash: unhex(&stored.hash).ok_or("the checkpoint is not readable")?,
            segment: stored.segment,
            offset: stored.offset,
            time: Micros(stored.time),
        };
        if stored.format != FORMAT {
            return Err("the checkpoint is of another version");
        }
        match key {
            Some(key) if !key.holds(checkpoint.message().as_bytes(), &stored.signature) => {
                Err("the checkpoint's signature does not hold: it was altered, or signed with another key")
            }
            _ => Ok(checkpoint),
        }
    }
}
