//! The hot columns: one table names each field, its kind, its OCSF path and its aliases.
//!
//! To add a column: one line in `fields!`. Its number is its place in the table and is not stored anywhere.

use std::net::IpAddr;

use compact_str::CompactString;

use crate::Value;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// An IP address; compares as one.
    Ip,
    /// A whole number.
    Int,
    /// Text in the source's own case; compares without case.
    Text,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident $ocsf:literal $aliases:literal)*) => {
        /// A hot column of the event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: OCSF `", $ocsf, "`.")] $variant),*
        }
        impl Field {
            /// Every column, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The short name, used in rules, queries, `parse --output flat`.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }
            /// OCSF 1.8 path.
            #[must_use]
            pub fn ocsf(self) -> &'static str { match self { $(Self::$variant => $ocsf),* } }
            /// What it holds.
            #[must_use]
            pub fn kind(self) -> FieldKind { match self { $(Self::$variant => FieldKind::$kind),* } }
            /// Names that Sigma, ECS and vendors give it, separated by commas.
            #[must_use]
            fn alias_list(self) -> &'static str { match self { $(Self::$variant => $aliases),* } }
        }
    };
}

fields! {
    SrcIp "src_ip" Ip "src_endpoint.ip" "SourceIp,SourceAddress,IpAddress,source.ip,c-ip,client_ip,srcip,sourceip"
    SrcPort "src_port" Int "src_endpoint.port" "SourcePort,IpPort,source.port,srcport"
    SrcHost "src_host" Text "src_endpoint.hostname" "SourceHostname,WorkstationName,source.domain"
    SrcMac "src_mac" Text "src_endpoint.mac" "source.mac"
    SrcDomain "src_domain" Text "src_endpoint.domain" ""
    SrcCountry "src_country" Text "src_endpoint.location.country" "source.geo.country_iso_code"
    SrcNatIp "src_nat_ip" Ip "src_endpoint.nat_ip" "source.nat.ip"
    SrcNatPort "src_nat_port" Int "src_endpoint.nat_port" "source.nat.port"
    InIface "in_iface" Text "src_endpoint.interface_name" "observer.ingress.interface.name"
    InZone "in_zone" Text "src_endpoint.zone" "observer.ingress.zone"
    DstIp "dst_ip" Ip "dst_endpoint.ip" "DestinationIp,DestAddress,destination.ip,dstip,s-ip"
    DstPort "dst_port" Int "dst_endpoint.port" "DestinationPort,DestPort,destination.port,dstport,s-port"
    DstHost "dst_host" Text "dst_endpoint.hostname" "DestinationHostname,destination.domain"
    DstMac "dst_mac" Text "dst_endpoint.mac" "destination.mac"
    DstCountry "dst_country" Text "dst_endpoint.location.country" "destination.geo.country_iso_code"
    DstNatIp "dst_nat_ip" Ip "dst_endpoint.nat_ip" "destination.nat.ip"
    DstNatPort "dst_nat_port" Int "dst_endpoint.nat_port" "destination.nat.port"
    OutIface "out_iface" Text "dst_endpoint.interface_name" "observer.egress.interface.name"
    OutZone "out_zone" Text "dst_endpoint.zone" "observer.egress.zone"
    Proto "proto" Text "connection_info.protocol_name" "Protocol,network.transport"
    Direction "direction" Text "connection_info.direction" "network.direction,Initiated"
    App "app" Text "app_name" "network.protocol,service"
    Session "session" Text "connection_info.session_uid" ""
    Duration "duration" Int "traffic.duration_ms" ""
    Bytes "bytes" Int "traffic.bytes" "network.bytes"
    BytesIn "bytes_in" Int "traffic.bytes_in" "sc-bytes"
    BytesOut "bytes_out" Int "traffic.bytes_out" "cs-bytes"
    Packets "packets" Int "traffic.packets" "network.packets"
    PacketsIn "packets_in" Int "traffic.packets_in" ""
    PacketsOut "packets_out" Int "traffic.packets_out" ""
    Host "host" Text "device.hostname" "Computer,ComputerName,Hostname,host.name,host.hostname"
    HostIp "host_ip" Ip "device.ip" "host.ip"
    Vendor "vendor" Text "metadata.product.vendor_name" "observer.vendor"
    Product "product" Text "metadata.product.name" "observer.product"
    User "user" Text "actor.user.name" "User,TargetUserName,user.name,cs-username,username"
    UserDomain "user_domain" Text "actor.user.domain" "TargetDomainName,user.domain"
    DstUser "dst_user" Text "user.name" "user.target.name"
    Group "group" Text "user.group.name" "group.name"
    AuthMethod "auth_method" Text "auth_protocol" "AuthenticationPackageName"
    LogonType "logon_type" Text "logon_type" "LogonType"
    SessionUser "session_user" Text "session.user" "SubjectUserName"
    Process "process" Text "process.name" "Image,process.executable,ProcessName,NewProcessName"
    Pid "pid" Int "process.pid" "ProcessId,process.pid"
    ParentProcess "parent_process" Text "process.parent_process.name" "ParentImage,ParentProcessName,process.parent.executable"
    ParentPid "parent_pid" Int "process.parent_process.pid" "ParentProcessId"
    Cmdline "cmdline" Text "process.cmd_line" "CommandLine,ProcessCommandLine,process.command_line"
    ParentCmdline "parent_cmdline" Text "process.parent_process.cmd_line" "ParentCommandLine"
    File "file" Text "file.path" "TargetFilename,file.path,filename"
    Sha256 "sha256" Text "file.hashes.sha256" "hash.sha256"
    Sha1 "sha1" Text "file.hashes.sha1" "hash.sha1"
    Md5 "md5" Text "file.hashes.md5" "hash.md5"
    Url "url" Text "http_request.url.url_string" "c-uri,url.original,cs-uri"
    UrlPath "url_path" Text "http_request.url.path" "cs-uri-stem,c-uri-stem,url.path"
    UrlQuery "url_query" Text "http_request.url.query_string" "cs-uri-query,c-uri-query,url.query"
    Domain "domain" Text "http_request.url.hostname" "url.domain,r-dns,cs-host,QueryName,query"
    HttpMethod "http_method" Text "http_request.http_method" "cs-method,http.request.method"
    HttpStatus "http_status" Int "http_response.code" "sc-status,http.response.status_code"
    UserAgent "user_agent" Text "http_request.user_agent" "c-useragent,cs-user-agent,user_agent.original"
    Referer "referer" Text "http_request.referrer" "cs-referer,cs-referrer,c-referer,http.request.referrer"
    HttpVersion "http_version" Text "http_request.version" "cs-version"
    DnsType "dns_type" Text "query.type" "record_type,QueryType,dns.question.type"
    DnsRcode "dns_rcode" Text "rcode" "dns.response_code"
    DnsAnswer "dns_answer" Text "answers" "answer,QueryResults"
    EmailFrom "email_from" Text "email.from" "email.from.address"
    EmailTo "email_to" Text "email.to" "email.to.address"
    EmailSubject "email_subject" Text "email.subject" ""
    EventCode "event_code" Text "metadata.event_code" "EventID,event.code,EventCode"
    Action "action" Text "disposition" "event.action"
    Outcome "outcome" Text "status_code" "event.outcome"
    Reason "reason" Text "status_detail" "event.reason,FailureReason"
    SourceSeverity "severity" Text "source_severity" "level,log.level"
    Rule "rule" Text "firewall_rule.name" "rule.name"
    RuleId "rule_id" Text "firewall_rule.uid" "rule.id"
    Signature "signature" Text "finding_info.title" "ThreatName,threat.name"
    SignatureId "signature_id" Text "finding_info.uid" ""
    Category "category" Text "metadata.category" "event.category"
    Subtype "subtype" Text "metadata.subtype" ""
    SyslogPri "syslog_pri" Int "metadata.syslog.priority" ""
    SyslogFacility "syslog_facility" Text "metadata.syslog.facility" "facility"
    Message "message" Text "message_text" "Message,msg"
}

