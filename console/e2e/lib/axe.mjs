// Runs axe in a page. Evaluated through the debugger, so that the content security policy need not be opened for it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Findings of WCAG 2.2 A and AA, one line each. */
export async function axe(page) {
  if (!(await page.evaluate("typeof window.axe === 'object'"))) await page.evaluate(source);
  const result = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      resultTypes: ["violations"],
    }),
  );
  return result.violations.flatMap((violation) =>
    violation.nodes
      .slice(0, 4)
      .map(
        (node) =>
          `${violation.id}: ${node.target.join(" ")} — ${(node.failureSummary ?? "").split("\n")[1]?.trim() ?? violation.help}`,
      ),
  );
}
