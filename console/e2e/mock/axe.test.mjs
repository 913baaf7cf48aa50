// axe finds nothing on any page or state, in every theme and both languages; and no page reaches outside the center.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axe } from "../lib/axe.mjs";
import { launch, openPage, startMock } from "../lib/browser.mjs";
import { PAGES } from "../lib/pages.mjs";

/** Colours do not change with the language: the third theme is looked at in Korean. */
const THEMES = { ko: ["light", "dark", "contrast"], en: ["light", "dark"] };
let mock;
let browser;
/** One page per language, kept: its files stay in the browser's cache. */
const open = {};

before(async () => {
  mock = await startMock(4793);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  mock?.stop();
});

for (const language of ["ko", "en"]) {
  for (const { name, at, ready, prepare } of PAGES) {
    test(`axe: ${name}, ${language}`, async () => {
      await fetch(`${mock.url}/mock/reset`);
      if (name === "login") await fetch(`${mock.url}/mock/logout`);
      open[language] ??= await openPage(browser, { language });
      const { page, problems } = open[language];
      problems.length = 0;
      await page.goto("about:blank");
      await page.goto(mock.url + at);
      await page.waitForSelector(ready, { timeout: 15_000 });
      await prepare?.(page, mock.url);
      const found = [];
      for (const theme of THEMES[language]) {
        await page.evaluate((next) => {
          document.documentElement.dataset.theme = next;
        }, theme);
        for (const finding of await axe(page)) found.push(`${theme}: ${finding}`);
      }
      assert.deepEqual(found, []);
      const expected = name === "queue-lost" ? /ERR_/ : /^$/;
      assert.deepEqual(
        problems.filter((problem) => !expected.test(problem)),
        [],
      );
    });
  }
}
