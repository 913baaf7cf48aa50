// What a person does, with the mouse and with the keyboard alone, against the mock center.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { launch, openPage, startMock } from "../lib/browser.mjs";

let mock;
let browser;
let context;
let page;
let problems;

before(async () => {
  mock = await startMock(4794);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  mock?.stop();
});
beforeEach(async () => {
  await context?.close();
  await fetch(`${mock.url}/mock/reset`);
  ({ page, context, problems } = await openPage(browser));
});

const open = async (at, ready = "tr[data-alert]") => {
  await page.goto(mock.url + at);
  await page.waitForSelector(ready);
};
const focusedAlert = () => page.evaluate(() => document.activeElement?.getAttribute("data-alert") ?? null);
const until = async (what, check) => {
  for (let i = 0; i < 100; i += 1) {
    if (await check()) return;
    await page.waitForTimeout(50);
  }
  assert.fail(`never: ${what}`);
};

test("a single-use link sets the password, logs in, and leaves no token in the address", async () => {
  await fetch(`${mock.url}/mock/logout`);
  await page.goto(`${mock.url}/link#set-me-1`);
  await page.waitForSelector("#again");
  assert.equal(new URL(page.url()).hash, "");
  await page.fill("#password", "too short");
  await page.fill("#again", "too short");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]");
  await page.fill("#password", "correct horse battery");
  await page.fill("#again", "correct horse battery");
  await page.keyboard.press("Enter");
  await page.waitForSelector("tr[data-alert]");
  assert.match(page.url(), /\/queue$/);
});

test("a demo link logs in at once", async () => {
  await fetch(`${mock.url}/mock/logout`);
  await page.goto(`${mock.url}/link#demo-analyst`);
  await page.waitForSelector("tr[data-alert]");
});

test("a wrong password is refused in words, a right one enters", async () => {
  await fetch(`${mock.url}/mock/logout`);
  await page.goto(`${mock.url}/queue`);
  await page.fill("#name", "yoon.sj");
  await page.fill("#password", "wrong");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]");
  assert.match(await page.textContent("[role=alert]"), /이름이나 비밀번호가 맞지 않습니다/);
  await page.fill("#password", "correct horse battery");
  await page.keyboard.press("Enter");
  await page.waitForSelector("tr[data-alert]");
});

test("keyboard: move, open, block, see it effective, undo", async () => {
  await open("/queue");
  await until("the first row has the focus", async () => (await focusedAlert()) === "24817");
  await page.keyboard.press("j");
  await until("the second row has the focus", async () => (await focusedAlert()) === "24818");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".panel .log");
  await page.keyboard.press("b");
  await page.waitForSelector(".panel .big");
  await until("the block can be sent", () =>
    page.$eval(".go .primary", (button) => button.getAttribute("aria-disabled") === "false"),
  );
  await page.keyboard.press("Enter");
  await page.waitForSelector(".okh.ok");
  await until("the effect is measured", async () => /막힘 확인/.test(await page.textContent(".panel")));
  await page.keyboard.press("u");
  await until("it is undone", async () => /되돌렸습니다/.test(await page.textContent(".okh")));
  await page.keyboard.press("Escape");
  await page.waitForSelector(".panel .log");
  await page.keyboard.press("Escape");
  await until("the row has the focus again", async () => (await focusedAlert()) === "24817");
  assert.deepEqual(problems, []);
});

test("mouse: open, block, undo", async () => {
  await open("/queue");
  await page.click('tr[data-alert="24823"] .why');
  await page.waitForSelector(".panel .acts");
  await page.click('tr[data-alert="24817"] .why');
  await page.waitForSelector(".panel .log");
  await page.click(".panel .acts .primary");
  await page.waitForSelector(".panel .big");
  await until("the block can be sent", () =>
    page.$eval(".go .primary", (button) => button.getAttribute("aria-disabled") === "false"),
  );
  await page.click(".go .primary");
  await page.waitForSelector(".okh.ok");
  await page.click(".go .main");
  await until("it is undone", async () => /되돌렸습니다/.test(await page.textContent(".okh")));
});

test("keys act with a Korean input method on", async () => {
  await open("/queue");
  await until("the first row has the focus", async () => (await focusedAlert()) === "24817");
  await page.evaluate(() =>
    document.activeElement?.dispatchEvent(
      new KeyboardEvent("keydown", { key: "ㅓ", code: "KeyJ", bubbles: true, cancelable: true }),
    ),
  );
  await until("the second row has the focus", async () => (await focusedAlert()) === "24818");
});

