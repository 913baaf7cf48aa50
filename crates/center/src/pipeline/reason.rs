//! The reason sentence: a rule's template filled from the event. Values are cut, so that a hostile one can't flood the
//! queue, and control characters are shown, never acted on.

use bongsu_event::{Event, Field};

/// Characters of one value in a sentence.
const VALUE_CHARS_MAX: usize = 80;

/// What a sentence may name besides the event's fields.
pub struct Facts<'a> {
    /// `{count}`.
    pub count: f64,
    /// `{entity}`.
    pub entity: &'a str,
    /// `{values}`: some of the distinct values counted.
    pub values: &'a [String],
    /// `{agency}`.
    pub agency: &'a str,
    /// `{source}`.
    pub source: &'a str,
    /// Groups of a correlation, by name.
    pub group: &'a [(String, String)],
}

/// Fill a template. `{name}` is a fact, a group, a field or a vendor's field; an unknown or absent one leaves a dash-free gap.
#[must_use]
pub fn fill(template: &str, event: &Event, facts: &Facts<'_>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        out.push_str(before);
        let Some(close) = after.find('}') else {
            out.push_str(after);
            return out;
        };
        let name = after.get(1..close).unwrap_or("");
        out.push_str(&clean(&value(name, event, facts)));
        rest = after.get(close + 1..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

fn value(name: &str, event: &Event, facts: &Facts<'_>) -> String {
    match name {
        "count" if facts.count.fract() == 0.0 => format!("{:.0}", facts.count),
        "count" => format!("{:.1}", facts.count),
        "entity" => facts.entity.to_owned(),
        "values" => facts.values.join(", "),
        "agency" => facts.agency.to_owned(),
        "source" => facts.source.to_owned(),
        _ => facts
            .group
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .or_else(|| Field::from_name(name).and_then(|f| event.get(f)).map(ToString::to_string))
            .or_else(|| event.extra(name).map(str::to_owned))
            .unwrap_or_default(),
    }
}

fn clean(value: &str) -> String {
    let mut shown: String =
        value.chars().take(VALUE_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if value.chars().nth(VALUE_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_event::Micros;

    #[test]
    fn fills_and_cuts() {
        let mut event = Event::unread("x".into(), Micros(0));
        event.set(Field::User, "kim\u{7}");
        let facts =
            Facts { count: 12.0, entity: "192.0.2.7", values: &[], agency: "수안구청", source: "", group: &[] };
        assert_eq!(
            fill("{entity}이 {user}에 {count}번 {nothing}실패", &event, &facts),
            "192.0.2.7이 kim\u{fffd}에 12번 실패"
        );
        assert_eq!(fill("open { brace", &event, &facts), "open { brace");
        event.replace(Field::User, "a".repeat(500).as_str());
        assert_eq!(fill("{user}", &event, &facts).chars().count(), VALUE_CHARS_MAX + 1);
    }
}
