// 출처: who sends, how fast, how late, how much could not be read; and who sends without being registered.
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Quarantined, Source } from "../api/types";
import { useOnline } from "../app/live";
import { intParam, setParams, useParams } from "../app/router";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { Bars } from "../ui/Bars";
import { type Column, DataTable } from "../ui/DataTable";
import { Example } from "../ui/Example";
import { Icon } from "../ui/Icon";
import { visible } from "../ui/Raw";
import { Sheet } from "../ui/Sheet";
import { Say } from "../ui/States";
import { Time } from "../ui/Time";
import { NewSource } from "./NewSource";
import { SourcePanel } from "./SourcePanel";

/** A share of unread lines above this is marked. */
const UNPARSED_BAD = 0.01;
/** A lag above this is marked, seconds. */
const LAG_BAD_S = 300;
/** Asked again this often: rates move. */
const REFRESH_MS = 10_000;

export function SourceState({ state }: { state: string }) {
  const known = useKnown();
  const look = state === "silent" ? "bad" : state === "live" ? "ok" : "";
  return <span className={`tag ${look}`}>{known("source_state", state)}</span>;
}

/** A bar for three minutes: sixty do not fit a cell. */
function threes(minutes: readonly number[]): number[] {
  return Array.from({ length: Math.ceil(minutes.length / 3) }, (_, i) =>
    minutes.slice(i * 3, i * 3 + 3).reduce((sum, each) => sum + each, 0),
  );
}

function useColumns(): Column<Source>[] {
  const { t, rate, percent, duration, nameOf } = useWords();
  return [
    {
      key: "state",
      head: t("block.state"),
      width: 96,
      cell: (source) => <SourceState state={source.state} />,
      sort: (source) => source.state,
    },
    {
      key: "name",
      head: t("source.name"),
      cell: (source) => (
        <>
          <b>{source.name}</b>
          <span className="who">
            <span className="mono">{source.from}</span>
            <span className="t3">{source.recognised ?? source.format}</span>
            <Example is={source.example} />
          </span>
        </>
      ),
      sort: (source) => source.name,
    },
    {
      key: "agency",
      head: t("field.agency"),
      width: 116,
      cell: (source) => nameOf(source.agency),
      sort: (source) => source.agency.name,
    },
    {
      key: "spark",
      head: t("source.hour"),
      width: 108,
      cell: (source) =>
        source.lines > 0 || source.state === "silent" ? (
          <Bars values={threes(source.sparkline)} width={92} height={20} />
        ) : null,
    },
    {
      key: "rate",
      head: t("source.rate"),
      width: 84,
      num: true,
      cell: (source) => (source.rate > 0 ? rate(source.rate) : null),
      sort: (source) => source.rate,
    },
    {
      key: "lag",
      head: t("source.lag"),
      width: 84,
      num: true,
      cell: (source) =>
        source.lag_seconds === null || source.lag_seconds === undefined ? null : (
          <span className={source.lag_seconds > LAG_BAD_S ? "warn" : undefined}>
            {source.lag_seconds < 10
              ? t("source.seconds", { s: source.lag_seconds.toFixed(1) })
              : duration(source.lag_seconds)}
          </span>
        ),
      sort: (source) => source.lag_seconds ?? -1,
    },
    {
      key: "unparsed",
      head: t("source.unparsed"),
      width: 92,
      num: true,
      cell: (source) =>
        source.unparsed_share === null || source.unparsed_share === undefined ? null : (
          <span className={source.unparsed_share > UNPARSED_BAD ? "warn" : undefined}>
            {percent(source.unparsed_share)}
          </span>
        ),
      sort: (source) => source.unparsed_share ?? -1,
    },
    {
      key: "seen",
      head: t("source.seen"),
      width: 116,
      cell: (source) =>
        source.last_seen_at ? <Time at={source.last_seen_at} /> : <span className="t3">{t("source.never")}</span>,
      sort: (source) => source.last_seen_at ?? "",
    },
  ];
}

function useQuarantineColumns(): Column<Quarantined>[] {
  const { t, count } = useWords();
  return [
    {
      key: "address",
      head: t("source.sender"),
      width: 150,
      cell: (each) => <b className="mono">{each.address}</b>,
      sort: (each) => each.address,
    },
    {
      key: "transport",
      head: t("source.transport"),
      width: 76,
      cell: (each) => each.transport.toUpperCase(),
      sort: (each) => each.transport,
    },
    {
      key: "lines",
      head: t("source.lines"),
      width: 88,
      num: true,
      cell: (each) => count(each.lines),
      sort: (each) => each.lines,
    },
    {
      key: "format",
      head: t("source.format"),
      width: 150,
      cell: (each) => each.recognised ?? <span className="t3">{t("source.unrecognised")}</span>,
      sort: (each) => each.recognised ?? "",
    },
    {
      key: "first",
      head: t("source.first"),
      width: 116,
      cell: (each) => <Time at={each.first_seen_at} />,
      sort: (each) => each.first_seen_at,
    },
    {
      key: "last",
      head: t("source.seen"),
      width: 84,
      cell: (each) => <Time at={each.last_seen_at} />,
      sort: (each) => each.last_seen_at,
    },
    {
      key: "sample",
      head: t("source.sample"),
      cell: (each) => <span className="mono cut">{visible(each.sample)}</span>,
    },
  ];
}

