//! A center for tests: real TLS, the real codec, a memory for a journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    os::fd::AsFd,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use bongsu_event::{AgentId, Micros};
use bongsu_uplink::{
    AgentConfig, AgentMessage, AgentRecord, CenterMessage, Config, Decoder, EnforceConfig, EnrolToken, Enrolled,
    InputConfig, InputId, InputKind, SECRET_BYTES, SpoolConfig, Welcome, encode,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

pub const SECRET: [u8; SECRET_BYTES] = [42; SECRET_BYTES];

pub fn now() -> Micros {
    Micros(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as i64)
}

/// What the center has and how it behaves.
#[derive(Default)]
pub struct State {
    pub config: Config,
    /// As the journal: by spool epoch and sequence, repeats dropped.
    pub records: BTreeMap<(u64, u64), AgentRecord>,
    pub repeats: u64,
    pub messages: Vec<AgentMessage>,
    pub refuse: Option<String>,
    pub withhold_acks: bool,
    pub silent_to_probes: bool,
    pub connections: u64,
    pub blocks: Option<CenterMessage>,
    /// Certificates it signs last so long, seconds.
    pub certificate_seconds: i64,
    senders: Vec<mpsc::UnboundedSender<Option<CenterMessage>>>,
}

#[derive(Clone)]
pub struct Center {
    pub state: Arc<Mutex<State>>,
    pub address: SocketAddr,
    authority: Arc<Authority>,
}

struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn tls(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![leaf.der().clone(), self.der.clone()], key)
            .unwrap();
        Arc::new(config)
    }

    fn sign(&self, csr_pem: &str, seconds: i64) -> Enrolled {
        let request = CertificateSigningRequestParams::from_pem(csr_pem).unwrap();
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let at = |m: Micros| std::time::UNIX_EPOCH + Duration::from_micros(m.0 as u64);
        params.not_before = at(now().plus_seconds(-3600)).into();
        params.not_after = at(now().plus_seconds(seconds)).into();
        let leaf = params.signed_by(&request.public_key, &self.issuer).unwrap();
        Enrolled {
            agent_id: AgentId(7),
            chain_pem: leaf.pem(),
            ca_pem: self.pem.clone(),
            renew_at: now().plus_seconds(seconds),
        }
    }
}

