//! The head of the audit chain, kept outside the database: a chain whose end was cut off is whole by itself, and only
//! its length and last hash, noted elsewhere, betray it.
//!
//! Invariant: the note is a lower bound. It is written after the entry, so a chain may go on beyond it; one that ends
//! before it, or has another hash there, was altered.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use bongsu_state::State;
use serde::{Deserialize, Serialize};

use crate::authority::hex;

/// The note's name in the data folder.
pub const FILE: &str = "audit.head";
/// A note that the chain no longer agrees with, set aside.
const LOST: &str = "audit.head.lost";

/// What is noted: number of entries and the last one's hash, hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the last entry; numbers have no gaps.
    pub entry: i64,
    /// Its hash.
    pub hash: String,
}

/// Note the head of the chain, if it moved since `known`. The new head.
///
/// # Errors
/// The state can't be read or the note can't be written; the old note stays.
pub async fn keep(data: &Path, state: &State, known: Option<Head>) -> Result<Option<Head>> {
    let Some((entry, hash)) = state.audit_head().await? else { return Ok(known) };
    let head = Head { entry, hash: hex(&hash) };
    if known.as_ref() != Some(&head) {
        let text = serde_json::to_vec(&head)?;
        let path = data.join(FILE);
        let fresh = data.join("audit.head.new");
        let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(&text)?;
        file.sync_data()?;
        std::fs::rename(&fresh, &path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    Ok(Some(head))
}

/// The first entry that a note knows of and the chain lacks or has otherwise; `None` where they agree or nothing was
/// noted yet.
///
/// # Errors
/// The state or a note can't be read.
pub async fn missing(data: &Path, state: &State) -> Result<Option<i64>> {
    let mut first = None;
    for name in [LOST, FILE] {
        first = [first, disagrees(&data.join(name), state).await?].into_iter().flatten().min();
    }
    Ok(first)
}

/// To be called once at start, before the first [`keep`]: a note that disagrees is set aside, so that newer entries
/// never cover up what is gone. What to tell the operator, if anything.
///
/// # Errors
/// The state or a note can't be read or set aside.
pub async fn check(data: &Path, state: &State) -> Result<Option<String>> {
    let (note, lost) = (data.join(FILE), data.join(LOST));
    if !lost.exists() && disagrees(&note, state).await?.is_some() {
        std::fs::rename(&note, &lost).with_context(|| format!("cannot set {} aside", note.display()))?;
    }
    let told = missing(data, state).await?.map(|entry| {
        format!(
            "the audit log was altered or its end cut off at entry {entry}; restore it from a backup, then remove {}",
            lost.display()
        )
    });
    Ok(told)
}

async fn disagrees(note: &Path, state: &State) -> Result<Option<i64>> {
    let text = match std::fs::read(note) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", note.display())),
    };
    let noted: Head = serde_json::from_slice(&text).with_context(|| {
        format!("{} is damaged; compare the audit log with a copy, then remove the file", note.display())
    })?;
    let last = state.audit_head().await?.map_or(0, |(entry, _)| entry);
    if last < noted.entry {
        return Ok(Some(last + 1));
    }
    let there = state.audit_hash(noted.entry).await?.map(|h| hex(&h));
    Ok((there.as_deref() != Some(noted.hash.as_str())).then_some(noted.entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_domain::Actor;
    use bongsu_event::Micros;
    use bongsu_state::Change;

    async fn look(state: &State, at: i64) {
        let by = Actor::center();
        state.note_look(&Change::new(&by, Micros(at), "test"), "user.list", "users", None, "looked").await.unwrap();
    }

    #[tokio::test]
    async fn an_end_that_was_cut_off_is_told_and_new_entries_do_not_cover_it_up() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = (folder.path(), folder.path().join("state.sqlite"));
        let state = State::open(&path).await.unwrap();
        look(&state, 1).await;
        assert_eq!(missing(data, &state).await.unwrap(), None, "nothing noted yet");
        state.close().await;
        std::fs::copy(&path, data.join("old")).unwrap();

        let state = State::open(&path).await.unwrap();
        look(&state, 2).await;
        let head = keep(data, &state, None).await.unwrap().unwrap();
        look(&state, 3).await;
        assert_eq!(check(data, &state).await.unwrap(), None, "the note is a lower bound");
        state.close().await;

        // An older file in its place, without what SQLite keeps beside it: whole by itself, and two entries short.
        for beside in ["state.sqlite-wal", "state.sqlite-shm"] {
            let _ = std::fs::remove_file(data.join(beside));
        }
        std::fs::copy(data.join("old"), &path).unwrap();
        let state = State::open(&path).await.unwrap();
        assert_eq!(state.verify_audit().await.unwrap().first_bad, None);
        assert!(check(data, &state).await.unwrap().unwrap().contains(&format!("entry {}", head.entry)));
        for at in 10..13 {
            look(&state, at).await;
        }
        keep(data, &state, None).await.unwrap();
        assert_eq!(missing(data, &state).await.unwrap(), Some(head.entry), "other entries stand there now");
    }
}
