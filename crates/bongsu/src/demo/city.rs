//! The demo city (예시): invented agencies, systems, people and equipment. No name here is a real place or person.

/// An agency of the demo.
pub struct Office {
    /// Code.
    pub code: &'static str,
    /// Korean name.
    pub name: &'static str,
    /// English name.
    pub name_en: &'static str,
    /// `department`, `gu`, `gun`, `affiliate`.
    pub kind: &'static str,
    /// Equipment, by key of [`Kind`].
    pub equipment: &'static [Kind],
}

/// A kind of equipment and the form of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FortiGate at the outer edge.
    FortiGate,
    /// SECUI MF2.
    Mf2,
    /// AhnLab TrusGuard.
    TrusGuard,
    /// Palo Alto PAN-OS.
    PanOs,
    /// Cisco ASA.
    Asa,
    /// WINS SNIPER IPS.
    Sniper,
    /// Suricata sensor.
    Suricata,
    /// Linux server with sshd.
    Sshd,
    /// nginx in front of a citizen service.
    Nginx,
    /// Linux gateway with iptables.
    Iptables,
}

impl Kind {
    /// Format name for `source add --format`.
    pub fn format(self) -> &'static str {
        match self {
            Self::FortiGate => "fortigate",
            Self::Mf2 => "secui_mf2",
            Self::TrusGuard => "ahnlab_trusguard",
            Self::PanOs => "panos",
            Self::Asa => "cisco_asa",
            Self::Sniper => "wins_sniper",
            Self::Suricata => "suricata",
            // Several programs speak on these: the format is recognised line by line.
            Self::Sshd | Self::Nginx | Self::Iptables => "auto",
        }
    }
    /// Name of the device within its agency.
    pub fn label(self) -> &'static str {
        match self {
            Self::FortiGate => "외부방화벽 FortiGate",
            Self::Mf2 => "외부방화벽 SECUI MF2",
            Self::TrusGuard => "내부방화벽 TrusGuard",
            Self::PanOs => "외부방화벽 PA-3220",
            Self::Asa => "행정망 ASA",
            Self::Sniper => "침입방지 SNIPER",
            Self::Suricata => "관제센서",
            Self::Sshd => "행정서버",
            Self::Nginx => "민원 웹서버",
            Self::Iptables => "게이트웨이",
        }
    }
    /// Does it send over UDP? The rest use TCP.
    pub fn udp(self) -> bool {
        matches!(self, Self::Sniper | Self::Asa)
    }
    /// Lines a second in the busiest hour.
    pub fn rate(self) -> f64 {
        match self {
            Self::FortiGate | Self::Mf2 | Self::PanOs => 2.2,
            Self::TrusGuard | Self::Asa => 1.4,
            Self::Nginx => 1.2,
            Self::Suricata => 0.8,
            Self::Iptables => 0.6,
            Self::Sniper => 0.15,
            Self::Sshd => 0.12,
        }
    }
}

use Kind::{Asa, FortiGate, Iptables, Mf2, Nginx, PanOs, Sniper, Sshd, Suricata, TrusGuard};

const fn office(
    code: &'static str,
    name: &'static str,
    name_en: &'static str,
    kind: &'static str,
    equipment: &'static [Kind],
) -> Office {
    Office { code, name, name_en, kind, equipment }
}

