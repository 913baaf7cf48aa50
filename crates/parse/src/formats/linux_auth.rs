//! What else Linux says about people: su, log-ins at a console, accounts and groups changed, sessions, cron.
//!
//! Invariant: each program's messages are read by that program's reader; a message none of them knows keeps its text.

use bongsu_event::{Activity, Class, Event, Field, FieldSet, Severity, Status, Unread};

use crate::flat::outcome_word;
use crate::formats::pam;
use crate::{Format, Line};

/// su, login, shadow's tools, systemd-logind, cron.
pub struct LinuxAuth;

type Reader = fn(&mut Event, &str) -> Option<()>;

impl Format for LinuxAuth {
    fn name(&self) -> &'static str {
        "linux_auth"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let tag = line.header.as_ref().and_then(|h| h.app).unwrap_or("");
        // what PAM says through a file server is PAM's
        let served = matches!(tag, "vsftpd" | "proftpd" | "polkitd" | "unix_chkpwd") && pam::is_pam(line.body);
        if reader_of(tag).is_some() && !served { 92 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let tag = line.header.as_ref().and_then(|h| h.app).unwrap_or("");
        let (program, reader) =
            reader_of(tag).ok_or(Unread::because("no program that changes accounts or sessions"))?;
        event.forgeable = FieldSet::of(&[Field::User, Field::Cmdline, Field::Message, Field::Reason]);
        if pam::is_pam(line.body) || tag.contains("(pam_") {
            pam::read(event, line.body, program);
            return Ok(());
        }
        event.set(Field::App, program);
        event.class = Class::System;
        if reader(event, line.body.trim()).is_none() {
            event.set(Field::Message, line.body.trim());
        }
        if matches!(event.class, Class::Authentication | Class::Authorization) && event.status != Status::Unknown {
            event.set(Field::Outcome, outcome_word(event.status));
        }
        if event.status == Status::Failure {
            event.severity = Severity::Low;
        }
        Ok(())
    }
}

fn reader_of(tag: &str) -> Option<(&str, Reader)> {
    let name = tag.split('(').next().unwrap_or(tag);
    let name = name.rsplit('/').next().unwrap_or(name);
    let reader: Reader = match name {
        "su" => su,
        "login" | "LOGIN" | "gdm-password" | "sddm-helper" | "lightdm" => login,
        "polkitd" => polkit,
        "unix_chkpwd" => password_check,
        "vsftpd" => vsftpd,
        "proftpd" => proftpd,
        "useradd" | "adduser" | "userdel" | "deluser" | "usermod" | "groupadd" | "addgroup" | "groupdel"
        | "delgroup" | "groupmod" | "gpasswd" | "chage" | "chsh" | "chfn" | "newusers" | "vipw" | "vigr" => accounts,
        "passwd" | "chpasswd" => passwd,
        "systemd-logind" => logind,
        "cron" | "CRON" | "crond" | "CROND" | "crontab" | "anacron" | "atd" => cron,
        _ => return None,
    };
    Some((name, reader))
}

/// `Operator of unix-session:5 successfully authenticated as unix-user:kim to gain … for action ID for unix-process:…`
fn polkit(event: &mut Event, text: &str) -> Option<()> {
    let (who, rest) = text.strip_prefix("Operator of ")?.split_once(" authenticate")?;
    let (_, rest) = rest.split_once("unix-user:")?;
    event.class = Class::Authorization;
    event.activity = Activity::Open;
    event.status = if who.contains("FAILED") { Status::Failure } else { Status::Success };
    event.set(Field::User, rest.split([' ', ')']).next()?);
    event.set(Field::Session, who.split(' ').next()?.trim_start_matches("unix-session:"));
    event.set(Field::Action, between(rest, "for action ", " ")?);
    Some(())
}

/// `password check failed for user (kim)`
fn password_check(event: &mut Event, text: &str) -> Option<()> {
    let (reason, user) = text.split_once(" for user (")?;
    (event.class, event.activity, event.status) = (Class::Authentication, Activity::Open, Status::Failure);
    event.set(Field::Reason, reason);
    event.set(Field::User, user.strip_suffix(')')?);
    Some(())
}

