//! The published field orders of the PAN-OS logs, as one table per type: the field's name in PAN-OS, and our column.
//!
//! An empty name is a place kept for later use. Names are those of the vendor's custom log formats.

use bongsu_event::Field;

/// A field's own name and where it goes; `None` keeps it under its own name.
pub(super) type Column = (&'static str, Option<Field>);

/// Is it the name of a log type?
pub(super) fn is_type(kind: &str) -> bool {
    matches!(
        kind,
        "TRAFFIC"
            | "THREAT"
            | "SYSTEM"
            | "CONFIG"
            | "HIPMATCH"
            | "HIP-MATCH"
            | "GLOBALPROTECT"
            | "USERID"
            | "AUTH"
            | "AUTHENTICATION"
            | "DECRYPTION"
            | "CORRELATION"
            | "SCTP"
            | "GTP"
            | "IPTAG"
            | "START"
            | "END"
            | "TUNNEL"
    )
}

/// The field order of a log.
pub(super) fn columns_of(kind: &str, values: &[&str]) -> Option<&'static [Column]> {
    Some(match kind {
        "TRAFFIC" => TRAFFIC,
        "THREAT" => THREAT,
        "SYSTEM" => SYSTEM,
        // the two change details are in custom formats only: without them the sequence number comes early
        "CONFIG"
            if values.get(14).is_some_and(|v| is_number(v)) && values.get(15).is_some_and(|v| v.starts_with("0x")) =>
        {
            CONFIG_SHORT
        }
        "CONFIG" => CONFIG,
        "HIPMATCH" | "HIP-MATCH" => HIPMATCH,
        "GLOBALPROTECT" => GLOBALPROTECT,
        "USERID" => USERID,
        "AUTH" | "AUTHENTICATION" => AUTHENTICATION,
        "DECRYPTION" => DECRYPTION,
        "CORRELATION" => CORRELATION,
        "SCTP" => SCTP,
        "GTP" => GTP,
        "IPTAG" => IPTAG,
        "START" | "END" | "TUNNEL" => START,
        _ => return None,
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

const fn our(name: &'static str, field: Field) -> Column {
    (name, Some(field))
}
const fn own(name: &'static str) -> Column {
    (name, None)
}

#[rustfmt::skip]
const TRAFFIC: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("dst", Field::DstIp), our("natsrc", Field::SrcNatIp),
    our("natdst", Field::DstNatIp), our("rule", Field::Rule), our("srcuser", Field::User),
    our("dstuser", Field::DstUser), our("app", Field::App), own("vsys"), our("from", Field::InZone),
    our("to", Field::OutZone), our("inbound_if", Field::InIface), our("outbound_if", Field::OutIface), own("logset"),
    own("time_logged"), our("sessionid", Field::Session), own("repeatcnt"), our("sport", Field::SrcPort),
    our("dport", Field::DstPort), our("natsport", Field::SrcNatPort), our("natdport", Field::DstNatPort),
    own("flags"), our("proto", Field::Proto), our("action", Field::Action), our("bytes", Field::Bytes),
    our("bytes_sent", Field::BytesOut), our("bytes_received", Field::BytesIn), our("packets", Field::Packets),
    own("start"), own("elapsed"), own("category"), own(""), own("seqno"), own("actionflags"),
    our("srcloc", Field::SrcCountry), our("dstloc", Field::DstCountry), own(""), our("pkts_sent", Field::PacketsOut),
    our("pkts_received", Field::PacketsIn), our("session_end_reason", Field::Reason), own("dg_hier_level_1"),
    own("dg_hier_level_2"), own("dg_hier_level_3"), own("dg_hier_level_4"), own("vsys_name"),
    our("device_name", Field::Host), own("action_source"), own("src_uuid"), own("dst_uuid"), own("tunnelid"),
    own("monitortag"), own("parent_session_id"), own("parent_start_time"), own("tunnel"), own("assoc_id"),
    own("chunks"), own("chunks_sent"), own("chunks_received"), our("rule_uuid", Field::RuleId),
    own("http2_connection"), own("link_change_count"), own("policy_id"), own("link_switches"), own("sdwan_cluster"),
    own("sdwan_device_type"), own("sdwan_cluster_type"), own("sdwan_site"), own("dynusergroup_name"), own("xff_ip"),
    own("src_category"), own("src_profile"), own("src_model"), own("src_vendor"), own("src_osfamily"),
    own("src_osversion"), our("src_host", Field::SrcHost), our("src_mac", Field::SrcMac), own("dst_category"),
    own("dst_profile"), own("dst_model"), own("dst_vendor"), own("dst_osfamily"), own("dst_osversion"),
    our("dst_host", Field::DstHost), our("dst_mac", Field::DstMac), own("container_id"), own("pod_namespace"),
    own("pod_name"), own("src_edl"), own("dst_edl"), own("hostid"), own("endpoint_serial_number"), own("src_dag"),
    own("dst_dag"), own("session_owner"), own("high_res_timestamp"), own("nsdsai_sst"), own("nsdsai_sd"),
    own("subcategory_of_app"), own("category_of_app"), own("technology_of_app"), own("risk_of_app"),
    own("characteristic_of_app"), own("container_of_app"), own("tunneled_app"), own("is_saas_of_app"),
    own("sanctioned_state_of_app"), own("offloaded"), own("flow_type"), own("cluster_name"),
];
#[rustfmt::skip]
const THREAT: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("dst", Field::DstIp), our("natsrc", Field::SrcNatIp),
    our("natdst", Field::DstNatIp), our("rule", Field::Rule), our("srcuser", Field::User),
    our("dstuser", Field::DstUser), our("app", Field::App), own("vsys"), our("from", Field::InZone),
    our("to", Field::OutZone), our("inbound_if", Field::InIface), our("outbound_if", Field::OutIface), own("logset"),
    own("time_logged"), our("sessionid", Field::Session), own("repeatcnt"), our("sport", Field::SrcPort),
    our("dport", Field::DstPort), our("natsport", Field::SrcNatPort), our("natdport", Field::DstNatPort),
    own("flags"), our("proto", Field::Proto), our("action", Field::Action), own("misc"), own("threatid"),
    own("category"), our("severity", Field::SourceSeverity), our("direction", Field::Direction), own("seqno"),
    own("actionflags"), our("srcloc", Field::SrcCountry), our("dstloc", Field::DstCountry), own(""),
    own("contenttype"), own("pcap_id"), own("filedigest"), own("cloud"), own("url_idx"),
    our("user_agent", Field::UserAgent), own("filetype"), own("xff"), our("referer", Field::Referer),
    our("sender", Field::EmailFrom), our("subject", Field::EmailSubject), our("recipient", Field::EmailTo),
    own("reportid"), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"), own("dg_hier_level_4"),
    own("vsys_name"), our("device_name", Field::Host), own(""), own("src_uuid"), own("dst_uuid"),
    our("http_method", Field::HttpMethod), own("tunnel_id"), own("monitortag"), own("parent_session_id"),
    own("parent_start_time"), own("tunnel"), own("thr_category"), own("contentver"), own("sig_flags"),
    own("assoc_id"), own("ppid"), own("http_headers"), own("url_category_list"), our("rule_uuid", Field::RuleId),
    own("http2_connection"), own("dynusergroup_name"), own("xff_ip"), own("src_category"), own("src_profile"),
    own("src_model"), own("src_vendor"), own("src_osfamily"), own("src_osversion"), our("src_host", Field::SrcHost),
    our("src_mac", Field::SrcMac), own("dst_category"), own("dst_profile"), own("dst_model"), own("dst_vendor"),
    own("dst_osfamily"), own("dst_osversion"), our("dst_host", Field::DstHost), our("dst_mac", Field::DstMac),
    own("container_id"), own("pod_namespace"), own("pod_name"), own("src_edl"), own("dst_edl"), own("hostid"),
    own("endpoint_serial_number"), own("domain_edl"), own("src_dag"), own("dst_dag"), own("partial_hash"),
    own("high_res_timestamp"), own("reason"), own("justification"), own("nsdsai_sst"), own("subcategory_of_app"),
    own("category_of_app"), own("technology_of_app"), own("risk_of_app"), own("characteristic_of_app"),
    own("container_of_app"), own("tunneled_app"), own("is_saas_of_app"), own("sanctioned_state_of_app"),
    own("cloud_report_id"), own("cluster_name"), own("flow_type"),
];
#[rustfmt::skip]
const START: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("dst", Field::DstIp), our("natsrc", Field::SrcNatIp),
    our("natdst", Field::DstNatIp), our("rule", Field::Rule), our("srcuser", Field::User),
    our("dstuser", Field::DstUser), our("app", Field::App), own("vsys"), our("from", Field::InZone),
    our("to", Field::OutZone), our("inbound_if", Field::InIface), our("outbound_if", Field::OutIface), own("logset"),
    own("time_logged"), our("sessionid", Field::Session), own("repeatcnt"), our("sport", Field::SrcPort),
    our("dport", Field::DstPort), our("natsport", Field::SrcNatPort), our("natdport", Field::DstNatPort),
    own("flags"), our("proto", Field::Proto), our("action", Field::Action), our("severity", Field::SourceSeverity),
    own("seqno"), own("actionflags"), our("srcloc", Field::SrcCountry), our("dstloc", Field::DstCountry),
    own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"), own("dg_hier_level_4"), own("vsys_name"),
    our("device_name", Field::Host), own("tunnelid"), own("monitortag"), own("parent_session_id"),
    own("parent_start_time"), own("tunnel"), our("bytes", Field::Bytes), our("bytes_sent", Field::BytesOut),
    our("bytes_received", Field::BytesIn), our("packets", Field::Packets), our("pkts_sent", Field::PacketsOut),
    our("pkts_received", Field::PacketsIn), own("max_encap"), own("unknown_proto"), own("strict_check"),
    own("tunnel_fragment"), own("sessions_created"), own("sessions_closed"), our("session_end_reason", Field::Reason),
    own("action_source"), own("start"), own("elapsed"), own("tunnel_insp_rule"), own("remote_user_ip"),
    own("remote_user_id"), our("rule_uuid", Field::RuleId), own("pcap_id"), own("dynusergroup_name"), own("src_edl"),
    own("dst_edl"), own("high_res_timestamp"), own("nsdsai_sd"), own("nsdsai_sst"), own("pdu_session_id"),
    own("subcategory_of_app"), own("category_of_app"), own("technology_of_app"), own("risk_of_app"),
    own("characteristic_of_app"), own("container_of_app"), own("is_saas_of_app"), own("sanctioned_state_of_app"),
];
#[rustfmt::skip]
const SYSTEM: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), own("vsys"), our("eventid", Field::EventCode), own("object"), own(""), own(""),
    own("module"), our("severity", Field::SourceSeverity), our("opaque", Field::Message), own("seqno"),
    own("actionflags"), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own(""), own(""),
    own("high_res_timestamp"),
];
#[rustfmt::skip]
const CONFIG: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("host", Field::SrcIp), own("vsys"), our("cmd", Field::Action),
    our("admin", Field::User), own("client"), our("result", Field::Outcome), own("path"), own("before_change_detail"),
    own("after_change_detail"), own("seqno"), own("actionflags"), own("dg_hier_level_1"), own("dg_hier_level_2"),
    own("dg_hier_level_3"), own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host),
    own("device_group"), own("audit_comment"), own(""), own("high_res_timestamp"),
];
#[rustfmt::skip]
const CONFIG_SHORT: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("host", Field::SrcIp), own("vsys"), our("cmd", Field::Action),
    our("admin", Field::User), own("client"), our("result", Field::Outcome), own("path"), own("seqno"),
    own("actionflags"), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own("device_group"),
    own("audit_comment"), own(""), own("high_res_timestamp"),
];
#[rustfmt::skip]
const HIPMATCH: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("srcuser", Field::User), own("vsys"), our("machinename", Field::SrcHost), own("os"),
    our("src", Field::SrcIp), our("matchname", Field::Signature), own("repeatcnt"), own("matchtype"), own(""),
    own(""), own("seqno"), own("actionflags"), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own("vsys_id"), own("srcipv6"),
    own("hostid"), own("endpoint_serial_number"), our("mac", Field::SrcMac), own("high_res_timestamp"),
    own("cluster_name"),
];
#[rustfmt::skip]
const GLOBALPROTECT: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), own("vsys"), our("eventid", Field::EventCode), own("stage"),
    our("auth_method", Field::AuthMethod), own("tunnel_type"), our("srcuser", Field::User), our("srcregion", Field::SrcCountry),
    our("machinename", Field::SrcHost), own("public_ip"), own("public_ipv6"), own("private_ip"), own("private_ipv6"),
    own("hostid"), own("endpoint_serial_number"), own("client_ver"), own("client_os"), own("client_os_ver"),
    own("repeatcnt"), our("reason", Field::Reason), own("error"), our("opaque", Field::Message),
    our("status", Field::Outcome), own("location"), own("login_duration"), own("connect_method"), own("error_code"),
    own("portal"), own("seqno"), own("actionflags"), own("high_res_timestamp"), own("selection_type"),
    own("response_time"), own("priority"), own("attempted_gateways"), own("gateway"), own("dg_hier_level_1"),
    own("dg_hier_level_2"), own("dg_hier_level_3"), own("dg_hier_level_4"), own("vsys_name"),
    our("device_name", Field::Host), own("vsys_id"), own("cluster_name"),
];
#[rustfmt::skip]
const USERID: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), own("vsys"), our("ip", Field::SrcIp), our("user", Field::User), own("datasourcename"),
    our("eventid", Field::EventCode), own("repeatcnt"), own("timeout"), own("beginport"), own("endport"),
    own("datasource"), own("datasourcetype"), own("seqno"), own("actionflags"), own("dg_hier_level_1"),
    own("dg_hier_level_2"), own("dg_hier_level_3"), own("dg_hier_level_4"), own("vsys_name"),
    our("device_name", Field::Host), own("vsys_id"), own("factortype"), own("factorcompletiontime"), own("factorno"),
    own("ugflags"), own("userbysource"), own("tag_name"), own("high_res_timestamp"), own("origindatasource"), own(""),
    own("cluster_name"),
];
#[rustfmt::skip]
const AUTHENTICATION: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), own("vsys"), our("ip", Field::SrcIp), our("user", Field::User), own("normalize_user"),
    own("object"), own("authpolicy"), own("repeatcnt"), own("authid"), own("vendor"), own("logset"),
    own("serverprofile"), our("desc", Field::Message), own("clienttype"), own("event"), own("factorno"), own("seqno"),
    own("actionflags"), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own("vsys_id"),
    our("authproto", Field::AuthMethod), our("rule_uuid", Field::RuleId), own("high_res_timestamp"),
    own("src_category"), own("src_profile"), own("src_model"), own("src_vendor"), own("src_osfamily"),
    own("src_osversion"), our("src_host", Field::SrcHost), our("src_mac", Field::SrcMac),
    our("region", Field::SrcCountry), own(""), our("user_agent", Field::UserAgent), own("session_uid"),
    own("cluster_name"),
];
#[rustfmt::skip]
const DECRYPTION: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("dst", Field::DstIp), our("natsrc", Field::SrcNatIp),
    our("natdst", Field::DstNatIp), our("rule", Field::Rule), our("srcuser", Field::User),
    our("dstuser", Field::DstUser), our("app", Field::App), own("vsys"), our("from", Field::InZone),
    our("to", Field::OutZone), our("inbound_if", Field::InIface), our("outbound_if", Field::OutIface), own("logset"),
    own("time_logged"), our("sessionid", Field::Session), own("repeatcnt"), our("sport", Field::SrcPort),
    our("dport", Field::DstPort), our("natsport", Field::SrcNatPort), our("natdport", Field::DstNatPort),
    own("flags"), our("proto", Field::Proto), our("action", Field::Action), own("tunnel"), own(""), own(""),
    own("src_uuid"), own("dst_uuid"), our("rule_uuid", Field::RuleId), own("hs_stage_c2f"), own("hs_stage_f2s"),
    own("tls_version"), own("tls_keyxchg"), own("tls_enc"), own("tls_auth"), own("policy_name"), own("ec_curve"),
    own("err_index"), own("root_status"), own("chain_status"), own("proxy_type"), own("cert_serial"),
    own("fingerprint"), own("notbefore"), own("notafter"), own("cert_ver"), own("cert_size"), own("cn_len"),
    own("issuer_len"), own("rootcn_len"), own("sni_len"), own("cert_flags"), own("cn"), own("issuer_cn"),
    own("root_cn"), our("sni", Field::Domain), own("error"), own("container_id"), own("pod_namespace"),
    own("pod_name"), own("src_edl"), own("dst_edl"), own("src_dag"), own("dst_dag"), own("high_res_timestamp"),
    own("src_category"), own("src_profile"), own("src_model"), own("src_vendor"), own("src_osfamily"),
    own("src_osversion"), our("src_host", Field::SrcHost), our("src_mac", Field::SrcMac), own("dst_category"),
    own("dst_profile"), own("dst_model"), own("dst_vendor"), own("dst_osfamily"), own("dst_osversion"),
    our("dst_host", Field::DstHost), our("dst_mac", Field::DstMac), own("seqno"), own("actionflags"),
    own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"), own("dg_hier_level_4"), own("vsys_name"),
    our("device_name", Field::Host), own("vsys_id"), own("subcategory_of_app"), own("category_of_app"),
    own("technology_of_app"), own("risk_of_app"), own("characteristic_of_app"), own("container_of_app"),
    own("tunneled_app"), own("is_saas_of_app"), own("sanctioned_state_of_app"), own("cluster_name"),
];
#[rustfmt::skip]
const IPTAG: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), own("vsys"), our("ip", Field::SrcIp), own("tag_name"), our("eventid", Field::EventCode),
    own("repeatcnt"), own("timeout"), own("datasourcename"), own("datasource_type"), own("datasource_subtype"),
    own("seqno"), own("actionflags"), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own("vsys_id"),
    own("high_res_timestamp"), own("cluster_name"),
];
#[rustfmt::skip]
const CORRELATION: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("srcuser", Field::User), own("vsys"), own("category"),
    our("severity", Field::SourceSeverity), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own("vsys_id"),
    our("objectname", Field::Signature), our("objectid", Field::SignatureId), our("evidence", Field::Message),
];
#[rustfmt::skip]
const SCTP: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("dst", Field::DstIp), own(""), own(""),
    our("rule", Field::Rule), own(""), own(""), own(""), own("vsys"), our("from", Field::InZone),
    our("to", Field::OutZone), our("inbound_if", Field::InIface), our("outbound_if", Field::OutIface), own("logset"),
    own(""), our("sessionid", Field::Session), own("repeatcnt"), our("sport", Field::SrcPort),
    our("dport", Field::DstPort), own(""), own(""), own(""), own(""), our("proto", Field::Proto),
    our("action", Field::Action), own("dg_hier_level_1"), own("dg_hier_level_2"), own("dg_hier_level_3"),
    own("dg_hier_level_4"), own("vsys_name"), our("device_name", Field::Host), own("seqno"), own(""), own("assoc_id"),
    own("ppid"), our("severity", Field::SourceSeverity), own("sctp_chunk_type"), own(""), own("verif_tag_1"),
    own("verif_tag_2"), own("sctp_cause_code"), own("diam_app_id"), own("diam_cmd_code"), own("diam_avp_code"),
    own("stream_id"), own("assoc_end_reason"), own("op_code"), own("sccp_calling_ssn"), own("sccp_calling_gt"),
    own("sctp_filter"), own("chunks"), own("chunks_sent"), own("chunks_received"), our("packets", Field::Packets),
    our("pkts_sent", Field::PacketsOut), our("pkts_received", Field::PacketsIn), our("rule_uuid", Field::RuleId),
    own("high_res_timestamp"),
];
#[rustfmt::skip]
const GTP: &[Column] = &[
    own(""), own("receive_time"), own("serial"), own("type"), our("subtype", Field::Subtype), own(""),
    own("time_generated"), our("src", Field::SrcIp), our("dst", Field::DstIp), own(""), own(""), own("rule_name"),
    own(""), own(""), our("app", Field::App), own("vsys"), our("from", Field::InZone), our("to", Field::OutZone),
    our("inbound_if", Field::InIface), our("outbound_if", Field::OutIface), own("logset"), own(""),
    our("sessionid", Field::Session), own(""), our("sport", Field::SrcPort), our("dport", Field::DstPort), own(""),
    own(""), own(""), our("proto", Field::Proto), our("action", Field::Action), own("event_type"), own("msisdn"),
    own("apn"), own("rat"), own("msg_type"), own("end_ip_adr"), own("teid1"), own("teid2"), own("gtp_interface"),
    own("cause_code"), our("severity", Field::SourceSeverity), own("mcc"), own("mnc"), own("area_code"),
    own("cell_id"), own("event_code"), own(""), own(""), our("srcloc", Field::SrcCountry),
    our("dstloc", Field::DstCountry), own(""), own(""), own(""), own(""), own(""), own(""), own(""), own("imsi"),
    own("imei"), own(""), own(""), own(""), own(""), own(""), own(""), own(""), own(""), own(""), own(""), own(""),
    own(""), own(""), own(""), own(""), own(""), own("start"), own("elapsed"), our("rule", Field::Rule),
    own("remote_user_ip"), own("remote_user_id"), our("rule_uuid", Field::RuleId), own("pcap_id"),
    own("high_res_timestamp"), own("nsdsai_sst"), own("nsdsai_sd"), own("subcategory_of_app"), own("category_of_app"),
    own("technology_of_app"), own("risk_of_app"), own("characteristic_of_app"), own("container_of_app"),
    own("is_saas_of_app"), own("sanctioned_state_of_app"),
];
