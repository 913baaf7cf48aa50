// Small parts that would hurt a person when wrong: keys, raw lines, held rows, the client.
import { setupServer } from "msw/node";
import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { handlers, reset } from "../mock/handlers";
import { ORIGIN } from "../mock/on";
import { depths } from "../src/agency/Agencies";
import { readFilters } from "../src/alert/Filters";
import { merge } from "../src/alert/rows";
import { api, Refused, url } from "../src/api/client";
import type { AlertPage, AlertRow } from "../src/api/types";
import { keyName, takenByFocus, useKeys } from "../src/app/keys";
import { setPrefs } from "../src/app/prefs";
import { intParam } from "../src/app/router";
import { headline } from "../src/block/words";
import { diff, hunks } from "../src/rule/diff";
import { pieces, visible } from "../src/ui/Raw";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

describe("versions of a rule", () => {
  test("differ line by line, and only what changed is shown", () => {
    const before = ["a", "b", "c", "d", "e", "f", "g", "h"].join("\n");
    const after = ["a", "b", "c", "d", "E", "e2", "f", "g", "h"].join("\n");
    const lines = diff(before, after);
    expect(lines.filter((line) => line.kind !== "same").map((line) => line.kind[0] + line.text)).toEqual([
      "oe",
      "nE",
      "ne2",
    ]);
    expect(lines.filter((line) => line.kind !== "new").map((line) => line.text)).toEqual(before.split("\n"));
    expect(hunks(lines, 1).map((line) => line?.text ?? null)).toEqual([null, "d", "e", "E", "e2", "f", null]);
    expect(hunks(diff("x", "x"))).toEqual([null]);
  });
});

describe("keys", () => {
  const press = (init: KeyboardEventInit, target: EventTarget = document.body) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init }));

  test("letters go by their place, so that a Korean input method does not hide them", () => {
    expect(keyName(new KeyboardEvent("keydown", { key: "ㅓ", code: "KeyJ" }))).toBe("j");
    expect(keyName(new KeyboardEvent("keydown", { key: "X", code: "KeyX", shiftKey: true }))).toBe("Shift+x");
    expect(keyName(new KeyboardEvent("keydown", { key: "?", code: "Slash", shiftKey: true }))).toBe("?");
  });

  test("typing, radios and buttons keep their keys", () => {
    document.body.innerHTML =
      '<input id="a"><input type="checkbox" id="b"><input type="radio" id="c"><button id="d"></button><div role="menu"><i id="e"></i></div>';
    const at = (id: string) => document.getElementById(id);
    expect(takenByFocus(at("a"), "j")).toBe(true);
    expect(takenByFocus(at("b"), "j")).toBe(false);
    expect(takenByFocus(at("c"), "ArrowDown")).toBe(true);
    expect(takenByFocus(at("d"), "Enter")).toBe(true);
    expect(takenByFocus(at("d"), "j")).toBe(false);
    expect(takenByFocus(at("e"), "j")).toBe(true);
  });

  test("a panel goes before its page whichever was there first, and single keys can be off", async () => {
    const said: string[] = [];
    const Page = ({ panel }: { panel: boolean }) => {
      useKeys({ u: () => said.push("page"), Escape: () => said.push("page leaves") });
      return panel ? createElement(Panel) : null;
    };
    const Panel = () => {
      useKeys({ u: () => said.push("panel") }, true, 1);
      return null;
    };
    const place = document.createElement("div");
    const root = createRoot(place);
    await act(async () => root.render(createElement(Page, { panel: true })));
    press({ key: "u", code: "KeyU" });
    await act(async () => root.render(createElement(Page, { panel: false })));
    press({ key: "u", code: "KeyU" });
    press({ key: "u", code: "KeyU", ctrlKey: true });
    setPrefs({ keys: false });
    press({ key: "u", code: "KeyU" });
    press({ key: "Escape", code: "Escape" });
    setPrefs({ keys: true });
    await act(async () => root.unmount());
    press({ key: "u", code: "KeyU" });
    expect(said).toEqual(["panel", "page", "page leaves"]);
  });
});

