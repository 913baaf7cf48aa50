// Runs biome's own binary for this machine. Its wrapper package names binaries for systems that not every package
// registry carries, which breaks a clean install; the two Linux ones are all the project needs.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL(`../node_modules/@biomejs/cli-linux-${process.arch}/biome`, import.meta.url));
if (!existsSync(binary)) {
  console.error(`biome has no binary for ${process.platform} ${process.arch} here; lint on Linux x64 or arm64`);
  process.exit(1);
}
process.exit(spawnSync(binary, process.argv.slice(2), { stdio: "inherit" }).status ?? 1);
