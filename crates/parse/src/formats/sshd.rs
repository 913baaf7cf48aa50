//! OpenSSH server: log-ins, refusals, connections.
//!
//! Invariant: a name typed by a stranger never becomes the source address. Messages that hold a name are read from
//! their end, where sshd itself writes ` from ADDRESS port N`; messages that hold free text behind the address are
//! read from their start. Where neither end is sshd's own, the address is marked forgeable.

use std::net::IpAddr;

use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldSet, Severity, Status, Unread};

use crate::flat::outcome_word;
use crate::formats::pam;
use crate::{Format, Line};

/// OpenSSH server.
pub struct Sshd;

impl Format for Sshd {
    fn name(&self) -> &'static str {
        "sshd"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let tag = line.header.as_ref().and_then(|h| h.app).unwrap_or("");
        match tag.strip_prefix("sshd") {
            Some("" | "-session" | "-auth" | "-listener") => 95,
            Some(rest) if rest.starts_with('(') => 95,
            _ if matches!(tag, "sftp-server" | "internal-sftp") => 95,
            _ => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        event.set(Field::App, "sshd");
        event.set(Field::Product, "OpenSSH");
        event.forgeable = FieldSet::of(&[Field::User, Field::Reason, Field::Message, Field::SrcHost, Field::File]);
        let tag = line.header.as_ref().and_then(|h| h.app).unwrap_or("");
        if pam::is_pam(line.body) || tag.contains("(pam_") {
            pam::read(event, line.body, "sshd");
        } else if let Some((times, body)) = repeated(line.body.trim()) {
            message(event, body);
            event.add_extra("repeated", times);
        } else {
            message(event, line.body.trim());
        }
        Ok(())
    }
}

/// `message repeated 5 times: [ Failed password for …]`: rsyslog's way to say a line once.
fn repeated(body: &str) -> Option<(&str, &str)> {
    let (times, rest) = body.strip_prefix("message repeated ")?.split_once(" times: [")?;
    let is_count = !times.is_empty() && times.bytes().all(|b| b.is_ascii_digit());
    is_count.then(|| Some((times, rest.strip_suffix(']')?.trim()))).flatten()
}

/// How one kind of message is read; `rest` is what follows its first words.
struct Kind {
    starts: &'static str,
    action: &'static str,
    class: Class,
    activity: Activity,
    status: Status,
    read: fn(&mut Event, rest: &str) -> Option<()>,
}

const fn kind(
    starts: &'static str,
    action: &'static str,
    (class, activity, status): (Class, Activity, Status),
    read: fn(&mut Event, &str) -> Option<()>,
) -> Kind {
    Kind { starts, action, class, activity, status, read }
}

const LOGIN: (Class, Activity, Status) = (Class::Authentication, Activity::Open, Status::Success);
const REFUSED: (Class, Activity, Status) = (Class::Authentication, Activity::Open, Status::Failure);
const TRYING: (Class, Activity, Status) = (Class::Authentication, Activity::Open, Status::Unknown);
const OPENED: (Class, Activity, Status) = (Class::Ssh, Activity::Open, Status::Success);
const CLOSED: (Class, Activity, Status) = (Class::Ssh, Activity::Close, Status::Unknown);
const BROKEN: (Class, Activity, Status) = (Class::Ssh, Activity::Open, Status::Failure);
const SERVER: (Class, Activity, Status) = (Class::Application, Activity::Unknown, Status::Unknown);

