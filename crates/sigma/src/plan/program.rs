//! A condition as a flat program: each step tests one term and names the next step for yes and for no.
//!
//! Invariant: steps only lead to steps emitted before them or to an end, so every run is finite.

/// Over numbered terms.
#[derive(Clone, Debug)]
pub(crate) enum Terms {
    Const(bool),
    Term(u32),
    Not(Box<Terms>),
    And(Vec<Terms>),
    Or(Vec<Terms>),
}

impl Terms {
    /// Every term that stands in it.
    pub fn each(&self, f: &mut dyn FnMut(u32)) {
        match self {
            Self::Const(_) => {}
            Self::Term(t) => f(*t),
            Self::Not(e) => e.each(f),
            Self::And(l) | Self::Or(l) => l.iter().for_each(|e| e.each(f)),
        }
    }
}

/// The end: it matches.
pub(crate) const ACCEPT: u32 = u32::MAX;
/// The end: it does not.
pub(crate) const REJECT: u32 = u32::MAX - 1;

/// Test a term, go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub term: u32,
    /// The group of columns to be looked at first, if it is looked at late; the lane fills it in.
    pub group: u32,
    pub yes: u32,
    pub no: u32,
}

/// What orders the tests of a program: first those that are known anyway, then of an `and` the rarest, of an `or` the
/// commonest.
pub(crate) struct Order<'o> {
    pub likelihood: &'o dyn Fn(u32) -> u32,
    /// Must values be looked at for it?
    pub late: &'o dyn Fn(u32) -> bool,
}

impl Order<'_> {
    fn late(&self, e: &Terms) -> bool {
        let mut late = false;
        e.each(&mut |t| late = late || (self.late)(t));
        late
    }
}

/// Append the program of `e` to `steps`; says where it begins.
pub(crate) fn emit(e: &Terms, yes: u32, no: u32, order: &Order<'_>, steps: &mut Vec<Step>) -> u32 {
    let keyed = |list: &'_ [Terms]| -> Vec<(bool, u32, usize)> {
        list.iter().enumerate().map(|(n, e)| (order.late(e), chance(e, order.likelihood), n)).collect()
    };
    match e {
        Terms::Const(b) => {
            if *b {
                yes
            } else {
                no
            }
        }
        Terms::Term(term) => {
            steps.push(Step { term: *term, group: u32::MAX, yes, no });
            u32::try_from(steps.len() - 1).unwrap_or(REJECT)
        }
        Terms::Not(inner) => emit(inner, no, yes, order, steps),
        // Written from the last test to the first.
        Terms::And(list) => {
            let mut keys = keyed(list);
            keys.sort_by_key(|(late, chance, _)| std::cmp::Reverse((*late, *chance)));
            keys.iter().filter_map(|(.., n)| list.get(*n)).fold(yes, |next, e| emit(e, next, no, order, steps))
        }
        Terms::Or(list) => {
            let mut keys = keyed(list);
            keys.sort_by_key(|(late, chance, _)| (!*late, *chance));
            keys.iter().filter_map(|(.., n)| list.get(*n)).fold(no, |next, e| emit(e, yes, next, order, steps))
        }
    }
}

/// What is left of `e` once some terms are known; nothing is built where that decides it.
pub(crate) fn simplified(e: &Terms, known: &dyn Fn(u32) -> Option<bool>) -> Terms {
    if let Some(b) = decided(e, known) {
        return Terms::Const(b);
    }
    let rest = |list: &[Terms]| -> Vec<Terms> {
        list.iter().filter(|e| decided(e, known).is_none()).map(|e| simplified(e, known)).collect()
    };
    let one = |mut list: Vec<Terms>, many: fn(Vec<Terms>) -> Terms| match (list.len(), list.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            list.extend(last);
            many(list)
        }
    };
    match e {
        Terms::Const(_) | Terms::Term(_) => e.clone(),
        Terms::Not(inner) => Terms::Not(Box::new(simplified(inner, known))),
        Terms::And(list) => one(rest(list), Terms::And),
        Terms::Or(list) => one(rest(list), Terms::Or),
    }
}

