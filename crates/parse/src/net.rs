//! What the network formats share: protocol names, users with domains, URLs, severities, flows.
//!
//! Invariant: pure helpers over one event; nothing here knows a vendor.

use std::borrow::Cow;

use bongsu_event::{Event, Field, FieldSet, Severity};

/// Columns whose text an outsider can choose: names typed at a login, requests, file and mail names, free messages.
pub(crate) const OUTSIDERS_TEXT: FieldSet = FieldSet::of(&[
    Field::User,
    Field::UserDomain,
    Field::DstUser,
    Field::Url,
    Field::UrlPath,
    Field::UrlQuery,
    Field::Domain,
    Field::UserAgent,
    Field::Referer,
    Field::File,
    Field::Message,
    Field::EmailFrom,
    Field::EmailTo,
    Field::EmailSubject,
    Field::SrcHost,
    Field::HttpMethod,
]);

/// A protocol by its IANA number or name, in small letters.
pub(crate) fn proto_name(text: &str) -> Cow<'_, str> {
    // `006`: netflow pads its numbers
    let padded = text.len() > 1 && text.bytes().all(|b| b.is_ascii_digit());
    let text = if padded { text.trim_start_matches('0') } else { text };
    Cow::Borrowed(match text {
        "0" => "hopopt",
        "1" => "icmp",
        "2" => "igmp",
        "4" => "ipip",
        "6" | "TCP" => "tcp",
        "17" | "UDP" => "udp",
        "41" => "ipv6",
        "47" => "gre",
        "50" => "esp",
        "51" => "ah",
        "58" | "ICMP6" | "icmp6" | "ICMPv6" | "icmpv6" | "IPv6-ICMP" => "ipv6-icmp",
        "88" => "eigrp",
        "89" => "ospf",
        "103" => "pim",
        "112" => "vrrp",
        "132" => "sctp",
        t if t.bytes().any(|b| b.is_ascii_uppercase()) => return Cow::Owned(t.to_ascii_lowercase()),
        t => t,
    })
}

/// Set `proto`, unless the text says none.
pub(crate) fn set_proto(event: &mut Event, text: &str) {
    if !text.is_empty() {
        event.set(Field::Proto, proto_name(text).as_ref());
    }
}

/// Is the event's protocol TCP?
pub(crate) fn is_tcp(event: &Event) -> bool {
    event.text(Field::Proto) == Some("tcp")
}

/// `DOMAIN\user`, `user@domain` or a plain name.
pub(crate) fn user_parts(text: &str) -> (&str, Option<&str>) {
    if let Some((domain, user)) = text.rsplit_once('\\') {
        // doubled by a sender's escaping
        let domain = domain.trim_end_matches('\\');
        if !user.is_empty() && !domain.is_empty() {
            return (user, Some(domain));
        }
    }
    match text.rsplit_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() && !domain.contains(' ') => (user, Some(domain)),
        _ => (text, None),
    }
}

/// Set `user` (and `user_domain`) from a name with or without its domain.
pub(crate) fn set_user(event: &mut Event, text: &str) {
    let (user, domain) = user_parts(text);
    event.set(Field::User, user);
    if let Some(d) = domain {
        event.set(Field::UserDomain, d);
    }
}

/// Set `url`; of an absolute one the host too, as `domain`.
pub(crate) fn set_url(event: &mut Event, url: &str) {
    event.set(Field::Url, url);
    if let Some(host) = url_host(url) {
        event.set(Field::Domain, host);
    }
}

/// The host of an absolute URL, without user and port.
pub(crate) fn url_host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+') {
        return None;
    }
    authority_host(rest)
}

/// The host of `user@host:port/path`.
pub(crate) fn authority_host(text: &str) -> Option<&str> {
    let end = text.bytes().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(text.len());
    let authority = text.get(..end)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    let host = if let Some(v6) = host.strip_prefix('[') {
        v6.split_once(']')?.0
    } else {
        host.split_once(':').map_or(host, |(h, _)| h)
    };
    (!host.is_empty()).then_some(host)
}

/// A file hash into the column of its length.
pub(crate) fn set_hash(event: &mut Event, text: &str) {
    let hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let field = match text.len() {
        32 if hex => Field::Md5,
        40 if hex => Field::Sha1,
        64 if hex => Field::Sha256,
        _ => return,
    };
    event.set(field, text);
}

