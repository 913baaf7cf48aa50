//! Enrolment: a token in, an identity out.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bongsu_event::{AgentId, Micros};
use bongsu_uplink::{AgentMessage, CenterMessage, Enrol, EnrolToken, PROTOCOL_VERSION};

use crate::{
    Folder,
    identity::{Identity, Request},
    limits::CONNECT_SECONDS_MAX,
    link, status, tls,
};

/// Asks the center for a certificate with a single-use token and keeps what it answers. `center` overrides the
/// address in the token.
///
/// # Errors
/// What is wrong with the token, the connection or the answer, for the installer. Nothing is kept then, and the folder
/// stays as it was.
pub async fn enrol(folder: &Folder, token: &str, center: Option<&str>, now: Micros) -> Result<AgentId> {
    let _lock = folder.lock().context("stop the agent before enrolling it again")?;
    let token = EnrolToken::read(token, now)?;
    let center = center.map_or_else(|| token.center_address.clone(), str::to_owned);
    let hostname = status::hostname();
    let request = Request::make(&hostname)?;
    let config = tls::stranger(token.ca_fingerprint)?;
    let (mut reader, mut writer, _) = link::connect(&center, config, None, now).await?;
    let enrol = Enrol { protocol: PROTOCOL_VERSION, secret: token.secret, csr_pem: request.csr_pem, hostname };
    writer.send(&AgentMessage::Enrol(enrol)).await?;
    let answer = tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), reader.next());
    let answer = answer.await.map_err(|_| anyhow!("the center did not answer the enrolment: try again"))??;
    let enrolled = match answer {
        Some(CenterMessage::Enrolled(enrolled)) => enrolled,
        Some(CenterMessage::Error(why)) => bail!("the center refuses the enrolment: {why}"),
        _ => bail!("the center closed the connection without an answer: the token may be used up; make a new one"),
    };
    writer.close().await;
    let identity = Identity::from_answer(enrolled, request.key_pem, center)?;
    tls::check_authority(&identity, token.ca_fingerprint)?;
    identity.store(folder)?;
    Ok(identity.agent_id)
}
