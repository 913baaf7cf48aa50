//! Tactics and techniques of MITRE ATT&CK, from the dated file beside this one, and the log sources that would bring
//! what is missing. A technique the file does not know shows its id alone.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bongsu_api::alert::Technique;
use bongsu_sigma::Logsource;

/// Version of ATT&CK the file tells.
pub const VERSION: &str = "17";

/// Tactics in their order, as tags name them; the file may lack some. In 2026 defense evasion became stealth and defense
/// impairment.
pub const TACTICS: [&str; 16] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// Those the file tells of, in the order of the matrix.
pub fn told() -> impl Iterator<Item = &'static str> {
    TACTICS.into_iter().filter(|t| known().values().any(|k| k.tactics.contains(t)))
}

/// What the file says of a technique.
#[derive(Debug)]
pub struct Known {
    /// English name.
    pub name: &'static str,
    /// Its tactics.
    pub tactics: Vec<&'static str>,
}

/// Every technique and sub-technique, by id.
#[must_use]
pub fn known() -> &'static BTreeMap<&'static str, Known> {
    static KNOWN: OnceLock<BTreeMap<&'static str, Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let read = |line: &'static str| {
            let mut parts = line.split('|');
            let (id, name, tactics) = (parts.next()?, parts.next()?, parts.next()?);
            Some((id, Known { name, tactics: tactics.split(',').collect() }))
        };
        include_str!("attack.txt").lines().filter(|l| !l.starts_with('#')).filter_map(read).collect()
    })
}

/// Ids of the techniques among a rule's tags.
pub fn ids(tags: &[String]) -> impl Iterator<Item = String> + '_ {
    tags.iter()
        .filter_map(|tag| tag.strip_prefix("attack."))
        .map(str::to_uppercase)
        .filter(|id| id.strip_prefix('T').is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit())))
}

/// Techniques among a rule's tags, with their names.
#[must_use]
pub fn techniques(tags: &[String]) -> Vec<Technique> {
    let named = |id: String| Technique { name: known().get(id.as_str()).map_or("", |k| k.name).to_owned(), id };
    ids(tags).map(named).collect()
}

/// What to connect so that a log source comes in: its parts, then Korean and English. The first that fits is said.
const BRING: &[(&str, &str, &str)] = &[
    ("windows/security/", "윈도 보안 로그(Security 채널)", "the Windows Security channel"),
    ("windows/system/", "윈도 시스템 로그(System 채널)", "the Windows System channel"),
    ("windows/application/", "윈도 응용 프로그램 로그(Application 채널)", "the Windows Application channel"),
    ("windows/windefend/", "Microsoft Defender 운영 로그", "the operational log of Microsoft Defender"),
    ("windows//ps_script", "PowerShell 스크립트 블록 로깅(4104)", "PowerShell script block logging (4104)"),
    ("windows//ps_module", "PowerShell 모듈 로깅(4103)", "PowerShell module logging (4103)"),
    ("windows//ps_classic", "Windows PowerShell 로그(400, 600)", "the Windows PowerShell log (400, 600)"),
    (
        "windows//process_creation",
        "윈도 Sysmon(1) 또는 프로세스 생성 감사(4688, 명령줄 포함)",
        "Windows Sysmon (1), or process creation auditing (4688 with the command line)",
    ),
    ("windows//", "윈도 Sysmon 운영 로그", "the operational log of Windows Sysmon"),
    ("windows/", "그 이름의 윈도 이벤트 로그 채널", "the Windows event channel of that name"),
    ("linux/auditd/", "리눅스 auditd", "Linux auditd"),
    ("linux//", "리눅스 auditd 또는 Sysmon for Linux", "Linux auditd or Sysmon for Linux"),
    ("linux/", "리눅스 서버의 syslog", "syslog of Linux servers"),
    ("macos/", "macOS 단말의 프로세스·파일 로그", "process and file logs of macOS hosts"),
    ("aws/", "AWS CloudTrail", "AWS CloudTrail"),
    ("azure/", "Azure·Entra ID 감사와 로그인 로그", "audit and sign-in logs of Azure and Entra ID"),
    ("m365/", "Microsoft 365 통합 감사 로그", "the unified audit log of Microsoft 365"),
    ("gcp/", "Google Cloud 감사 로그", "Google Cloud audit logs"),
    ("okta/", "Okta 시스템 로그", "the Okta system log"),
    ("onelogin/", "OneLogin 이벤트", "OneLogin events"),
    ("github/", "GitHub 감사 로그", "the GitHub audit log"),
    ("bitbucket/", "Bitbucket 감사 로그", "the Bitbucket audit log"),
    ("kubernetes/", "쿠버네티스 감사 로그", "Kubernetes audit logs"),
    ("zeek/", "Zeek 네트워크 로그", "Zeek network logs"),
    ("cisco/", "시스코 장비의 syslog", "syslog of Cisco equipment"),
    ("fortigate/", "FortiGate의 syslog", "syslog of FortiGate"),
    ("fortios/", "FortiGate의 syslog", "syslog of FortiGate"),
    ("//webserver", "웹 서버 접근 로그(nginx, Apache, IIS)", "access logs of web servers (nginx, Apache, IIS)"),
    ("//proxy", "웹 프록시 접근 로그", "access logs of the web proxy"),
    ("//dns", "DNS 서버의 질의 로그", "query logs of the DNS server"),
    ("//firewall", "방화벽의 syslog", "syslog of the firewall"),
    ("//antivirus", "백신 관리 서버의 로그", "logs of the antivirus management server"),
    ("//database", "데이터베이스 감사 로그", "database audit logs"),
    ("//application", "그 제품의 응용 프로그램 로그", "application logs of that product"),
];

