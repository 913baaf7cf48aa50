// The one box, with names of fields completed as they are typed, the period, and find.
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { api } from "../api/client";
import type { FieldInfo } from "../api/types";
import { useKeys } from "../app/keys";
import { now } from "../app/now";
import { when } from "../i18n/format";
import { useWords } from "../i18n/use";
import { LASTS, type Last, type Range } from "./range";

/** Names offered at once. */
const OFFERED_MAX = 8;

interface Props {
  q: string;
  /** `null`: two fixed moments. */
  last: Last | null;
  range: Range;
  busy: boolean;
  onFind: (q: string) => void;
  onLast: (last: Last) => void;
  onStop: () => void;
}

export function useFields(): FieldInfo[] {
  return (
    useQuery({
      queryKey: ["search-fields"],
      queryFn: ({ signal }) => api.get("/api/search/fields", { signal }),
      staleTime: Number.POSITIVE_INFINITY,
    }).data?.fields ?? []
  );
}

/** The word that ends at the cursor, if it could be the beginning of a field's name. */
export function wordAt(text: string, at: number): string {
  return /(?:^|[\s(])([A-Za-z_][\w.]*)$/.exec(text.slice(0, at))?.[1] ?? "";
}

export function offers(fields: readonly FieldInfo[], word: string): FieldInfo[] {
  if (word.length < 1) return [];
  const wanted = word.toLowerCase();
  const starts = fields.filter((field) => field.name.startsWith(wanted));
  const others = fields.filter(
    (field) =>
      !field.name.startsWith(wanted) &&
      (field.name.includes(wanted) || field.aliases.some((alias) => alias.toLowerCase().startsWith(wanted))),
  );
  return [...starts, ...others].slice(0, OFFERED_MAX);
}

/** Is finding felt as waiting? */
function useFelt(busy: boolean): boolean {
  const [felt, setFelt] = useState(false);
  useEffect(() => {
    if (!busy) {
      setFelt(false);
      return;
    }
    const timer = window.setTimeout(() => setFelt(true), 300);
    return () => window.clearTimeout(timer);
  }, [busy]);
  return felt;
}

export function Box({ q, last, range, busy, onFind, onLast, onStop }: Props) {
  const { t, minutes } = useWords();
  const fields = useFields();
  const box = useRef<HTMLInputElement>(null);
  const list = useId();
  const [text, setText] = useState(q);
  const [word, setWord] = useState("");
  const [active, setActive] = useState(-1);
  const felt = useFelt(busy);
  useKeys({ "/": () => box.current?.select() });
  const offered = offers(fields, word);
  const open = offered.length > 0;

  const take = (name: string) => {
    const at = box.current?.selectionStart ?? text.length;
    const before = text.slice(0, at - word.length);
    const next = `${before}${name}:${text.slice(at)}`;
    setText(next);
    setWord("");
    setActive(-1);
    const place = before.length + name.length + 1;
    window.requestAnimationFrame(() => box.current?.setSelectionRange(place, place));
  };
  const key = (event: KeyboardEvent<HTMLInputElement>) => {
    if (!open || event.nativeEvent.isComposing) return;
    const chosen = offered[active];
    if (event.key === "ArrowDown") setActive((active + 1) % offered.length);
    else if (event.key === "ArrowUp")
      setActive((active + offered.length) % (offered.length + 1) === offered.length ? -1 : active - 1);
    else if (event.key === "Escape") setWord("");
    else if ((event.key === "Enter" || event.key === "Tab") && chosen) take(chosen.name);
    else return;
    event.preventDefault();
  };
  return (
    <search>
      <form
        className="qb"
        onSubmit={(event) => {
          event.preventDefault();
          setWord("");
          onFind(text.trim());
        }}
      >
        <div className="qi">
          <input
            ref={box}
            value={text}
            role="combobox"
            aria-label={t("search.box")}
            aria-expanded={open}
            aria-controls={list}
            aria-autocomplete="list"
            aria-activedescendant={active >= 0 ? `${list}-${active}` : undefined}
            placeholder={t("search.hint")}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => {
              setText(event.target.value);
              setWord(wordAt(event.target.value, event.target.selectionStart ?? event.target.value.length));
              setActive(-1);
            }}
            onKeyDown={key}
            onBlur={() => setWord("")}
          />
          <div id={list} role="listbox" aria-label={t("search.fields")} className={open ? "menu offers" : "vh"}>
            {offered.map((field, i) => (
              <div
                key={field.name}
                id={`${list}-${i}`}
                role="option"
                aria-selected={i === active}
                tabIndex={-1}
                className="offer"
                onPointerDown={(event) => {
                  event.preventDefault();
                  take(field.name);
                }}
              >
                <span className="mono">{field.name}</span>
                <span className="t3 sm">{field.ocsf}</span>
              </div>
            ))}
          </div>
        </div>
        <label className="btn lg period">
          <span className="vh">{t("queue.filter_hours")}</span>
          <select value={last ?? "fixed"} onChange={(event) => onLast(event.target.value as Last)}>
            {last === null ? (
              <option value="fixed">{`${when(range.from, now())} ~ ${when(range.to, now())}`}</option>
            ) : null}
            {(Object.keys(LASTS) as Last[]).map((each) => (
              <option key={each} value={each}>
                {t("search.last", { time: minutes(LASTS[each] * 60) })}
              </option>
            ))}
          </select>
        </label>
        {felt ? (
          <button type="button" className="btn lg" onClick={onStop}>
            {t("search.stop")}
          </button>
        ) : (
          <button type="submit" className="btn primary lg">
            {t("search.find")} <kbd>Enter</kbd>
          </button>
        )}
      </form>
    </search>
  );
}