/// Every message with an address or a name that we know, by its first words. The first that fits is taken.
const KINDS: &[Kind] = &[
    kind("Accepted key ", "key_accepted", TRYING, only_reason),
    kind("Accepted certificate ", "key_accepted", TRYING, only_reason),
    kind("Accepted ", "accepted", LOGIN, method_user_peer),
    kind("Failed ", "failed", REFUSED, method_user_peer),
    kind("Postponed ", "postponed", TRYING, method_user_peer),
    kind("Partial ", "partial", TRYING, method_user_peer),
    kind("Invalid user", "invalid_user", REFUSED, user_from_peer),
    kind("Illegal user", "invalid_user", REFUSED, user_from_peer),
    kind("input_userauth_request: invalid user ", "invalid_user", REFUSED, only_user),
    kind("maximum authentication attempts exceeded for ", "too_many_attempts", REFUSED, user_from_peer),
    kind("Too many authentication failures for ", "too_many_attempts", REFUSED, user_from_peer),
    kind("PAM: ", "failed", REFUSED, pam_error),
    kind("Connection closed by ", "closed", CLOSED, who_peer),
    kind("Connection reset by ", "reset", CLOSED, who_peer),
    kind("Connection from ", "connected", OPENED, connection_from),
    kind("Disconnected from ", "disconnected", CLOSED, who_peer),
    kind("Disconnecting: Too many authentication failures for ", "too_many_attempts", REFUSED, user_and_perhaps_peer),
    kind("Disconnecting: ", "disconnecting", CLOSED, only_reason),
    kind("Disconnecting ", "disconnecting", CLOSED, disconnecting),
    kind("Received disconnect from ", "disconnected", CLOSED, peer_reason),
    kind("Did not receive identification string from ", "no_identification", BROKEN, peer_reason),
    kind("Bad protocol version identification ", "bad_protocol", BROKEN, text_from_peer),
    kind("Protocol major versions differ for ", "bad_protocol", BROKEN, peer_reason),
    kind("Unable to negotiate with ", "no_common_algorithm", BROKEN, peer_reason),
    kind("User child is on pid ", "child", SERVER, nothing),
    kind("User ", "not_allowed", REFUSED, not_allowed),
    kind("ROOT LOGIN REFUSED FROM ", "not_allowed", REFUSED, peer_reason),
    kind("Authentication tried for ", "not_allowed", REFUSED, tried_for),
    kind("reverse mapping checking getaddrinfo for ", "name_mismatch", BROKEN, reverse_mapping),
    kind("Address ", "name_mismatch", BROKEN, address_maps),
    kind("Nasty PTR record ", "name_mismatch", BROKEN, nasty_record),
    kind("userauth_hostbased mismatch: ", "name_mismatch", REFUSED, hostbased_mismatch),
    kind("Could not write ident string to ", "no_identification", BROKEN, peer_reason),
    kind("Read error from remote host ", "broken", BROKEN, peer_reason),
    kind("Read from socket failed: ", "broken", BROKEN, only_reason),
    kind("Could not get shadow information for ", "no_shadow", REFUSED, only_user),
    kind("Authentication refused: ", "not_allowed", BROKEN, only_reason),
    kind("Certificate invalid: ", "not_allowed", REFUSED, only_reason),
    kind("no matching ", "no_common_algorithm", BROKEN, only_reason),
    kind("Timeout before authentication for connection from ", "timeout", BROKEN, connection_to),
    kind("Timeout before authentication for ", "timeout", BROKEN, peer_reason),
    kind("Timeout before authentication", "timeout", BROKEN, nothing),
    kind("ssh_dispatch_run_fatal: Connection from ", "broken", BROKEN, who_peer_reason),
    kind("banner exchange: Connection from ", "bad_protocol", BROKEN, peer_reason),
    kind("kex_exchange_identification: ", "no_identification", BROKEN, only_reason),
    kind("kex_protocol_error: ", "bad_protocol", BROKEN, only_reason),
    kind("refused connect from ", "refused", BROKEN, refused_connect),
    kind("Magic value check failed ", "bad_protocol", BROKEN, text_from_peer),
    kind("scanned from ", "scanned", BROKEN, peer_reason),
    kind("drop connection ", "dropped", BROKEN, drop_connection),
    kind("srclimit_penalise: ", "penalised", BROKEN, nothing),
    kind("Starting session: ", "session_start", OPENED, starting_session),
    kind("Close session: user ", "session_close", CLOSED, user_from_peer),
    kind("Closing connection to ", "closed", CLOSED, peer_reason),
    kind("session opened for local user ", "session_start", OPENED, user_from_peer),
    kind("session closed for local user ", "session_close", CLOSED, user_from_peer),
    kind("subsystem request for ", "subsystem", OPENED, subsystem),
    kind("Transferred: ", "transferred", CLOSED, transferred),
    kind("Server listening on ", "listening", SERVER, listening),
    kind("Received signal ", "stopping", SERVER, nothing),
    kind("Exiting on signal ", "stopping", SERVER, nothing),
];