/// Whole seconds (`12`, `12.5`) as the milliseconds of `duration`.
pub(crate) fn set_seconds(event: &mut Event, text: &str) {
    if let Some(ms) = text.trim().parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0).map(|s| s * 1000.0) {
        event.set(Field::Duration, ms as i64);
    }
}

/// `h:mm:ss` as the milliseconds of `duration`.
pub(crate) fn set_clock(event: &mut Event, text: &str) {
    let seconds = text.split(':').try_fold(0i64, |sum, part| {
        let n: i64 = part.trim_end_matches(['h', 'm', 's']).parse().ok()?;
        sum.checked_mul(60)?.checked_add(n)
    });
    if let Some(s) = seconds {
        event.set(Field::Duration, s.saturating_mul(1000));
    }
}

/// Fill `bytes` and `packets` where both directions are known.
pub(crate) fn set_sums(event: &mut Event) {
    for (sum, out, into) in
        [(Field::Bytes, Field::BytesOut, Field::BytesIn), (Field::Packets, Field::PacketsOut, Field::PacketsIn)]
    {
        if let (Some(a), Some(b)) = (event.int(out), event.int(into)) {
            event.set(sum, a.saturating_add(b));
        }
    }
}

/// Bytes in both directions.
pub(crate) fn both_ways(event: &Event) -> bool {
    event.int(Field::BytesOut).is_some_and(|n| n > 0) && event.int(Field::BytesIn).is_some_and(|n| n > 0)
}

/// Syslog's eight levels in our five steps.
pub(crate) fn syslog_severity(level: u8) -> Severity {
    match level {
        0 | 1 => Severity::Critical,
        2 => Severity::High,
        3 => Severity::Medium,
        4 => Severity::Low,
        _ => Severity::Info,
    }
}

/// A severity said in words, English or Korean.
pub(crate) fn severity_word(text: &str) -> Option<Severity> {
    let is = |words: &[&str]| words.iter().any(|w| text.eq_ignore_ascii_case(w));
    Some(if is(&["critical", "very-high", "very high", "emergency", "emerg", "fatal", "치명", "심각", "긴급"]) {
        Severity::Critical
    } else if is(&["high", "alert", "crit", "major", "severe", "높음", "상", "위험", "매우높음"]) {
        Severity::High
    } else if is(&["medium", "middle", "moderate", "error", "err", "medium-risk", "중간", "보통", "중", "경고"])
    {
        Severity::Medium
    } else if is(&["low", "warning", "warn", "minor", "낮음", "하", "주의"]) {
        Severity::Low
    } else if is(&[
        "info",
        "information",
        "informational",
        "notice",
        "notification",
        "debug",
        "debugging",
        "none",
        "unknown",
        "정보",
        "관심",
    ]) {
        Severity::Info
    } else {
        return None;
    })
}

/// Is it written only to say there is nothing?
#[inline]
pub(crate) fn is_nothing(text: &str) -> bool {
    // asked of every value: most are told by their first letter
    if !matches!(text.as_bytes().first(), None | Some(b'-' | b'N' | b'n' | b'(')) {
        return false;
    }
    matches!(text, "" | "-" | "--" | "---" | "N/A" | "n/a" | "(null)" | "null" | "NULL" | "none" | "None" | "(empty)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing() {
        for text in ["", "-", "--", "---", "N/A", "n/a", "(null)", "null", "NULL", "none", "None", "(empty)"] {
            assert!(is_nothing(text), "{text}");
        }
        for text in ["0", "-1", "nobody", "Null", "(", "없음", " "] {
            assert!(!is_nothing(text), "{text}");
        }
    }

    #[test]
    fn users_come_apart() {
        assert_eq!(user_parts("kim"), ("kim", None));
        assert_eq!(user_parts("CITY\\kim"), ("kim", Some("CITY")));
        assert_eq!(user_parts("CITY\\\\kim"), ("kim", Some("CITY")));
        assert_eq!(user_parts("kim@city.example"), ("kim", Some("city.example")));
        assert_eq!(user_parts("@x"), ("@x", None));
    }

    #[test]
    fn hosts_of_urls() {
        assert_eq!(url_host("https://kim:pw@www.city.example:8443/a?b=c"), Some("www.city.example"));
        assert_eq!(url_host("http://[2001:db8::1]:80/"), Some("2001:db8::1"));
        assert_eq!(url_host("/path://x"), None);
        assert_eq!(authority_host("www.city.example/x"), Some("www.city.example"));
    }
}
