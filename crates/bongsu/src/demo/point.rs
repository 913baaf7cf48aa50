//! The demo's enforcement point: it only says what it would do, and says so by its name. The host's own firewall is never
//! touched by a demo.

use std::sync::Arc;

use anyhow::Result;
use bongsu_center::app::App;
use bongsu_domain::Actor;
use bongsu_state::Change;

/// Make the point, once.
///
/// # Errors
/// The state can't be written.
pub async fn start(app: &Arc<App>) -> Result<()> {
    let by = Actor::center();
    let change = Change::new(&by, app.now(), "예시 도시");
    app.state.dry_run_point(&change, app.directory.now().root(), "예시 관문 (연습)").await?;
    tracing::info!("the demo's enforcement point is a trial: it says what it would do");
    Ok(())
}
