// The mock's blocks, safety and kill switch: enough of `decide` to show each answer the drawer must know.
import type { Block, BlockPolicy, BlockPreview, BlockRequest, KillSwitch } from "../src/api/types";
import { ago, ahead, HOUR, MINUTE, named } from "./city";

export const blocks = new Map<number, Block>();
export const kill: KillSwitch = {
  on: false,
  since: null,
  by: null,
  reason: null,
  automatic: true,
  unreached: [],
  withdrawing: 0,
};
let nextId = 1_180;

export const policy: BlockPolicy = {
  valid_from: "2026-01-01T00:00:00Z",
  example: true,
  protected: [
    { net: "10.0.0.0/24", list: "management", note: "관제센터 관리 경로" },
    { net: "10.20.0.10/32", list: "core", note: "행정망 DNS" },
    { net: "192.0.2.0/24", list: "partner", note: "국가망 연계 구간" },
  ],
  minutes_max: 1_440,
  budget_agency_hour: 50,
  budget_total_hour: 200,
  budget_service_hour: 20,
  wide_v4: 24,
  wide_v6: 48,
  widest_v4: 16,
  widest_v6: 32,
  grace_minutes: 1_440,
  automatic: true,
  automatic_severity: "high",
  automatic_minutes: 60,
  dry_run: false,
  inside: ["10.0.0.0/8", "172.16.0.0/12"],
};

const points = (appliedMs: number | null) =>
  [
    { id: 1, name: "GO-DMZ-FW01", device: "nftables", ms: 12, share: 0.97 },
    { id: 2, name: "GO-EXT-FW02", device: "nftables", ms: 31, share: 0.03 },
  ].map((point) => ({
    point: { id: point.id, name: point.name, name_en: null },
    device: point.device,
    agency: named(1),
    state: appliedMs === null ? "pending" : "applied",
    applied_at: appliedMs === null ? null : ago(appliedMs - point.ms),
    took_ms: appliedMs === null ? null : point.ms,
    packets_dropped: appliedMs === null ? null : 0,
    effect: "unknown" as const,
    error: null,
  }));

export function makeBlock(request: BlockRequest, by: Block["requested_by"], over: Partial<Block> = {}): Block {
  nextId += 1;
  const block: Block = {
    id: nextId,
    target: request.target,
    state: "applying",
    waiting: false,
    agency: named(request.agency ?? 1),
    reason: request.reason ?? "",
    requested_by: by,
    requested_at: ago(0),
    approved_by: [],
    approvals_needed: 0,
    expires_at: ahead(request.minutes * MINUTE),
    minutes: request.minutes,
    dry_run: request.dry_run ?? false,
    refused_by: null,
    refused_because: null,
    alert: request.alert ?? null,
    rule_id: null,
    points: points(null),
    effect: "unknown",
    packets_dropped: null,
    grace_until: null,
    example: true,
    timeline: [{ at: ago(0), kind: "block_requested", actor: by, text: request.reason ?? "" }],
    ...over,
  };
  blocks.set(block.id, block);
  return block;
}

/** Time works on a block: it is applied, drops packets, and is seen to be effective. */
export function work(block: Block): void {
  if (block.state === "approved" || block.state === "applying") {
    if (Date.now() - new Date(block.requested_at).getTime() < 700) return;
    block.state = "applied";
    block.points = points(0);
    block.timeline.push({ at: ago(0), kind: "block_applied", actor: { kind: "center", name: "센터" }, text: "2곳" });
  }
  if (block.state !== "applied") return;
  if (Date.now() > new Date(block.expires_at).getTime()) {
    block.state = "expired";
    return;
  }
  const s = (Date.now() - new Date(block.requested_at).getTime()) / 1000;
  const dropped = block.dry_run ? 0 : Math.round(1_250 * (1 - Math.exp(-s / 12)));
  block.packets_dropped = dropped;
  for (const [i, point] of block.points.entries()) {
    point.packets_dropped = Math.round(dropped * (i === 0 ? 0.97 : 0.03));
    point.effect = dropped > 100 ? "effective" : "unknown";
  }
  block.effect = block.id === 1_184 ? "inserted_not_effective" : dropped > 100 ? "effective" : "unknown";
}

const rule = (name: string, name_en: string) => ({ kind: "rule" as const, name, name_en });

