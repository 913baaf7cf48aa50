// One block: does it hold, where, until when, what it dropped, and how to end it. Undo is one action.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import type { Block } from "../api/types";
import { LEVEL, useKeys } from "../app/keys";
import { Link } from "../app/Link";
import { useOnline } from "../app/live";
import { useNow } from "../app/now";
import { useCan, useMe } from "../app/session";
import { clock, clockMs, hourMinute } from "../i18n/format";
import { useKnown, useWords } from "../i18n/use";
import { Bars } from "../ui/Bars";
import { Example } from "../ui/Example";
import { Icon } from "../ui/Icon";
import { Panel, Part } from "../ui/Panel";
import { Failed, Skeleton, Told } from "../ui/States";
import { Timeline } from "../ui/Timeline";
import { headline, standing } from "./words";
import "./block.css";

/** Asked again this often while it is young or on its way. */
const FOLLOW_MS = 2_000;
/** "Young": the effect is drawn over this time. */
const YOUNG_MS = 60_000;

interface Drops {
  at: number;
  seen: number | null;
  deltas: number[];
}

/** Packets dropped between two looks, newest last; `at` is when the center was last asked. */
function useDrops(block: Block | undefined, at: number): number[] {
  const drops = useRef<Drops>({ at: 0, seen: null, deltas: [] });
  const [shown, setShown] = useState<number[]>([]);
  const total = block?.packets_dropped ?? null;
  useEffect(() => {
    const was = drops.current;
    if (total === null || at === was.at) return;
    const delta = was.seen === null ? total : Math.max(0, total - was.seen);
    drops.current = { at, seen: total, deltas: [...was.deltas, delta].slice(-YOUNG_MS / FOLLOW_MS) };
    setShown(drops.current.deltas);
  }, [total, at]);
  return shown;
}

function Effect({ block }: { block: Block }) {
  const { t } = useWords();
  const look = block.effect === "effective" ? "ok" : block.effect === "inserted_not_effective" ? "bad" : "";
  return (
    <span className={`tag ${look}`}>
      {block.effect === "effective" ? <Icon sign="check" size={14} /> : null}
      {t(`effect.${block.effect}`)}
    </span>
  );
}

