//! Files: each line once, whatever happens to the file, the agent or the center.

use std::{fs, io::Write, os::unix::fs::MetadataExt, time::Duration};

use bongsu_uplink::InputKind;

use super::{
    center::Center,
    host::{Host, append, numbered},
};

fn tail(host: &Host, pattern: &str) -> InputKind {
    InputKind::Tail { globs: vec![host.logs().join(pattern).display().to_string()], from_start: true }
}

fn nothing() -> (Vec<String>, Vec<String>) {
    (Vec::new(), Vec::new())
}

#[test]
fn lines_come_as_they_are_written_and_a_half_line_waits() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let path = host.logs().join("app.log");
    center.configure(vec![tail(&host, "*.log")], None);
    host.start();
    let wanted = numbered("a", 0, 50);
    append(&path, &wanted);
    center.until_lines(50);
    let half = fs::OpenOptions::new().append(true).open(&path).unwrap();
    (&half).write_all(b"half a ").unwrap();
    append(&host.logs().join("other.log"), &["marker".to_owned()]);
    center.until_lines(51);
    assert!(!center.lines().iter().any(|l| l.contains("half")), "a line without its end waits");
    (&half).write_all(b"line\r\n").unwrap();
    let lines = center.until_lines(52);
    assert!(lines.contains(&"half a line".to_owned()));
    assert_eq!(center.compare(&wanted), nothing());
}

#[test]
fn what_was_there_before_the_input_is_left_unless_asked_for() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    append(&host.logs().join("old.log"), &numbered("old", 0, 10));
    let pattern = host.logs().join("*.log").display().to_string();
    center.configure(vec![InputKind::Tail { globs: vec![pattern], from_start: false }], None);
    host.start();
    center.until("the input to begin", |s| {
        s.messages
            .iter()
            .any(|m| matches!(m, bongsu_uplink::AgentMessage::Status(s) if s.inputs.iter().any(|i| i.open.len() == 1)))
            .then_some(())
    });
    let (a, b) = (numbered("old", 10, 5), numbered("new", 0, 5));
    append(&host.logs().join("old.log"), &a);
    append(&host.logs().join("new.log"), &b);
    center.until_lines(10);
    // Restarted, it goes on where it stood.
    host.stop();
    let c = numbered("old", 15, 5);
    append(&host.logs().join("old.log"), &c);
    host.start();
    center.until_lines(15);
    assert_eq!(center.compare(&[a, b, c].concat()), nothing());
    assert_eq!(center.lines().len(), 15);
}

#[test]
fn rotation_while_the_agent_is_killed_again_and_again_loses_and_doubles_nothing() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "app.log")], None);
    host.start();
    let path = host.logs().join("app.log");
    let writer = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut all = Vec::new();
            for round in 0..30 {
                let lines = numbered("k", round * 200, 200);
                append(&path, &lines);
                all.extend(lines);
                if round % 5 == 4 {
                    // As logrotate: the old files move up, a fresh one is begun.
                    for i in (1..9).rev() {
                        let name = |i: i32| path.with_extension(format!("log.{i}"));
                        let _ = fs::rename(name(i), name(i + 1));
                    }
                    fs::rename(&path, path.with_extension("log.1")).unwrap();
                }
                std::thread::sleep(Duration::from_millis(60));
            }
            all
        }
    });
    while !writer.is_finished() {
        std::thread::sleep(Duration::from_millis(350));
        host.kill();
        host.start();
    }
    let wanted = writer.join().unwrap();
    center.until("every line", |s| (s.records.len() >= wanted.len()).then_some(()));
    assert_eq!(center.compare(&wanted), nothing());
    assert_eq!(center.lines().len(), wanted.len());
}

#[test]
fn truncation_is_seen_with_the_agent_up_and_with_it_down() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "app.log")], None);
    host.start();
    let path = host.logs().join("app.log");
    let (a, b, c) = (numbered("t", 0, 100), numbered("t", 100, 30), numbered("t", 130, 100));
    append(&path, &a);
    center.until_lines(100);
    // Truncated without a copy, then less than before.
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, &b);
    center.until_lines(130);
    host.stop();
    // Emptied and filled beyond where we stood, all unseen.
    fs::write(&path, "").unwrap();
    append(&path, &c);
    host.start();
    center.until_lines(230);
    assert_eq!(center.compare(&[a, b, c].concat()), nothing());
    assert_eq!(center.lines().len(), 230);
}

