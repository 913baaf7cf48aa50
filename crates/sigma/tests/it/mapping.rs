//! One rule finds its event whoever wrote it.

use crate::support::set;

#[track_caller]
fn found(logsource: &str, selection: &str, events: &[&str], others: &[&str]) {
    let set = set(&format!("title: t\nid: t\nlogsource: {logsource}\ndetection:\n  s: {selection}\n  condition: s\n"));
    for (list, wanted) in [(events, 1), (others, 0)] {
        for event in list {
            let fired = set.matching_json(event.as_bytes(), &mut set.scratch()).unwrap().count();
            assert_eq!(fired, wanted, "{logsource} {selection}\n{event}");
        }
    }
}

#[test]
fn a_process_in_every_dress() {
    found(
        "{ product: windows, category: process_creation }",
        r"{ Image|endswith: '\cmd.exe', CommandLine|contains: whoami }",
        &[
            // EVTX as JSON, in both styles
            r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"Image":"C:\\Windows\\cmd.exe","CommandLine":"cmd /c whoami"}}}"##,
            r##"{"Event":{"System":{"EventID":{"#attributes":{"Qualifiers":""},"#text":1},"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"Image":"C:\\cmd.exe","CommandLine":"WHOAMI"}}}"##,
            // NXLog
            r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Microsoft-Windows-Sysmon","Image":"C:\\cmd.exe","CommandLine":"whoami"}"#,
            // Winlogbeat, new and old
            r#"{"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":1,"event_data":{"Image":"C:\\cmd.exe","CommandLine":"whoami"}}}"#,
            r#"{"winlog.channel":"Microsoft-Windows-Sysmon/Operational","winlog.event_id":"1","winlog.event_data.Image":"C:\\cmd.exe","winlog.event_data.CommandLine":"whoami"}"#,
            r#"{"log_name":"Microsoft-Windows-Sysmon/Operational","event_id":1,"event_data":{"Image":"C:\\cmd.exe","CommandLine":"whoami"}}"#,
            // Elastic Common Schema
            r#"{"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":"1"},"process":{"executable":"C:\\cmd.exe","command_line":"whoami"}}"#,
            // ours
            r#"{"class":"process","product":"windows","Image":"C:\\cmd.exe","CommandLine":"whoami"}"#,
        ],
        &[
            r#"{"EventID":3,"Channel":"Microsoft-Windows-Sysmon/Operational","Image":"C:\\cmd.exe","CommandLine":"whoami"}"#,
            r#"{"winlog":{"channel":"Security","event_id":4624,"event_data":{"Image":"C:\\cmd.exe","CommandLine":"whoami"}}}"#,
        ],
    );
}

