//! TLS to the center: only its own authority is trusted, TLS 1.3 only.
//!
//! The name in the server's certificate is not compared: an agent reaches its center by whatever address the site's
//! routing gives it. The private authority stands in for it, and it signs `serverAuth` for the center alone; agents'
//! certificates say `clientAuth` and are refused here.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bongsu_event::Micros;
use ring::digest;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::CryptoProvider,
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::identity::Identity;

/// What makes a server the center.
#[derive(Clone, Debug)]
enum Trust {
    /// Signed by this authority.
    Authority(Arc<RootCertStore>),
    /// Signed by the authority with this SHA-256, which the server must send along.
    Fingerprint([u8; 32]),
}

#[derive(Debug)]
struct CenterVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

/// For an enrolled agent: mTLS.
pub(crate) fn enrolled(identity: &Identity) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority()?).context("the authority's certificate is no authority: enrol again")?;
    let builder = builder(Trust::Authority(Arc::new(roots)))?;
    let mut config = builder.with_client_auth_cert(identity.chain()?, identity.key()?)?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// For enrolment: no certificate yet, the authority known by the token's fingerprint.
pub(crate) fn stranger(ca_fingerprint: [u8; 32]) -> Result<Arc<ClientConfig>> {
    let mut config = builder(Trust::Fingerprint(ca_fingerprint))?.with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn builder(trust: Trust) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = CenterVerifier { trust, provider: Arc::clone(&provider) };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let mut out = [0u8; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
    out
}

/// Does this authority's certificate have the token's fingerprint?
pub(crate) fn check_authority(identity: &Identity, wanted: [u8; 32]) -> Result<()> {
    if fingerprint(&identity.authority()?) == wanted {
        return Ok(());
    }
    Err(anyhow!("the center answered with another authority than the token names: ask the center for a new token"))
}

impl CenterVerifier {
    fn roots(&self, intermediates: &[CertificateDer<'_>]) -> Result<Arc<RootCertStore>, Error> {
        match &self.trust {
            Trust::Authority(roots) => Ok(Arc::clone(roots)),
            Trust::Fingerprint(wanted) => {
                let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
                let found = intermediates.iter().find(|c| fingerprint(c) == *wanted).ok_or_else(unknown)?;
                let mut roots = RootCertStore::empty();
                roots.add(found.clone().into_owned())?;
                Ok(Arc::new(roots))
            }
        }
    }
}

impl ServerCertVerifier for CenterVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = self.roots(intermediates)?;
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What a failed handshake means to the operator.
pub(crate) fn explain(error: &std::io::Error, identity: Option<&Identity>, now: Micros) -> String {
    let tls = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "what answers there is not the center this agent was enrolled at: check the address, or enrol again"
                .to_owned()
        }
        Some(Error::InvalidCertificate(e)) if is_time(e) => {
            "the center's certificate is not valid at this machine's time: set the clock".to_owned()
        }
        Some(Error::AlertReceived(alert)) if identity.is_some_and(|i| i.is_over(now)) => {
            format!("the agent's certificate has run out ({alert:?}): enrol again with a new token")
        }
        Some(Error::AlertReceived(alert)) => format!("the center refuses this agent's certificate ({alert:?})"),
        _ => format!("the encrypted connection fails: {error}"),
    }
}

fn is_time(e: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(e, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}
