// Counts over time, to brush: drag, or arrow keys with Shift, then "only this". Drawn in SVG so that it follows the theme by
// itself; a table stands behind a button.
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from "react";
import type { Histogram as Data } from "../api/types";
import { useKeys } from "../app/keys";
import { now } from "../app/now";
import { when } from "../i18n/format";
import { useWords } from "../i18n/use";

const WIDTH = 1_140;
const HEIGHT = 64;

interface Brush {
  from: number;
  to: number;
}

const ordered = (brush: Brush): Brush => (brush.from <= brush.to ? brush : { from: brush.to, to: brush.from });

export function Histogram({ data, onNarrow }: { data: Data; onNarrow: (from: string, to: string) => void }) {
  const { t, count } = useWords();
  const place = useRef<SVGSVGElement>(null);
  const [brush, setBrush] = useState<Brush | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const [table, setTable] = useState(false);
  const dragging = useRef(false);
  const n = data.counts.length;
  const most = Math.max(1, ...data.counts);
  const step = WIDTH / Math.max(1, n);
  const start = new Date(data.from).getTime();
  const edge = (i: number) => new Date(start + i * data.bucket_seconds * 1000).toISOString();
  const label = (i: number) => when(edge(i), now());
  const total = data.counts.reduce((sum, each) => sum + each, 0);
  const peak = data.counts.indexOf(Math.max(...data.counts));

  useEffect(() => {
    void data;
    setBrush(null);
    setCursor(null);
  }, [data]);
  useKeys({ Escape: () => setBrush(null) }, brush !== null);

  const bucketAt = (event: PointerEvent) => {
    const box = place.current?.getBoundingClientRect();
    if (!box || box.width === 0) return 0;
    return Math.min(n - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * n)));
  };
  const narrow = () => {
    if (!brush) return;
    const { from, to } = ordered(brush);
    onNarrow(edge(from), edge(to + 1));
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "Enter" && brush) narrow();
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const at = cursor ?? n - 1;
      const next = Math.min(n - 1, Math.max(0, at + (event.key === "ArrowRight" ? 1 : -1)));
      setCursor(next);
      setBrush(event.shiftKey ? { from: brush?.from ?? at, to: next } : { from: next, to: next });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const chosen = brush ? ordered(brush) : null;
  const chosenCount = chosen ? data.counts.slice(chosen.from, chosen.to + 1).reduce((sum, each) => sum + each, 0) : 0;
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * n));
  return (
    <div className="hgp">
      <div className="hg-said" role="status">
        {chosen ? (
          <>
            {t("search.chosen")} <b>{`${label(chosen.from)}~${label(chosen.to + 1)}`}</b>{" "}
            <span className="t3">{t("search.total", { n: count(chosenCount) })}</span>
            <button type="button" className="btn small" onClick={narrow}>
              {t("search.narrow")}
            </button>
          </>
        ) : null}
        <button type="button" className="btn small quiet" aria-expanded={table} onClick={() => setTable(!table)}>
          {t(table ? "chart.as_chart" : "chart.as_table")}
        </button>
      </div>
      {table ? (
        <div className="scroll hg-table" tabIndex={0} role="region" aria-label={t("chart.as_table")}>
          <table className="grid">
            <thead>
              <tr>
                <th scope="col">{t("search.from")}</th>
                <th scope="col" className="num">
                  {t("search.events")}
                </th>
              </tr>
            </thead>
            <tbody>
              {data.counts.map((each, i) => (
                <tr key={edge(i)}>
                  <td>{label(i)}</td>
                  <td className="num">{count(each)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <>
          <svg
            ref={place}
            className="hg"
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            width="100%"
            height={HEIGHT}
            preserveAspectRatio="none"
            tabIndex={0}
            role="slider"
            aria-label={t("search.histogram", { total: count(total), at: label(Math.max(0, peak)) })}
            aria-valuemin={0}
            aria-valuemax={n - 1}
            aria-valuenow={cursor ?? n - 1}
            aria-valuetext={`${label(cursor ?? n - 1)}, ${t("search.total", { n: count(data.counts[cursor ?? n - 1] ?? 0) })}`}
            onKeyDown={key}
            onPointerDown={(event) => {
              dragging.current = true;
              place.current?.setPointerCapture(event.pointerId);
              const at = bucketAt(event);
              setBrush({ from: at, to: at });
              setCursor(at);
            }}
            onPointerMove={(event) => {
              if (!dragging.current) return;
              const at = bucketAt(event);
              setBrush((was) => was && { ...was, to: at });
              setCursor(at);
            }}
            onPointerUp={() => {
              dragging.current = false;
            }}
          >
            <path d={`M0 16H${WIDTH}M0 40H${WIDTH}`} stroke="var(--chart-grid)" />
            {chosen ? (
              <rect
                x={chosen.from * step}
                y={0}
                width={(chosen.to - chosen.from + 1) * step}
                height={HEIGHT}
                fill="var(--ember-soft)"
              />
            ) : null}
            {data.counts.map((each, i) => {
              const h = each === 0 ? 0 : Math.max(1.5, (each / most) * (HEIGHT - 4));
              const dark = chosen ? i >= chosen.from && i <= chosen.to : i === n - 1;
              return (
                <rect
                  key={i}
                  x={i * step + 1.5}
                  y={HEIGHT - h}
                  width={Math.max(1, step - 3)}
                  height={h}
                  fill={dark ? "var(--chart-now)" : "var(--chart-2)"}
                >
                  <title>{`${label(i)} · ${count(each)}`}</title>
                </rect>
              );
            })}
            {chosen ? (
              <path
                d={`M${chosen.from * step} 0v${HEIGHT}M${(chosen.to + 1) * step} 0v${HEIGHT}`}
                stroke="var(--ember)"
                strokeWidth="2"
                vectorEffect="non-scaling-stroke"
              />
            ) : null}
          </svg>
          <div className="ax">
            {marks.map((mark, i) => (
              <span key={mark}>
                {label(mark)}
                {i === marks.length - 1 ? " KST" : null}
              </span>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
