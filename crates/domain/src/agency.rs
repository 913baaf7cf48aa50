//! Agencies (기관): a tree of organisations. Every record belongs to exactly one.
//!
//! Invariant: an [`AgencyTree`] has one root, no loop, and no agency whose parent is missing.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_event::AgencyId;

/// Deepest tree; a loop is found by it too.
const DEPTH_MAX: usize = 32;

/// What kind of organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgencyKind {
    /// 광역시·도.
    City,
    /// 본청 부서.
    Department,
    /// 자치구.
    Gu,
    /// 군.
    Gun,
    /// 산하기관.
    Affiliate,
}

impl AgencyKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::City, Self::Department, Self::Gu, Self::Gun, Self::Affiliate];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Department => "department",
            Self::Gu => "gu",
            Self::Gun => "gun",
            Self::Affiliate => "affiliate",
        }
    }
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }
}

/// An agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agency {
    /// Id.
    pub id: AgencyId,
    /// The agency above; `None` for the root alone.
    pub parent: Option<AgencyId>,
    /// Short code, as `suan-gu`.
    pub code: String,
    /// Name.
    pub name: String,
    /// English name.
    pub name_en: String,
    /// Kind.
    pub kind: AgencyKind,
}

/// Why agencies make no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// None or several.
    #[error("the agencies have {0} roots; exactly one agency has nothing above it")]
    Roots(usize),
    /// A parent that is not there.
    #[error("agency {0} stands below agency {1}, which does not exist")]
    Orphan(AgencyId, AgencyId),
    /// Twice the same id.
    #[error("agency {0} is there twice")]
    Twice(AgencyId),
    /// A loop, or deeper than a tree may be.
    #[error("agency {0} stands in a loop or more than 32 levels deep")]
    Deep(AgencyId),
}

/// All agencies of a center.
#[derive(Clone, Debug)]
pub struct AgencyTree {
    root: AgencyId,
    all: BTreeMap<AgencyId, Agency>,
    children: BTreeMap<AgencyId, Vec<AgencyId>>,
}

