// End to end against a real center: first start → password → queue → alert → block → effective → undo, once by mouse and once
// by keyboard alone, each against a center of its own that nobody has entered; then axe on every page in both themes and both
// languages. The range around them is `range.mjs`; with BONGSU_E2E_URL a center that already runs is used instead:
//
//   BONGSU_E2E_URL     where it serves, as http://127.0.0.1:8443
//   BONGSU_E2E_LINK    the single-use link it printed (sets the password), or
//   BONGSU_E2E_USER and BONGSU_E2E_PASSWORD for an account that has one
//   BONGSU_E2E_EFFECT  what must be measured: `effective` (default) or `any` where no traffic reaches a real point
//   BONGSU_E2E_ALERT   entity value of the alert to block; default: the first that can be blocked
//   BONGSU_E2E_SHOTS   a folder for pictures of every page
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { axe } from "../lib/axe.mjs";
import { LAPTOP, launch, newPage, openContext, openPage, overflows, PHONE } from "../lib/browser.mjs";
import { ATTACKER, lacking, startRange } from "./range.mjs";

const PASSWORD = process.env.BONGSU_E2E_PASSWORD ?? "a long sentence for the test of the console";
const SHOTS = process.env.BONGSU_E2E_SHOTS;

const ALERT_WAIT_MS = 60_000;
const EFFECT_WAIT_MS = 60_000;
const ROWS_TRIED_MAX = 40;

/** Open the first row of a page's table. */
const first = (row, ready) => async (page) => {
  await page.click(`${row} >> nth=0`, { position: { x: 40, y: 12 } });
  await page.waitForSelector(ready);
};
const blocked = { text: ATTACKER, row: `tr[data-alert]:has-text("${ATTACKER}")` };
/** Every page of a center in use. Each is waited for by something that only its data makes. */
const PAGES = [
  { name: "queue", at: "/queue?tab=all", ready: "tr[data-alert]" },
  { name: "alert", at: "/queue?tab=all", ready: blocked.row, prepare: first(blocked.row, ".panel .log") },
  { name: "queue-empty", at: "/queue?find=zzzz", ready: ".say" },
  { name: "block", at: "/queue?do=block&target=198.51.100.99", ready: ".panel .big" },
  { name: "blocks", at: "/blocks?tab=all", ready: ".grid tbody tr" },
  {
    name: "blocks-panel",
    at: "/blocks?tab=all",
    ready: ".grid tbody tr",
    prepare: first(".grid tbody tr", ".panel .okh"),
  },
  { name: "search", at: "/search?q=", ready: ".rt [data-event]" },
  { name: "search-open", at: "/search?q=", ready: ".rt [data-event]", prepare: first(".rt [data-event]", ".exw .log") },
  { name: "search-table", at: "/search?q=%7C%20count%20by%20src_ip", ready: ".grid tbody tr" },
  { name: "search-bad", at: "/search?q=nosuch:1", ready: ".err" },
  { name: "sources", at: "/settings/sources", ready: ".grid tbody tr" },
  {
    name: "sources-panel",
    at: "/settings/sources",
    ready: ".grid tbody tr",
    prepare: first(".grid tbody tr", ".panel .pairs"),
  },
  { name: "quarantine", at: "/settings/sources?tab=quarantine", ready: ".grid tbody tr, .say" },
  { name: "agents", at: "/settings/agents", ready: ".grid tbody tr" },
  {
    name: "agents-panel",
    at: "/settings/agents",
    ready: ".grid tbody tr",
    prepare: first(".grid tbody tr", ".panel .pairs"),
  },
  { name: "rules", at: "/settings/rules", ready: ".grid tbody tr" },
  {
    name: "rules-panel",
    at: "/settings/rules",
    ready: ".grid tbody tr",
    prepare: first(".grid tbody tr", ".panel .cases"),
  },
  { name: "agencies", at: "/settings/agencies", ready: ".grid tbody tr" },
  {
    name: "agencies-panel",
    at: "/settings/agencies",
    ready: ".grid tbody tr",
    prepare: first(".grid tbody tr", ".panel form"),
  },
  { name: "people", at: "/settings/people", ready: ".grid tbody tr" },
  {
    name: "people-panel",
    at: "/settings/people",
    ready: ".grid tbody tr",
    prepare: first(".grid tbody tr", ".panel .pairs"),
  },
  { name: "policy", at: "/settings/policy", ready: ".policy" },
  { name: "audit", at: "/settings/audit", ready: ".grid tbody tr" },
  { name: "sessions", at: "/settings/sessions", ready: ".grid tbody tr" },
];

