//! Names that many senders share, for the formats that know no sender: JSON, key=value, bare syslog.
//!
//! Invariant: everything found this way is marked forgeable by the caller; a name that two senders use for two things is
//! not in the list.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use bongsu_event::{Activity, Class, Event, Field, FieldKind, FieldSet, Status, TimeFrom};

use crate::formats::web;
use crate::line::Context;
use crate::names::Names;
use crate::{net, when};

/// Longest name looked up, bytes without punctuation.
const NAME_BYTES_MAX: usize = 48;

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Is(Field),
    /// A time; the lower the number the better.
    Time(u8),
    /// Half of a time: `date=2026-01-02 time=03:04:05`.
    Date,
    /// Several hashes, each with its kind in front.
    Hashes,
    /// A web server's answer, if the rest of the line is a request.
    Status,
    /// `GET /path HTTP/1.1`, or something else that was asked for.
    Request,
    Nothing,
}

/// The white space around a long text is no one's question.
const MESSAGE: Meaning = Meaning::Is(Field::Message);

/// Names in small letters without punctuation, besides the columns' own names and aliases.
#[rustfmt::skip]
const SHARED: &[(&[&str], Field)] = &[
    (&["src", "srcaddr", "saddr", "sip", "clientip", "clientaddress", "clientaddr", "remoteip", "remoteaddr", "remoteaddress",
        "sourceipaddress", "sourceipaddr", "ipaddress", "ipaddr", "peerip", "peeraddress", "attackerip", "rhost", "cip", "fromip", "ipsrc",
        "callerip", "callipaddr", "callingip", "useripaddress", "userip", "srcipaddr", "srcipv4", "srcipv6", "srcv4", "sourceipv4",
        "hostaddr", "originip", "loginip", "actorip", "requestip", "clientipaddress", "httprequestclientip", "localip", "sourceaddr",
        "actoripaddress", "srcipaddress", "idorigh", "origh", "station", "ipclient", "addrremote", "publicip", "externalip", "srcaddress", "clientip4", "rip", "nasclientip", "framedipaddress", "srcip4", "clientsrcip", "remoteipaddress", "calleripaddress"],
        Field::SrcIp),
    (&["dst", "dest", "destip", "dstaddr", "daddr", "dip", "destinationaddress", "destaddr", "destaddress", "destinationipaddress",
        "destinationipaddr", "serverip", "serveraddress", "targetip", "targetaddress", "ipdst", "toip", "dstipaddr", "dstipv4",
        "dstipv6", "dstv4", "destinationipv4", "victimip", "dstipaddress", "destipaddress", "destipaddr", "idresph", "resph", "gatewaystation", "serveraddr", "dstaddress", "vip", "lip"],
        Field::DstIp),
    (&["srcport", "sport", "sourceport", "spt", "clientport", "remoteport", "srcpt", "cport", "srctcpport", "portsrc", "psrc", "idorigp", "origp", "clientsrcport", "rport"], Field::SrcPort),
    (&["dstport", "dport", "destport", "destinationport", "dpt", "serverport", "dstpt", "targetport", "destpt", "portdst", "pdst", "idrespp", "respp", "lport"], Field::DstPort),
    (&["natsrcip", "srcnatip", "snatip", "sourcetranslatedaddress", "xlatesrc", "srcxlatedip", "natsrc", "sourcenatip", "nataddress", "natsourceaddress", "srctransip", "mappedsrcip"], Field::SrcNatIp),
    (&["natdstip", "dstnatip", "dnatip", "destinationtranslatedaddress", "xlatedst", "dstxlatedip", "natdst", "destinationnatip", "natdestinationaddress", "dsttransip", "mappeddstip"], Field::DstNatIp),
    (&["natsrcport", "srcnatport", "sourcetranslatedport", "xlatesport", "srcxlatedport", "natsport", "sourcenatport", "natsourceport", "srctransport"], Field::SrcNatPort),
    (&["natdstport", "dstnatport", "destinationtranslatedport", "xlatedport", "dstxlatedport", "natdport", "destinationnatport", "natdestinationport", "dsttransport"], Field::DstNatPort),
    (&["proto", "protocol", "ipproto", "ipprotocol", "transportprotocol", "l4proto", "protocolname", "protoname", "networkprotocol", "transprotocol"], Field::Proto),
    (&["user", "usr", "suser", "srcuser", "sourceuser", "account", "accountname", "login", "loginname", "userid", "uname", "usrname", "userprincipalname",
        "srcusername", "sourceusername", "authuser", "subjectusername", "loginuser", "useremail", "useridentityusername", "actorname", "actoruser", "actor",
        "actoremail", "remoteuser", "callername", "admin", "adminname", "adminuser", "unauthuser", "initiatedby", "administrator"], Field::User),
    (&["duser", "dstuser", "destinationuser", "targetuser", "targetusername", "destinationusername", "destuser", "dstusername"], Field::DstUser),
    (&["userdomain", "logondomain", "accountdomain", "targetdomainname", "sntdom", "ntdomain", "subjectdomainname", "srcdomainname"], Field::UserDomain),
    (&["host", "hostname", "devname", "devicename", "dvchost", "computer", "computername", "machinename", "devicehostname", "agenthostname",
        "sensorname", "nodename", "observerhostname", "hostidentifier", "endpoint", "endpointname", "agentname", "machine"], Field::Host),
    (&["shost", "srchost", "sourcehost", "sourcehostname", "srchostname", "clienthost", "clienthostname", "workstation", "workstationname", "clientname", "remotehost"], Field::SrcHost),
    (&["dhost", "dsthost", "desthost", "destinationhost", "destinationhostname", "dsthostname", "targethost", "targethostname", "serverhostname", "desthostname"], Field::DstHost),
    (&["srcmac", "sourcemac", "clientmac", "mac", "macaddress", "macaddr", "smac", "srcmacaddress", "srcmacaddr", "sourcemacaddress", "callingstationid", "clientmacaddress", "devicemac"], Field::SrcMac),
    (&["dstmac", "destmac", "destinationmac", "dmac", "dstmacaddress", "dstmacaddr", "destinationmacaddress"], Field::DstMac),
    (&["url", "uri", "requesturl", "requesturi", "fullurl", "httpurl", "urlfull", "urloriginal", "clientrequesturi", "httprequesturi", "urlpathandquery"], Field::Url),
    (&["urlpath", "requestpath", "clientrequestpath", "httppath"], Field::UrlPath),
    (&["domain", "domainname", "fqdn", "sni", "qname", "queryname", "dnsquery", "rrname", "httphost", "hosthdr", "hostheader", "requesthost", "urlhost", "urldomain",
        "dnsqueryname", "dnsquestionname", "dstdomain", "httphostname", "servernameindication", "tlssni", "clientrequesthost", "website", "dnsname", "urlhostname", "httprequesthost", "hostnamequeried"], Field::Domain),
    (&["httpmethod", "requestmethod", "method", "reqmethod", "verb", "csmethod", "httpverb", "clientrequestmethod", "httprequestmethod"], Field::HttpMethod),
    (&["statuscode", "httpstatus", "httpstatuscode", "responsecode", "responsestatus", "respcode", "responsestatuscode", "scstatus", "httpresponsecode", "httpcode", "edgeresponsestatus", "respstatus", "httpresponse"], Field::HttpStatus),
    (&["useragent", "httpuseragent", "ua", "requestclientapplication", "browser", "clientrequestuseragent", "httprequestuseragent", "agentstring", "rawuseragent"], Field::UserAgent),
    (&["referer", "referrer", "httpreferer", "httpreferrer", "httprefer", "clientrequestreferer", "refererurl"], Field::Referer),
    (&["bytes", "totalbytes", "bytestotal", "bytecount", "octets"], Field::Bytes),
    (&["bytesout", "sentbyte", "sentbytes", "bytessent", "outbytes", "bytestoserver", "origbytes", "clientbytes", "outoctets", "srcbytes", "requestsize", "requestbytes", "csbytes", "txbytes", "bytesclient", "uploadbytes", "bytesfromclient", "sent"], Field::BytesOut),
    (&["bytesin", "rcvdbyte", "rcvdbytes", "receivedbytes", "inbytes", "bytesreceived", "recvbytes", "recvbyte", "bytestoclient", "respbytes", "serverbytes", "inoctets", "dstbytes", "responsesize", "responsebytes", "scbytes", "rxbytes", "bytesserver", "downloadbytes", "bytesrcvd", "bytesrecv", "bytesfromserver", "rcvd", "bodybytessent"], Field::BytesIn),
    (&["packets", "totalpackets", "pkts", "packetcount"], Field::Packets),
    (&["packetsout", "sentpkt", "sentpackets", "pktsout", "pktstoserver", "origpkts", "packetssent", "pktssent", "outpackets", "srcpackets", "packetsfromclient", "spkt"], Field::PacketsOut),
    (&["packetsin", "rcvdpkt", "receivedpackets", "pktsin", "pktstoclient", "resppkts", "packetsreceived", "pktsreceived", "inpackets", "dstpackets", "packetsfromserver", "rpkt"], Field::PacketsIn),
    (&["ininterface", "iniface", "inputinterface", "srcintf", "ingressinterface", "iif", "inif", "srcinterface", "inboundinterface", "sourceinterface", "ingressiface", "srcinf", "indev", "inputint", "inintf", "srcif", "ifin", "indevice", "deviceinboundinterface"], Field::InIface),
    (&["outinterface", "outiface", "outputinterface", "dstintf", "egressinterface", "oif", "outif", "dstinterface", "outboundinterface", "destinationinterface", "egressiface", "dstinf", "outdev", "outputint", "outintf", "dstif", "ifout", "outdevice", "destinterface", "deviceoutboundinterface"], Field::OutIface),
    (&["srczone", "sourcezone", "fromzone", "inzone", "ingresszone", "srczonename", "sourcezonename", "szone", "zonefrom"], Field::InZone),
    (&["dstzone", "destzone", "destinationzone", "tozone", "outzone", "egresszone", "dstzonename", "destinationzonename", "dzone", "zoneto"], Field::OutZone),
    (&["process", "processname", "procname", "program", "exe", "comm", "executable", "processexecutable", "imagename", "processimage"], Field::Process),
    (&["pid", "processid", "procid", "processpid"], Field::Pid),
    (&["ppid", "parentpid", "parentprocessid"], Field::ParentPid),
    (&["parentprocess", "parentprocessname", "parentimage", "parentname", "pname"], Field::ParentProcess),
    (&["cmdline", "commandline", "command", "cmd", "processcommandline", "proccmdline", "processcmdline"], Field::Cmdline),
    (&["file", "filename", "filepath", "fname", "targetfilename", "objectname", "attachment", "fullpath"], Field::File),
    (&["sha256", "filesha256", "hashsha256", "sha256hash", "filehashsha256", "processhashsha256"], Field::Sha256),
    (&["sha1", "filesha1", "hashsha1", "sha1hash", "filehashsha1"], Field::Sha1),
    (&["md5", "filemd5", "hashmd5", "md5hash", "filehashmd5"], Field::Md5),
    (&["severity", "sev", "level", "loglevel", "severitylevel", "priority", "pri", "risk", "risklevel", "threatlevel", "threatseverity", "severityname", "alertseverity", "urgency"], Field::SourceSeverity),
    (&["action", "act", "disposition", "verdict", "deviceaction", "policyaction", "fwaction", "actiontaken", "eventaction", "utmaction", "securityaction", "ruleaction"], Field::Action),
    (&["outcome", "eventoutcome", "result", "loginresult", "authresult", "eventresult", "resulttype"], Field::Outcome),
    (&["reason", "failurereason", "errormessage", "cause", "failreason", "statusreason", "denyreason", "errormsg", "errordescription", "blockreason"], Field::Reason),
    (&["rule", "rulename", "policy", "policyname", "fwrule", "securityrule", "matchedrule", "accessrule", "firewallrule", "fwrulename", "aclname"], Field::Rule),
    (&["ruleid", "policyid", "ruleuid", "fwruleid", "ruleuuid", "policyuuid", "aclid", "rulenumber"], Field::RuleId),
    (&["signature", "signame", "signaturename", "threatname", "virusname", "virus", "malwarename", "malware", "attack", "attackname", "alertname", "threat", "detectionname", "attacktype", "ruletitle", "vulnerability", "threatsignature", "detection"], Field::Signature),
    (&["signatureid", "sigid", "threatid", "attackid"], Field::SignatureId),
    (&["eventid", "eventcode", "msgid", "messageid", "logid", "eventname", "operationname", "msgcode", "eventtypeid", "operation"], Field::EventCode),
    (&["category", "cat", "eventcategory", "urlcategory"], Field::Category),
    (&["subtype", "subcat", "subcategory", "logsubtype", "eventsubtype"], Field::Subtype),
    (&["direction", "dir", "flowdirection", "trafficdirection", "connectiondirection"], Field::Direction),
    (&["app", "application", "appname", "applicationname", "appid", "service", "servicename", "l7proto", "appproto", "l7protocol", "appli"], Field::App),
    (&["session", "sessionid", "flowid", "sessid", "connid", "connectionid"], Field::Session),
    (&["srccountry", "sourcecountry", "clientcountry", "srcgeo", "srclocation"], Field::SrcCountry),
    (&["dstcountry", "destinationcountry", "destcountry", "dstgeo", "dstlocation"], Field::DstCountry),
    (&["qtype", "querytype", "rrtype", "recordtype", "dnstype", "dnsquestiontype", "qtypename", "dnsrecordtype", "questiontype"], Field::DnsType),
    (&["rcode", "dnsrcode", "rcodename", "dnsresponsecode"], Field::DnsRcode),
    (&["sender", "mailfrom", "emailfrom", "fromaddress", "envelopefrom", "senderaddress", "from", "emailsender", "senderemail"], Field::EmailFrom),
    (&["recipient", "recipients", "rcpt", "rcptto", "emailto", "toaddress", "envelopeto", "mailto", "to", "recipientaddress", "emailrecipient"], Field::EmailTo),
    (&["subject", "mailsubject", "emailsubject", "messagesubject"], Field::EmailSubject),
    (&["msg", "message", "description", "desc", "details", "logmessage", "text", "logdesc"], Field::Message),
];

