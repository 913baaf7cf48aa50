// Axe over every page and state against the mock: nothing found in any theme, no request outside the center, nothing over the
// edge of a phone. One file a language calls this, each with a mock of its own, so that the two can run side by side.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe } from "./axe.mjs";
import { launch, newPage, openContext, overflows, PHONE, startMock } from "./browser.mjs";
import { PAGES } from "./pages.mjs";

/** Colours do not change with the language: the third theme is looked at in Korean. */
const THEMES = { ko: ["light", "dark", "contrast"], en: ["light", "dark"] };
/** Make the tests of one language; the mock listens on `port`. */
export function testPages(language, port) {
  let mock;
  let browser;
  const states = { looked: 0, clean: 0 };
  before(async () => {
    mock = await startMock(port);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    mock?.stop();
    console.log(`axe against the mock, ${language}: ${states.clean} of ${states.looked} page states without a finding`);
  });
  /** One profile per language: its files stay in the browser's cache. The page is new each time, and closed after. */
  let context;
  for (const { name, at, ready, prepare } of PAGES) {
    test(`axe: ${name}, ${language}`, async () => {
      context ??= await openContext(browser, { language });
      await fetch(`${mock.url}/mock/reset`);
      if (name === "login") await fetch(`${mock.url}/mock/logout`);
      const { page, problems } = await newPage(context);
      try {
        await page.goto(mock.url + at);
        await page.waitForSelector(ready, { timeout: 15_000 });
        await prepare?.(page, mock.url);
        const found = [];
        for (const theme of THEMES[language]) {
          await page.evaluate((next) => {
            document.documentElement.dataset.theme = next;
          }, theme);
          const findings = await axe(page);
          states.looked += 1;
          states.clean += findings.length === 0 ? 1 : 0;
          for (const finding of findings) found.push(`${theme}: ${finding}`);
        }
        await page.setViewportSize(PHONE);
        if (await overflows(page)) found.push(`reaches over the edge at ${PHONE.width} px`);
        assert.deepEqual(found, []);
        const expected = name === "queue-lost" ? /ERR_/ : /^$/;
        assert.deepEqual(
          problems.filter((problem) => !expected.test(problem)),
          [],
        );
      } finally {
        await page.close();
      }
    });
  }
}
