//! The manifest: which files make up the lake, and up to which journal position they hold every event.
//!
//! A small log of immutable versions, `manifest/VERSION.json`. A new version is written under a temporary name,
//! synced, renamed into place, and the folder synced: a crash leaves the old version or the new one, whole.
//! Invariant: files and position change in the same version; that is what makes "exactly once" true. A version
//! that is there but cannot be read stops the start: going back by ourselves would sweep live files.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use bongsu_event::EventId;
use serde::{Deserialize, Serialize};

use crate::{LakeError, Result, error::At, file::Entry, schema::SCHEMA_VERSION};

/// Versions kept beside the newest, for people to look at.
const VERSIONS_KEPT: u64 = 2;
/// First word of a manifest.
const MAGIC: &str = "bongsu-lake";

/// One version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its number, rising by one.
    pub version: u64,
    /// Newest file schema that may occur in it.
    pub schema: u32,
    /// Every journal event up to here is in the files.
    pub position: EventId,
    /// Loads so far; each had an epoch of its own.
    pub loads: u32,
    /// Number for the next file's name.
    pub next_file: u64,
    /// The files.
    pub files: Vec<Entry>,
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("manifest")
}

fn path_of(dir: &Path, version: u64) -> PathBuf {
    folder(dir).join(format!("{version:012}.json"))
}

/// Make what was done to a folder's entries durable.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).at(folder)?.sync_all().at(folder)
}

/// The newest version, or an empty one in a fresh folder.
pub fn load(dir: &Path) -> Result<Manifest> {
    let folder = folder(dir);
    fs::create_dir_all(&folder).at(&folder)?;
    let Some(newest) = versions(dir)?.into_iter().max() else {
        if !sub_folders(dir, "day=")?.is_empty() {
            let what = "there are data files and no manifest".to_owned();
            return Err(LakeError::Damaged { path: folder, what });
        }
        return Ok(Manifest { schema: SCHEMA_VERSION, next_file: 1, ..Manifest::default() });
    };
    let path = path_of(dir, newest);
    let bytes = fs::read(&path).at(&path)?;
    let damaged = |what: &str| LakeError::Damaged { path: path.clone(), what: what.to_owned() };
    let (head, body) = bytes
        .iter()
        .position(|b| *b == b'\n')
        .and_then(|at| bytes.split_at_checked(at + 1))
        .ok_or_else(|| damaged("no head line"))?;
    let head = std::str::from_utf8(head).map_err(|_| damaged("no head line"))?.trim_end();
    let mut words = head.split(' ');
    if words.next() != Some(MAGIC) {
        return Err(damaged("not a manifest"));
    }
    let schema = words.next().and_then(|w| w.parse().ok()).ok_or_else(|| damaged("no schema in the head line"))?;
    if schema > SCHEMA_VERSION {
        return Err(LakeError::Newer { path, found: schema, known: SCHEMA_VERSION });
    }
    if words.next() != Some(format!("{:08x}", crc32c::crc32c(body)).as_str()) {
        return Err(damaged("its checksum does not hold"));
    }
    let manifest: Manifest = serde_json::from_slice(body).map_err(|e| damaged(&e.to_string()))?;
    if manifest.version != newest {
        return Err(damaged("it carries another version's number"));
    }
    Ok(manifest)
}

fn versions(dir: &Path) -> Result<Vec<u64>> {
    let folder = folder(dir);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).at(&folder)? {
        let name = entry.at(&folder)?.file_name();
        let name = name.to_string_lossy();
        if let Some(version) = name.strip_suffix(".json").and_then(|v| v.parse().ok()) {
            found.push(version);
        }
    }
    Ok(found)
}

/// Put a version in force. When this returns, it survives a loss of power.
pub fn commit(dir: &Path, manifest: &Manifest) -> Result<()> {
    let body = serde_json::to_vec(manifest).map_err(|e| LakeError::Engine(e.to_string()))?;
    let path = path_of(dir, manifest.version);
    let temporary = path.with_extension("tmp");
    {
        let mut file = File::create(&temporary).at(&temporary)?;
        let head = format!("{MAGIC} {SCHEMA_VERSION} {:08x}\n", crc32c::crc32c(&body));
        file.write_all(head.as_bytes()).at(&temporary)?;
        file.write_all(&body).at(&temporary)?;
        file.sync_all().at(&temporary)?;
    }
    fs::rename(&temporary, &path).at(&path)?;
    sync_folder(&folder(dir))?;
    for old in
        versions(dir).unwrap_or_default().into_iter().filter(|v| v.saturating_add(VERSIONS_KEPT) < manifest.version)
    {
        // An old version too many does no harm.
        let _ = fs::remove_file(path_of(dir, old));
    }
    Ok(())
}

/// Is there a file of that version, whole or not known to be durable?
pub fn exists(dir: &Path, version: u64) -> bool {
    path_of(dir, version).exists()
}

/// Delete what a crash left: data files that the manifest does not name, temporary files, empty folders.
/// Says how many files went.
pub fn sweep(dir: &Path, manifest: &Manifest) -> Result<usize> {
    for file in &manifest.files {
        let path = dir.join(&file.path);
        let found = fs::metadata(&path).at(&path)?.len();
        if found != file.bytes {
            return Err(LakeError::Damaged { path, what: format!("{found} bytes where {} were written", file.bytes) });
        }
    }
    let known: std::collections::HashSet<&str> = manifest.files.iter().map(|f| f.path.as_str()).collect();
    let mut swept = 0;
    for day in sub_folders(dir, "day=")? {
        for agency in sub_folders(&day, "agency=")? {
            for entry in fs::read_dir(&agency).at(&agency)? {
                let path = entry.at(&agency)?.path();
                let relative = path.strip_prefix(dir).ok().and_then(Path::to_str).unwrap_or_default();
                if !known.contains(relative) && path.extension().is_some_and(|e| e == "parquet") {
                    fs::remove_file(&path).at(&path)?;
                    swept += 1;
                }
            }
            // Fails where files are left, as it should.
            let _ = fs::remove_dir(&agency);
        }
        let _ = fs::remove_dir(&day);
    }
    let folder = folder(dir);
    for entry in fs::read_dir(&folder).at(&folder)? {
        let path = entry.at(&folder)?.path();
        if path.extension().is_some_and(|e| e == "tmp") {
            fs::remove_file(&path).at(&path)?;
        }
    }
    Ok(swept)
}

fn sub_folders(dir: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let entry = entry.at(dir)?;
        if entry.file_name().to_string_lossy().starts_with(prefix) && entry.path().is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
