// The mock's sources, agents, rules and audit log.
import type {
  Agent,
  AttackCell,
  AttackMatrix,
  AuditEntry,
  Backtest,
  ImportPreview,
  Quarantined,
  Rule,
  RuleDetail,
  Source,
  TestedRule,
} from "../src/api/types";
import { held, RULES } from "./alerts";
import { ago, ahead, DAY, HOUR, MINUTE, named, random } from "./city";

const MAKES: [string, string, number][] = [
  ["DMZ 방화벽", "fortigate", 412],
  ["민원포털", "nginx", 231],
  ["업무망 방화벽", "kr_secui_mf2", 190],
  ["VPN", "kr_ahnlab_trusguard", 44],
  ["IPS", "kr_wins_sniper", 27],
  ["점프서버", "sshd", 3.4],
  ["내부 방화벽", "cisco_asa", 88],
  ["예약 웹서버", "apache", 61],
];
const OWNERS = [1, 1, 2, 3, 6, 22, 27, 5, 4, 7, 28, 9, 12, 16];

export function madeSources(): Source[] {
  const rnd = random(3);
  return OWNERS.flatMap((agency, a) =>
    MAKES.slice(0, a === 0 ? 8 : 2 + (a % 2)).map(([name, format, base], i) => {
      const id = a * 10 + i + 1;
      const state = id === 51 ? "silent" : id === 112 ? "never" : id === 42 ? "quiet" : id === 83 ? "disabled" : "live";
      const rate = state === "live" ? base * (0.6 + rnd() * 0.6) : 0;
      const lines = Math.round(rate * 3600);
      const bad = id === 21 ? 0.063 : rnd() < 0.3 ? 0.0004 : 0;
      return {
        id,
        name: `${named(agency).name} ${name}`,
        agency: named(agency),
        from: i % 3 === 2 ? `agent:${named(agency).name}-수집기` : `10.${20 + a}.0.${10 + i}`,
        format: i % 4 === 0 ? "auto" : format,
        recognised: state === "never" ? null : format,
        timezone: "Asia/Seoul",
        enabled: state !== "disabled",
        state,
        last_seen_at:
          state === "never"
            ? null
            : state === "silent"
              ? ago(41 * MINUTE)
              : state === "disabled"
                ? ago(9 * DAY)
                : ago(rnd() * 2000),
        rate,
        lag_seconds: state === "live" ? 0.2 + rnd() * 1.4 + (id === 31 ? 86_000 : 0) : null,
        unparsed_share: lines === 0 ? null : bad,
        unparsed: Math.round(lines * bad),
        lines,
        truncated: id === 12 ? 3 : 0,
        skewed: id === 31 ? lines : 0,
        silent_after_minutes: 10,
        unparsed_reasons:
          bad > 0.01
            ? [
                { name: "모르는 형식", count: Math.round(lines * bad * 0.9) },
                { name: "깨진 글자", count: Math.round(lines * bad * 0.1) },
              ]
            : [],
        sparkline: Array.from({ length: 60 }, (_, m) =>
          state === "silent" && m > 18 ? 0 : Math.round((state === "silent" ? base : rate) * 60 * (0.8 + rnd() * 0.4)),
        ),
        example: true,
      };
    }),
  ).sort((x, y) => Number(y.state === "silent") - Number(x.state === "silent"));
}

export const madeQuarantine = (): Quarantined[] => [
  {
    address: "10.44.0.77",
    transport: "udp",
    first_seen_at: ago(3 * HOUR),
    last_seen_at: ago(4000),
    lines: 18_204,
    recognised: "kr_secui_mf2",
    sample: "2026-03-12 09:14:31,SOLMOE-MF2,10.44.8.21,51022,198.51.100.3,443,TCP,permit,312",
  },
  {
    address: "10.61.9.5",
    transport: "tcp",
    first_seen_at: ago(40 * MINUTE),
    last_seen_at: ago(70_000),
    lines: 311,
    recognised: null,
    sample: "UPS-3F battery 98% load 41% temp 24C",
  },
];

const inputs = (source: string): Agent["inputs"] => [
  { kind: "tail", what: "/var/log/nginx/*.log", source: `${source} nginx`, format: "nginx", timezone: "Asia/Seoul" },
  { kind: "journald", what: "ssh.service", source: `${source} ssh`, format: "sshd", timezone: "Asia/Seoul" },
];

