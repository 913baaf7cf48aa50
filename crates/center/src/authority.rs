//! The center's own certificate authority: made at first start, signs the server's and the agents' certificates.
//!
//! Invariant: private keys are written once, mode 0600, never logged and never leave the data folder; an agent's
//! identity is what the center writes into the certificate, never what the request asks for.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use bongsu_event::{AgentId, Micros};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};

/// Days the authority's own certificate holds.
const AUTHORITY_DAYS: i64 = 3650;
/// Days a server certificate holds; renewed at start when less than a third is left.
const SERVER_DAYS: i64 = 397;
/// Days an agent's certificate holds; the agent renews at two thirds.
pub const AGENT_DAYS: i64 = 90;
/// Certificates begin this many hours in the past, against clocks that are behind.
const BACKDATE_HOURS: i64 = 24;
/// Common-name prefix of agents; the number after it is the agent's id.
const AGENT_PREFIX: &str = "bongsu-agent-";

/// The authority and the server certificate it made.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    folder: PathBuf,
}

/// A certificate just signed.
pub struct Signed {
    /// PEM of the leaf.
    pub pem: String,
    /// Serial, hex.
    pub serial: String,
    /// SHA-256 of the DER, hex.
    pub fingerprint: String,
    /// Until.
    pub not_after: Micros,
}

impl Authority {
    /// Open the authority in `data/authority`, or make it.
    ///
    /// # Errors
    /// The folder can't be written, or what is there can't be read as a key and a certificate.
    pub fn open(data: &Path, now: Micros) -> Result<Self> {
        let folder = data.join("authority");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (key_path, pem_path) = (folder.join("authority.key"), folder.join("authority.pem"));
        if !key_path.exists() || !pem_path.exists() {
            let key = KeyPair::generate()?;
            let params = authority_params(now)?;
            let certificate = params.self_signed(&key)?;
            write_secret(&key_path, &key.serialize_pem())?;
            write_whole(&pem_path, &certificate.pem())?;
        }
        let key_pem = fs::read_to_string(&key_path).with_context(|| format!("cannot read {}", key_path.display()))?;
        let pem = fs::read_to_string(&pem_path).with_context(|| format!("cannot read {}", pem_path.display()))?;
        let key = KeyPair::from_pem(&key_pem).context("the authority's key is damaged; restore it from a backup")?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key)
            .context("the authority's certificate is damaged; restore it from a backup")?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?.into_owned();
        Ok(Self { issuer, certificate, pem, folder })
    }

    /// The authority's certificate, to be handed out.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the authority's certificate: what an enrolment token carries.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// The server's certificate chain and key; made anew when names changed or its time runs out.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn server_certificate(
        &self,
        names: &[String],
        now: Micros,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let (key_path, pem_path) = (self.folder.join("server.key"), self.folder.join("server.pem"));
        let names_path = self.folder.join("server.names");
        let wanted = names.join("\n");
        let fresh = fs::read_to_string(&names_path).is_ok_and(|n| n == wanted)
            && fs::read(&pem_path)
                .ok()
                .and_then(|p| CertificateDer::from_pem_slice(&p).ok().map(CertificateDer::into_owned))
                .and_then(|c| not_after(&c))
                .is_some_and(|end| end.seconds_since(now) > (SERVER_DAYS * 86_400 / 3) as f64);
        if !fresh {
            let key = KeyPair::generate()?;
            let mut params = leaf_params("bongsu center", SERVER_DAYS, now)?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            for name in names {
                params.subject_alt_names.push(match name.parse::<IpAddr>() {
                    Ok(ip) => SanType::IpAddress(ip),
                    Err(_) => SanType::DnsName(name.as_str().try_into().context("a name in web.names is no DNS name")?),
                });
            }
            let certificate = params.signed_by(&key, &self.issuer)?;
            write_secret(&key_path, &key.serialize_pem())?;
            write_whole(&pem_path, &certificate.pem())?;
            write_whole(&names_path, &wanted)?;
        }
        let leaf = CertificateDer::from_pem_slice(&fs::read(&pem_path)?)?.into_owned();
        let key = PrivateKeyDer::from_pem_slice(&fs::read(&key_path)?)?.clone_key();
        Ok((vec![leaf, self.certificate.clone()], key))
    }

    /// Sign an agent's request. Only its public key is taken; the identity is `agent`.
    ///
    /// # Errors
    /// The request is no PEM certificate request, or its signature is wrong.
    pub fn sign_agent(&self, csr_pem: &str, agent: AgentId, now: Micros) -> Result<Signed> {
        let request = CertificateSigningRequestParams::from_pem(csr_pem).context("this is no certificate request")?;
        let mut params = leaf_params(&format!("{AGENT_PREFIX}{agent}"), AGENT_DAYS, now)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&request.public_key, &self.issuer)?;
        let serial = params.serial_number.as_ref().map(|s| hex(s.as_ref())).unwrap_or_default();
        Ok(Signed {
            pem: certificate.pem(),
            serial,
            fingerprint: hex(&Sha256::digest(certificate.der())),
            not_after: now.plus_seconds(AGENT_DAYS * 86_400),
        })
    }

    /// TLS for the web interface and for syslog over TLS: no client certificate.
    ///
    /// # Errors
    /// As [`Authority::server_certificate`].
    pub fn server_tls(&self, names: &[String], http: bool, now: Micros) -> Result<Arc<rustls::ServerConfig>> {
        let (chain, key) = self.server_certificate(names, now)?;
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        if http {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok(Arc::new(config))
    }

    /// TLS for agents: a client certificate of ours, or none (then only enrolment is answered).
    ///
    /// # Errors
    /// As [`Authority::server_certificate`].
    pub fn uplink_tls(&self, names: &[String], now: Micros) -> Result<Arc<rustls::ServerConfig>> {
        let (chain, key) = self.server_certificate(names, now)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let verifier =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()?;
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        Ok(Arc::new(config))
    }
}