/// `[kim] FAIL LOGIN: Client "192.0.2.7"`: the client is the last word, behind every name.
fn vsftpd(event: &mut Event, text: &str) -> Option<()> {
    let (front, client) = text.rsplit_once(": Client \"")?;
    let (user, verb) = front.rsplit_once("] ")?;
    event.status = match verb {
        "OK LOGIN" => Status::Success,
        "FAIL LOGIN" => Status::Failure,
        _ => return None,
    };
    (event.class, event.activity) = (Class::Authentication, Activity::Open);
    event.set(Field::User, user.rsplit('[').next()?);
    set_peer(event, client.split(['"', ',']).next()?);
    Some(())
}

/// `HOST (NAME[ADDRESS]) - USER kim (Login failed): Incorrect password.`: the server's own words stand in front.
fn proftpd(event: &mut Event, text: &str) -> Option<()> {
    let (peer, said) = text.split_once("]) - ")?;
    set_peer(event, peer.rsplit('[').next()?);
    let rest = said.strip_prefix("USER ")?;
    let failed = rest.split_once(" (Login failed)").or_else(|| rest.split_once(": no such user"));
    (event.class, event.activity) = (Class::Authentication, Activity::Open);
    event.status = if failed.is_some() { Status::Failure } else { Status::Success };
    let (user, reason) = failed.or_else(|| rest.split_once(": "))?;
    event.set(Field::User, user);
    event.set(Field::Reason, reason.trim_start_matches([':', ' ']));
    Some(())
}

/// Where a server on this host says its client is.
fn set_peer(event: &mut Event, peer: &str) {
    match peer.parse::<std::net::IpAddr>() {
        Ok(address) => event.set(Field::SrcIp, address.to_canonical()),
        Err(_) => event.set(Field::SrcHost, peer),
    }
    event.forgeable.insert(Field::SrcIp);
}

/// What is between two marks of a program's own text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

/// `Successful su for root by kim`, `FAILED SU (to root) kim on pts/0`, `(to root) kim on pts/0`, `+ pts/0 kim:root`
fn su(event: &mut Event, text: &str) -> Option<()> {
    (event.class, event.activity) = (Class::Authentication, Activity::Open);
    let lower = text.to_ascii_lowercase();
    let failed = lower.starts_with("failed") || lower.starts_with("bad su") || text.starts_with("- ");
    event.status = if failed { Status::Failure } else { Status::Success };
    event.set(Field::Action, if failed { "failed" } else { "accepted" });
    if let Some((target, rest)) = text.split_once("(to ").and_then(|(_, r)| r.split_once(") ")) {
        event.set(Field::DstUser, target);
        event.set(Field::User, rest.split(" on ").next()?.trim());
        return Some(());
    }
    if let Some((target, by)) = text.split_once(" su for ").and_then(|(_, r)| r.split_once(" by ")) {
        event.set(Field::DstUser, target);
        event.set(Field::User, by);
        return Some(());
    }
    if let Some((terminal, who)) =
        text.strip_prefix("+ ").or_else(|| text.strip_prefix("- ")).and_then(|r| r.split_once(' '))
    {
        event.add_extra("tty", terminal);
        let (user, target) = who.rsplit_once([':', '-'])?;
        event.set(Field::User, user);
        event.set(Field::DstUser, target);
        return Some(());
    }
    // BSD: `kim to root on /dev/pts/0`, `BAD SU kim to root on …`
    if let Some((who, rest)) = text.split_once(" to ") {
        event.set(Field::User, who.rsplit(' ').next()?);
        event.set(Field::DstUser, rest.split(' ').next()?);
        return Some(());
    }
    (event.class, event.activity, event.status) = (Class::System, Activity::Unknown, Status::Unknown);
    None
}