export const madeAgents = (): Agent[] =>
  [1, 1, 2, 3, 22, 27].map((agency, i) => ({
    id: i + 1,
    name: ["GO-DMZ-FW01", "GO-EXT-FW02", "수안-수집기", "남현-수집기", "가람-수집기", "공단-수집기"][i] ?? `agent-${i}`,
    agency: named(agency),
    state: i === 4 ? "away" : i === 5 ? "revoked" : "connected",
    hostname: `host-${i + 1}.gaon.example`,
    version: "0.1.0",
    address: `10.${20 + i}.0.5`,
    last_seen_at: i === 4 ? ago(41 * MINUTE) : i === 5 ? ago(6 * DAY) : ago(900 + i * 200),
    certificate_until: ahead((i === 2 ? 4 : 60) * DAY),
    spool_lines: i === 4 ? null : i * 12,
    spool_bytes: i === 4 ? null : i * 8_200,
    spool_dropped: 0,
    rss_bytes: i === 4 ? null : 11_400_000 + i * 200_000,
    rate: i >= 4 ? 0 : 180 - i * 30,
    enforce: i < 2 ? "nftables" : i === 2 ? "dry_run" : "off",
    trouble: i === 3 ? "/var/log/secure를 읽을 권한이 없습니다" : null,
    inputs: inputs(named(agency).name),
  }));

export const madeRules = (): Rule[] =>
  RULES.map(([id, title, title_en, severity, attack, playbook], i) => ({
    id,
    title,
    title_en,
    severity,
    enabled: i !== 12,
    playbook,
    correlation: i === 0 ? "temporal" : [1, 4].includes(i) ? "event_count" : i === 11 ? "value_count" : null,
    attack: attack.map((technique) => ({ id: technique, name: technique })),
    logsource: ["linux / sshd", "firewall", "webserver"][i % 3] ?? "",
    detections: [214, 512, 37, 6, 108, 9, 1, 4, 412, 38, 1, 12, 3][i] ?? 0,
    last_at: ago((i * 4 + 1) * MINUTE),
    false_positives: i % 4,
    file: `rules/auth/${id.slice(-2)}.yml`,
    cases: 6,
    cases_failed: i === 8 ? 1 : 0,
    cost:
      i === 12
        ? null
        : {
            share: [0.18, 0.09, 0.02, 0.004, 0.061, 0.0011, 0.0102, 0.0003, 0.031, 0.0007, 0.0001, 0.012][i] ?? 0,
            core_percent: [7.2, 3.1, 0.9, 0.1, 2.4][i] ?? 0.02,
            atoms: 4_120_000 - i * 210_000,
            evaluated: 1_240_000 - i * 81_000,
            matches: [21_400, 51_200, 3_700, 600, 10_800, 900, 100, 400, 41_200, 3_800, 100, 1_200][i] ?? 0,
            per_minute: i === 1 ? 812 : i % 5,
            too_dear: i === 0,
            too_often: i === 1,
            windows: [0, 1, 4, 11].includes(i)
              ? {
                  groups: 1_284,
                  entries: 9_310,
                  groups_evicted: i === 1 ? 41 : 0,
                  entries_dropped: 0,
                  late: 212,
                  duplicates: 17,
                  ungrouped: 3,
                }
              : null,
          },
  }));

/** The center's answer to a line tried: what each selection said. */
export function askedOf(rule: Rule, line: string): TestedRule {
  const failed = /failed/i.test(line);
  const inside = /from 10\./.test(line);
  return {
    id: rule.id,
    title: rule.title,
    title_en: rule.title_en,
    matched: failed && !inside,
    logsource_fits: line.includes("sshd"),
    logsource: rule.logsource,
    held_back: false,
    condition: "failed and not inside",
    selections: [
      {
        name: "failed",
        holds: failed,
        atoms: [
          {
            field: "status",
            test: "= 'failure'",
            value: line.includes("sshd") ? (failed ? "failure" : "success") : null,
            held: failed,
            negated: false,
          },
        ],
      },
      {
        name: "inside",
        holds: inside,
        atoms: [
          { field: "src_ip", test: "in 10.0.0.0/8", value: inside ? "10.0.0.5" : null, held: inside, negated: false },
        ],
      },
    ],
  };
}

