//! The names that Sigma's taxonomy gives to what others name otherwise: Windows events as JSON, Winlogbeat, NXLog, the
//! Elastic Common Schema. A rule on `CommandLine` then finds it whoever wrote the event.
//!
//! Invariant: a value keeps the name it came with; it is told once more under each name that Sigma has for it.

/// Tell `f` every name that Sigma gives a value of a JSON event, beside the one it has.
pub(crate) fn others(path: &str, f: &mut dyn FnMut(&str)) {
    let mut short = String::new();
    if of_windows(path, &mut short) {
        f(&short);
    }
    of_schemas(path).iter().for_each(|name| f(name));
}

/// The short name of a value of a nested Windows event, if this is one.
fn of_windows(path: &str, out: &mut String) -> bool {
    let event = path.strip_prefix("Event.").unwrap_or(path);
    if let Some(rest) = event.strip_prefix("EventData.") {
        // The specification: as the log has them, without their spaces.
        out.extend(rest.strip_suffix(".#text").unwrap_or(rest).chars().filter(|c| *c != ' '));
    } else if let Some(rest) = event.strip_prefix("System.") {
        match rest.split_once(".#attributes.") {
            Some((tag, attribute)) => {
                out.push_str(tag);
                out.push('_');
                out.push_str(attribute);
            }
            None => out.push_str(rest.strip_suffix(".#text").unwrap_or(rest)),
        }
    } else if let Some(rest) = event.strip_prefix("UserData.") {
        out.extend(rest.split_once('.').map_or(rest, |(_, name)| name).chars().filter(|c| *c != ' '));
    } else if let Some(rest) = path.strip_prefix("winlog.") {
        out.push_str(match rest {
            "channel" => "Channel",
            "event_id" => "EventID",
            "provider_name" => "Provider_Name",
            "provider_guid" => "Provider_Guid",
            "computer_name" => "Computer",
            "process.pid" => "Execution_ProcessID",
            "process.thread.id" => "Execution_ThreadID",
            "user.identifier" => "Security_UserID",
            rest => rest.strip_prefix("event_data.").or_else(|| rest.strip_prefix("user_data.")).unwrap_or(""),
        });
    } else if let Some(rest) = path.strip_prefix("event_data.") {
        // Winlogbeat before version 7.
        out.push_str(rest);
    }
    !out.is_empty()
}

/// Sigma's names for those of NXLog, of Winlogbeat before version 7 and of the Elastic Common Schema.
fn of_schemas(path: &str) -> &'static [&'static str] {
    match path {
        "SourceName" | "source_name" => &["Provider_Name"],
        "ProviderGuid" | "provider_guid" => &["Provider_Guid"],
        "log_name" => &["Channel"],
        "event_id" => &["EventID"],
        "computer_name" => &["Computer"],
        "ExecutionProcessID" => &["Execution_ProcessID"],
        "ThreadID" => &["Execution_ThreadID"],

        "process.executable" => &["Image"],
        "process.command_line" => &["CommandLine"],
        "process.working_directory" => &["CurrentDirectory"],
        "process.pid" => &["ProcessId"],
        "process.entity_id" => &["ProcessGuid"],
        "process.pe.original_file_name" => &["OriginalFileName"],
        "process.pe.company" => &["Company"],
        "process.pe.product" => &["Product"],
        "process.pe.description" => &["Description"],
        "process.pe.file_version" => &["FileVersion"],
        "process.pe.imphash" => &["Imphash"],
        "process.hash.md5" | "file.hash.md5" => &["md5"],
        "process.hash.sha1" | "file.hash.sha1" => &["sha1"],
        "process.hash.sha256" | "file.hash.sha256" => &["sha256"],
        "process.parent.executable" => &["ParentImage"],
        "process.parent.command_line" => &["ParentCommandLine"],
        "process.parent.pid" => &["ParentProcessId"],
        "user.id" => &["UserId"],
        "file.path" => &["TargetFilename"],
        "dll.path" => &["ImageLoaded"],
        "registry.path" => &["TargetObject"],
        "registry.data.strings" => &["Details"],
        "source.ip" => &["SourceIp", "src_ip", "c-ip"],
        "source.port" => &["SourcePort", "src_port"],
        "source.domain" => &["SourceHostname"],
        "destination.ip" => &["DestinationIp", "dst_ip"],
        "destination.port" => &["DestinationPort", "dst_port"],
        "destination.domain" => &["DestinationHostname"],
        "network.transport" => &["Protocol"],
        "dns.question.name" => &["QueryName", "query"],
        "dns.question.type" => &["record_type"],
        "dns.answers.data" => &["QueryResults", "answer"],
        "event.code" => &["EventID"],
        "event.provider" => &["Provider_Name"],
        "host.name" => &["Computer"],
        "url.original" => &["c-uri"],
        "url.path" => &["cs-uri-stem"],
        "url.query" => &["cs-uri-query", "c-uri-query"],
        "url.domain" => &["cs-host", "r-dns"],
        "url.extension" => &["c-uri-extension"],
        "http.request.method" => &["cs-method"],
        "http.request.referrer" => &["cs-referer", "cs-referrer"],
        "http.response.status_code" => &["sc-status"],
        "http.version" => &["cs-version"],
        "user_agent.original" => &["c-useragent", "cs-user-agent"],
        "user.name" => &["cs-username"],
        "threat.name" | "threat.indicator.name" => &["Signature"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::others;

    #[test]
    fn names_of_sigma() {
        let of = |path: &str| {
            let mut all = Vec::new();
            others(path, &mut |n| all.push(n.to_owned()));
            all
        };
        assert_eq!(of("Event.EventData.SAM User Account"), ["SAMUserAccount"]);
        assert_eq!(of("Event.System.Provider.#attributes.Name"), ["Provider_Name"]);
        assert_eq!(of("Event.System.EventID.#text"), ["EventID"]);
        assert_eq!(of("Event.UserData.RuleAndFileData.FilePath"), ["FilePath"]);
        assert_eq!(of("winlog.event_data.CommandLine"), ["CommandLine"]);
        assert_eq!(of("event_data.CommandLine"), ["CommandLine"]);
        assert_eq!(of("process.command_line"), ["CommandLine"]);
        assert_eq!(of("SourceName"), ["Provider_Name"]);
        assert!(of("CommandLine").is_empty());
    }
}
