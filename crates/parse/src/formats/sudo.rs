//! sudo, doas and pkexec: who ran what as whom, and who was refused.
//!
//! Invariant: `USER=` and `COMMAND=` are read by their place in sudo's own order; the command is the rest of the line,
//! so nothing written in it becomes a field.

use bongsu_event::{Activity, Class, Event, Field, FieldSet, Severity, Status, Unread};

use crate::flat::outcome_word;
use crate::formats::pam;
use crate::{Format, Line};

/// sudo and its relatives.
pub struct Sudo;

impl Format for Sudo {
    fn name(&self) -> &'static str {
        "sudo"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        match line.header.as_ref().and_then(|h| h.app).map(base_name) {
            Some("sudo" | "sudo-i" | "doas" | "pkexec") => 95,
            _ => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let program = line.header.as_ref().and_then(|h| h.app).map_or("sudo", base_name);
        event.forgeable = FieldSet::of(&[Field::Cmdline, Field::File, Field::Message, Field::Reason]);
        if pam::is_pam(line.body) {
            pam::read(event, line.body, program);
            return Ok(());
        }
        event.set(Field::App, program);
        event.class = Class::Authorization;
        event.activity = Activity::Run;
        let read = match program {
            "pkexec" => pkexec(event, line.body),
            "doas" => doas(event, line.body),
            _ => sudo(event, line.body.trim()),
        };
        if read.is_none() {
            event.activity = Activity::Unknown;
            event.set(Field::Message, line.body);
        }
        if event.status != Status::Unknown {
            event.set(Field::Outcome, outcome_word(event.status));
        }
        if event.status == Status::Failure {
            event.severity = Severity::Low;
        }
        Ok(())
    }
}

fn base_name(tag: &str) -> &str {
    tag.rsplit('/').next().unwrap_or(tag)
}

/// `kim : TTY=pts/0 ; PWD=/home/kim ; USER=root ; COMMAND=/bin/id`, or a reason in front of `TTY=`.
fn sudo(event: &mut Event, body: &str) -> Option<()> {
    let (user, rest) = body.split_once(" : ")?;
    event.set(Field::User, user.trim());
    event.status = Status::Success;
    // everything in front of the command is sudo's own, in sudo's own order
    let (before, command) = rest.split_once("COMMAND=").unwrap_or((rest, ""));
    event.set(Field::Cmdline, command.trim());
    for (i, part) in before.split(" ; ").enumerate() {
        let part = part.trim().trim_end_matches(" ;");
        match part.split_once('=') {
            Some(("TTY", tty)) => event.add_extra("tty", tty),
            Some(("PWD", folder)) => event.add_extra("pwd", folder),
            Some(("USER", target)) => {
                event.set(Field::DstUser, target);
                // Rules of Sigma ask for it so.
                event.add_extra("USER", target);
            }
            Some(("GROUP", group)) => event.set(Field::Group, group),
            Some(("TSID", id)) => event.set(Field::Session, id),
            Some(("ENV", environment)) => event.add_extra("env", environment),
            _ if i == 0 && !part.is_empty() => {
                event.status = Status::Failure;
                event.set(Field::Reason, part);
            }
            _ => {}
        }
    }
    event.set(Field::Action, if event.status == Status::Failure { "refused" } else { "run" });
    Some(())
}

/// `kim: Executing command [USER=root] [TTY=/dev/pts/0] [CWD=/home/kim] [COMMAND=/bin/id]`
fn pkexec(event: &mut Event, body: &str) -> Option<()> {
    let (user, rest) = body.split_once(": ")?;
    event.set(Field::User, user);
    let executing = rest.starts_with("Executing command");
    event.status = if executing { Status::Success } else { Status::Failure };
    if !executing {
        event.set(Field::Reason, rest.split(" [").next()?);
    }
    let (before, command) = rest.split_once("[COMMAND=").unwrap_or((rest, ""));
    event.set(Field::Cmdline, command.trim_end_matches(']'));
    if let Some((_, target)) = before.split_once("[USER=") {
        event.set(Field::DstUser, target.split(']').next()?);
    }
    event.set(Field::Action, if executing { "run" } else { "refused" });
    Some(())
}

/// `kim ran command id as root from /home/kim`, `command not permitted for kim`, `failed auth for kim`
fn doas(event: &mut Event, body: &str) -> Option<()> {
    if let Some(user) = body.strip_prefix("failed auth for ").or_else(|| body.strip_prefix("failed command for ")) {
        event.status = Status::Failure;
        event.set(Field::User, user.split(':').next()?);
        event.set(Field::Reason, "failed auth");
        return Some(());
    }
    let (user, rest) = body.split_once(" ran command ")?;
    event.set(Field::User, user);
    event.status = Status::Success;
    let (command, target) = rest.rsplit_once(" as ").unwrap_or((rest, ""));
    event.set(Field::Cmdline, command);
    event.set(Field::DstUser, target.split(' ').next()?);
    event.set(Field::Action, "run");
    Some(())
}