/// `ROOT LOGIN ON tty1`, `LOGIN ON pts/0 BY kim FROM 192.0.2.1`, `FAILED LOGIN 2 FROM host FOR kim, …`
fn login(event: &mut Event, text: &str) -> Option<()> {
    if !text.contains("LOGIN") {
        return None;
    }
    (event.class, event.activity) = (Class::Authentication, Activity::Open);
    let failed = text.starts_with("FAILED LOGIN") || text.contains("TOO MANY LOGIN TRIES");
    event.status = if failed { Status::Failure } else { Status::Success };
    event.set(Field::Action, if failed { "failed" } else { "accepted" });
    let user = if text.starts_with("ROOT LOGIN") {
        "root"
    } else {
        let (_, rest) = text.rsplit_once(if failed { " FOR " } else { " BY " })?;
        rest.split([',', ' ']).next()?.trim_matches(['\'', '"', '`'])
    };
    event.set(Field::User, user);
    if let Some((_, host)) = text.split_once(" FROM ") {
        let host = host.split([' ', ',']).next()?;
        match Field::SrcIp.read(host) {
            Some(address) => {
                event.set(Field::SrcIp, address);
                event.forgeable.insert(Field::SrcIp);
            }
            None => event.set(Field::SrcHost, host),
        }
    }
    if let Some((_, terminal)) = text.split_once(" ON ").or_else(|| text.split_once(" on ")) {
        event.add_extra("tty", terminal.split(' ').next()?.trim_matches('\''));
    }
    Some(())
}

/// `new user: name=kim, UID=1000, …`, `add 'kim' to group 'wheel'`, `delete user 'kim'`, `change user 'kim' password`
fn accounts(event: &mut Event, text: &str) -> Option<()> {
    event.class = Class::Account;
    event.status = Status::Success;
    let text = match text.strip_prefix("failed ") {
        Some(rest) => {
            event.status = Status::Failure;
            rest
        }
        None => text,
    };
    if let Some(pairs) = text.strip_prefix("new user: ").or_else(|| text.strip_prefix("new account added - account=")) {
        event.activity = Activity::Create;
        event.set(Field::Action, "user_added");
        new_account(event, pairs, Field::User);
        return Some(());
    }
    if let Some((_, pairs)) = text
        .strip_prefix("new group: ")
        .map(|p| ("", p))
        .or_else(|| text.split_once("group added to ").map(|(_, r)| r.split_once(": ").unwrap_or(("", r))))
    {
        (event.class, event.activity) = (Class::Group, Activity::Create);
        event.set(Field::Action, "group_added");
        new_account(event, pairs, Field::Group);
        return Some(());
    }
    changed(event, text)
}

fn new_account(event: &mut Event, pairs: &str, name: Field) {
    for pair in pairs.split(", ") {
        match pair.split_once('=') {
            Some(("name", value)) => event.set(name, value),
            Some((key, value)) => event.add_extra(&key.to_ascii_lowercase(), value),
            None => event.set(name, pair),
        }
    }
}

/// The quoted names are shadow's own habit; which is which follows from the words before them.
fn changed(event: &mut Event, text: &str) -> Option<()> {
    let quoted = |before: &str| between(text, before, "'");
    let member = quoted("add '").or_else(|| between(text, "user ", " added by"));
    let gone = quoted("delete '").or_else(|| between(text, "user ", " removed by"));
    if let Some(user) = member.or(gone) {
        event.class = Class::Group;
        event.activity = if member.is_some() { Activity::Create } else { Activity::Delete };
        event.set(Field::Action, if member.is_some() { "member_added" } else { "member_removed" });
        event.set(Field::User, user);
        let group = quoted("group '").or_else(|| text.rsplit_once(" group ").map(|(_, g)| g))?;
        event.set(Field::Group, group.trim_matches('\''));
        if let Some((_, by)) = text.split_once("ed by ") {
            event.set(Field::SessionUser, by.split(' ').next()?);
        }
        return Some(());
    }
    if let Some(user) = quoted("delete user '").or_else(|| quoted("removed user '")) {
        event.activity = Activity::Delete;
        event.set(Field::Action, "user_deleted");
        event.set(Field::User, user);
        return Some(());
    }
    let removed_group = quoted("removed group '")
        .or_else(|| quoted("removed shadow group '"))
        .or_else(|| quoted("group '").filter(|_| text.contains("' removed")));
    if let Some(group) = removed_group {
        (event.class, event.activity) = (Class::Group, Activity::Delete);
        event.set(Field::Action, "group_deleted");
        event.set(Field::Group, group);
        if let Some(owner) = quoted("owned by '") {
            event.set(Field::User, owner);
        }
        return Some(());
    }
    event.activity = Activity::Update;
    let named =
        quoted("user '").or_else(|| quoted("adding user '")).or_else(|| text.rsplit_once(" for ").map(|(_, n)| n));
    let user = named.map(|u| u.trim_matches('\''));
    if let Some(user) = user {
        event.set(Field::User, user);
    }
    let action = if text.contains("unlock") {
        "user_unlocked"
    } else if text.contains("lock") {
        "user_locked"
    } else if text.contains("password") {
        "password_changed"
    } else if text.contains("shell") {
        "shell_changed"
    } else {
        "user_changed"
    };
    event.set(Field::Action, action);
    event.set(Field::Reason, text);
    user.map(|_| ())
}