fn message(event: &mut Event, body: &str) {
    let mut text = body.strip_suffix("[preauth]").unwrap_or(body).trim_end();
    let preauth = text.len() != body.len();
    for (word, severity) in [("fatal: ", Severity::Medium), ("error: ", Severity::Low), ("warning: ", Severity::Low)] {
        if let Some(rest) = text.strip_prefix(word) {
            text = rest;
            event.severity = severity;
            event.set(Field::SourceSeverity, word.trim_end_matches(": "));
        }
    }
    let found = KINDS.iter().find_map(|k| text.strip_prefix(k.starts).map(|rest| (k, rest)));
    let Some((kind, rest)) = found else {
        event.class = Class::Ssh;
        event.set(Field::Message, text);
        return;
    };
    (event.class, event.activity, event.status) = (kind.class, kind.activity, kind.status);
    event.set(Field::Action, kind.action);
    if preauth && kind.activity == Activity::Close {
        event.status = Status::Failure;
    }
    if (kind.read)(event, rest).is_none() {
        event.set(Field::Message, text);
        // `Failed to create session`, `Accepted …` of a newer sshd: no log-in that we could name
        if event.get(Field::User).is_none() && event.get(Field::SrcIp).is_none() && kind.class == Class::Authentication
        {
            (event.class, event.activity, event.status) = SERVER;
        }
    }
    if event.class == Class::Authentication && event.status != Status::Unknown {
        event.set(Field::Outcome, outcome_word(event.status));
        if event.status == Status::Failure {
            event.severity = event.severity.max(Severity::Low);
        }
    }
    if event.ip(Field::SrcIp).is_some() && !event.forgeable.has(Field::SrcIp) {
        // sshd asks the kernel who is at the other end of an open connection
        event.evidence = Evidence::Handshake;
    }
}

fn nothing(_: &mut Event, _: &str) -> Option<()> {
    None
}

fn only_user(event: &mut Event, rest: &str) -> Option<()> {
    set_user(event, rest);
    Some(())
}

fn only_reason(event: &mut Event, rest: &str) -> Option<()> {
    event.set(Field::Reason, rest);
    Some(())
}

/// `password for [invalid user ]NAME from ADDRESS port N ssh2[: KEY FINGERPRINT[ ID NAME (serial N) CA …]]`
fn method_user_peer(event: &mut Event, rest: &str) -> Option<()> {
    let (method, rest) = rest.split_once(" for ")?;
    event.set(Field::AuthMethod, method);
    user_from_peer(event, rest)
}

/// `[invalid user ]NAME from ADDRESS port N[ …]`: the last ` from ` is sshd's own.
fn user_from_peer(event: &mut Event, rest: &str) -> Option<()> {
    let at = rest.rfind(" from ")?;
    let (name, behind) = (rest.get(..at)?, rest.get(at + 6..)?);
    let tail = take_peer(event, behind)?;
    // a certificate's id stands behind the address and may hold another ` from `
    if !is_own_tail(tail) && name.contains(" from ") {
        event.forgeable.insert(Field::SrcIp);
        event.forgeable.insert(Field::SrcPort);
    }
    if let Some(key) = tail.split_once(": ").map(|(_, key)| key).filter(|k| !k.is_empty()) {
        event.add_extra("key", key);
    }
    set_user(event, name);
    Some(())
}

