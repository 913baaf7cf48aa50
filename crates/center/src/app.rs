//! The center's parts, held together: what routes, jobs and the pipeline share.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bongsu_api::overview::Trouble;
use bongsu_event::Micros;
use bongsu_journal::Journal;
use bongsu_lake::Lake;
use bongsu_state::State;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::agents::AgentHub;
use crate::authority::Authority;
use crate::blocks::Blocks;
use crate::config::Config;
use crate::directory::{AgencyEntry, Directory, Picture, SourceEntry};
use crate::live::Live;
use crate::pipeline::Internal;
use crate::rulebook::Rulebook;
use crate::stream::Stream;

/// Everything a center is made of. Cheap to clone through `Arc`.
pub struct App {
    /// Epoch of the journal: a restored center starts a new one.
    pub epoch: u32,
    /// First journal sequence that the lake or detection still needed at start.
    pub replay_from: u64,
    /// Configuration, checked.
    pub config: Config,
    /// People's data.
    pub state: State,
    /// Events.
    pub lake: Lake,
    /// Raw records.
    pub journal: Journal,
    /// Agencies and sources as the event path sees them.
    pub directory: Arc<Directory>,
    /// Rules in force.
    pub rules: Rulebook,
    /// What rules cost.
    pub costs: crate::costs::Costs,
    /// Rules tried over old events.
    pub backtests: crate::backtest::Backtests,
    /// Imports of rules that wait to be applied.
    pub imports: crate::import::Imports,
    /// Exceptions from rules.
    pub exceptions: crate::exceptions::Exceptions,
    /// Which log sources are seen.
    pub coverage: crate::coverage::Coverage,
    /// What is happening now.
    pub live: Live,
    /// What changed, for open pages.
    pub stream: Stream,
    /// The only way to a block.
    pub blocks: Blocks,
    /// Connected agents.
    pub agents: AgentHub,
    /// The certificate authority.
    pub authority: Authority,
    /// Listeners that are open, in words (`syslog UDP 0.0.0.0:514`), and those skipped.
    pub listeners: Mutex<Vec<String>>,
    /// This machine's addresses: a block never covers them.
    pub own_addresses: Vec<std::net::IpAddr>,
    /// Where agents connect, as enrolment tokens name it.
    pub uplink_address: Mutex<Option<String>>,
    /// Where the web interface is, as `https://192.0.2.1:8443`.
    pub web_address: Mutex<Option<String>>,
    /// Counters of the syslog listeners.
    pub intake: Mutex<Vec<Arc<bongsu_intake::Counters>>>,
    /// Sources whose silence has been told, with the last line before it.
    pub silent: Mutex<HashMap<bongsu_event::SourceId, Micros>>,
    /// The audit chain's head as noted last.
    pub audit_head: Mutex<Option<crate::audit_head::Head>>,
    /// Events of the center's own making, to be matched.
    pub internal: Internal,
    /// What an operator must act on.
    pub troubles: Arc<Troubles>,
    /// Opening state is loaded and every listener is open, off or skipped.
    pub ready: std::sync::atomic::AtomicBool,
    /// Told to stop.
    pub stop: CancellationToken,
}

impl App {
    /// The clock. Everything pure gets its time from here, through an argument.
    #[must_use]
    pub fn now(&self) -> Micros {
        Micros::from_timestamp(jiff::Timestamp::now())
    }

    /// Make the event path see agencies and sources as they are in the state now. Call after each change to them.
    ///
    /// # Errors
    /// The state can't be read; the old picture stays.
    pub async fn refresh_directory(&self) -> anyhow::Result<()> {
        let picture = picture_of(&self.state, &self.config).await?;
        self.live.adopted(|address| picture.source_of(*address) != bongsu_event::SourceId::QUARANTINE);
        self.directory.replace(picture);
        self.stream.tell(None, bongsu_api::overview::StreamEvent::Sources);
        Ok(())
    }
}

/// The picture from the state.
pub(crate) async fn picture_of(state: &State, config: &Config) -> anyhow::Result<Picture> {
    let scope = bongsu_event::Scope::All;
    let agencies = state
        .agencies(&scope)
        .await?
        .into_iter()
        .map(|row| row.agency)
        .map(|a| AgencyEntry { id: a.id, parent: a.parent, code: a.code, name: a.name, name_en: a.name_en })
        .collect();
    let fallback = jiff::tz::TimeZone::get(&config.timezone).unwrap_or(jiff::tz::TimeZone::UTC);
    let sources = state
        .sources_ever(&scope)
        .await?
        .into_iter()
        .map(|s| SourceEntry {
            id: s.id,
            from: if s.removed { Vec::new() } else { senders(&s.from) },
            name: s.name,
            agency: s.agency,
            format: bongsu_parse::format_by_name(&s.format),
            timezone: jiff::tz::TimeZone::get(&s.timezone).unwrap_or_else(|_| fallback.clone()),
            enabled: s.enabled,
            grade: 0,
            example: s.example,
        })
        .collect();
    Ok(Picture::new(agencies, sources))
}

/// `192.0.2.7` or `192.0.2.0/24`; an agent's inputs (`agent:…`) have none.
fn senders(from: &str) -> Vec<ipnet::IpNet> {
    let net = from.parse().or_else(|_| from.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
    net.into_iter().collect()
}

/// Troubles by code; each is there once, since it began.
#[derive(Default)]
pub struct Troubles(Mutex<BTreeMap<String, (Micros, String)>>);

impl Troubles {
    /// Something is wrong.
    pub fn raise(&self, code: &str, message: impl Into<String>, now: Micros) {
        let message = message.into();
        let mut all = self.0.lock();
        if !all.contains_key(code) {
            tracing::error!(code, "{message}");
        }
        all.entry(code.to_owned()).and_modify(|t| t.1.clone_from(&message)).or_insert((now, message));
    }
    /// It is over.
    pub fn clear(&self, code: &str) {
        if self.0.lock().remove(code).is_some() {
            tracing::info!(code, "over");
        }
    }
    /// What is wrong now.
    #[must_use]
    pub fn list(&self) -> Vec<Trouble> {
        self.0
            .lock()
            .iter()
            .map(|(code, (since, message))| Trouble {
                code: code.clone(),
                message: message.clone(),
                since: since.to_string(),
            })
            .collect()
    }
}
