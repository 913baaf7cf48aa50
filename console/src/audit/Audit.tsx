// 감사 기록: each change and each look at personal data, chained by hash; and whether the chain is whole.
import { keepPreviousData, useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { AuditEntry } from "../api/types";
import { useOnline } from "../app/live";
import { setParams, useParams } from "../app/router";
import { clock } from "../i18n/format";
import { useKnown, useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/Sheet";
import { Failed, Say } from "../ui/States";
import { Time } from "../ui/Time";

const AUDIT_ROWS = 100;
/** Beginnings of actions to filter by. */
const ACTIONS = [
  "alert",
  "block",
  "kill_switch",
  "policy",
  "source",
  "agent",
  "rule",
  "user",
  "role",
  "agency",
  "session",
];

function useColumns(): Column<AuditEntry>[] {
  const { t, count, nameOf, actorOf } = useWords();
  const known = useKnown();
  return [
    { key: "id", head: t("audit.number"), width: 84, cell: (entry) => <span className="mono">{count(entry.id)}</span> },
    { key: "at", head: t("audit.when"), width: 112, cell: (entry) => <Time at={entry.at} /> },
    {
      key: "actor",
      head: t("audit.who"),
      width: 170,
      cell: (entry) => (
        <>
          <span className="cut">{actorOf(entry.actor)}</span>
          <span className="who">
            {known("actor", entry.actor.kind)}
            {entry.address ? <span className="mono">{entry.address}</span> : null}
          </span>
        </>
      ),
    },
    { key: "action", head: t("audit.what"), width: 150, cell: (entry) => <span className="mono">{entry.action}</span> },
    {
      key: "object",
      head: t("audit.object"),
      cell: (entry) => (
        <>
          <b>{entry.object}</b>
          <span className="who">
            <span className="cut">{entry.text}</span>
          </span>
        </>
      ),
    },
    {
      key: "agency",
      head: t("field.agency"),
      width: 110,
      cell: (entry) => (entry.agency ? nameOf(entry.agency) : null),
    },
    {
      key: "hash",
      head: t("audit.hash"),
      width: 120,
      cell: (entry) => (
        <span className="mono hash" title={entry.hash}>
          {entry.hash.slice(0, 12)}
        </span>
      ),
    },
  ];
}

function Verify() {
  const { t, count } = useWords();
  const online = useOnline();
  const verify = useMutation({ mutationFn: () => api.get("/api/audit/verify") });
  const chain = verify.data;
  return (
    <span className="row" role="status">
      {verify.error ? <Failed what={t("audit.verify_failed")} error={verify.error} /> : null}
      {chain ? (
        chain.whole ? (
          <span className="tag ok">
            <Icon sign="check" size={14} />
            {t("audit.whole", { n: count(chain.entries), time: clock(chain.as_of) })}
          </span>
        ) : (
          <span className="tag bad">
            <Icon sign="cross" size={14} />
            {t("audit.broken", { n: count(chain.first_bad ?? 0) })}
          </span>
        )
      ) : null}
      <button
        type="button"
        className="btn small"
        disabled={!online || verify.isPending}
        onClick={() => verify.mutate()}
      >
        {t("audit.verify")}
      </button>
    </span>
  );
}

export default function Audit() {
  const { t, count } = useWords();
  const params = useParams();
  const action = params.get("action") ?? "";
  const q = params.get("q") ?? "";
  const [typed, setTyped] = useState(q);
  const columns = useColumns();
  const query = useInfiniteQuery({
    queryKey: ["audit", action, q],
    queryFn: ({ pageParam, signal }) =>
      api.get("/api/audit", {
        query: { action: action || undefined, q: q || undefined, limit: AUDIT_ROWS, cursor: pageParam ?? undefined },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const first = query.data?.pages[0];
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  return (
    <Sheet
      title={t("settings.audit")}
      query={query}
      failed={t("audit.failed")}
      asOf={first?.as_of}
      counted={first ? t("audit.counted", { n: count(first.total) }) : undefined}
      actions={<Verify />}
      below={
        <>
          <label className="chip">
            <i>{t("audit.what")}</i>
            <select value={action} onChange={(event) => setParams({ action: event.target.value })}>
              <option value="">{t("queue.any")}</option>
              {ACTIONS.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </label>
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
                aria-label={t("audit.find")}
                placeholder={t("audit.find")}
              />
            </form>
          </search>
        </>
      }
    >
      {rows.length === 0 ? (
        <Say title={t("audit.none")} />
      ) : (
        <>
          <DataTable twoLine label={t("settings.audit")} columns={columns} rows={rows} id={(entry) => entry.id} />
          {query.hasNextPage ? (
            <p className="more-rows">
              <button
                type="button"
                className="btn small"
                disabled={query.isFetchingNextPage}
                onClick={() => void query.fetchNextPage()}
              >
                {t("audit.more")}
              </button>
            </p>
          ) : null}
        </>
      )}
    </Sheet>
  );
}