/// What to connect so that this log source comes in, in Korean and English.
#[must_use]
pub fn bring(l: &Logsource) -> (String, String) {
    let part = |p: &Option<String>| p.clone().unwrap_or_default();
    let (product, service, category) = (part(&l.product), part(&l.service), part(&l.category));
    let whole = format!("{product}/{service}/{category}");
    let found = BRING.iter().find(|(prefix, ..)| {
        whole.starts_with(prefix) || (prefix.starts_with("//") && prefix.get(2..) == Some(category.as_str()))
    });
    match found {
        Some((_, ko, en)) => ((*ko).to_owned(), (*en).to_owned()),
        None => {
            let name = crate::coverage::words(l);
            (format!("{name} 로그"), format!("logs of {name}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_its_tactics_are_those_of_the_matrix() {
        assert!(known().len() > 600);
        assert_eq!(told().count(), 14);
        for (id, known) in known() {
            assert!(id.starts_with('T') && !known.name.is_empty(), "{id}");
            assert!(known.tactics.iter().all(|t| TACTICS.contains(t)), "{id}: {:?}", known.tactics);
        }
        let tags = ["attack.t1110.001".to_owned(), "attack.credential-access".to_owned(), "attack.t9999".to_owned()];
        let told: Vec<_> = techniques(&tags).into_iter().map(|t| (t.id, t.name)).collect();
        assert_eq!(told, [("T1110.001".into(), "Password Guessing".into()), ("T9999".into(), String::new())]);
    }

    #[test]
    fn what_to_connect_is_as_precise_as_the_table() {
        let of = |product: &str, service: &str, category: &str| {
            let part = |p: &str| (!p.is_empty()).then(|| p.to_owned());
            bring(&Logsource { product: part(product), service: part(service), category: part(category) }).1
        };
        assert!(of("windows", "", "process_creation").contains("4688"));
        assert!(of("windows", "", "ps_classic_start").contains("PowerShell log"));
        assert!(of("windows", "", "image_load").contains("Sysmon"));
        assert!(of("windows", "ntlm", "").contains("channel of that name"));
        assert!(of("", "", "webserver").contains("nginx"));
        assert_eq!(of("qualys", "", ""), "logs of qualys");
    }
}
