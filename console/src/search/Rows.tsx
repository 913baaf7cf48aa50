// Results, newest first. Only the rows in view are drawn; a row opens to its raw line and fields.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { EventRow } from "../api/types";
import { useKeys } from "../app/keys";
import { now } from "../app/now";
import { setParams } from "../app/router";
import { clockMs, isoDate } from "../i18n/format";
import { useKnown, useWords } from "../i18n/use";
import { visible } from "../ui/Raw";
import { Value } from "../ui/Value";
import { Whole } from "./Whole";

const ROW_PX = 33;

interface Props {
  rows: EventRow[];
  opened: string | null;
  /** Fetch the next page; `null`: there is none. */
  more: (() => void) | null;
  loading: boolean;
}

function Line({ row, opened, here, onFocus }: { row: EventRow; opened: boolean; here: boolean; onFocus: () => void }) {
  const known = useKnown();
  const today = isoDate(row.time) === isoDate(now());
  return (
    <div
      className={opened ? "rr op" : "rr"}
      role="row"
      data-event={row.id}
      tabIndex={here ? 0 : -1}
      aria-level={1}
      aria-expanded={opened}
      onFocus={(event) => event.target === event.currentTarget && onFocus()}
      onClick={() => setParams({ event: opened ? null : row.id }, true)}
      onKeyDown={(event) => {
        if (event.key === "Enter" && event.target === event.currentTarget) {
          event.preventDefault();
          event.stopPropagation();
          setParams({ event: opened ? null : row.id }, true);
        }
      }}
    >
      <span role="gridcell" className="mono">
        {today ? null : <span className="t3">{isoDate(row.time).slice(5)} </span>}
        {clockMs(row.time)}
      </span>
      <span role="gridcell" className="cut">
        {row.agency}
      </span>
      <span role="gridcell" className="cut">
        {row.source}
      </span>
      <span role="gridcell" className="cut">
        {row.src ? <Value mono field={endOf("src", row.src)} value={row.src} /> : null}
      </span>
      <span role="gridcell" className="cut">
        {row.dst ? <Value mono field={endOf("dst", row.dst)} value={row.dst} /> : null}
      </span>
      <span role="gridcell" className={row.result === "failure" || row.result === "deny" ? "t2" : "ac"}>
        {row.result ? known("result", row.result) : null}
      </span>
      <span role="gridcell" className="mono cut">
        {visible(row.text)}
      </span>
    </div>
  );
}

/** The field an end of a row was taken from: its address, or the host's name where no address is known. */
const endOf = (side: "src" | "dst", value: string) => (/^\d+(\.\d+){3}$|:/.test(value) ? `${side}_ip` : `${side}_host`);

export function Rows({ rows, opened, more, loading }: Props) {
  const { t } = useWords();
  const scroll = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    getItemKey: (i) => rows[i]?.id ?? i,
  });
  const focus = (i: number) => {
    const next = Math.min(rows.length - 1, Math.max(0, i));
    setAt(next);
    virtual.scrollToIndex(next);
    const row = () => scroll.current?.querySelector<HTMLElement>(`[data-event="${rows[next]?.id}"]`);
    const drawn = row();
    // A row that is drawn has the focus at once: the next key may come before the next frame.
    if (drawn) drawn.focus({ preventScroll: true });
    else window.requestAnimationFrame(() => row()?.focus({ preventScroll: true }));
  };
  const inside = () => scroll.current?.contains(document.activeElement) ?? false;
  useKeys({
    j: () => focus(inside() ? at + 1 : at),
    k: () => focus(inside() ? at - 1 : at),
    ArrowDown: () => focus(inside() ? at + 1 : at),
    ArrowUp: () => focus(inside() ? at - 1 : at),
    Escape: () => opened && setParams({ event: null }, true),
  });
  useEffect(() => {
    setAt((was) => Math.min(was, Math.max(0, rows.length - 1)));
  }, [rows.length]);
  const items = virtual.getVirtualItems();
  return (
    <div className="scroll rt" ref={scroll}>
      <div role="treegrid" aria-label={t("search.results")} aria-rowcount={rows.length + 1}>
        <div role="row" className="rr rh">
          {["time", "agency", "source", "src", "dst", "result", "text"].map((name) => (
            <span role="columnheader" key={name}>
              {t(`search.col_${name}`)}
            </span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const isOpen = row.id === opened;
            return (
              <div
                key={item.key}
                role="presentation"
                ref={virtual.measureElement}
                data-index={item.index}
                className="vr"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <Line row={row} opened={isOpen} here={item.index === at} onFocus={() => setAt(item.index)} />
                {isOpen ? (
                  <div role="row" aria-level={2} className="ex">
                    <div role="gridcell">
                      <Whole id={row.id} />
                    </div>
                  </div>
                ) : null}
              </div>
            );
          })}
        </div>
      </div>
      {more ? (
        <p className="more-rows">
          <button type="button" className="btn small" disabled={loading} onClick={more}>
            {t("search.more")}
          </button>
        </p>
      ) : null}
    </div>
  );
}