/// The agent a certificate of ours names.
#[must_use]
pub fn agent_of(certificate: &CertificateDer<'_>) -> Option<AgentId> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = parsed.subject().iter_common_name().next()?.as_str().ok()?;
    name.strip_prefix(AGENT_PREFIX)?.parse().ok().map(AgentId)
}

/// SHA-256 of a certificate, hex.
#[must_use]
pub fn fingerprint_of(certificate: &CertificateDer<'_>) -> String {
    hex(&Sha256::digest(certificate))
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<Micros> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Micros(parsed.validity().not_after.timestamp() * Micros::SECOND))
}

fn authority_params(now: Micros) -> Result<CertificateParams> {
    let mut params = leaf_params("Bongsu center authority", AUTHORITY_DAYS, now)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf_params(common_name: &str, days: i64, now: Micros) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    let mut serial = [0u8; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut serial)
        .map_err(|_| anyhow::anyhow!("the machine gives no random numbers"))?;
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let instant = |m: Micros| {
        let t = m.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
        rcgen::date_time_ymd(i32::from(t.year()), t.month().unsigned_abs(), t.day().unsigned_abs())
    };
    params.not_before = instant(now.plus_seconds(-BACKDATE_HOURS * 3600));
    params.not_after = instant(now.plus_seconds(days * 86_400));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

/// Write a file that only its owner may read, never through a half-written state.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<()> {
    write_mode(path, text, 0o600)
}

fn write_whole(path: &Path, text: &str) -> Result<()> {
    write_mode(path, text, 0o644)
}

fn write_mode(path: &Path, text: &str, mode: u32) -> Result<()> {
    use std::io::Write;
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)
        .with_context(|| format!("cannot write {}", temporary.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_identity_is_the_centers_word_not_the_requests() {
        let folder = tempfile::tempdir().unwrap();
        let now = Micros::from_timestamp("2026-11-22T00:00:00Z".parse().unwrap());
        let authority = Authority::open(folder.path(), now).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "bongsu-agent-1");
        let csr = params.serialize_request(&key).unwrap().pem().unwrap();
        let signed = authority.sign_agent(&csr, AgentId(7), now).unwrap();
        let der = CertificateDer::from_pem_slice(signed.pem.as_bytes()).unwrap();
        assert_eq!(agent_of(&der), Some(AgentId(7)));
        assert_eq!(fingerprint_of(&der), signed.fingerprint);
    }

    #[test]
    fn the_authority_survives_a_restart_and_its_key_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let now = Micros::from_timestamp("2026-11-22T00:00:00Z".parse().unwrap());
        let first = Authority::open(folder.path(), now).unwrap().fingerprint();
        assert_eq!(Authority::open(folder.path(), now).unwrap().fingerprint(), first);
        let mode = fs::metadata(folder.path().join("authority/authority.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
