// The table of every settings page: sticky head, sorting by head, one row under the hand (j, k, Enter), one row shown in
// the panel. Values are text or small nodes; an empty cell stays empty.
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { useKeys } from "../app/keys";
import { useWords } from "../i18n/use";

export interface Column<T> {
  key: string;
  head: string;
  cell: (row: T) => ReactNode;
  /** Right-aligned figures. */
  num?: boolean;
  /** CSS width; absent: shares what is left. */
  width?: number;
  /** Value to sort by; absent: not sortable. */
  sort?: (row: T) => string | number;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: readonly T[];
  id: (row: T) => string | number;
  opened?: string | number | null;
  onOpen?: (row: T) => void;
  twoLine?: boolean;
  /** Rows drawn before "more"; absent: all of them. */
  most?: number;
}

type Sorted = { key: string; down: boolean } | null;

function useSorted<T>(rows: readonly T[], columns: Column<T>[]) {
  const [sorted, setSorted] = useState<Sorted>(null);
  const by = columns.find((column) => column.key === sorted?.key)?.sort;
  const shown = useMemo(() => {
    if (!by || !sorted) return rows;
    const sign = sorted.down ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "ko"));
    });
  }, [rows, by, sorted]);
  return { shown, sorted, setSorted };
}

export function DataTable<T>({ label, columns, rows, id, opened = null, onOpen, twoLine = false, most }: Props<T>) {
  const { t, count } = useWords();
  const { shown: whole, sorted, setSorted } = useSorted(rows, columns);
  const [drawn, setDrawn] = useState(most ?? Number.POSITIVE_INFINITY);
  const shown = drawn < whole.length ? whole.slice(0, drawn) : whole;
  const body = useRef<HTMLTableSectionElement>(null);
  const [cursor, setCursor] = useState<string | number | null>(null);
  const ids = shown.map(id);
  const here = cursor !== null && ids.includes(cursor) ? cursor : (ids[0] ?? null);
  const focus = (at: number) => {
    const wanted = ids[Math.min(ids.length - 1, Math.max(0, at))];
    if (wanted === undefined) return;
    setCursor(wanted);
    body.current?.querySelectorAll<HTMLElement>("tr")[ids.indexOf(wanted)]?.focus();
  };
  const at = here === null ? -1 : ids.indexOf(here);
  const move = (step: number) => {
    const inside = body.current?.contains(document.activeElement);
    focus(inside ? at + step : at);
  };
  useKeys(
    {
      j: () => move(1),
      k: () => move(-1),
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      Enter: () => {
        const row = shown[at];
        if (row !== undefined && body.current?.contains(document.activeElement)) onOpen?.(row);
      },
    },
    onOpen !== undefined,
  );
  // When the panel closes, the hand returns to the row it showed.
  const was = useRef(opened);
  useEffect(() => {
    if (was.current !== null && opened === null) {
      const place = ids.indexOf(was.current);
      body.current?.querySelectorAll<HTMLElement>("tr")[place]?.focus();
    }
    was.current = opened;
  });
  const table = (
    <table className={twoLine ? "grid two-line" : "grid"} role={onOpen ? "grid" : undefined} aria-label={label}>
      <colgroup>
        {columns.map((column) => (
          <col key={column.key} style={column.width ? { width: column.width } : undefined} />
        ))}
      </colgroup>
      <thead>
        <tr>
          {columns.map((column) => {
            const on = sorted?.key === column.key ? sorted : null;
            return (
              <th
                key={column.key}
                scope="col"
                className={column.num ? "num" : undefined}
                aria-sort={on ? (on.down ? "descending" : "ascending") : undefined}
              >
                {column.sort ? (
                  <button
                    type="button"
                    title={t("table.sort", { name: column.head })}
                    onClick={() =>
                      setSorted(
                        !on ? { key: column.key, down: column.num === true } : { key: column.key, down: !on.down },
                      )
                    }
                  >
                    {column.head}
                    {on ? <span aria-hidden="true">{on.down ? "↓" : "↑"}</span> : null}
                  </button>
                ) : (
                  column.head
                )}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody ref={body}>
        {shown.map((row) => {
          const key = id(row);
          return (
            <tr
              key={key}
              tabIndex={onOpen ? (key === here ? 0 : -1) : undefined}
              aria-selected={onOpen ? key === opened : undefined}
              onFocus={(event) => event.target === event.currentTarget && setCursor(key)}
              onClick={onOpen ? () => onOpen(row) : undefined}
            >
              {columns.map((column) => (
                <td key={column.key} className={column.num ? "num" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
  if (shown.length === whole.length) return table;
  return (
    <>
      {table}
      <p className="more-rows">
        <button type="button" className="btn small" onClick={() => setDrawn(drawn + (most ?? 0))}>
          {t("table.more", { n: count(whole.length - shown.length) })}
        </button>
      </p>
    </>
  );
}
