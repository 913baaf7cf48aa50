//! A rule in Sigma's own names finds a line of one of our formats: the log sources and fields of the specification's
//! taxonomy, each on a line as its sender writes it.

use bongsu_event::{Event, Micros, Transport};
use bongsu_sigma::{RuleIdx, RuleSet};

use crate::support::set;

/// The line as the parser gives it.
fn read(line: &str) -> Event {
    let context = bongsu_parse::Context { receive_time: Micros(0), timezone: jiff::tz::TimeZone::UTC };
    let (mut event, _) = bongsu_parse::parse_record(bytes::Bytes::copy_from_slice(line.as_bytes()), &context, None);
    event.transport = Transport::Load;
    event
}

fn fires(set: &RuleSet, event: &Event) -> bool {
    let found = set.matching(event, &mut set.scratch()).count() > 0;
    assert_eq!(found, set.matches_alone(RuleIdx(0), event), "the plan and the direct evaluation differ");
    found
}

#[track_caller]
fn found(logsource: &str, selection: &str, lines: &[&str], others: &[&str]) {
    let set = set(&format!("title: t\nid: t\nlogsource: {logsource}\ndetection:\n  s: {selection}\n  condition: s\n"));
    for (list, wanted) in [(lines, true), (others, false)] {
        for line in list {
            let event = read(line);
            assert_eq!(fires(&set, &event), wanted, "{logsource} {selection}\n{line}\n{event:#?}");
        }
    }
}

#[test]
fn switches_and_routers() {
    let typed = "192.0.2.10 6705: Feb 17 13:40:03.673: %PARSER-5-CFGLOG_LOGGEDCMD: User:kim  logged command:no dot1x port-control";
    let relayed = format!("<189>Feb 17 13:40:03 sw-1 {}", typed.split_once(' ').unwrap().1);
    let other = "<13>Feb 17 13:40:03 app-1 job: no dot1x port-control";
    found("{ product: cisco, service: aaa }", "[ no dot1x port-control ]", &[typed, &relayed], &[other]);
    found("{ product: cisco, service: aaa }", "{ CommandLine|startswith: no dot1x, User: kim }", &[typed], &[]);
    found(
        "{ product: juniper, service: bgp }",
        "{ '|all': [ ':179', missing MD5 digest ] }",
        &["<28>Feb 17 13:40:03 rt-1 rpd[1]: tcp_auth_ok: Packet from 192.0.2.1:179 missing MD5 digest"],
        &["<28>Feb 17 13:40:03 rt-1 cron[1]: Packet from 192.0.2.1:179 missing MD5 digest"],
    );
    found(
        "{ product: fortigate, service: event }",
        "{ action: Add, cfgpath: firewall.policy }",
        &[
            r#"date=2026-06-10 time=06:13:20 devname="FG1" devid="FGT60F" logid="0100044546" type="event" subtype="system" level="information" vd="root" action="Add" cfgpath="firewall.policy" user="kim" msg="Add""#,
        ],
        &[
            r#"date=2026-06-10 time=06:13:20 devname="FG1" devid="FGT60F" logid="0100044546" type="event" subtype="system" level="information" vd="root" action="Edit" cfgpath="firewall.policy" user="kim" msg="Edit""#,
        ],
    );
}