export function ruleDetail(rule: Rule): RuleDetail {
  const yes = "Mar 12 09:14:31 jump01 sshd[811]: Failed password for root from 203.0.113.201 port 40022 ssh2";
  const no = "Mar 12 09:14:31 jump01 sshd[811]: Accepted publickey for ops from 10.0.0.5 port 40022 ssh2";
  return {
    rule,
    description: "한 주소가 1분 안에 열 번 넘게 SSH 로그인에 실패하면 울립니다.",
    description_en: "Fires when one address fails SSH log-ins more than ten times within a minute.",
    next_steps: ["성공한 로그인이 있는지 찾으세요", "관리망 밖에서 열린 SSH를 닫으세요"],
    next_steps_en: ["Look for a log-in that succeeded", "Close SSH that is open from outside the management network"],
    text: ruleText(rule, 10),
    cases: [
      { lines: Array.from({ length: 11 }, () => yes), fire: true, holds: true, problem: null },
      { lines: [no], fire: false, holds: true, problem: null },
      {
        lines: [yes],
        fire: rule.cases_failed > 0,
        holds: rule.cases_failed === 0,
        problem: rule.cases_failed > 0 ? "울려야 하지만 울리지 않았습니다" : null,
      },
    ],
    history: [
      {
        at: ago(2 * DAY),
        kind: rule.enabled ? "enabled" : "disabled",
        actor: { kind: "person", name: "관리자" },
        text: "점검 기간이 끝남",
      },
    ],
    alerts: [...held.values()]
      .filter((one) => one.row.rule_id === rule.id)
      .slice(0, 8)
      .map(({ row }) => ({
        id: row.id,
        reason: row.reason,
        reason_en: row.reason_en,
        agency: row.agency,
        entity: row.entity.value,
        state: row.state,
        count: row.count,
        last_at: row.last_at,
      })),
    false_positives: Array.from({ length: rule.false_positives }, (_, i) => ({
      alert: 24_700 - i,
      closed_at: ago((i * 3 + 1) * DAY),
      by: i === 0 ? "윤서진" : "한지우",
      reason: i === 0 ? "취약점 점검 장비의 주소" : "백업 서버의 재시도",
      entity: `10.20.4.${11 + i}`,
      agency: named(1 + i),
    })),
    exceptions: [
      {
        id: 12,
        rule_id: rule.id,
        agency: named(1),
        text: `title: "Exception: ${rule.title_en}"\nlogsource: {"product":"linux","service":"sshd"}\nfilter: {"rules":["${rule.id}"],"exception":{"src_ip|cidr":["10.20.4.0/24"]},"condition":"not exception"}\n`,
        reason: "취약점 점검 장비의 주소",
        actor: { kind: "person", name: "관리자" },
        created_at: ago(4 * DAY),
        expires_at: ahead(26 * DAY),
        ended_at: null,
        held_back: 1_204,
        last_held_at: ago(8 * MINUTE),
      },
      {
        id: 7,
        rule_id: rule.id,
        agency: named(2),
        text: `title: "Exception: ${rule.title_en}"\nfilter: {"rules":["${rule.id}"],"exception":{"user":["backup"]},"condition":"not exception"}\n`,
        reason: "백업 서버의 재시도",
        actor: { kind: "person", name: "한지우" },
        created_at: ago(70 * DAY),
        expires_at: ago(40 * DAY),
        ended_at: ago(40 * DAY),
        held_back: 31,
        last_held_at: ago(41 * DAY),
      },
    ],
    versions: [
      {
        at: ago(2 * DAY),
        actor: { kind: "center", name: "센터" },
        reason: "files changed",
        file: rule.file,
        hash: "9f2c61d7aa0145b3",
        text: ruleText(rule, 10),
      },
      {
        at: ago(31 * DAY),
        actor: { kind: "person", name: "관리자" },
        reason: "asked to",
        file: rule.file,
        hash: "41be09c3e5d2f871",
        text: ruleText(rule, 20),
      },
    ],
  };
}