/// Names of times, the best first.
#[rustfmt::skip]
const TIMES: &[(&[&str], u8)] = &[
    (&["timestamp", "eventtime", "datetime", "timegenerated", "eventtimestamp", "logtime", "devicetime", "occurredat", "timecreated",
        "eventcreateddatetime", "utctime", "timelocal", "devicereceipttime", "timestampiso8601", "time"], 0),
    (&["systemtime", "timecreatedsystemtime", "ts", "rt", "createdat", "createddatetime", "creationtime", "createtime", "createdtime", "activitydatetime", "published", "isotimestamp", "starttime", "start",
        "startedat", "requestreceivedtimestamp", "calendartime", "eventdate", "datetimeutc", "localtime", "edgestarttimestamp", "timereceived", "eventdatetime", "timems", "unixtime",
        "receivetime", "generatedtime", "generatetime", "logtimestamp", "eventcreatedtime", "timestampms", "createdon", "updatedat", "end", "endtime", "lastmodified"], 1),
];

/// Names whose meaning differs from sender to sender; better unread than wrong.
const AMBIGUOUS: &[&str] =
    &["name", "id", "type", "source", "destination", "initiated", "answer", "query", "value", "key", "version"];

static NAMES: LazyLock<Names<Meaning>> = LazyLock::new(|| {
    let mut list: Vec<(&'static str, Meaning)> = AMBIGUOUS.iter().map(|n| (*n, Meaning::Nothing)).collect();
    list.push(("date", Meaning::Date));
    list.extend([("status", Meaning::Status), ("request", Meaning::Request)]);
    list.extend(["hashes", "hash", "filehash", "processhash"].map(|n| (n, Meaning::Hashes)));
    for (names, rank) in TIMES {
        list.extend(names.iter().map(|n| (*n, Meaning::Time(*rank))));
    }
    for (names, field) in SHARED {
        list.extend(names.iter().map(|n| (*n, Meaning::Is(*field))));
    }
    for field in Field::ALL {
        for name in std::iter::once(field.name()).chain(std::iter::once(field.ocsf())).chain(field.aliases()) {
            let mut buffer = [0u8; NAME_BYTES_MAX];
            if let Some(plain) = plain(name, &mut buffer) {
                list.push((Box::leak(plain.to_owned().into_boxed_str()), Meaning::Is(*field)));
            }
        }
    }
    Names::new(Box::leak(list.into_boxed_slice()))
});

/// Small letters and digits only.
fn plain<'b>(name: &str, buffer: &'b mut [u8; NAME_BYTES_MAX]) -> Option<&'b str> {
    let mut length = 0;
    for b in name.bytes().filter(u8::is_ascii_alphanumeric) {
        *buffer.get_mut(length)? = b.to_ascii_lowercase();
        length += 1;
    }
    std::str::from_utf8(buffer.get(..length)?).ok().filter(|n| !n.is_empty())
}