#[test]
fn audit_of_linux() {
    let exec = r#"type=EXECVE msg=audit(1718000000.123:456): argc=3 a0="curl" a1="-o" a2="/tmp/x""#;
    let call = "<13>Jun 10 06:13:20 web-1 audispd: node=web-1 type=SYSCALL msg=audit(1718000000.123:456): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=8 items=2 ppid=1 pid=2 auid=1000 uid=0 euid=0 tty=pts0 ses=1 comm=\"bash\" exe=\"/bin/bash\" key=\"susp_activity\"\u{1d}ARCH=x86_64 SYSCALL=execve AUID=\"kim\" UID=\"root\"";
    let audit = "{ product: linux, service: auditd }";
    found(audit, "{ type: EXECVE, a0: curl, a1|startswith: '-', a2|contains: tmp }", &[exec], &[call]);
    found(audit, "{ type: SYSCALL, comm: bash, exe|endswith: /bash, key: susp_activity, euid: 0 }", &[call], &[exec]);
    found(audit, "{ SYSCALL: execve }", &[call], &[exec]);
    found(
        audit,
        "{ type: PATH, name|startswith: /etc/, nametype: CREATE }",
        &[
            r#"type=PATH msg=audit(1718000000.123:456): item=0 name="/etc/cron.d/x" inode=1 dev=08:01 mode=0100644 nametype=CREATE"#,
        ],
        &[],
    );
    found(
        audit,
        "{ type: EXECVE, a0: curl }",
        &[r#"{"type":"EXECVE","a0":"curl","node":"web-1"}"#],
        &["type=EXECVE x=1 a0=curl"],
    );
}

#[test]
fn programs_of_linux() {
    for (service, line) in [
        ("sshd", "Jun 10 06:13:20 web-1 sshd[12]: fatal: buffer_get_string: bad string length evil"),
        ("clamav", "Jun 10 06:13:20 web-1 clamd[12]: /tmp/x: evil FOUND"),
        ("cron", "Jun 10 06:13:20 web-1 crontab[12]: (kim) REPLACE (evil)"),
        ("vsftpd", "Jun 10 06:13:20 web-1 vsftpd[12]: evil"),
        ("syslog", "Jun 10 06:13:20 web-1 anything: evil"),
    ] {
        found(&format!("{{ product: linux, service: {service} }}"), "[ evil ]", &[line], &[]);
    }
    found(
        "{ product: linux, service: sudo }",
        "{ USER: [ '#-1', '#4294967295' ] }",
        &["Jun 10 06:13:20 web-1 sudo:      kim : TTY=pts/0 ; PWD=/home/kim ; USER=#-1 ; COMMAND=/bin/bash"],
        &["Jun 10 06:13:20 web-1 sudo:      kim : TTY=pts/0 ; PWD=/home/kim ; USER=root ; COMMAND=/bin/bash"],
    );
    let sysmon = r#"<14>1 2026-06-10T06:13:20Z web-1 sysmon - - - <Event><System><Provider Name="Linux-Sysmon" Guid="{ff}"/><EventID>1</EventID><Channel>Linux-Sysmon/Operational</Channel><Computer>web-1</Computer></System><EventData><Data Name="Image">/usr/bin/curl</Data><Data Name="CommandLine">curl x</Data><Data Name="User">root</Data></EventData></Event>"#;
    found(
        "{ product: linux, category: process_creation }",
        "{ Image|endswith: /curl, CommandLine|contains: x }",
        &[sysmon],
        &[],
    );
}

#[test]
fn proxies_web_servers_and_names() {
    let web = r#"203.0.113.7 - kim [10/Jun/2026:06:13:20 +0000] "GET /a/index.php?id=../../etc/passwd HTTP/1.1" 404 12 "http://evil.example/" "sqlmap/1.7""#;
    found(
        "{ category: webserver }",
        "{ cs-method: GET, cs-uri-stem|endswith: .php, cs-uri-query|contains|all: [ ../, '/index.php?id=' ], sc-status: 404, cs-user-agent|startswith: sqlmap,
           cs-referer|contains: evil, cs-username: kim, c-ip: 203.0.113.7, cs-version: '1.1', sc-bytes: 12 }",
        &[web],
        &[&web.replace("404", "200")],
    );
    let proxy = r#"{"timestamp":"2026-06-10T06:13:20Z","client_ip":"192.0.2.1","method":"GET","url":"http://evil.example/a/b.exe?x=1","status":200,"user_agent":"curl/8"}"#;
    found(
        "{ category: proxy }",
        "{ c-uri|contains: b.exe, c-uri-extension: exe, c-uri-query: x=1, c-uri-stem: /a/b.exe, cs-host: evil.example, r-dns: evil.example,
           cs-method: GET, c-useragent|startswith: curl, sc-status: 200, src_ip: 192.0.2.1 }",
        &[proxy],
        &[],
    );
    found(
        "{ category: dns }",
        "{ query|endswith: .evil.example, record_type: TXT }",
        &[
            r#"{"timestamp":"2026-06-10T06:13:20+0000","event_type":"dns","src_ip":"192.0.2.1","dest_ip":"203.0.113.53","proto":"UDP","dns":{"type":"query","id":1,"rrname":"a.evil.example","rrtype":"TXT"}}"#,
            r#"{"@timestamp":"2026-06-10T06:13:20Z","dns":{"question":{"name":"a.evil.example","type":"TXT"}}}"#,
        ],
        &[],
    );
    found(
        "{ category: firewall }",
        "{ src_ip|cidr: 203.0.113.0/24, dst_ip: 192.0.2.1, dst_port: 4444 }",
        &[
            "Jun 10 06:13:20 fw-1 kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.7 DST=192.0.2.1 LEN=40 PROTO=TCP SPT=1 DPT=4444",
        ],
        &[],
    );
    found(
        "{ category: antivirus }",
        r"{ Signature|contains: Mimikatz, Filename|endswith: '\x.exe', Action: deleted }",
        &[
            r"CEF:0|AhnLab|V3|1|100|Virus found|8|fname=C:\\x\\x.exe act=deleted cs1=HackTool.Mimikatz cs1Label=ThreatName",
        ],
        &[],
    );
}

