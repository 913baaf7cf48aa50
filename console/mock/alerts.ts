// The mock's alerts: what a real queue holds on a working morning.
import type { AlertDetail, AlertEvent, AlertRow, Severity, TimelineEntry } from "../src/api/types";
import { ago, ahead, DAY, HOUR, MINUTE, named, random } from "./city";

interface Seed {
  severity: Severity;
  score: number;
  agency: number;
  entity: [string, string, string | null];
  reason: [string, string];
  rule: number;
  count: number;
  last: number;
  due: number | null;
  whole: number;
  owner?: number;
  shape: number[];
  target?: string;
}

export const RULES: [string, string, string, Severity, string[], string][] = [
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000001",
    "비밀번호 대입 뒤 로그인 성공",
    "Log-in succeeds after password guessing",
    "critical",
    ["T1110.001", "T1078"],
    "block",
  ],
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000002",
    "SSH 비밀번호 대입",
    "SSH password guessing",
    "high",
    ["T1110.001"],
    "block",
  ],
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000003",
    "일정한 간격의 외부 접속",
    "Beaconing to an outside address",
    "high",
    ["T1071.001"],
    "propose",
  ],
  ["0b5e1f0a-1d0f-4a10-9a51-000000000004", "랜섬웨어 흔적", "Signs of ransomware", "critical", ["T1486"], "propose"],
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000005",
    "여러 계정에 같은 비밀번호",
    "Password spraying",
    "high",
    ["T1110.003"],
    "block",
  ],
  ["0b5e1f0a-1d0f-4a10-9a51-000000000006", "웹셸 실행 의심", "Suspected webshell", "high", ["T1505.003"], "propose"],
  ["0b5e1f0a-1d0f-4a10-9a51-000000000007", "로그가 끊긴 출처", "Silent source", "high", ["T1562.008"], "none"],
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000008",
    "두 나라에서 같은 계정",
    "One account from two countries",
    "medium",
    ["T1078.004"],
    "none",
  ],
  ["0b5e1f0a-1d0f-4a10-9a51-000000000009", "긴 DNS 이름", "DNS tunnelling", "medium", ["T1071.004"], "propose"],
  ["0b5e1f0a-1d0f-4a10-9a51-000000000010", "웹 공격 시도", "Web attack probes", "medium", ["T1190"], "block"],
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000011",
    "근무 시간 밖 관리자 생성",
    "New administrator outside hours",
    "low",
    ["T1136"],
    "none",
  ],
  ["0b5e1f0a-1d0f-4a10-9a51-000000000012", "포트 훑기", "Port scan", "low", ["T1046"], "propose"],
  [
    "0b5e1f0a-1d0f-4a10-9a51-000000000013",
    "방화벽 정책 변경",
    "Firewall policy changed",
    "info",
    ["T1562.004"],
    "none",
  ],
];

const rising = [0, 0, 1, 1, 2, 4, 7, 9, 12, 20, 14, 8];
const flat = [3, 3, 3, 3, 4, 3, 3, 3, 3, 3, 3, 3];
const late = [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 5, 3];
const one = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
const ended = [6, 6, 7, 6, 6, 6, 7, 3, 0, 0, 0, 0];

