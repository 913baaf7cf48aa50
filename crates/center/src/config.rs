//! The configuration: one table of keys, read whole and checked whole before anything starts.
//!
//! Invariant: a wrong key or value never starts a center; the message names the file, the line and the nearest
//! right key. `--set key=value` and the file go through the same table.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where a listener stands, and who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `None`: off.
    pub address: Option<SocketAddr>,
    /// Set by a person: then a busy port fails the start. A busy default is reported and skipped.
    pub explicit: bool,
}

impl Listen {
    const fn default_at(ip: Ipv4Addr, port: u16) -> Self {
        Self { address: Some(SocketAddr::new(IpAddr::V4(ip), port)), explicit: false }
    }
}

/// TLS of the web listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebTls {
    /// Plain on loopback, TLS everywhere else.
    Auto,
    /// Always.
    On,
    /// Never; allowed on loopback only.
    Off,
}

/// Everything a center can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Data folder.
    pub data: PathBuf,
    /// Web interface.
    pub web: Listen,
    /// Its TLS.
    pub web_tls: WebTls,
    /// Names and addresses for the server certificate, besides the machine's own.
    pub web_names: Vec<String>,
    /// Syslog over UDP (RFC 3164, 5424, 5426).
    pub syslog_udp: Listen,
    /// Syslog over TCP (RFC 6587).
    pub syslog_tcp: Listen,
    /// Syslog over TLS (RFC 5425).
    pub syslog_tls: Listen,
    /// Agents (mTLS).
    pub uplink: Listen,
    /// Address that enrolment tokens name; default: the uplink's own.
    pub uplink_public: Option<String>,
    /// Folders or files of further rules.
    pub rules: Vec<PathBuf>,
    /// A rule that uses more of one core is told of, percent.
    pub rule_core_percent_max: u32,
    /// A rule that asks for more alerts a minute is told of.
    pub rule_findings_minute_max: u32,
    /// Minutes without a request after which a session ends.
    pub session_idle_minutes: u32,
    /// Hours after which a session ends whatever happens.
    pub session_hours: u32,
    /// Days events stay in the lake.
    pub retention_days: u32,
    /// Days detections stay with their alerts.
    pub detection_days: u32,
    /// Default zone of sources.
    pub timezone: String,
    /// Organisation shown in the frame.
    pub organisation: String,
    /// Log filter of the center's own log.
    pub log: String,
    /// The demo city.
    pub demo: bool,
}

type Setter = fn(&mut Config, &str) -> Result<(), String>;

/// A key of the configuration file.
pub struct Key {
    /// As `intake.syslog_tcp`.
    pub name: &'static str,
    /// What it is, for `--help` and the documentation.
    pub doc: &'static str,
    set: Setter,
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    Key { name: "web.listen", doc: "address of the web interface, or off", set: |c, v| listen(&mut c.web, v) },
    Key { name: "web.tls", doc: "auto (plain on loopback only), on, off (loopback only)", set: set_web_tls },
    Key {
        name: "web.names",
        doc: "further names and addresses in the server certificate",
        set: |c, v| {
            c.web_names = list(v);
            Ok(())
        },
    },
    Key { name: "intake.syslog_udp", doc: "syslog over UDP, or off", set: |c, v| listen(&mut c.syslog_udp, v) },
    Key { name: "intake.syslog_tcp", doc: "syslog over TCP, or off", set: |c, v| listen(&mut c.syslog_tcp, v) },
    Key { name: "intake.syslog_tls", doc: "syslog over TLS, or off", set: |c, v| listen(&mut c.syslog_tls, v) },
    Key { name: "uplink.listen", doc: "where agents connect (mTLS), or off", set: |c, v| listen(&mut c.uplink, v) },
    Key {
        name: "uplink.public",
        doc: "host:port that enrolment tokens name, when it differs from uplink.listen",
        set: |c, v| {
            c.uplink_public = (!v.is_empty()).then(|| v.to_owned());
            Ok(())
        },
    },
    Key {
        name: "rules.paths",
        doc: "files or folders of further Sigma rules",
        set: |c, v| {
            c.rules = list(v).into_iter().map(PathBuf::from).collect();
            Ok(())
        },
    },
    Key {
        name: "rules.core_percent_max",
        doc: "a rule that uses more percent of one core is reported (1 to 100)",
        set: |c, v| number(v, 1, 100).map(|n| c.rule_core_percent_max = n),
    },
    Key {
        name: "rules.findings_minute_max",
        doc: "a rule that fires more often in a minute is reported (1 to 1000000)",
        set: |c, v| number(v, 1, 1_000_000).map(|n| c.rule_findings_minute_max = n),
    },
    Key {
        name: "session.idle_minutes",
        doc: "a session ends after this many minutes without a request (5 to 720)",
        set: |c, v| number(v, 5, 720).map(|n| c.session_idle_minutes = n),
    },
    Key {
        name: "session.hours",
        doc: "a session ends after this many hours whatever happens (1 to 24)",
        set: |c, v| number(v, 1, 24).map(|n| c.session_hours = n),
    },
    Key {
        name: "lake.retention_days",
        doc: "days events stay searchable (1 to 3650)",
        set: |c, v| number(v, 1, 3650).map(|n| c.retention_days = n),
    },
    Key {
        name: "alerts.detection_days",
        doc: "days the single detections of an alert stay; the alert and its counts do (1 to 3650)",
        set: |c, v| number(v, 1, 3650).map(|n| c.detection_days = n),
    },
    Key {
        name: "source.timezone",
        doc: "zone of sources that write times without one, as Asia/Seoul",
        set: |c, v| {
            jiff::tz::TimeZone::get(v).map_err(|_| format!("`{v}` is no time zone; write it as Asia/Seoul"))?;
            c.timezone = v.to_owned();
            Ok(())
        },
    },
    Key {
        name: "organisation",
        doc: "name shown in the frame",
        set: |c, v| {
            c.organisation = v.to_owned();
            Ok(())
        },
    },
    Key {
        name: "log",
        doc: "filter of the center's own log, as info or bongsu=debug",
        set: |c, v| {
            c.log = v.to_owned();
            Ok(())
        },
    },
];