/// Without white space at the ends; most values have none, and their first and last byte say so.
fn trim(value: &str) -> &str {
    let plain = |b: Option<&u8>| b.is_some_and(u8::is_ascii_graphic);
    if plain(value.as_bytes().first()) && plain(value.as_bytes().last()) { value } else { value.trim() }
}

/// What is gathered while the names of one line go by.
pub(crate) struct Gather<'c> {
    context: &'c Context,
    /// Values that only say there is nothing, and white space around others, are kept under the sender's own names.
    exact: bool,
    /// How good the time found so far is; a lower one replaces it.
    time_rank: u8,
    date: Option<String>,
    clock: Option<String>,
    http_status: Option<i64>,
    /// Columns found.
    pub(crate) found: usize,
}

impl<'c> Gather<'c> {
    pub(crate) fn new(context: &'c Context) -> Self {
        Self { context, exact: false, time_rank: u8::MAX, date: None, clock: None, http_status: None, found: 0 }
    }

    /// For forms in which a value begins and ends where its sender says: a rule may ask for `-` or for an empty one.
    pub(crate) fn exact(context: &'c Context) -> Self {
        Self { exact: true, ..Self::new(context) }
    }

    /// Take one value under its name; a dotted name is tried whole, then without its first parts.
    pub(crate) fn take(&mut self, event: &mut Event, name: &str, written: &str) {
        let value = trim(written);
        if net::is_nothing(value) {
            if self.exact {
                event.add_extra(name, written);
            }
            return;
        }
        let written = if self.exact { written } else { value };
        let mut rest = name;
        loop {
            let mut buffer = [0u8; NAME_BYTES_MAX];
            if let Some(meaning) = plain(rest, &mut buffer).and_then(|n| NAMES.get(n)) {
                if self.apply(event, meaning, name, value) && (value == written || meaning == MESSAGE) {
                    return;
                }
                break;
            }
            match rest.split_once('.') {
                Some((_, behind)) => rest = behind,
                None => break,
            }
        }
        event.add_extra(name, written);
    }

