//! What stands after a colon becomes a test, by what the column holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bongsu_event::{EventId, Field, FieldKind, Micros};
use jiff::{Timestamp, civil, tz::TimeZone};

use super::{
    Names, Node, Pattern, Target, Test,
    target::{self, Named},
};
use crate::{
    schema::{self, Kind},
    text::address_number,
};

/// A value as it was written.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// A word; `*` not escaped are wild.
    Word(Vec<Letter>),
    /// In quotes: nothing in it is special.
    Phrase(String),
    /// `>`, `>=`, `<`, `<=`.
    Compare(Order, String),
    /// `[a TO b]`; `{` and `}` leave the end out; `*` is open.
    Range { from: Option<String>, to: Option<String>, with_from: bool, with_to: bool },
}

/// A character, or a wild star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Plain(char),
    Star,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What is wrong, and what was probably meant.
pub(super) type Wrong = (String, Option<String>);

fn wrong(message: impl Into<String>) -> Wrong {
    (message.into(), None)
}

/// Letters without their meaning.
pub(super) fn plain(letters: &[Letter]) -> String {
    letters.iter().map(|l| if let Letter::Plain(c) = l { *c } else { '*' }).collect()
}

/// The pattern of a word for a whole value.
fn pattern(letters: &[Letter]) -> Pattern {
    if !letters.contains(&Letter::Star) {
        return Pattern::Whole(plain(letters));
    }
    let pieces = letters.split(|l| *l == Letter::Star).map(plain).filter(|p| !p.is_empty()).collect();
    Pattern::Wild { pieces, start: letters.first() != Some(&Letter::Star), end: letters.last() != Some(&Letter::Star) }
}

/// Free text: a word, or the parts of it between stars, anywhere in the raw line.
pub(super) fn free_text(letters: &[Letter]) -> Option<Node> {
    match pattern(letters) {
        Pattern::Whole(t) => Some(match t.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(a) => Node::Address(a.to_canonical()),
            Err(_) => Node::Text(Pattern::Within(t)),
        }),
        Pattern::Wild { pieces, .. } if pieces.is_empty() => None,
        Pattern::Wild { pieces, .. } => Some(Node::Text(Pattern::Wild { pieces, start: false, end: false })),
        within => Some(Node::Text(within)),
    }
}

/// The condition of one value on one name.
pub(super) fn test(named: &Named, written: &Written, names: &dyn Names) -> Result<Node, Wrong> {
    if let Written::Word(l) = written
        && l.as_slice() == [Letter::Star]
    {
        return Ok(match named {
            Named::Column(t) => Node::Is(t.clone(), Test::Exists),
            _ => Node::Is(Target::Base("sequence"), Test::Exists),
        });
    }
    match named {
        Named::Agency => by_name(
            "agency_id",
            written,
            |n| names.agencies(n).into_iter().map(|a| a.0).collect(),
            || names.agency_names(),
        ),
        Named::Source => by_name(
            "source_id",
            written,
            |n| names.sources(n).into_iter().map(|s| s.0).collect(),
            || names.source_names(),
        ),
        Named::Raw => match written {
            Written::Phrase(p) => Ok(Node::Text(Pattern::Within(p.clone()))),
            Written::Word(l) => match pattern(l) {
                Pattern::Whole(t) => Ok(Node::Text(Pattern::Within(t))),
                wild => Ok(Node::Text(wild)),
            },
            _ => Err(wrong("raw is text; write raw:word or raw:\"some words\"")),
        },
        Named::Id => {
            let id: EventId = text_of(written)
                .ok_or_else(|| wrong("an id is one value, as id:1-48113902"))?
                .parse()
                .map_err(|e: &str| wrong(e))?;
            let is = |column, n| Node::Is(Target::Base(column), Test::Between(Some(n), Some(n)));
            let sequence = i64::try_from(id.sequence).unwrap_or(i64::MAX);
            Ok(Node::And(vec![is("epoch", i64::from(id.epoch)), is("sequence", sequence)]))
        }
        Named::Column(t) => column(t, written, &names.zone()),
    }
}

fn text_of(written: &Written) -> Option<String> {
    match written {
        Written::Word(l) => Some(plain(l)),
        Written::Phrase(p) => Some(p.clone()),
        _ => None,
    }
}

fn by_name(
    column: &'static str,
    written: &Written,
    find: impl Fn(&str) -> Vec<u32>,
    known: impl Fn() -> Vec<String>,
) -> Result<Node, Wrong> {
    let name = text_of(written).ok_or_else(|| wrong("write a name or a number"))?;
    let mut ids = find(&name);
    if ids.is_empty() {
        match name.parse::<u32>() {
            Ok(n) => ids.push(n),
            Err(_) => {
                let known = known();
                let near = target::nearest(&name, known.iter().map(String::as_str));
                let what = if column == "agency_id" { "agency" } else { "source" };
                return Err((format!("no {what} is called {name}"), near.map(|n| format!("{what}:\"{n}\""))));
            }
        }
    }
    Ok(Node::Is(Target::Base(column), Test::Numbers(ids.into_iter().map(i64::from).collect())))
}

