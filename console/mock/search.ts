// The mock's events and a small reader of the query language: words, `field:value`, NOT, `| count by`.
import type { EventDetail, EventRow, FieldInfo, SearchPage } from "../src/api/types";
import { random } from "./city";

interface Made {
  row: EventRow;
  raw: string;
  fields: Record<string, string>;
}

const SOURCES = [
  "시청 DMZ 방화벽",
  "민원포털",
  "남현구청 VPN",
  "시설공단 방화벽",
  "북천구청 VPN",
  "수안구청 SECUI MF2",
];
const AGENCIES = ["시청", "시청", "남현구청", "시설공단", "북천구청", "수안구청"];
const USERS = ["kim.sy", "lee.dh", "choi.ye", "jung.hm", "han.jw", "yoon.ms", "park.jh", "nh2207", "admin"];
/** Events there are; a page shows a part. */
const EVENTS = 474;

function make(i: number, rnd: () => number): Made {
  const at = Date.now() - Math.floor((rnd() ** 1.8 * 24 * 3600 + 5) * 1000);
  const which = Math.floor(rnd() ** 1.6 * SOURCES.length);
  const src = rnd() < 0.8 ? "203.0.113.77" : "203.0.113.80";
  const dst = ["10.20.4.31", "10.20.4.31", "10.33.1.9", "10.55.2.14", "10.61.1.9", "10.42.0.20"][which] ?? "10.20.4.31";
  const user = USERS[Math.floor(rnd() * USERS.length)] ?? "admin";
  const time = new Date(at).toISOString();
  const login = which === 1 || which === 2 || which === 4;
  const success = user === "park.jh" && rnd() < 0.25;
  const result = login ? (success ? "success" : "failure") : rnd() < 0.6 ? "allow" : "deny";
  const text = login ? `LOGIN ${user}${success ? "" : " BAD_PW"}` : `443/tcp, ${Math.floor(rnd() * 4000)} B`;
  const raw = login
    ? `minwon-was03 portal[2211]: ${time} LOGIN result=${success ? "SUCCESS" : "FAIL"} uid=${user} src=${src} mfa=none ua="python-requests/2.31"`
    : `devname="GO-DMZ-FW01" type="traffic" srcip=${src} dstip=${dst} dstport=443 action="${result === "allow" ? "accept" : "deny"}"`;
  const cls = login ? "authentication" : "network_activity";
  const row: EventRow = {
    id: `1-${48_113_902 - i}`,
    time,
    agency: AGENCIES[which] ?? "시청",
    source: SOURCES[which] ?? "",
    class: cls,
    result,
    src,
    dst,
    text,
  };
  return {
    row,
    raw,
    fields: {
      agency: row.agency,
      source: row.source,
      class: cls,
      outcome: result,
      src_ip: src,
      dst_ip: dst,
      ...(login ? { user, user_agent: "python-requests/2.31" } : { dst_port: "443", proto: "tcp" }),
    },
  };
}

let events: Made[] = [];
export function resetEvents(): void {
  const rnd = random(7);
  events = Array.from({ length: EVENTS }, (_, i) => make(i, rnd)).sort((a, b) => b.row.time.localeCompare(a.row.time));
}