fn set_web_tls(c: &mut Config, v: &str) -> Result<(), String> {
    c.web_tls = match v {
        "auto" => WebTls::Auto,
        "on" | "true" => WebTls::On,
        "off" | "false" => WebTls::Off,
        _ => return Err(format!("`{v}` is none of auto, on, off")),
    };
    Ok(())
}

fn listen(target: &mut Listen, v: &str) -> Result<(), String> {
    let address = match v {
        "off" => None,
        v => Some(v.parse().map_err(|_| format!("`{v}` is no address; write it as 0.0.0.0:514, [::]:514 or off"))?),
    };
    *target = Listen { address, explicit: true };
    Ok(())
}

fn number(v: &str, least: u32, most: u32) -> Result<u32, String> {
    v.parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("`{v}` is no number from {least} to {most}"))
}

fn list(v: &str) -> Vec<String> {
    v.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

/// Why a configuration can't be used; one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Without any configuration. The demo listens on loopback only, on ports that need no privilege.
    #[must_use]
    pub fn default_for(data: PathBuf, demo: bool) -> Self {
        let any = Ipv4Addr::UNSPECIFIED;
        let local = Ipv4Addr::LOCALHOST;
        let at = |port, demo_port| {
            if demo { Listen::default_at(local, demo_port) } else { Listen::default_at(any, port) }
        };
        Self {
            data,
            web: at(8443, 8440),
            web_tls: WebTls::Auto,
            web_names: Vec::new(),
            syslog_udp: at(514, 5514),
            syslog_tcp: at(514, 5514),
            syslog_tls: at(6514, 6514),
            uplink: at(6515, 6515),
            uplink_public: None,
            rules: Vec::new(),
            rule_core_percent_max: 5,
            rule_findings_minute_max: 600,
            session_idle_minutes: 60,
            session_hours: 12,
            retention_days: 365,
            detection_days: 90,
            timezone: "Asia/Seoul".to_owned(),
            organisation: if demo { "한빛광역시 (예시)".to_owned() } else { "봉수".to_owned() },
            log: "info".to_owned(),
            demo,
        }
    }

    /// Read a file into this configuration.
    ///
    /// # Errors
    /// The file can't be read, is no TOML, or has a wrong key or value: file, line and what to write instead.
    pub fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError(format!("cannot read the configuration {}: {e}", path.display())))?;
        self.read_text(&text, &path.display().to_string())
    }

    /// Read TOML text; `name` stands in messages.
    ///
    /// # Errors
    /// As [`Config::read_file`].
    pub fn read_text(&mut self, text: &str, name: &str) -> Result<(), ConfigError> {
        let document = toml_edit::Document::parse(text).map_err(|e| {
            let line = e.span().map_or(1, |s| line_of(text, s.start));
            ConfigError(format!("{name}, line {line}: {}", e.message().trim()))
        })?;
        let mut entries = Vec::new();
        flatten(document.as_table(), "", &mut entries);
        for (key, value, start) in entries {
            let line = line_of(text, start.unwrap_or(0));
            self.set(&key, &value).map_err(|e| ConfigError(format!("{name}, line {line}: {e}")))?;
        }
        Ok(())
    }

    /// Set one key, as `--set key=value` does.
    ///
    /// # Errors
    /// No such key (with the nearest right one), or a value that does not fit.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let Some(found) = KEYS.iter().find(|k| k.name == key) else {
            return Err(ConfigError(unknown_key(key)));
        };
        (found.set)(self, value).map_err(|e| ConfigError(format!("{key}: {e}")))
    }

    /// Checks that need more than one key.
    ///
    /// # Errors
    /// One sentence that names the keys.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(address) = self.web.address
            && self.web_tls == WebTls::Off
            && !address.ip().is_loopback()
        {
            return Err(ConfigError(format!(
                "web.tls = off is allowed on loopback only, and web.listen is {address}; remove web.tls or listen on 127.0.0.1"
            )));
        }
        if self.demo {
            let all = [self.web, self.syslog_udp, self.syslog_tcp, self.syslog_tls, self.uplink];
            if let Some(a) = all.iter().filter_map(|l| l.address).find(|a| !a.ip().is_loopback()) {
                return Err(ConfigError(format!(
                    "the demo city listens on loopback only, and {a} is not; use 127.0.0.1"
                )));
            }
        }
        Ok(())
    }

    /// Is the web interface served over TLS?
    #[must_use]
    pub fn web_is_tls(&self) -> bool {
        match self.web_tls {
            WebTls::On => true,
            WebTls::Off => false,
            WebTls::Auto => self.web.address.is_some_and(|a| !a.ip().is_loopback()),
        }
    }
}

