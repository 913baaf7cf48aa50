//! Rule files, read the same for everyone.

use std::path::Path;

use anyhow::{Context as _, Result};
use bongsu_sigma::RuleSource;

/// Every rule file below these folders, in the order of their names.
pub fn read(folders: &[std::path::PathBuf]) -> Result<Vec<RuleSource>> {
    let mut all = Vec::new();
    for folder in folders {
        collect(folder, &mut all)?;
    }
    anyhow::ensure!(!all.is_empty(), "there is no rule file in {folders:?}");
    Ok(all)
}

fn collect(path: &Path, out: &mut Vec<RuleSource>) -> Result<()> {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path)?.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        for entry in entries {
            collect(&entry, out)?;
        }
    } else if path.extension().is_some_and(|e| e == "yml") {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
        out.push(RuleSource { name: path.display().to_string(), text });
    }
    Ok(())
}
