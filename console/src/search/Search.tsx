// 탐색: one box over all events in scope. The whole state lives in the address, so that a search can be shared.
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { ScopeMark } from "../alert/Foot";
import { api, Refused, url } from "../api/client";
import { useOnline } from "../app/live";
import { now } from "../app/now";
import { setParams, useParams } from "../app/router";
import { useCan } from "../app/session";
import { BlockPanel } from "../block/BlockPanel";
import { BlockDrawer } from "../block/Drawer";
import { clock } from "../i18n/format";
import { useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Failed, Say, Skeleton } from "../ui/States";
import { Values } from "../ui/Value";
import { Box } from "./Box";
import { Fields } from "./Fields";
import { Histogram } from "./Histogram";
import { term, withoutPipe } from "./query";
import { Rows } from "./Rows";
import { isLast, type Last, rangeFor } from "./range";
import "./search.css";

/** Rows of one page. */
export const SEARCH_ROWS = 200;
const BUCKETS = 48;

type Cell = unknown[];

function useAnswers(q: string, from: string, to: string, run: number) {
  const query = { q, from, to };
  const key = [q, from, to, run];
  const piped = q !== withoutPipe(q);
  const events = withoutPipe(q);
  const page = useInfiniteQuery({
    queryKey: ["search", ...key],
    queryFn: ({ pageParam, signal }) =>
      api.get("/api/search", { query: { ...query, limit: SEARCH_ROWS, cursor: pageParam ?? undefined }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const histogram = useQuery({
    queryKey: ["search-histogram", events, from, to, run],
    queryFn: ({ signal }) =>
      api.get("/api/search/histogram", { query: { ...query, q: events, buckets: BUCKETS }, signal }),
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
    retry: false,
  });
  return { page, histogram, piped };
}

function PipedTable({
  columns,
  rows,
  q,
  onQuery,
}: {
  columns: string[];
  rows: Cell[];
  q: string;
  onQuery: (q: string) => void;
}) {
  const { count } = useWords();
  const shown: Column<Cell>[] = columns.map((name, i) => {
    const figures = rows.every((row) => typeof row[i] === "number");
    return {
      key: name,
      head: name,
      num: figures,
      width: figures ? 140 : undefined,
      cell: (row) =>
        typeof row[i] === "number" ? count(row[i] as number) : <span className="mono">{String(row[i] ?? "")}</span>,
      sort: (row) => (typeof row[i] === "number" ? (row[i] as number) : String(row[i] ?? "")),
    };
  });
  const open = (row: Cell) => {
    const terms = columns.flatMap((name, i) =>
      typeof row[i] === "string" && row[i] !== "" && name !== "time" ? [term(name, row[i] as string)] : [],
    );
    if (terms.length > 0) onQuery([withoutPipe(q), ...terms].filter(Boolean).join(" "));
  };
  return <DataTable label={q} columns={shown} rows={rows} id={(row) => JSON.stringify(row)} onOpen={open} />;
}

export default function Search() {
  const { t, count, big } = useWords();
  const params = useParams();
  const can = useCan();
  const online = useOnline();
  const queries = useQueryClient();
  const q = params.get("q") ?? "";
  const asked = params.get("last");
  const last: Last = isLast(asked) ? asked : "24h";
  const fixedFrom = params.get("from");
  const fixedTo = params.get("to");
  const [run, setRun] = useState(0);
  const range = useMemo(() => {
    void run;
    return rangeFor(last, fixedFrom, fixedTo, now());
  }, [last, fixedFrom, fixedTo, run]);
  const { page, histogram, piped } = useAnswers(q, range.from, range.to, run);
  const [copied, setCopied] = useState(false);

  const find = (next: string) => {
    setRun((n) => n + 1);
    setParams({ q: next, event: null });
  };
  const narrow = (from: string, to: string) => setParams({ from, to, last: null, event: null });
  const first = page.data?.pages[0];
  const rows = useMemo(() => page.data?.pages.flatMap((each) => each.rows) ?? [], [page.data]);
  const making = params.get("do") === "block";
  const blockShown = params.get("block");
  const closePanel = () => setParams({ do: null, target: null, block: null });

  useEffect(() => {
    if (!copied) return;
    const timer = window.setTimeout(() => setCopied(false), 4_000);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const share = async () => {
    const address = new URL(url("/search", undefined, { q, from: range.from, to: range.to }), window.location.origin);
    await navigator.clipboard?.writeText(address.href);
    setCopied(true);
  };
  const exported = (format: string) =>
    url("/api/search/export", undefined, { q, from: range.from, to: range.to, format });
  const bad = page.error instanceof Refused && page.error.status === 400 ? page.error : null;

  return (
    <Values
      actions={{
        query: q,
        onQuery: find,
        onBlock: can.request_blocks ? (target) => setParams({ do: "block", target, block: null }) : undefined,
      }}
    >
      <div className={making || blockShown ? "work open" : "work"}>
        <div className="pg">
          <h1 className="vh">{t("page.search")}</h1>
          <Box
            key={q}
            q={q}
            last={fixedFrom || fixedTo ? null : last}
            range={range}
            busy={page.isFetching}
            onFind={find}
            onLast={(choice) => {
              setRun((n) => n + 1);
              setParams({ last: choice === "24h" ? null : choice, from: null, to: null, event: null });
            }}
            onStop={() => void queries.cancelQueries({ queryKey: ["search"] })}
          />
          <div className="hgw">
            {first ? (
              <div className="hgm" role="status">
                <b>{t(first.exact ? "search.total" : "search.at_least", { n: count(first.total) })}</b>
                <span className="t2">
                  {t("search.scanned", {
                    n: big(first.scanned),
                    s: (first.took_ms / 1000).toFixed(first.took_ms < 1000 ? 2 : 1),
                  })}{" "}
                  ·{" "}
                  {first.files_total > 0
                    ? `${t("search.files", { read: count(first.files_read), of: count(first.files_total) })} · `
                    : null}
                  {t("as_of", { time: clock(first.as_of) })}
                </span>
              </div>
            ) : (
              <div className="hgm" />
            )}
            {histogram.data && !bad ? (
              <Histogram data={histogram.data} onNarrow={narrow} />
            ) : (
              <div className="hg-wait" />
            )}
          </div>
          {bad ? (
            <div className="say">
              <Failed what={t("search.unreadable")} error={bad} />
            </div>
          ) : page.error ? (
            <div className="say">
              <Failed what={t("search.failed")} error={page.error} again={() => void page.refetch()} />
            </div>
          ) : (
            <div className="cols">
              <Fields q={withoutPipe(q)} from={range.from} to={range.to} run={run} total={first?.total ?? 0} />
              {!first ? (
                <Skeleton rows={10} />
              ) : piped && first.table ? (
                <div className="scroll">
                  <PipedTable columns={first.table.columns} rows={first.table.rows as Cell[]} q={q} onQuery={find} />
                </div>
              ) : rows.length === 0 ? (
                <Say
                  title={t("search.none")}
                  actions={
                    <>
                      <button
                        type="button"
                        className="btn"
                        onClick={() => setParams({ last: last === "7d" ? "90d" : "7d", from: null, to: null })}
                      >
                        {t(last === "7d" ? "search.widen_90" : "search.widen_7")}
                      </button>
                      {q ? (
                        <button type="button" className="btn quiet" onClick={() => find("")}>
                          {t("queue.clear")}
                        </button>
                      ) : null}
                    </>
                  }
                >
                  {t("search.none_text", { n: big(first.scanned) })}
                </Say>
              ) : (
                <Rows
                  rows={rows}
                  opened={params.get("event")}
                  more={page.hasNextPage ? () => void page.fetchNextPage() : null}
                  loading={page.isFetchingNextPage}
                />
              )}
            </div>
          )}
          <div className="foot">
            {first && !piped && rows.length > 0 ? (
              <span>{t("search.shown", { n: count(rows.length), of: count(first.total) })}</span>
            ) : null}
            <ScopeMark />
            <span className="grow" />
            {first && first.total > 0 && online ? (
              <span className="row">
                {t("search.export")}
                <a href={exported("csv")} download>
                  CSV
                </a>
                <a href={exported("jsonl")} download>
                  JSONL
                </a>
                <a href={exported("parquet")} download>
                  Parquet
                </a>
              </span>
            ) : null}
            <span role="status">
              <button type="button" className="btn linkish" onClick={() => void share()}>
                {t(copied ? "action.copied" : "search.share")}
              </button>
            </span>
          </div>
        </div>
        {making ? (
          <BlockDrawer
            key={params.get("target")}
            alert={null}
            target={params.get("target")}
            onClose={closePanel}
            onMade={(block) => setParams({ do: null, target: null, block: block.id }, true)}
          />
        ) : blockShown ? (
          <BlockPanel drawer id={Number(blockShown)} onClose={closePanel} />
        ) : null}
      </div>
    </Values>
  );
}
