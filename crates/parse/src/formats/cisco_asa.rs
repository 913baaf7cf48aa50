//! Cisco ASA, and the PIX, FWSM and Firepower (FTD) messages of the same kind: `%ASA-6-302013: Built …`.
//!
//! Invariant: what a message says is read by the form of its number (`cisco_asa/forms.rs`), from the front; a user name
//! or URL inside it never supplies an address.

mod forms;

use bongsu_event::{Activity, Class, Event, Evidence, Field, Status, TimeFrom, Unread, Value};
use memchr::memmem;

use crate::net;
use crate::{Format, Line, when};

/// Cisco ASA.
pub struct CiscoAsa;

impl Format for CiscoAsa {
    fn name(&self) -> &'static str {
        "cisco_asa"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        if Mark::find(line.body).or_else(|| Mark::find(line.text)).is_some() { 95 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let mark = Mark::find(line.body)
            .or_else(|| Mark::find(line.text))
            .ok_or(Unread::because("no %ASA-level-number: of a Cisco firewall"))?;
        event.set(Field::Vendor, "Cisco");
        event.set(Field::Product, mark.product);
        event.set(Field::EventCode, mark.number);
        event.set(Field::SourceSeverity, mark.level);
        event.severity = net::syslog_severity(mark.level.parse().unwrap_or(6));
        event.set(Field::Message, mark.message);
        event.forgeable = net::OUTSIDERS_TEXT;
        own_header(event, line);
        let number = mark.number.parse().unwrap_or(0);
        let mut told = Told::default();
        read(number, mark.message, &mut told);
        write(event, number, &told);
        judge(event, number, mark.message);
        if told.doubtful {
            event.forgeable.insert(Field::SrcIp);
            event.evidence = Evidence::None;
        }
        Ok(())
    }
}

/// Time and device in front of the mark, where nothing in them says syslog.
pub(super) fn own_header(event: &mut Event, line: &Line<'_>) {
    if event.time_from != TimeFrom::Receipt {
        return;
    }
    let before = line.text.find('%').and_then(|i| line.text.get(..i)).unwrap_or("");
    let Some((stamp, rest)) = when::prefix(before, line.context) else { return };
    when::apply(event, stamp, if stamp.zoned { TimeFrom::Line } else { TimeFrom::LineLocal });
    let host = rest.trim_start_matches([' ', ':']).split(' ').next().unwrap_or("");
    event.set(Field::Host, host.trim_end_matches(':'));
}

/// The `%ASA-6-302013: ` in front of a message.
struct Mark<'a> {
    product: &'static str,
    level: &'a str,
    number: &'a str,
    message: &'a str,
}

impl<'a> Mark<'a> {
    fn find(text: &'a str) -> Option<Self> {
        memchr::memchr_iter(b'%', text.as_bytes()).take(8).find_map(|i| Self::at(text.get(i + 1..)?))
    }

    fn at(text: &'a str) -> Option<Self> {
        let (head, message) = text.split_once(':')?;
        let (name, rest) = head.split_once('-')?;
        let product = match name {
            "ASA" => "ASA",
            "FTD" | "FDT" => "Firepower Threat Defense",
            "NGIPS" => "Firepower NGIPS",
            "PIX" => "PIX",
            "FWSM" => "FWSM",
            _ => return None,
        };
        // `%ASA-session-5-106100` names the group of the message in between
        let (rest, number) = rest.rsplit_once('-')?;
        let level = rest.rsplit('-').next()?;
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        // 43000x is Firepower's own list of `Key: value`
        let ours = digits(number, 6) && digits(level, 1) && !number.starts_with("43000");
        ours.then(|| Self { product, level, number, message: message.trim_start() })
    }
}

/// One side of a flow.
#[derive(Clone, Copy, Default)]
struct End<'a> {
    interface: &'a str,
    host: &'a str,
    port: &'a str,
    nat: &'a str,
    nat_port: &'a str,
    user: &'a str,
}

