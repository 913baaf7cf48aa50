//! The access lines of web servers, nginx's and Apache's alike: common, combined, with a virtual host in front, and what
//! administrators make of them.
//!
//! Invariant: the source address is the one at the server's own place in front of the line; nothing in quotes (request,
//! referer, user agent, X-Forwarded-For) becomes an address. A list of forwarded addresses in front is marked forgeable.

use std::borrow::Cow;
use std::net::IpAddr;

use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldSet, Severity, Status, Unread};
use memchr::{memchr, memchr2};

use crate::line::Context;
use crate::net;
use crate::when;

/// Most words taken from one access line; the rest stay in the raw bytes.
const WORDS_MAX: usize = 48;
/// Longest request method, bytes.
const METHOD_BYTES_MAX: usize = 24;

/// Shorter words in brackets are no time, bytes.
const TIME_BYTES_MIN: usize = 10;

/// What an outsider writes into an access line.
const OUTSIDERS: FieldSet = FieldSet::of(&[
    Field::User,
    Field::Url,
    Field::UrlPath,
    Field::UrlQuery,
    Field::HttpMethod,
    Field::HttpVersion,
    Field::UserAgent,
    Field::Referer,
    Field::Domain,
    Field::Message,
]);

/// One word of the line and how it was fenced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word<'a> {
    Bare(&'a str),
    Quoted(&'a str),
    Bracketed(&'a str),
}

impl<'a> Word<'a> {
    fn bare(self) -> Option<&'a str> {
        if let Self::Bare(t) = self { Some(t) } else { None }
    }
    fn quoted(self) -> Option<&'a str> {
        if let Self::Quoted(t) = self { Some(t) } else { None }
    }
}

/// Is there a bracketed time with a quoted request behind it? Cheap enough to ask of every line.
pub(crate) fn looks_like_access(body: &str) -> bool {
    let bytes = body.as_bytes();
    let head = bytes.get(..300).unwrap_or(bytes);
    memchr::memchr_iter(b'[', head).take(4).any(|open| {
        let at = |i: usize, b: u8| bytes.get(open + i) == Some(&b);
        (at(3, b'/') && at(7, b'/') && at(12, b':')) && bytes.get(open..).is_some_and(|r| memchr(b'"', r).is_some())
    })
}

/// Read an access line.
pub(crate) fn access(event: &mut Event, body: &str, context: &Context) -> Result<(), Unread> {
    const NOT: Unread = Unread::because("no access line of a web server");
    let line = body.lines().next().unwrap_or(body);
    let words = words_of(line);
    let time_at = words.iter().position(|w| matches!(w, Word::Bracketed(t) if is_time(t))).ok_or(NOT)?;
    let Some(Word::Bracketed(time)) = words.get(time_at) else { return Err(NOT) };
    if !when::set(event, time, context) && when::read(time, context).is_none() {
        return Err(NOT);
    }
    let request_at = request_at(&words, time_at).ok_or(NOT)?;
    event.class = Class::Http;
    event.activity = Activity::Read;
    event.forgeable = OUTSIDERS;
    let front = words.get(..time_at).unwrap_or(&[]);
    if front.is_empty() {
        let between = words.get(1..request_at).unwrap_or(&[]);
        if proxy_manager(event, between, words.get(request_at..).unwrap_or(&[])) {
            return Ok(());
        }
        time_first(event, between);
    } else {
        // ingress-nginx repeats the proxied address in brackets: `192.0.2.7 - [192.0.2.7] - kim [time]`
        let front: Vec<Word<'_>> = match front {
            [client, Word::Bare("-"), Word::Bracketed(_), rest @ ..] => {
                std::iter::once(*client).chain(rest.iter().copied()).collect()
            }
            _ => front.to_vec(),
        };
        identity(event, &front);
        // a virtual host between the time and the request
        let between = words.get(time_at + 1..request_at).unwrap_or(&[]);
        if let [Word::Bare(host) | Word::Quoted(host)] = between
            && host.contains('.')
            && !host.contains([' ', '/'])
            && !host.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        {
            event.set(Field::Domain, host.split(':').next().unwrap_or(host));
        }
    }
    if let Some(request) = words.get(request_at).and_then(|w| w.quoted()) {
        set_request(event, request);
    }
    behind(event, words.get(request_at + 1..).unwrap_or(&[]), line);
    if event.ip(Field::SrcIp).is_some() && !event.forgeable.has(Field::SrcIp) {
        event.evidence = Evidence::Handshake;
    }
    Ok(())
}