#[test]
fn clouds_services_and_sensors_by_their_own_names() {
    for (logsource, selection, line) in [
        (
            "{ product: aws, service: cloudtrail }",
            "{ eventSource: iam.amazonaws.com, eventName: CreateUser, userAgent|contains: cli, userIdentity.type: Root, sourceIPAddress: 203.0.113.7, errorCode: x }",
            r#"{"eventTime":"2026-06-10T06:13:20Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli","errorCode":"x","userIdentity":{"type":"Root"}}"#,
        ),
        (
            "{ product: azure, service: activitylogs }",
            "{ operationName|startswith: MICROSOFT.NETWORK, properties.message: x, resultType: Success }",
            r#"{"time":"2026-06-10T06:13:20Z","operationName":"Microsoft.Network/x/delete","category":"Administrative","resultType":"Success","callerIpAddress":"203.0.113.7","properties":{"message":"x"}}"#,
        ),
        (
            "{ product: gcp, service: gcp.audit }",
            "{ data.protoPayload.methodName: SetIamPolicy }",
            r#"{"data":{"protoPayload":{"methodName":"SetIamPolicy","serviceName":"x"}}}"#,
        ),
        (
            "{ product: github, service: audit }",
            "{ action: repo.destroy, actor: kim, org: city }",
            r#"{"@timestamp":1718000000000,"action":"repo.destroy","actor":"kim","org":"city"}"#,
        ),
        (
            "{ product: kubernetes, category: application, service: audit }",
            "{ verb: create, objectRef.resource: pods, responseStatus.code: 201 }",
            r#"{"kind":"Event","verb":"create","objectRef":{"resource":"pods"},"user":{"username":"kim"},"responseStatus":{"code":201}}"#,
        ),
        (
            "{ product: okta, service: okta }",
            "{ eventType: user.session.start, outcome.result: FAILURE, outcome.reason: x, actor.alternateId: kim@city.example }",
            r#"{"published":"2026-06-10T06:13:20Z","eventType":"user.session.start","actor":{"alternateId":"kim@city.example"},"outcome":{"result":"FAILURE","reason":"x"}}"#,
        ),
        (
            "{ product: bitbucket, service: audit }",
            "{ auditType.category: Projects, auditType.action: Project deleted }",
            r#"{"auditType":{"category":"Projects","action":"Project deleted"},"createdDate":"2026-06-10T06:13:20Z"}"#,
        ),
        (
            "{ product: m365, service: threat_management }",
            "{ eventSource: SecurityComplianceCenter, eventName: x, status: success }",
            r#"{"eventSource":"SecurityComplianceCenter","eventName":"x","status":"success","time":"2026-06-10T06:13:20Z"}"#,
        ),
        (
            "{ product: zeek, service: dns }",
            "{ query|endswith: .example, qtype_name: A, answers: 198.51.100.4, id.orig_h|cidr: 192.0.2.0/24, id.resp_p: 53, Z: 1, rejected: false }",
            r#"{"ts":1718000000.1,"uid":"C1","id.orig_h":"192.0.2.1","id.orig_p":4444,"id.resp_h":"203.0.113.7","id.resp_p":53,"proto":"udp","query":"a.example","qtype_name":"A","Z":1,"rejected":false,"answers":["198.51.100.4"]}"#,
        ),
        (
            "{ product: zeek, service: http }",
            "{ method: GET, uri|contains: x, host: a.example, user_agent: curl, status_code: 200 }",
            r#"{"ts":1718000000.1,"uid":"C1","id.orig_h":"192.0.2.1","method":"GET","host":"a.example","uri":"/x","user_agent":"curl","status_code":200}"#,
        ),
        (
            "{ category: application, product: opencanary }",
            "{ logtype: 2000 }",
            r#"{"dst_host":"192.0.2.1","dst_port":21,"local_time":"2026-06-10 06:13:20","logtype":2000,"node_id":"c-1","src_host":"203.0.113.7"}"#,
        ),
        (
            "{ category: network, service: connection }",
            "{ source.ip: 192.0.2.1, destination.port: 443, network.transport: tcp, source.bytes|gt: 9 }",
            r#"{"@timestamp":"2026-06-10T06:13:20Z","source":{"ip":"192.0.2.1","bytes":10},"destination":{"ip":"203.0.113.7","port":443},"network":{"transport":"tcp"}}"#,
        ),
    ] {
        found(logsource, selection, &[line], &[r#"{"nothing":"of it","time":"2026-06-10T06:13:20Z"}"#]);
    }
}

#[test]
fn windows_whatever_carries_it() {
    let process = "{ product: windows, category: process_creation }";
    let selection = r"{ Image|endswith: '\cmd.exe', ParentImage|endswith: '\x.exe', CommandLine|contains: whoami, User|contains: CITY\ }";
    let xml = r"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Sysmon' Guid='{5}'/><EventID>1</EventID><Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>pc-1</Computer></System><EventData><Data Name='Image'>C:\Windows\cmd.exe</Data><Data Name='CommandLine'>cmd /c whoami</Data><Data Name='ParentImage'>C:\x.exe</Data><Data Name='User'>CITY\kim</Data></EventData></Event>";
    let nxlog = r#"{"EventTime":"2026-06-10 06:13:20","EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","Image":"C:\\Windows\\cmd.exe","CommandLine":"cmd /c whoami","ParentImage":"C:\\x.exe","User":"CITY\\kim"}"#;
    let beat = r#"{"@timestamp":"2026-06-10T06:13:20Z","winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":1,"provider_name":"Microsoft-Windows-Sysmon","event_data":{"Image":"C:\\Windows\\cmd.exe","CommandLine":"cmd /c whoami","ParentImage":"C:\\x.exe","User":"CITY\\kim"}}}"#;
    found(process, selection, &[xml, nxlog, beat], &[&nxlog.replace(r#""EventID":1"#, r#""EventID":3"#)]);
    found(
        "{ product: windows, service: sysmon }",
        "{ Provider_Name: Microsoft-Windows-Sysmon, EventID: 1 }",
        &[xml, nxlog, beat],
        &[],
    );
    let logon = r"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID>4625</EventID><Channel>Security</Channel><Computer>dc-1</Computer></System><EventData><Data Name='SubjectUserName'>DC-1$</Data><Data Name='TargetUserName'>kim</Data><Data Name='LogonType'>3</Data><Data Name='IpAddress'>203.0.113.7</Data><Data Name='ProcessName'>C:\Windows\x.exe</Data></EventData></Event>";
    found(
        "{ product: windows, service: security }",
        r"{ EventID: 4625, SubjectUserName: DC-1$, TargetUserName: kim, LogonType: 3, IpAddress: 203.0.113.7, ProcessName|startswith: C:\ }",
        &[logon],
        &[],
    );
    // What stands in the log is what rules ask for: a dash, nothing, a blank at the end.
    let asked = "{ EventID: 8, IpAddress: '-', StartModule: '', LogonProcessName: 'NtLmSsp ' }";
    let data =
        r"<Data Name='IpAddress'>-</Data><Data Name='StartModule'></Data><Data Name='LogonProcessName'>NtLmSsp </Data>";
    let xml = |data: &str| {
        format!(
            "<Event xmlns='x'><System><EventID>8</EventID><Channel>Security</Channel><Computer>dc-1</Computer></System><EventData>{data}</EventData></Event>"
        )
    };
    let object = r#"{"EventTime":"2026-06-10 06:13:20","EventID":8,"Channel":"Security","IpAddress":"-","StartModule":"","LogonProcessName":"NtLmSsp "}"#;
    found(
        "{ product: windows, service: security }",
        asked,
        &[&xml(data), &xml(&data.replace("></Data><Data Name='Logon", "/><Data Name='Logon")), object],
        &[&xml(&data.replace("<Data Name='StartModule'></Data>", "")), &object.replace("NtLmSsp ", "NtLmSsp")],
    );
    for (part, channel, id) in [
        ("service: ntfs", "Microsoft-Windows-Ntfs/Operational", 1),
        ("service: bitlocker", "Microsoft-Windows-BitLocker/BitLocker Management", 1),
        ("service: application-experience", "Microsoft-Windows-Application-Experience/Program-Telemetry", 1),
        ("service: servicebus-client", "Microsoft-ServiceBus-Client/Admin", 1),
        ("category: file_delete_detected", "Microsoft-Windows-Sysmon/Operational", 26),
    ] {
        let line = format!(r#"{{"EventTime":"2026-06-10 06:13:20","EventID":{id},"Channel":"{channel}"}}"#);
        found(&format!("{{ product: windows, {part} }}"), "{ EventID|gt: 0 }", &[&line], &[nxlog]);
    }
    found(
        "{ category: application, product: rpc_firewall }",
        "{ EventLog: RPCFW, EventID: 3, InterfaceUuid: x }",
        &[r#"{"EventTime":"2026-06-10 06:13:20","EventID":3,"Channel":"RPCFW","InterfaceUuid":"x"}"#],
        &[r#"{"EventTime":"2026-06-10 06:13:20","EventID":3,"Channel":"Security","InterfaceUuid":"x"}"#],
    );
}