/** What an archive would change. */
export function importOf(name: string, rules: readonly Rule[]): ImportPreview {
  const [first, second] = rules;
  const row = (rule: Rule | undefined, fate: string, texts: boolean) => ({
    id: `${rule?.id}-${fate}`,
    title: rule?.title_en ?? "",
    fate,
    file: `data/rules/${fate}.yml`,
    before: texts && rule ? ruleText(rule, 20) : null,
    after: texts && rule ? ruleText(rule, 10) : null,
  });
  return {
    as_of: ago(0),
    id: 3,
    name,
    files: 3_101,
    new: 1,
    changed: 1,
    removed: 1,
    rules: [row(first, "changed", true), row(second, "new", false), row(rules[2], "removed", false)],
    broken: [
      {
        file: "data/rules/windows/old.yml:4",
        reason: "`detection` has no `condition`: say how the selections are joined",
      },
    ],
    refused: [{ file: "../../etc/evil.yml", reason: "its name leads out of the archive" }],
  };
}

/** A back-test that has come so far. */
export function backtestOf(id: number, rule: string, days: number, share: number, stopped: boolean): Backtest {
  const total = 41_200_000 * days;
  const done = share >= 1;
  const seen = done || stopped || share > 0 ? Math.round(total * Math.min(1, share)) : 0;
  const daily = Array.from({ length: days + 1 }, (_, i) => Math.round((3 + ((i * 7) % 5) * 9) * Math.min(1, share)));
  const raw = "Mar 12 09:14:31 jump01 sshd[811]: Failed password for root from 203.0.113.201 port 40022 ssh2";
  return {
    as_of: ago(0),
    id,
    rule_id: rule,
    from: ago(days * DAY),
    to: ago(0),
    state: stopped ? "stopped" : done ? "done" : "running",
    error: null,
    scanned: seen,
    total,
    crowded_seconds: 0,
    matches: daily.reduce((sum, each) => sum + each, 0),
    groups: 9,
    days: daily.map((count, i) => ({ date: ago((days - i) * DAY).slice(0, 10), count })),
    entities: [
      { value: "203.0.113.201", count: 61 },
      { value: "198.51.100.34", count: 22 },
      { value: "10.20.4.11", count: 9 },
    ],
    samples: [
      {
        id: "1-4411",
        time: ago(5 * HOUR),
        source: "점프서버",
        raw,
        marks: [{ start: 34, end: 49 }],
        fields: [{ selection: "failed", field: "status", value: "failure", test: "= 'failure'" }],
      },
    ],
    seconds: 4.2,
  };
}

const ruleText = (rule: Rule, most: number) =>
  `title: ${rule.title_en}\nid: ${rule.id}\nstatus: stable\nlevel: ${rule.severity}\nlogsource:\n  product: linux\n  service: sshd\ndetection:\n  failed:\n    status: failure\n  inside:\n    src_ip|cidr: 10.0.0.0/8\n  condition: failed and not inside\ntimespan: ${most === 10 ? "1m" : "5m"}\ncondition: { gte: ${most} }\n`;

/** Techniques of the invented city: some of each tactic, so that every word of the page is seen. */
const TECHNIQUES: [string, [string, string, number, number, number][]][] = [
  [
    "reconnaissance",
    [
      ["T1595", "Active Scanning", 4, 0, 0],
      ["T1592", "Gather Victim Host Information", 0, 0, 0],
    ],
  ],
  ["resource-development", [["T1583", "Acquire Infrastructure", 0, 0, 0]]],
  [
    "initial-access",
    [
      ["T1190", "Exploit Public-Facing Application", 31, 12, 0],
      ["T1078", "Valid Accounts", 9, 41, 2],
      ["T1566", "Phishing", 0, 14, 0],
    ],
  ],
  [
    "execution",
    [
      ["T1059", "Command and Scripting Interpreter", 3, 312, 0],
      ["T1204", "User Execution", 0, 22, 0],
    ],
  ],
  [
    "persistence",
    [
      ["T1078", "Valid Accounts", 9, 41, 2],
      ["T1053", "Scheduled Task/Job", 2, 39, 0],
    ],
  ],
  ["privilege-escalation", [["T1548", "Abuse Elevation Control Mechanism", 4, 28, 0]]],
  [
    "defense-evasion",
    [
      ["T1070", "Indicator Removal", 3, 44, 0],
      ["T1562", "Impair Defenses", 0, 0, 7],
    ],
  ],
  [
    "credential-access",
    [
      ["T1110", "Brute Force", 12, 6, 0],
      ["T1003", "OS Credential Dumping", 0, 118, 0],
    ],
  ],
  [
    "discovery",
    [
      ["T1046", "Network Service Discovery", 5, 3, 0],
      ["T1087", "Account Discovery", 0, 25, 0],
    ],
  ],
  ["lateral-movement", [["T1021", "Remote Services", 6, 31, 0]]],
  ["collection", [["T1005", "Data from Local System", 0, 4, 0]]],
  [
    "command-and-control",
    [
      ["T1071", "Application Layer Protocol", 8, 11, 0],
      ["T1572", "Protocol Tunneling", 2, 9, 0],
    ],
  ],
  ["exfiltration", [["T1041", "Exfiltration Over C2 Channel", 1, 2, 0]]],
  [
    "impact",
    [
      ["T1486", "Data Encrypted for Impact", 0, 12, 0],
      ["T1498", "Network Denial of Service", 2, 0, 0],
    ],
  ],
];