impl<'a> End<'a> {
    /// What stands in brackets behind an address: its translation, or who is logged on there.
    fn take_group(&mut self, group: &'a str) {
        let first = group.split(',').next().unwrap_or("").trim();
        if let Some((nat, nat_port)) = first.rsplit_once('/').or(Some((first, "")))
            && (first.contains('/') || Field::SrcIp.read(nat).is_some())
        {
            if self.nat.is_empty() {
                (self.nat, self.nat_port) = (nat, nat_port);
            }
            return;
        }
        let user = first.strip_prefix("user= ").unwrap_or(first);
        // `9999:name` is a security group, `type 3` an ICMP kind
        let tag = user.split_once(':').is_some_and(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()));
        let kind = user.starts_with("type ") || user.bytes().all(|b| b.is_ascii_digit());
        if self.user.is_empty() && !user.is_empty() && !tag && !kind {
            self.user = user;
        }
    }
}

/// What a message said, before it goes into columns: an outbound connection turns its ends around.
#[derive(Default)]
struct Told<'a> {
    src: End<'a>,
    dst: End<'a>,
    /// The translated source of an ICMP connection, said apart.
    global: &'a str,
    /// A name could have supplied the address: more than one stands where it should be.
    doubtful: bool,
    direction: &'a str,
    values: Vec<(u8, &'a str)>,
}

/// How far into a sentence without a form of its own the protocol is looked for, words.
const ANY_WORDS: usize = 16;

fn read<'a>(number: u32, message: &'a str, told: &mut Told<'a>) {
    let own = forms::FORMS.binary_search_by_key(&number, |(n, _)| *n).ok().and_then(|i| forms::FORMS.get(i));
    if own.is_some_and(|(_, forms)| first_fit(forms, message, told, false)) {
        if number == 313_005 {
            original_flow(message, told);
        }
        return;
    }
    let family = forms::FAMILIES.iter().find(|(from, to, _)| (*from..=*to).contains(&number));
    if family.is_some_and(|(_, _, forms)| first_fit(forms, message, told, false)) {
        return;
    }
    if message.starts_with("Group = ") || message.starts_with("IP = ") || message.starts_with("Username = ") {
        return assignments(message, told);
    }
    if !first_fit(&["Group {g} User {u} IP {S} {r}"], message, told, false)
        && first_fit(forms::ANY, message, told, true)
    {
        let named = |w: &&str| ["tcp", "udp", "icmp"].iter().any(|p| w.eq_ignore_ascii_case(p));
        if let Some(proto) = message.split(' ').take(ANY_WORDS).find(named) {
            told.values.push((b'p', proto));
        }
    }
    if (713_000..716_000).contains(&number) && told.values.is_empty() {
        told.values.push((b'r', message));
    }
}

/// `Original IP payload: udp src 192.0.2.3/53 dst 198.51.100.2/5353.`: the flow an ICMP error is about.
fn original_flow<'a>(message: &'a str, told: &mut Told<'a>) {
    let Some((_, payload)) = message.split_once("riginal IP payload: ") else { return };
    let mut flow = Told::default();
    if fit("{p} src {S} dst {D}", payload.trim_end_matches('.'), &mut flow, false) {
        (told.src.host, told.src.port) = (flow.src.host, flow.src.port);
        (told.dst.host, told.dst.port) = (flow.dst.host, flow.dst.port);
    }
}

fn first_fit<'a>(forms: &[&str], message: &'a str, told: &mut Told<'a>, addresses_only: bool) -> bool {
    forms.iter().any(|form| {
        let mut tried = Told::default();
        let fits = fit(form, message, &mut tried, addresses_only);
        if fits {
            *told = tried;
        }
        fits
    })
}

/// Lay a form over a message.
fn fit<'a>(form: &str, message: &'a str, told: &mut Told<'a>, addresses_only: bool) -> bool {
    let mut rest = message;
    let mut form = form;
    let mut optional = false;
    loop {
        // the literal up to the next place
        let (literal, after) = match form.split_once('{') {
            Some((l, a)) => (l, Some(a)),
            None => (form, None),
        };
        let literal = match literal.split_once('|') {
            Some((before, behind)) => {
                let Some(r) = rest.strip_prefix(before) else { return false };
                rest = r;
                optional = true;
                behind
            }
            None => literal,
        };
        let Some(r) = rest.strip_prefix(literal) else { return optional };
        rest = r;
        let Some(after) = after else { return true };
        let Some((place, next)) = after.split_once('}') else { return true };
        let place = place.bytes().next().unwrap_or(b'x');
        // the value runs to the literal behind the place, or to the end
        let (stop, maybe) = stop_of(next);
        let value = if stop.is_empty() {
            rest
        } else if place == b'u' && stop == next && rest.ends_with(stop) {
            // the form ends here: dots and blanks before its last word are the name's
            rest.get(..rest.len() - stop.len()).unwrap_or("")
        } else if let Some(end) = name_end(place, stop, next, rest, told) {
            rest.get(..end).unwrap_or("")
        } else {
            match memmem::find(rest.as_bytes(), stop.as_bytes()) {
                Some(i) => rest.get(..i).unwrap_or(""),
                None if maybe || optional => rest,
                None => return false,
            }
        };
        if !put(place, value, told, addresses_only) {
            return false;
        }
        rest = rest.get(value.len()..).unwrap_or("");
        if rest.is_empty() && (maybe || optional) {
            return true;
        }
        form = next;
    }
}

