// 에이전트: the programs at the offices that collect and enforce; tokens to enrol them; revocation.
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Agent } from "../api/types";
import { useOnline } from "../app/live";
import { intParam, setParams, useParams } from "../app/router";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/Sheet";
import { Say } from "../ui/States";
import { Time } from "../ui/Time";
import { AgentPanel } from "./AgentPanel";
import { NewToken } from "./NewToken";

const REFRESH_MS = 10_000;

export function AgentState({ state }: { state: string }) {
  const known = useKnown();
  const look = state === "away" ? "bad" : state === "connected" ? "ok" : "";
  return <span className={`tag ${look}`}>{known("agent_state", state)}</span>;
}

function useColumns(): Column<Agent>[] {
  const { t, count, rate, bytes, nameOf } = useWords();
  const known = useKnown();
  return [
    {
      key: "state",
      head: t("block.state"),
      width: 96,
      cell: (agent) => <AgentState state={agent.state} />,
      sort: (agent) => agent.state,
    },
    {
      key: "name",
      head: t("agent.name"),
      cell: (agent) => (
        <>
          <b>{agent.name}</b>
          <span className="who">
            <span className="mono">{agent.hostname ?? agent.address}</span>
            {agent.trouble ? <span className="warn cut">{agent.trouble}</span> : null}
          </span>
        </>
      ),
      sort: (agent) => agent.name,
    },
    {
      key: "agency",
      head: t("field.agency"),
      width: 110,
      cell: (agent) => nameOf(agent.agency),
      sort: (agent) => agent.agency.name,
    },
    {
      key: "enforce",
      head: t("agent.enforce"),
      width: 112,
      cell: (agent) => known("enforce", agent.enforce),
      sort: (agent) => agent.enforce,
    },
    {
      key: "rate",
      head: t("source.rate"),
      width: 84,
      num: true,
      cell: (agent) => (agent.rate > 0 ? rate(agent.rate) : null),
      sort: (agent) => agent.rate,
    },
    {
      key: "spool",
      head: t("agent.spool"),
      width: 110,
      num: true,
      cell: (agent) =>
        agent.spool_lines === null || agent.spool_lines === undefined
          ? null
          : t("agent.lines", { n: count(agent.spool_lines) }),
      sort: (agent) => agent.spool_lines ?? -1,
    },
    {
      key: "memory",
      head: t("agent.memory"),
      width: 84,
      num: true,
      cell: (agent) => (agent.rss_bytes ? bytes(agent.rss_bytes) : null),
      sort: (agent) => agent.rss_bytes ?? -1,
    },
    {
      key: "seen",
      head: t("agent.seen"),
      width: 104,
      cell: (agent) =>
        agent.last_seen_at ? <Time at={agent.last_seen_at} /> : <span className="t3">{t("source.never")}</span>,
      sort: (agent) => agent.last_seen_at ?? "",
    },
  ];
}

export default function Agents() {
  const { t, count, nameOf } = useWords();
  const params = useParams();
  const can = useCan();
  const online = useOnline();
  const opened = intParam(params, "agent");
  const adding = params.get("do") === "token";
  const query = useQuery({
    queryKey: ["agents"],
    queryFn: ({ signal }) => api.get("/api/agents", { signal }),
    refetchInterval: online ? REFRESH_MS : false,
  });
  const columns = useColumns();
  const close = () => setParams({ agent: null, do: null });
  const found = query.data?.rows.find((agent) => agent.id === opened);
  const panel = adding ? (
    <NewToken uplink={query.data?.uplink ?? null} onClose={close} />
  ) : found ? (
    <AgentPanel key={found.id} agent={found} onClose={close} />
  ) : null;
  const away = query.data?.rows.filter((agent) => agent.state === "away").length ?? 0;
  const tokens = query.data?.tokens ?? [];
  return (
    <Sheet
      title={t("settings.agents")}
      query={query}
      failed={t("agent.failed")}
      asOf={query.data?.as_of}
      counted={t("agent.counted", { n: count(query.data?.rows.length ?? 0), away: count(away) })}
      panel={panel}
      actions={
        can.administer ? (
          <button type="button" className="btn small" onClick={() => setParams({ do: "token", agent: null })}>
            <Icon sign="plus" size={14} />
            {t("agent.new_token")}
          </button>
        ) : undefined
      }
      below={
        query.data ? (
          <span className="sm t2">
            {query.data.uplink ? t("agent.uplink", { address: query.data.uplink }) : t("agent.no_uplink")}
            {tokens.map((token) => (
              <span key={`${token.name}-${token.expires_at}`}>
                {" · "}
                {t("agent.open_token", { name: token.name, agency: nameOf(token.agency) })}{" "}
                <Time at={token.expires_at} />
              </span>
            ))}
          </span>
        ) : undefined
      }
    >
      {query.data?.rows.length === 0 ? (
        <Say title={t("agent.none")}>{t("agent.none_text")}</Say>
      ) : (
        <DataTable
          twoLine
          label={t("settings.agents")}
          columns={
            panel ? columns.filter((column) => ["state", "name", "enforce", "seen"].includes(column.key)) : columns
          }
          rows={query.data?.rows ?? []}
          id={(agent) => agent.id}
          opened={opened}
          onOpen={(agent) => setParams({ agent: agent.id, do: null })}
        />
      )}
    </Sheet>
  );
}