test("single keys can be switched off", async () => {
  await context.close();
  ({ page, context, problems } = await openPage(browser, { keys: false }));
  await open("/queue");
  await until("the first row has the focus", async () => (await focusedAlert()) === "24817");
  await page.keyboard.press("j");
  await page.waitForTimeout(200);
  assert.equal(await focusedAlert(), "24817");
  await page.keyboard.press("ArrowDown");
  await until("arrows still move", async () => (await focusedAlert()) === "24818");
});

test("take, then undo; the focus goes to the next row", async () => {
  await open("/queue");
  await until("the first row has the focus", async () => (await focusedAlert()) === "24817");
  for (let i = 0; i < 2; i += 1) await page.keyboard.press("j");
  await until("the third row has the focus", async () => (await focusedAlert()) === "24819");
  await page.keyboard.press("a");
  await until("the next row has the focus", async () => (await focusedAlert()) === "24820");
  await until("it is mine", async () => /윤서진/.test(await page.textContent('tr[data-alert="24819"]')));
  assert.match(await page.textContent(".foot"), /A-24819 맡았습니다/);
  await page.keyboard.press("u");
  await until("it is nobody's", async () => !/윤서진/.test(await page.textContent('tr[data-alert="24819"]')));
});

test("close with a verdict and a reason; the panel goes on with the next row", async () => {
  await open("/queue?alert=24820", ".panel .log");
  await page.keyboard.press("c");
  await page.waitForSelector(".verdicts");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.keyboard.type("점검 중이던 서버");
  await page.keyboard.press("Enter");
  await until("the row is gone", async () => (await page.$('tr[data-alert="24820"]')) === null);
  await until("the next alert is open", async () => /alert=24821/.test(page.url()));
});

test("select a range and close it at once; undo brings all back", async () => {
  await open("/queue");
  await until("the first row has the focus", async () => (await focusedAlert()) === "24817");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Shift+X");
  await page.waitForSelector(".bulk");
  assert.match(await page.textContent(".bulk"), /3개 고름/);
  await page.keyboard.press("c");
  await page.waitForSelector(".verdicts");
  await page.fill("#close-reason", "훈련이었음");
  await page.keyboard.press("Enter");
  await until("the rows are gone", async () => (await page.$('tr[data-alert="24819"]')) === null);
  await page.keyboard.press("u");
  await until("the rows are back", async () => (await page.$('tr[data-alert="24819"]')) !== null);
});

test("new alerts wait above and push no row", async () => {
  await open("/queue");
  await page.waitForTimeout(1200);
  const order = () => page.$$eval("tr[data-alert]", (rows) => rows.map((row) => row.getAttribute("data-alert")));
  const was = await order();
  await fetch(`${mock.url}/mock/alert`);
  await page.waitForSelector(".fresh");
  assert.deepEqual(await order(), was);
  assert.match(await page.textContent(".fresh"), /새 경보 1/);
  await page.click(".fresh");
  await until("it is taken in", async () => (await order()).length === was.length + 1);
});

test("a lost connection is said with the age of the page, and what cannot work is off", async () => {
  await open("/queue?alert=24817", ".panel .log");
  await page.waitForTimeout(1200);
  await fetch(`${mock.url}/mock/stream?off=1`);
  await page.waitForSelector(".band.lost");
  assert.match(await page.textContent(".band.lost"), /아래는 \d\d:\d\d:\d\d의 모습입니다/);
  assert.equal(await page.isDisabled(".panel .acts .primary"), true);
  await fetch(`${mock.url}/mock/stream?off=0`);
  await page.click(".band.lost button");
  await until("it is live again", async () => (await page.$(".band.lost")) === null);
});

test("the kill switch needs a reason, says so on every page, and is released", async () => {
  await open("/queue");
  await page.click(".kill .btn");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#kill-missing");
  await page.keyboard.type("오차단 확인");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".band.stop");
  assert.match(await page.textContent(".band.stop"), /닿지 못한 지점 1/);
  await page.click(".rail a >> nth=1");
  await page.waitForSelector(".qi");
  assert.ok(await page.$(".band.stop"));
  await page.click(".kill .btn");
  await page.keyboard.type("확인 끝");
  await page.keyboard.press("Enter");
  await until("it is released", async () => (await page.$(".band.stop")) === null);
});