function Points({ block }: { block: Block }) {
  const { t, count, nameOf } = useWords();
  const known = useKnown();
  const applied = block.points.filter((point) => point.state === "applied").length;
  const failed = block.points.filter((point) => point.state === "failed" || point.state === "unreachable");
  return (
    <Part
      title={t("block.points")}
      note={
        !standing(block)
          ? null
          : applied === block.points.length
            ? t("block.all_confirmed", { n: applied })
            : t("block.some_confirmed", { n: applied, of: block.points.length })
      }
    >
      {failed.map((point) => (
        <Told key={point.point.id} what={t("block.point_failed", { point: nameOf(point.point) })}>
          {point.error}
        </Told>
      ))}
      <table className="pt">
        <thead>
          <tr>
            <th scope="col">{t("block.point")}</th>
            <th scope="col">{t("block.state")}</th>
            <th scope="col" className="num">
              {t("block.applied_at")}
            </th>
            <th scope="col" className="num">
              {t("block.dropped")}
            </th>
          </tr>
        </thead>
        <tbody>
          {block.points.map((point) => (
            <tr key={point.point.id}>
              <td>
                <b className="mono">{nameOf(point.point)}</b>
                <br />
                <span className="t3 sm">{known("device", point.device)}</span>
              </td>
              <td>
                <span
                  className={`tag ${point.state === "applied" ? "ok" : point.state === "failed" || point.state === "unreachable" ? "bad" : ""}`}
                >
                  {point.state === "applied" ? <Icon sign="check" size={14} /> : null}
                  {known("point_state", point.state)}
                </span>
              </td>
              <td className="num">
                {point.applied_at ? clockMs(point.applied_at).slice(0, 10) : null}
                {point.took_ms !== null && point.took_ms !== undefined ? (
                  <>
                    <br />
                    <span className="t3 sm">{t("block.took", { ms: count(Math.round(point.took_ms)) })}</span>
                  </>
                ) : null}
              </td>
              <td className="num">
                <b>
                  {point.packets_dropped === null || point.packets_dropped === undefined ? (
                    <span className="vh">{t("not_known")}</span>
                  ) : (
                    count(point.packets_dropped)
                  )}
                </b>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

function Figures({ block }: { block: Block }) {
  const { t, count, duration } = useWords();
  const now = useNow();
  const left = (new Date(block.expires_at).getTime() - now) / 1000;
  const on = standing(block);
  return (
    <section className="blk exp">
      <div>
        <span className="t2">{t(on || block.state === "proposed" ? "block.ends_at" : "block.was_until")}</span>
        <b>{clock(block.expires_at)}</b>
      </div>
      {on && left > 0 ? (
        <div>
          <span className="t2">{t("block.time_left")}</span>
          <b>{duration(left)}</b>
        </div>
      ) : null}
      <div>
        <span className="t2">{t("block.dropped")}</span>
        <b>
          {block.packets_dropped === null || block.packets_dropped === undefined ? (
            <span className="t3 s13">{t("not_known")}</span>
          ) : (
            count(block.packets_dropped)
          )}
        </b>
      </div>
    </section>
  );
}

interface Props {
  id: number;
  drawer?: boolean;
  onClose: () => void;
  onChanged?: () => void;
}

type Change = { what: "undo" | "approve" | "refuse"; reason: string };

export function BlockPanel({ id, drawer = false, onClose, onChanged }: Props) {
  const { t, duration, minutes, actorOf } = useWords();
  const known = useKnown();
  const can = useCan();
  const me = useMe();
  const online = useOnline();
  const queries = useQueryClient();
  const reason = useRef<HTMLInputElement>(null);
  const query = useQuery({
    queryKey: ["block", id],
    queryFn: ({ signal }) => api.get("/api/blocks/{id}", { path: { id }, signal }),
    refetchInterval: (q) => {
      const block = q.state.data;
      if (!block || !standing(block)) return false;
      const age = Date.now() - new Date(block.requested_at).getTime();
      return block.state !== "applied" || age < YOUNG_MS * 2 ? FOLLOW_MS : FOLLOW_MS * 5;
    },
  });
  const block = query.data;
  const deltas = useDrops(block, query.dataUpdatedAt);
  const change = useMutation({
    mutationFn: ({ what, reason: words }: Change) => {
      const input = { path: { id }, body: { reason: words } };
      if (what === "undo") return api.post("/api/blocks/{id}/undo", input);
      if (what === "approve") return api.post("/api/blocks/{id}/approve", input);
      return api.post("/api/blocks/{id}/refuse", input);
    },
    onSuccess: (changed) => {
      queries.setQueryData(["block", id], changed);
      void queries.invalidateQueries({ queryKey: ["blocks"] });
      if (changed.alert) void queries.invalidateQueries({ queryKey: ["alert", changed.alert] });
      onChanged?.();
    },
  });
  const canUndo = block !== undefined && can.request_blocks && (standing(block) || block.state === "proposed");
  const waits = block?.state === "proposed";
  const own = block?.requested_by.kind === "person" && block.requested_by.name === me?.display_name;
  const canDecide = waits && can.approve_blocks && !own;
  const say = (fallback: string) => reason.current?.value.trim() || t(fallback);
  const undo = () => {
    if (canUndo && online && !change.isPending) change.mutate({ what: "undo", reason: say("block.undo_reason") });
  };
  useKeys({ u: undo }, true, LEVEL.panel);
  if (!block) {
    return (
      <Panel drawer={drawer} label={t("block.title")} lead={<h2 className="mono">B-{id}</h2>} onClose={onClose}>
        {query.error ? (
          <Failed what={t("block.load_failed")} error={query.error} again={() => void query.refetch()} />
        ) : (
          <Skeleton rows={4} />
        )}
      </Panel>
    );
  }
  const head = headline(block);
  const took = Math.max(...block.points.map((point) => point.took_ms ?? 0), 0);
  const foot =
    canDecide || canUndo ? (
      <div className="go">
        {canDecide ? (
          <>
            <label className="vh" htmlFor="decide-reason">
              {t("field.reason")}
            </label>
            <input
              id="decide-reason"
              ref={reason}
              className="input"
              placeholder={t("block.decide_hint")}
              autoComplete="off"
            />
            <button
              type="button"
              className="btn primary main"
              disabled={!online || change.isPending}
              onClick={() => change.mutate({ what: "approve", reason: say("block.approved_reason") })}
            >
              {t("block.approve")}
            </button>
            <button
              type="button"
              className="btn"
              disabled={!online || change.isPending}
              onClick={() => change.mutate({ what: "refuse", reason: say("block.refused_reason") })}
            >
              {t("block.refuse")}
            </button>
          </>
        ) : null}
        {canUndo && !canDecide ? (
          <button type="button" className="btn main" disabled={!online || change.isPending} onClick={undo}>
            <Icon sign="undo" size={14} />
            {t(waits ? "block.withdraw" : "action.undo")} <kbd>u</kbd>
          </button>
        ) : null}
        <p className="sm t2">
          {canDecide
            ? t("block.approvals", { n: block.approved_by.length, of: block.approvals_needed })
            : t("block.grace_text")}
        </p>
        {change.error ? <Failed what={t("block.change_failed")} error={change.error} /> : null}
      </div>
    ) : undefined;
  return (
    <Panel
      drawer={drawer}
      label={t("block.title")}
      onClose={onClose}
      foot={foot}
      lead={
        <>
          <h2 className={`okh ${head.look}`}>
            {head.look === "ok" ? (
              <Icon sign="check" size={18} />
            ) : head.look === "bad" ? (
              <Icon sign="cross" size={18} />
            ) : null}
            <span role="status">{t(head.word)}</span>
          </h2>
          <span className="t3 sm">
            B-{block.id}
            {block.alert ? (
              <>
                {" · "}
                <Link href={`/queue?tab=all&alert=${block.alert}`}>{t("block.from_alert", { id: block.alert })}</Link>
              </>
            ) : null}
          </span>
          <Example is={block.example} />
        </>
      }
      head={
        <div className="target">
          <span className="mono">{block.target}</span>
          <span className="t2">
            {t(`done_by.${block.requested_by.kind}`)} · {actorOf(block.requested_by)} · {clock(block.requested_at)} ·{" "}
            {t("block.asked_for", { time: minutes(block.minutes) })}
            {took > 0
              ? ` · ${took < 1000 ? t("block.took", { ms: Math.round(took) }) : t("block.took_all", { s: (took / 1000).toFixed(1) })}`
              : ""}
          </span>
        </div>
      }
    >
      {block.refused_because ? (
        <section className="blk">
          <p className={block.state === "refused" ? "warn" : undefined}>
            {known("safety_refused", block.refused_by ?? "")}
          </p>
          <p className="t2 s13">{block.refused_because}</p>
        </section>
      ) : null}
      {block.state === "proposed" ? null : <Figures block={block} />}
      {standing(block) ? (
        <Part title={t("block.effect")} note={<Effect block={block} />}>
          {deltas.length > 1 ? (
            <>
              <Bars
                wide
                values={deltas}
                width={446}
                height={48}
                label={t("block.effect_text", { n: deltas.length, last: deltas.at(-1) ?? 0 })}
              />
              <div className="ax">
                <span>{t("block.opened")}</span>
                <span>{t("block.later", { time: duration(deltas.length * (FOLLOW_MS / 1000)) })}</span>
              </div>
            </>
          ) : null}
          <p className="t2 s13">{t(`effect_text.${block.effect}`)}</p>
        </Part>
      ) : null}
      {block.points.length > 0 ? <Points block={block} /> : null}
      <Part title={t("field.reason")}>
        <p>{block.reason}</p>
        {block.approved_by.length > 0 ? (
          <p className="t2 s13">{t("block.approved_by", { names: block.approved_by.map(actorOf).join(", ") })}</p>
        ) : null}
        {block.grace_until ? (
          <p className="t2 s13">{t("block.grace_until", { time: hourMinute(block.grace_until) })}</p>
        ) : null}
      </Part>
      <Part title={t("alert.timeline")}>
        <Timeline entries={block.timeline} />
      </Part>
    </Panel>
  );
}
