// The page that `bongsu hunt --output html` writes: opens from a file, loads nothing, and axe finds nothing in it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { axe } from "../lib/axe.mjs";
import { launch } from "../lib/browser.mjs";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/bongsu/target");
const BONGSU = process.env.BONGSU_BINARY ?? join(TARGET, "debug/bongsu");
const RULES = ["critical", "high", "medium", "low", "informational"].map(
  (level, n) => `title: Rule of level ${level}
id: 00000000-0000-4000-8000-00000000000${n}
description: |
  What it finds, and <b>markup</b> that stays text.
tags: [attack.execution, attack.t1059, attack.defense-evasion]
falsepositives: [An administrator at work]
references: ["https://example.org/a?b=1&c"]
logsource: { product: windows }
detection: { selection: { CommandLine|contains: word${n} }, condition: selection }
level: ${level}
`,
);
const LINES = Array.from({ length: 60 }, (_, n) =>
  JSON.stringify({
    EventID: 1,
    Channel: "Security",
    Computer: n % 3 ? "ws-07.suan.example" : "<script>alert(1)</script>",
    "@timestamp": `2026-03-02T0${n % 8}:00:00Z`,
    CommandLine: `cmd.exe /c "word${n % 5}" ${"x".repeat(n * 9)} \u202egpj.exe`,
  }),
);

let folder;
let browser;
before(async () => {
  assert.ok(existsSync(BONGSU), `${BONGSU} is missing; run: cargo build`);
  folder = mkdtempSync(join(tmpdir(), "bongsu-hunt-"));
  writeFileSync(join(folder, "rules.yml"), RULES.join("---\n"));
  writeFileSync(join(folder, "quiet.yml"), RULES[0].replace("word0", "nowhere"));
  writeFileSync(join(folder, "events.jsonl"), [...LINES, "{broken"].join("\n"));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true });
});

for (const language of ["ko", "en"]) {
  for (const rules of ["rules.yml", "quiet.yml"]) {
    test(`axe: the page of a hunt, ${rules}, ${language}`, async () => {
      const run = ["hunt", "-q", "--rules", rules, "--output", "html", "--lang", language, "--", "events.jsonl"];
      const file = join(folder, `${rules}-${language}.html`);
      writeFileSync(file, execFileSync(BONGSU, run, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] }));
      for (const colorScheme of ["light", "dark"]) {
        const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
        const page = await context.newPage();
        const outside = [];
        page.on("request", (request) => request.url().startsWith("file:") || outside.push(request.url()));
        page.on("pageerror", (error) => outside.push(String(error)));
        await page.goto(`file://${file}`);
        assert.equal(await page.locator("script").count(), 0);
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: 900 });
          const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          assert.ok(sideways <= 0, `wider than the window by ${sideways} at ${width}`);
        }
        await page.evaluate(() => {
          for (const fold of document.querySelectorAll("details")) fold.open = true;
        });
        assert.deepEqual(await axe(page), [], colorScheme);
        assert.deepEqual(outside, []);
        await context.close();
      }
    });
  }
}