/// So many digits always fit a number.
const DIGITS_PLAIN_MAX: usize = 18;

impl Field {
    /// Number of columns.
    pub const COUNT: usize = Self::ALL.len();

    /// Its place in the table, below [`Field::COUNT`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
    /// Names that Sigma, ECS and vendors give this column, without the column's own.
    pub fn aliases(self) -> impl Iterator<Item = &'static str> {
        self.alias_list().split(',').filter(|a| !a.is_empty())
    }
    /// By short name, OCSF path or alias; the exact spelling first, then without regard to case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = || Self::ALL.iter().copied();
        all()
            .find(|f| f.name() == name || f.ocsf() == name)
            .or_else(|| all().find(|f| f.aliases().any(|a| a == name)))
            .or_else(|| all().find(|f| f.name().eq_ignore_ascii_case(name) || f.ocsf().eq_ignore_ascii_case(name)))
            .or_else(|| all().find(|f| f.aliases().any(|a| a.eq_ignore_ascii_case(name))))
    }
    /// Read text by this column's kind; `None` when it does not fit.
    #[must_use]
    pub fn read(self, text: &str) -> Option<Value> {
        match self.kind() {
            FieldKind::Text => (!text.is_empty()).then(|| Value::Text(CompactString::from(text))),
            FieldKind::Int => {
                let plain =
                    !text.is_empty() && text.len() <= DIGITS_PLAIN_MAX && text.bytes().all(|b| b.is_ascii_digit());
                if plain {
                    return Some(Value::Int(text.bytes().fold(0, |n, b| n * 10 + i64::from(b - b'0'))));
                }
                text.trim().parse().ok().map(Value::Int)
            }
            FieldKind::Ip => text
                .trim()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
                .ok()
                .map(|a| Value::Ip(a.to_canonical())),
        }
    }
}