#[test]
fn windows_own_log_of_processes() {
    found(
        "{ product: windows, category: process_creation }",
        r"{ Image|endswith: '\wevtutil.exe', ParentImage|endswith: '\cmd.exe', CommandLine|contains: ' cl ', LogonId: '0x3e7' }",
        &[
            r#"{"EventID":4688,"Channel":"Security","NewProcessName":"C:\\Windows\\wevtutil.exe","ParentProcessName":"C:\\cmd.exe","CommandLine":"wevtutil cl Security","SubjectLogonId":"0x3e7"}"#,
            r#"{"Event":{"System":{"EventID":4688,"Channel":"Security"},"EventData":{"NewProcessName":"C:\\Windows\\wevtutil.exe","ParentProcessName":"C:\\cmd.exe","CommandLine":"wevtutil cl Security","SubjectLogonId":"0x3e7"}}}"#,
        ],
        &[
            r#"{"EventID":4688,"Channel":"Security","NewProcessName":"C:\\x.exe","ParentProcessName":"C:\\cmd.exe","CommandLine":"wevtutil cl Security","SubjectLogonId":"0x3e7"}"#,
        ],
    );
    found(
        "{ product: windows, category: registry_set }",
        "{ Details: '1' }",
        &[r#"{"EventID":4657,"Channel":"Security","NewValue":"1"}"#],
        &[r#"{"EventID":4657,"Channel":"Security","OldValue":"1"}"#],
    );
}

#[test]
fn services_of_windows_by_channel_and_provider() {
    for (service, event) in [
        ("security", r#"{"EventID":4624,"Channel":"Security"}"#),
        ("system", r#"{"winlog":{"channel":"System","event_id":7045}}"#),
        ("powershell", r#"{"Event":{"System":{"EventID":4104,"Channel":"Microsoft-Windows-PowerShell/Operational"}}}"#),
        ("windefend", r#"{"EventID":1116,"Channel":"Microsoft-Windows-Windows Defender/Operational"}"#),
        ("taskscheduler", r#"{"EventID":106,"Channel":"Microsoft-Windows-TaskScheduler/Operational"}"#),
        ("applocker", r#"{"EventID":8004,"Channel":"Microsoft-Windows-AppLocker/EXE and DLL"}"#),
    ] {
        found(
            &format!("{{ product: windows, service: {service} }}"),
            "{ EventID|gt: 0 }",
            &[event],
            &[r#"{"EventID":1,"Channel":"Application"}"#],
        );
    }
    found(
        "{ product: windows, service: system }",
        "{ Provider_Name: 'Service Control Manager', EventID: 7045 }",
        &[
            r#"{"EventID":7045,"Channel":"System","SourceName":"Service Control Manager"}"#,
            r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Service Control Manager"}},"EventID":7045,"Channel":"System"}}}"##,
            r#"{"winlog":{"channel":"System","event_id":7045,"provider_name":"Service Control Manager"}}"#,
        ],
        &[r#"{"EventID":7045,"Channel":"System","SourceName":"Other"}"#],
    );
}

#[test]
fn the_web_the_net_and_names() {
    found(
        "{ category: proxy }",
        "{ c-uri|contains: evil, cs-method: POST }",
        &[
            r#"{"c-uri":"http://evil/","cs-method":"POST"}"#,
            r#"{"url":{"original":"http://evil/"},"http":{"request":{"method":"post"}}}"#,
        ],
        &[r#"{"c-uri":"http://fine/","cs-method":"POST"}"#],
    );
    found(
        "{ category: webserver }",
        "{ sc-status: 404, cs-user-agent|contains: sqlmap }",
        &[
            r#"{"sc-status":404,"cs-user-agent":"sqlmap/1"}"#,
            r#"{"http":{"response":{"status_code":404}},"user_agent":{"original":"sqlmap/1"}}"#,
        ],
        &[r#"{"sc-status":200,"cs-user-agent":"sqlmap/1"}"#],
    );
    found(
        "{ category: dns }",
        "{ query|endswith: .evil.example, record_type: TXT }",
        &[
            r#"{"query":"a.evil.example","record_type":"TXT"}"#,
            r#"{"dns":{"question":{"name":"a.evil.example","type":"TXT"}}}"#,
        ],
        &[r#"{"query":"a.example","record_type":"TXT"}"#],
    );
    found(
        "{ category: firewall }",
        "{ dst_port: 4444, src_ip|cidr: 10.0.0.0/8 }",
        &[r#"{"class":"network","dst_port":4444,"src_ip":"10.1.2.3"}"#],
        &[r#"{"class":"network","dst_port":443,"src_ip":"10.1.2.3"}"#],
    );
    found(
        "{ product: aws, service: cloudtrail }",
        "{ eventSource: ec2.amazonaws.com, eventName|startswith: Describe }",
        &[r#"{"eventSource":"ec2.amazonaws.com","eventName":"DescribeVolumes"}"#],
        &[
            r#"{"eventSource":"ec2.amazonaws.com","eventName":"RunInstances"}"#,
            r#"{"Channel":"Security","eventSource":"ec2.amazonaws.com","eventName":"DescribeX"}"#,
        ],
    );
    found(
        "{ product: linux, service: auditd }",
        "{ type: EXECVE, a0: curl }",
        &[r#"{"type":"EXECVE","a0":"curl"}"#],
        &[r#"{"type":"SYSCALL","a0":"curl"}"#],
    );
}
