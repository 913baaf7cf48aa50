// Both ends of the traffic in the range, each run inside its own namespace:
//   node traffic.mjs logins ADDRESS PORT LOG   takes connections and writes what sshd would write of each
//   node traffic.mjs guess FROM ADDRESS PORT   connects from an address again and again, until it is ended
//   node traffic.mjs stray ADDRESS PORT        sends one syslog line as a sender nobody registered
import { createSocket } from "node:dgram";
import { appendFileSync } from "node:fs";
import { connect, createServer } from "node:net";

/** Between two attempts of the attacker, and what one may take; milliseconds. */
const EVERY_MS = 100;
const PATIENCE_MS = 500;

/** A line as sshd in Korea writes it to auth.log. */
export function failedLogIn(address, port) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: "Asia/Seoul",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).formatToParts(new Date());
  const { month, day, hour, minute, second } = Object.fromEntries(parts.map((part) => [part.type, part.value]));
  const at = `${month} ${day.padStart(2)} ${hour}:${minute}:${second}`;
  return `${at} gate sshd[811]: Failed password for invalid user oracle from ${address} port ${port} ssh2\n`;
}

function logins(address, port, log) {
  createServer((socket) => {
    socket.on("error", () => {});
    appendFileSync(log, failedLogIn(socket.remoteAddress, socket.remotePort));
    socket.end("SSH-2.0-OpenSSH_9.2\r\n");
  }).listen(Number(port), address);
}

function guess(from, address, port) {
  setInterval(() => {
    const socket = connect({ host: address, port: Number(port), localAddress: from });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on("error", () => {});
    socket.on("data", () => socket.destroy());
  }, EVERY_MS);
}

function stray(address, port) {
  const socket = createSocket("udp4");
  socket.send("<134>new-fw: link up on port 3", Number(port), address, () => socket.close());
}

const [role, ...rest] = process.argv.slice(2);
if (role === "logins") logins(...rest);
if (role === "guess") guess(...rest);
if (role === "stray") stray(...rest);
