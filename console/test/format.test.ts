// Times are KST wherever the browser stands; figures keep their units.
import { describe, expect, test } from "vitest";
import * as format from "../src/i18n/format";

const AT = "2026-03-12T00:14:36.204Z";
const NOW = new Date("2026-03-12T00:16:00Z").getTime();

describe("times", () => {
  test("are shown in KST", () => {
    expect(format.clock(AT)).toBe("09:14:36");
    expect(format.clockMs(AT)).toBe("09:14:36.204");
    expect(format.absolute(AT)).toBe("2026-03-12 09:14:36 KST (UTC+09:00)");
    expect(format.shortDate(AT, "ko")).toBe("03-12 목");
    expect(format.shortDate(AT, "en")).toBe("03-12 Thu");
  });

  test("get a date only on another KST day", () => {
    expect(format.when(AT, NOW)).toBe("09:14");
    expect(format.when("2026-03-11T14:59:59Z", NOW)).toBe("03-11 23:59");
    expect(format.when("2025-12-31T15:00:00Z", NOW)).toBe("01-01 00:00");
    expect(format.when("2025-12-31T14:00:00Z", NOW)).toBe("2025-12-31 23:00");
  });

  test("are relative in both languages, and the future is now", () => {
    expect(format.ago(AT, NOW, "ko")).toBe("1분 전");
    expect(format.ago(AT, NOW, "en")).toBe("1 min ago");
    expect(format.ago(NOW + 5_000, NOW, "ko")).toBe("0초 전");
  });

  test("survive nonsense", () => {
    expect(format.clock("not a time")).toBe("?:?:?");
    expect(format.clockMs("not a time")).toBe("?:?:?.000");
  });
});

describe("durations", () => {
  test.each([
    [45, "45초", "45 s"],
    [126, "2분 06초", "2 min 06 s"],
    [17 * 60, "17분", "17 min"],
    [3_600 + 120, "1시간 2분", "1 h 2 min"],
    [5 * 3_600, "5시간", "5 h"],
    [9 * 86_400, "9일", "9 d"],
    [-3, "0초", "0 s"],
  ])("%d s", (seconds, ko, en) => {
    expect(format.duration(seconds, "ko")).toBe(ko);
    expect(format.duration(seconds, "en")).toBe(en);
  });

  test("choices of minutes", () => {
    expect(format.minutes(15, "ko")).toBe("15분");
    expect(format.minutes(60, "ko")).toBe("1시간");
    expect(format.minutes(60, "en")).toBe("1 hour");
    expect(format.minutes(1_440, "ko")).toBe("24시간");
    expect(format.minutes(10_080, "ko")).toBe("7일");
  });
});

describe("numbers", () => {
  test("large counts as people say them", () => {
    expect(format.big(124_800_000, "ko")).toBe("1억 2,480만 ");
    expect(format.big(9_999, "ko")).toBe("9,999");
    expect(format.big(100_000_000, "ko")).toBe("1억 ");
    expect(format.big(124_800_000, "en")).toBe("124,800,000");
  });

  test("a small share is not zero", () => {
    expect(format.percent(0.0004, "ko")).toBe("0.04%");
    expect(format.percent(0.063, "ko")).toBe("6.3%");
    expect(format.percent(0, "ko")).toBe("0%");
  });

  test("bytes and rates", () => {
    expect(format.bytes(8_200, "en")).toBe("8.2 kB");
    expect(format.bytes(11_400_000, "en")).toBe("11 MB");
    expect(format.rate(3.42, "ko")).toBe("3.4");
    expect(format.rate(31_400.4, "ko")).toBe("31,400");
  });
});