/** Is the query readable? A lone colon or quote is not. */
export function problem(q: string): string | null {
  if (/(^|\s):/.test(q)) return "at character 1: a field name is missing before the colon";
  if ((q.match(/"/g) ?? []).length % 2 === 1) return "the quote is never closed";
  const field = /(?:^|\s|\()([a-z_]+):/.exec(q)?.[1];
  if (field && !FIELDS.some((each) => each.name === field)) return `there is no field ${field}; did you mean src_ip?`;
  return null;
}

interface Range {
  from: number;
  to: number;
}

export function rangeOf(query: URLSearchParams): Range {
  const to = query.get("to") ? new Date(query.get("to") ?? 0).getTime() : Date.now();
  const from = query.get("from") ? new Date(query.get("from") ?? 0).getTime() : to - 24 * 3600_000;
  return { from, to };
}

export function matching(query: URLSearchParams): Made[] {
  const { from, to } = rangeOf(query);
  const text = (query.get("q") ?? "").split("|")[0] ?? "";
  const words = text.match(/(?:NOT\s+)?(?:[a-z_]+:)?(?:"[^"]*"|\S+)/g) ?? [];
  return events.filter((event) => {
    const at = new Date(event.row.time).getTime();
    if (at < from || at > to) return false;
    return words.every((word) => {
      const not = word.startsWith("NOT ");
      const bare = not ? word.slice(4) : word;
      if (bare === "AND" || bare === "OR") return true;
      const [, field, value] = /^([a-z_]+):(.*)$/.exec(bare) ?? [null, null, bare];
      const wanted = (value ?? "").replace(/"/g, "").toLowerCase();
      const found = field
        ? (event.fields[field] ?? "").toLowerCase() === wanted
        : `${event.raw} ${Object.values(event.fields).join(" ")}`.toLowerCase().includes(wanted);
      return found !== not;
    });
  });
}

export function page(query: URLSearchParams): SearchPage {
  const found = matching(query);
  const limit = Number(query.get("limit") ?? 200);
  const start = Number(query.get("cursor") ?? 0);
  const by = /\|\s*(?:count\s+by|top\s+\d*)\s*([a-z_]+)/.exec(query.get("q") ?? "")?.[1];
  const base = {
    as_of: new Date().toISOString(),
    total: found.length,
    exact: true,
    scanned: 124_800_000,
    files_total: 412,
    files_read: 37,
    took_ms: 912,
  };
  if (/\|/.test(query.get("q") ?? "")) {
    const counts = new Map<string, number>();
    for (const event of found)
      counts.set(by ? (event.fields[by] ?? "") : "", (counts.get(by ? (event.fields[by] ?? "") : "") ?? 0) + 1);
    const rows = [...counts].sort((a, b) => b[1] - a[1]);
    return {
      ...base,
      rows: [],
      next: null,
      table: by ? { columns: [by, "count"], rows } : { columns: ["count"], rows: [[found.length]] },
    };
  }
  const rows = found.slice(start, start + limit).map((event) => event.row);
  return { ...base, rows, next: start + limit < found.length ? String(start + limit) : null, table: null };
}

export function histogram(query: URLSearchParams) {
  const { from, to } = rangeOf(query);
  const buckets = Number(query.get("buckets") ?? 48);
  const step = (to - from) / buckets;
  const counts = Array.from({ length: buckets }, () => 0);
  for (const event of matching(query)) {
    const i = Math.min(buckets - 1, Math.floor((new Date(event.row.time).getTime() - from) / step));
    counts[i] = (counts[i] ?? 0) + 1;
  }
  return {
    as_of: new Date().toISOString(),
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    bucket_seconds: step / 1000,
    counts,
  };
}

export function facets(query: URLSearchParams) {
  const found = matching(query);
  return {
    as_of: new Date().toISOString(),
    facets: (query.get("fields") ?? "")
      .split(",")
      .filter(Boolean)
      .map((field) => {
        const counts = new Map<string, number>();
        for (const event of found) {
          const value = event.fields[field];
          if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
        }
        const all = [...counts.values()].reduce((a, b) => a + b, 0);
        const values = [...counts]
          .sort((a, b) => b[1] - a[1])
          .slice(0, 10)
          .map(([value, count]) => ({ value, count, share: count / all }));
        return { field, distinct: counts.size, values };
      }),
  };
}

export function event(id: string): EventDetail | null {
  const found = events.find((each) => each.row.id === id);
  if (!found) return null;
  return {
    row: found.row,
    raw: found.raw,
    encoding: "UTF-8",
    format: found.row.class === "authentication" ? "keyvalue" : "fortigate",
    receive_time: found.row.time,
    transport: "syslog TLS",
    sequence: Number(id.slice(2)),
    hash_ok: true,
    unread: null,
    fields: Object.entries(found.fields)
      .filter(([name]) => !["agency", "source"].includes(name))
      .map(([name, value]) => ({ name, value })),
    extra: [{ name: "mfa", value: "none" }],
    flags: [],
  };
}

const text = (name: string, ocsf: string): FieldInfo => ({
  name,
  kind: name.endsWith("_ip") ? "ip" : name.endsWith("_port") ? "int" : "text",
  ocsf,
  aliases: [],
});
export const FIELDS: FieldInfo[] = [
  text("agency", "agency"),
  text("source", "source"),
  text("class", "class_name"),
  text("outcome", "status_code"),
  text("action", "disposition"),
  text("src_ip", "src_endpoint.ip"),
  text("src_port", "src_endpoint.port"),
  text("src_country", "src_endpoint.location.country"),
  text("dst_ip", "dst_endpoint.ip"),
  text("dst_port", "dst_endpoint.port"),
  text("proto", "connection_info.protocol_name"),
  text("user", "actor.user.name"),
  text("host", "device.hostname"),
  text("process", "process.name"),
  text("url", "http_request.url.url_string"),
  text("domain", "http_request.url.hostname"),
  text("user_agent", "http_request.user_agent"),
  text("http_status", "http_response.code"),
  text("rule", "firewall_rule.name"),
  text("signature", "finding_info.title"),
];