impl Center {
    /// On loopback.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0", None)
    }

    /// Within a network namespace, if one is named.
    pub fn start_at(listen: &str, ns: Option<&str>) -> Self {
        let state = State { certificate_seconds: 30 * 86_400, ..State::default() };
        let (state, authority) = (Arc::new(Mutex::new(state)), Arc::new(Authority::new()));
        let (told, tell) = std::sync::mpsc::channel();
        let (serving, signing, listen) = (Arc::clone(&state), Arc::clone(&authority), listen.to_owned());
        let ns = ns.map(|n| std::fs::File::open(format!("/run/netns/{n}")).unwrap());
        std::thread::spawn(move || {
            if let Some(ns) = ns {
                let kind = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(ns.as_fd(), kind).unwrap();
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(listen).await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let tls = TlsAcceptor::from(signing.tls());
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    serving.lock().unwrap().connections += 1;
                    tokio::spawn(serve(stream, tls.clone(), Arc::clone(&serving), Arc::clone(&signing)));
                }
            });
        });
        Self { state, address: tell.recv().unwrap(), authority }
    }

    pub fn token(&self) -> EnrolToken {
        use std::io::Read;
        let mut fingerprint = [0u8; 32];
        fingerprint.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &self.authority.der).as_ref());
        let mut salt = [0u8; 1];
        let _ = std::fs::File::open("/dev/urandom").unwrap().read(&mut salt);
        EnrolToken {
            secret: SECRET,
            ca_fingerprint: fingerprint,
            center_address: self.address.to_string(),
            agency: "강변구".into(),
            expires_at: now().plus_seconds(3600),
        }
    }

    pub fn configure(&self, inputs: Vec<InputKind>, enforce: Option<EnforceConfig>) {
        self.configure_all(inputs, enforce, SpoolConfig::default());
    }

    pub fn configure_spool(&self, inputs: Vec<InputKind>, bytes_max: u64) {
        self.configure_all(inputs, None, SpoolConfig { bytes_max, ..SpoolConfig::default() });
    }

    fn configure_all(&self, inputs: Vec<InputKind>, enforce: Option<EnforceConfig>, spool: SpoolConfig) {
        let inputs = (1u32..).zip(inputs).map(|(id, kind)| InputConfig { id: InputId(id), kind }).collect();
        let config = {
            let mut state = self.state.lock().unwrap();
            let version = state.config.version + 1;
            state.config = Config { version, agent: AgentConfig { inputs, enforce, spool } };
            state.config.clone()
        };
        self.send(CenterMessage::Config(config));
    }

    /// To every agent connected.
    pub fn send(&self, message: CenterMessage) {
        self.state.lock().unwrap().senders.retain(|s| s.send(Some(message.clone())).is_ok());
    }

    /// Breaks every connection, without a word.
    pub fn cut(&self) {
        for sender in self.state.lock().unwrap().senders.drain(..) {
            let _ = sender.send(None);
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.records.values().map(|r| String::from_utf8_lossy(&r.raw).into_owned()).collect()
    }

    /// Waits for something, then says what it is now; never asserts how long it took.
    pub fn until<T>(&self, what: &str, mut found: impl FnMut(&State) -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(40);
        loop {
            if let Some(t) = found(&self.state.lock().unwrap()) {
                return t;
            }
            assert!(Instant::now() < end, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn until_lines(&self, n: usize) -> Vec<String> {
        let what = format!("{n} lines");
        self.until(&what, |s| (s.records.len() >= n).then_some(()));
        self.lines()
    }

    /// Lines wanted, each once: what is missing and what came twice.
    pub fn compare(&self, wanted: &[String]) -> (Vec<String>, Vec<String>) {
        let (mut seen, mut doubled) = (BTreeSet::new(), Vec::new());
        for line in self.lines() {
            if !seen.insert(line.clone()) {
                doubled.push(line);
            }
        }
        (wanted.iter().filter(|w| !seen.contains(*w)).cloned().collect(), doubled)
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, state: Arc<Mutex<State>>, authority: Arc<Authority>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = tls.accept(stream).await else { return };
    let known = stream.get_ref().1.peer_certificates().is_some();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (sender, mut outbox) = mpsc::unbounded_channel::<Option<CenterMessage>>();
    let mut decoder = Decoder::<AgentMessage>::new();
    loop {
        tokio::select! {
            read = reader.read_buf(decoder.buffer_mut()) => {
                if !matches!(read, Ok(n) if n > 0) {
                    return;
                }
                while let Ok(Some(message)) = decoder.next() {
                    for answer in answer(message, known, &state, &authority, &sender) {
                        let _ = sender.send(Some(answer));
                    }
                }
            }
            message = outbox.recv() => match message {
                Some(Some(message)) => {
                    let last = matches!(message, CenterMessage::Error(_));
                    if writer.write_all(&encode(&message).unwrap()).await.is_err() || writer.flush().await.is_err() || last {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

fn answer(
    message: AgentMessage,
    known: bool,
    state: &Mutex<State>,
    authority: &Authority,
    sender: &mpsc::UnboundedSender<Option<CenterMessage>>,
) -> Vec<CenterMessage> {
    let mut s = state.lock().unwrap();
    match message {
        AgentMessage::Enrol(e) if e.secret == SECRET => {
            vec![CenterMessage::Enrolled(authority.sign(&e.csr_pem, s.certificate_seconds))]
        }
        AgentMessage::Enrol(_) => vec![CenterMessage::Error("this token is not known here".into())],
        _ if !known => vec![CenterMessage::Error("enrol first".into())],
        AgentMessage::Hello(hello) => {
            if let Some(why) = &s.refuse {
                return vec![CenterMessage::Error(why.clone())];
            }
            s.senders.push(sender.clone());
            let of_epoch = (hello.spool_epoch, 0)..=(hello.spool_epoch, u64::MAX);
            let acked_sequence = s.records.range(of_epoch).next_back().map_or(0, |((_, sequence), _)| *sequence);
            let welcome = Welcome {
                protocol: 1,
                agent_id: AgentId(7),
                time: now(),
                center_epoch: 1,
                acked_sequence,
                config: s.config.clone(),
            };
            s.messages.push(AgentMessage::Hello(hello));
            [Some(CenterMessage::Welcome(welcome)), s.blocks.clone()].into_iter().flatten().collect()
        }
        AgentMessage::Records(records) => {
            let (epoch, through) = (records.epoch, records.last_sequence());
            for (position, record) in records.into_positions(AgentId(7)) {
                if s.records.insert((position.epoch, position.sequence), record).is_some() {
                    s.repeats += 1;
                }
            }
            if s.withhold_acks { Vec::new() } else { vec![CenterMessage::Ack { epoch, through }] }
        }
        AgentMessage::Ping(_) if s.silent_to_probes => Vec::new(),
        AgentMessage::Ping(n) => vec![CenterMessage::Pong(n)],
        AgentMessage::Renew(renew) => {
            let seconds = s.certificate_seconds;
            s.messages.push(AgentMessage::Renew(renew.clone()));
            vec![CenterMessage::Enrolled(authority.sign(&renew.csr_pem, seconds))]
        }
        other => {
            s.messages.push(other);
            Vec::new()
        }
    }
}