/// ` ssh2`, ` ssh2: RSA SHA256:…`, ` id 0` or nothing: words that hold no stranger's text.
fn is_own_tail(tail: &str) -> bool {
    let tail = tail.trim_start();
    let key = tail.strip_prefix("ssh2").or_else(|| tail.strip_prefix("ssh1")).unwrap_or(tail);
    key.is_empty() || (key.strip_prefix(": ").is_some_and(|k| k.split(' ').count() <= 2)) || key.starts_with("id ")
}

fn set_user(event: &mut Event, name: &str) {
    let name = name.trim();
    let (kind, bare) = ["invalid user", "illegal user", "authenticating user", "user"]
        .iter()
        .find_map(|k| name.strip_prefix(k).filter(|n| n.is_empty() || n.starts_with(' ')).map(|n| (*k, n.trim_start())))
        .unwrap_or(("", name));
    if matches!(kind, "invalid user" | "illegal user") {
        event.set(Field::Reason, "invalid user");
    }
    event.set(Field::User, bare);
}

/// `[KIND user NAME ]ADDRESS port N`: read from the end, as the name may look like an address.
fn who_peer(event: &mut Event, rest: &str) -> Option<()> {
    let rest = rest.trim_end();
    let (before, port) = match rest.rsplit_once(" port ") {
        Some((before, port)) => (before, port.parse::<u16>().ok()),
        None => (rest, None),
    };
    let (name, address) = before.rsplit_once(' ').unwrap_or(("", before));
    set_address(event, address)?;
    if let Some(port) = port {
        event.set(Field::SrcPort, i64::from(port));
    }
    if let Some(at) = name.find("user ").filter(|at| name.get(..*at).is_some_and(|k| !k.contains("  "))) {
        // ` user `, `authenticating user `, `invalid user `: sshd's own words, at most two
        let own = name.get(..at).is_some_and(|k| k.split_whitespace().count() <= 1);
        set_user(event, if own { name.get(at + 5..)? } else { name });
        if own && name.starts_with("invalid ") {
            event.set(Field::Reason, "invalid user");
        }
    }
    Some(())
}

/// `[invalid user NAME ]ADDRESS port N: what went wrong`
fn who_peer_reason(event: &mut Event, rest: &str) -> Option<()> {
    let (who, reason) = rest.rsplit_once(": ")?;
    who_peer(event, who)?;
    event.set(Field::Reason, reason);
    Some(())
}

/// `NAME[ from ADDRESS port N ssh2]`: older servers leave the peer out.
fn user_and_perhaps_peer(event: &mut Event, rest: &str) -> Option<()> {
    event.set(Field::Reason, "Too many authentication failures");
    user_from_peer(event, rest).or_else(|| only_user(event, rest))
}

/// `"RECORD" is set up for ADDRESS, ignoring`: the record is the stranger's DNS.
fn nasty_record(event: &mut Event, rest: &str) -> Option<()> {
    let (record, address) = rest.rsplit_once(" is set up for ")?;
    event.set(Field::Reason, record);
    set_address(event, address.split(',').next()?)
}

/// `client sends NAME, but we resolve ADDRESS to NAME`
fn hostbased_mismatch(event: &mut Event, rest: &str) -> Option<()> {
    let (name, address) = rest.strip_prefix("client sends ")?.rsplit_once(", but we resolve ")?;
    event.set(Field::Reason, name);
    set_address(event, address.split(' ').next()?)
}

/// `[invalid|authenticating user ]NAME ADDRESS port N: Too many authentication failures`
fn disconnecting(event: &mut Event, rest: &str) -> Option<()> {
    let (who, reason) = behind_port(rest).or_else(|| rest.rsplit_once(": "))?;
    if behind_port(reason).is_some() {
        // the reason repeats the name, and the name looks like a peer: nobody can say which is sshd's own
        event.forgeable.insert(Field::SrcIp);
        event.forgeable.insert(Field::SrcPort);
    }
    who_peer(event, who)?;
    event.set(Field::Reason, reason);
    if reason.starts_with("Too many authentication failures") {
        (event.class, event.activity, event.status) = REFUSED;
    }
    Some(())
}

