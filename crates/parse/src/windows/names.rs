//! The names of values, each kept once: the path in the event, and the name that Sigma gives it.

use hashbrown::HashMap;

use super::PATH_BYTES_MAX;

/// A name's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NameId(pub u32);

/// What one path is called.
#[derive(Debug)]
pub(super) struct Name {
    /// As `Event.EventData.CommandLine`.
    pub path: Box<str>,
    /// As `CommandLine`; the path where Sigma has no name of its own.
    pub short: Box<str>,
}

/// Every name seen so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<Name>,
    at: HashMap<Box<str>, NameId>,
    room: String,
    /// How often the table began anew.
    pub renewed: u64,
}

impl Names {
    pub fn len(&self) -> usize {
        self.list.len()
    }
    pub fn clear(&mut self) {
        self.list.clear();
        self.at.clear();
        self.renewed += 1;
    }
    pub fn get(&self, id: NameId) -> Option<&Name> {
        self.list.get(id.0 as usize)
    }
    /// The number of a path.
    pub fn id(&mut self, path: &str) -> NameId {
        if let Some(id) = self.at.get(path) {
            return *id;
        }
        let id = NameId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        let short: Box<str> = if short_name(path, &mut self.room) { self.room.as_str().into() } else { path.into() };
        self.list.push(Name { path: path.into(), short });
        self.at.insert(path.into(), id);
        id
    }
}

/// Add one step to a path, within the limit.
pub(super) fn push_step(path: &mut String, step: &str) {
    if path.len() + step.len() < PATH_BYTES_MAX {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(step);
    }
}

/// The name that Sigma gives a value at that path, if it has one.
fn short_name(path: &str, out: &mut String) -> bool {
    out.clear();
    let event = path.strip_prefix("Event.").unwrap_or(path);
    if let Some(rest) = event.strip_prefix("EventData.") {
        // The specification: as the log has them, without their spaces.
        out.extend(rest.chars().filter(|c| *c != ' '));
    } else if let Some(rest) = event.strip_prefix("System.") {
        match rest.split_once(".#attributes.") {
            Some((tag, attribute)) => {
                out.push_str(tag);
                out.push('_');
                out.push_str(attribute);
            }
            None => out.push_str(rest),
        }
    } else if let Some(rest) = event.strip_prefix("UserData.") {
        let inner = rest.split_once('.').map_or(rest, |(_, name)| name);
        if !inner.starts_with("#attributes") {
            out.extend(inner.chars().filter(|c| *c != ' '));
        }
    }
    !out.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_names() {
        let mut names = Names::default();
        for (path, short) in [
            ("Event.System.Provider.#attributes.Name", "Provider_Name"),
            ("Event.System.EventID", "EventID"),
            ("Event.EventData.Command Line", "CommandLine"),
            ("Event.UserData.LogFileCleared.SubjectUserName", "SubjectUserName"),
            ("Event.UserData.LogFileCleared.#attributes.xmlns", "Event.UserData.LogFileCleared.#attributes.xmlns"),
            ("Event.RenderingInfo.Message", "Event.RenderingInfo.Message"),
        ] {
            let id = names.id(path);
            assert_eq!(&*names.get(id).unwrap().short, short);
            assert_eq!(names.id(path), id);
        }
    }
}
