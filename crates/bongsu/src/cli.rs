//! The command line: every command and its flags. `--help` of each shows an example.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::output::Output;

/// Bongsu: cyber attack response and service continuity center.
#[derive(Parser, Debug)]
#[command(name = "bongsu", version, about, max_term_width = 100)]
pub struct Cli {
    /// Data folder of the center.
    #[arg(long, global = true, env = "BONGSU_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a center.
    #[command(after_help = "Example: bongsu center --data /var/lib/bongsu --set intake.syslog_tcp=0.0.0.0:6601")]
    Center(Center),
    /// Is the center up, and how is it doing? Exit 0 once it is ready.
    #[command(after_help = "Example: bongsu status --output jsonl")]
    Status {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// People.
    User {
        /// What.
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Log sources.
    Source {
        /// What.
        #[command(subcommand)]
        command: SourceCommand,
    },
    /// Agents at the offices.
    Agent {
        /// What.
        #[command(subcommand)]
        command: AgentCommand,
    },
    /// Blocks.
    Block {
        /// What.
        #[command(subcommand)]
        command: BlockCommand,
    },
    /// Stop all new blocks and withdraw automatic ones, or release the switch.
    #[command(name = "kill-switch", after_help = "Example: bongsu kill-switch on --reason 'wrong rule'")]
    KillSwitch {
        /// on or off.
        #[arg(value_parser = ["on", "off"])]
        state: String,
        /// Why.
        #[arg(long, default_value = "operator at the socket")]
        reason: String,
    },
    /// Search received events.
    #[command(
        after_help = "Example: bongsu search 'src_ip:203.0.113.7 AND status:failure | count by user' --from 2026-11-22T00:00:00Z"
    )]
    Search(Search),
    /// Read raw lines into events, without a center.
    #[command(after_help = "Example: bongsu parse --format auto --timezone Asia/Seoul /var/log/auth.log")]
    Parse(Parse),
    /// Run rules over log files and folders, or over stored events.
    #[command(
        after_help = "Examples:\n  bongsu hunt --rules rules/ windows/ --output table -- evtx/\n  bongsu hunt --rules sigma/rules sigma/rules-dfir --level high --output html --lang ko -- case-17/ > report.html\n  bongsu hunt --lake --from 2026-03-01 --to 2026-03-08 --output jsonl\n\nExit 0 with or without detections, also when a damaged file was read in part; 3 if nothing was readable; 2 for wrong use."
    )]
    Hunt(Hunt),
    /// Detection rules.
    Rules {
        /// What.
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Check the journal's chain: names the first bad byte's segment and records. Exit 1 if something is wrong.
    #[command(after_help = "Example: bongsu verify --data /var/lib/bongsu")]
    Verify {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Run a center.
#[derive(Args, Debug)]
pub struct Center {
    /// Address of the web interface (`web.listen`): plain HTTP on loopback, TLS elsewhere.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override any key of the configuration; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// A believable city whose logs and attacks go through the real path. Loopback only.
    #[arg(long)]
    pub demo: bool,
}

/// People.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Add a user; prints a single-use link.
    #[command(after_help = "Example: bongsu user add yoon.sj --role analyst --agency 수안구청")]
    Add {
        /// Account name.
        name: String,
        /// viewer, analyst, duty_lead, agency_security_manager, agency_security_deputy, administrator.
        #[arg(long)]
        role: String,
        /// Agency by name, code or number; default the root.
        #[arg(long)]
        agency: Option<String>,
        /// Display name; default the account name.
        #[arg(long)]
        display_name: Option<String>,
    },
    /// A new single-use link for a user who lost the password.
    Link {
        /// Account name.
        name: String,
    },
    /// All users.
    List {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Log sources.
#[derive(Subcommand, Debug)]
pub enum SourceCommand {
    /// Register a sender.
    #[command(
        after_help = "Example: bongsu source add fw-outer --from 203.0.113.1 --agency 수안구청 --format fortigate --timezone Asia/Seoul"
    )]
    Add {
        /// Name.
        name: String,
        /// Sender address or prefix.
        #[arg(long, value_name = "ADDR")]
        from: String,
        /// Agency by name, code or number; default the root.
        #[arg(long)]
        agency: Option<String>,
        /// Format; default auto.
        #[arg(long)]
        format: Option<String>,
        /// Zone of times written without one.
        #[arg(long)]
        timezone: Option<String>,
    },
    /// Take a sender out of quarantine.
    #[command(after_help = "Example: bongsu source adopt 203.0.113.9 --name new-fw")]
    Adopt {
        /// Its address.
        address: String,
        /// Name of the new source.
        #[arg(long)]
        name: String,
        /// Agency by name, code or number; default the root.
        #[arg(long)]
        agency: Option<String>,
        /// Format; default auto.
        #[arg(long)]
        format: Option<String>,
        /// Zone of times written without one.
        #[arg(long)]
        timezone: Option<String>,
    },
    /// All sources, and the senders in quarantine.
    List {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Remove a source; its events stay.
    Remove {
        /// Name or number.
        source: String,
    },
}

/// Agents.
#[derive(Subcommand, Debug)]
pub enum AgentCommand {
    /// Print a single-use token for `bongsu-agent enrol`.
    #[command(after_help = "Example: bongsu agent enrol suan-agent --agency 수안구청 --hours 4")]
    Enrol {
        /// Name of the agent.
        name: String,
        /// Agency by name, code or number; default the root.
        #[arg(long)]
        agency: Option<String>,
        /// Hours the token may be used, at most 24.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// All agents.
    List {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// What an agent collects and whether it enforces.
    #[command(
        after_help = "Example: bongsu agent set suan-agent --tail /var/log/auth.log=suan-auth --enforce nftables"
    )]
    Set {
        /// Name or number.
        agent: String,
        /// GLOB=SOURCE: follow these files as that source; may be repeated.
        #[arg(long, value_name = "GLOB=SOURCE")]
        tail: Vec<String>,
        /// SOURCE: the system's journal as that source.
        #[arg(long, value_name = "SOURCE")]
        journald: Option<String>,
        /// ADDR=SOURCE: receive syslog over UDP for the site.
        #[arg(long, value_name = "ADDR=SOURCE")]
        syslog_udp: Vec<String>,
        /// ADDR=SOURCE: receive syslog over TCP for the site.
        #[arg(long, value_name = "ADDR=SOURCE")]
        syslog_tcp: Vec<String>,
        /// Format of its lines; default auto.
        #[arg(long)]
        format: Option<String>,
        /// Zone of times written without one.
        #[arg(long)]
        timezone: Option<String>,
        /// nftables, dry_run or off.
        #[arg(long)]
        enforce: Option<String>,
    },
    /// Revoke an agent: its certificate stops working and its connection is closed.
    Revoke {
        /// Name or number.
        agent: String,
    },
}

/// Blocks.
#[derive(Subcommand, Debug)]
pub enum BlockCommand {
    /// Ask for a block; the safety policy decides.
    #[command(after_help = "Example: bongsu block add 203.0.113.77 --for 1h --reason 'password guessing'")]
    Add {
        /// Address or prefix.
        target: String,
        /// How long: 30m, 1h, 2d.
        #[arg(long = "for", value_name = "TIME", default_value = "1h")]
        duration: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Agency by name, code or number; default the root.
        #[arg(long)]
        agency: Option<String>,
        /// Only try.
        #[arg(long)]
        dry_run: bool,
    },
    /// Blocks in force; --all for every one.
    List {
        /// Ended ones too.
        #[arg(long)]
        all: bool,
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Undo a block, by number or target.
    #[command(after_help = "Example: bongsu block undo 203.0.113.77 --reason 'was the mayor'")]
    Undo {
        /// B-311, 311 or the target.
        block: String,
        /// Why.
        #[arg(long, default_value = "operator at the socket")]
        reason: String,
    },
}

/// Search received events.
#[derive(Args, Debug)]
pub struct Search {
    /// The query; empty finds all.
    #[arg(default_value = "")]
    pub query: String,
    /// From, RFC 3339.
    #[arg(long)]
    pub from: Option<String>,
    /// To, RFC 3339.
    #[arg(long)]
    pub to: Option<String>,
    /// Most rows.
    #[arg(long, default_value_t = 1_000_000)]
    pub limit: usize,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Read raw lines into events.
#[derive(Args, Debug)]
pub struct Parse {
    /// auto, or the name of a format.
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// Zone of times written without one, as Asia/Seoul.
    #[arg(long, default_value = "UTC")]
    pub timezone: String,
    /// The input is JSON lines {"raw": …} or {"raw_b64": …}.
    #[arg(long)]
    pub records: bool,
    /// flat: the short view; jsonl: the whole event.
    #[arg(long, value_parser = ["flat", "jsonl"], default_value = "jsonl")]
    pub output: String,
    /// File, or - for standard input.
    #[arg(default_value = "-")]
    pub file: String,
}

/// Run rules over logs.
#[derive(Args, Debug)]
pub struct Hunt {
    /// Rule files or folders of rules; may be repeated. None: the rules in the binary. Where no input is named
    /// behind `--` or another flag, paths in this list that hold no rule are the inputs.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// auto, evtx, jsonl, json (objects in lists or over several lines), xml, text, or the name of a format of `parse`.
    #[arg(long, default_value = "auto")]
    pub format: String,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    pub output: HuntOutput,
    /// Language of the page.
    #[arg(long, value_enum, default_value_t)]
    pub lang: Lang,
    /// Lowest level of rules to report: informational, low, medium, high, critical.
    #[arg(long, default_value = "informational")]
    pub level: String,
    /// Only events from this time on, as 2026-03-02T09:00:00+09:00.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Zone of times written without one, and of the page, as Asia/Seoul.
    #[arg(long, default_value = "UTC")]
    pub timezone: String,
    /// Threads that match; default all cores. The output does not depend on it.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Hunt in the events that the center of --data has stored.
    #[arg(long)]
    pub lake: bool,
    /// Without the line about the whole at the end.
    #[arg(long, short)]
    pub quiet: bool,
    /// Files and folders: EVTX, JSON lines, JSON lists, exported XML, any format of `parse`; plain, .gz or .zst; - for
    /// standard input.
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

/// Form of what a hunt finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum HuntOutput {
    /// Columns for people, with a summary.
    #[default]
    Table,
    /// One JSON object a line: rule_id, rule, level, time, source, record, matched.
    Jsonl,
    /// The same as comma-separated values with a head.
    Csv,
    /// One self-contained page to hand over.
    Html,
}

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// 한국어.
    #[default]
    Ko,
    /// English.
    En,
}

/// Rules.
#[derive(Subcommand, Debug)]
pub enum RulesCommand {
    /// Load rules and list those that can't be; exit 1 if there is one.
    #[command(after_help = "Example: bongsu rules check ./rules")]
    Check {
        /// Files or folders; none: the rules in the binary.
        paths: Vec<PathBuf>,
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Run the cases that stand in the rules, and the recordings that SigmaHQ's info.yml files name (EVTX and JSON); exit 1
    /// if one does not hold.
    #[command(after_help = "Example: bongsu rules test ./rules ./regression_data")]
    Test {
        /// Files or folders; none: the rules in the binary.
        paths: Vec<PathBuf>,
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// What each rule costs in the center that runs, the dearest first.
    #[command(after_help = "Example: bongsu rules cost --limit 20")]
    Cost {
        /// Most rules; 0 for every one.
        #[arg(long, default_value_t = 40)]
        limit: usize,
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Have the center that runs read its rule files again, and say what changed.
    Reload {
        /// Form of the output.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}