/// A name may hold the very words that should end it. Where an address follows the name, the last place with an
/// address behind it is the sender's own.
fn name_end(place: u8, stop: &str, next: &str, rest: &str, told: &mut Told<'_>) -> Option<usize> {
    let address_next = next.split_once('{').is_some_and(|(_, p)| p.starts_with("S}"));
    if place != b'u' || !address_next {
        return None;
    }
    let addressed = |i: &usize| {
        let behind = rest.get(i + stop.len()..).unwrap_or("");
        Field::SrcIp.read(endpoint(behind).host).is_some()
    };
    let mut ends = memmem::find_iter(rest.as_bytes(), stop.as_bytes()).filter(addressed);
    let first = ends.next()?;
    let last = ends.last();
    told.doubtful |= last.is_some();
    Some(last.unwrap_or(first))
}

/// The literal that ends a place, and whether what follows may be missing.
fn stop_of(next: &str) -> (&str, bool) {
    let literal = next.split('{').next().unwrap_or("");
    match literal.split_once('|') {
        // `{D}| on …` ends at the literal behind the bar, if it comes
        Some(("", behind)) => (behind, true),
        Some((before, _)) => (before, false),
        None => (literal, false),
    }
}

fn put<'a>(place: u8, value: &'a str, told: &mut Told<'a>, addresses_only: bool) -> bool {
    match place {
        b'S' | b'D' => {
            let end = endpoint(value);
            // `1.2.3.4 x@192.0.2.7`: a name with a blank in it stands in front
            told.doubtful |= value.split_once(' ').is_some_and(|(_, r)| r.contains('@') && !r.starts_with('('));
            if addresses_only && Field::SrcIp.read(end.host).is_none() {
                return false;
            }
            *if place == b'S' { &mut told.src } else { &mut told.dst } = end;
        }
        b's' | b'd' => *if place == b's' { &mut told.src } else { &mut told.dst } = list_endpoint(value),
        b'N' => told.global = endpoint(value).host,
        b'>' => told.direction = value,
        b'x' => {}
        _ => told.values.push((place, value)),
    }
    true
}

/// `interface:address/port (translated/port)(DOMAIN\user)`; every part but the address may be missing. An interface may
/// name its list: `outside(acl):…`.
fn endpoint(text: &str) -> End<'_> {
    let text = text.trim().trim_start_matches('<');
    let listed = text.split_once('(').and_then(|(i, behind)| Some((i, behind.split_once("):")?)));
    match listed.filter(|(i, (list, _))| !i.contains([' ', ':', '/']) && !list.contains([' ', '(', ')'])) {
        Some((interface, (_, rest))) => End { interface, ..place_and_groups(rest) },
        None => place_and_groups(text),
    }
}

fn place_and_groups(text: &str) -> End<'_> {
    let cut = text.bytes().position(|b| matches!(b, b' ' | b'(' | b'>' | b',')).unwrap_or(text.len());
    let (core, groups) = (text.get(..cut).unwrap_or(""), text.get(cut..).unwrap_or(""));
    let core = core.trim_end_matches(['.', ':', ';']);
    let (place, port) = match core.rsplit_once('/') {
        Some((p, n)) if !n.is_empty() => (p, n),
        _ => (core.trim_end_matches('/'), ""),
    };
    let is_address = |t: &str| Field::SrcIp.read(t).is_some();
    let (interface, host, port) = if is_address(place) {
        ("", place, port)
    } else {
        match place.split_once(':') {
            // `192.0.2.1:500`
            Some((address, number)) if port.is_empty() && is_address(address) => ("", address, number),
            Some((interface, host)) => (interface, host.trim_start_matches('/'), port),
            // `kim@192.0.2.7`, as URL messages name a user they know
            None => ("", place.rsplit_once('@').map_or(place, |(_, h)| if is_address(h) { h } else { place }), port),
        }
    };
    let mut end = End { interface, host, port, ..End::default() };
    let mut rest = groups;
    while let Some((group, behind)) = rest.trim_start().strip_prefix('(').and_then(|g| g.split_once(')')) {
        end.take_group(group);
        rest = behind;
        // `198.51.100.9 (192.0.2.9)/80`
        if let Some(number) = rest.strip_prefix('/').filter(|_| end.port.is_empty()) {
            end.port = number.split(' ').next().unwrap_or("");
        }
    }
    end
}