describe("raw lines", () => {
  test("marks count characters, may overlap and lie outside", () => {
    expect(pieces("가나다라", [{ start: 1, end: 3 }])).toEqual([
      { text: "가", marked: false },
      { text: "나다", marked: true },
      { text: "라", marked: false },
    ]);
    expect(pieces("😀a", [{ start: 0, end: 1 }])[0]).toEqual({ text: "😀", marked: true });
    expect(
      pieces("ab", [
        { start: 1, end: 99 },
        { start: 0, end: 2 },
      ]),
    ).toEqual([{ text: "ab", marked: true }]);
    expect(pieces("", [{ start: 0, end: 1 }])).toEqual([]);
  });

  test("control characters and turned writing are shown, not obeyed", () => {
    expect(visible("a\u0000b\u001b[31m\tc\n")).toBe("a␀b␛[31m\tc\n");
    expect(visible("gpj.\u202eexe")).toBe("gpj.\\u202eexe");
  });
});

describe("held rows", () => {
  const row = (id: number, count = 1) => ({ id, count }) as AlertRow;
  const page = (rows: AlertRow[], next: string | null = null) => ({ rows, next, total: rows.length }) as AlertPage;
  const held = {
    key: "k",
    order: [1, 2],
    rows: new Map([row(1), row(2)].map((each) => [each.id, each])),
    gone: new Set<number>(),
  };

  test("keep their order; new ones wait, changed ones change, gone ones stay marked", () => {
    const next = merge(held, page([row(3), row(2, 9)]));
    expect(next.order).toEqual([1, 2]);
    expect(next.rows.get(2)?.count).toBe(9);
    expect(next.rows.has(3)).toBe(false);
    expect([...next.gone]).toEqual([1]);
  });

  test("nothing is called gone when the page is not the whole", () => {
    expect([...merge(held, page([row(3)], "more")).gone]).toEqual([]);
  });
});

test("filters of an address: what does not fit is left out", () => {
  const read = (search: string) => readFilters(new URLSearchParams(search));
  expect(read("tab=closed&severity=high&hours=8&agency=3")).toMatchObject({
    tab: "closed",
    severity: "high",
    hours: 8,
    agency: 3,
  });
  expect(read("tab=x&severity=__proto__&hours=-1&agency=a")).toMatchObject({
    tab: "mine",
    severity: undefined,
    hours: undefined,
    agency: undefined,
  });
  expect(intParam(new URLSearchParams("a=99999999999999999999"), "a")).toBeNull();
});

test("the tree of agencies survives a parent out of scope", () => {
  const agency = (id: number, parent: number | null) => ({ id, parent }) as Parameters<typeof depths>[0][number];
  expect([...depths([agency(5, 1), agency(6, 5), agency(7, null)]).entries()]).toEqual([
    [5, 0],
    [6, 1],
    [7, 0],
  ]);
});

test("a block is called blocked only when it holds", () => {
  const block = (over: object) =>
    ({ state: "applied", effect: "unknown", dry_run: false, waiting: false, ...over }) as Parameters<
      typeof headline
    >[0];
  expect(headline(block({})).look).toBe("ok");
  expect(headline(block({ effect: "inserted_not_effective" })).look).toBe("bad");
  expect(headline(block({ dry_run: true })).word).toBe("block_head.tried");
  expect(headline(block({ state: "refused" })).look).toBe("bad");
});

describe("the client", () => {
  const server = setupServer(...handlers);
  const real = globalThis.fetch;
  beforeAll(() => {
    server.listen({ onUnhandledRequest: "error" });
    const fetched = globalThis.fetch;
    vi.stubGlobal("fetch", (path: string, init?: RequestInit) =>
      fetched(new URL(path, ORIGIN), { ...init, signal: undefined }),
    );
  });
  afterEach(() => reset());
  afterAll(() => {
    server.close();
    vi.stubGlobal("fetch", real);
  });

  test("fills paths and leaves empty parameters out", () => {
    expect(url("/api/alerts/{id}", { id: "a/b" }, { q: "", tab: "all", n: null })).toBe("/api/alerts/a%2Fb?tab=all");
  });

  test("reads answers, refusals and changes", async () => {
    const queue = await api.get("/api/alerts", { query: { tab: "mine" } });
    const first = queue.rows[0];
    if (!first) throw new Error("the mock has no alert");
    const taken = await api.post("/api/alerts/{id}/acknowledge", { path: { id: first.id } });
    expect(taken.state).toBe("acknowledged");
    const refused = await api.get("/api/alerts/{id}", { path: { id: 1 } }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refused);
    expect((refused as Refused).code).toBe("not_found");
  });

  test("a 204 has no body", async () => {
    await expect(api.delete("/api/session")).resolves.toBeUndefined();
    await expect(api.get("/api/session")).rejects.toMatchObject({ status: 401 });
  });
});