const SEEDS: Seed[] = [
  {
    severity: "critical",
    score: 97,
    agency: 1,
    entity: ["src_ip", "203.0.113.77", "민원포털 WAS-03"],
    reason: [
      "로그인에 214번 실패한 주소가 방금 성공했습니다",
      "An address that failed to log in 214 times has just succeeded",
    ],
    rule: 0,
    count: 214,
    last: 2,
    due: 2.1,
    whole: 10,
    owner: 2,
    shape: rising,
    target: "203.0.113.77",
  },
  {
    severity: "high",
    score: 84,
    agency: 2,
    entity: ["src_ip", "10.42.7.118", null],
    reason: [
      "PC 한 대가 처음 보는 주소로 10분마다 같은 양을 보냅니다",
      "One PC sends the same amount to a new address every 10 minutes",
    ],
    rule: 2,
    count: 37,
    last: 4,
    due: 17,
    whole: 24,
    owner: 2,
    shape: flat,
    target: "198.51.100.24",
  },
  {
    severity: "critical",
    score: 95,
    agency: 1,
    entity: ["host", "taxfs02", "지방세 FS-02"],
    reason: [
      "V3가 막은 랜섬웨어 파일이 공유폴더에 아직 있습니다",
      "A ransomware file that V3 stopped is still in a shared folder",
    ],
    rule: 3,
    count: 6,
    last: 12,
    due: -1.2,
    whole: 10,
    shape: late,
  },
  {
    severity: "high",
    score: 88,
    agency: 1,
    entity: ["src_ip", "198.51.100.9", "통합인증"],
    reason: [
      "여섯 기관 관리자 계정에 같은 비밀번호를 써 보고 있습니다",
      "The same password is being tried on administrator accounts of six agencies",
    ],
    rule: 4,
    count: 108,
    last: 1,
    due: 4.5,
    whole: 20,
    shape: rising,
    target: "198.51.100.9",
  },
  {
    severity: "high",
    score: 82,
    agency: 27,
    entity: ["host", "resv-web02", "통합예약 WEB-02"],
    reason: ["예약 서버가 업로드 폴더의 JSP를 실행했습니다", "The reservation server ran a JSP from its upload folder"],
    rule: 5,
    count: 9,
    last: 16,
    due: 8,
    whole: 20,
    shape: late,
    target: "203.0.113.140",
  },
  {
    severity: "high",
    score: 77,
    agency: 22,
    entity: ["source", "SECUI MF2 #1", null],
    reason: ["군청 방화벽이 41분째 로그를 보내지 않습니다", "The county firewall has sent no logs for 41 minutes"],
    rule: 6,
    count: 1,
    last: 41,
    due: 19,
    whole: 30,
    shape: ended,
  },
  {
    severity: "high",
    score: 74,
    agency: 6,
    entity: ["src_ip", "203.0.113.201", "행정망 점프서버"],
    reason: ["SSH 비밀번호를 초당 3번씩 대입하고 있습니다", "SSH passwords are being guessed three times a second"],
    rule: 1,
    count: 512,
    last: 1,
    due: 21,
    whole: 30,
    shape: rising,
    target: "203.0.113.201",
  },
  {
    severity: "medium",
    score: 58,
    agency: 3,
    entity: ["user", "nh2207", null],
    reason: ["퇴직자 계정이 해외에서 VPN에 접속하려 합니다", "A retired employee's account tries the VPN from abroad"],
    rule: 7,
    count: 4,
    last: 9,
    due: 31,
    whole: 60,
    shape: [0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0],
    target: "198.51.100.77",
  },
  {
    severity: "medium",
    score: 55,
    agency: 6,
    entity: ["src_ip", "10.61.3.40", "북천구보건소"],
    reason: ["DNS 이름이 평소보다 여섯 배 길어졌습니다", "DNS names have become six times longer than usual"],
    rule: 8,
    count: 412,
    last: 1,
    due: 38,
    whole: 60,
    shape: rising,
  },
  {
    severity: "medium",
    score: 51,
    agency: 1,
    entity: ["src_ip", "203.0.113.55", "전자문서 API"],
    reason: [
      "막힌 Log4j 공격 38번, 대상은 취약 버전이 아닙니다",
      "38 stopped Log4j attempts; the target is not a vulnerable version",
    ],
    rule: 9,
    count: 38,
    last: 25,
    due: 49,
    whole: 60,
    shape: [2, 0, 3, 1, 0, 4, 2, 0, 1, 3, 2, 0],
    target: "203.0.113.55",
  },
  {
    severity: "low",
    score: 33,
    agency: 4,
    entity: ["host", "AD-01", null],
    reason: ["작업 시간 밖에 관리자 계정이 생겼습니다", "An administrator account appeared outside working hours"],
    rule: 10,
    count: 1,
    last: 390,
    due: 130,
    whole: 480,
    shape: one,
  },
  {
    severity: "low",
    score: 28,
    agency: 5,
    entity: ["src_ip", "198.51.100.150", null],
    reason: ["주소 하나가 서버 12대의 포트를 훑었습니다", "One address scanned the ports of 12 servers"],
    rule: 11,
    count: 12,
    last: 14,
    due: 185,
    whole: 480,
    shape: late,
    target: "198.51.100.150",
  },
  {
    severity: "info",
    score: 12,
    agency: 9,
    entity: ["host", "여울-FW-1", null],
    reason: ["방화벽 정책 하나가 근무 시간에 바뀌었습니다", "One firewall policy changed during working hours"],
    rule: 12,
    count: 1,
    last: 44,
    due: null,
    whole: 0,
    shape: one,
  },
];