impl AgencyTree {
    /// Check and take them.
    ///
    /// # Errors
    /// [`TreeError`] names the agency that does not fit.
    pub fn new(agencies: impl IntoIterator<Item = Agency>) -> Result<Self, TreeError> {
        let mut all = BTreeMap::new();
        for agency in agencies {
            let id = agency.id;
            if all.insert(id, agency).is_some() {
                return Err(TreeError::Twice(id));
            }
        }
        let mut children: BTreeMap<AgencyId, Vec<AgencyId>> = BTreeMap::new();
        let mut roots = Vec::new();
        for agency in all.values() {
            match agency.parent {
                None => roots.push(agency.id),
                Some(parent) if all.contains_key(&parent) => children.entry(parent).or_default().push(agency.id),
                Some(parent) => return Err(TreeError::Orphan(agency.id, parent)),
            }
        }
        let (1, Some(&root)) = (roots.len(), roots.first()) else { return Err(TreeError::Roots(roots.len())) };
        let tree = Self { root, all, children };
        for id in tree.all.keys() {
            if tree.lineage(*id).last() != Some(&root) {
                return Err(TreeError::Deep(*id));
            }
        }
        Ok(tree)
    }
    /// The agency above all others.
    #[must_use]
    pub fn root(&self) -> AgencyId {
        self.root
    }
    /// One agency.
    #[must_use]
    pub fn get(&self, id: AgencyId) -> Option<&Agency> {
        self.all.get(&id)
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }
    /// Never: there is always a root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
    /// The agency itself, then those above it, the root last. Empty for an unknown one.
    #[must_use]
    pub fn lineage(&self, id: AgencyId) -> Vec<AgencyId> {
        let mut line = Vec::new();
        let mut next = Some(id);
        while let Some(agency) = next.and_then(|id| self.all.get(&id)) {
            if line.len() == DEPTH_MAX {
                break;
            }
            line.push(agency.id);
            next = agency.parent;
        }
        line
    }
    /// The agency and everything below it. Empty for an unknown one.
    #[must_use]
    pub fn subtree(&self, id: AgencyId) -> BTreeSet<AgencyId> {
        self.walk(id).into_iter().collect()
    }
    /// Does `id` stand in the subtree of `top`? Every known agency stands in its own.
    #[must_use]
    pub fn holds(&self, top: AgencyId, id: AgencyId) -> bool {
        self.lineage(id).contains(&top)
    }
    /// Every agency, parents before children, siblings by id.
    pub fn in_order(&self) -> impl Iterator<Item = &Agency> {
        self.walk(self.root).into_iter().filter_map(|id| self.all.get(&id))
    }
    /// The nearest agency that has all of these in its subtree: whose a detection over several is. Unknown ones
    /// are passed over; of none, the root.
    #[must_use]
    pub fn lowest_common_ancestor(&self, ids: impl IntoIterator<Item = AgencyId>) -> AgencyId {
        let mut common: Option<Vec<AgencyId>> = None;
        for id in ids {
            let line = self.lineage(id);
            if line.is_empty() {
                continue;
            }
            common = Some(match common {
                None => line,
                Some(before) => before.into_iter().filter(|a| line.contains(a)).collect(),
            });
        }
        common.and_then(|line| line.first().copied()).unwrap_or(self.root)
    }
    fn walk(&self, id: AgencyId) -> Vec<AgencyId> {
        let mut found = Vec::new();
        let mut stack = if self.all.contains_key(&id) { vec![id] } else { Vec::new() };
        while let Some(next) = stack.pop() {
            found.push(next);
            stack.extend(self.children.get(&next).into_iter().flatten().rev());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agency(id: u32, parent: u32) -> Agency {
        Agency {
            id: AgencyId(id),
            parent: (parent > 0).then_some(AgencyId(parent)),
            code: format!("a{id}"),
            name: format!("기관 {id}"),
            name_en: String::new(),
            kind: AgencyKind::Gu,
        }
    }

    fn city() -> AgencyTree {
        AgencyTree::new([(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 4)].map(|(i, p)| agency(i, p))).unwrap()
    }

    #[test]
    fn subtrees_and_common_ancestors() {
        let t = city();
        let ids = |v: &[u32]| v.iter().map(|i| AgencyId(*i)).collect::<Vec<_>>();
        assert_eq!(t.subtree(AgencyId(2)), ids(&[2, 4, 5, 6]).into_iter().collect());
        assert_eq!(t.subtree(AgencyId(99)), BTreeSet::new());
        assert_eq!(t.lineage(AgencyId(6)), ids(&[6, 4, 2, 1]));
        assert!(t.holds(AgencyId(1), AgencyId(6)) && !t.holds(AgencyId(3), AgencyId(6)));
        assert_eq!(t.in_order().map(|a| a.id).collect::<Vec<_>>(), ids(&[1, 2, 4, 6, 5, 3]));
        assert_eq!(t.lowest_common_ancestor(ids(&[6, 5])), AgencyId(2));
        assert_eq!(t.lowest_common_ancestor(ids(&[6, 3])), AgencyId(1));
        assert_eq!(t.lowest_common_ancestor(ids(&[6])), AgencyId(6));
        assert_eq!(t.lowest_common_ancestor(ids(&[6, 4])), AgencyId(4));
        assert_eq!(t.lowest_common_ancestor([]), AgencyId(1));
        assert_eq!(t.lowest_common_ancestor(ids(&[99, 5])), AgencyId(5));
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let new = |v: &[(u32, u32)]| AgencyTree::new(v.iter().map(|(i, p)| agency(*i, *p))).map(|_| ());
        assert_eq!(new(&[]), Err(TreeError::Roots(0)));
        assert_eq!(new(&[(1, 0), (2, 0)]), Err(TreeError::Roots(2)));
        assert_eq!(new(&[(1, 0), (2, 9)]), Err(TreeError::Orphan(AgencyId(2), AgencyId(9))));
        assert_eq!(new(&[(1, 0), (2, 3), (3, 2)]), Err(TreeError::Deep(AgencyId(2))));
        assert_eq!(new(&[(1, 0), (1, 0)]), Err(TreeError::Twice(AgencyId(1))));
    }
}
