// A browser and a mock center for tests. The browser is the system's Chromium; nothing is downloaded.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const CONSOLE = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const CHROMIUM = process.env.BONGSU_CHROMIUM ?? "/usr/bin/chromium";

/** Sizes pages are looked at in, CSS pixels: a 14" office laptop, a telephone. */
export const LAPTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** `executable` is for a browser that runs elsewhere, as in a network namespace. */
export function launch(executable = CHROMIUM) {
  return chromium.launch({ executablePath: executable, args: ARGS });
}

/** Start the built console with the mock center behind it; `npm run build` must have run. */
export async function startMock(port = 4790) {
  if (!existsSync(resolve(CONSOLE, "dist/index.html"))) throw new Error("console/dist is missing; run: npm run build");
  const vite = resolve(CONSOLE, "node_modules/vite/bin/vite.js");
  const child = spawn(
    process.execPath,
    [
      vite,
      "preview",
      "--configLoader",
      "runner",
      "--config",
      "vite.mock.config.ts",
      "--port",
      String(port),
      "--strictPort",
    ],
    {
      cwd: CONSOLE,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  child.stderr.on("data", (data) => (said += data));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 150; i += 1) {
    if (child.exitCode !== null) throw new Error(`the mock did not start:\n${said}`);
    const up = await fetch(`${url}/mock/reset`).then(
      (r) => r.ok,
      () => false,
    );
    if (up) return { url, stop: () => child.kill() };
    await new Promise((done) => setTimeout(done, 200));
  }
  child.kill();
  throw new Error(`the mock did not answer:\n${said}`);
}

/** A browser's profile with the choices of a person already made. */
export async function openContext(browser, { theme = "light", language = "ko", keys = true, size = LAPTOP } = {}) {
  const context = await browser.newContext({
    viewport: size,
    locale: language === "ko" ? "ko-KR" : "en-US",
    timezoneId: "Asia/Seoul",
    reducedMotion: "reduce",
    ignoreHTTPSErrors: true,
  });
  await context.addInitScript(
    (prefs) => {
      if (window.location.protocol.startsWith("http"))
        window.localStorage.setItem("bongsu.prefs", JSON.stringify(prefs));
    },
    {
      theme,
      language,
      keys,
      density: "compact",
    },
  );
  return context;
}

/** A page, and what goes wrong in it: held against this page alone, never against the one opened after it. */
export async function newPage(context) {
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (400|401|404|409|503)/.test(message.text()))
      problems.push(message.text());
  });
  page.on("request", (request) => {
    const host = new URL(request.url()).hostname;
    if (host !== new URL(page.url() === "about:blank" ? request.url() : page.url()).hostname)
      problems.push(`a request left the center: ${request.url()}`);
  });
  return { page, problems };
}

/** A page in a profile of its own. */
export async function openPage(browser, choices) {
  const context = await openContext(browser, choices);
  return { context, ...(await newPage(context)) };
}

/** Does the page reach over its right edge? Tables may scroll inside their own frame. */
export const overflows = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1);
