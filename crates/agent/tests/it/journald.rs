//! journald, through a journalctl that the test writes itself, and through the real one where there is a journal.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use bongsu_uplink::InputKind;

use super::{center::Center, host::Host};

/// Follows a file of numbered messages as journalctl would: after a cursor, or from its end.
const FAKE: &str = r#"#!/bin/sh
after=-1; tail=yes
for a in "$@"; do
  case $a in
    --after-cursor=*) after=$(printf '%d' "0x${a##*;i=}");;
    --no-tail) tail=no;;
  esac
done
[ $tail = yes ] && after=$(wc -l < "$FAKE_JOURNAL")
n=0
while :; do
  total=$(wc -l < "$FAKE_JOURNAL")
  [ "$after" -gt "$n" ] && n=$after
  if [ "$n" -lt 0 ]; then n=0; fi
  while [ "$n" -lt "$total" ]; do
    n=$((n+1))
    message=$(sed -n "${n}p" "$FAKE_JOURNAL")
    printf '{"__CURSOR":"s=0123456789abcdef0123456789abcdef;i=%x;b=0;m=0;t=0;x=0","MESSAGE":"%s","SYSLOG_IDENTIFIER":"sshd","PRIORITY":"6"}\n' "$n" "$message"
  done
  sleep 0.05
done
"#;

#[test]
fn entries_come_once_through_kills_of_the_agent() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let bin = host.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("journalctl"), FAKE).unwrap();
    fs::set_permissions(bin.join("journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
    let journal = host.dir.path().join("journal");
    fs::write(&journal, "from before\n").unwrap();
    host.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    host.env("FAKE_JOURNAL", journal.display().to_string());
    center.configure(vec![InputKind::Journald { units: vec![] }], None);
    host.start();
    center.until("journalctl to run", |s| {
        let open = |m: &bongsu_uplink::AgentMessage| matches!(m, bongsu_uplink::AgentMessage::Status(s) if s.inputs.iter().any(|i| !i.open.is_empty()));
        s.messages.iter().any(open).then_some(())
    });
    std::thread::sleep(Duration::from_millis(300));
    let mut wanted = 0;
    for round in 0..5 {
        for _ in 0..20 {
            super::host::append(&journal, &[format!("message {wanted}")]);
            wanted += 1;
        }
        // The first entry must be there before the first kill: only then is there a cursor to go on from.
        center.until_lines(if round == 0 { 1 } else { wanted / 2 });
        host.kill();
        host.start();
    }
    center.until_lines(wanted);
    let all: Vec<String> =
        (0..wanted).map(|i| format!("<14>1 1970-01-01T00:00:00.000000Z - sshd - - - message {i}")).collect();
    assert_eq!(center.compare(&all), (Vec::new(), Vec::new()));
    assert_eq!(center.lines().len(), wanted, "nothing from before");
}

#[test]
fn the_real_journal_is_followed() {
    let works = Command::new("journalctl").args(["-n", "1", "-o", "json", "-q"]).output();
    if !works.is_ok_and(|o| o.status.success() && !o.stdout.is_empty())
        || Command::new("logger").arg("--version").output().is_err()
    {
        println!("skipped: the real journal is followed needs journalctl, logger and a running journald");
        return;
    }
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![InputKind::Journald { units: vec![] }], None);
    host.start();
    let mark = format!("bongsu-agent-test-{}", std::process::id());
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !center.lines().iter().any(|l| l.contains(&mark)) {
        assert!(std::time::Instant::now() < end, "{:?}", center.lines());
        Command::new("logger").arg(&mark).status().unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
}