const people: Record<number, string> = { 2: "윤서진", 1: "관리자", 3: "한지우" };
export const ownerOf = (id: number | undefined) =>
  id === undefined ? null : { id, name: people[id] ?? "윤서진", name_en: null };

let nextId = 24_817;

function row(seed: Seed): AlertRow {
  const rule = RULES[seed.rule] ?? RULES[0];
  const id = nextId;
  nextId += 1;
  return {
    id,
    severity: seed.severity,
    score: seed.score,
    state: seed.owner ? "acknowledged" : "open",
    due_at: seed.due === null ? null : ahead(seed.due * MINUTE),
    opened_at: seed.due === null ? ago(seed.last * MINUTE) : ahead((seed.due - seed.whole) * MINUTE),
    reason: seed.reason[0],
    reason_en: seed.reason[1],
    rule_id: rule?.[0] ?? "",
    rule_title: rule?.[1] ?? "",
    rule_title_en: rule?.[2] ?? "",
    agency: named(seed.agency),
    entity: { kind: seed.entity[0], value: seed.entity[1], system: seed.entity[2] },
    count: seed.count,
    sparkline: seed.shape,
    first_at: ago((seed.last + 21) * MINUTE),
    last_at: ago(seed.last * MINUTE),
    owner: ownerOf(seed.owner),
    block: null,
    example: true,
  };
}

export interface Held {
  row: AlertRow;
  target: string | null;
  timeline: TimelineEntry[];
  verdict: AlertDetail["verdict"];
}

export const held = new Map<number, Held>();

function add(seed: Seed): Held {
  const made = row(seed);
  const one: Held = {
    row: made,
    target: seed.target ?? null,
    verdict: null,
    timeline: [
      {
        at: made.first_at,
        kind: "detected",
        actor: { kind: "rule", name: made.rule_title, name_en: made.rule_title_en },
        text: "",
      },
      ...(made.owner
        ? [
            {
              at: ago((seed.last - 1) * MINUTE),
              kind: "acknowledged",
              actor: { kind: "person" as const, name: made.owner.name },
              text: "",
            },
          ]
        : []),
    ],
  };
  held.set(made.id, one);
  return one;
}

/** The morning as it begins. */
export function resetAlerts(): void {
  held.clear();
  nextId = 24_817;
  for (const seed of SEEDS) add(seed);
  for (let i = 0; i < 3; i += 1) {
    const old = add({ ...(SEEDS[i + 3] as Seed), last: 180 + i * 200, due: null, owner: 2 });
    old.row.state = "closed";
    old.verdict = i === 1 ? "false_positive" : "true_positive";
    old.timeline.push({
      at: ago((120 + i * 200) * MINUTE),
      kind: "closed",
      actor: { kind: "person", name: "윤서진" },
      text: i === 1 ? "120 상담 시스템 점검" : "계정 잠금 후 차단",
    });
  }
}

/** A new alert while a person looks. */
export function arrive(): Held {
  const rnd = random(nextId);
  const last = Math.floor(rnd() * 200) + 10;
  return add({
    severity: "high",
    score: 71,
    agency: 7,
    entity: ["src_ip", `198.51.100.${last}`, "업무포털"],
    reason: ["주소 하나가 로그인 창에 명령을 넣고 있습니다", "An address is sending commands into the log-in form"],
    rule: 9,
    count: 21,
    last: 0,
    due: 29,
    whole: 30,
    shape: late,
    target: `198.51.100.${last}`,
  });
}

const steps = [
  [
    "성공한 계정의 접속을 끊고 비밀번호를 초기화하세요",
    "End the sessions of the account that succeeded and reset its password",
  ],
  ["이 주소가 닿은 다른 시스템을 찾으세요", "Find other systems this address has reached"],
  ["본인에게 접속한 적이 있는지 물으세요", "Ask the account's owner whether it was them"],
];