/// `interface/address(port)`, then perhaps `(DOMAIN\user, tag)`.
fn list_endpoint(text: &str) -> End<'_> {
    let text = text.trim();
    let (place, groups) = text.split_once('(').unwrap_or((text, ""));
    let (interface, host) = place.split_once('/').unwrap_or(("", place));
    let (port, more) = groups.split_once(')').unwrap_or((groups, ""));
    End { interface, host, port, user: endpoint(more).user, ..End::default() }
}

/// `Group = a, Username = b, IP = c, the rest`, as the IKE messages begin.
fn assignments<'a>(message: &'a str, told: &mut Told<'a>) {
    let mut rest = message;
    while let Some((key, after)) = rest.split_once(" = ") {
        let (value, next) = after.split_once(", ").unwrap_or((after, ""));
        match key {
            "Group" => told.values.push((b'g', value)),
            "Username" | "User" => told.values.push((b'u', value)),
            "IP" => {
                told.doubtful |= !told.src.host.is_empty();
                told.src = endpoint(value);
            }
            _ => break,
        }
        rest = next;
    }
    told.values.push((b'r', rest));
}

/// Messages whose first end is the far one and which say who opened the connection.
fn turns(number: u32, direction: &str) -> bool {
    matches!(number, 302_013 | 302_015 | 302_017) && direction == "outbound"
}

fn write(event: &mut Event, number: u32, told: &Told<'_>) {
    let (mut src, mut dst) = (told.src, told.dst);
    if !told.global.is_empty() {
        src.nat = told.global;
    }
    if matches!(number, 302_020 | 302_021) {
        // identifiers and types of ICMP, no ports
        (src.port, dst.port) = ("", "");
    }
    if turns(number, told.direction) {
        std::mem::swap(&mut src, &mut dst);
    }
    write_end(event, &src, true);
    write_end(event, &dst, false);
    if !told.direction.is_empty() {
        event.set(Field::Direction, told.direction.to_ascii_lowercase().as_str());
    }
    for (place, value) in &told.values {
        write_value(event, *place, value);
    }
    for (user, field) in [(src.user, Field::User), (dst.user, Field::DstUser)] {
        if user.is_empty() {
            continue;
        }
        let user = user.strip_prefix("LOCAL\\").unwrap_or(user);
        if field == Field::User {
            net::set_user(event, user);
        } else {
            event.set(field, net::user_parts(user).0);
        }
    }
}

fn write_end(event: &mut Event, end: &End<'_>, source: bool) {
    use Field as F;
    let [ip, port, iface, nat, nat_port, name, domain] = if source {
        [F::SrcIp, F::SrcPort, F::InIface, F::SrcNatIp, F::SrcNatPort, F::SrcHost, F::SrcDomain]
    } else {
        [F::DstIp, F::DstPort, F::OutIface, F::DstNatIp, F::DstNatPort, F::DstHost, F::Domain]
    };
    match ip.read(end.host) {
        Some(address) => event.set(ip, address),
        // the firewall's own `name` table
        None if !end.host.is_empty() && !end.host.contains(' ') => {
            event.set(name, end.host);
            event.set(domain, end.host);
        }
        None => {}
    }
    if let Some(n) = port.read(end.port).or_else(|| service_port(end.port).map(Value::Int)) {
        event.set(port, n);
        if end.port.bytes().any(|b| b.is_ascii_alphabetic()) {
            event.set(F::App, end.port);
        }
    }
    event.set(iface, end.interface);
    if !end.nat.is_empty() && (end.nat != end.host || (end.nat_port != end.port && !end.nat_port.is_empty())) {
        if let Some(address) = nat.read(end.nat) {
            event.set(nat, address);
        }
        if let Some(n) = nat_port.read(end.nat_port) {
            event.set(nat_port, n);
        }
    }
}