fn column(target: &Target, written: &Written, zone: &TimeZone) -> Result<Node, Wrong> {
    let is = |test| Ok(Node::Is(target.clone(), test));
    match target {
        Target::Field(f) => match f.kind() {
            FieldKind::Text => is(Test::Text(text_pattern(f.name(), written)?)),
            FieldKind::Int => is(numbers(f.name(), written, &|t| t.parse().ok())?),
            FieldKind::Ip => is(addresses(f.name(), written)?),
        },
        Target::AnyOf([Field::SrcIp, ..]) => is(addresses("any_ip", written)?),
        Target::AnyOf(_) | Target::Extra(_) => is(Test::Text(text_pattern("this field", written)?)),
        Target::Base(name) => {
            let kind = schema::base_named(name).map_or(Kind::Text, |(_, b)| b.kind);
            is(match kind {
                Kind::Time => times(written, zone)?,
                Kind::Int => numbers(name, written, &|t| t.parse().ok())?,
                Kind::Severity => numbers(name, written, &target::severity)?,
                Kind::Bool => match text_of(written).as_deref() {
                    Some("true" | "yes" | "1") => Test::True,
                    Some("false" | "no" | "0") => Test::False,
                    _ => return Err(wrong(format!("{name} is true or false"))),
                },
                Kind::Text => Test::Text(text_pattern(name, written)?),
                Kind::Word => {
                    match text_pattern(name, written)? {
                        Pattern::Whole(w) => Test::Text(Pattern::Whole(target::word(name, &w).map_err(|near| {
                            (format!("no {name} is called {w}"), near.map(|n| format!("{name}:{n}")))
                        })?)),
                        wild => Test::Text(wild),
                    }
                }
            })
        }
    }
}

fn text_pattern(name: &str, written: &Written) -> Result<Pattern, Wrong> {
    match written {
        Written::Word(l) => Ok(pattern(l)),
        Written::Phrase(p) => Ok(Pattern::Whole(p.clone())),
        _ => Err(wrong(format!("{name} holds text, which has no order; write a value, or one with *"))),
    }
}

fn numbers(name: &str, written: &Written, read: &dyn Fn(&str) -> Option<i64>) -> Result<Test, Wrong> {
    let number = |t: &str| read(t).ok_or_else(|| wrong(format!("{name} takes a number here, not {t}")));
    Ok(match written {
        Written::Word(_) | Written::Phrase(_) => {
            let n = number(&text_of(written).unwrap_or_default())?;
            Test::Between(Some(n), Some(n))
        }
        Written::Compare(order, t) => span(*order, number(t)?),
        Written::Range { from, to, with_from, with_to } => {
            let from = from.as_deref().map(number).transpose()?;
            let to = to.as_deref().map(number).transpose()?;
            ends(from, to, *with_from, *with_to)
        }
    })
}

fn span(order: Order, n: i64) -> Test {
    match order {
        Order::AtLeast => Test::Between(Some(n), None),
        Order::AtMost => Test::Between(None, Some(n)),
        Order::Above => n.checked_add(1).map_or(Test::Never, |n| Test::Between(Some(n), None)),
        Order::Below => n.checked_sub(1).map_or(Test::Never, |n| Test::Between(None, Some(n))),
    }
}

fn ends(from: Option<i64>, to: Option<i64>, with_from: bool, with_to: bool) -> Test {
    let from = if with_from { from } else { from.map(|n| n.saturating_add(1)) };
    let to = if with_to { to } else { to.map(|n| n.saturating_sub(1)) };
    Test::Between(from, to)
}

/// First and last microsecond of what was written: a day, a minute, an instant.
pub(super) fn instant(written: &str, zone: &TimeZone) -> Option<(i64, i64)> {
    let micros = |t: Timestamp| Micros::from_timestamp(t).0;
    if let Ok(t) = written.parse::<Timestamp>() {
        return Some((micros(t), micros(t)));
    }
    let text = written.replacen(' ', "T", 1);
    let local = |d: civil::DateTime| d.to_zoned(zone.clone()).ok().map(|z| micros(z.timestamp()));
    if let Ok(date) = text.parse::<civil::Date>() {
        if text.contains(['T', 't']) {
            let d = text.parse::<civil::DateTime>().ok()?;
            let from = local(d)?;
            let width = match text.split(['T', 't']).nth(1).map(|t| t.matches(':').count()) {
                Some(0) => 3_600_000_000,
                Some(1) => 60_000_000,
                _ if text.contains('.') => 1,
                _ => 1_000_000,
            };
            return Some((from, from.saturating_add(width - 1)));
        }
        let from = local(date.to_datetime(civil::Time::midnight()))?;
        let next = date.tomorrow().ok().and_then(|d| local(d.to_datetime(civil::Time::midnight())));
        return Some((from, next.map_or(i64::MAX, |n| n - 1)));
    }
    None
}

