// 관제: what is first, and what do I do? Filters and the open alert live in the address; the table stays beside the panel.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../api/client";
import { useKeys } from "../app/keys";
import { useLive, useOnline } from "../app/live";
import { useNow } from "../app/now";
import { useRoomy } from "../app/prefs";
import { go, intParam, setParams, useParams } from "../app/router";
import { useCan, useMe } from "../app/session";
import { BlockPanel } from "../block/BlockPanel";
import { BlockDrawer } from "../block/Drawer";
import { when } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Icon } from "../ui/Icon";
import { Failed, Say, Skeleton } from "../ui/States";
import { Values } from "../ui/Value";
import { AlertPanel } from "./AlertPanel";
import { useAlertActions } from "./actions";
import { BulkBar, BulkClose } from "./Bulk";
import { QueueFilters, readFilters } from "./Filters";
import { QueueFoot } from "./Foot";
import { QueueTable } from "./QueueTable";
import { useQueueRows } from "./rows";
import "./queue.css";

const TABS = ["mine", "all", "closed"] as const;

/** What a person is writing for an alert. */
export type Doing = "close" | "note" | null;

export default function Queue() {
  const { t, count, rate, language } = useWords();
  const params = useParams();
  const me = useMe();
  const can = useCan();
  const online = useOnline();
  const roomy = useRoomy();
  const now = useNow();
  const { overview } = useLive();
  const search = params.toString();
  const filters = useMemo(() => readFilters(new URLSearchParams(search)), [search]);
  const queue = useQueueRows(filters);
  const actions = useAlertActions(queue);
  const tab = filters.tab ?? "mine";

  const opened = intParam(params, "alert");
  const blockShown = intParam(params, "block");
  const drawer = params.get("do") === "block";
  const target = params.get("target");

  const [cursorWanted, setCursor] = useState<number | null>(null);
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  const [anchor, setAnchor] = useState<number | null>(null);
  const [doing, setDoing] = useState<Doing>(null);
  const [closingMany, setClosingMany] = useState(false);
  const list = useRef<HTMLDivElement>(null);

  const sections = useMemo(() => {
    if (tab !== "mine") return [{ title: null, rows: queue.rows }];
    const mine = queue.rows.filter((row) => row.owner && row.owner.id === me?.id);
    const rest = queue.rows.filter((row) => !row.owner || row.owner.id !== me?.id);
    return [
      { title: t("queue.mine"), rows: mine },
      { title: t("queue.unowned"), rows: rest },
    ].filter((section) => section.rows.length > 0);
  }, [queue.rows, tab, me?.id, t]);
  const ids = useMemo(() => sections.flatMap((section) => section.rows.map((row) => row.id)), [sections]);
  const cursor = cursorWanted !== null && ids.includes(cursorWanted) ? cursorWanted : (ids[0] ?? null);
  const row = queue.rows.find((each) => each.id === (opened ?? cursor)) ?? null;

  const focusRow = useCallback((id: number | null | undefined) => {
    if (id === null || id === undefined) return;
    setCursor(id);
    window.requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-alert="${id}"]`)?.focus());
  }, []);
  const open = useCallback((id: number) => {
    setCursor(id);
    setDoing(null);
    setClosingMany(false);
    setParams({ alert: id, do: null, target: null, block: null });
  }, []);
  const closePanel = useCallback(() => {
    setDoing(null);
    setClosingMany(false);
    setParams({ alert: null, do: null, target: null, block: null });
    focusRow(opened ?? cursor);
  }, [focusRow, opened, cursor]);
  const backToAlert = useCallback(() => {
    setParams({ do: null, target: null, block: null });
    if (opened === null) focusRow(cursor);
  }, [opened, cursor, focusRow]);

  // The first row is under the hand when the page opens, so that keys act at once.
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current || ids.length === 0) return;
    begun.current = true;
    if (document.activeElement === document.body) focusRow(opened ?? ids[0]);
  }, [ids, opened, focusRow]);

  const after = useCallback(
    (leaving: number[]) => {
      const at = ids.findIndex((id) => leaving.includes(id));
      return (
        ids.slice(at + 1).find((id) => !leaving.includes(id)) ??
        [...ids].reverse().find((id) => !leaving.includes(id)) ??
        null
      );
    },
    [ids],
  );
  const move = (step: number) => {
    const at = cursor === null ? -1 : ids.indexOf(cursor);
    const next = ids[Math.min(ids.length - 1, Math.max(0, at + step))];
    if (next === undefined) return;
    focusRow(next);
    if (opened !== null && !drawer && blockShown === null) {
      setDoing(null);
      setParams({ alert: next }, true);
    }
  };
  const targets = () =>
    selected.size > 0 ? [...selected] : opened !== null ? [opened] : cursor !== null ? [cursor] : [];
  const select = (id: number, range: boolean) => {
    setSelected((was) => {
      const next = new Set(was);
      const from = anchor === null ? -1 : ids.indexOf(anchor);
      if (range && from >= 0) {
        const to = ids.indexOf(id);
        for (const each of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(each);
      } else if (next.has(id)) next.delete(id);
      else next.add(id);
      return next;
    });
    setAnchor(id);
    setCursor(id);
  };
  const acknowledge = () => {
    const wanted = targets();
    if (!can.work_alerts || !online || wanted.length === 0) return;
    const next = after(wanted);
    void actions.acknowledge(wanted).then(() => setSelected(new Set()));
    focusRow(wanted.length === 1 && opened === null ? next : cursor);
  };
  const startClose = () => {
    if (!can.work_alerts || tab === "closed") return;
    if (selected.size > 0) {
      setClosingMany(true);
      return;
    }
    const id = opened ?? cursor;
    if (id === null) return;
    if (opened !== id) open(id);
    setDoing("close");
  };
  const startNote = () => {
    const id = opened ?? cursor;
    if (!can.work_alerts || id === null) return;
    if (opened !== id) open(id);
    setDoing("note");
  };
  const startBlock = () => {
    const id = opened ?? cursor;
    if (!can.request_blocks || id === null) return;
    const found = queue.rows.find((each) => each.id === id);
    const standing =
      found?.block && ["approved", "applying", "applied"].includes(found.block.state) ? found.block.id : null;
    setCursor(id);
    setParams({ alert: id, target: null, do: standing ? null : "block", block: standing });
  };
  const undoBlock = useCallback(
    async (id: number) => {
      await api.post("/api/blocks/{id}/undo", { path: { id }, body: { reason: t("block.undo_reason") } });
      queue.again();
    },
    [queue.again, t],
  );
  const undo = () => {
    if (!online) return;
    void actions.undo(undoBlock).then((did) => {
      if (did) focusRow(did.ids[0]);
    });
  };
  const inList = !drawer && blockShown === null;
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => inList && cursor !== null && open(cursor),
    x: () => cursor !== null && can.work_alerts && select(cursor, false),
    "Shift+x": () => cursor !== null && can.work_alerts && select(cursor, true),
    a: acknowledge,
    b: startBlock,
    c: startClose,
    n: startNote,
    u: undo,
    Escape: () => setSelected(new Set()),
  });

  const total = queue.page?.total ?? 0;
  const filtered = ["severity", "agency", "q", "rule", "entity", "state"].some((name) => params.has(name));
  const panel = closingMany ? (
    <BulkClose
      count={selected.size}
      onClose={() => {
        setClosingMany(false);
        focusRow(cursor);
      }}
      onSubmit={async (verdict, reason) => {
        const wanted = [...selected];
        const next = after(wanted);
        const whole = await actions.close(wanted, verdict, reason);
        setSelected(new Set());
        setClosingMany(false);
        if (whole) focusRow(next);
      }}
    />
  ) : drawer ? (
    <BlockDrawer
      key={`${opened}-${target}`}
      alert={opened}
      target={target}
      onClose={backToAlert}
      onMade={(block) => {
        if (opened !== null) actions.blocked(opened, block.id);
        setParams({ do: null, target: null, block: block.id }, true);
        queue.again();
      }}
    />
  ) : blockShown !== null ? (
    <BlockPanel drawer key={blockShown} id={blockShown} onClose={backToAlert} onChanged={queue.again} />
  ) : opened !== null ? (
    <AlertPanel
      id={opened}
      row={row}
      doing={doing}
      setDoing={setDoing}
      actions={actions}
      onClose={closePanel}
      onBlock={startBlock}
      onAcknowledge={acknowledge}
      onClosed={() => {
        const next = after([opened]);
        setDoing(null);
        if (next === null) closePanel();
        else {
          setParams({ alert: next }, true);
          focusRow(next);
        }
      }}
    />
  ) : null;

  return (
    <Values
      actions={{
        onQuery: (q) => go(`/search?q=${encodeURIComponent(q)}`),
        onBlock: can.request_blocks ? (value) => setParams({ do: "block", target: value, block: null }) : undefined,
      }}
    >
      <div className={panel ? "work open" : "work"}>
        <div className="list">
          <div>
            <div className="bar">
              <h1>{t("page.queue")}</h1>
              <fieldset className="seg" aria-label={t("queue.tabs")}>
                {TABS.map((each) => (
                  <button
                    key={each}
                    type="button"
                    aria-pressed={tab === each}
                    onClick={() =>
                      setParams({ tab: each === "mine" ? null : each, alert: null, do: null, block: null })
                    }
                  >
                    {t(`queue.tab_${each}`)}
                  </button>
                ))}
              </fieldset>
              <span className="grow" />
              {queue.page ? (
                <span className="s13 t2 nowrap">
                  {t("queue.groups", { n: count(total) })} ·{" "}
                  {t("queue.detections", { n: count(queue.page.detections) })}
                </span>
              ) : null}
            </div>
            {selected.size > 0 ? (
              <BulkBar
                count={selected.size}
                progress={actions.progress}
                off={!online}
                onAcknowledge={acknowledge}
                onClose={startClose}
                onClear={() => setSelected(new Set())}
              />
            ) : (
              <QueueFilters filters={filters} agencies={queue.page?.agencies ?? []} />
            )}
          </div>
          {actions.error ? (
            <div className="bulk">
              <Failed what={t("queue.action_failed")} error={actions.error} again={undefined} />
              <button type="button" className="btn small" onClick={actions.clearError}>
                {t("action.seen")}
              </button>
            </div>
          ) : (
            <div />
          )}
          <div className="scroll tw" ref={list}>
            {queue.waiting > 0 ? (
              <button
                type="button"
                className="fresh"
                onClick={() => {
                  queue.refresh();
                  focusRow(cursor);
                }}
              >
                <Icon sign="down" size={14} />
                {t("queue.waiting", { n: count(queue.waiting) })}
              </button>
            ) : null}
            {queue.error && queue.rows.length === 0 ? (
              <div className="say">
                <Failed what={t("queue.failed")} error={queue.error} again={queue.again} />
              </div>
            ) : queue.isPending ? (
              <Skeleton rows={8} />
            ) : queue.rows.length === 0 ? (
              <Say
                title={t(filtered ? "queue.none_match" : tab === "closed" ? "queue.none_closed" : "queue.none")}
                actions={
                  filtered ? (
                    <button
                      type="button"
                      className="btn"
                      onClick={() => go(`/queue${tab === "mine" ? "" : `?tab=${tab}`}`)}
                    >
                      {t("queue.clear")}
                    </button>
                  ) : tab === "mine" ? (
                    <button type="button" className="btn" onClick={() => setParams({ tab: "all" })}>
                      {t("queue.show_all")}
                    </button>
                  ) : null
                }
              >
                {overview
                  ? t("queue.flowing", {
                      n: rate(overview.events_per_second),
                      time: overview.last_event_at ? when(overview.last_event_at, now) : t("none"),
                    })
                  : null}
              </Say>
            ) : (
              <div className={selected.size > 0 ? "picking" : undefined}>
                <QueueTable
                  sections={sections}
                  wide={roomy && !panel}
                  cursor={cursor}
                  opened={opened}
                  selected={selected}
                  gone={queue.gone}
                  caption={t("queue.caption", { n: count(total) })}
                  canSelect={can.work_alerts}
                  onCursor={setCursor}
                  onOpen={open}
                  onSelect={select}
                />
                {queue.page?.next ? (
                  <p className="say t3">
                    {t("queue.first_rows", { n: count(queue.rows.length), total: count(total) })}
                  </p>
                ) : null}
              </div>
            )}
          </div>
          <QueueFoot last={actions.last} onUndo={undo} language={language} />
        </div>
        {panel}
      </div>
    </Values>
  );
}
