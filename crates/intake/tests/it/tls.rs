//! Syslog over TLS (RFC 5425).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bongsu_event::Transport;
use bongsu_intake::Limits;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{stream, texts, until};

struct Keys {
    server: Arc<ServerConfig>,
    anonymous: Arc<ClientConfig>,
    known: Arc<ClientConfig>,
}

fn keys() -> Keys {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let cert = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let der = cert.cert.der().clone();
    let key = || PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(cert.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(der.clone()).unwrap();
    let roots = Arc::new(roots);
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![der.clone()], key())
        .unwrap();
    let client = || {
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&roots))
    };
    Keys {
        server: Arc::new(server),
        anonymous: Arc::new(client().with_no_client_auth()),
        known: Arc::new(client().with_client_auth_cert(vec![der], key()).unwrap()),
    }
}

#[tokio::test]
async fn lines_come_through_tls_and_a_certificate_is_noticed() {
    let keys = keys();
    let r = stream(Limits::default(), Some(keys.server));
    for (config, transport) in [(keys.anonymous, Transport::Tls), (keys.known, Transport::MutualTls)] {
        let before = r.store.records.lock().len();
        let tcp = TcpStream::connect(r.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut c = TlsConnector::from(config).connect(name, tcp).await.unwrap();
        c.write_all(b"9 <13>first10 <13>second<13>third\n").await.unwrap();
        c.shutdown().await.unwrap();
        let records = r.store.wait_for(before + 3).await;
        assert_eq!(texts(&records[before..]), ["<13>first", "<13>second", "<13>third"]);
        assert_eq!(records[before].transport, transport);
    }
}

#[tokio::test]
async fn half_a_handshake_is_ended_and_counted_and_keeps_nobody_out() {
    let keys = keys();
    let limits = Limits { handshake: Duration::from_millis(200), handshakes: 4, ..Limits::default() };
    let r = stream(limits, Some(keys.server));
    let mut half = Vec::new();
    for _ in 0..3 {
        let mut c = TcpStream::connect(r.address).await.unwrap();
        // The head of a client hello that never comes.
        c.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252]).await.unwrap();
        half.push(c);
    }
    let mut plain = TcpStream::connect(r.address).await.unwrap();
    plain.write_all(b"<13>this is no TLS at all\n").await.unwrap();
    let tcp = TcpStream::connect(r.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut c = TlsConnector::from(keys.anonymous).connect(name, tcp).await.unwrap();
    c.write_all(b"<13>through\n").await.unwrap();
    assert_eq!(texts(&r.store.wait_for(1).await), ["<13>through"]);
    until(|| r.counters.handshake_failed.load(Relaxed) == 4).await;
    for c in &mut half {
        assert_eq!(c.read(&mut [0; 64]).await.unwrap_or(0), 0, "closed");
    }
}
