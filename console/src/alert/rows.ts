// The queue's rows under a person's hand. New alerts wait above instead of pushing; rows change in place; what left the
// query stays, marked, until the person takes the new state.
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../api/client";
import type { AlertPage, AlertRow, Query } from "../api/types";
import { onAlert } from "../app/live";

export type Filters = NonNullable<Query<"/api/alerts", "get">>;

/** Rows asked for at once. */
export const QUEUE_ROWS_MAX = 200;
/** Live changes ask again at most this often. */
const REFETCH_EVERY_MS = 1_500;

interface Held {
  key: string;
  order: number[];
  rows: Map<number, AlertRow>;
  gone: Set<number>;
}

function take(key: string, page: AlertPage): Held {
  return {
    key,
    order: page.rows.map((row) => row.id),
    rows: new Map(page.rows.map((row) => [row.id, row])),
    gone: new Set(),
  };
}

/** New state into held rows, without moving any. */
export function merge(held: Held, page: AlertPage): Held {
  const rows = new Map(held.rows);
  const found = new Set<number>();
  for (const row of page.rows) {
    found.add(row.id);
    if (rows.has(row.id)) rows.set(row.id, row);
  }
  const gone = page.next ? held.gone : new Set(held.order.filter((id) => !found.has(id)));
  return { ...held, rows, gone };
}

export interface QueueRows {
  rows: AlertRow[];
  gone: Set<number>;
  /** New rows that wait above. */
  waiting: number;
  page: AlertPage | undefined;
  isPending: boolean;
  error: unknown;
  /** Take the new state. */
  refresh: () => void;
  /** Rows this person changed: they change at once. */
  patch: (row: AlertRow) => void;
  drop: (ids: number[]) => void;
  again: () => void;
}

export function useQueueRows(filters: Filters): QueueRows {
  const key = JSON.stringify(filters);
  const query = useQuery({
    queryKey: ["alerts", key],
    queryFn: ({ signal }) => api.get("/api/alerts", { query: { ...filters, limit: QUEUE_ROWS_MAX }, signal }),
  });
  const { data, refetch } = query;
  const [held, setHeld] = useState<Held | null>(null);

  useEffect(() => {
    if (!data) return;
    setHeld((was) => (!was || was.key !== key || was.order.length === 0 ? take(key, data) : merge(was, data)));
  }, [data, key]);

  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    const off = onAlert(() => {
      timer.current ??= window.setTimeout(() => {
        timer.current = undefined;
        void refetch();
      }, REFETCH_EVERY_MS);
    });
    return () => {
      off();
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [refetch]);

  const refresh = useCallback(() => {
    if (data) setHeld(take(key, data));
    void refetch();
  }, [data, key, refetch]);
  const patch = useCallback((row: AlertRow) => {
    setHeld((was) => (was?.rows.has(row.id) ? { ...was, rows: new Map(was.rows).set(row.id, row) } : was));
  }, []);
  const drop = useCallback((ids: number[]) => {
    setHeld((was) => was && { ...was, order: was.order.filter((id) => !ids.includes(id)) });
  }, []);

  const mine = held?.key === key ? held : null;
  const rows = useMemo(() => (mine ? mine.order.flatMap((id) => mine.rows.get(id) ?? []) : []), [mine]);
  const waiting = mine && data ? data.rows.filter((row) => !mine.rows.has(row.id)).length : 0;
  return {
    rows,
    gone: mine?.gone ?? new Set(),
    waiting,
    page: data,
    isPending: query.isPending || (!mine && !query.error),
    error: query.error,
    refresh,
    patch,
    drop,
    again: () => void refetch(),
  };
}