/** A center and a browser that reaches it. */
async function open() {
  if (process.env.BONGSU_E2E_URL) {
    return {
      url: process.env.BONGSU_E2E_URL,
      link: process.env.BONGSU_E2E_LINK,
      user: process.env.BONGSU_E2E_USER,
      effective: (process.env.BONGSU_E2E_EFFECT ?? "effective") === "effective",
      wanted: process.env.BONGSU_E2E_ALERT,
      browser: await launch(),
      end: () => {},
    };
  }
  const range = await startRange();
  return {
    url: new URL(range.link).origin,
    link: range.link,
    effective: range.real,
    wanted: ATTACKER,
    browser: await launch(range.executable),
    end: range.end,
  };
}

const worlds = {};
before(() => {
  if (SHOTS) mkdirSync(SHOTS, { recursive: true });
  const lacks = process.env.BONGSU_E2E_URL ? null : lacking();
  if (lacks)
    console.log(
      `skipped: the effect of a real block in the browser needs root, ip and nft (${lacks}); it is tried on a dry-run point`,
    );
});
after(async () => {
  for (const world of Object.values(worlds)) {
    await world.browser.close();
    world.end();
  }
});

async function until(page, what, ms, check) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (await check().catch(() => false)) return;
    await page.waitForTimeout(150);
  }
  assert.fail(`within ${ms / 1000} s never: ${what}`);
}

const text = (page, selector) => page.textContent(selector, { timeout: 1_000 });
const focusIs = (page, selector) =>
  page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);