/// Names the ASA prints in place of well-known ports.
fn service_port(name: &str) -> Option<i64> {
    Some(match name {
        "ssh" => 22,
        "telnet" => 23,
        "smtp" => 25,
        "domain" => 53,
        "http" | "www" => 80,
        "snmp" => 161,
        "ldap" => 389,
        "https" => 443,
        "isakmp" => 500,
        "syslog" => 514,
        "sip" => 5060,
        _ => return None,
    })
}

fn write_value(event: &mut Event, place: u8, value: &str) {
    use Field as F;
    let value = value.trim();
    let bare = value.trim_matches(['<', '>', '\'', '"']);
    match place {
        // `protocol 47`, and the `listed TCP` that is left of `black listed TCP`
        b'p' => {
            let name = bare.rsplit(' ').next().unwrap_or(bare);
            if name != "IP" {
                net::set_proto(event, name);
            }
        }
        b'n' => event.set(F::Session, bare.trim_end_matches('.')),
        b't' => net::set_clock(event, &bare.replace(['h', 'm', 's'], "")),
        b'b' => number_into(event, F::Bytes, value),
        b'O' => number_into(event, F::BytesOut, value),
        b'I' => number_into(event, F::BytesIn, value),
        b'u' => net::set_user(event, bare.strip_prefix("LOCAL\\").unwrap_or(bare)),
        b'U' => event.set(F::DstUser, bare),
        b'g' => event.set(F::Group, bare),
        b'i' => event.set(
            F::InIface,
            value.split([' ', ',', '.']).next().map_or(value, |w| if value.contains(' ') { w } else { value }),
        ),
        b'R' => event.set(F::Rule, bare),
        b'A' => event.set(F::Action, bare),
        b'r' if !value.starts_with('(') => event.set(F::Reason, reason(value)),
        b'w' => web(event, value),
        b'f' => event.set(F::File, bare),
        b'k' => event.set(F::Cmdline, value),
        b'a' => event.set(F::App, bare.to_ascii_lowercase().as_str()),
        b'm' => event.set(F::AuthMethod, bare),
        b'y' => event.set(F::UserAgent, value),
        b'M' => event.set(F::SrcMac, bare),
        b'h' if F::DstIp.read(value.split('/').next().unwrap_or("")).is_none() => event.set(F::Domain, bare),
        b'T' => event.set(F::Signature, bare),
        b'L' => {
            event.add_extra("threat-level", bare);
            if let Some(s) = net::severity_word(bare) {
                event.severity = s;
            }
        }
        b'C' => event.set(F::Category, bare),
        _ => {}
    }
}

/// The end of a sentence is not part of the reason.
fn reason(value: &str) -> &str {
    let value = value.split_once(" (msgid=").map_or(value, |(v, _)| v);
    // `TCP Reset-O from outside (kim)`: who ended it
    let value = if value.starts_with("TCP ") { value.split_once(" from ").map_or(value, |(v, _)| v) } else { value };
    value.trim_end_matches(['"', ' '])
}

fn number_into(event: &mut Event, field: Field, text: &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(n) = text.get(..digits).and_then(|t| t.parse::<i64>().ok()) {
        event.set(field, n);
    }
}

/// `user@192.0.2.9:http://…`: the server as the ASA saw it, then the request.
fn web(event: &mut Event, text: &str) {
    match text.split_once("://").and_then(|(before, _)| before.rsplit_once(':')) {
        Some((server, scheme)) => {
            let server = server.rsplit_once('@').map_or(server, |(_, s)| s);
            net::set_url(event, text.get(text.find(scheme).unwrap_or(0)..).unwrap_or(text));
            if let Some(address) = Field::DstIp.read(server) {
                event.set(Field::DstIp, address);
            }
        }
        None => match text.split_once(':').filter(|(s, _)| Field::DstIp.read(s).is_some()) {
            Some((server, path)) => {
                event.set_text(Field::DstIp, server);
                net::set_url(event, path);
            }
            None => net::set_url(event, text),
        },
    }
}