fn times(written: &Written, zone: &TimeZone) -> Result<Test, Wrong> {
    let read = |t: &str| {
        instant(t, zone).ok_or_else(|| {
            wrong(format!("{t} is no time; write 2026-03-12, 2026-03-12T09:14 or with seconds and +09:00"))
        })
    };
    Ok(match written {
        Written::Word(_) | Written::Phrase(_) => {
            let (from, to) = read(&text_of(written).unwrap_or_default())?;
            Test::Between(Some(from), Some(to))
        }
        Written::Compare(order, t) => {
            let (from, to) = read(t)?;
            span(*order, if matches!(order, Order::Above | Order::AtMost) { to } else { from })
        }
        Written::Range { from, to, with_from, with_to } => {
            let from = from.as_deref().map(read).transpose()?.map(|(a, b)| if *with_from { a } else { b });
            let to = to.as_deref().map(read).transpose()?.map(|(a, b)| if *with_to { b } else { a });
            ends(from, to, *with_from, *with_to)
        }
    })
}

fn addresses(name: &str, written: &Written) -> Result<Test, Wrong> {
    let bad = |t: &str| wrong(format!("{name} takes an address here, as 192.0.2.1 or 192.0.2.0/24, not {t}"));
    let one = |t: &str| t.trim_matches(['[', ']']).parse::<IpAddr>().map(address_number).map_err(|_| bad(t));
    Ok(match written {
        Written::Word(_) | Written::Phrase(_) => {
            let t = text_of(written).unwrap_or_default();
            let (from, to) = network(&t).ok_or_else(|| bad(&t))?;
            Test::Addresses(from, to)
        }
        Written::Compare(order, t) => {
            let n = one(t)?;
            // Within the family: no IPv6 address is above an IPv4 address.
            let (first, last) = if n >> 32 == 0xffff { (0xffff_u128 << 32, 0xffff_ffff_ffff) } else { (0, u128::MAX) };
            match order {
                Order::AtLeast => Test::Addresses(n, last),
                Order::AtMost => Test::Addresses(first, n),
                Order::Above => n.checked_add(1).map_or(Test::Never, |n| Test::Addresses(n, last)),
                Order::Below => n.checked_sub(1).map_or(Test::Never, |n| Test::Addresses(first, n)),
            }
        }
        Written::Range { from, to, with_from, with_to } => {
            let from = from.as_deref().map(one).transpose()?.unwrap_or(0);
            let to = to.as_deref().map(one).transpose()?.unwrap_or(u128::MAX);
            let from = if *with_from { from } else { from.saturating_add(1) };
            let to = if *with_to { to } else { to.saturating_sub(1) };
            Test::Addresses(from, to)
        }
    })
}

/// First and last address of `192.0.2.1`, `192.0.2.0/24`, `192.0.2.*`, `2001:db8::/32`.
pub(crate) fn network(t: &str) -> Option<(u128, u128)> {
    if let Some((address, length)) = t.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let length: u32 = length.parse().ok()?;
        let free = match address {
            IpAddr::V4(_) => 32u32.checked_sub(length)?,
            IpAddr::V6(_) => 128u32.checked_sub(length)?,
        };
        let mask = 1u128.checked_shl(free).map_or(u128::MAX, |m| m - 1);
        let n = match address {
            IpAddr::V4(_) => address_number(address),
            IpAddr::V6(a) => a.to_bits(),
        };
        return Some((n & !mask, n | mask));
    }
    if let Some(start) = t.strip_suffix(".*").map(|s| s.trim_end_matches(".*")) {
        let octets: Vec<u8> = start.split('.').map(|o| o.parse().ok()).collect::<Option<_>>()?;
        let free = 8 * 4u32.checked_sub(u32::try_from(octets.len()).ok()?)?;
        let mut whole = [0u8; 4];
        for (to, from) in whole.iter_mut().zip(&octets) {
            *to = *from;
        }
        let n = address_number(IpAddr::V4(Ipv4Addr::from(whole)));
        return Some((n, n | ((1u128 << free) - 1)));
    }
    let a: IpAddr = t.trim_matches(['[', ']']).parse::<IpAddr>().ok()?;
    let n = address_number(match a {
        IpAddr::V6(a) => Ipv6Addr::to_canonical(&a),
        v4 => v4,
    });
    Some((n, n))
}
