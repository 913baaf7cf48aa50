//! Literals that a value must begin or end with: one walk along the value finds all of them.
//!
//! Invariant: `walk` reports exactly the literals that the text begins with (or ends with).

/// A literal's number.
pub(super) type Id = u32;

#[derive(Debug)]
struct Node {
    /// Bytes that lead here from the parent, in the order of the text.
    label: (u32, u32),
    /// Children, sorted by the first byte walked.
    children: (u32, u32),
    /// What ends here.
    id: Option<Id>,
}

/// A node whose children are still to be made, its literals, and how many bytes of them are walked.
struct Open<'l> {
    node: usize,
    list: &'l [(Vec<u8>, Id)],
    depth: usize,
}

/// The literals.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    firsts: Vec<u8>,
    bytes: Vec<u8>,
    backwards: bool,
}

impl Trie {
    /// `None` where there is nothing to look for. The literals differ from one another.
    pub fn new(mut literals: Vec<(Vec<u8>, Id)>, backwards: bool) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        if backwards {
            literals.iter_mut().for_each(|(l, _)| l.reverse());
        }
        literals.sort_unstable();
        let mut this = Self { nodes: Vec::new(), firsts: Vec::new(), bytes: Vec::new(), backwards };
        this.nodes.push(Node { label: (0, 0), children: (0, 0), id: None });
        this.firsts.push(0);
        let mut open = vec![Open { node: 0, list: &literals, depth: 0 }];
        while let Some(next) = open.pop() {
            this.spread(next, &mut open);
        }
        Some(this)
    }
    fn spread<'l>(&mut self, Open { node, mut list, depth }: Open<'l>, open: &mut Vec<Open<'l>>) {
        if let Some((literal, id)) = list.first()
            && literal.len() == depth
        {
            if let Some(n) = self.nodes.get_mut(node) {
                n.id = Some(*id);
            }
            list = list.get(1..).unwrap_or_default();
        }
        let start = self.nodes.len();
        for group in list.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
            let (Some((first, _)), Some((last, _))) = (group.first(), group.last()) else { continue };
            // Sorted: what the first and the last share, all share.
            let (a, b) = (first.get(depth..).unwrap_or_default(), last.get(depth..).unwrap_or_default());
            let shared = a.iter().zip(b).take_while(|(x, y)| x == y).count();
            let label = a.get(..shared).unwrap_or_default();
            let from = number(self.bytes.len());
            self.bytes.extend(label);
            if self.backwards
                && let Some(added) = self.bytes.get_mut(from as usize..)
            {
                added.reverse();
            }
            self.firsts.push(label.first().copied().unwrap_or(0));
            let at = self.nodes.len();
            self.nodes.push(Node { label: (from, number(self.bytes.len())), children: (0, 0), id: None });
            open.push(Open { node: at, list: group, depth: depth + shared });
        }
        let children = (number(start), number(self.nodes.len()));
        if let Some(n) = self.nodes.get_mut(node) {
            n.children = children;
        }
    }
    /// Report every literal that the text begins (or ends) with.
    #[inline]
    pub fn walk(&self, text: &[u8], mut found: impl FnMut(Id)) {
        let mut rest = text;
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            if let Some(id) = node.id {
                found(id);
            }
            let byte = if self.backwards { rest.last() } else { rest.first() };
            let Some(byte) = byte else { return };
            let (start, end) = (node.children.0 as usize, node.children.1 as usize);
            let firsts = self.firsts.get(start..end).unwrap_or_default();
            let child =
                if firsts.len() <= 8 { firsts.iter().position(|f| f == byte) } else { firsts.binary_search(byte).ok() };
            let Some(child) = child else { return };
            at = start + child;
            let label = self.nodes.get(at).and_then(|n| self.bytes.get(n.label.0 as usize..n.label.1 as usize));
            let Some(label) = label else { return };
            let after = if self.backwards { rest.strip_suffix(label) } else { rest.strip_prefix(label) };
            let Some(after) = after else { return };
            rest = after;
        }
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_and_ends() {
        let list = ["", "a", "ab", "abc", "b", "bcd", "가", "abd", "xyzzy"];
        for backwards in [false, true] {
            let literals = list.iter().zip(0u32..).map(|(l, n)| (l.as_bytes().to_vec(), n)).collect();
            let trie = Trie::new(literals, backwards).unwrap();
            for text in ["", "a", "abcd", "xabc", "bcd", "가나", "나가", "xyzz", "xyzzyab", "zzy"] {
                let mut found = Vec::new();
                trie.walk(text.as_bytes(), |id| found.push(id));
                found.sort_unstable();
                let fits = |l: &&str| if backwards { text.ends_with(*l) } else { text.starts_with(*l) };
                let meant: Vec<u32> = (0u32..).zip(&list).filter(|(_, l)| fits(l)).map(|(n, _)| n).collect();
                assert_eq!(found, meant, "{text} {backwards}");
            }
        }
        assert!(Trie::new(Vec::new(), false).is_none());
    }
}