/// Class, verdict and proof by the number of the message.
fn judge(event: &mut Event, number: u32, message: &str) {
    use Activity as A;
    use Class as C;
    use Status as S;
    let (class, activity, status) = match number {
        106_100 | 106_102 | 106_103 => match event.text(Field::Action).unwrap_or("") {
            a if a.contains("denied") => (C::Network, A::Deny, S::Failure),
            _ => (C::Network, A::Allow, S::Success),
        },
        106_000..=106_999 => (C::Network, A::Deny, S::Failure),
        109_001 | 109_011 => (C::Authentication, A::Open, S::Unknown),
        109_005 => (C::Authentication, A::Open, S::Success),
        109_002 | 109_003 | 109_006 => (C::Authentication, A::Open, S::Failure),
        109_007 => (C::Authorization, A::Allow, S::Success),
        109_008 | 109_024 | 109_025 => (C::Authorization, A::Deny, S::Failure),
        109_012 => (C::Authentication, A::Close, S::Success),
        111_001..=111_007 => (C::Config, A::Update, S::Unknown),
        111_008..=111_010 => (C::Config, if number == 111_009 { A::Read } else { A::Update }, S::Success),
        113_004 | 113_008 | 113_012 | 113_039 => (C::Authentication, A::Open, S::Success),
        113_005 | 113_006 | 113_013 | 113_015..=113_017 | 113_021 | 113_029..=113_038 => {
            (C::Authentication, A::Open, S::Failure)
        }
        113_019 => (C::Tunnel, A::Close, S::Success),
        113_042 => (C::Network, A::Deny, S::Failure),
        113_000..=113_999 => (C::Authentication, A::Unknown, S::Unknown),
        302_014 | 302_016 | 302_018 | 302_021 | 302_023 | 302_025 | 302_027 | 302_304 | 302_306 => {
            (C::Network, A::Close, S::Success)
        }
        302_000..=302_999 | 805_001 | 805_002 => (C::Network, A::Allow, S::Success),
        303_002 => (C::File, if message.contains(" Stored ") { A::Create } else { A::Read }, S::Success),
        304_001 => (C::Http, A::Allow, S::Success),
        304_002 => (C::Http, A::Deny, S::Failure),
        305_005 | 305_006 | 305_013 => (C::Network, A::Deny, S::Failure),
        305_000..=305_999 | 609_001 | 609_002 | 607_001 | 608_001 => (C::Network, A::Allow, S::Success),
        313_000..=313_999
        | 710_003..=710_006
        | 401_004
        | 418_001
        | 419_001
        | 410_001
        | 434_002
        | 500_003..=500_005
        | 507_003
        | 322_001 => (C::Network, A::Deny, S::Failure),
        315_004 | 315_011..=315_013 => (C::Ssh, A::Close, S::Unknown),
        338_000..=338_999 => (C::Finding, if message.contains("dropped") { A::Deny } else { A::Detect }, S::Unknown),
        400_000..=400_999 | 733_100..=733_105 | 420_000..=420_999 => (C::Finding, A::Detect, S::Unknown),
        401_002 | 401_003 => (C::Config, A::Update, S::Success),
        402_000..=402_999 => (C::Finding, A::Deny, S::Failure),
        502_101 => (C::Account, A::Create, S::Success),
        502_102 => (C::Account, A::Delete, S::Success),
        502_103 => (C::Account, A::Update, S::Success),
        502_111 => (C::Group, A::Create, S::Success),
        502_112 => (C::Group, A::Delete, S::Success),
        602_303 => (C::Tunnel, A::Open, S::Success),
        602_304 => (C::Tunnel, A::Close, S::Success),
        604_000..=604_999 => (C::Dhcp, A::Unknown, S::Unknown),
        605_004 | 611_102 => (C::Authentication, A::Open, S::Failure),
        605_005 | 611_101 | 606_001 => (C::Authentication, A::Open, S::Success),
        606_002 | 611_103 => (C::Authentication, A::Close, S::Success),
        710_001 | 710_002 => (C::Network, A::Allow, S::Success),
        713_000..=715_999 | 750_000..=752_999 | 611_300..=611_399 => (C::Tunnel, A::Unknown, S::Unknown),
        716_001 | 716_038 | 716_059 | 722_022 | 722_033 | 722_034 | 734_001 => (C::Authentication, A::Open, S::Success),
        716_039 | 716_004 => (C::Authentication, A::Open, S::Failure),
        716_002 | 716_058 | 722_023 | 722_028 | 722_037 => (C::Tunnel, A::Close, S::Success),
        716_003 => (C::Http, A::Allow, S::Success),
        716_000..=716_999 | 718_000..=722_999 => (C::Tunnel, A::Unknown, S::Unknown),
        725_002 => (C::Network, A::Open, S::Success),
        725_006 | 725_014 => (C::Network, A::Open, S::Failure),
        725_007 => (C::Network, A::Close, S::Success),
        725_000..=725_999 => (C::Network, A::Open, S::Unknown),
        746_000..=746_999 => (C::Authentication, A::Unknown, S::Unknown),
        _ if message.starts_with("Deny ") || message.contains("denied") => (C::Network, A::Deny, S::Failure),
        _ if event.get(Field::SrcIp).is_some() && event.get(Field::DstIp).is_some() => {
            (C::Network, A::Unknown, S::Unknown)
        }
        _ => (C::System, A::Unknown, S::Unknown),
    };
    (event.class, event.activity, event.status) = (class, activity, status);
    if event.get(Field::Action).is_none() {
        let action = match activity {
            A::Deny => "deny",
            A::Allow if class == C::Network => "allow",
            _ => "",
        };
        event.set(Field::Action, action);
    }
    if (722_000..723_000).contains(&number) {
        for (word, proto) in [(" TCP ", "tcp"), (" UDP ", "udp"), (" DTLS ", "udp")] {
            if event.text(Field::Reason).is_some_and(|r| r.contains(word) || r.starts_with(word.trim_start())) {
                event.set(Field::Proto, proto);
            }
        }
    }
    if (303_000..304_000).contains(&number) {
        event.set(Field::App, "ftp");
    }
    if proves(event, number) {
        event.evidence = Evidence::Handshake;
    }
}

