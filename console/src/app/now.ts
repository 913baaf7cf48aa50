// The center's time, not the browser's: clocks, ages and time limits count from the `as_of` of the last live message.
import { useSyncExternalStore } from "react";

let offset = 0;
let tick = Date.now();
const listeners = new Set<() => void>();
let timer: number | undefined;

/** The center says it is this time now. Small differences are left alone, so that clocks do not stutter. */
export function setCenterTime(asOf: string): void {
  const found = new Date(asOf).getTime() - Date.now();
  if (!Number.isNaN(found) && Math.abs(found - offset) > 400) offset = found;
}

/** Milliseconds since 1970, by the center's clock. */
export function now(): number {
  return Date.now() + offset;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    tick = now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time now, re-rendering each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => tick);
}