fn unknown_key(key: &str) -> String {
    let nearest = KEYS.iter().map(|k| (strsim::damerau_levenshtein(k.name, key), k.name)).min();
    match nearest {
        Some((distance, name)) if distance <= key.len().max(4) / 2 => {
            format!("there is no key `{key}`; did you mean `{name}`?")
        }
        _ => {
            let names: Vec<&str> = KEYS.iter().map(|k| k.name).collect();
            format!("there is no key `{key}`; the keys are {}", names.join(", "))
        }
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|b| *b == b'\n').count()
}

fn flatten(table: &dyn toml_edit::TableLike, prefix: &str, out: &mut Vec<(String, String, Option<usize>)>) {
    for (key, item) in table.iter() {
        let name = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        if let Some(inner) = item.as_table_like() {
            flatten(inner, &name, out);
            continue;
        }
        let start = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span()).map(|s| s.start);
        out.push((name, plain(item), start));
    }
}

fn plain(item: &toml_edit::Item) -> String {
    if let Some(text) = item.as_str() {
        return text.to_owned();
    }
    if let Some(array) = item.as_array() {
        let parts: Vec<String> =
            array.iter().map(|v| v.as_str().map_or_else(|| v.to_string().trim().to_owned(), str::to_owned)).collect();
        return parts.join(",");
    }
    item.to_string().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Config {
        Config::default_for(PathBuf::from("data"), false)
    }

    #[test]
    fn a_wrong_key_names_its_line_and_the_nearest_right_one() {
        let text = "organisation = \"시청\"\n\n[intake]\nsyslog_tpc = \"127.0.0.1:6601\"\n";
        let error = fresh().read_text(text, "bongsu.toml").unwrap_err().to_string();
        assert_eq!(
            error,
            "bongsu.toml, line 4: there is no key `intake.syslog_tpc`; did you mean `intake.syslog_tcp`?"
        );
    }

    #[test]
    fn a_wrong_value_says_what_to_write() {
        let error = fresh().read_text("[web]\nlisten = \"here\"\n", "b.toml").unwrap_err().to_string();
        assert_eq!(error, "b.toml, line 2: web.listen: `here` is no address; write it as 0.0.0.0:514, [::]:514 or off");
    }

    #[test]
    fn set_overrides_and_marks_explicit() {
        let mut c = fresh();
        c.read_text("intake.syslog_udp = 'off'\nsession.hours = 8\nrules.paths = ['a', 'b']\n", "b").unwrap();
        c.set("intake.syslog_tcp", "127.0.0.1:6601").unwrap();
        assert_eq!(c.syslog_udp, Listen { address: None, explicit: true });
        assert!(c.syslog_tcp.explicit && !c.syslog_tls.explicit);
        assert_eq!((c.session_hours, c.rules.len()), (8, 2));
    }

    #[test]
    fn plain_http_stays_on_loopback_and_the_demo_too() {
        let mut c = fresh();
        assert!(c.web_is_tls());
        c.set("web.tls", "off").unwrap();
        assert!(c.check().is_err());
        c.set("web.listen", "127.0.0.1:1").unwrap();
        assert!(c.check().is_ok() && !c.web_is_tls());
        let mut d = Config::default_for(PathBuf::from("data"), true);
        assert!(d.check().is_ok() && !d.web_is_tls());
        d.set("intake.syslog_udp", "0.0.0.0:514").unwrap();
        assert!(d.check().is_err());
    }
}