export default function Sources() {
  const { t, count } = useWords();
  const params = useParams();
  const can = useCan();
  const online = useOnline();
  const tab = params.get("tab") === "quarantine" && can.administer ? "quarantine" : "sources";
  const opened = intParam(params, "source");
  const sender = params.get("sender");
  const adding = params.get("do") === "add";
  const sources = useQuery({
    queryKey: ["sources"],
    queryFn: ({ signal }) => api.get("/api/sources", { signal }),
    refetchInterval: online ? REFRESH_MS : false,
  });
  const quarantine = useQuery({
    queryKey: ["quarantine"],
    queryFn: ({ signal }) => api.get("/api/quarantine", { signal }),
    enabled: can.administer,
  });
  const columns = useColumns();
  const quarantineColumns = useQuarantineColumns();
  const close = () => setParams({ source: null, sender: null, do: null });
  const found = sources.data?.rows.find((source) => source.id === opened);
  const unknown = quarantine.data?.rows.find((each) => each.address === sender);
  const panel =
    adding || (tab === "quarantine" && unknown) ? (
      <NewSource
        key={sender ?? "new"}
        unknown={adding ? null : (unknown ?? null)}
        formats={sources.data?.formats ?? []}
        onClose={close}
        onMade={(source) => setParams({ tab: null, sender: null, do: null, source: source.id })}
      />
    ) : found ? (
      <SourcePanel key={found.id} source={found} formats={sources.data?.formats ?? []} onClose={close} />
    ) : null;
  const query = tab === "quarantine" ? quarantine : sources;
  const silent = sources.data?.rows.filter((source) => source.state === "silent").length ?? 0;
  return (
    <Sheet
      title={t("settings.sources")}
      query={query}
      failed={t("source.failed")}
      asOf={query.data?.as_of}
      counted={
        tab === "quarantine"
          ? t("source.senders", { n: count(quarantine.data?.rows.length ?? 0) })
          : t("source.counted", { n: count(sources.data?.rows.length ?? 0), silent: count(silent) })
      }
      panel={panel}
      tabs={
        can.administer ? (
          <fieldset className="seg" aria-label={t("settings.sources")}>
            <button
              type="button"
              aria-pressed={tab === "sources"}
              onClick={() => setParams({ tab: null, sender: null, do: null })}
            >
              {t("source.tab_sources")}
            </button>
            <button
              type="button"
              aria-pressed={tab === "quarantine"}
              onClick={() => setParams({ tab: "quarantine", source: null, do: null })}
            >
              {t("source.tab_quarantine")}
              {quarantine.data && quarantine.data.rows.length > 0 ? <b>{quarantine.data.rows.length}</b> : null}
            </button>
          </fieldset>
        ) : undefined
      }
      actions={
        can.administer ? (
          <button
            type="button"
            className="btn small"
            onClick={() => setParams({ do: "add", source: null, sender: null })}
          >
            <Icon sign="plus" size={14} />
            {t("source.add")}
          </button>
        ) : undefined
      }
      below={
        sources.data ? (
          <span className="sm t2">
            {t("source.listeners", { names: sources.data.listeners.join(" · ") })}
            {sources.data.udp_dropped > 0 ? (
              <b className="warn"> {t("source.udp_dropped", { n: count(sources.data.udp_dropped) })}</b>
            ) : null}
          </span>
        ) : undefined
      }
    >
      {tab === "quarantine" ? (
        quarantine.data?.rows.length === 0 ? (
          <Say title={t("source.no_quarantine")}>{t("source.no_quarantine_text")}</Say>
        ) : (
          <DataTable
            label={t("source.tab_quarantine")}
            columns={
              panel
                ? quarantineColumns.filter((column) => !["first", "transport", "sample"].includes(column.key))
                : quarantineColumns
            }
            rows={quarantine.data?.rows ?? []}
            id={(each) => each.address}
            opened={sender}
            onOpen={(each) => setParams({ sender: each.address, do: null })}
          />
        )
      ) : sources.data?.rows.length === 0 ? (
        <Say title={t("source.none")}>{t("source.none_text")}</Say>
      ) : (
        <DataTable
          twoLine
          label={t("settings.sources")}
          columns={
            panel ? columns.filter((column) => ["state", "name", "rate", "unparsed"].includes(column.key)) : columns
          }
          rows={sources.data?.rows ?? []}
          id={(source) => source.id}
          opened={opened}
          onOpen={(source) => setParams({ source: source.id, do: null })}
        />
      )}
    </Sheet>
  );
}