/// A set of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u128);

impl FieldSet {
    /// No column.
    pub const EMPTY: Self = Self(0);
    /// These columns.
    #[must_use]
    pub const fn of(fields: &[Field]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < fields.len() {
            #[expect(clippy::indexing_slicing, reason = "const fn; i < len")]
            let field = fields[i];
            bits |= 1u128 << field as u8;
            i += 1;
        }
        Self(bits)
    }
    /// Is the column in it?
    #[must_use]
    pub fn has(self, field: Field) -> bool {
        self.0 & (1u128 << field as u8) != 0
    }
    /// With this column too.
    pub fn insert(&mut self, field: Field) {
        self.0 |= 1u128 << field as u8;
    }
    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for f in Field::ALL {
            assert_eq!(Field::from_name(f.name()), Some(*f), "{}", f.name());
            assert_eq!(Field::from_name(f.ocsf()), Some(*f), "{}", f.ocsf());
        }
        const { assert!(Field::COUNT <= 128, "FieldSet has 128 bits") };
        assert_eq!(Field::from_name("CommandLine"), Some(Field::Cmdline));
        assert_eq!(Field::from_name("source.ip"), Some(Field::SrcIp));
    }

    #[test]
    fn numbers_are_read_as_they_stand() {
        let read = |t: &str| Field::SrcPort.read(t).and_then(|v| v.as_int());
        assert_eq!((read("0443"), read(" 443 "), read("-1"), read("+7")), (Some(443), Some(443), Some(-1), Some(7)));
        assert_eq!((read(""), read("4a"), read("٤")), (None, None, None));
        assert_eq!(read("999999999999999999"), Some(999_999_999_999_999_999));
        assert_eq!((read("9223372036854775807"), read("9223372036854775808")), (Some(i64::MAX), None));
    }

    #[test]
    fn mapped_v4_compares_as_v4() {
        assert_eq!(Field::SrcIp.read("::ffff:192.0.2.1"), Field::SrcIp.read("192.0.2.1"));
        assert_eq!(Field::SrcIp.read("[2001:db8::1]"), Field::SrcIp.read("2001:DB8::1"));
        assert_eq!(Field::SrcIp.read("not an address"), None);
    }
}