    /// True if the value found its column.
    fn apply(&mut self, event: &mut Event, meaning: Meaning, name: &str, value: &str) -> bool {
        match meaning {
            Meaning::Nothing => false,
            Meaning::Date => {
                if !self.time(event, value, 0) {
                    self.date = Some(value.to_owned());
                }
                false
            }
            Meaning::Time(rank) => {
                // a bare clock waits for its date
                if !self.time(event, value, rank) && value.len() >= 5 && value.as_bytes().get(2) == Some(&b':') {
                    self.clock = Some(value.to_owned());
                }
                false
            }
            Meaning::Hashes => {
                // `SHA1=…,MD5=…,SHA256=…`
                for hash in value.split([',', ' ']) {
                    net::set_hash(event, hash.rsplit(['=', ':']).next().unwrap_or(""));
                }
                false
            }
            Meaning::Status => {
                let code = value.parse::<i64>().ok().filter(|n| (100..600).contains(n));
                self.http_status = self.http_status.or(code);
                false
            }
            Meaning::Request => {
                if value
                    .rsplit_once(" HTTP/")
                    .is_some_and(|(front, _)| is_method(front.split(' ').next().unwrap_or("")))
                {
                    web::set_request(event, value);
                    self.found += 1;
                }
                false
            }
            // dovecot's `method=PLAIN` is no request
            Meaning::Is(Field::HttpMethod) if !is_method(value) => false,
            Meaning::Is(field) => {
                if event.get(field).is_some() {
                    return false;
                }
                let set = set_value(event, field, value);
                self.found += usize::from(set);
                // A rule asks by the sender's own name too: it stays, unless it is one of the column's.
                set && !name.contains('.') && is_called(field, name) && holds(event, field, value)
            }
        }
    }

