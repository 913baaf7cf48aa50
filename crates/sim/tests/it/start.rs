//! First start, wrong settings, a folder in use, and the words each gets.

use std::process::Command;

use bongsu_sim::{Agent, Center, binary};

const QUIET: &[&str] = &[
    "web.listen=127.0.0.1:0",
    "intake.syslog_udp=127.0.0.1:0",
    "intake.syslog_tcp=127.0.0.1:0",
    "intake.syslog_tls=off",
    "uplink.listen=127.0.0.1:0",
];

#[test]
fn each_start_prints_one_link_until_somebody_has_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut center = Center::new(&folder.path().join("data"), QUIET);
    center.start();
    let first = center.log();
    assert_eq!(first.matches("/link#").count(), 1, "{first}");
    center.stop();
    center.start();
    let both = center.log();
    assert_eq!(both.matches("/link#").count(), 2, "the link was not used, so a new one is due: {both}");
    center.stop();
}

#[test]
fn a_folder_in_use_and_a_wrong_key_each_get_one_clear_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut center = Center::new(&data, QUIET);
    center.start();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(binary("bongsu")).args(["center", "--data"]).arg(&data).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stderr).unwrap()
    };
    let busy = run(&[]);
    assert!(busy.contains("in use"), "{busy}");
    let wrong = run(&["--set", "intake.syslog_tpc=127.0.0.1:1"]);
    assert!(wrong.contains("did you mean `intake.syslog_tcp`"), "{wrong}");
    center.stop();
}

#[test]
fn the_demo_refuses_a_real_centers_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut center = Center::new(&data, QUIET);
    center.start();
    center.stop();
    let output = Command::new(binary("bongsu")).args(["center", "--demo", "--data"]).arg(&data).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("real center"));
}

#[test]
fn an_unknown_sender_waits_in_quarantine_and_is_adopted() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut center = Center::new(&folder.path().join("data"), QUIET);
    center.start();
    let address = center.listener("syslog TCP ");
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    stream.write_all(b"<13>Nov 22 03:04:05 host app: hello from nowhere\n").unwrap();
    bongsu_sim::eventually("the line is searchable", || center.count("\"hello from nowhere\"") == 1);
    let adopted = center.must(&["source", "adopt", "127.0.0.1", "--name", "known"]);
    assert!(adopted.contains("known"), "{adopted}");
    stream.write_all(b"<13>Nov 22 03:04:06 host app: hello again\n").unwrap();
    bongsu_sim::eventually("it counts for the source", || center.count("source:known") == 1);
    center.stop();
}

#[test]
fn every_block_is_listed_however_many_there_are() {
    const BLOCKS: usize = 205;
    let folder = tempfile::tempdir().unwrap();
    let mut center = Center::new(&folder.path().join("data"), QUIET);
    center.start();
    let _point = Agent::enrol(&center, &folder.path().join("agent"), "trial", None);
    center.must(&["agent", "set", "trial", "--enforce", "dry_run"]);
    center.policy(|p| {
        for budget in ["budget_agency_hour", "budget_total_hour", "budget_service_hour"] {
            p[budget] = 10_000.into();
        }
    });
    for n in 0..BLOCKS {
        center.must(&["block", "add", &format!("198.51.100.{n}"), "--reason", "one of many"]);
    }
    assert_eq!(center.rows(&["block", "list"]).len(), BLOCKS);
    center.must(&["block", "undo", "198.51.100.0"]);
    assert_eq!(center.rows(&["block", "list", "--all"]).len(), BLOCKS);
    center.stop();
}