export function attackMatrix(): AttackMatrix {
  const cell = ([id, name, covered, waiting, off]: [string, string, number, number, number]): AttackCell => ({
    id,
    name,
    covered,
    waiting,
    off,
    missing: waiting > 0 ? ["windows · process_creation", "windows · ps_script"] : [],
    subs:
      id === "T1110"
        ? [
            { id: "T1110.001", name: "Password Guessing", covered: 7, waiting: 2, off: 0 },
            { id: "T1110.003", name: "Password Spraying", covered: 3, waiting: 4, off: 0 },
            { id: "T1110.004", name: "Credential Stuffing", covered: 0, waiting: 1, off: 0 },
          ]
        : [],
  });
  const source = (logsource: string, gains: number, rules: number, bring: string, bring_en: string) => ({
    logsource,
    seen: false,
    last_at: null,
    rules,
    gains,
    bring,
    bring_en,
  });
  const seen = (logsource: string) => ({
    ...source(logsource, 0, 0, "", ""),
    seen: true,
    last_at: ago(40_000),
  });
  return {
    as_of: ago(0),
    version: "17",
    days: 30,
    tactics: TECHNIQUES.map(([name, techniques]) => ({ name, techniques: techniques.map(cell) })),
    sources: [
      source(
        "windows · process_creation",
        5,
        1_412,
        "윈도 Sysmon(1) 또는 프로세스 생성 감사(4688, 명령줄 포함)",
        "Windows Sysmon (1), or process creation auditing (4688 with the command line)",
      ),
      source(
        "windows · ps_script",
        2,
        176,
        "PowerShell 스크립트 블록 로깅(4104)",
        "PowerShell script block logging (4104)",
      ),
      source("aws · cloudtrail", 0, 58, "AWS CloudTrail", "AWS CloudTrail"),
      seen("authentication"),
      seen("linux · sshd"),
      seen("webserver"),
    ],
  };
}

const hex = (n: number) =>
  Array.from({ length: 64 }, (_, i) => "0123456789abcdef"[(n * 31 + i * 7 + ((n * i) % 13)) % 16]).join("");

export function madeAudit(): AuditEntry[] {
  const acts: [string, string, string, AuditEntry["actor"]][] = [
    ["block.create", "block B-1184", "명령 제어 서버로 알려진 주소", { kind: "person", name: "윤서진" }],
    ["alert.acknowledge", "alert A-24817", "", { kind: "person", name: "윤서진" }],
    ["user.look", "user park.dy", "연락처를 봄", { kind: "person", name: "관리자" }],
    [
      "block.automatic",
      "block B-1181",
      "SSH 비밀번호 대입 512번",
      { kind: "rule", name: "SSH 비밀번호 대입", name_en: "SSH password guessing" },
    ],
    ["source.adopt", "source 솔뫼구청 방화벽", "격리에서 받아들임", { kind: "person", name: "관리자" }],
    ["rule.enable", "rule 긴 DNS 이름", "점검 기간이 끝남", { kind: "person", name: "관리자" }],
    ["session.log_in", "user yoon.sj", "", { kind: "person", name: "윤서진" }],
    ["block.expire", "block B-1187", "기한이 끝남", { kind: "center", name: "center" }],
  ];
  return Array.from({ length: 120 }, (_, i) => {
    const [action, object, text, actor] = acts[i % acts.length] as (typeof acts)[number];
    return {
      id: 2_120 - i,
      at: ago(i * 7 * MINUTE + 20_000),
      actor,
      address: actor.kind === "person" ? "10.20.1.14" : null,
      action,
      object,
      agency: named(1),
      text,
      hash: hex(2_120 - i),
    };
  });
}
