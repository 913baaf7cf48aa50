// Measures the first load of each page, compressed, fonts apart, and fails above the budget. Run after `npm run build`.
// First load: the document, the entry with everything it imports, the Korean catalogue, the style of the fonts, the
// page's own chunk with everything that imports.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 200_000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

const gzipped = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 6 }).length;

/** A chunk, its style and all it imports at once. */
function closure(key, found = new Set()) {
  const chunk = manifest[key];
  if (!chunk || found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const css of chunk.css ?? []) found.add(css);
  for (const each of chunk.imports ?? []) closure(each, found);
  return found;
}

const ENTRY = "index.html";
const ALWAYS = ["src/i18n/ko.json", "src/styles/fonts.css"];
const PAGES = [
  "src/session/LogIn.tsx",
  "src/session/UseLink.tsx",
  "src/alert/Queue.tsx",
  "src/search/Search.tsx",
  "src/block/Blocks.tsx",
];
const SETTINGS = [
  "source/Sources",
  "agent/Agents",
  "rule/Rules",
  "agency/Agencies",
  "user/Users",
  "audit/Audit",
  "session/Sessions",
  "block/Policy",
];

let worst = 0;
const measure = (name, keys) => {
  const files = new Set();
  for (const key of [ENTRY, ...ALWAYS, ...keys]) {
    if (!manifest[key]) throw new Error(`the build has no chunk ${key}`);
    closure(key, files);
  }
  let bytes = gzipped("index.html");
  for (const file of files) bytes += gzipped(file);
  worst = Math.max(worst, bytes);
  console.log(`${(bytes / 1000).toFixed(1).padStart(7)} kB  ${String(files.size).padStart(3)} files  ${name}`);
};
for (const page of PAGES) measure(page, [page]);
for (const page of SETTINGS) measure(`src/${page}.tsx`, ["src/app/Settings.tsx", `src/${page}.tsx`]);
if (worst > BUDGET_BYTES) {
  console.error(`first load is ${(worst / 1000).toFixed(1)} kB, above the budget of ${BUDGET_BYTES / 1000} kB`);
  process.exit(1);
}
console.log(`largest first load ${(worst / 1000).toFixed(1)} kB of ${BUDGET_BYTES / 1000} kB (gzip, fonts apart)`);