test("over policy the drawer asks for approval; the approver decides", async () => {
  await open("/queue?do=block&target=203.0.112.0/22", ".panel .big");
  assert.match(await page.textContent(".go .primary"), /승인 요청/);
  await page.fill("#block-reason", "대역 전체가 공격");
  await page.keyboard.press("Enter");
  await until("it waits", async () => /승인을 기다립니다/.test((await page.textContent(".okh").catch(() => "")) ?? ""));
  await open("/blocks?tab=waiting&block=1185", ".panel .go");
  await page.fill("#decide-reason", "확인함");
  await page.click(".panel .go .primary");
  await until("it is applied", async () => /막았습니다/.test(await page.textContent(".okh")));
});

test("a protected target cannot be blocked, and the reason is named", async () => {
  await open("/blocks?do=block&target=192.0.2.40", ".panel .big");
  assert.match(await page.textContent("#block-said"), /보호 목록/);
  assert.equal(await page.getAttribute(".go .primary", "aria-disabled"), "true");
});

test("search: a value's menu narrows, excludes, groups; the address holds the state", async () => {
  await open("/search?q=", ".tv .val");
  await page.click('.tv .val:has-text("203.0.113.80")');
  await page.waitForSelector(".menu");
  await page.keyboard.press("-");
  await until("the value is out", async () => new URL(page.url()).searchParams.get("q") === "NOT src_ip:203.0.113.80");
  await page.click('.tv .val:has-text("203.0.113.77")');
  await page.waitForSelector(".menu");
  await page.keyboard.press("o");
  await until("only this", async () => new URL(page.url()).searchParams.get("q") === "src_ip:203.0.113.77");
  await page.click('.tv .val:has-text("시청")');
  await page.waitForSelector(".menu");
  await page.keyboard.press("g");
  await page.waitForSelector(".grid tbody tr");
  assert.equal(new URL(page.url()).searchParams.get("q"), "src_ip:203.0.113.77 | count by agency");
  await page.goBack();
  await page.waitForSelector(".rt [data-event]");
  const links = await page.$$eval(".foot a[download]", (all) =>
    all.map((each) => new URL(each.href).searchParams.get("format")),
  );
  assert.deepEqual(links, ["csv", "jsonl", "parquet"]);
});

test("search: the histogram is brushed with the keyboard", async () => {
  await open("/search?q=", ".hg");
  await page.focus(".hg");
  for (let i = 0; i < 3; i += 1) await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Enter");
  await until(
    "the period is in the address",
    async () => new URL(page.url()).searchParams.has("from") && new URL(page.url()).searchParams.has("to"),
  );
});

test("search: rows open by keyboard, names of fields are completed", async () => {
  await open("/search?q=", ".rt [data-event]");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".exw .log");
  await page.keyboard.press("Escape");
  await until("it is closed", async () => (await page.$(".exw")) === null);
  await page.fill(".qi input", "");
  await page.type(".qi input", "src_i");
  await page.waitForSelector(".offers .offer");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await page.inputValue(".qi input"), "src_ip:");
});

test("an unknown sender is adopted from the quarantine", async () => {
  await open("/settings/sources?tab=quarantine", ".grid tbody tr");
  await page.click(".grid tbody tr >> nth=0");
  await page.waitForSelector(".panel form");
  await page.fill('.panel [name="name"]', "솔뫼구청 방화벽");
  await page.click(".panel .primary");
  await until(
    "it is a source",
    async () =>
      /등록된 출처/.test(await page.textContent(".bar")) && /솔뫼구청 방화벽/.test(await page.textContent(".grid")),
  );
});

test("a rule is switched off with a reason, and lines are tried", async () => {
  await open("/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002", ".panel .cases");
  await page.fill("#try-lines", "Failed password for root\nAccepted publickey");
  await page.click(".panel .blk:has(#try-lines) .btn");
  await page.waitForSelector(".tested li");
  assert.equal((await page.$$(".tested > li")).length, 2);
  const silent = await page.textContent(".tested > li:nth-child(2)");
  assert.match(silent, /왜 맞지 않나/);
  assert.match(silent, /맞지 않음:/);
  await page.click(".panel .go .btn");
  assert.match(await page.textContent(".panel .go"), /이유를 적으세요/);
  await page.fill("#rule-reason", "점검");
  await page.keyboard.press("Enter");
  await until("it is off", async () => /꺼짐/.test(await page.textContent(".panel .ph")));
});

test("a rule shows its record, what it costs and what changed in its text", async () => {
  await open("/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002", ".panel .cases");
  const said = await page.textContent(".panel .pb");
  for (const wanted of [/마지막 경보/, /오탐 기록/, /취약점 점검 장비/, /늦어서 세지 않음/]) assert.match(said, wanted);
  await page.click(".versions .btn");
  assert.match(await page.textContent(".diff"), /지운 줄 .*gte: 20/s);
  await page.click('.bar .btn:has-text("파일 다시 읽기")');
  await until("what changed is said", async () => /바뀜 1/.test(await page.textContent(".bar")));
});

