//! Who this agent is: a key made here, a certificate from the center, and the authority behind it.
//!
//! Invariant: key and certificate stand in one file and change together; the key leaves this machine nowhere.

use anyhow::{Context, Result, anyhow};
use bongsu_event::{AgentId, Micros};
use bongsu_uplink::Enrolled;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};

use crate::Folder;

const FILE: &str = "identity.json";
/// A certificate is renewed when this part of its life is over, in thirds.
const RENEW_THIRDS: i64 = 2;

/// Who this agent is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub agent_id: AgentId,
    /// `host:port` of the center's uplink, from the token.
    pub center: String,
    pub key_pem: String,
    pub chain_pem: String,
    pub ca_pem: String,
    pub renew_at: Micros,
}

impl std::fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("agent_id", &self.agent_id)
            .field("center", &self.center)
            .finish_non_exhaustive()
    }
}

/// A fresh key and the request that asks for its certificate.
pub(crate) struct Request {
    pub key_pem: String,
    pub csr_pem: String,
}

impl Request {
    /// `label` is the machine's name: a label for people, never an identity.
    pub fn make(label: &str) -> Result<Self> {
        let key = KeyPair::generate().context("the machine gives no random numbers")?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, label);
        let csr_pem = params.serialize_request(&key)?.pem()?;
        Ok(Self { key_pem: key.serialize_pem(), csr_pem })
    }
}

impl Identity {
    /// From the center's answer; checked before it replaces anything.
    pub fn from_answer(answer: Enrolled, key_pem: String, center: String) -> Result<Self> {
        let identity = Self {
            agent_id: answer.agent_id,
            center,
            key_pem,
            chain_pem: answer.chain_pem,
            ca_pem: answer.ca_pem,
            renew_at: answer.renew_at,
        };
        let key = KeyPair::from_pem(&identity.key_pem).context("the key made here cannot be read")?;
        let leaf = identity.chain()?.into_iter().next().ok_or_else(|| anyhow!("the center sent no certificate"))?;
        let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).context("the center sent no certificate")?;
        if *leaf.public_key().subject_public_key.data != *key.public_key_raw() {
            return Err(anyhow!("the center's certificate is for another key: enrol again with a new token"));
        }
        identity.authority()?;
        Ok(identity)
    }

    pub fn load(folder: &Folder) -> Option<Self> {
        folder.read_json(FILE)
    }

    pub fn store(&self, folder: &Folder) -> Result<()> {
        folder.write_json(FILE, self)
    }

    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>> {
        CertificateDer::pem_slice_iter(self.chain_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|e| anyhow!("the agent's certificate cannot be read ({e}): enrol again"))
    }

    pub fn key(&self) -> Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(|e| anyhow!("the agent's key cannot be read ({e}): enrol again"))
    }

    pub fn authority(&self) -> Result<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.ca_pem.as_bytes())
            .map_err(|e| anyhow!("the authority's certificate cannot be read ({e}): enrol again"))
    }

    /// When the certificate begins and ends.
    pub fn validity(&self) -> Option<(Micros, Micros)> {
        let chain = self.chain().ok()?;
        let (_, leaf) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
        let at = |t: x509_parser::time::ASN1Time| Micros(t.timestamp().saturating_mul(Micros::SECOND));
        Some((at(leaf.validity().not_before), at(leaf.validity().not_after)))
    }

    /// Should a fresh certificate be asked for? When the center said, or at two thirds of the life, the earlier one.
    pub fn wants_renewal(&self, now: Micros) -> bool {
        let thirds = self.validity().map(|(from, to)| Micros(from.0 + (to.0 - from.0) / 3 * RENEW_THIRDS));
        now >= thirds.map_or(self.renew_at, |t| t.min(self.renew_at))
    }

    /// Is the certificate's time over?
    pub fn is_over(&self, now: Micros) -> bool {
        self.validity().is_some_and(|(_, end)| now >= end)
    }
}
