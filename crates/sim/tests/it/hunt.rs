//! `bongsu hunt` and `bongsu rules test` as an investigator runs them: forms of input, damage, filters, outputs, codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bongsu_parse::windows::sample::{SampleEvent, SampleValue, evtx};
use bongsu_sim::{Center, binary, eventually};
use serde_json::Value;

const RULES: &str = r#"title: Who am I, "quoted"
id: 11111111-0000-4000-8000-000000000001
logsource: { product: windows, category: process_creation }
detection:
  selection: { CommandLine|contains: whoami }
  condition: selection
level: high
tags: [attack.discovery, attack.t1033]
---
title: A listing
id: 11111111-0000-4000-8000-000000000002
logsource: { product: windows, category: process_creation }
detection:
  selection: { CommandLine|startswith: dir }
  condition: selection
level: low
"#;

const CORRELATION: &str = r#"title: Listing, base
id: 11111111-0000-4000-8000-000000000003
name: listing
logsource: { product: windows, category: process_creation }
detection:
  selection: { CommandLine|startswith: dir }
  condition: selection
level: low
---
title: Three listings on one machine
id: 11111111-0000-4000-8000-000000000004
correlation:
  type: event_count
  rules: [listing]
  group-by: [Computer]
  timespan: 1m
  condition: { gte: 3 }
level: critical
"#;

const START: u64 = 1_772_413_200;

fn event(seconds: u64, command: &str) -> SampleEvent {
    SampleEvent {
        channel: "Microsoft-Windows-Sysmon/Operational".to_owned(),
        event_id: 1,
        seconds: START + seconds,
        computer: "ws-07".to_owned(),
        data: vec![("CommandLine".to_owned(), SampleValue::Text(command.to_owned()))],
    }
}

fn events() -> Vec<SampleEvent> {
    vec![event(0, "dir, a"), event(10, "whoami"), event(20, "notepad"), event(30, "whoami \"/all\"")]
}

fn json(event: &SampleEvent, number: usize) -> String {
    let (name, SampleValue::Text(command)) = &event.data[0] else { panic!() };
    let time = format!("2026-03-02T01:00:{:02}Z", event.seconds - START);
    serde_json::json!({"Event": {"System": {"EventID": event.event_id, "Channel": event.channel, "EventRecordID": number,
        "Computer": event.computer, "TimeCreated": {"#attributes": {"SystemTime": time}}}, "EventData": {name.as_str(): command}}})
    .to_string()
}

fn xml(event: &SampleEvent) -> String {
    let (name, SampleValue::Text(command)) = &event.data[0] else { panic!() };
    format!(
        "<Event xmlns='x'><System><EventID>{}</EventID><TimeCreated SystemTime='2026-03-02T01:00:{:02}Z'/><Channel>{}</Channel>\
         <Computer>{}</Computer></System><EventData><Data Name='{name}'>{}</Data></EventData></Event>",
        event.event_id,
        event.seconds - START,
        event.channel,
        event.computer,
        command.replace('"', "&quot;")
    )
}