/// A time, told from an address or a name in brackets.
fn is_time(text: &str) -> bool {
    text.len() >= TIME_BYTES_MIN && text.contains(':') && text.parse::<IpAddr>().is_err()
}

/// The first quoted word behind the time; of a quoted host name and a request the request.
fn request_at(words: &[Word<'_>], time_at: usize) -> Option<usize> {
    let first = words.iter().skip(time_at).position(|w| w.quoted().is_some())? + time_at;
    let quoted = |i: usize| words.get(i).and_then(|w| w.quoted());
    let is_request = |t: &str| t.rsplit_once(" HTTP/").is_some_and(|(front, _)| front.contains(' '));
    let host_first = quoted(first).is_some_and(|t| !t.contains(' ')) && quoted(first + 1).is_some_and(is_request);
    Some(first + usize::from(host_first))
}

fn words_of(line: &str) -> Vec<Word<'_>> {
    let bytes = line.as_bytes();
    let mut words = Vec::with_capacity(16);
    let mut at = 0;
    while at < bytes.len() && words.len() < WORDS_MAX {
        let (word, end) = match bytes.get(at) {
            Some(b' ' | b'\t') => {
                at += 1;
                continue;
            }
            Some(b'"') => {
                let end = closing_quote(bytes, at + 1);
                (Word::Quoted(line.get(at + 1..end).unwrap_or("")), end + 1)
            }
            Some(b'[') => {
                let end = bytes.get(at..).and_then(|b| memchr(b']', b)).map_or(bytes.len(), |i| i + at);
                (Word::Bracketed(line.get(at + 1..end).unwrap_or("")), end + 1)
            }
            _ => {
                let end = bytes.get(at..).and_then(|b| memchr2(b' ', b'\t', b)).map_or(bytes.len(), |i| i + at);
                (Word::Bare(line.get(at..end).unwrap_or("")), end)
            }
        };
        words.push(word);
        at = end;
    }
    words
}

/// Apache hides a quote behind a backslash; nginx writes `\x22`.
fn closing_quote(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(i) = bytes.get(at..).and_then(|b| memchr2(b'"', b'\\', b)).map(|i| i + at) {
        if bytes.get(i) == Some(&b'"') {
            return i;
        }
        at = i + 2;
    }
    bytes.len()
}

/// `[HOST[:PORT] ]CLIENT[, CLIENT…] IDENT USER`, in front of the time.
fn identity(event: &mut Event, front: &[Word<'_>]) {
    let bare = |i: usize| front.get(i).and_then(|w| w.bare()).unwrap_or("");
    let mut at = 0;
    // a virtual host stands in front only where the second word is an address or a name, not the `-` of ident
    if front.len() >= 4 && bare(1) != "-" && !bare(0).ends_with(',') && (is_client(bare(1)) || !is_client(bare(0))) {
        virtual_host(event, bare(0));
        at = 1;
    }
    // a quoted list of forwarded addresses in front of the peer
    let list = front.get(at).and_then(|w| w.quoted()).filter(|_| is_client(bare(at + 1)));
    let mut clients: Vec<&str> = list.map(|l| l.split(", ").collect()).unwrap_or_default();
    at += usize::from(list.is_some());
    clients.push(bare(at));
    while bare(at).ends_with(',') && at + 1 < front.len() {
        at += 1;
        clients.push(bare(at));
    }
    client(event, &clients);
    let user =
        front.get(at + 2..).unwrap_or(&[]).iter().filter_map(|w| w.bare().or(w.quoted())).collect::<Vec<_>>().join(" ");
    if !user.is_empty() && user != "-" {
        event.set(Field::User, user.as_str());
    }
}

fn is_client(word: &str) -> bool {
    address(word.trim_end_matches(',')).is_some() || word == "localhost" || word.trim_end_matches(',') == "unix:"
}

fn address(word: &str) -> Option<IpAddr> {
    word.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|a| a.to_canonical())
}