test("a rule is tried on past logs, and an exception is made and ended", async () => {
  await open("/settings/rules?rule=0b5e1f0a-1d0f-4a10-9a51-000000000002", "#backtest-days");
  const backtest = page.locator(".panel .blk:has(#backtest-days)");
  await backtest.locator(".btn").first().click();
  await page.waitForSelector(".doing .progress");
  await page.waitForSelector(".backtest", { timeout: 9_000 });
  assert.match(await backtest.textContent(), /번 맞음 · 대상 9개/);
  const exceptions = page.locator(".panel .blk:has(.exceptions)");
  await exceptions.locator("> .more-link .btn").click();
  await page.click(".part ~ .row .btn");
  assert.match(await exceptions.textContent(), /항목과 값을 적으세요/);
  await page.fill('[name="field0"]', "src_ip");
  await page.fill('[name="values0"]', "10.20.4.11, 10.20.4.12");
  await page.fill('.exceptions ~ form [name="reason"]', "새 장비 시험");
  await page.click(".part ~ .row .btn");
  await until("it is there", async () => /새 장비 시험/.test(await page.textContent(".exceptions li:first-child")));
  await page.click(".exceptions li:first-child .row .btn");
  await page.fill(".exceptions li:first-child form input", "끝난 점검");
  await page.keyboard.press("Enter");
  await until("it is over", async () => /끝남/.test(await page.textContent(".exceptions li:first-child")));
});

test("an archive of rules is looked at before it is applied", async () => {
  await open("/settings/rules", ".grid tbody tr");
  await page.click('.bar .btn:has-text("가져오기")');
  await page.setInputFiles("#import-archive", {
    name: "rules.zip",
    mimeType: "application/zip",
    buffer: Buffer.from("PK"),
  });
  await page.waitForSelector(".panel .exceptions .btn");
  const said = await page.textContent(".panel .pb");
  for (const wanted of [/새 규칙 1 · 바뀜 1 · 없어짐 1/, /its name leads out/, /has no `condition`/])
    assert.match(said, wanted);
  await page.click(".panel .go .btn");
  assert.match(await page.textContent(".panel .go"), /이유를 적으세요/);
  await page.fill("#import-reason", "새 판");
  await page.keyboard.press("Enter");
  await until("it is applied", async () => /적용했습니다/.test(await page.textContent(".panel .pb")));
});

test("the ATT&CK matrix leads from a gap to the log source that would close it", async () => {
  await open("/settings/attack", ".attack .cell");
  await page.click('.cell:has-text("T1110")');
  assert.match(await page.textContent(".panel"), /규칙 12개가 지켜봄/);
  await page.click('.seg a:has-text("로그 출처")');
  await page.waitForSelector(".grid tbody tr");
  assert.match(await page.textContent(".grid tbody tr"), /Sysmon/);
});

test("a person is added and gets a single-use link", async () => {
  await open("/settings/people", ".grid tbody tr");
  await page.click(".bar .btn");
  await page.fill('.panel [name="display_name"]', "한보미");
  await page.fill('.panel [name="name"]', "han.bm");
  await page.click(".panel .primary");
  await page.waitForSelector(".panel pre");
  assert.match(await page.textContent(".panel pre"), /\/link#/);
});

test("English is one click away and stays", async () => {
  await open("/queue");
  await page.click(".rail .lang");
  await until("it is English", async () => (await page.textContent(".bar h1")) === "Queue");
  assert.equal(await page.getAttribute("html", "lang"), "en");
});

test("an error keeps the page and says what failed", async () => {
  await fetch(`${mock.url}/mock/fail?path=/api/alerts`);
  await page.goto(`${mock.url}/queue`);
  await page.waitForSelector(".err", { timeout: 20_000 });
  assert.match(await page.textContent(".err"), /경보를 읽지 못했습니다/);
  await fetch(`${mock.url}/mock/reset`);
  await page.click(".err button");
  await page.waitForSelector("tr[data-alert]");
});

test("nothing overflows a 390 px phone or a 1024 px laptop", async () => {
  for (const width of [390, 1024]) {
    await context.close();
    ({ page, context, problems } = await openPage(browser, { size: { width, height: 800 } }));
    for (const at of ["/queue", "/search?q=", "/blocks", "/settings/sources"]) {
      await page.goto(mock.url + at);
      await page.waitForSelector(".foot");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth + 1);
      assert.equal(wide, false, `${at} at ${width} px`);
    }
  }
});
