// The time a search looks at: the last so many hours, or two fixed moments. Pure.

const HOUR_MS = 3_600_000;

export const LASTS = { "1h": 1, "24h": 24, "7d": 168, "30d": 720, "90d": 2_160 } as const;
export type Last = keyof typeof LASTS;

export function isLast(text: string | null): text is Last {
  return text !== null && text in LASTS;
}

export interface Range {
  from: string;
  to: string;
}

const valid = (text: string | null): number | null => {
  const at = text ? new Date(text).getTime() : Number.NaN;
  return Number.isNaN(at) ? null : at;
};

/** Fixed moments where given and readable; the other end and everything else from `last`. */
export function rangeFor(last: Last, from: string | null, to: string | null, now: number): Range {
  const end = valid(to) ?? now;
  const start = valid(from) ?? end - LASTS[last] * HOUR_MS;
  const [a, b] = start <= end ? [start, end] : [end, start];
  return { from: new Date(a).toISOString(), to: new Date(b).toISOString() };
}
