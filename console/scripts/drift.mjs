// Fails when the generated types no longer match the committed contract: `npm run drift`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = new URL("..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "bongsu-schema-"));
try {
  const fresh = join(folder, "schema.d.ts");
  const cli = join(here, "node_modules/openapi-typescript/bin/cli.js");
  execFileSync(process.execPath, [cli, "../openapi.json", "--default-non-nullable", "false", "-o", fresh], {
    cwd: here,
    stdio: "pipe",
  });
  if (readFileSync(fresh, "utf8") !== readFileSync(join(here, "src/api/schema.d.ts"), "utf8")) {
    console.error("console/src/api/schema.d.ts does not match openapi.json; run: npm run generate");
    process.exit(1);
  }
  console.log("the types match openapi.json");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
