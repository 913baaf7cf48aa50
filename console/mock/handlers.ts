// Every route of the contract, answered by the invented city. State lives as long as the process; `reset` begins again.
import type { Me, Overview, RuleException, StreamEvent } from "../src/api/types";
import { arrive, detail, type Held, held, linesOf, ownerOf, resetAlerts } from "./alerts";
import { blocks, inTab, kill, makeBlock, policy, preview, resetBlocks, work } from "./blocks";
import { agencies, ago, ahead, DAY, HOUR, MINUTE, named, users, whole } from "./city";
import { no, on, weather } from "./on";
import * as search from "./search";
import {
  askedOf,
  attackMatrix,
  backtestOf,
  importOf,
  madeAgents,
  madeAudit,
  madeQuarantine,
  madeRules,
  madeSources,
  ruleDetail,
} from "./settings";

type Listener = (event: StreamEvent) => void;
const listeners = new Set<Listener>();
export const tell = (event: StreamEvent) => {
  for (const listener of listeners) listener(event);
};
export const listen = (listener: Listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const me: Me = {
  id: 2,
  name: "yoon.sj",
  display_name: "윤서진",
  roles: [{ role: "administrator", agency: named(1) }],
  can: {
    work_alerts: true,
    request_blocks: true,
    approve_blocks: true,
    administer: true,
    manage_people: true,
    read_audit: true,
  },
  scope_agencies: agencies.length,
  scope: [whole],
  csrf: "mock-csrf",
  expires_at: ahead(8 * HOUR),
};
const actor = { kind: "person" as const, name: me.display_name };

let loggedIn = true;
let sources = madeSources();
let quarantine = madeQuarantine();
let agents = madeAgents();
let rules = madeRules();
let audit = madeAudit();
let sessions = 3;
const spent = new Set<string>();
let backtest = { id: 0, rule: "", days: 7, begun: 0, stopped: false };
/** A back-test of the mock takes this long, ms. */
const BACKTEST_MS = 2_500;
const told = (test: typeof backtest) =>
  backtestOf(test.id, test.rule, test.days, (Date.now() - test.begun) / BACKTEST_MS, test.stopped);
let exceptions: RuleException[] = [];
const ended = new Set<number>();
const firstException = () => rules[0] && ruleDetail(rules[0]).exceptions[0];

export function reset(): void {
  loggedIn = true;
  sources = madeSources();
  quarantine = madeQuarantine();
  agents = madeAgents();
  rules = madeRules();
  audit = madeAudit();
  sessions = 3;
  spent.clear();
  exceptions = [];
  ended.clear();
  weather.delayMs = 0;
  weather.failing.clear();
  resetAlerts();
  resetBlocks();
  search.resetEvents();
  for (const one of held.values()) {
    const block = [...blocks.values()].find(
      (each) => each.target === one.target && ["applied", "proposed"].includes(each.state),
    );
    if (block) one.row.block = brief(block.id);
  }
}

function brief(id: number) {
  const block = blocks.get(id);
  return block
    ? { id, state: block.state, waiting: block.waiting, expires_at: block.expires_at, dry_run: block.dry_run }
    : null;
}

export const logOut = () => {
  loggedIn = false;
};

/** A new alert comes, as if from the pipeline. */
export function newAlert(): number {
  const { row } = arrive();
  tell({ kind: "alert", id: row.id, new: true });
  return row.id;
}

export function overview(): Overview {
  for (const block of blocks.values()) work(block);
  const open = [...held.values()].filter(
    ({ row }) => row.state !== "closed" && (!row.owner || row.owner.id === me.id),
  ).length;
  return {
    as_of: ago(0),
    organisation: "가온광역시 관제센터",
    demo: true,
    kill_switch: kill,
    blocks_in_force: [...blocks.values()].filter((block) => inTab(block, "in_force")).length,
    approvals_waiting: [...blocks.values()].filter((block) => block.state === "proposed" && block.waiting).length,
    queue_open: open,
    events_per_second: 31_400 + Math.round(Math.random() * 300),
    last_event_at: ago(120),
    lag_seconds: 0.3,
    duty_lead: "한지우",
    silent_sources: 1,
    quarantined: quarantine.length,
    troubles: [],
  };
}

const ORDER = ["critical", "high", "medium", "low", "info"];
const alertOf = (id: string | undefined): Held | null => held.get(Number(id)) ?? null;
const changed = (one: Held) => {
  tell({ kind: "alert", id: one.row.id, new: false });
  return one.row;
};

const alertHandlers = [
  on("get", "/api/alerts", ({ query }) => {
    const tab = query.get("tab") ?? "mine";
    const q = (query.get("q") ?? "").toLowerCase();
    const severity = query.get("severity");
    for (const one of held.values()) if (one.row.block) one.row.block = brief(one.row.block.id);
    const rows = [...held.values()]
      .map((one) => one.row)
      .filter((row) => (tab === "closed" ? row.state === "closed" : row.state !== "closed"))
      .filter((row) => tab !== "mine" || !row.owner || row.owner.id === me.id)
      .filter((row) => !query.get("state") || row.state === query.get("state"))
      .filter((row) => !severity || ORDER.indexOf(row.severity) <= ORDER.indexOf(severity))
      .filter((row) => !query.get("agency") || row.agency.id === Number(query.get("agency")))
      .filter((row) => !query.get("rule") || row.rule_id === query.get("rule"))
      .filter((row) => !query.get("entity") || row.entity.value === query.get("entity"))
      .filter((row) => !q || `${row.reason} ${row.entity.value} ${row.agency.name}`.toLowerCase().includes(q))
      .sort((a, b) => b.score - a.score);
    const named = new Map(rows.map((row) => [row.agency.id, row.agency]));
    return {
      as_of: ago(0),
      total: rows.length,
      detections: rows.reduce((n, row) => n + row.count, 0),
      rows,
      next: null,
      agencies: [...named.values()],
    };
  }),
  on("get", "/api/alerts/{id}", ({ params }) => {
    const one = alertOf(params.id);
    return one ? detail(one) : no(404, "not_found", "there is no such alert in your scope");
  }),
  on("get", "/api/alerts/{id}/events", ({ params }) => {
    const one = alertOf(params.id);
    return one
      ? { as_of: ago(0), total: one.row.count, events: linesOf(one) }
      : no(404, "not_found", "there is no such alert in your scope");
  }),
  on("post", "/api/alerts/{id}/acknowledge", ({ params }) => {
    const one = alertOf(params.id);
    if (!one) return no(404, "not_found", "there is no such alert in your scope");
    one.row = { ...one.row, state: "acknowledged", owner: ownerOf(me.id) };
    one.timeline.push({ at: ago(0), kind: "acknowledged", actor, text: "" });
    return changed(one);
  }),
  on("post", "/api/alerts/{id}/close", ({ params, body }) => {
    const one = alertOf(params.id);
    if (!one) return no(404, "not_found", "there is no such alert in your scope");
    one.row = { ...one.row, state: "closed" };
    one.verdict = body.verdict;
    one.timeline.push({ at: ago(0), kind: "closed", actor, text: body.reason });
    return changed(one);
  }),
  on("post", "/api/alerts/{id}/reopen", ({ params }) => {
    const one = alertOf(params.id);
    if (!one) return no(404, "not_found", "there is no such alert in your scope");
    one.row = { ...one.row, state: "open", owner: null };
    one.verdict = null;
    one.timeline.push({ at: ago(0), kind: "reopened", actor, text: "" });
    return changed(one);
  }),
  on("post", "/api/alerts/{id}/notes", ({ params, body }) => {
    const one = alertOf(params.id);
    if (!one) return no(404, "not_found", "there is no such alert in your scope");
    const entry = { at: ago(0), kind: "note", actor, text: body.text };
    one.timeline.push(entry);
    changed(one);
    return entry;
  }),
];

const blockChanged = (id: number) => {
  tell({ kind: "block", id });
  const block = blocks.get(id);
  if (!block) return no(404, "not_found", "there is no such block in your scope");
  return structuredClone(block);
};

const blockHandlers = [
  on("get", "/api/blocks", ({ query }) => {
    for (const block of blocks.values()) work(block);
    const q = (query.get("q") ?? "").toLowerCase();
    const rows = [...blocks.values()]
      .filter((block) => inTab(block, query.get("tab") ?? "in_force"))
      .filter((block) => !q || `${block.target} ${block.reason}`.toLowerCase().includes(q))
      .sort((a, b) => b.id - a.id);
    return { as_of: ago(0), total: rows.length, rows, next: null };
  }),
  on("get", "/api/blocks/{id}", ({ params }) => {
    const block = blocks.get(Number(params.id));
    if (!block) return no(404, "not_found", "there is no such block in your scope");
    work(block);
    return structuredClone(block);
  }),
  on("post", "/api/blocks/preview", ({ body }) =>
    body.target ? preview(body) : no(400, "bad_request", "target is missing", "target"),
  ),
  on("post", "/api/blocks", ({ body }) => {
    const said = preview(body);
    const waits = said.decision === "needs_approval" || body.ask_approval;
    const over =
      said.decision === "refused"
        ? {
            state: "refused" as const,
            refused_by: said.because,
            refused_because: said.checks.find((check) => !check.ok)?.text ?? null,
            points: [],
          }
        : waits
          ? { state: "proposed" as const, waiting: true, approvals_needed: said.because === null ? 1 : 2, points: [] }
          : {};
    const block = makeBlock(body, actor, over);
    const one = alertOf(String(body.alert ?? ""));
    if (one) {
      one.row = { ...one.row, block: brief(block.id) };
      one.timeline.push({ at: ago(0), kind: "block_requested", actor, text: `B-${block.id} ${block.target}` });
      changed(one);
    }
    setTimeout(() => {
      work(block);
      blockChanged(block.id);
    }, 900);
    return blockChanged(block.id);
  }),
  on("post", "/api/blocks/{id}/approve", ({ params, body }) => {
    const block = blocks.get(Number(params.id));
    if (block?.state !== "proposed") return no(409, "conflict", "it no longer waits for approval");
    block.approved_by.push(actor);
    block.timeline.push({ at: ago(0), kind: "block_approved", actor, text: body.reason });
    block.state = "applying";
    block.waiting = false;
    block.requested_at = ago(0);
    return blockChanged(block.id);
  }),
  on("post", "/api/blocks/{id}/refuse", ({ params, body }) => {
    const block = blocks.get(Number(params.id));
    if (block?.state !== "proposed") return no(409, "conflict", "it no longer waits for approval");
    block.state = "refused";
    block.refused_because = body.reason;
    block.timeline.push({ at: ago(0), kind: "block_refused", actor, text: body.reason });
    return blockChanged(block.id);
  }),
  on("post", "/api/blocks/{id}/undo", ({ params, body }) => {
    const block = blocks.get(Number(params.id));
    if (!block) return no(404, "not_found", "there is no such block in your scope");
    block.state = "withdrawn";
    block.refused_by = "undone";
    block.grace_until = ahead(policy.grace_minutes * MINUTE);
    block.points = block.points.map((point) => ({ ...point, state: "removed" }));
    block.timeline.push({ at: ago(0), kind: "block_undone", actor, text: body.reason });
    return blockChanged(block.id);
  }),
  on("get", "/api/kill-switch", () => kill),
  on("put", "/api/kill-switch", ({ body }) => {
    Object.assign(
      kill,
      body.on
        ? {
            on: true,
            since: ago(0),
            by: actor,
            reason: body.reason,
            unreached: [{ id: 9, name: "가람군 MF2 #1", name_en: "Garam MF2 #1" }],
          }
        : { on: false, since: null, by: null, reason: null, unreached: [] },
    );
    if (body.on)
      for (const block of blocks.values())
        if (block.requested_by.kind === "rule" && inTab(block, "in_force")) block.state = "withdrawn";
    tell({ kind: "kill_switch", state: kill });
    return kill;
  }),
  on("get", "/api/block-policy", () => policy),
  on("put", "/api/block-policy", ({ body }) => Object.assign(policy, body, { example: false, valid_from: ago(0) })),
];

const searchHandlers = [
  on("get", "/api/search/histogram", ({ query }) => search.histogram(query)),
  on("get", "/api/search/facets", ({ query }) => search.facets(query)),
  on("get", "/api/search/fields", () => ({ fields: search.FIELDS })),
  on(
    "get",
    "/api/search/events/{id}",
    ({ params }) => search.event(params.id ?? "") ?? no(404, "not_found", "there is no such event in your scope"),
  ),
  on("get", "/api/search", ({ query }) => {
    const bad = search.problem(query.get("q") ?? "");
    return bad ? no(400, "bad_request", bad, "q") : search.page(query);
  }),
];

const sessionHandlers = [
  on("post", "/api/session/link/check", ({ body }) => {
    if (spent.has(body.token) || body.token === "spent")
      return no(404, "not_found", "this link was used or has expired");
    return {
      user: me.name,
      display_name: me.display_name,
      expires_at: ahead(DAY),
      logs_in: body.token.startsWith("demo"),
    };
  }),
  on("post", "/api/session/link", ({ body }) => {
    if (spent.has(body.token)) return no(404, "not_found", "this link was used or has expired");
    spent.add(body.token);
    loggedIn = true;
    return me;
  }),
  on("get", "/api/session", () => (loggedIn ? me : no(401, "unauthorized", "log in first"))),
  on("post", "/api/session", ({ body }) => {
    if (body.password !== "correct horse battery") return no(401, "unauthorized", "the name or the password is wrong");
    loggedIn = true;
    return me;
  }),
  on("delete", "/api/session", () => {
    loggedIn = false;
    return undefined;
  }),
  on("get", "/api/sessions", () => ({
    as_of: ago(0),
    sessions: Array.from({ length: sessions }, (_, i) => ({
      id: `s${i}`,
      created_at: ago((i + 1) * 5 * HOUR),
      last_seen_at: ago(i * 3 * HOUR),
      address: `10.20.1.${14 + i}`,
      user_agent: i === 0 ? "Chromium 140 / Linux" : "Edge 139 / Windows",
      current: i === 0,
    })),
  })),
  on("delete", "/api/sessions/{id}", () => {
    sessions -= 1;
    return undefined;
  }),
  on("get", "/api/overview", () => overview()),
];

const settingsHandlers = [
  on("get", "/api/sources", () => ({
    as_of: ago(0),
    rows: sources,
    udp_dropped: 0,
    listeners: ["syslog UDP 0.0.0.0:514", "syslog TCP 0.0.0.0:601", "syslog TLS 0.0.0.0:6514"],
    formats: [
      "auto",
      "sshd",
      "nginx",
      "apache",
      "iptables",
      "fortigate",
      "cisco_asa",
      "panos",
      "kr_secui_mf2",
      "kr_ahnlab_trusguard",
      "kr_wins_sniper",
      "cef",
      "leef",
      "json",
      "keyvalue",
    ],
  })),
  on("post", "/api/sources", ({ body }) => {
    const base = sources[0];
    if (!base) return no(400, "bad_request", "no source to copy from");
    const made = {
      ...base,
      id: 900 + sources.length,
      name: body.name,
      from: body.from,
      agency: named(body.agency),
      format: body.format ?? "auto",
      state: "never",
      rate: 0,
      lines: 0,
      last_seen_at: null,
      unparsed_share: null,
      recognised: null,
    };
    sources = [...sources, made];
    tell({ kind: "sources" });
    return made;
  }),
  on("patch", "/api/sources/{id}", ({ params, body }) => {
    const found = sources.find((source) => source.id === Number(params.id));
    if (!found) return no(404, "not_found", "there is no such source");
    const set = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== undefined));
    Object.assign(found, set, {
      state: body.enabled === false ? "disabled" : found.state === "disabled" ? "live" : found.state,
    });
    return found;
  }),
  on("delete", "/api/sources/{id}", ({ params }) => {
    sources = sources.filter((source) => source.id !== Number(params.id));
    return undefined;
  }),
  on("get", "/api/quarantine", () => ({ as_of: ago(0), rows: quarantine })),
  on("post", "/api/quarantine/adopt", ({ body }) => {
    quarantine = quarantine.filter((each) => each.address !== body.from);
    const base = sources[1];
    if (!base) return no(404, "not_found", "there is no such sender");
    const made = { ...base, id: 800 + sources.length, name: body.name, from: body.from, agency: named(body.agency) };
    sources = [made, ...sources];
    tell({ kind: "sources" });
    return made;
  }),
  on("get", "/api/agents", () => ({
    as_of: ago(0),
    rows: agents,
    tokens: [{ name: "솔뫼-수집기", agency: named(9), expires_at: ahead(5 * HOUR) }],
    uplink: "center.gaon.example:6520",
  })),
  on("post", "/api/agents/tokens", ({ body }) => ({
    token: "bongsu1.k3Zs9mQxTn2v.8f3a1c77e0",
    expires_at: ahead(body.hours * HOUR),
    command: "bongsu-agent enrol --center center.gaon.example:6520 --token bongsu1.k3Zs9mQxTn2v.8f3a1c77e0",
  })),
  on("patch", "/api/agents/{id}", ({ params, body }) => {
    const found = agents.find((agent) => agent.id === Number(params.id));
    if (!found) return no(404, "not_found", "there is no such agent");
    if (body.inputs) found.inputs = body.inputs;
    if (body.enforce) found.enforce = body.enforce;
    return found;
  }),
  on("delete", "/api/agents/{id}", ({ params }) => {
    for (const agent of agents) if (agent.id === Number(params.id)) agent.state = "revoked";
    return undefined;
  }),
  on("get", "/api/rules", () => ({
    as_of: ago(0),
    rows: rules,
    broken: [
      {
        file: "rules/local/office-hours.yml",
        reason: "line 14: condition names selection_2, which is not there; did you mean selection?",
      },
    ],
    cost: { since: ago(3 * DAY), events: 8_140_000_000, counted: 133_442_000, event_micros: 7.9, shared: 0.58 },
  })),
  on("get", "/api/attack", () => attackMatrix()),
  on("post", "/api/rules/reload", () => {
    tell({ kind: "rules" });
    const files = [{ file: "rules/local/office-hours.yml", fate: "changed" }];
    return { as_of: ago(0), files, new: 0, changed: 1, removed: 0, broken: 0 };
  }),
  on("get", "/api/rules/{id}", ({ params }) => {
    const found = rules.find((rule) => rule.id === params.id);
    if (!found) return no(404, "not_found", "there is no such rule");
    const detail = ruleDetail(found);
    const all = [...exceptions.filter((each) => each.rule_id === found.id), ...detail.exceptions];
    detail.exceptions = all.map((each) => (ended.has(each.id) ? { ...each, ended_at: ago(0) } : each));
    return detail;
  }),
  on("put", "/api/rules/{id}/enabled", ({ params, body }) => {
    const found = rules.find((rule) => rule.id === params.id);
    if (!found) return no(404, "not_found", "there is no such rule");
    found.enabled = body.enabled;
    tell({ kind: "rules" });
    return found;
  }),
  on("post", "/api/rules/import", ({ query }) => importOf(query.get("name") ?? "", rules)),
  on("post", "/api/rules/import/{id}", () => {
    tell({ kind: "rules" });
    return { as_of: ago(0), files: [], new: 1, changed: 1, removed: 1, broken: 1 };
  }),
  on("post", "/api/rules/{id}/test", ({ params, body }) => ({
    lines: body.lines.map((line, i) => ({
      line,
      format: line.includes("sshd") ? "sshd" : null,
      matched: /failed|fail/i.test(line),
      fired: i >= 10,
      fields: /failed/i.test(line)
        ? [{ selection: "failed", field: "outcome", value: "failure", test: "= 'failure'" }]
        : [],
      asked: rules.filter((rule) => rule.id === params.id).map((rule) => askedOf(rule, line)),
    })),
  })),
  on("post", "/api/rules/{id}/backtest", ({ params, body }) => {
    backtest = { id: backtest.id + 1, rule: params.id ?? "", days: body.days, begun: Date.now(), stopped: false };
    return told(backtest);
  }),
  on("get", "/api/backtests/{id}", ({ params }) =>
    Number(params.id) === backtest.id ? told(backtest) : no(404, "not_found", "there is no such back-test"),
  ),
  on("delete", "/api/backtests/{id}", () => {
    backtest.stopped = true;
    return told(backtest);
  }),
  on("post", "/api/rules/{id}/exceptions", ({ params, body }) => {
    const rule = rules.find((each) => each.id === params.id);
    const base = rule ? ruleDetail(rule).exceptions[0] : undefined;
    if (!base) return no(404, "not_found", "there is no such rule");
    const made = { ...base, id: 100 + exceptions.length, reason: body.reason, held_back: 0, last_held_at: null };
    exceptions.unshift(made);
    tell({ kind: "rules" });
    return made;
  }),
  on("post", "/api/exceptions/{id}/end", ({ params }) => {
    const known = exceptions.find((each) => each.id === Number(params.id)) ?? firstException();
    if (!known) return no(404, "not_found", "there is no such exception");
    ended.add(Number(params.id));
    tell({ kind: "rules" });
    return { ...known, ended_at: ago(0) };
  }),
  on("get", "/api/agencies", () => ({ as_of: ago(0), rows: agencies })),
  on("post", "/api/agencies", ({ body }) => {
    const made = {
      id: 100 + agencies.length,
      ...body,
      manager: null,
      deputy: null,
      vacancies: ["manager", "deputy"],
      sources: 0,
      open_alerts: 0,
    };
    agencies.push(made);
    return made;
  }),
  on("patch", "/api/agencies/{id}", ({ params, body }) => {
    const found = agencies.find((agency) => agency.id === Number(params.id));
    if (!found) return no(404, "not_found", "there is no such agency");
    return Object.assign(found, Object.fromEntries(Object.entries(body).filter(([, value]) => value)));
  }),
  on("get", "/api/users", () => ({ as_of: ago(0), rows: users })),
  on("post", "/api/users", ({ body }) => {
    const base = users[0];
    if (!base) return no(400, "bad_request", "no user");
    const made = {
      ...base,
      id: 100 + users.length,
      name: body.name,
      display_name: body.display_name,
      agency: named(body.agency),
      has_password: false,
      last_login_at: null,
      phone: body.phone ?? null,
      roles: [
        {
          ...(base.roles[0] as (typeof base.roles)[number]),
          id: 500 + users.length,
          role: body.role,
          agency: named(body.agency),
        },
      ],
    };
    users.push(made);
    return { user: made, link: "/link#k3Zs9mQxTn2vB7pR", expires_at: ahead(DAY) };
  }),
  on("post", "/api/users/{id}/link", ({ params }) => {
    const found = users.find((user) => user.id === Number(params.id));
    return found
      ? { user: found, link: "/link#k3Zs9mQxTn2vB7pR", expires_at: ahead(DAY) }
      : no(404, "not_found", "there is no such user");
  }),
  on("patch", "/api/users/{id}", ({ params, body }) => {
    const found = users.find((user) => user.id === Number(params.id));
    if (!found) return no(404, "not_found", "there is no such user");
    return Object.assign(
      found,
      Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== undefined)),
    );
  }),
  on("post", "/api/users/{id}/roles", ({ params, body }) => {
    const found = users.find((user) => user.id === Number(params.id));
    if (!found) return no(404, "not_found", "there is no such user");
    found.roles = [
      {
        id: 600 + found.roles.length,
        role: body.role,
        agency: named(body.agency),
        starts_on: body.starts_on ?? ago(0).slice(0, 10),
        ends_on: body.ends_on ?? null,
        substitute: null,
        away_from: null,
        away_through: null,
        in_force: true,
      },
      ...found.roles,
    ];
    return found;
  }),
  on("delete", "/api/role-assignments/{id}", ({ params }) => {
    for (const user of users)
      for (const role of user.roles)
        if (role.id === Number(params.id)) Object.assign(role, { in_force: false, ends_on: ago(0).slice(0, 10) });
    return undefined;
  }),
  on("get", "/api/audit", ({ query }) => {
    const q = query.get("q") ?? "";
    const rows = audit.filter(
      (entry) =>
        (!query.get("action") || entry.action.startsWith(query.get("action") ?? "")) &&
        (!q || `${entry.actor.name} ${entry.object} ${entry.text}`.includes(q)),
    );
    const start = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit") ?? 50);
    return {
      as_of: ago(0),
      total: rows.length,
      rows: rows.slice(start, start + limit),
      next: start + limit < rows.length ? String(start + limit) : null,
    };
  }),
  on("get", "/api/audit/verify", () => ({ as_of: ago(0), entries: 2_120, whole: true, first_bad: null })),
];

reset();

export const handlers = [
  ...sessionHandlers,
  ...alertHandlers,
  ...blockHandlers,
  ...searchHandlers,
  ...settingsHandlers,
];
