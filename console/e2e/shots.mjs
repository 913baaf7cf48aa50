// Pictures of every page, to be looked at: `npm run shots [-- name…]` writes them to e2e/shots/. LOOKS chooses themes, languages
// and sizes, as `light-ko,dark-en,light-ko-phone`.
import { mkdirSync } from "node:fs";
import { LAPTOP, launch, openPage, PHONE, startMock } from "./lib/browser.mjs";
import { PAGES } from "./lib/pages.mjs";

process.env.SHOTS = "1";
const OUT = new URL("./shots/", import.meta.url).pathname;
mkdirSync(OUT, { recursive: true });
const wanted = process.argv.slice(2);
const looks = (process.env.LOOKS ?? "light-ko").split(",");
const mock = await startMock(Number(process.env.PORT ?? 4791));
const browser = await launch();
try {
  for (const look of looks) {
    const [theme, language, size] = look.split("-");
    for (const { name, at, ready, prepare } of PAGES) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      await fetch(`${mock.url}/mock/reset`);
      const { page, context, problems } = await openPage(browser, {
        theme,
        language,
        size: size === "phone" ? PHONE : LAPTOP,
      });
      if (name === "login") await fetch(`${mock.url}/mock/logout`);
      await page.goto(mock.url + at);
      await page.waitForSelector(ready, { timeout: 10_000 }).catch(() => problems.push(`never came: ${ready}`));
      await Promise.resolve(prepare?.(page, mock.url)).catch((error) => problems.push(String(error).split("\n")[0]));
      await page.waitForTimeout(400);
      await page.screenshot({ path: `${OUT}${name}-${look}.png` });
      for (const problem of problems) console.log(`${name} ${look}: ${problem}`);
      await context.close();
    }
  }
} finally {
  await browser.close();
  mock.stop();
}