/// `www.city.example:443`, `192.0.2.1:80`
fn virtual_host(event: &mut Event, word: &str) {
    let (name, port) = match word.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => (name, Some(port)),
        _ => (word, None),
    };
    if let Some(ip) = address(name) {
        event.set(Field::DstIp, ip);
    }
    if name != "-" && name != "_" {
        event.set(Field::Domain, name);
    }
    if let Some(port) = port {
        event.set_text(Field::DstPort, port);
    }
}

/// One client is the server's own word. A list is what proxies and strangers wrote: the first public one, marked.
fn client(event: &mut Event, clients: &[&str]) {
    let found: Vec<IpAddr> = clients.iter().filter_map(|c| address(c.trim_end_matches(','))).collect();
    let public = |a: &&IpAddr| match a {
        IpAddr::V4(v4) => !v4.is_private() && !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unique_local() && !v6.is_unicast_link_local(),
    };
    if clients.len() > 1 {
        event.forgeable.insert(Field::SrcIp);
    }
    match (found.iter().find(public).or(found.first()), clients.first()) {
        (Some(ip), _) => event.set(Field::SrcIp, *ip),
        (None, Some(name)) => {
            let name = name.trim_end_matches(',');
            // `192.0.2.1:50122`: an address with its port
            match name.rsplit_once(':').and_then(|(a, p)| Some((address(a)?, p.parse::<u16>().ok()?))) {
                Some((ip, port)) => {
                    event.set(Field::SrcIp, ip);
                    event.set(Field::SrcPort, i64::from(port));
                }
                None if name != "-" => {
                    event.set(Field::SrcHost, name.trim_end_matches(':'));
                    event.set(Field::SrcDomain, name.trim_end_matches(':'));
                }
                None => {}
            }
        }
        (None, None) => {}
    }
}

