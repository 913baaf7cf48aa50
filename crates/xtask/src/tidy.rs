//! House rules a compiler does not know: file heads, complete message catalogues, no orphan snapshot, no stray words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Words that stand for unfinished work. Split so that this file does not find itself.
const UNFINISHED: &[&str] =
    &[concat!("FIX", "ME"), concat!("X", "XX"), concat!("unimplemented", "!("), concat!("todo", "!(")];

/// Everything out of place.
pub fn check() -> Result<Vec<String>> {
    let root = crate::root();
    let mut findings = Vec::new();
    let sources = files(&root.join("crates"), "rs");
    for path in &sources {
        let text = fs::read_to_string(path)?;
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        if !text.starts_with("//!") {
            findings.push(format!("{name}: begins without `//!` saying its purpose"));
        }
        for word in UNFINISHED {
            if text.contains(word) {
                findings.push(format!("{name}: holds {word}"));
            }
        }
        if text.contains("../shared")
            && !name.contains("/tests/")
            && !name.contains("/benches/")
            && !name.contains("/examples/")
            && !name.contains("xtask")
        {
            let product = text.split("#[cfg(test)]").next().unwrap_or("");
            if product.contains("../shared") {
                findings.push(format!("{name}: the product names ../shared"));
            }
        }
    }
    snapshots(&root, &sources, &mut findings)?;
    catalogues(&root, &mut findings)?;
    Ok(findings)
}

fn snapshots(root: &Path, sources: &[PathBuf], findings: &mut Vec<String>) -> Result<()> {
    let mut all = String::new();
    for path in sources {
        all.push_str(&fs::read_to_string(path)?);
    }
    for path in files(&root.join("crates"), "snap") {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("").to_owned();
        let last = stem.rsplit("__").next().unwrap_or(&stem);
        if !all.contains(last) {
            findings.push(format!("{}: no test makes this snapshot", path.display()));
        }
    }
    Ok(())
}

/// The console's catalogues hold the same keys, and no empty text.
fn catalogues(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let folder = root.join("console/src/i18n");
    let read = |language: &str| -> Result<BTreeSet<String>> {
        let path = folder.join(format!("{language}.json"));
        let mut keys = BTreeSet::new();
        if path.exists() {
            let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
            flatten(&value, String::new(), &mut keys);
        }
        Ok(keys)
    };
    let (korean, english) = (read("ko")?, read("en")?);
    for key in korean.symmetric_difference(&english) {
        // English has plural forms that Korean lacks.
        let base = key.trim_end_matches("_one").trim_end_matches("_other");
        let plural = [base.to_owned(), format!("{base}_other"), format!("{base}_one")];
        if !(plural.iter().any(|k| korean.contains(k)) && plural.iter().any(|k| english.contains(k))) {
            findings.push(format!("console/src/i18n: {key} is in one language only"));
        }
    }
    Ok(())
}

fn flatten(value: &serde_json::Value, prefix: String, keys: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, inner) in map {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(inner, name, keys);
            }
        }
        _ => {
            keys.insert(prefix);
        }
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut stack = vec![folder.to_path_buf()];
    while let Some(at) = stack.pop() {
        let Ok(entries) = fs::read_dir(&at) else { continue };
        for path in entries.filter_map(|e| e.ok().map(|e| e.path())) {
            if path.is_dir() {
                stack.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
