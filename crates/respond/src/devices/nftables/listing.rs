//! What `nft -j list table` says, read leniently: unknown keys are passed over, what is missing makes it unsound.

use bongsu_event::Micros;
use ipnet::IpNet;
use serde_json::Value;

use super::script::{DROPS, HOOKS, PRIORITY, Set, rules};
use crate::{Element, Found};

/// Reads one listing.
pub(super) fn read(text: &str, now: Micros) -> Found {
    let Ok(root) = serde_json::from_str::<Value>(text) else {
        return Found { unsound: "nft answered something that is not JSON".to_owned(), elements: Vec::new() };
    };
    let objects = root.get("nftables").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Found { unsound: unsound(objects).unwrap_or_default(), elements: elements(objects, now) }
}

fn each<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter_map(move |o| o.get(kind))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What is wrong with table, sets, chains and rules.
fn unsound(objects: &[Value]) -> Option<String> {
    // Ours has no flags; nft 1.0.6 writes a wrong word for `dormant`, so any at all is too much.
    let table = each(objects, "table").next();
    if table.is_none_or(|t| t.get("flags").is_some()) {
        return Some("the table is missing or switched off".to_owned());
    }
    if let Some(set) = Set::ALL.into_iter().find(|s| !each(objects, "set").any(|found| text(found, "name") == s.name()))
    {
        return Some(format!("the set {} is missing", set.name()));
    }
    if let Some(hook) = HOOKS.into_iter().find(|h| !hooked(objects, h)) {
        return Some(format!("the chain {hook} is missing or altered"));
    }
    let mut found = in_chain(objects, DROPS);
    let in_order = rules().all(|(set, end)| found.next().is_some_and(|r| drops(r, set, end)));
    if !in_order || found.next().is_some() {
        return Some("the rules that drop were altered".to_owned());
    }
    let strange = |c: &&Value| !HOOKS.contains(&text(c, "name")) && text(c, "name") != DROPS;
    each(objects, "chain").find(strange).map(|c| format!("the chain {} is not ours", text(c, "name")))
}

fn in_chain<'a>(objects: &'a [Value], chain: &'a str) -> impl Iterator<Item = &'a Value> {
    each(objects, "rule").filter(move |r| text(r, "chain") == chain)
}

fn hooked(objects: &[Value], hook: &str) -> bool {
    let stands = each(objects, "chain").any(|c| {
        text(c, "name") == hook
            && text(c, "hook") == hook
            && text(c, "policy") == "accept"
            && c.get("prio").and_then(Value::as_i64) == Some(PRIORITY)
    });
    let mut rules = in_chain(objects, hook);
    let jumps = rules.next().and_then(|r| r.pointer("/expr/0/jump/target")).and_then(Value::as_str) == Some(DROPS);
    stands && jumps && rules.next().is_none()
}

fn drops(rule: &Value, set: Set, end: &str) -> bool {
    let at = |path| rule.pointer(path).and_then(Value::as_str).unwrap_or_default();
    at("/expr/0/match/op") == "=="
        && at("/expr/0/match/left/payload/protocol") == set.protocol()
        && at("/expr/0/match/left/payload/field") == end
        && at("/expr/0/match/right").strip_prefix('@') == Some(set.name())
        && rule.pointer("/expr/1").is_some_and(|e| e.get("drop").is_some())
        && rule.pointer("/expr/2").is_none()
}

fn elements(objects: &[Value], now: Micros) -> Vec<Element> {
    let mut all = Vec::new();
    for found in each(objects, "set") {
        let Some(set) = Set::by_name(text(found, "name")) else { continue };
        for item in found.get("elem").and_then(Value::as_array).into_iter().flatten() {
            all.push(element(item, set, now));
        }
    }
    all
}

fn element(item: &Value, set: Set, now: Micros) -> Element {
    let body = item.get("elem").unwrap_or(item);
    let value = body.get("val").unwrap_or(body);
    let count = |key| body.pointer(key).and_then(Value::as_u64);
    // nft says whole seconds, rounded down: half of one more is the likeliest end.
    let left = body.get("expires").and_then(Value::as_i64);
    Element {
        net: net(value),
        direction: set.direction(),
        text: key(value),
        packets: count("/counter/packets"),
        bytes: count("/counter/bytes"),
        expires_at: left.map(|s| Micros(now.plus_seconds(s).0.saturating_add(Micros::SECOND / 2))),
    }
}

fn net(value: &Value) -> Option<IpNet> {
    if let Some(address) = value.as_str() {
        return address.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    }
    let prefix = value.get("prefix")?;
    let len = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
    IpNet::new(prefix.get("addr")?.as_str()?.parse().ok()?, len).ok()
}

/// As nft reads it again.
fn key(value: &Value) -> String {
    match (value, value.get("range").and_then(Value::as_array).map(Vec::as_slice)) {
        (Value::String(s), _) => s.clone(),
        (_, Some([Value::String(from), Value::String(to)])) => format!("{from}-{to}"),
        _ => match value.get("prefix") {
            Some(p) => format!("{}/{}", text(p, "addr"), p.get("len").and_then(Value::as_u64).unwrap_or_default()),
            None => value.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_our_table_is_unsound_and_nothing_panics() {
        for text in ["", "{}", "[]", r#"{"nftables":[{"table":{}},{"set":{"name":"block4","elem":[1,{"elem":{}}]}}]}"#]
        {
            assert!(!read(text, Micros(0)).unsound.is_empty(), "{text}");
        }
    }
}
