// What a person does to alerts, and how it is undone. The last action stays in the footer with its undo; several alerts go
// one after another with their progress shown.
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { api } from "../api/client";
import type { AlertRow, Verdict } from "../api/types";
import { now } from "../app/now";

/** An action can be undone with `u` this long. */
const UNDO_MS = 10 * 60_000;

export interface Did {
  kind: "acknowledged" | "closed" | "blocked" | "reopened" | "noted" | "undone";
  ids: number[];
  at: number;
  /** Block that `u` undoes. */
  block?: number;
}

export interface Progress {
  done: number;
  of: number;
  failed: number;
}

interface Hands {
  patch: (row: AlertRow) => void;
  /** A row that leaves the queue. */
  drop: (ids: number[]) => void;
  refresh: () => void;
}

export function useAlertActions({ patch, drop, refresh }: Hands) {
  const queries = useQueryClient();
  const [last, setLast] = useState<Did | null>(null);
  const [progress, setProgress] = useState<Progress | null>(null);
  const [error, setError] = useState<unknown>(null);
  const undoable = useRef<Did[]>([]);

  const each = useCallback(
    async (ids: number[], change: (id: number) => Promise<AlertRow>): Promise<number[]> => {
      const done: number[] = [];
      let failed = 0;
      let firstError: unknown = null;
      setError(null);
      if (ids.length > 1) setProgress({ done: 0, of: ids.length, failed: 0 });
      for (const id of ids) {
        try {
          patch(await change(id));
          done.push(id);
          void queries.invalidateQueries({ queryKey: ["alert", id] });
        } catch (cause) {
          failed += 1;
          firstError ??= cause;
        }
        if (ids.length > 1) setProgress({ done: done.length, of: ids.length, failed });
      }
      setProgress(null);
      setError(firstError);
      return done;
    },
    [patch, queries],
  );

  const remember = useCallback((did: Did, canUndo: boolean) => {
    setLast(did);
    if (canUndo) undoable.current.push(did);
  }, []);

  const acknowledge = useCallback(
    async (ids: number[]) => {
      const done = await each(ids, (id) => api.post("/api/alerts/{id}/acknowledge", { path: { id } }));
      if (done.length > 0) remember({ kind: "acknowledged", ids: done, at: now() }, true);
    },
    [each, remember],
  );

  const close = useCallback(
    async (ids: number[], verdict: Verdict, reason: string) => {
      const done = await each(ids, (id) =>
        api.post("/api/alerts/{id}/close", { path: { id }, body: { verdict, reason } }),
      );
      if (done.length > 0) {
        drop(done);
        remember({ kind: "closed", ids: done, at: now() }, true);
      }
      return done.length === ids.length;
    },
    [each, drop, remember],
  );

  const reopen = useCallback(
    async (ids: number[], kind: "reopened" | "undone" = "reopened") => {
      const done = await each(ids, (id) => api.post("/api/alerts/{id}/reopen", { path: { id } }));
      if (done.length > 0) {
        remember({ kind, ids: done, at: now() }, false);
        refresh();
      }
    },
    [each, refresh, remember],
  );

  const note = useCallback(
    async (id: number, text: string) => {
      setError(null);
      try {
        await api.post("/api/alerts/{id}/notes", { path: { id }, body: { text } });
        void queries.invalidateQueries({ queryKey: ["alert", id] });
        remember({ kind: "noted", ids: [id], at: now() }, false);
        return true;
      } catch (cause) {
        setError(cause);
        return false;
      }
    },
    [queries, remember],
  );

  /** A block was made from the drawer: `u` undoes it. */
  const blocked = useCallback(
    (alert: number, block: number) => remember({ kind: "blocked", ids: [alert], at: now(), block }, true),
    [remember],
  );

  /** Undo the newest action still young enough; answers what it was. */
  const undo = useCallback(
    async (undoBlock: (id: number) => Promise<void>): Promise<Did | null> => {
      const did = undoable.current.pop();
      if (!did || now() - did.at > UNDO_MS) return null;
      try {
        if (did.block !== undefined) {
          await undoBlock(did.block);
          remember({ ...did, kind: "undone", at: now() }, false);
        } else {
          await reopen(did.ids, "undone");
        }
      } catch (cause) {
        setError(cause);
      }
      return did;
    },
    [remember, reopen],
  );

  return { acknowledge, close, reopen, note, blocked, undo, last, progress, error, clearError: () => setError(null) };
}

export type AlertActions = ReturnType<typeof useAlertActions>;
