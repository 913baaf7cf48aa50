// End to end against a running center: first start → password → queue → alert → block → effective → undo, once by mouse and
// once by keyboard alone; then axe on every page in both themes and both languages.
//
//   BONGSU_E2E_URL     where the center serves, as http://127.0.0.1:8443
//   BONGSU_E2E_LINK    the single-use link it printed (sets the password), or
//   BONGSU_E2E_USER and BONGSU_E2E_PASSWORD for an account that has one
//   BONGSU_E2E_EFFECT  what must be measured: `effective` (default) or `any` where no traffic reaches a real point
//   BONGSU_E2E_ALERT   entity value of the alert to block; default: the first that can be blocked
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe } from "../lib/axe.mjs";
import { launch, openPage } from "../lib/browser.mjs";

const URL_ = process.env.BONGSU_E2E_URL;
const LINK = process.env.BONGSU_E2E_LINK;
const EFFECT = process.env.BONGSU_E2E_EFFECT ?? "effective";
const WANTED = process.env.BONGSU_E2E_ALERT;
const PASSWORD = process.env.BONGSU_E2E_PASSWORD ?? "a long sentence for the test of the console";
let user = process.env.BONGSU_E2E_USER;
const skip = URL_ ? false : "needs BONGSU_E2E_URL, the address of a running center";

const ALERT_WAIT_MS = 120_000;
const EFFECT_WAIT_MS = 90_000;
const ROWS_TRIED_MAX = 40;
const PAGES = [
  "/queue",
  "/queue?tab=all",
  "/search?q=",
  "/blocks?tab=all",
  "/settings/sources",
  "/settings/sources?tab=quarantine",
  "/settings/agents",
  "/settings/rules",
  "/settings/agencies",
  "/settings/people",
  "/settings/policy",
  "/settings/audit",
  "/settings/sessions",
];

let browser;
before(async () => {
  if (!skip) browser = await launch();
});
after(async () => {
  await browser?.close();
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
async function enter(page, { keyboard }) {
  if (LINK && !user) {
    await page.goto(LINK);
    await page.waitForSelector("#again");
    user = (await text(page, ".sheet .mono")).trim();
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
    assert.ok(user, "set BONGSU_E2E_LINK, or BONGSU_E2E_USER and BONGSU_E2E_PASSWORD");
    await page.goto(`${URL_}/queue`);
    await page.waitForSelector("#name, .rail");
    if (await page.$(".rail")) return;
    if (keyboard) {
      await page.keyboard.type(user);
      await page.keyboard.press("Tab");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
    } else {
      await page.fill("#name", user);
      await page.fill("#password", PASSWORD);
      await page.click(".sheet .primary");
    }
  }
  await page.waitForSelector(".rail");
}

/** Wait for an alert, and take rows that wait above. */
async function someAlerts(page) {
  await until(page, "an alert is in the queue", ALERT_WAIT_MS, async () => {
    const waiting = await page.$(".fresh");
    if (waiting) await waiting.click();
    const rows = await page.$$("tr[data-alert]");
    if (rows.length === 0) return false;
    return !WANTED || (await text(page, ".q")).includes(WANTED);
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

async function blockAndUndo(page, hands) {
  let found = false;
  for (let i = 0; i < ROWS_TRIED_MAX && !found; i += 1) {
    if (!(await hands.open(page, i))) break;
    found = await drawerFor(page, hands);
  }
  assert.ok(found, "no alert in the queue leads to a block that policy allows");
  await hands.send(page);
  await until(page, "the block is applied", 30_000, async () => /막았습니다|지나갑니다/.test(await headline(page)));
  if (EFFECT === "effective") {
    await until(page, "packets are seen dropped and none through", EFFECT_WAIT_MS, async () =>
      /막힘 확인/.test(await text(page, ".panel")),
    );
  }
  await hands.undo(page);
  await until(page, "the block is undone", 30_000, async () => /되돌렸습니다/.test(await headline(page)));
}

const rowsOf = (page) =>
  page.$$eval(
    "tr[data-alert]",
    (rows, wanted) =>
      rows.filter((row) => !wanted || row.textContent?.includes(wanted)).map((row) => row.getAttribute("data-alert")),
    WANTED ?? "",
  );

const mouse = {
  open: async (page, i) => {
    const id = (await rowsOf(page))[i];
    if (!id) return false;
    await page.click(`tr[data-alert="${id}"] .why`);
    return true;
  },
  block: (page) => page.click(".panel .acts button:has(kbd:text-is('b'))"),
  send: (page) => page.click(".go .primary"),
  undo: (page) => page.click(".panel .go .main"),
};

const keyboard = {
  open: async (page, i) => {
    const before_ = await page.evaluate(() => document.activeElement?.getAttribute("data-alert") ?? null);
    if (i > 0) await page.keyboard.press("j");
    else {
      await until(page, "a row has the focus", 10_000, () => focusIs(page, "tr[data-alert]"));
      if (WANTED) {
        const ids = await page.$$eval("tr[data-alert]", (rows) =>
          rows.map((row) => [row.getAttribute("data-alert"), row.textContent ?? ""]),
        );
        const at = ids.findIndex(([, words]) => words.includes(WANTED));
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
  test(`first start to undo, by ${name}`, { skip }, async () => {
    const { page, context, problems } = await openPage(browser);
    try {
      await enter(page, { keyboard: name !== "mouse" });
      await page.waitForSelector(".bar h1");
      await someAlerts(page);
      await blockAndUndo(page, hands);
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
    }
  });
}

test("axe finds nothing on any page, in both themes and both languages; no page reaches outside", {
  skip,
}, async () => {
  const found = [];
  for (const language of ["ko", "en"]) {
    const { page, context, problems } = await openPage(browser, { language });
    await enter(page, { keyboard: false });
    for (const at of PAGES) {
      await page.goto(URL_ + at);
      await page.waitForSelector(".foot");
      await page.waitForTimeout(1_200);
      for (const theme of ["light", "dark"]) {
        await page.evaluate((next) => {
          document.documentElement.dataset.theme = next;
        }, theme);
        await page.waitForTimeout(150);
        for (const finding of await axe(page)) found.push(`${at} ${language} ${theme}: ${finding}`);
      }
    }
    found.push(...problems);
    await context.close();
  }
  assert.deepEqual(found, []);
});