/// A session that ended by FIN with bytes in it, a finished TLS handshake, a request that was read, a login that was
/// answered: the source was there. A denied packet, a SYN or a translation says nothing.
fn proves(event: &Event, number: u32) -> bool {
    if event.get(Field::SrcIp).is_none() {
        return false;
    }
    match number {
        302_014 => {
            event.text(Field::Reason).is_some_and(|r| r.starts_with("TCP FINs"))
                && event.int(Field::Bytes).is_some_and(|n| n > 0)
        }
        725_002 | 725_007 | 304_001 | 303_002 | 605_004 | 605_005 | 606_001 | 611_101 | 611_102 | 315_011 | 716_001
        | 716_003 | 716_004 | 716_038 | 716_039 | 716_059 | 722_022 | 113_039 => true,
        113_004..=113_017 | 109_005 | 109_006 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_stand_in_order() {
        assert!(forms::FORMS.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn endpoints_in_every_way() {
        let e = endpoint("outside:192.0.2.3/80 (198.51.100.3/8080)(LOCAL\\kim, 12)");
        assert_eq!(
            (e.interface, e.host, e.port, e.nat, e.nat_port, e.user),
            ("outside", "192.0.2.3", "80", "198.51.100.3", "8080", "LOCAL\\kim")
        );
        let e = endpoint("dmz:2001:db8::5/443");
        assert_eq!((e.interface, e.host, e.port), ("dmz", "2001:db8::5", "443"));
        let e = endpoint("outside(acl_nat):198.51.100.1/33001(LOCAL\\kim, 12)");
        assert_eq!((e.interface, e.host, e.port, e.user), ("outside", "198.51.100.1", "33001", "LOCAL\\kim"));
        let e = endpoint("198.51.100.9 (192.0.2.9)/80");
        assert_eq!((e.host, e.port, e.nat), ("198.51.100.9", "80", "192.0.2.9"));
        let e = endpoint("192.0.2.7/50122 failed (too many pending auths)");
        assert_eq!((e.host, e.port, e.user), ("192.0.2.7", "50122", ""));
        let e = endpoint("inside:web-1/443(9999:tag)");
        assert_eq!((e.host, e.port, e.user), ("web-1", "443", ""));
        let e = list_endpoint("inside/192.0.2.7(49776)");
        assert_eq!((e.interface, e.host, e.port), ("inside", "192.0.2.7", "49776"));
    }
}