/// `[time] [HOST ]CLIENT …`: the time in front, as in Apache's `ssl_request_log`.
fn time_first(event: &mut Event, words: &[Word<'_>]) {
    let bare: Vec<&str> = words.iter().filter_map(|w| w.bare()).collect();
    let Some(at) = bare.iter().position(|w| address(w).is_some()) else { return };
    if let Some(ip) = bare.get(at).and_then(|w| address(w)) {
        event.set(Field::SrcIp, ip);
    }
    if let Some(host) = bare.first().filter(|_| at == 1) {
        virtual_host(event, host);
    }
    if let (Some(version), Some(cipher)) = (bare.get(at + 1), bare.get(at + 2))
        && (version.starts_with("TLS") || version.starts_with("SSL"))
    {
        event.add_extra("tls_version", version);
        event.add_extra("tls_cipher", cipher);
    }
}

/// Nginx Proxy Manager: `[time] [CACHE STATUS ]STATUS - METHOD SCHEME HOST "URI" [Client A] [Length N] [Gzip N]
/// [Sent-to S] "AGENT" "REFERER"`
fn proxy_manager(event: &mut Event, between: &[Word<'_>], behind: &[Word<'_>]) -> bool {
    let labelled = |name: &str| {
        behind
            .iter()
            .find_map(|w| if let Word::Bracketed(t) = w { t.strip_prefix(name)?.strip_prefix(' ') } else { None })
    };
    let Some(peer) = labelled("Client") else { return false };
    let bare: Vec<&str> = between.iter().filter_map(|w| w.bare()).collect();
    let [.., status, _, method, scheme, host] = bare.as_slice() else { return false };
    if let Ok(status) = status.parse::<i64>() {
        set_status(event, status);
    }
    event.set(Field::HttpMethod, *method);
    event.activity = activity_of(method);
    event.set(Field::Domain, *host);
    event.add_extra("scheme", scheme);
    let mut quoted = behind.iter().filter_map(|w| w.quoted());
    set_url_parts(event, quoted.next().unwrap_or(""));
    event.set(Field::UserAgent, quoted.next().unwrap_or(""));
    event.set(Field::Referer, quoted.next().filter(|r| *r != "-").unwrap_or(""));
    if let Some(bytes) = labelled("Length").and_then(|n| n.parse::<i64>().ok()) {
        event.set(Field::BytesIn, bytes);
        event.set(Field::Bytes, bytes);
    }
    if let Some(server) = labelled("Sent-to") {
        event.add_extra("upstream", server);
    }
    if let Some(ip) = address(peer) {
        event.set(Field::SrcIp, ip);
        event.evidence = Evidence::Handshake;
    }
    true
}

fn set_status(event: &mut Event, status: i64) {
    event.set(Field::HttpStatus, status);
    event.status = if status < 400 { Status::Success } else { Status::Failure };
    if status >= 500 {
        event.severity = Severity::Low;
    }
}

fn activity_of(method: &str) -> Activity {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "PROPFIND" | "TRACE" => Activity::Read,
        "DELETE" => Activity::Delete,
        "CONNECT" => Activity::Open,
        _ => Activity::Update,
    }
}

/// `GET /path?query HTTP/1.1`
pub(crate) fn set_request(event: &mut Event, request: &str) {
    if request.is_empty() || request == "-" {
        return;
    }
    let request = unquote(request);
    let (method, rest) = request.split_once(' ').unwrap_or(("", &request));
    let (url, version) = match rest.rsplit_once(' ') {
        Some((url, version)) if version.starts_with("HTTP/") => (url, version.trim_start_matches("HTTP/")),
        _ => (rest, ""),
    };
    let fits = |b: u8| {
        if version.is_empty() { b.is_ascii_uppercase() } else { b.is_ascii_alphabetic() || matches!(b, b'_' | b'-') }
    };
    let is_method = !method.is_empty() && method.len() <= METHOD_BYTES_MAX && method.bytes().all(fits);
    if !is_method && version.is_empty() {
        // a TLS hello, a port scanner's greeting: no request at all
        event.set(Field::Url, request.as_ref());
        return;
    }
    if is_method {
        event.set(Field::HttpMethod, method);
        event.activity = activity_of(method);
    }
    event.set(Field::HttpVersion, version);
    set_url_parts(event, url);
}

/// `url`, `url_path`, `url_query`, and of an absolute one `domain`.
pub(crate) fn set_url_parts(event: &mut Event, url: &str) {
    net::set_url(event, url);
    // `://` behind the path is part of a query, as in `/x?next=http://…`
    let path = match url.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?'])) {
        Some((_, rest)) => rest.find('/').and_then(|i| rest.get(i..)).unwrap_or("/"),
        None => url,
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    event.set(Field::UrlPath, path);
    event.set(Field::UrlQuery, query);
}

fn unquote(text: &str) -> Cow<'_, str> {
    if text.contains("\\\"") { Cow::Owned(text.replace("\\\"", "\"")) } else { Cow::Borrowed(text) }
}