/// Every agency below the root.
pub const OFFICES: &[Office] = &[
    office(
        "city-hall",
        "시청",
        "City Hall",
        "department",
        &[FortiGate, Mf2, TrusGuard, PanOs, Sniper, Suricata, Sshd, Sshd, Nginx, Nginx, Nginx],
    ),
    office("suan-gu", "수안구청", "Suan District Office", "gu", &[Mf2, TrusGuard, Sniper, Sshd, Nginx]),
    office("namhyeon-gu", "남현구청", "Namhyeon District Office", "gu", &[FortiGate, TrusGuard, Sshd, Nginx]),
    office("dallae-gu", "달내구청", "Dallae District Office", "gu", &[FortiGate, Sniper, Sshd, Nginx]),
    office("dongrim-gu", "동림구청", "Dongrim District Office", "gu", &[Mf2, Asa, Sshd, Nginx]),
    office("bukcheon-gu", "북천구청", "Bukcheon District Office", "gu", &[FortiGate, Suricata, Sshd, Nginx]),
    office("seogang-gu", "서강내구청", "Seogangnae District Office", "gu", &[TrusGuard, Sniper, Sshd, Nginx]),
    office("hwasan-gu", "화산들구청", "Hwasandeul District Office", "gu", &[PanOs, Sshd, Nginx]),
    office("cheongun-gu", "청운재구청", "Cheongunjae District Office", "gu", &[FortiGate, Asa, Sshd, Nginx]),
    office("garam-gun", "가람군청", "Garam County Office", "gun", &[Mf2, Sshd, Nginx]),
    office("solmaru-gun", "솔마루군청", "Solmaru County Office", "gun", &[TrusGuard, Sshd, Nginx]),
    office("neulpureun-gun", "늘푸른군청", "Neulpureun County Office", "gun", &[FortiGate, Sshd]),
    office("water", "상수도사업본부", "Waterworks Headquarters", "affiliate", &[FortiGate, Suricata, Iptables, Sshd]),
    office("fire", "소방안전본부", "Fire and Safety Headquarters", "affiliate", &[Mf2, Sniper, Sshd]),
    office("health", "보건환경연구원", "Health and Environment Institute", "affiliate", &[TrusGuard, Sshd, Nginx]),
    office("library", "시립도서관", "City Library", "affiliate", &[Iptables, Nginx]),
    office("museum", "시립박물관", "City Museum", "affiliate", &[Iptables, Nginx]),
    office("transit", "교통공사", "Transit Corporation", "affiliate", &[PanOs, Suricata, Sshd, Nginx]),
    office("facilities", "시설공단", "Facilities Corporation", "affiliate", &[FortiGate, Sshd, Nginx]),
    office("development", "도시개발공사", "Urban Development Corporation", "affiliate", &[Asa, Sshd, Nginx]),
    office("medical", "시립의료원", "City Medical Center", "affiliate", &[FortiGate, TrusGuard, Sniper, Sshd]),
    office("credit", "신용보증재단", "Credit Guarantee Foundation", "affiliate", &[PanOs, Sshd, Nginx]),
    office("culture", "문화재단", "Culture Foundation", "affiliate", &[Iptables, Nginx]),
    office("welfare", "복지재단", "Welfare Foundation", "affiliate", &[TrusGuard, Nginx]),
    office(
        "datacenter",
        "통합전산센터",
        "Integrated Data Center",
        "affiliate",
        &[FortiGate, PanOs, Mf2, Sniper, Suricata, Sshd, Sshd, Sshd, Nginx, Nginx],
    ),
];

/// An information system of an agency: its server sends its own log.
pub struct System {
    /// Korean name.
    pub name: &'static str,
    /// Host name within the agency.
    pub host: &'static str,
    /// What its server writes.
    pub kind: Kind,
}

const fn system(name: &'static str, host: &'static str, kind: Kind) -> System {
    System { name, host, kind }
}

/// Share of an ordinary device's lines that the server of one system writes.
pub const SYSTEM_SHARE: f64 = 0.06;

/// Systems of a district or county office.
const DISTRICT: &[System] = &[
    system("민원접수시스템", "minwon", Nginx),
    system("전자결재시스템", "approval", Sshd),
    system("대표홈페이지", "home", Nginx),
    system("세외수입시스템", "levy", Sshd),
    system("주차관리시스템", "parking", Nginx),
    system("도서예약시스템", "books", Nginx),
    system("문서보관시스템", "archive", Sshd),
    system("재난문자연계", "alerting", Sshd),
    system("복지상담시스템", "care", Nginx),
    system("공간정보시스템", "map", Nginx),
];

/// Systems of an affiliate.
const AFFILIATE: &[System] = &[
    system("대표홈페이지", "home", Nginx),
    system("고객예약시스템", "booking", Nginx),
    system("인사급여시스템", "payroll", Sshd),
    system("전자결재시스템", "approval", Sshd),
    system("시설감시시스템", "monitor", Sshd),
    system("회계시스템", "ledger", Sshd),
];

