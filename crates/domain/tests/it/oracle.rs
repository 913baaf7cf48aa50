//! A naive opinion of what must never be blocked: address ranges as plain numbers, no shared code with the crate.
//!
//! It says less than `decide` (it knows nothing of grace or severity) and must never be contradicted by an approval.

use bongsu_domain::{BlockRequest, Facts, Origin, SafetyPolicy};
use ipnet::IpNet;

/// First and last address on one number line: IPv4 lies where its IPv6 form lies.
fn range(net: IpNet) -> (u128, u128) {
    let (first, bits) = match net {
        IpNet::V4(n) => (0xffff_0000_0000_u128 | u128::from(u32::from(n.addr())), 32 - n.prefix_len()),
        IpNet::V6(n) => (u128::from(n.addr()), 128 - n.prefix_len()),
    };
    let mask = if bits == 128 { u128::MAX } else { (1_u128 << bits) - 1 };
    (first & !mask, first | mask)
}

fn touch(a: IpNet, b: IpNet) -> bool {
    let ((a1, a2), (b1, b2)) = (range(a), range(b));
    a1 <= b2 && b1 <= a2
}

const NOBODY: &[&str] =
    &["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "::1/128", "fe80::/10", "ff00::/8"];

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// Does blocking this target cut something that must stay reachable?
pub fn cuts(target: IpNet, protected: impl IntoIterator<Item = IpNet>) -> Option<String> {
    if let Some(n) = NOBODY.iter().find(|n| touch(net(n), target)) {
        return Some(format!("reserved {n}"));
    }
    protected.into_iter().find(|n| touch(*n, target)).map(|n| format!("protected {n}"))
}

/// People who agreed, none twice and not the one who asked. Names are people here.
fn others(facts: &Facts<'_>) -> usize {
    let mut names: Vec<&str> = facts
        .approvals
        .iter()
        .filter(|a| matches!(a.by.kind.name(), "person" | "operator"))
        .map(|a| a.by.name.as_str())
        .filter(|n| *n != facts.requester.actor.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

/// Why this request must not be approved, if it must not.
pub fn forbids(r: &BlockRequest, p: &SafetyPolicy, f: &Facts<'_>) -> Option<String> {
    if f.kill_switch {
        return Some("kill switch".into());
    }
    if !f.requester.may_block.holds(r.agency) {
        return Some("out of scope".into());
    }
    let own = f.own_paths.iter().copied().chain(f.requester.actor.address.map(IpNet::from));
    let all = p.protected.iter().map(|n| n.net).chain(own);
    if let Some(why) = cuts(r.target, all) {
        return Some(why);
    }
    if r.minutes == 0 || r.minutes > p.minutes_max {
        return Some("expiry".into());
    }
    let (first, last) = range(r.target);
    let addresses = last - first;
    let v4 = first >> 32 == 0xffff && last >> 32 == 0xffff;
    let widest = |v4len: u8, v6len: u8| if v4 { (1_u128 << (32 - v4len)) - 1 } else { (1_u128 << (128 - v6len)) - 1 };
    if addresses > widest(p.widest_v4, p.widest_v6) {
        return Some("too wide".into());
    }
    if f.budget.agency >= p.budget_agency_hour || f.budget.total >= p.budget_total_hour {
        return Some("budget".into());
    }
    if r.service.is_some() && f.budget.service >= p.budget_service_hour {
        return Some("service budget".into());
    }
    if r.points.is_empty() || r.points.iter().any(|id| !f.points.iter().any(|p| p.id == *id)) {
        return Some("no point".into());
    }
    let wide = addresses > widest(p.wide_v4, p.wide_v6);
    let strange = |id| {
        f.points.iter().any(|p| p.id == id && !f.lineage.contains(&p.agency) && !f.requester.may_block.holds(p.agency))
    };
    let two = wide || r.together > p.targets_wide || r.points.iter().any(|id| strange(*id));
    let by_person = r.origin == Origin::Person;
    let agreeing = others(f) + usize::from(by_person);
    if two && agreeing < 2 {
        return Some("two people".into());
    }
    by_itself(r, p, f, agreeing)
}

/// What holds for requests that no person made.
fn by_itself(r: &BlockRequest, p: &SafetyPolicy, f: &Facts<'_>, agreeing: usize) -> Option<String> {
    match &r.origin {
        Origin::Person => None,
        Origin::Partner | Origin::Proposal { .. } => (agreeing == 0).then(|| "nobody agreed".into()),
        Origin::Rule { severity, evidence: e, .. } => {
            if !e.registered || !e.authenticated || e.forgeable {
                return Some("forgeable".into());
            }
            if e.live != bongsu_domain::Live::Live {
                return Some("not live".into());
            }
            let minutes5 = 300_000_000_i128;
            let age = |t: bongsu_event::Micros| (i128::from(f.now.0) - i128::from(t.0)).abs();
            if i128::from(e.skew) >= minutes5 || age(e.happened) >= minutes5 || age(e.received) >= minutes5 {
                return Some("stale".into());
            }
            if f.grace.iter().any(|g| g.until > f.now && touch(g.target, r.target)) {
                return Some("grace".into());
            }
            let inside = p.inside.iter().any(|n| touch(*n, r.target));
            let weak = !e.handshake || inside || !p.automatic || *severity < p.automatic_severity;
            ((weak || r.ask_approval) && agreeing == 0).then(|| "nobody agreed".into())
        }
    }
}