export function detail(one: Held): AlertDetail {
  const { row: shown } = one;
  const rule = RULES.find((each) => each[0] === shown.rule_id);
  return {
    row: shown,
    description:
      "한 주소가 20분 안에 여러 계정으로 100번 넘게 실패한 뒤 성공하면 울립니다. 90일 만에 처음 온 주소이고, 오늘 다른 기관 세 곳에도 왔습니다.",
    description_en:
      "Fires when one address fails more than 100 times on several accounts within 20 minutes and then succeeds. The address was not seen for 90 days and came to three other agencies today.",
    next_steps: steps.map((step) => step[0] ?? ""),
    next_steps_en: steps.map((step) => step[1] ?? ""),
    attack: (rule?.[4] ?? []).map((id) => ({ id, name: TECHNIQUES[id] ?? id })),
    verdict: one.verdict,
    timeline: one.timeline,
    other_alerts: [...held.values()]
      .filter((each) => each !== one && each.row.agency.id === shown.agency.id && each.row.state !== "closed")
      .slice(0, 2)
      .map((each) => each.row),
    entity_days: [0, 1, 0, 2, 0, 0, 1, 3, 0, 1, 0, 2, 1, Math.min(14, shown.count)],
    seen_in: [shown.agency, named(3), named(6)],
    contacts: [
      {
        name: "오민석",
        role: "agency_security_manager",
        phone: "내선 4126",
        away_until: ahead(DAY).slice(0, 10),
        on_duty: false,
      },
      { name: "배수아", role: "agency_security_deputy", phone: "내선 4127", away_until: null, on_duty: true },
    ],
    similar: [
      {
        id: 23_102,
        closed_at: ago(13 * DAY),
        verdict: "true_positive",
        text: "계정 잠금 후 차단",
        because: ["same_rule"],
      },
      {
        id: 22_871,
        closed_at: ago(29 * DAY),
        verdict: "false_positive",
        text: "120 상담 시스템 점검",
        because: ["same_rule", "same_entity"],
      },
    ],
    block_target: one.target,
  };
}

const TECHNIQUES: Record<string, string> = {
  "T1110.001": "비밀번호 추측",
  "T1110.003": "비밀번호 뿌리기",
  T1078: "정상 계정 악용",
  "T1078.004": "정상 계정 악용: 클라우드",
  "T1071.001": "웹 프로토콜",
  "T1071.004": "DNS",
  T1486: "영향을 위한 암호화",
  "T1505.003": "웹셸",
  "T1562.008": "로그 끄기",
  "T1562.004": "방화벽 바꾸기",
  T1190: "공개 서비스 악용",
  T1136: "계정 만들기",
  T1046: "네트워크 서비스 훑기",
};

function mark(raw: string, ...parts: string[]) {
  return parts.flatMap((part) => {
    const at = raw.indexOf(part);
    if (at < 0) return [];
    const start = [...raw.slice(0, at)].length;
    return [{ start, end: start + [...part].length }];
  });
}

/** Raw lines behind an alert. */
export function linesOf(one: Held): AlertEvent[] {
  const address = one.target ?? one.row.entity.value;
  const at = new Date(one.row.last_at);
  const kst = new Date(at.getTime() + 9 * HOUR).toISOString().slice(0, 19);
  const [date, time] = kst.split("T");
  const app = `minwon-was03 portal[2211]: ${kst}+09:00 LOGIN result=SUCCESS uid=park.jh src=${address} mfa=none`;
  const fw = `date=${date} time=${time} devname="GO-DMZ-FW01" type="traffic" srcip=${address} srccountry="Netherlands" dstip=10.20.4.31 dstport=443 policyid=212 action="accept"`;
  const failures = Array.from(
    { length: 8 },
    (_, i) => `minwon-was03 portal[2211]: LOGIN result=FAIL uid=user${i + 10} src=${address} reason=BAD_PW`,
  );
  return [app, fw, ...failures].map((raw, i) => ({
    id: `1-${48_113_902 - i * 7}`,
    time: new Date(at.getTime() - i * 7_300).toISOString(),
    source: i === 1 ? "시청 DMZ 방화벽" : "민원포털",
    raw,
    marks: mark(
      raw,
      "result=SUCCESS",
      "park.jh",
      "result=FAIL",
      i === 1 ? `srcip=${address}` : address,
      'action="accept"',
    ),
    hash_ok: true,
    matched: [
      { selection: "success", field: "outcome", value: "success", test: "= 'success'" },
      { selection: "success", field: "user", value: "park.jh", test: "exists" },
      { selection: "success", field: "src_ip", value: address, test: "" },
    ],
  }));
}
