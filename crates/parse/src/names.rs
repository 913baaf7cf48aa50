//! A fixed table from a source's own field names to what we do with them.
//!
//! Invariant: built once from a `const` list; looking a name up touches a few bytes of it and never allocates.
//! A name listed twice keeps its first meaning.

/// Names and their meanings, for the key=value formats' inner loops.
pub(crate) struct Names<T: 'static> {
    /// Open addressing; the index into `entries` plus one, 0 for an empty slot.
    slots: Vec<u16>,
    entries: &'static [(&'static str, T)],
    mask: usize,
}

impl<T: Copy> Names<T> {
    /// At least twice as many slots as names keeps probing short.
    const SLOTS_PER_NAME: usize = 2;

    pub(crate) fn new(entries: &'static [(&'static str, T)]) -> Self {
        let size = (entries.len().max(8) * Self::SLOTS_PER_NAME).next_power_of_two();
        let mut names = Self { slots: vec![0; size], entries, mask: size - 1 };
        for (i, (name, _)) in entries.iter().enumerate() {
            let slot = names.probe(name.as_bytes());
            if let (Some(s @ 0), Ok(n)) = (names.slots.get_mut(slot), u16::try_from(i + 1)) {
                *s = n;
            }
        }
        names
    }

    /// The meaning of a name, in exactly this spelling.
    pub(crate) fn get(&self, name: &str) -> Option<T> {
        let at = usize::from(*self.slots.get(self.probe(name.as_bytes()))?);
        self.entries.get(at.checked_sub(1)?).map(|(_, t)| *t)
    }

    /// The slot that holds the name, or the empty one where it would be.
    fn probe(&self, name: &[u8]) -> usize {
        let mut slot = hash(name) & self.mask;
        loop {
            let at = self.slots.get(slot).copied().map_or(0, usize::from);
            match at.checked_sub(1).and_then(|i| self.entries.get(i)) {
                Some((n, _)) if n.as_bytes() != name => slot = (slot + 1) & self.mask,
                _ => return slot,
            }
        }
    }
}

/// The length, the first eight and the last eight bytes tell field names apart well enough.
fn hash(name: &[u8]) -> usize {
    let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => {
            let word = name.iter().fold(0u64, |w, b| (w << 8) | u64::from(*b));
            (word, word)
        }
    };
    let mixed = (head ^ tail.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        static LIST: &[(&str, u8)] = &[("srcip", 1), ("dstip", 2), ("srcport", 3), ("a", 4), ("", 5), ("srcip", 9)];
        let names = Names::new(LIST);
        assert_eq!(names.get("srcip"), Some(1));
        assert_eq!(names.get("a"), Some(4));
        assert_eq!(names.get(""), Some(5));
        assert_eq!(names.get("SRCIP"), None);
        assert_eq!(names.get("srcipx"), None);
    }
}
