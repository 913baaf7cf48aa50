//! `host:port` to addresses. Literal addresses and `/etc/hosts` need no help; only other names go to the system's
//! resolver, which a static build cannot bring with it.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, anyhow, bail};

/// Most addresses tried for one name.
const ADDRESSES_MAX: usize = 8;

pub(crate) async fn resolve(center: &str) -> Result<Vec<SocketAddr>> {
    if let Ok(literal) = center.parse::<SocketAddr>() {
        return Ok(vec![literal]);
    }
    let wrong = || anyhow!("{center:?} is no address of a center: write HOST:PORT");
    let (host, port) = center.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut found: Vec<SocketAddr> = in_hosts(&hosts, host).map(|a| SocketAddr::new(a, port)).collect();
    if found.is_empty() {
        let looked_up = tokio::net::lookup_host((host, port)).await;
        found = looked_up
            .with_context(|| format!("the name {host} is not known here: use the center's IP address"))?
            .collect();
    }
    found.truncate(ADDRESSES_MAX);
    if found.is_empty() {
        bail!("the name {host} has no address");
    }
    Ok(found)
}

fn in_hosts<'a>(hosts: &'a str, host: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
    hosts.lines().filter_map(move |line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|w| w.eq_ignore_ascii_case(host)).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lines_are_read_as_the_system_reads_them() {
        let hosts = "# 192.0.2.9 center\n192.0.2.1\tcenter.example Center # x\n2001:db8::1 center\nbad center\n";
        let found: Vec<String> = in_hosts(hosts, "center").map(|a| a.to_string()).collect();
        assert_eq!(found, ["192.0.2.1", "2001:db8::1"]);
    }

    #[tokio::test]
    async fn a_literal_needs_no_resolver_and_nonsense_is_named() {
        assert_eq!(resolve("[2001:db8::1]:6515").await.unwrap(), ["[2001:db8::1]:6515".parse().unwrap()]);
        assert!(resolve("center").await.unwrap_err().to_string().contains("HOST:PORT"));
    }
}