#[test]
fn another_file_with_the_same_inode_is_another_file() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "*.log")], None);
    host.start();
    let path = host.logs().join("one.log");
    append(&path, &numbered("first", 0, 20));
    center.until_lines(20);
    host.stop();
    let inode = fs::metadata(&path).unwrap().ino();
    fs::remove_file(&path).unwrap();
    let mut reused = None;
    for i in 0..200 {
        let candidate = host.logs().join(format!("try{i}.tmp"));
        fs::write(&candidate, "").unwrap();
        if fs::metadata(&candidate).unwrap().ino() == inode {
            reused = Some(candidate);
            break;
        }
    }
    let Some(reused) = reused else {
        println!("skipped: another file with the same inode needs a file system that gives inodes again");
        return;
    };
    // Longer than the old one was: only its head tells them apart.
    let second = numbered("second", 0, 60);
    append(&reused, &second);
    fs::rename(&reused, host.logs().join("two.log")).unwrap();
    host.start();
    center.until_lines(80);
    assert_eq!(center.compare(&second), nothing());
    assert_eq!(center.lines().len(), 80);
}

#[test]
fn a_file_renamed_while_the_agent_was_down_is_read_to_its_end() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "app.log")], None);
    host.start();
    let path = host.logs().join("app.log");
    let (a, b, c) = (numbered("r", 0, 10), numbered("r", 10, 10), numbered("r", 20, 10));
    append(&path, &a);
    center.until_lines(10);
    host.kill();
    append(&path, &b);
    fs::rename(&path, path.with_extension("log.1")).unwrap();
    append(&path, &c);
    host.start();
    center.until_lines(30);
    assert_eq!(center.compare(&[a, b, c].concat()), nothing());
}

#[test]
fn hostile_files_do_not_stop_the_next_line() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "*")], None);
    host.start();
    let mut giant = vec![b'x'; 10 * 1024 * 1024];
    giant.extend_from_slice(b"\n\xff\xfe\x00 not text \xb0\xad\n");
    fs::write(host.logs().join("giant"), &giant).unwrap();
    fs::create_dir(host.logs().join("folder")).unwrap();
    append(&host.logs().join("good"), &["a good line".to_owned()]);
    center.until_lines(3);
    let state = center.state.lock().unwrap();
    let of = |len: usize| state.records.values().find(|r| r.raw.len() == len).unwrap();
    assert!(of(64 * 1024).flags.truncated);
    assert!(
        state.records.values().any(|r| r.raw[..] == b"\xff\xfe\x00 not text \xb0\xad"[..]),
        "bytes come as they were"
    );
}

#[test]
fn a_rotation_by_copy_loses_nothing_that_stands_in_the_copy() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "app.log")], None);
    host.start();
    let path = host.logs().join("app.log");
    let (a, b, c, d) = (numbered("c", 0, 50), numbered("c", 50, 50), numbered("c", 100, 20), numbered("c", 120, 20));
    append(&path, &a);
    center.until_lines(50);
    host.kill();
    append(&path, &b);
    fs::copy(&path, path.with_extension("log.1")).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, &c);
    host.start();
    center.until_lines(120);
    // With the agent up, a half line may stand in the copy and be whole only there.
    fs::File::options().append(true).open(&path).unwrap().write_all(b"half a ").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let mut copied = fs::read(&path).unwrap();
    copied.extend_from_slice(b"line\n");
    fs::rename(path.with_extension("log.1"), path.with_extension("log.2")).unwrap();
    fs::write(path.with_extension("log.1"), copied).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, &d);
    center.until_lines(141);
    // A plain copy beside the living file is no news.
    fs::copy(&path, path.with_extension("log.3")).unwrap();
    host.stop();
    host.start();
    append(&path, &["the end".to_owned()]);
    center.until_lines(142);
    let wanted = [a, b, c, d, vec!["half a line".to_owned(), "the end".to_owned()]].concat();
    assert_eq!(center.compare(&wanted), nothing());
    assert_eq!(center.lines().len(), 142);
}

#[test]
fn files_that_came_and_went_while_the_agent_was_down_are_read() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host, "app.log")], None);
    host.start();
    let path = host.logs().join("app.log");
    let of = |i: usize| numbered("n", i * 10, 10);
    append(&path.with_extension("log.7"), &numbered("long ago", 0, 10));
    append(&path, &of(0));
    center.until_lines(10);
    host.kill();
    std::thread::sleep(Duration::from_millis(20));
    for i in 1..4 {
        for n in (1..4).rev() {
            let _ = fs::rename(path.with_extension(format!("log.{n}")), path.with_extension(format!("log.{}", n + 1)));
        }
        fs::rename(&path, path.with_extension("log.1")).unwrap();
        append(&path, &of(i));
    }
    host.start();
    center.until_lines(40);
    let wanted: Vec<String> = (0..4).flat_map(of).collect();
    assert_eq!(center.compare(&wanted), nothing());
    assert_eq!(center.lines().len(), 40, "nothing from long ago");
}
