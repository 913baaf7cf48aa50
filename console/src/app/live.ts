// The live stream: one EventSource for the page. Says what changed; queries ask again. A lost connection is known within
// `SILENCE_MS` and tried again with growing pauses; the age of what is shown is kept for the page to say.
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { Overview, StreamEvent } from "../api/types";
import { now, setCenterTime } from "./now";

/** The center sends a tick each second; this long without one is a lost connection. */
const SILENCE_MS = 6_000;
/** Pauses between attempts, the last one repeated. */
const RETRY_MS = [1_000, 2_000, 5_000, 10_000];

export interface Live {
  state: "connecting" | "live" | "lost";
  /** When the last message came, by the center's clock; 0 before the first. */
  lastAt: number;
  overview: Overview | null;
}

type AlertListener = (id: number, isNew: boolean) => void;

let live: Live = { state: "connecting", lastAt: 0, overview: null };
const listeners = new Set<() => void>();
const alertListeners = new Set<AlertListener>();
let source: EventSource | undefined;
let watchdog: number | undefined;
let retry: number | undefined;
let attempts = 0;
let queries: QueryClient | undefined;

function set(change: Partial<Live>): void {
  live = { ...live, ...change };
  for (const listener of listeners) listener();
}

function heard(): void {
  window.clearTimeout(watchdog);
  watchdog = window.setTimeout(lose, SILENCE_MS);
}

function take(event: StreamEvent): void {
  switch (event.kind) {
    case "tick":
      setCenterTime(event.overview.as_of);
      set({ state: "live", overview: event.overview, lastAt: now() });
      break;
    case "alert":
      void queries?.invalidateQueries({ queryKey: ["alert", event.id] });
      for (const listener of alertListeners) listener(event.id, event.new);
      break;
    case "block":
      void queries?.invalidateQueries({ queryKey: ["block", event.id] });
      void queries?.invalidateQueries({ queryKey: ["blocks"] });
      break;
    case "kill_switch":
      if (live.overview) set({ overview: { ...live.overview, kill_switch: event.state } });
      void queries?.invalidateQueries({ queryKey: ["blocks"] });
      break;
    case "sources":
      void queries?.invalidateQueries({ queryKey: ["sources"] });
      void queries?.invalidateQueries({ queryKey: ["quarantine"] });
      void queries?.invalidateQueries({ queryKey: ["agents"] });
      break;
    case "rules":
      void queries?.invalidateQueries({ queryKey: ["rules"] });
      break;
  }
}

function open(): void {
  close();
  source = new EventSource("/api/stream");
  heard();
  source.onmessage = (message: MessageEvent<string>) => {
    heard();
    const wasLost = live.state === "lost";
    attempts = 0;
    try {
      take(JSON.parse(message.data) as StreamEvent);
    } catch {
      return; // A message this console does not know, from a newer center: the next tick tells the figures anyway.
    }
    if (wasLost) void queries?.invalidateQueries();
  };
  source.onerror = lose;
}

function close(): void {
  source?.close();
  source = undefined;
  window.clearTimeout(watchdog);
  window.clearTimeout(retry);
}

function lose(): void {
  close();
  if (live.state !== "lost") set({ state: "lost" });
  // The session may have ended meanwhile: asking who I am sends the page to the log-in then.
  void queries?.invalidateQueries({ queryKey: ["me"] });
  retry = window.setTimeout(open, RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)]);
  attempts += 1;
}

/** Begin to listen; once per log-in. */
export function startLive(client: QueryClient): () => void {
  queries = client;
  attempts = 0;
  set({ state: "connecting" });
  open();
  return close;
}

/** Try again now. */
export function reconnect(): void {
  attempts = 0;
  open();
}

/** Hear of alerts made or changed. */
export function onAlert(listener: AlertListener): () => void {
  alertListeners.add(listener);
  return () => alertListeners.delete(listener);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLive(): Live {
  return useSyncExternalStore(subscribe, () => live);
}

/** Can changes be sent now? Buttons that need the center are off when not. */
export function useOnline(): boolean {
  return useSyncExternalStore(subscribe, () => live.state !== "lost");
}