/** Blocks of the morning. */
export function resetBlocks(): void {
  blocks.clear();
  nextId = 1_180;
  kill.on = false;
  kill.since = null;
  kill.by = null;
  kill.reason = null;
  kill.withdrawing = 0;
  const past = (
    request: Omit<BlockRequest, "minutes">,
    minutes: number,
    sinceMin: number,
    by: Block["requested_by"],
    over: Partial<Block> = {},
  ) => {
    const block = makeBlock({ ...request, minutes }, by, over);
    block.requested_at = ago(sinceMin * MINUTE);
    block.expires_at = ahead((minutes - sinceMin) * MINUTE);
    block.timeline = block.timeline.map((entry) => ({ ...entry, at: block.requested_at }));
    work(block);
    return block;
  };
  past(
    { target: "203.0.113.201", reason: "SSH 비밀번호 대입 512번" },
    60,
    12,
    rule("SSH 비밀번호 대입", "SSH password guessing"),
  );
  past(
    { target: "198.51.100.9", reason: "여섯 기관에 같은 비밀번호" },
    60,
    31,
    rule("여러 계정에 같은 비밀번호", "One password against many accounts"),
  );
  past({ target: "203.0.113.55", reason: "Log4j 공격 시도 38번" }, 60, 39, rule("웹 공격 시도", "Web attack attempt"));
  past({ target: "198.51.100.31", reason: "명령 제어 서버로 알려진 주소" }, 240, 50, {
    kind: "person",
    name: "윤서진",
  });
  past(
    { target: "203.0.113.140", reason: "업로드 폴더의 JSP를 부른 주소", alert: 24_821 },
    60,
    3,
    { kind: "person", name: "김예린" },
    { state: "proposed", waiting: true, approvals_needed: 1, points: [] },
  );
  past({ target: "198.51.100.150", reason: "서버 12대의 포트를 훑음" }, 60, 14, rule("포트 훑기", "Port scan"), {
    state: "proposed",
    waiting: false,
    points: [],
  });
  past({ target: "203.0.113.18", reason: "웹 공격 시도" }, 60, 200, rule("웹 공격 시도", "Web attack attempt"), {
    state: "expired",
  });
  past(
    { target: "192.0.2.40", reason: "로그인 실패 120번" },
    60,
    260,
    rule("SSH 비밀번호 대입", "SSH password guessing"),
    {
      state: "refused",
      refused_by: "protected",
      refused_because: "국가망 연계 구간(192.0.2.0/24)에 있습니다",
      points: [],
    },
  );
}

const isWide = (target: string) => Number(target.split("/")[1] ?? 32) < 24;

export function preview(request: BlockRequest): BlockPreview {
  const protectedBy = policy.protected.find((each) =>
    request.target.startsWith(each.net.split("/")[0]?.replace(/\.\d+$/, ".") ?? "#"),
  );
  const wide = isWide(request.target);
  const other = request.points?.includes(3) ?? false;
  const used = [...blocks.values()].filter((block) => block.state === "applied").length;
  const because = kill.on ? "kill_switch" : protectedBy ? "protected" : wide ? "scope" : other ? "other_agency" : null;
  return {
    as_of: ago(0),
    target: request.target,
    decision: kill.on || protectedBy ? "refused" : wide || other ? "needs_approval" : "approved",
    because,
    checks: [
      {
        name: "protected",
        ok: !protectedBy,
        text: protectedBy ? `걸림: ${protectedBy.note}` : "걸리지 않음. 관리 경로 41, 핵심 기반 112, 협력망 18",
        text_en: protectedBy ? `On a list: ${protectedBy.net}` : "Not on a list. Management 41, core 112, partners 18",
      },
      {
        name: "scope",
        ok: !wide,
        text: wide ? "/24보다 넓어 두 사람이 승인해야 합니다" : "주소 1개. 256개까지 승인 없이 가능",
        text_en: wide ? "Wider than /24: two people approve" : "1 address. Up to 256 without approval",
      },
      {
        name: "budget",
        ok: true,
        text: "시청, 이번 시간",
        text_en: "City Hall, this hour",
        used,
        after: used + 1,
        limit: policy.budget_agency_hour,
      },
      {
        name: "kill_switch",
        ok: !kill.on,
        text: kill.on ? "걸려 있습니다" : "걸려 있지 않음",
        text_en: kill.on ? "Thrown" : "Not thrown",
      },
      {
        name: "rollback",
        ok: true,
        text: "집행 지점이 끊기면 10초 안에 그 변경만 되돌림",
        text_en: "If the point is cut off, this change alone is rolled back in 10 s",
      },
    ],
    matches: {
      total: 231,
      destinations: [
        { name: "민원포털 :443", count: 229 },
        { name: "통합예약 :443", count: 2 },
      ],
      legitimate: 0,
      hours: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 96, 133],
    },
    points: [
      {
        point: { id: 1, name: "GO-DMZ-FW01", name_en: null },
        device: "nftables",
        agency: named(1),
        chosen: true,
        reachable: true,
        last_ms: 12,
        needs_two: false,
      },
      {
        point: { id: 2, name: "GO-EXT-FW02", name_en: null },
        device: "nftables",
        agency: named(1),
        chosen: true,
        reachable: true,
        last_ms: 31,
        needs_two: false,
      },
      {
        point: { id: 3, name: "수안-FW-1", name_en: "SUAN-FW-1" },
        device: "nftables",
        agency: named(2),
        chosen: false,
        reachable: true,
        last_ms: 44,
        needs_two: true,
      },
    ],
    expires_at: ahead(request.minutes * MINUTE),
    minutes_max: policy.minutes_max,
    minutes_choices: [15, 60, 240, 1_440],
  };
}

export const GRACE_MS = policy.grace_minutes * MINUTE;
export const within = (iso: string, ms: number) => Date.now() - new Date(iso).getTime() < ms;
export const inTab = (block: Block, tab: string): boolean => {
  if (tab === "in_force") return ["approved", "applying", "applied"].includes(block.state);
  if (tab === "waiting") return block.state === "proposed";
  if (tab === "ended") return ["refused", "expired", "withdrawn"].includes(block.state);
  return true;
};
export const RECENT_MS = 24 * HOUR;
