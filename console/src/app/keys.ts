// Single keys. Letters are taken from the key's place (`event.code`), so that they act with a Korean input method on too;
// signs from what they write. Nothing acts while a person types, while a menu is open, or when keys are switched off.
import { useEffect, useRef } from "react";
import { prefs } from "./prefs";

export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

/** `j`, `Shift+x`, `Enter`, `/`, `?`: the name a key has in a map. */
export function keyName(event: KeyboardEvent): string {
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
  if (letter) return event.shiftKey ? `Shift+${letter}` : letter;
  return event.key;
}

const TYPED = new Set(["INPUT", "TEXTAREA", "SELECT"]);
const NOT_TYPED = new Set(["checkbox", "radio", "button", "submit"]);

/** Does the key belong to what has the focus: a text field, a menu, a list? */
export function takenByFocus(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("[role=menu],[role=listbox],[role=dialog][aria-modal=true]"))
    return true;
  if (target instanceof HTMLInputElement && target.type === "radio" && key.startsWith("Arrow")) return true;
  if (TYPED.has(target.tagName)) return !(target instanceof HTMLInputElement && NOT_TYPED.has(target.type));
  if (key === "Enter" || key === " ") return target.closest("a,button,summary,label,input") !== null;
  return false;
}

/** Keys that act even when single keys are off: they move or leave, as in any program. */
const ALWAYS = new Set(["Escape", "Enter", "ArrowDown", "ArrowUp", "Home", "End"]);

/** What goes before what: a page, a panel beside it, a menu above both. */
export const LEVEL = { page: 0, panel: 1, above: 2 };

interface Layer {
  map: { current: KeyMap };
  level: number;
}

const layers: Layer[] = [];

function dispatch(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const name = keyName(event);
  if (!ALWAYS.has(name) && !prefs().keys) return;
  if (name !== "Escape" && takenByFocus(event.target, name)) return;
  for (let i = layers.length - 1; i >= 0; i -= 1) {
    const act = layers[i]?.map.current[name];
    if (!act) continue;
    event.preventDefault();
    act(event);
    return;
  }
}

/** Bind keys while the component is there. Of one level the newest binding wins. */
export function useKeys(map: KeyMap, active = true, level = LEVEL.page): void {
  const held = useRef(map);
  held.current = map;
  useEffect(() => {
    if (!active) return;
    if (layers.length === 0) window.addEventListener("keydown", dispatch);
    const layer = { map: held, level };
    const above = layers.findIndex((each) => each.level > level);
    layers.splice(above < 0 ? layers.length : above, 0, layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      if (layers.length === 0) window.removeEventListener("keydown", dispatch);
    };
  }, [active, level]);
}