/// What `e` comes to whatever the terms that are not known.
fn decided(e: &Terms, known: &dyn Fn(u32) -> Option<bool>) -> Option<bool> {
    // Of a list: `stop` if any member is; its opposite if all members are.
    let list = |list: &[Terms], stop: bool| {
        let mut all = true;
        for e in list {
            match decided(e, known) {
                Some(b) if b == stop => return Some(stop),
                Some(_) => {}
                None => all = false,
            }
        }
        all.then_some(!stop)
    };
    match e {
        Terms::Const(b) => Some(*b),
        Terms::Term(t) => known(*t),
        Terms::Not(e) => decided(e, known).map(|b| !b),
        Terms::And(l) => list(l, false),
        Terms::Or(l) => list(l, true),
    }
}

/// How likely it holds, in thousandths.
fn chance(e: &Terms, likelihood: &dyn Fn(u32) -> u32) -> u32 {
    match e {
        Terms::Const(b) => {
            if *b {
                1_000
            } else {
                0
            }
        }
        Terms::Term(t) => likelihood(*t),
        Terms::Not(e) => 1_000 - chance(e, likelihood),
        Terms::And(l) => l.iter().map(|e| chance(e, likelihood)).min().unwrap_or(1_000),
        Terms::Or(l) => l.iter().map(|e| chance(e, likelihood)).sum::<u32>().min(1_000),
    }
}

/// Terms of which at least one holds whenever `e` does; of several such sets the least likely. `None`: `e` can hold
/// without any term holding.
pub(crate) fn wakers(e: &Terms, likelihood: &dyn Fn(u32) -> u32) -> Option<Vec<u32>> {
    fn walk(e: &Terms, negated: bool, likelihood: &dyn Fn(u32) -> u32) -> Option<Vec<u32>> {
        match (e, negated) {
            (Terms::Const(b), _) => {
                if *b == negated {
                    Some(Vec::new())
                } else {
                    None
                }
            }
            (Terms::Term(t), false) => Some(vec![*t]),
            (Terms::Term(_), true) => None,
            (Terms::Not(e), _) => walk(e, !negated, likelihood),
            (Terms::And(l), false) | (Terms::Or(l), true) => {
                let cost = |s: &Vec<u32>| s.iter().map(|t| u64::from(likelihood(*t))).sum::<u64>();
                l.iter().filter_map(|e| walk(e, negated, likelihood)).min_by_key(cost)
            }
            (Terms::Or(l), false) | (Terms::And(l), true) => {
                let mut all = Vec::new();
                for e in l {
                    all.extend(walk(e, negated, likelihood)?);
                }
                Some(all)
            }
        }
    }
    let mut set = walk(e, false, likelihood)?;
    set.sort_unstable();
    set.dedup();
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Terms::{And, Not, Or, Term};

    #[test]
    fn what_is_known_is_left_out() {
        let known = |t: u32| if t < 10 { Some(t % 2 == 1) } else { None };
        let of = |e: Terms| format!("{:?}", simplified(&e, &known));
        assert_eq!(of(And(vec![Term(1), Term(20)])), "Term(20)");
        assert_eq!(of(And(vec![Term(20), Term(2)])), "Const(false)");
        assert_eq!(of(Or(vec![Not(Box::new(Term(20))), Term(2), Term(21)])), "Or([Not(Term(20)), Term(21)])");
        assert_eq!(of(Not(Box::new(And(vec![Term(1), Term(3)])))), "Const(false)");
        assert_eq!(of(And(vec![])), "Const(true)");
        assert_eq!(of(Or(vec![])), "Const(false)");
    }

    #[test]
    fn wakers_are_necessary() {
        let even = |t: u32| t;
        let e = And(vec![Or(vec![Term(50), Term(60)]), Term(200), Not(Box::new(Term(1)))]);
        assert_eq!(wakers(&e, &even), Some(vec![50, 60]));
        assert_eq!(wakers(&Not(Box::new(Term(1))), &even), None);
        assert_eq!(wakers(&Or(vec![Term(1), Not(Box::new(Term(2)))]), &even), None);
        assert_eq!(wakers(&Terms::Const(false), &even), Some(Vec::new()));
        let doubly = Not(Box::new(Or(vec![Not(Box::new(Term(3))), Term(4)])));
        assert_eq!(wakers(&doubly, &even), Some(vec![3]));
    }
}