    fn time(&mut self, event: &mut Event, value: &str, rank: u8) -> bool {
        if rank >= self.time_rank {
            return true;
        }
        // a time without a year says less than a header's
        if event.time_from == TimeFrom::Header
            && value.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && value.len() < 17
        {
            return true;
        }
        let set = when::set(event, value, self.context);
        if set {
            self.time_rank = rank;
            self.found += 1;
        }
        set
    }

    /// When the line is through: `date` and `time` together, class, status.
    pub(crate) fn finish(mut self, event: &mut Event) {
        if let (Some(date), Some(clock)) = (self.date.take(), self.clock.take()) {
            self.time(event, &format!("{date} {clock}"), 0);
        }
        let is_web =
            [Field::Url, Field::UrlPath, Field::HttpMethod, Field::UserAgent].iter().any(|f| event.get(*f).is_some());
        if let Some(status) = self.http_status.filter(|_| is_web && event.get(Field::HttpStatus).is_none()) {
            event.set(Field::HttpStatus, status);
        }
        net::set_sums(event);
        // a sender that counts one direction counts all it knows
        for (sum, out) in [(Field::Bytes, Field::BytesOut), (Field::Packets, Field::PacketsOut)] {
            if let Some(n) = event.int(out) {
                event.set(sum, n);
            }
        }
        settle(event);
    }
}

