// Clicked values become query text that the center reads as meant.
import { describe, expect, test } from "vitest";
import { offers, wordAt } from "../src/search/Box";
import { exclude, groupBy, include, looksLikeAddress, term, withoutPipe } from "../src/search/query";
import { rangeFor } from "../src/search/range";

describe("terms", () => {
  test("are quoted where they must be", () => {
    expect(term("user", "park.jh")).toBe("user:park.jh");
    expect(term("agency", "수안구청")).toBe("agency:수안구청");
    expect(term("source", "시청 DMZ 방화벽")).toBe('source:"시청 DMZ 방화벽"');
    expect(term("src_ip", "2001:db8::1")).toBe('src_ip:"2001:db8::1"');
    expect(term("cmdline", 'say "hi" \\ | rm *')).toBe('cmdline:"say \\"hi\\" \\\\ | rm *"');
    expect(term("url", "")).toBe('url:""');
  });
});

describe("the query grows and shrinks", () => {
  test("include adds once, and lets an excluded value in again", () => {
    expect(include("", "user", "a")).toBe("user:a");
    expect(include("user:a", "user", "a")).toBe("user:a");
    expect(include("NOT user:a", "user", "a")).toBe("user:a");
    expect(include("x OR y", "user", "a")).toBe("(x OR y) user:a");
    expect(include("(x OR y) z", "user", "a")).toBe("(x OR y) z user:a");
  });

  test("exclude turns an included value round", () => {
    expect(exclude("user:a class:http", "user", "a")).toBe("class:http NOT user:a");
    expect(exclude("", "user", "a")).toBe("NOT user:a");
  });

  test("grouping replaces what stood behind the pipe, not a pipe in quotes", () => {
    expect(groupBy("user:a | top 5 src_ip", "class")).toBe("user:a | count by class");
    expect(groupBy("", "class")).toBe("| count by class");
    expect(withoutPipe('msg:"a | b" x')).toBe('msg:"a | b" x');
  });
});

test("addresses are told from other values", () => {
  for (const yes of ["203.0.113.7", "203.0.113.0/24", "2001:db8::1", "2001:db8::/48"])
    expect(looksLikeAddress(yes), yes).toBe(true);
  for (const no of ["park.jh", "09:14", "203.0.113", "web-01", ""]) expect(looksLikeAddress(no), no).toBe(false);
});

test("names of fields are offered for the word at the cursor", () => {
  const fields = ["src_ip", "src_port", "dst_ip"].map((name) => ({
    name,
    kind: "ip",
    ocsf: "",
    aliases: name === "src_ip" ? ["srcip", "SourceIp"] : [],
  }));
  expect(wordAt("class:http src_", 15)).toBe("src_");
  expect(wordAt("src_ip:", 7)).toBe("");
  expect(offers(fields, "src").map((field) => field.name)).toEqual(["src_ip", "src_port"]);
  expect(offers(fields, "ip").map((field) => field.name)).toEqual(["src_ip", "dst_ip"]);
  expect(offers(fields, "sourceip").map((field) => field.name)).toEqual(["src_ip"]);
});

test("the range is fixed, or counted back from now, and never runs backwards", () => {
  const now = new Date("2026-03-12T00:00:00Z").getTime();
  expect(rangeFor("1h", null, null, now)).toEqual({ from: "2026-03-11T23:00:00.000Z", to: "2026-03-12T00:00:00.000Z" });
  expect(rangeFor("24h", "2026-03-10T00:00:00Z", "2026-03-09T00:00:00Z", now)).toEqual({
    from: "2026-03-09T00:00:00.000Z",
    to: "2026-03-10T00:00:00.000Z",
  });
  expect(rangeFor("24h", "nonsense", null, now).to).toBe("2026-03-12T00:00:00.000Z");
});
