//! Globs of absolute paths: `*`, `?` and `[a-z]` within one path component. Pure, but for reading folders.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::limits::{FILES_MAX, FOLDER_NAMES_MAX};

/// What a pattern stands for now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    /// Paths that match.
    pub paths: Vec<PathBuf>,
    /// Folders in which a new name could begin to match.
    pub folders: Vec<PathBuf>,
}

/// Endings of files that a rotation compressed: they hold no lines.
const COMPRESSED: [&str; 5] = [".gz", ".xz", ".zst", ".bz2", ".lz4"];

/// Expands one pattern.
pub(super) fn expand(pattern: &str) -> Expanded {
    let mut found = Expanded::default();
    let parts: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty()).collect();
    if pattern.starts_with('/') && !parts.is_empty() {
        walk(PathBuf::from("/"), &parts, &mut found);
    }
    found.folders.sort();
    found.folders.dedup();
    found
}

fn walk(at: PathBuf, parts: &[&str], found: &mut Expanded) {
    let Some((part, rest)) = parts.split_first() else { return };
    let wild = part.contains(['*', '?', '[']);
    if wild || rest.is_empty() {
        found.folders.push(at.clone());
    }
    if !wild {
        return step(at.join(part), rest, found);
    }
    let Ok(names) = fs::read_dir(&at) else { return };
    let mut matching: Vec<PathBuf> = names
        .take(FOLDER_NAMES_MAX)
        .flatten()
        .filter(|n| n.file_name().to_str().is_some_and(|name| matches(part, name)))
        .map(|n| n.path())
        .collect();
    matching.sort();
    for path in matching {
        step(path, rest, found);
    }
}

fn step(path: PathBuf, rest: &[&str], found: &mut Expanded) {
    if !rest.is_empty() {
        walk(path, rest, found);
    } else if found.paths.len() < FILES_MAX && path.exists() && !compressed(&path) {
        found.paths.push(path);
    }
}

fn compressed(path: &Path) -> bool {
    path.to_str().is_some_and(|p| COMPRESSED.iter().any(|c| p.ends_with(c)))
}

/// Could a file of this name match the pattern's last component?
pub(super) fn may_match(pattern: &str, name: &str) -> bool {
    let (folders, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    matches(last, name) || folders.contains(['*', '?', '['])
}

/// Does a name match one component? A leading dot must be written.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let hidden = name.starts_with('.') && !pattern.starts_with('.');
    !hidden && matches_chars(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

/// The usual two-pointer match: linear but for one remembered star.
fn matches_chars(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match one(pattern.get(p..).unwrap_or_default(), name.get(n).copied().unwrap_or_default()) {
            Some(Step::Star) => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(Step::Took(width)) => {
                p += width;
                n += 1;
            }
            None => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, n) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

enum Step {
    Star,
    Took(usize),
}

fn one(pattern: &[char], c: char) -> Option<Step> {
    match pattern.first()? {
        '*' => Some(Step::Star),
        '?' => Some(Step::Took(1)),
        '[' => match class(pattern.get(1..)?, c) {
            Some((inside, width)) => inside.then_some(Step::Took(width + 1)),
            // No closing bracket: it stands for itself.
            None => (c == '[').then_some(Step::Took(1)),
        },
        other => (*other == c).then_some(Step::Took(1)),
    }
}

/// Is `c` in the class, and how long is it with its closing bracket?
fn class(rest: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(rest.first(), Some('!' | '^'));
    let start = usize::from(negated);
    let len = rest.iter().skip(start + 1).position(|x| *x == ']')? + 1;
    let body = rest.get(start..start + len)?;
    let mut inside = false;
    let mut i = 0;
    while let Some(low) = body.get(i) {
        match (body.get(i + 1), body.get(i + 2)) {
            (Some('-'), Some(high)) => {
                inside |= (*low..=*high).contains(&c);
                i += 3;
            }
            _ => {
                inside |= *low == c;
                i += 1;
            }
        }
    }
    Some((inside != negated, start + len + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_match_as_a_shell_would() {
        for (pattern, name, expected) in [
            ("*.log", "auth.log", true),
            ("*.log", "auth.log.1", false),
            ("*.log*", "auth.log.1", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("app[0-9].log", "app7.log", true),
            ("app[!0-9].log", "app7.log", false),
            ("app[ab-]x", "app-x", true),
            ("a[b", "a[b", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("방화벽*", "방화벽.log", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn folders_may_be_wild_and_archives_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/x.log", "b/x.log", "b/x.log.1", "b/x.log.2.gz", "c/y.txt"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let root = dir.path().to_str().unwrap();
        let names = |pattern: &str| -> Vec<String> {
            let found = expand(&format!("{root}/{pattern}"));
            found.paths.iter().map(|p| p.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("*/x.log"), ["a/x.log", "b/x.log"]);
        assert_eq!(names("b/x.log*"), ["b/x.log", "b/x.log.1"]);
        assert_eq!(names("c/y.txt"), ["c/y.txt"]);
        assert_eq!(names("missing/*"), [""; 0]);
        assert!(expand("relative/*").paths.is_empty());
        let watched = expand(&format!("{root}/*/x.log")).folders;
        assert!(watched.contains(&dir.path().to_owned()) && watched.contains(&dir.path().join("a")));
    }
}