/// `password for 'kim' changed by 'root'`
fn passwd(event: &mut Event, text: &str) -> Option<()> {
    let (_, rest) = text.split_once("password for ")?;
    let (user, by) = rest.split_once(" changed by ")?;
    (event.class, event.activity, event.status) = (Class::Account, Activity::Update, Status::Success);
    event.set(Field::Action, "password_changed");
    event.set(Field::User, user.trim_matches('\''));
    event.set(Field::SessionUser, by.trim_matches('\''));
    Some(())
}

/// `New session 5 of user kim.`, `Removed session 5.`, `Session 5 logged out. Waiting for processes to exit.`
fn logind(event: &mut Event, text: &str) -> Option<()> {
    if let Some(rest) = text.strip_prefix("New session ") {
        let (session, user) = rest.split_once(" of user ")?;
        (event.class, event.activity, event.status) = (Class::Authentication, Activity::Open, Status::Success);
        event.set(Field::Action, "session_open");
        event.set(Field::Session, session.trim_matches('\''));
        event.set(Field::User, user.trim_end_matches('.'));
        return Some(());
    }
    let session = text
        .strip_prefix("Removed session ")
        .or_else(|| text.strip_prefix("Session ").and_then(|t| t.split_once(" logged out").map(|(s, _)| s)))?;
    (event.class, event.activity, event.status) = (Class::Authentication, Activity::Close, Status::Success);
    event.set(Field::Action, "session_close");
    event.set(Field::Session, session.trim_end_matches('.'));
    Some(())
}

/// `(root) CMD (run-parts /etc/cron.hourly)`, `(kim) REPLACE (kim)`, `(kim) AUTH (crontab command not allowed)`
fn cron(event: &mut Event, text: &str) -> Option<()> {
    let (user, rest) = text.strip_prefix('(')?.split_once(") ")?;
    let (verb, detail) = rest.split_once(" (").unwrap_or((rest, ""));
    let detail = detail.strip_suffix(')').unwrap_or(detail);
    event.set(Field::Action, verb);
    if user != "CRON" && user != "*system*" {
        event.set(Field::User, user);
    }
    match verb {
        "CMD" | "CMDEND" | "CMDOUT" => {
            (event.class, event.activity) = (Class::Process, Activity::Run);
            event.set(Field::Cmdline, detail);
        }
        "REPLACE" | "BEGIN EDIT" | "END EDIT" | "DELETE" | "LIST" => {
            event.class = Class::Config;
            event.activity = match verb {
                "REPLACE" => Activity::Update,
                "DELETE" => Activity::Delete,
                _ => Activity::Read,
            };
            event.set(Field::DstUser, detail);
        }
        "AUTH" | "FAILED to authorize user with PAM" => {
            (event.class, event.status) = (Class::Authorization, Status::Failure);
            event.set(Field::Reason, detail);
        }
        _ => event.set(Field::Reason, detail),
    }
    Some(())
}