/// Cut behind the first ` port N`, where a colon follows.
fn behind_port(text: &str) -> Option<(&str, &str)> {
    text.match_indices(" port ").find_map(|(at, word)| {
        let number = text.get(at + word.len()..)?;
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let reason = number.get(digits..)?.strip_prefix(": ").filter(|_| digits > 0)?;
        Some((text.get(..at + word.len() + digits)?, reason))
    })
}

/// `ADDRESS port N: free text`: read from the start.
fn peer_reason(event: &mut Event, rest: &str) -> Option<()> {
    let tail = take_peer(event, rest)?;
    event.set(Field::Reason, tail.trim_start_matches([':', ' ']));
    Some(())
}

/// `'free text' from ADDRESS port N`: read from the end.
fn text_from_peer(event: &mut Event, rest: &str) -> Option<()> {
    let at = rest.rfind(" from ")?;
    take_peer(event, rest.get(at + 6..)?)?;
    event.set(Field::Reason, rest.get(..at)?);
    Some(())
}

/// `ADDRESS port N on ADDRESS port M[ rdomain ""]`
fn connection_from(event: &mut Event, rest: &str) -> Option<()> {
    let tail = take_peer(event, rest)?;
    if let Some((address, port)) = tail.trim_start().strip_prefix("on ").and_then(|own| own.split_once(" port ")) {
        event.set_text(Field::DstIp, address);
        event.set_text(Field::DstPort, port.split(' ').next()?);
    }
    Some(())
}

/// `ADDRESS to ADDRESS, pid = N`
fn connection_to(event: &mut Event, rest: &str) -> Option<()> {
    let tail = take_peer(event, rest)?;
    let own = tail.trim_start().strip_prefix("to ")?;
    event.set_text(Field::DstIp, own.split([',', ' ']).next()?);
    Some(())
}

/// `NAME from ADDRESS not allowed because …`, `NAME not allowed because …`
fn not_allowed(event: &mut Event, rest: &str) -> Option<()> {
    let at = rest.rfind(" not allowed because ")?;
    let (who, reason) = (rest.get(..at)?, rest.get(at + 21..)?);
    event.set(Field::Reason, reason);
    match who.rfind(" from ") {
        Some(at) => {
            take_peer(event, who.get(at + 6..)?)?;
            set_user(event, who.get(..at)?);
        }
        None => set_user(event, who),
    }
    Some(())
}

/// `NAME with correct key but not from a permitted host (host=NAME, ip=ADDRESS, required=…)`
fn tried_for(event: &mut Event, rest: &str) -> Option<()> {
    let (name, behind) = rest.split_once(" with correct key")?;
    set_user(event, name);
    let address = behind.split_once("ip=")?.1.split([',', ')']).next()?;
    event.set(Field::Reason, "host not permitted for this key");
    set_address(event, address)
}

/// `Authentication failure for [illegal user ]NAME from HOST`
fn pam_error(event: &mut Event, rest: &str) -> Option<()> {
    let (reason, who) = rest.split_once(" for ")?;
    event.set(Field::Reason, reason);
    user_from_peer(event, who)
}

/// `NAME [ADDRESS] failed - POSSIBLE BREAK-IN ATTEMPT!`: the name is the stranger's DNS.
fn reverse_mapping(event: &mut Event, rest: &str) -> Option<()> {
    let at = rest.rfind(" [")?;
    event.set(Field::SrcHost, rest.get(..at)?);
    set_address(event, rest.get(at + 2..)?.split(']').next()?)
}

/// `ADDRESS maps to NAME, but this does not map back to the address.`
fn address_maps(event: &mut Event, rest: &str) -> Option<()> {
    let (address, name) = rest.split_once(" maps to ")?;
    event.set(Field::SrcHost, name.split(", but").next()?);
    set_address(event, address)
}

