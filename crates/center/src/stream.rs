//! What changed, told to every open page: a broadcast in which each message names whose it is, so that the route can
//! hold back what is out of a person's scope.

use bongsu_api::overview::StreamEvent;
use bongsu_event::AgencyId;
use tokio::sync::broadcast;

/// Messages a slow page may be behind before it is told to ask for everything again.
const BACKLOG_MESSAGES: usize = 512;

/// A change, and whose.
#[derive(Clone, Debug)]
pub struct Change {
    /// `None`: everybody's.
    pub agency: Option<AgencyId>,
    /// What.
    pub event: StreamEvent,
}

/// The broadcast.
#[derive(Clone)]
pub struct Stream(broadcast::Sender<Change>);

impl Default for Stream {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG_MESSAGES))
    }
}

impl Stream {
    /// Tell every page. Nobody listening is fine.
    pub fn tell(&self, agency: Option<AgencyId>, event: StreamEvent) {
        let _ = self.0.send(Change { agency, event });
    }
    /// Listen from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
