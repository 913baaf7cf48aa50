// 차단: what is denied now, what waits for a decision, what ended and why.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { LiveMark, ScopeMark } from "../alert/Foot";
import { api } from "../api/client";
import type { Block } from "../api/types";
import { useKeys } from "../app/keys";
import { useLive } from "../app/live";
import { useNow } from "../app/now";
import { intParam, setParams, useParams } from "../app/router";
import { useCan } from "../app/session";
import { clock } from "../i18n/format";
import { useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Example } from "../ui/Example";
import { Icon } from "../ui/Icon";
import { Failed, Say, Skeleton } from "../ui/States";
import { Time } from "../ui/Time";
import { BlockPanel } from "./BlockPanel";
import { BlockDrawer } from "./Drawer";
import { standing } from "./words";

const TABS = ["in_force", "waiting", "ended", "all"] as const;
const BLOCK_ROWS_MAX = 200;

function StateTag({ block }: { block: Block }) {
  const { t } = useWords();
  if (block.state === "applied") {
    const bad = block.effect === "inserted_not_effective";
    return (
      <span className={`tag ${block.dry_run ? "hatch" : bad ? "bad" : "ok"}`}>
        <Icon sign={bad ? "cross" : "check"} size={14} />
        {t(block.dry_run ? "block_state.applied_dry" : "block_state.applied")}
      </span>
    );
  }
  if (block.state === "proposed")
    return (
      <span className={block.waiting ? "tag" : "tag prop"}>
        {t(block.waiting ? "block_state.waiting" : "block_state.proposed")}
      </span>
    );
  return <span className={block.state === "refused" ? "tag bad" : "tag"}>{t(`block_state.${block.state}`)}</span>;
}

function useColumns(): Column<Block>[] {
  const { t, count, duration, nameOf, actorOf } = useWords();
  const now = useNow();
  const left = (block: Block) => (new Date(block.expires_at).getTime() - now) / 1000;
  return [
    {
      key: "state",
      head: t("block.state"),
      width: 116,
      cell: (block) => <StateTag block={block} />,
      sort: (block) => block.state,
    },
    {
      key: "target",
      head: t("block.target"),
      cell: (block) => (
        <>
          <b className="mono">{block.target}</b>
          <span className="who">
            <span className="cut">{block.reason}</span>
            <Example is={block.example} />
          </span>
        </>
      ),
      sort: (block) => block.target,
    },
    {
      key: "agency",
      head: t("field.agency"),
      width: 120,
      cell: (block) => nameOf(block.agency),
      sort: (block) => block.agency.name,
    },
    {
      key: "by",
      head: t("block.by"),
      width: 220,
      cell: (block) => (
        <>
          <span className="cut">{actorOf(block.requested_by)}</span>
          <span className="who">
            {t(`actor.${block.requested_by.kind}`)} · <Time at={block.requested_at} />
          </span>
        </>
      ),
      sort: (block) => block.requested_at,
    },
    {
      key: "left",
      head: t("block.time_left"),
      width: 104,
      num: true,
      cell: (block) =>
        standing(block) && left(block) > 0 ? (
          duration(left(block))
        ) : (
          <span className="t3">{t("block.up_to", { time: clock(block.expires_at).slice(0, 5) })}</span>
        ),
      sort: (block) => block.expires_at,
    },
    {
      key: "effect",
      head: t("block.effect"),
      width: 124,
      cell: (block) => (standing(block) ? t(`effect.${block.effect}`) : null),
      sort: (block) => block.effect,
    },
    {
      key: "dropped",
      head: t("block.dropped"),
      width: 120,
      num: true,
      cell: (block) =>
        block.packets_dropped === null || block.packets_dropped === undefined ? null : count(block.packets_dropped),
      sort: (block) => block.packets_dropped ?? -1,
    },
  ];
}