/// Status, bytes, referer, user agent, and what administrators add.
fn behind(event: &mut Event, words: &[Word<'_>], line: &str) {
    let mut numbers = words.iter().take_while(|w| w.bare().is_some()).filter_map(|w| w.bare());
    let first = numbers.next().and_then(|n| n.parse::<i64>().ok());
    let bytes = match first.filter(|s| (100..1000).contains(s)) {
        Some(status) => {
            set_status(event, status);
            numbers.next().and_then(|b| b.parse::<i64>().ok())
        }
        // Apache's ssl_request_log ends in the bytes
        None => first,
    };
    if let Some(bytes) = bytes {
        event.set(Field::BytesIn, bytes);
        event.set(Field::Bytes, bytes);
    }
    let mut quoted = words.iter().filter_map(|w| w.quoted());
    let first = quoted.next();
    let second = quoted.next();
    match (first, second) {
        (Some(referer), Some(agent)) => {
            if referer != "-" {
                event.set(Field::Referer, unquote(referer).as_ref());
            }
            event.set(Field::UserAgent, unquote(agent).as_ref());
            if let Some(forwarded) = quoted.next().filter(|f| *f != "-" && !f.is_empty()) {
                event.add_extra("x_forwarded_for", forwarded);
            }
        }
        (Some(agent), None) if agent != "-" => event.set(Field::UserAgent, agent),
        (Some(_), None) => {}
        // no quotes: `… 401 77 935 - agent/1.0 (system)`
        (None, _) if words.len() > 4 => {
            let rest = line.rsplit_once('"').map_or("", |(_, r)| r).trim_start();
            event.set(Field::UserAgent, rest.splitn(5, ' ').nth(4).unwrap_or(""));
        }
        (None, _) => {}
    }
    ingress(event, words);
}

/// What Kubernetes' ingress-nginx writes behind the user agent: `450 0.001 [upstream] [] 192.0.2.1:80 59 0.000 200 id`.
fn ingress(event: &mut Event, words: &[Word<'_>]) {
    let Some(upstream_at) = words.iter().position(|w| matches!(w, Word::Bracketed(_))) else { return };
    let number = |back: usize| upstream_at.checked_sub(back).and_then(|i| words.get(i)).and_then(|w| w.bare());
    let (Some(length), Some(seconds)) = (number(2).and_then(|n| n.parse::<i64>().ok()), number(1)) else { return };
    if !seconds.contains('.') {
        return;
    }
    event.set(Field::BytesOut, length);
    net::set_seconds(event, seconds);
    if let Some(Word::Bracketed(name)) = words.get(upstream_at) {
        event.add_extra("upstream", name);
    }
    if let Some(server) = words.get(upstream_at + 1..).unwrap_or(&[]).iter().find_map(|w| w.bare()) {
        event.add_extra("upstream_addr", server);
    }
}

/// What ModSecurity says in an error log, on either server: `ModSecurity: Access denied with code 403 … [id "941100"]
/// [msg "XSS Attack"] [severity "CRITICAL"] [uri "/x"]`. True if it speaks. Its values hold the request's own text, so only
/// the first of each name counts.
pub(crate) fn modsecurity(event: &mut Event, message: &str) -> bool {
    let Some((_, text)) = message.split_once("ModSecurity: ") else { return false };
    event.class = Class::Finding;
    let denied = text.starts_with("Access denied");
    event.activity = if denied { Activity::Deny } else { Activity::Detect };
    event.status = if denied { Status::Failure } else { Status::Unknown };
    event.set(Field::Action, if denied { "denied" } else { "detected" });
    let mut rest = text;
    while let Some((name, behind)) = rest.split_once(" [").and_then(|(_, r)| r.split_once(" \"")) {
        let Some((value, after)) = behind.split_once("\"]") else { break };
        rest = after;
        match name {
            "id" => event.set(Field::RuleId, value),
            "msg" => event.set(Field::Signature, value),
            "severity" => event.set(Field::SourceSeverity, value),
            "uri" => set_url_parts(event, value),
            "hostname" => event.set(Field::Domain, value),
            "file" | "line" | "data" | "tag" | "unique_id" | "ver" => event.add_extra(name, value),
            _ => {}
        }
    }
    event.severity = event.text(Field::SourceSeverity).and_then(net::severity_word).unwrap_or(Severity::Medium);
    true
}