/** Move the focus with Tab until it stands on `selector`. */
async function tabTo(page, selector) {
  for (let i = 0; i < 60; i += 1) {
    if (await focusIs(page, selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab never reaches ${selector}`);
}

/** Log in as the person of the link, or with the password set before; by keyboard when asked. */
async function enter(page, world, { keyboard }) {
  if (world.link && !world.user) {
    await page.goto(world.link);
    await page.waitForSelector("#again");
    world.user = (await text(page, ".sheet .mono")).trim();
    if (keyboard) {
      await tabTo(page, "#password");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Tab");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
    } else {
      await page.fill("#password", PASSWORD);
      await page.fill("#again", PASSWORD);
      await page.click(".sheet .primary");
    }
  } else {
    assert.ok(world.user, "set BONGSU_E2E_LINK, or BONGSU_E2E_USER and BONGSU_E2E_PASSWORD");
    await page.goto(`${world.url}/queue`);
    await page.waitForSelector("#name, .rail");
    if (await page.$(".rail")) return;
    if (keyboard) {
      await page.keyboard.type(world.user);
      await page.keyboard.press("Tab");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
    } else {
      await page.fill("#name", world.user);
      await page.fill("#password", PASSWORD);
      await page.click(".sheet .primary");
    }
  }
  await page.waitForSelector(".rail");
}

/** Wait for an alert, and take rows that wait above. */
async function someAlerts(page, { wanted }) {
  await until(page, "an alert is in the queue", ALERT_WAIT_MS, async () => {
    const waiting = await page.$(".fresh");
    if (waiting) await waiting.click();
    const rows = await page.$$("tr[data-alert]");
    if (rows.length === 0) return false;
    return !wanted || (await text(page, ".q")).includes(wanted);
  });
}

const ready = (page) =>
  page.$eval(
    ".go .primary",
    (button) => button.getAttribute("aria-disabled") === "false" && /막기/.test(button.textContent ?? ""),
  );
const headline = (page) => text(page, ".okh");

/** Does the open alert lead to a block that policy allows? Leaves its drawer open if so. */
async function drawerFor(page, hands) {
  await page.waitForSelector(".panel .acts, .panel .err", { timeout: 15_000 });
  await until(page, "the alert is read", 15_000, async () => (await page.$(".panel .whyt, .panel .err")) !== null);
  const key = await page.$(".panel .acts button:has(kbd:text-is('b'))");
  if (!key) return false;
  await hands.block(page);
  await page.waitForSelector(".panel.drawer .big, .panel.drawer .okh, .panel.drawer .err", { timeout: 15_000 });
  if (await page.$(".panel.drawer .okh")) {
    // A rule was first: undo its block, then a person's own follows.
    await hands.undo(page);
    await until(page, "the rule's block is undone", 30_000, async () => /되돌렸습니다/.test(await headline(page)));
    await page.keyboard.press("Escape");
    await page.waitForSelector(".panel .whyt");
    await hands.block(page);
    await page.waitForSelector(".panel.drawer .big", { timeout: 15_000 });
  }
  const allowed = await until(page, "the preview allows it", 6_000, () => ready(page)).then(
    () => true,
    () => false,
  );
  if (!allowed) await page.keyboard.press("Escape");
  return allowed;
}

async function blockAndUndo(page, world, hands) {
  let found = false;
  for (let i = 0; i < ROWS_TRIED_MAX && !found; i += 1) {
    if (!(await hands.open(page, i, world))) break;
    found = await drawerFor(page, hands);
  }
  assert.ok(found, "no alert in the queue leads to a block that policy allows");
  await hands.send(page);
  await until(page, "the block is applied", 30_000, async () =>
    /막았습니다|지나갑니다|연습으로만/.test(await headline(page)),
  );
  if (world.effective) {
    await until(page, "packets are seen dropped and none through", EFFECT_WAIT_MS, async () =>
      /막힘 확인/.test(await text(page, ".panel")),
    );
  }
  if (SHOTS) {
    // Pictures want some seconds of effect in the chart.
    await page.waitForTimeout(20_000);
    await page.screenshot({ path: `${SHOTS}/effective.png` });
  }
  await hands.undo(page);
  await until(page, "the block is undone", 30_000, async () => /되돌렸습니다/.test(await headline(page)));
}

const rowsOf = (page, world) =>
  page.$$eval(
    "tr[data-alert]",
    (rows, wanted) =>
      rows.filter((row) => !wanted || row.textContent?.includes(wanted)).map((row) => row.getAttribute("data-alert")),
    world.wanted ?? "",
  );

const mouse = {
  open: async (page, i, world) => {
    const id = (await rowsOf(page, world))[i];
    if (!id) return false;
    await page.click(`tr[data-alert="${id}"] .why`);
    return true;
  },
  block: (page) => page.click(".panel .acts button:has(kbd:text-is('b'))"),
  send: (page) => page.click(".go .primary"),
  undo: (page) => page.click(".panel .go .main"),
};

const keyboard = {
  open: async (page, i, { wanted }) => {
    const before_ = await page.evaluate(() => document.activeElement?.getAttribute("data-alert") ?? null);
    if (i > 0) await page.keyboard.press("j");
    else {
      await until(page, "a row has the focus", 10_000, () => focusIs(page, "tr[data-alert]"));
      if (wanted) {
        const ids = await page.$$eval("tr[data-alert]", (rows) =>
          rows.map((row) => [row.getAttribute("data-alert"), row.textContent ?? ""]),
        );
        const at = ids.findIndex(([, words]) => words.includes(wanted));
        for (let step = 0; step < at; step += 1) {
          await page.keyboard.press("j");
          await until(page, "the next row has the focus", 3_000, () =>
            focusIs(page, `tr[data-alert="${ids[step + 1][0]}"]`),
          );
        }
      }
    }
    await page.waitForTimeout(150);
    const now = await page.evaluate(() => document.activeElement?.getAttribute("data-alert") ?? null);
    if (i > 0 && now === before_) return false;
    if (!(await page.$(".panel"))) await page.keyboard.press("Enter");
    return true;
  },
  block: (page) => page.keyboard.press("b"),
  send: (page) => page.keyboard.press("Enter"),
  undo: (page) => page.keyboard.press("u"),
};

for (const [name, hands] of [
  ["mouse", mouse],
  ["keyboard alone", keyboard],
]) {
  test(`first start to undo, by ${name}`, async () => {
    worlds[name] = await open();
    const world = worlds[name];
    const { page, context, problems } = await openPage(world.browser);
    try {
      await enter(page, world, { keyboard: hands === keyboard });
      await page.waitForSelector(".bar h1");
      await someAlerts(page, world);
      await blockAndUndo(page, world, hands);
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
    }
  });
}

test("axe finds nothing on any page, in both themes and both languages; no page reaches outside or over its edge", async () => {
  const world = worlds.mouse;
  const found = [];
  const states = { looked: 0, clean: 0 };
  const walk = async (language) => {
    const context = await openContext(world.browser, { language });
    const door = await newPage(context);
    await door.page.goto(`${world.url}/queue`);
    await door.page.waitForSelector("#name");
    await look(door.page, { name: "login" }, language, states, found);
    await enter(door.page, world, { keyboard: false });
    await door.page.close();
    for (const each of PAGES) {
      const { page, problems } = await newPage(context);
      await page.goto(world.url + each.at);
      await page.waitForSelector(each.ready);
      await each.prepare?.(page);
      await look(page, each, language, states, found);
      found.push(...problems.map((problem) => `${each.name} ${language}: ${problem}`));
      await page.close();
    }
    await context.close();
  };
  await Promise.all(["ko", "en"].map(walk));
  console.log(`axe against a real center: ${states.clean} of ${states.looked} page states without a finding`);
  assert.deepEqual(found, []);
});

/** One page in both themes, then on a phone. */
async function look(page, { name }, language, states, found) {
  for (const theme of ["light", "dark"]) {
    await page.evaluate((next) => {
      document.documentElement.dataset.theme = next;
    }, theme);
    const findings = await axe(page);
    states.looked += 1;
    states.clean += findings.length === 0 ? 1 : 0;
    for (const finding of findings) found.push(`${name} ${language} ${theme}: ${finding}`);
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-${theme}-${language}.png` });
  }
  await page.setViewportSize(PHONE);
  if (await overflows(page)) found.push(`${name} ${language}: reaches over the edge at ${PHONE.width} px`);
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-phone-${language}.png` });
  await page.setViewportSize(LAPTOP);
}
