// The address bar is the state: pages read path and search parameters here and write them back. History only, no library.
import { useSyncExternalStore } from "react";

const MOVED = "bongsu:moved";

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

/** Path and search of the page, as one string that changes when either does. */
function place(): string {
  return window.location.pathname + window.location.search;
}

/** Go to an address of this console. `replace` leaves no step in the history. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  if (to === place() + window.location.hash) return;
  if (options.replace) window.history.replaceState(null, "", to);
  else window.history.pushState(null, "", to);
  window.dispatchEvent(new Event(MOVED));
}

/** The path, re-rendering on change. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

/** Change some search parameters of the page and keep the others; `null` and "" remove. */
export function setParams(change: Record<string, string | number | null | undefined>, replace = false): void {
  const params = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === undefined || value === "") params.delete(name);
    else params.set(name, String(value));
  }
  const text = params.toString();
  go(window.location.pathname + (text ? `?${text}` : ""), { replace });
}

/** The search parameters, re-rendering on change. */
export function useParams(): URLSearchParams {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  return new URLSearchParams(search);
}

/** A whole number in the parameters, if it is one. */
export function intParam(params: URLSearchParams, name: string): number | null {
  const text = params.get(name);
  return text && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
