// Times, durations, numbers and names as people read them. Times are always KST: the city works in one zone, wherever
// the browser stands. Pure: the time now and the language are arguments.
import type { Named } from "../api/types";
import type { Language } from "../app/prefs";

const ZONE = "Asia/Seoul";
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE,
  hourCycle: "h23",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const weekdays = {
  ko: new Intl.DateTimeFormat("ko", { timeZone: ZONE, weekday: "short" }),
  en: new Intl.DateTimeFormat("en", { timeZone: ZONE, weekday: "short" }),
};

type Moment = string | number | Date;

function split(moment: Moment): Record<string, string> {
  const found: Record<string, string> = {};
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return { year: "?", month: "?", day: "?", hour: "?", minute: "?", second: "?" };
  for (const part of parts.formatToParts(date)) found[part.type] = part.value;
  return found;
}

/** `09:14:36`. */
export function clock(moment: Moment): string {
  const p = split(moment);
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** `09:14`. */
export function hourMinute(moment: Moment): string {
  const p = split(moment);
  return `${p.hour}:${p.minute}`;
}

/** `09:14:36.204`. */
export function clockMs(moment: Moment): string {
  const ms = new Date(moment).getMilliseconds();
  return `${clock(moment)}.${String(Number.isNaN(ms) ? 0 : ms).padStart(3, "0")}`;
}

/** `2026-03-12`. */
export function isoDate(moment: Moment): string {
  const p = split(moment);
  return `${p.year}-${p.month}-${p.day}`;
}

/** `03-12 목`. */
export function shortDate(moment: Moment, language: Language): string {
  const p = split(moment);
  return `${p.month}-${p.day} ${weekdays[language].format(new Date(moment))}`;
}

/** Today `09:14`, else `03-11 09:14`; another year gets its year. */
export function when(moment: Moment, now: number): string {
  const day = isoDate(moment);
  const today = isoDate(now);
  if (day === today) return hourMinute(moment);
  return `${day.slice(0, 4) === today.slice(0, 4) ? day.slice(5) : day} ${hourMinute(moment)}`;
}

/** `2026-03-12 09:14:36 KST (UTC+09:00)`. */
export function absolute(moment: Moment): string {
  return `${isoDate(moment)} ${clock(moment)} KST (UTC+09:00)`;
}

/** Seconds as one figure people say: `45초`, `2분 06초` (below ten minutes), `17분`, `3시간`, `9일`. */
export function duration(seconds: number, language: Language): string {
  const unit = language === "ko" ? { s: "초", m: "분", h: "시간", d: "일" } : { s: " s", m: " min", h: " h", d: " d" };
  const s = Math.max(0, Math.floor(seconds));
  if (s < MINUTE) return `${s}${unit.s}`;
  if (s < 10 * MINUTE) return `${Math.floor(s / MINUTE)}${unit.m} ${String(s % MINUTE).padStart(2, "0")}${unit.s}`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)}${unit.m}`;
  if (s < 2 * HOUR) return `1${unit.h} ${Math.floor((s % HOUR) / MINUTE)}${unit.m}`;
  if (s < 2 * DAY) return `${Math.floor(s / HOUR)}${unit.h}`;
  return `${Math.floor(s / DAY)}${unit.d}`;
}

/** Minutes of a choice: `15분`, `1시간`, `24시간`, `7일`. */
export function minutes(count: number, language: Language): string {
  const unit =
    language === "ko"
      ? { m: "분", h: "시간", d: "일" }
      : { m: " minutes", h: count === 60 ? " hour" : " hours", d: " days" };
  if (count % 60 !== 0) return `${count}${unit.m}`;
  return count > 24 * 60 && count % (24 * 60) === 0 ? `${count / (24 * 60)}${unit.d}` : `${count / 60}${unit.h}`;
}

/** `2분 전`. The future reads as now: clocks of two machines never agree to the second. */
export function ago(moment: Moment, now: number, language: Language): string {
  const s = Math.max(0, (now - new Date(moment).getTime()) / 1000);
  const text = s < MINUTE ? duration(s, language) : duration(s < 10 * MINUTE ? s - (s % MINUTE) : s, language);
  const short = s >= MINUTE && s < 10 * MINUTE ? text.replace(/ 00.*$/, "") : text;
  return language === "ko" ? `${short} 전` : `${short} ago`;
}

/** `31,400`. */
export function count(value: number, language: Language): string {
  return new Intl.NumberFormat(language).format(value);
}

/** Large counts as people say them: `1억 2,480만` in Korean; English keeps the digits. */
export function big(value: number, language: Language): string {
  if (language !== "ko" || value < 1_000_000) return count(value, language);
  const tenThousands = Math.round(value / 10_000);
  const hundredMillions = Math.floor(tenThousands / 10_000);
  const rest = tenThousands % 10_000;
  const parts = [
    hundredMillions ? `${count(hundredMillions, language)}억` : "",
    rest ? `${count(rest, language)}만` : "",
  ];
  return `${parts.filter(Boolean).join(" ")} `;
}

/** A rate: whole above ten, one place below. */
export function rate(value: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** A share of 0 to 1: `3.1%`; tiny shares keep a figure instead of becoming 0. */
export function percent(share: number, language: Language): string {
  const digits = share > 0 && share < 0.001 ? 3 : 1;
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits }).format(share);
}

/** `12.4 MB`. */
export function bytes(value: number, language: Language): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let n = value;
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i += 1;
  }
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: n < 10 && i > 0 ? 1 : 0 }).format(n)} ${units[i]}`;
}

/** A name in the reader's language, where it has one. */
export function nameOf(named: Pick<Named, "name" | "name_en">, language: Language): string {
  return language === "en" && named.name_en ? named.name_en : named.name;
}
