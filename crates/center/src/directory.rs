//! Who is who on the event path: agencies, sources and their names, as one immutable picture that the hot path reads
//! without a lock and every change replaces whole.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bongsu_event::{AgencyId, Scope, SourceId};
use ipnet::IpNet;

/// An agency as the event path needs it.
#[derive(Clone, Debug)]
pub struct AgencyEntry {
    /// Id.
    pub id: AgencyId,
    /// The one above.
    pub parent: Option<AgencyId>,
    /// Short code.
    pub code: String,
    /// Korean name.
    pub name: String,
    /// English name.
    pub name_en: String,
}

/// A source as the event path needs it.
#[derive(Clone)]
pub struct SourceEntry {
    /// Id.
    pub id: SourceId,
    /// Name.
    pub name: String,
    /// Whose.
    pub agency: AgencyId,
    /// Sender addresses; empty for an agent's inputs.
    pub from: Vec<IpNet>,
    /// The format to try first.
    pub format: Option<&'static dyn bongsu_parse::Format>,
    /// Zone of times written without one.
    pub timezone: jiff::tz::TimeZone,
    /// Taken in?
    pub enabled: bool,
    /// Grade of the asset behind it, 1 (highest) to 4.
    pub grade: u8,
    /// Made by the demo.
    pub example: bool,
}

/// The picture.
#[derive(Clone, Default)]
pub struct Picture {
    agencies: HashMap<AgencyId, AgencyEntry>,
    sources: HashMap<SourceId, Arc<SourceEntry>>,
    by_address: HashMap<IpAddr, SourceId>,
    by_net: Vec<(IpNet, SourceId)>,
}

impl Picture {
    /// From everything there is. Of two sources with the same address the older (lower id) has it.
    #[must_use]
    pub fn new(agencies: Vec<AgencyEntry>, mut sources: Vec<SourceEntry>) -> Self {
        sources.sort_by_key(|s| s.id);
        let mut picture = Self { agencies: agencies.into_iter().map(|a| (a.id, a)).collect(), ..Self::default() };
        for source in sources {
            for net in &source.from {
                if !source.enabled {
                    continue;
                }
                if net.prefix_len() == net.max_prefix_len() {
                    picture.by_address.entry(net.addr()).or_insert(source.id);
                } else {
                    picture.by_net.push((*net, source.id));
                }
            }
            picture.sources.insert(source.id, Arc::new(source));
        }
        picture.by_net.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        picture
    }
    /// The source a sender's address stands for: exact address first, then the longest prefix.
    #[must_use]
    pub fn source_of(&self, address: IpAddr) -> SourceId {
        let address = address.to_canonical();
        if let Some(id) = self.by_address.get(&address) {
            return *id;
        }
        self.by_net.iter().find(|(net, _)| net.contains(&address)).map_or(SourceId::QUARANTINE, |(_, id)| *id)
    }
    /// A source.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Arc<SourceEntry>> {
        self.sources.get(&id)
    }
    /// Every source.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<SourceEntry>> {
        self.sources.values()
    }
    /// An agency.
    #[must_use]
    pub fn agency(&self, id: AgencyId) -> Option<&AgencyEntry> {
        self.agencies.get(&id)
    }
    /// Every agency.
    pub fn agencies(&self) -> impl Iterator<Item = &AgencyEntry> {
        self.agencies.values()
    }
    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> AgencyId {
        self.agencies.values().filter(|a| a.parent.is_none()).map(|a| a.id).min().unwrap_or(AgencyId(1))
    }
    /// From an agency up to the root, itself first. Bounded by the number of agencies, so a loop ends.
    #[must_use]
    pub fn path_up(&self, id: AgencyId) -> Vec<AgencyId> {
        let mut path = Vec::new();
        let mut at = Some(id);
        while let Some(agency) = at {
            if path.contains(&agency) || path.len() > self.agencies.len() {
                break;
            }
            path.push(agency);
            at = self.agencies.get(&agency).and_then(|a| a.parent);
        }
        path
    }
    /// An agency and everything below it.
    #[must_use]
    pub fn subtree(&self, top: AgencyId) -> BTreeSet<AgencyId> {
        self.agencies.keys().copied().filter(|id| self.path_up(*id).contains(&top)).collect()
    }
    /// The scope of several subtrees.
    #[must_use]
    pub fn scope_of(&self, tops: &[AgencyId]) -> Scope {
        Scope::Agencies(tops.iter().flat_map(|t| self.subtree(*t)).collect())
    }
    /// The lowest agency above (or equal to) all of them; the root when there is none.
    #[must_use]
    pub fn common(&self, agencies: &[AgencyId]) -> AgencyId {
        let mut paths = agencies.iter().map(|a| self.path_up(*a));
        let Some(first) = paths.next() else { return self.root() };
        let rest: Vec<_> = paths.collect();
        first.into_iter().find(|a| rest.iter().all(|p| p.contains(a))).unwrap_or_else(|| self.root())
    }
}

/// The picture in force.
#[derive(Default)]
pub struct Directory(ArcSwap<Picture>);

impl Directory {
    /// The picture in force now.
    #[must_use]
    pub fn now(&self) -> Arc<Picture> {
        self.0.load_full()
    }
    /// Replace it.
    pub fn replace(&self, picture: Picture) {
        self.0.store(Arc::new(picture));
    }
}

/// Names for queries and rows.
pub struct PictureNames(pub Arc<Picture>);

impl bongsu_lake::Names for PictureNames {
    fn agencies(&self, name: &str) -> Vec<AgencyId> {
        let same = |t: &str| t.eq_ignore_ascii_case(name) || t.to_lowercase() == name.to_lowercase();
        self.0.agencies().filter(|a| same(&a.name) || same(&a.name_en) || same(&a.code)).map(|a| a.id).collect()
    }
    fn sources(&self, name: &str) -> Vec<SourceId> {
        self.0.sources().filter(|s| s.name.to_lowercase() == name.to_lowercase()).map(|s| s.id).collect()
    }
    fn agency_names(&self) -> Vec<String> {
        self.0.agencies().map(|a| a.name.clone()).collect()
    }
    fn source_names(&self) -> Vec<String> {
        self.0.sources().map(|s| s.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agency(id: u32, parent: Option<u32>) -> AgencyEntry {
        AgencyEntry {
            id: AgencyId(id),
            parent: parent.map(AgencyId),
            code: format!("a{id}"),
            name: format!("기관{id}"),
            name_en: format!("Agency {id}"),
        }
    }

    #[test]
    fn common_is_the_lowest_above_all() {
        let p = Picture::new(vec![agency(1, None), agency(2, Some(1)), agency(3, Some(2)), agency(4, Some(2))], vec![]);
        assert_eq!(p.common(&[AgencyId(3), AgencyId(4)]), AgencyId(2));
        assert_eq!(p.common(&[AgencyId(3)]), AgencyId(3));
        assert_eq!(p.common(&[AgencyId(3), AgencyId(1)]), AgencyId(1));
        assert_eq!(p.common(&[]), AgencyId(1));
        assert_eq!(p.subtree(AgencyId(2)).len(), 3);
    }

    #[test]
    fn a_loop_in_the_tree_ends() {
        let p = Picture::new(vec![agency(1, Some(2)), agency(2, Some(1))], vec![]);
        assert_eq!(p.path_up(AgencyId(1)).len(), 2);
    }
}
