// Every word a person reads stands in both catalogues; no component holds text of its own.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import en from "../src/i18n/en.json";
import ko from "../src/i18n/ko.json";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    const path = prefix ? `${prefix}.${key}` : key;
    if (typeof value === "string") found.set(path, value);
    else for (const [inner, text] of flat(value, path)) found.set(inner, text);
  }
  return found;
}

const SRC = join(__dirname, "../src");
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file) && !file.endsWith("schema.d.ts"))
  .map((file) => ({ file, text: readFileSync(join(SRC, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "") }));

const korean = flat(ko);
const english = flat(en);
const placeholders = (text: string) => (text.match(/\{\{\w+\}\}/g) ?? []).sort().join();

describe("message catalogues", () => {
  test("hold the same keys", () => {
    expect([...english.keys()].sort()).toEqual([...korean.keys()].sort());
  });

  test("hold the same placeholders and no empty text", () => {
    for (const [key, text] of korean) {
      expect(text.trim(), key).not.toBe("");
      expect(placeholders(english.get(key) ?? ""), key).toBe(placeholders(text));
    }
  });

  test("English has no Hangul but the name of the language, Korean has no English sentence", () => {
    for (const [key, text] of english)
      if (!key.startsWith("frame.other_language")) expect(text, key).not.toMatch(/[가-힣]/);
    for (const [key, text] of korean) {
      if (/^[\x20-\x7e{}·]+$/.test(text) && text.split(" ").length > 3)
        expect.unreachable(`${key} is not Korean: ${text}`);
    }
  });

  test("have every key that components ask for", () => {
    const missing: string[] = [];
    for (const { file, text } of files) {
      for (const match of text.matchAll(/\bt\(\s*"([a-z_0-9.]+)"/g)) {
        if (!korean.has(match[1] ?? "")) missing.push(`${file}: ${match[1]}`);
      }
    }
    expect(missing).toEqual([]);
  });

  test("have no key that nobody asks for", () => {
    const all = files.map((each) => each.text).join("\n");
    const groups = new Set<string>();
    for (const match of all.matchAll(/`([a-z_]+(?:\.[a-z_]+)*)[._]\$\{/g)) groups.add(match[1] ?? "");
    for (const match of all.matchAll(/\bknown\(\s*"([a-z_]+)"/g)) groups.add(match[1] ?? "");
    const unused = [...korean.keys()].filter((key) => {
      if (all.includes(`"${key}"`)) return false;
      return ![...groups].some((group) => key.startsWith(`${group}.`) || key.startsWith(`${group}_`));
    });
    expect(unused).toEqual([]);
  });

  test("no component holds Korean text of its own", () => {
    const found = files
      .filter(({ file, text }) => !file.startsWith("i18n") && /[가-힣]/.test(text))
      .map(({ file }) => file);
    expect(found).toEqual([]);
  });

  test("the severities and stages keep their words apart", () => {
    expect(korean.get("severity.critical")).toBe("치명");
    for (const text of korean.values()) expect(text).not.toMatch(/심각하|님,|죄송|!/);
  });
});