/// `NAME (ADDRESS)`, written by TCP wrappers.
fn refused_connect(event: &mut Event, rest: &str) -> Option<()> {
    match rest.rfind(" (") {
        Some(at) => {
            event.set(Field::SrcHost, rest.get(..at)?.trim_start_matches(['_', '@']));
            set_address(event, rest.get(at + 2..)?.trim_end_matches(')'))
        }
        None => set_address(event, rest),
    }
}

/// `#10 from [ADDRESS]:PORT on [ADDRESS]:22 past MaxStartups`
fn drop_connection(event: &mut Event, rest: &str) -> Option<()> {
    let (_, peers) = rest.split_once(" from ")?;
    let (from, own) = peers.split_once(" on ")?;
    let (address, port) = bracketed(from)?;
    set_address(event, address)?;
    event.set_text(Field::SrcPort, port);
    let (own, reason) = own.split_once(' ').unwrap_or((own, ""));
    if let Some((address, port)) = bracketed(own) {
        event.set_text(Field::DstIp, address);
        event.set_text(Field::DstPort, port);
    }
    event.set(Field::Reason, reason);
    Some(())
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('[')?.split_once("]:")
}

/// `command|shell|subsystem 'x' [on pts/0 ]for NAME from ADDRESS port N id 0`
fn starting_session(event: &mut Event, rest: &str) -> Option<()> {
    event.add_extra("session", rest.split(' ').next()?);
    user_from_peer(event, rest.rsplit_once(" for ")?.1)
}

/// `sftp by user NAME[ failed, subsystem not found]`
fn subsystem(event: &mut Event, rest: &str) -> Option<()> {
    let (name, who) = rest.split_once(" by user ")?;
    event.add_extra("subsystem", name);
    let (user, reason) = who.split_once(" failed, ").unwrap_or((who, ""));
    set_user(event, user);
    if !reason.is_empty() {
        event.status = Status::Failure;
        event.set(Field::Reason, reason);
    }
    Some(())
}

/// `sent N, received N bytes`
fn transferred(event: &mut Event, rest: &str) -> Option<()> {
    let (sent, received) = rest.strip_prefix("sent ")?.split_once(", received ")?;
    event.set_text(Field::BytesIn, sent);
    event.set_text(Field::BytesOut, received.split(' ').next()?);
    Some(())
}

/// `ADDRESS port N.`
fn listening(event: &mut Event, rest: &str) -> Option<()> {
    let (address, port) = rest.split_once(" port ")?;
    event.set_text(Field::DstIp, address);
    event.set_text(Field::DstPort, port.trim_end_matches('.'));
    Some(())
}

/// The address and port at the start of the text; gives what follows them.
fn take_peer<'a>(event: &mut Event, text: &'a str) -> Option<&'a str> {
    let text = text.trim_start();
    let end = text.find([' ', ',']).unwrap_or(text.len());
    let (mut address, mut rest) = (text.get(..end)?, text.get(end..)?);
    // `192.0.2.1: 11: Bye`, and the port glued to the text behind it
    if let Some(bare) = address.strip_suffix(':') {
        (address, rest) = (bare, text.get(end - 1..)?);
    }
    set_address(event, address)?;
    if let Some(port) = rest.strip_prefix(" port ") {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(number) = port.get(..digits).and_then(|p| p.parse::<u16>().ok()) {
            event.set(Field::SrcPort, i64::from(number));
            rest = port.get(digits..)?;
        }
    }
    Some(rest)
}

/// An address, or the name that `UseDNS yes` put in its place.
fn set_address(event: &mut Event, text: &str) -> Option<()> {
    let text = text.trim_matches(['[', ']']);
    let bare = text.split('%').next()?;
    match bare.parse::<IpAddr>() {
        Ok(address) => event.set(Field::SrcIp, address.to_canonical()),
        Err(_) if is_host_name(text) => event.set(Field::SrcHost, text),
        Err(_) => return None,
    }
    Some(())
}

fn is_host_name(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}