/// Systems of the city hall, of which the data center runs a second half each.
const CENTRAL: &[System] = &[
    system("통합민원시스템", "minwon", Nginx),
    system("대표포털", "portal", Nginx),
    system("주민증명발급연계", "certificate", Nginx),
    system("지방세납부시스템", "tax", Nginx),
    system("전자결재시스템", "approval", Sshd),
    system("메일시스템", "mail", Sshd),
    system("계정관리시스템", "identity", Sshd),
    system("영상회의시스템", "meeting", Nginx),
    system("교통정보시스템", "traffic", Nginx),
    system("버스도착안내", "bus", Nginx),
    system("재난상황시스템", "disaster", Sshd),
    system("상담전화시스템", "call", Sshd),
    system("데이터개방포털", "opendata", Nginx),
    system("백업시스템", "backup", Sshd),
    system("자원관리시스템", "assets", Sshd),
    system("시민참여플랫폼", "voice", Nginx),
];

impl Office {
    /// Its information systems.
    #[must_use]
    pub fn systems(&self) -> &'static [System] {
        match (self.code, self.kind) {
            ("city-hall" | "datacenter", _) => CENTRAL,
            (_, "gu" | "gun") => DISTRICT,
            _ => AFFILIATE,
        }
    }
}

/// A named person with a role, of the agency with this code (`""`: the city).
pub struct Official {
    /// Account.
    pub account: &'static str,
    /// Name.
    pub name: &'static str,
    /// Role.
    pub role: &'static str,
    /// Agency.
    pub office: &'static str,
    /// Extension.
    pub phone: &'static str,
    /// Printed with a link at start, under this label.
    pub link: Option<&'static str>,
}

const fn official(
    account: &'static str,
    name: &'static str,
    role: &'static str,
    office: &'static str,
    phone: &'static str,
    link: Option<&'static str>,
) -> Official {
    Official { account, name, role, office, phone, link }
}

/// Named roles.
pub const OFFICIALS: &[Official] = &[
    official("yoon.sj", "윤서진", "analyst", "", "내선 4121", Some("관제요원 analyst")),
    official("han.jw", "한지우", "duty_lead", "", "내선 4101", Some("당직책임자 duty lead")),
    official("admin.demo", "관리자", "administrator", "", "내선 4100", Some("관리자 administrator")),
    official("lee.view", "이보람", "viewer", "", "내선 4190", Some("열람자 viewer")),
    official("oh.ms", "오민석", "agency_security_manager", "suan-gu", "내선 2201", Some("수안구청 보안관리관")),
    official("bae.sa", "배수아", "agency_security_deputy", "suan-gu", "내선 2202", None),
    official("jung.hn", "정하늘", "agency_security_manager", "namhyeon-gu", "내선 3301", None),
    official("kang.dh", "강도현", "agency_security_deputy", "namhyeon-gu", "내선 3302", None),
    official("moon.gr", "문가람", "agency_security_manager", "garam-gun", "내선 5501", None),
    official("seo.yr", "서유리", "agency_security_manager", "city-hall", "내선 4127", None),
    official("nam.jh", "남주호", "agency_security_deputy", "city-hall", "내선 4128", None),
    official("cha.bg", "차별이", "analyst", "datacenter", "내선 7001", None),
];

/// Accounts of clerks as they stand in logs.
pub const ACCOUNTS: &[&str] =
    &["kim.sy", "park.jh", "choi.ye", "lee.dh", "jung.hm", "han.jw", "yoon.ms", "song.ar", "lim.th", "kwon.eb"];

/// First number of a system's server within its office, after the equipment.
pub const SYSTEM_FIRST: usize = 100;

/// The sender address of a device: loopback, one for each, so that a source is told by its address as in a city.
pub fn sender(office: usize, device: usize) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::new(127, 20, u8::try_from(office).unwrap_or(250) + 1, u8::try_from(device).unwrap_or(250) + 1)
}