/// A folder with the rules, and with the same events in every form.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        std::fs::write(folder.path().join("rules/windows.yml"), RULES).unwrap();
        Self { folder }
    }
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
    fn hunt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("bongsu"));
        command.current_dir(self.folder.path()).args(["hunt", "--rules", "rules"]).args(arguments).output().unwrap()
    }
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.hunt(&[&["--output", "jsonl"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_line_a_detection_with_exactly_these_keys() {
    let case = Case::new();
    case.write("logs/a.evtx", evtx(&events()));
    let lines = case.lines(&["--", "logs/a.evtx"]);
    assert_eq!(lines.len(), 3);
    for line in &lines {
        let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["rule_id", "rule", "level", "time", "source", "record", "matched"]);
        assert_eq!(line["source"], "logs/a.evtx");
    }
    assert_eq!(lines[1]["rule"], "Who am I, \"quoted\"");
    assert_eq!(lines[1]["level"], "high");
    assert_eq!(lines[1]["record"], 2);
    assert_eq!(lines[1]["time"], "2026-03-02T01:00:10.000000Z");
    assert_eq!(lines[1]["matched"][0]["field"], "CommandLine");
    assert_eq!(lines[1]["matched"][0]["value"], "whoami");
    assert_eq!(lines[2]["record"], 4);
}

#[test]
fn the_same_events_in_every_form_give_the_same_detections() {
    let case = Case::new();
    let events = events();
    let lines: Vec<String> = events.iter().enumerate().map(|(n, e)| json(e, n + 1)).collect();
    let jsonl = lines.join("\n");
    let list = format!("[\n{}\n]", lines.join(",\n"));
    let xml = format!("<?xml version=\"1.0\"?><Events>{}</Events>", events.iter().map(xml).collect::<String>());
    let wide: Vec<u8> = format!("\u{feff}{xml}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let forms: [(&str, Vec<u8>); 9] = [
        ("a.evtx", evtx(&events)),
        ("a.evtx.gz", gz(&evtx(&events))),
        ("a.jsonl", jsonl.clone().into()),
        ("a.jsonl.gz", gz(jsonl.as_bytes())),
        ("a.jsonl.zst", zstd::encode_all(jsonl.as_bytes(), 3).unwrap()),
        ("list.json", list.into()),
        (
            "pretty.json",
            lines
                .iter()
                .map(|l| serde_json::to_string_pretty(&serde_json::from_str::<Value>(l).unwrap()).unwrap() + "\n\n")
                .collect::<String>()
                .into(),
        ),
        ("a.xml", xml.into()),
        ("wide.xml", wide),
    ];
    let names: Vec<&str> = forms.iter().map(|(name, _)| *name).collect();
    let facts = |name: &str| -> Vec<(Value, Value, Value)> {
        let lines = case.lines(&["--", &format!("logs/{name}")]);
        lines.iter().map(|l| (l["rule_id"].clone(), l["record"].clone(), l["time"].clone())).collect()
    };
    for (name, bytes) in &forms {
        case.write(&format!("logs/{name}"), bytes);
    }
    let first = facts("a.evtx");
    assert_eq!(first.len(), 3);
    for name in &names {
        assert_eq!(facts(name), first, "{name}");
    }
    let all = case.lines(&["--", "logs"]);
    assert_eq!(all.len(), 3 * forms.len());
    assert!(all.iter().any(|l| l["source"] == "logs/wide.xml"));
}

#[test]
fn a_hunt_over_the_lake_finds_what_one_over_the_same_lines_in_a_file_does() {
    use std::io::Write;
    let case = Case::new();
    let rule = "title: Guessing\nid: g-1\nlogsource: { category: authentication }\ndetection: { s: { src_ip: 203.0.113.5, status: failure }, condition: s }\nlevel: medium\n";
    case.write("rules/auth.yml", rule);
    let mut lines: Vec<String> = events().iter().enumerate().map(|(n, e)| json(e, n + 1)).collect();
    for second in [5, 6] {
        lines.push(format!(
            "<86>1 2026-03-02T01:00:{second:02}Z gw sshd 7 - - Failed password for root from 203.0.113.5 port 4711 ssh2"
        ));
    }
    let text = lines.join("\n") + "\n";
    case.write("all.log", &text);
    let facts = |lines: Vec<Value>| {
        let mut all: Vec<[String; 4]> = lines
            .iter()
            .map(|l| [&l["rule_id"], &l["level"], &l["time"], &l["matched"]].map(ToString::to_string))
            .collect();
        all.sort();
        all
    };
    let from_file = facts(case.lines(&["--", "all.log"]));
    assert_eq!(from_file.len(), 5);

    let data = case.at("data");
    let quiet = [
        "web.listen=127.0.0.1:0",
        "intake.syslog_udp=off",
        "intake.syslog_tcp=127.0.0.1:0",
        "intake.syslog_tls=off",
        "uplink.listen=127.0.0.1:0",
    ];
    let mut center = Center::new(&data, &quiet);
    center.start();
    let mut stream = std::net::TcpStream::connect(center.listener("syslog TCP ")).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    eventually("every line is searchable", || center.count("*") == lines.len() as u64);
    let lake = |more: &[&str]| facts(case.lines(&[&["--lake", "--data", "data"], more].concat()));
    assert_eq!(lake(&[]), from_file, "asked of the center that runs");
    center.stop();
    assert_eq!(lake(&[]), from_file, "asked of the folder");
    let high = lake(&["--level", "high"]);
    assert_eq!(high.len(), 2);
    assert_eq!(lake(&["--from", "2026-03-02T01:00:20Z"]), high[1..], "the later of the two");
    let nothing = Command::new(binary("bongsu"))
        .current_dir(case.folder.path())
        .args(["hunt", "--rules", "rules", "--lake", "--data", "nowhere"])
        .output()
        .unwrap();
    assert_ne!(nothing.status.code(), Some(0), "{}", self::text(&nothing.stdout));
}

#[test]
fn lines_of_other_formats_go_through_the_recogniser() {
    let case = Case::new();
    let rule = "title: Guessing\nid: g-1\nlogsource: { category: authentication }\ndetection: { s: { src_ip: 203.0.113.5, status: failure }, condition: s }\nlevel: medium\n";
    case.write("rules/auth.yml", rule);
    case.write(
        "auth.log",
        "Mar  2 10:00:00 gw sshd[7]: Failed password for root from 203.0.113.5 port 4711 ssh2\nnonsense\n",
    );
    let lines = case.lines(&["--", "auth.log"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["rule_id"], "g-1");
    assert_eq!(lines[0]["record"], 1);
}

#[test]
fn what_is_left_of_a_damaged_file_is_hunted_in_and_the_rest_told() {
    let case = Case::new();
    let many: Vec<SampleEvent> = (0..900).map(|n| event(n % 60, "whoami")).collect();
    let whole = evtx(&many);
    case.write("cut.evtx", &whole[..whole.len() / 2]);
    let output = case.hunt(&["--output", "jsonl", "--", "cut.evtx"]);
    assert_eq!(output.status.code(), Some(0));
    let found = text(&output.stdout).lines().count();
    assert!((300..600).contains(&found), "{found}");
    assert!(text(&output.stderr).contains("cut.evtx"), "{}", text(&output.stderr));

    let mut lines: Vec<String> = events().iter().enumerate().map(|(n, e)| json(e, n + 1)).collect();
    lines.insert(1, "{\"broken\": ".to_owned());
    case.write("broken.jsonl", lines.join("\n"));
    let output = case.hunt(&["--output", "jsonl", "--", "broken.jsonl"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout).lines().count(), 3);
    assert!(text(&output.stderr).contains("1 could not be read"), "{}", text(&output.stderr));
}

#[test]
fn exit_codes() {
    let case = Case::new();
    case.write("logs/quiet.jsonl", "{\"a\":1}\n");
    case.write("garbage.evtx", [7u8, 0, 9, 0].repeat(5_000));
    std::fs::create_dir(case.at("empty")).unwrap();
    let code = |arguments: &[&str]| case.hunt(arguments).status.code();
    assert_eq!(code(&["--", "logs"]), Some(0), "nothing found");
    assert_eq!(code(&["--", "logs", "nowhere.log"]), Some(0), "one of two");
    assert_eq!(code(&["--", "nowhere.log"]), Some(3));
    assert_eq!(code(&["--", "garbage.evtx"]), Some(3));
    assert_eq!(code(&["--format", "evtx", "--", "garbage.evtx"]), Some(3));
    assert_eq!(code(&["--", "empty"]), Some(3));
    assert_eq!(code(&[]), Some(2), "no input");
    assert_eq!(code(&["--level", "grave", "--", "logs"]), Some(2));
    assert_eq!(code(&["--from", "yesterday", "--", "logs"]), Some(2));
    assert_eq!(code(&["--format", "nonsense", "--", "logs"]), Some(2));
    assert_eq!(code(&["--output", "nonsense", "--", "logs"]), Some(2));
    let bare = |arguments: &[&str]| {
        let mut command = Command::new(binary("bongsu"));
        command.current_dir(case.folder.path()).arg("hunt").args(arguments).output().unwrap().status.code()
    };
    assert_eq!(bare(&["--rules", "empty", "--", "logs"]), Some(2), "no rule there");
    assert_eq!(bare(&["--rules", "nowhere", "--", "logs"]), Some(2));
    assert_eq!(bare(&["logs"]), Some(0), "the rules in the binary");
}

#[test]
fn rules_are_told_from_inputs_however_they_are_written() {
    let case = Case::new();
    case.write("more/b.yml", RULES.replace("-4000-8000-", "-4000-8001-"));
    case.write("logs/a.evtx", evtx(&events()));
    let count = |arguments: &[&str]| {
        let mut command = Command::new(binary("bongsu"));
        command.current_dir(case.folder.path()).args(["hunt", "--output", "jsonl"]).args(arguments);
        text(&command.output().unwrap().stdout).lines().count()
    };
    assert_eq!(count(&["--rules", "rules", "--", "logs"]), 3);
    assert_eq!(count(&["--rules", "rules", "more", "--", "logs"]), 6);
    assert_eq!(count(&["--rules", "rules", "--rules", "more", "--", "logs"]), 6);
    assert_eq!(count(&["--rules", "rules", "more", "logs"]), 6, "a path without rules is an input");
    assert_eq!(count(&["logs", "--rules", "rules", "more"]), 6);
    assert_eq!(count(&["--rules", "rules/windows.yml", "--level", "high", "logs/a.evtx"]), 2);
}

#[test]
fn filters_of_level_and_time() {
    let case = Case::new();
    case.write("a.evtx", evtx(&events()));
    assert_eq!(case.lines(&["--level", "high", "--", "a.evtx"]).len(), 2);
    assert_eq!(case.lines(&["--level", "critical", "--", "a.evtx"]).len(), 0);
    assert_eq!(case.lines(&["--from", "2026-03-02T01:00:10Z", "--", "a.evtx"]).len(), 2);
    assert_eq!(
        case.lines(&["--from", "2026-03-02T10:00:00+09:00", "--to", "2026-03-02T01:00:30Z", "--", "a.evtx"]).len(),
        2
    );
}

#[test]
fn correlations_use_event_time_over_all_inputs() {
    let case = Case::new();
    case.write("rules/windows.yml", CORRELATION);
    case.write("1.evtx", evtx(&[event(40, "dir c"), event(500, "dir e")]));
    case.write("2.jsonl", format!("{}\n{}\n", json(&event(0, "dir a"), 1), json(&event(20, "dir b"), 2)));
    let lines = case.lines(&["--", "1.evtx", "2.jsonl"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "critical");
    assert_eq!(lines[0]["source"], "1.evtx");
    assert_eq!(lines[0]["record"], 1);
    assert_eq!(lines[0]["time"], "2026-03-02T01:00:40.000000Z");
    assert_eq!(lines[0]["matched"][0]["value"], "ws-07");
}

#[test]
fn threads_change_nothing() {
    let case = Case::new();
    for file in 0..6 {
        let many: Vec<SampleEvent> =
            (0..700).map(|n| event(n % 60, if n % 3 == file % 3 { "whoami" } else { "dir" })).collect();
        case.write(&format!("logs/{file}.evtx"), evtx(&many));
    }
    let with = |threads: &str| case.hunt(&["--output", "jsonl", "--threads", threads, "--", "logs"]).stdout;
    let one = with("1");
    assert!(one.len() > 100_000);
    assert!(one == with("4"), "the same bytes");
}

#[test]
fn csv_table_and_page() {
    let case = Case::new();
    case.write("logs/a.evtx", evtx(&[event(0, "whoami \"/all\", <script>"), event(5, "dir")]));
    let run =
        |output: &str, more: &[&str]| text(&case.hunt(&[&["--output", output], more, &["--", "logs"]].concat()).stdout);
    let csv = run("csv", &[]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("rule_id,rule,level,time,source,record,matched"));
    assert_eq!(
        lines.next(),
        Some(
            "11111111-0000-4000-8000-000000000001,\"Who am I, \"\"quoted\"\"\",high,2026-03-02T01:00:00.000000Z,logs/a.evtx,1,\"CommandLine=whoami \"\"/all\"\", <script>\""
        )
    );
    let table = run("table", &[]);
    for part in ["2 detections", "Who am I", "ws-07", "discovery", "logs/a.evtx #1", "By time"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(!table.contains('\u{1b}'), "no colour but on a terminal");
    for (language, word) in [("ko", "높음 1건, 낮음 1건을 찾았습니다"), ("en", "Found 1 high, 1 low")] {
        let page = run("html", &["--lang", language]);
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{language}");
        assert!(page.contains(word), "{word}");
        assert!(!page.contains("<script"), "no script, not even a log's");
        assert!(page.contains("whoami &quot;/all&quot;, &lt;script&gt;"));
        for outside in ["src=", "<link", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}

#[test]
fn standard_input_and_one_line_about_the_whole() {
    let case = Case::new();
    let path = case.write("a.jsonl", json(&events()[1], 1));
    let mut command = Command::new(binary("bongsu"));
    command.current_dir(case.folder.path()).args(["hunt", "--rules", "rules", "--output", "jsonl", "--", "-"]);
    let output = command.stdin(std::fs::File::open(path).unwrap()).output().unwrap();
    assert_eq!(text(&output.stdout).lines().count(), 1);
    assert!(text(&output.stdout).contains("\"source\":\"-\""));
    assert!(text(&output.stderr).contains("1 of 1 inputs read, 1 records, 2 rules; 1 detections by 1 rules"));
    assert_eq!(text(&case.hunt(&["-q", "--output", "jsonl", "--", "a.jsonl"]).stderr), "");
}

/// A folder of data that is not part of the project; the test is skipped by its name where it is not there.
fn shared(test: &str, name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BONGSU_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = folder.join("data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {test} needs ../shared");
    None
}

fn community_rules(folder: &Path) -> Vec<PathBuf> {
    let mut rules: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    rules.retain(|p| p.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"rules")));
    rules.sort();
    rules
}

#[test]
fn every_recording_fires_its_rule_as_often_as_it_says() {
    let Some(sigma) = shared("every_recording_fires_its_rule_as_often_as_it_says", "sigma") else { return };
    let mut command = Command::new(binary("bongsu"));
    command.args(["rules", "test"]).args(community_rules(&sigma)).arg(sigma.join("regression_data"));
    let output = command.output().unwrap();
    let said = text(&output.stdout);
    // The rule asks for `user.conf` in the name, and three of this recording's events have it: its file says one.
    let faulty = "0b9ad457-2554-44c1-82c2-d56a99c42377";
    let failures: Vec<&str> = said.lines().filter(|l| l.contains("info.yml: ") && !l.contains(faulty)).collect();
    assert_eq!(failures, Vec::<&str>::new());
    assert!(said.contains("194 recordings, 2 failed"), "{said}");
}

#[test]
fn recorded_attacks_give_the_same_counts_with_any_number_of_threads() {
    let test = "recorded_attacks_give_the_same_counts_with_any_number_of_threads";
    let (Some(sigma), Some(logs)) = (shared(test, "sigma"), shared(test, "windows/evtx")) else { return };
    let rules = community_rules(&sigma);
    let hunt = |threads: &str| {
        let mut command = Command::new(binary("bongsu"));
        command.args(["hunt", "--output", "jsonl", "--threads", threads, "--rules"]).args(&rules).arg("--").arg(&logs);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        output.stdout
    };
    let one = hunt("1");
    assert!(one.len() > 1_000_000);
    assert!(one == hunt("3"), "the same bytes");
}
