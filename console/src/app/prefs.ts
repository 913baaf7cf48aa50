// What a person chose for this browser: language, theme, density, single keys. Kept in localStorage; a browser that
// forbids storage keeps the choice for the visit.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "contrast";
export type Language = "ko" | "en";

export interface Prefs {
  language: Language;
  /** `auto` follows the browser. */
  theme: Theme | "auto";
  density: "compact" | "comfortable";
  /** Single keys (`j`, `b` …) act. WCAG 2.1.4: they can be switched off. */
  keys: boolean;
}

const STORED = "bongsu.prefs";
const DEFAULTS: Prefs = { language: "ko", theme: "auto", density: "compact", keys: true };

function read(): Prefs {
  try {
    const found = JSON.parse(window.localStorage.getItem(STORED) ?? "{}") as Partial<Prefs>;
    return {
      language: found.language === "en" ? "en" : "ko",
      theme: found.theme === "light" || found.theme === "dark" || found.theme === "contrast" ? found.theme : "auto",
      density: found.density === "comfortable" ? "comfortable" : "compact",
      keys: found.keys !== false,
    };
  } catch {
    return DEFAULTS;
  }
}

let current = read();
const listeners = new Set<() => void>();
const asks = (query: string) => window.matchMedia?.(query).matches ?? false;

/** The theme in force: the chosen one, or what the browser asks for. */
export function themeOf(prefs: Prefs): Theme {
  if (prefs.theme !== "auto") return prefs.theme;
  if (asks("(prefers-contrast: more)")) return "contrast";
  return asks("(prefers-color-scheme: dark)") ? "dark" : "light";
}

/** Write the choice to the document. */
export function applyPrefs(prefs: Prefs = current): void {
  const root = document.documentElement;
  root.dataset.theme = themeOf(prefs);
  root.dataset.density = prefs.density;
  root.lang = prefs.language;
}

export function prefs(): Prefs {
  return current;
}

export function setPrefs(change: Partial<Prefs>): void {
  current = { ...current, ...change };
  try {
    window.localStorage.setItem(STORED, JSON.stringify(current));
  } catch {
    // Storage is forbidden: the choice lives as long as the page.
  }
  applyPrefs();
  for (const listener of listeners) listener();
}

export function onPrefs(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePrefs(): Prefs {
  return useSyncExternalStore(onPrefs, prefs);
}

const ROOMY = "(min-width: 1101px)";

/** Is there room for a table's extra columns? */
export function useRoomy(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = window.matchMedia(ROOMY);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => asks(ROOMY),
  );
}