function Empty({ tab, filtered }: { tab: string; filtered: boolean }) {
  const { t, rate } = useWords();
  const { overview } = useLive();
  return (
    <Say
      title={t(filtered ? "block.none_match" : `block.none_${tab}`)}
      actions={
        tab === "all" && !filtered ? null : (
          <button type="button" className="btn" onClick={() => setParams({ tab: "all", q: null })}>
            {t("queue.show_all")}
          </button>
        )
      }
    >
      {overview ? t("block.flowing", { n: rate(overview.events_per_second) }) : null}
    </Say>
  );
}

export default function Blocks() {
  const { t, count } = useWords();
  const params = useParams();
  const can = useCan();
  const wanted = params.get("tab");
  const tab = TABS.find((each) => each === wanted) ?? "in_force";
  const q = params.get("q") ?? "";
  const opened = intParam(params, "block");
  const making = params.get("do") === "block";
  const [typed, setTyped] = useState(q);
  const columns = useColumns();
  const query = useQuery({
    queryKey: ["blocks", tab, q],
    queryFn: ({ signal }) =>
      api.get("/api/blocks", { query: { tab, q: q || undefined, limit: BLOCK_ROWS_MAX }, signal }),
    placeholderData: keepPreviousData,
  });
  const close = () => setParams({ block: null, do: null });
  useKeys({ b: () => can.request_blocks && setParams({ do: "block", block: null }) });
  const narrow = opened !== null || making;
  const shown = narrow ? columns.filter((column) => !["agency", "effect", "by"].includes(column.key)) : columns;
  return (
    <div className={narrow ? "work open" : "work"}>
      <div className="list blocks">
        <div>
          <div className="bar">
            <h1>{t("page.blocks")}</h1>
            <fieldset className="seg" aria-label={t("page.blocks")}>
              {TABS.map((each) => (
                <button
                  key={each}
                  type="button"
                  aria-pressed={tab === each}
                  onClick={() => setParams({ tab: each === "in_force" ? null : each, block: null, do: null })}
                >
                  {t(`block.tab_${each}`)}
                </button>
              ))}
            </fieldset>
            <span className="grow" />
            {query.data ? (
              <span className="s13 t2 nowrap">
                {t("block.total", { n: count(query.data.total), time: clock(query.data.as_of) })}
              </span>
            ) : null}
          </div>
          <div className="chips">
            <search>
              <form
                onSubmit={(event) => {
                  event.preventDefault();
                  setParams({ q: typed.trim() });
                }}
              >
                <input
                  className="input find"
                  value={typed}
                  onChange={(event) => setTyped(event.target.value)}
                  aria-label={t("block.find")}
                  placeholder={t("block.find")}
                />
              </form>
            </search>
            <span className="grow" />
            {can.request_blocks ? (
              <button type="button" className="btn small" onClick={() => setParams({ do: "block", block: null })}>
                <Icon sign="plus" size={14} />
                {t("block.new")} <kbd>b</kbd>
              </button>
            ) : null}
          </div>
        </div>
        <div />
        <div className="scroll tw">
          {query.error && !query.data ? (
            <div className="say">
              <Failed what={t("block.list_failed")} error={query.error} again={() => void query.refetch()} />
            </div>
          ) : !query.data ? (
            <Skeleton />
          ) : query.data.rows.length === 0 ? (
            <Empty tab={tab} filtered={q !== ""} />
          ) : (
            <DataTable
              twoLine
              label={t("page.blocks")}
              columns={shown}
              rows={query.data.rows}
              id={(block) => block.id}
              opened={opened}
              onOpen={(block) => setParams({ block: block.id, do: null })}
            />
          )}
        </div>
        <div className="foot">
          <LiveMark />
          <ScopeMark />
        </div>
      </div>
      {making ? (
        <BlockDrawer
          alert={null}
          target={params.get("target")}
          onClose={close}
          onMade={(block) => setParams({ do: null, target: null, block: block.id }, true)}
        />
      ) : opened !== null ? (
        <BlockPanel key={opened} id={opened} onClose={close} />
      ) : null}
    </div>
  );
}