/// Is it one of the column's names, as rules know it?
fn is_called(field: Field, name: &str) -> bool {
    field.name().eq_ignore_ascii_case(name) || field.aliases().any(|alias| alias.eq_ignore_ascii_case(name))
}

/// Does the column hold all that was written? Of `CITY\kim` it holds `kim`.
fn holds(event: &Event, field: Field, value: &str) -> bool {
    field.kind() != FieldKind::Text || event.text(field) == Some(value)
}

/// `GET`, `propfind`: does the word name what is asked of a web server?
fn is_method(word: &str) -> bool {
    const METHODS: [&str; 16] = [
        "GET",
        "POST",
        "HEAD",
        "PUT",
        "DELETE",
        "OPTIONS",
        "PATCH",
        "CONNECT",
        "TRACE",
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "SEARCH",
        "REPORT",
    ];
    METHODS.iter().any(|m| word.eq_ignore_ascii_case(m))
}

/// Set a column from a value as senders write it; false if it does not fit.
pub(crate) fn set_value(event: &mut Event, field: Field, value: &str) -> bool {
    match field.kind() {
        FieldKind::Ip => set_address(event, field, value),
        FieldKind::Int => match field.read(value) {
            Some(number) => {
                event.set(field, number);
                true
            }
            None => false,
        },
        FieldKind::Text => {
            match field {
                Field::Proto => {
                    // `tcp/https`
                    let (proto, app) = value.split_once('/').unwrap_or((value, ""));
                    net::set_proto(event, proto);
                    event.set(Field::App, app);
                }
                // `CITY\kim`, `kim@city.example`, dovecot's `<kim>`: the same person whatever the format
                Field::User => net::set_user(event, value.trim_start_matches('<').trim_end_matches('>')),
                Field::SrcMac | Field::DstMac
                    if value.bytes().filter(|b| matches!(b, b':' | b'-' | b'.')).count() < 2 =>
                {
                    return false;
                }
                Field::Url => net::set_url(event, value),
                _ => event.set(field, value),
            }
            true
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `192.0.2.1/443`, or a host name where an address should be.
fn set_address(event: &mut Event, field: Field, value: &str) -> bool {
    if let Some(ip) = field.read(value) {
        event.set(field, ip);
        return true;
    }
    let (port_field, host_field) = match field {
        Field::SrcIp => (Field::SrcPort, Field::SrcHost),
        Field::DstIp => (Field::DstPort, Field::DstHost),
        _ => return false,
    };
    let first = value.split([',', ' ']).next().unwrap_or("");
    // `192.0.2.1:443:X1`, with the interface behind the port
    let (first, interface) = match first.rsplit_once(':') {
        Some((rest, name)) if rest.matches(':').count() == 1 && rest.contains('.') => (rest, name),
        _ => (first, ""),
    };
    if interface.bytes().any(|b| b.is_ascii_alphabetic()) {
        event.set(if field == Field::SrcIp { Field::InIface } else { Field::OutIface }, interface);
    }
    let parts = first.rsplit_once([':', '/']).and_then(|(a, p)| Some((field.read(a)?, p)));
    match (parts, field.read(first)) {
        (_, Some(ip)) => event.set(field, ip),
        (Some((ip, port)), None) => {
            event.set(field, ip);
            if let Some(port) = port_field.read(port) {
                event.set(port_field, port);
            }
        }
        (None, None) if !value.contains(' ') && value.contains('.') => event.set(host_field, value),
        _ => return false,
    }
    true
}

/// What a word says about what happened.
mod says {
    pub(super) const LOGIN: u8 = 1;
    pub(super) const DENY: u8 = 2;
    pub(super) const ALLOW: u8 = 4;
    pub(super) const FAILURE: u8 = 8;
    pub(super) const SUCCESS: u8 = 16;
}

#[rustfmt::skip]
const WORDS: &[(&str, u8)] = &[
    ("login", says::LOGIN), ("logon", says::LOGIN), ("log in", says::LOGIN), ("logged in", says::LOGIN), ("sign-in", says::LOGIN),
    ("signin", says::LOGIN), ("authenticat", says::LOGIN), ("로그인", says::LOGIN),
    ("deny", says::DENY), ("denied", says::DENY | says::FAILURE), ("block", says::DENY), ("drop", says::DENY), ("reject", says::DENY),
    ("reset", says::DENY), ("quarantine", says::DENY), ("차단", says::DENY),
    ("allow", says::ALLOW), ("accept", says::ALLOW), ("accepted", says::ALLOW | says::SUCCESS), ("permit", says::ALLOW), ("pass", says::ALLOW),
    ("password", 0), ("forward", says::ALLOW), ("허용", says::ALLOW),
    ("fail", says::FAILURE), ("invalid", says::FAILURE), ("error", says::FAILURE), ("refused", says::FAILURE), ("unsuccessful", says::FAILURE), ("실패", says::FAILURE),
    ("success", says::SUCCESS), ("succeeded", says::SUCCESS), ("성공", says::SUCCESS),
];

/// How much of a text is searched for such words, bytes.
const WORDS_LOOK_BYTES: usize = 200;

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(WORDS.iter().map(|(w, _)| w))
        .ok()
});

fn said(text: &str) -> u8 {
    let Some(automaton) = AUTOMATON.as_ref() else { return 0 };
    let bytes = text.as_bytes();
    let found = automaton.find_iter(bytes.get(..WORDS_LOOK_BYTES).unwrap_or(bytes));
    found.fold(0, |all, m| all | WORDS.get(m.pattern().as_usize()).map_or(0, |(_, s)| *s))
}

/// Class, activity and status from what was found.
fn settle(event: &mut Event) {
    let all = |fields: &[Field]| fields.iter().filter_map(|f| event.text(*f)).fold(0, |s, t| s | said(t));
    let action = all(&[Field::Action]);
    let ending = all(&[Field::Outcome]) | action;
    let texts = all(&[Field::Message, Field::Reason]);
    let topic = action | texts | all(&[Field::EventCode, Field::Category, Field::Subtype]);
    event.class = class_of(event, topic & says::LOGIN != 0);
    event.activity = if action & says::DENY != 0 {
        Activity::Deny
    } else if action & says::ALLOW != 0 {
        Activity::Allow
    } else if event.class == Class::Authentication {
        Activity::Open
    } else {
        Activity::Unknown
    };
    let sure = if ending & (says::FAILURE | says::SUCCESS) != 0 { ending } else { texts };
    event.status = if sure & says::FAILURE != 0 {
        Status::Failure
    } else if sure & says::SUCCESS != 0 {
        Status::Success
    } else {
        Status::Unknown
    };
    if let Some(severity) = event.text(Field::SourceSeverity).and_then(net::severity_word) {
        event.severity = severity;
    }
}

fn class_of(event: &Event, login: bool) -> Class {
    let mut found = FieldSet::EMPTY;
    for (field, _) in &event.fields {
        found.insert(*field);
    }
    let has = |f: Field| found.has(f);
    if login && (has(Field::User) || has(Field::SrcIp)) {
        Class::Authentication
    } else if has(Field::Signature) || has(Field::SignatureId) {
        Class::Finding
    } else if has(Field::DnsType) || has(Field::DnsRcode) {
        Class::Dns
    } else if has(Field::HttpMethod) || has(Field::HttpStatus) || has(Field::UserAgent) {
        Class::Http
    } else if has(Field::EmailFrom) && has(Field::EmailTo) {
        Class::Email
    } else if has(Field::Cmdline) || has(Field::ParentProcess) {
        Class::Process
    } else if has(Field::SrcIp) && has(Field::DstIp) {
        Class::Network
    } else {
        Class::System
    }
}
