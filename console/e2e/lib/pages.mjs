// Every page and state of the console that pictures and the accessibility test visit.
const row = "tr[data-alert]";

export const PAGES = [
  { name: "login", at: "/queue", ready: "#password" },
  { name: "link", at: "/link#set-me", ready: "#again" },
  { name: "link-spent", at: "/link#spent", ready: ".gate .btn" },
  { name: "queue", at: "/queue", ready: row },
  { name: "queue-panel", at: "/queue?alert=24817", ready: ".panel .log" },
  { name: "queue-close", at: "/queue?alert=24817", ready: ".panel .log", prepare: (page) => page.keyboard.press("c") },
  { name: "queue-empty", at: "/queue?find=zzzz", ready: ".say" },
  {
    name: "queue-selected",
    at: "/queue",
    ready: row,
    prepare: async (page) => {
      await page.keyboard.press("x");
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.keyboard.press("Shift+X");
    },
  },
  {
    name: "queue-lost",
    at: "/queue",
    ready: row,
    prepare: async (page, url) => {
      await page.waitForTimeout(1200);
      await fetch(`${url}/mock/stream?off=1`);
      await page.waitForSelector(".band.lost");
    },
  },
  { name: "block", at: "/queue?alert=24817&do=block", ready: ".panel .big" },
  {
    name: "block-done",
    at: "/queue?alert=24817&do=block",
    ready: ".panel .big",
    prepare: async (page) => {
      await page.keyboard.press("Enter");
      await page.waitForSelector(".panel .pt .tag.ok", { timeout: 8000 });
      // Pictures want some seconds of effect in the chart.
      if (process.env.SHOTS) await page.waitForTimeout(9000);
    },
  },
  { name: "block-approval", at: "/queue?do=block&target=203.0.112.0/22", ready: ".panel .big" },
  { name: "blocks", at: "/blocks", ready: ".grid tbody tr" },
  { name: "blocks-panel", at: "/blocks?tab=waiting&block=1185", ready: ".panel .go" },
  {
    name: "kill",
    at: "/queue",
    ready: row,
    prepare: async (page) => {
      await page.click(".kill .btn");
      await page.waitForSelector(".pop");
    },
  },
  {
    name: "kill-on",
    at: "/queue",
    ready: row,
    prepare: async (page) => {
      await page.click(".kill .btn");
      await page.fill("#kill-reason", "오차단 확인");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".band.stop");
    },
  },
  { name: "help", at: "/queue", ready: row, prepare: (page) => page.keyboard.press("?") },
  {
    name: "account",
    at: "/queue",
    ready: ".rail .who-me",
    prepare: async (page) => {
      await page.click(".rail [aria-haspopup]");
      await page.waitForSelector(".menu");
    },
  },
  { name: "search", at: "/search?q=src_ip:203.0.113.77", ready: ".rt [data-event]" },
  {
    name: "search-open",
    at: "/search?q=",
    ready: ".rt [data-event]",
    prepare: async (page) => {
      await page.click(".rt [data-event] >> nth=2", { position: { x: 60, y: 12 } });
      await page.waitForSelector(".exw .log");
    },
  },
  {
    name: "search-menu",
    at: "/search?q=",
    ready: ".tv .val",
    prepare: async (page) => {
      await page.click(".tv .val >> nth=5");
      await page.waitForSelector(".menu");
    },
  },
  { name: "search-table", at: "/search?q=%7C%20count%20by%20user", ready: ".grid tbody tr" },
  { name: "search-none", at: "/search?q=zzzz", ready: ".say" },
  { name: "search-bad", at: "/search?q=nosuch:1", ready: ".err" },
  { name: "sources", at: "/settings/sources", ready: ".grid tbody tr" },
  { name: "sources-panel", at: "/settings/sources?source=51", ready: ".panel .pairs" },
  { name: "quarantine", at: "/settings/sources?tab=quarantine", ready: ".grid tbody tr" },
  { name: "quarantine-adopt", at: "/settings/sources?tab=quarantine&sender=10.44.0.77", ready: ".panel form" },
  { name: "agents", at: "/settings/agents", ready: ".grid tbody tr" },
  { name: "agents-panel", at: "/settings/agents?agent=4", ready: ".panel .pairs" },
  { name: "rules", at: "/settings/rules", ready: ".grid tbody tr" },
  { name: "rules-panel", at: "/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002", ready: ".panel .cases" },
  {
    name: "rules-test",
    at: "/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002",
    ready: ".panel .cases",
    prepare: async (page) => {
      await page.fill(
        "#try-lines",
        "Mar 12 09:14:31 jump01 sshd[811]: Accepted publickey for ops from 10.0.0.5 port 40022 ssh2",
      );
      await page.click(".panel .blk:has(#try-lines) .btn");
      await page.waitForSelector(".asked");
      await page.click(".versions .btn");
      await page.locator(".asked").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "rules-backtest",
    at: "/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002",
    ready: "#backtest-days",
    prepare: async (page) => {
      await page.click(".panel .blk:has(#backtest-days) .btn");
      await page.waitForSelector(".backtest", { timeout: 9_000 });
      await page.locator(".backtest").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "rules-exception",
    at: "/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002",
    ready: ".exceptions",
    prepare: async (page) => {
      await page.locator(".panel .blk:has(.exceptions) > .more-link .btn").click();
      await page.waitForSelector(".part");
      await page.locator(".part").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "rules-import",
    at: "/settings/rules?do=import",
    ready: "#import-archive",
    prepare: async (page) => {
      await page.setInputFiles("#import-archive", {
        name: "rules.zip",
        mimeType: "application/zip",
        buffer: Buffer.from("PK"),
      });
      await page.waitForSelector(".panel .exceptions .btn");
      await page.click(".panel .exceptions .btn");
    },
  },
  { name: "attack", at: "/settings/attack", ready: ".attack .cell" },
  { name: "attack-technique", at: "/settings/attack?technique=T1110", ready: ".panel .lines" },
  { name: "attack-sources", at: "/settings/attack?tab=sources", ready: ".grid tbody tr" },
  { name: "agencies", at: "/settings/agencies", ready: ".grid tbody tr" },
  { name: "agencies-panel", at: "/settings/agencies?agency=2", ready: ".panel form" },
  { name: "people", at: "/settings/people", ready: ".grid tbody tr" },
  { name: "people-panel", at: "/settings/people?user=4", ready: ".panel .pairs" },
  { name: "policy", at: "/settings/policy", ready: ".policy" },
  { name: "audit", at: "/settings/audit", ready: ".grid tbody tr" },
  { name: "sessions", at: "/settings/sessions", ready: ".grid tbody tr" },
];
