// A small range for the browser: a fresh center, an agent that enforces, and an attacker whose traffic is real. As root each
// stands in a network namespace of its own and the host's network is left alone; without root, `ip` or `nft` everything is
// on loopback and the point only tries. Whatever ends the test also ends the range.
//
//     center 10.77.0.1 ─── 10.77.0.2 gate 198.51.100.1 ─── attacker 198.51.100.66
//     and the browser      agent, nftables, log-ins
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { CHROMIUM } from "../lib/browser.mjs";
import { failedLogIn } from "./traffic.mjs";

const CENTER = "10.77.0.1";
const AGENT = "10.77.0.2";
const GATE = "198.51.100.1";
export const ATTACKER = "198.51.100.66";
const SSH_PORT = 22;
const SYSLOG_PORT = 5140;
const PATIENCE_MS = 60_000;
/** The agent's word for the log it follows. */
const SOURCE = "gate-auth";
const TRAFFIC = new URL("./traffic.mjs", import.meta.url).pathname;

const target = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/bongsu/target");
function binary(name) {
  const path = join(target, "debug", name);
  if (!existsSync(path)) throw new Error(`${path} is not there; build it with: cargo build --workspace`);
  return path;
}

const has = (program) => {
  try {
    execFileSync(program, [program === "ip" ? "-V" : "--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** Why there can be no namespaces here; null: there can. */
export function lacking() {
  if (process.env.BONGSU_E2E_POINT === "dry_run") return "BONGSU_E2E_POINT is dry_run";
  if (process.getuid?.() !== 0) return "this is not root";
  const missing = ["ip", "nft"].find((program) => !has(program));
  return missing ? `${missing} is missing` : null;
}

const ip = (words) => execFileSync("ip", words.split(" "), { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
const running = (pid) => existsSync(`/proc/${pid}`);

/** Namespaces of a run that was killed before it could clear up. */
function clearOld() {
  for (const line of ip("netns list").split("\n")) {
    const name = line.split(" ")[0];
    const pid = /^bge(\d+)-/.exec(name)?.[1];
    if (pid && !running(pid)) ip(`netns del ${name}`);
  }
}

/** Ranges that stand, to be ended with the process. */
const standing = new Set();
process.on("exit", () => {
  for (const range of standing) range.end();
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));

async function until(what, check) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (await check()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`within ${PATIENCE_MS / 1000} s never: ${what}`);
}

class Range {
  children = [];
  namespaces = [];
  timers = [];

  constructor(real, number) {
    this.real = real;
    this.prefix = `bge${process.pid}-${number}`;
    this.folder = mkdtempSync(join(tmpdir(), "bongsu-range-"));
    this.data = join(this.folder, "center");
    standing.add(this);
  }

  /** Words of a command inside a namespace, or outside when there are none. */
  within(node, words) {
    return this.real ? ["ip", "netns", "exec", `${this.prefix}${node}`, ...words] : words;
  }

  /** Run something for as long as the range stands; what it says goes to a file. */
  start(node, name, words) {
    const [program, ...rest] = this.within(node, words);
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
    const log = join(this.folder, `${name}.log`);
    writeFileSync(log, "");
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => appendFileSync(log, data));
    child.log = log;
    this.children.push(child);
    return child;
  }

  /** Run an operator's command to its end. */
  ask(...words) {
    return execFileSync(binary("bongsu"), [...words, "--data", this.data], { encoding: "utf8", stdio: "pipe" });
  }

  rows(...words) {
    return this.ask(...words, "--output", "jsonl")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  namespace(node) {
    const name = `${this.prefix}${node}`;
    ip(`netns add ${name}`);
    this.namespaces.push(name);
    // No IPv6: a link-local address that comes a second later is a changed network to a browser, which then drops what
    // it was loading.
    const quiet = "for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done 2>/dev/null || true";
    execFileSync("ip", ["netns", "exec", name, "sh", "-c", quiet], { stdio: "ignore" });
    ip(`-n ${name} link set lo up`);
    return name;
  }

  cable(a, aAddress, b, bAddress) {
    const [left, right] = [`${this.prefix}${a}`, `${this.prefix}${b}`];
    ip(`-n ${left} link add to${b} type veth peer name to${a} netns ${right}`);
    ip(`-n ${left} addr add ${aAddress}/24 dev to${b}`);
    ip(`-n ${right} addr add ${bAddress}/24 dev to${a}`);
    ip(`-n ${left} link set to${b} up`);
    ip(`-n ${right} link set to${a} up`);
  }

  /** A Chromium that stands beside the center. */
  browser() {
    if (!this.real) return CHROMIUM;
    const script = join(this.folder, "chromium");
    writeFileSync(script, `#!/bin/sh\nexec ip netns exec ${this.prefix}c ${CHROMIUM} "$@"\n`);
    chmodSync(script, 0o755);
    return script;
  }

  async startCenter() {
    const at = this.real ? CENTER : "127.0.0.1";
    const port = (wanted) => (this.real ? wanted : 0);
    const set = [
      `web.listen=${at}:${port(8443)}`,
      `uplink.listen=${at}:${port(6515)}`,
      `intake.syslog_udp=${at}:${port(SYSLOG_PORT)}`,
      "intake.syslog_tcp=off",
      "intake.syslog_tls=off",
    ];
    const words = [binary("bongsu"), "center", "--data", this.data, ...set.flatMap((pair) => ["--set", pair])];
    const center = this.start("c", "center", words);
    let link;
    await until("the center prints its link", () => {
      const said = readFileSync(center.log, "utf8");
      if (center.exitCode !== null) throw new Error(`the center ended:\n${said}`);
      link = /https?:\/\/\S+\/link#\S+/.exec(said)?.[0];
      return link !== undefined;
    });
    return link;
  }

  async startAgent(log) {
    const token = this.ask("agent", "enrol", "gate").trim();
    const data = join(this.folder, "agent");
    const [program, ...rest] = this.within("g", [binary("bongsu-agent"), "enrol", token, "--data", data]);
    execFileSync(program, rest, { stdio: "pipe" });
    this.start("g", "agent", [binary("bongsu-agent"), "run", "--data", data]);
    const enforce = this.real ? "nftables" : "dry_run";
    this.ask("agent", "set", "gate", "--tail", `${log}=${SOURCE}`, "--enforce", enforce);
    await until("the agent is connected and enforces", () => {
      const [agent] = this.rows("agent", "list");
      return agent?.state === "connected" && agent.enforce === enforce;
    });
  }

  /** Failed log-ins from the attacker, for as long as they get through. */
  attack(log) {
    if (this.real) {
      this.start("g", "logins", [process.execPath, TRAFFIC, "logins", GATE, String(SSH_PORT), log]);
      this.start("a", "guess", [process.execPath, TRAFFIC, "guess", ATTACKER, GATE, String(SSH_PORT)]);
      this.start("g", "stray", [process.execPath, TRAFFIC, "stray", CENTER, String(SYSLOG_PORT)]);
    } else {
      this.timers.push(setInterval(() => appendFileSync(log, failedLogIn(ATTACKER, 40_000)), 200));
    }
  }

  /** End everything; for any way out, so nothing here waits. */
  end() {
    standing.delete(this);
    for (const timer of this.timers) clearInterval(timer);
    for (const child of this.children) child.kill("SIGKILL");
    for (const name of this.namespaces) {
      try {
        ip(`netns del ${name}`);
      } catch (error) {
        console.error(String(error));
      }
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

let made = 0;

/** Build a range around a center that nobody has entered yet. */
export async function startRange() {
  const real = lacking() === null;
  made += 1;
  if (real && made === 1) clearOld();
  const range = new Range(real, made);
  if (real) {
    for (const node of ["c", "g", "a"]) range.namespace(node);
    range.cable("c", CENTER, "g", AGENT);
    range.cable("g", GATE, "a", ATTACKER);
  }
  const logs = join(range.folder, "log");
  mkdirSync(logs);
  const log = join(logs, "auth.log");
  writeFileSync(log, "");
  const link = await range.startCenter();
  await range.startAgent(log);
  range.attack(log);
  const point = real ? "an agent with nftables in a namespace" : "an agent's dry-run point on loopback";
  console.log(`range ${range.prefix}: a fresh center at ${new URL(link).origin}, ${point}, an attacker at ${ATTACKER}`);
  return { link, real, executable: range.browser(), ask: (...words) => range.ask(...words), end: () => range.end() };
}
