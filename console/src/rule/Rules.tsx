// 규칙: what is looked for, is it on, do its cases hold; and the files that could not be loaded.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Rule } from "../api/types";
import { useOnline } from "../app/live";
import { setParams, useParams } from "../app/router";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Severity } from "../ui/Severity";
import { Sheet } from "../ui/Sheet";
import { Say, Told } from "../ui/States";
import { Time } from "../ui/Time";
import { Import } from "./Import";
import { Notices } from "./Record";
import { RulePanel } from "./RulePanel";
import "./rule.css";

/** A smaller part of the time is not told. */
const SHARE_SHOWN = 0.0005;
/** Rows drawn before "more". */
const ROWS_SHOWN = 200;
/** Files that could not be loaded, told before "more". */
const BROKEN_SHOWN = 3;
const LEVELS: Rule["severity"][] = ["info", "low", "medium", "high", "critical"];

function useColumns(): Column<Rule>[] {
  const { t, count, pick, percent } = useWords();
  const known = useKnown();
  return [
    {
      key: "on",
      head: t("rule.on"),
      width: 72,
      cell: (rule) => (
        <span className={rule.enabled ? "tag ok" : "tag"}>{t(rule.enabled ? "rule.is_on" : "rule.is_off")}</span>
      ),
      sort: (rule) => (rule.enabled ? 0 : 1),
    },
    {
      key: "severity",
      head: t("queue.severity"),
      width: 92,
      cell: (rule) => <Severity level={rule.severity} />,
      sort: (rule) => -LEVELS.indexOf(rule.severity),
    },
    {
      key: "title",
      head: t("rule.title"),
      cell: (rule) => (
        <>
          <b>{pick(rule.title, rule.title_en)}</b>
          <span className="who">
            <span className="mono">{rule.attack.map((technique) => technique.id).join(" ")}</span>
            <span className="t3">{rule.logsource}</span>
            {rule.correlation ? <span className="t3">{known("correlation", rule.correlation)}</span> : null}
            <Notices cost={rule.cost} />
          </span>
        </>
      ),
      sort: (rule) => pick(rule.title, rule.title_en),
    },
    {
      key: "playbook",
      head: t("rule.playbook"),
      width: 104,
      cell: (rule) => known("playbook", rule.playbook),
      sort: (rule) => rule.playbook,
    },
    {
      key: "detections",
      head: t("rule.detections"),
      width: 124,
      num: true,
      cell: (rule) => count(rule.detections),
      sort: (rule) => rule.detections,
    },
    {
      key: "last",
      head: t("rule.last"),
      width: 112,
      cell: (rule) => (rule.last_at ? <Time at={rule.last_at} /> : null),
      sort: (rule) => rule.last_at ?? "",
    },
    {
      key: "cost",
      head: t("rule.cost_column"),
      width: 92,
      num: true,
      cell: (rule) => (rule.cost && rule.cost.share >= SHARE_SHOWN ? percent(rule.cost.share) : null),
      sort: (rule) => rule.cost?.share ?? 0,
    },
    {
      key: "false",
      head: t("rule.false_positives"),
      width: 104,
      num: true,
      cell: (rule) => (rule.false_positives > 0 ? count(rule.false_positives) : null),
      sort: (rule) => rule.false_positives,
    },
    {
      key: "cases",
      head: t("rule.cases"),
      width: 104,
      cell: (rule) =>
        rule.cases_failed > 0 ? (
          <span className="tag bad">{t("rule.cases_failed", { n: rule.cases_failed, of: rule.cases })}</span>
        ) : (
          <span className="t2">{t("rule.cases_hold", { n: rule.cases })}</span>
        ),
      sort: (rule) => -rule.cases_failed,
    },
  ];
}

/** Read the rule files again, and say what changed. */
function Reload() {
  const { t, count } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const reload = useMutation({
    mutationFn: () => api.post("/api/rules/reload", {}),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["rules"] }),
  });
  const changed = reload.data;
  return (
    <>
      <span className="s13 t2" role="status">
        {changed
          ? t("rule.reloaded", {
              fresh: count(changed.new),
              changed: count(changed.changed),
              removed: count(changed.removed),
            })
          : null}
        {reload.error ? t("rule.reload_failed") : null}
      </span>
      <button
        type="button"
        className="btn"
        disabled={!online || reload.isPending}
        title={t("rule.reload_hint")}
        onClick={() => reload.mutate()}
      >
        {t("rule.reload")}
      </button>
    </>
  );
}

export default function Rules() {
  const { t, count, pick, percent } = useWords();
  const can = useCan();
  const params = useParams();
  const opened = params.get("rule");
  const find = params.get("find") ?? "";
  const [allBroken, setAllBroken] = useState(false);
  const query = useQuery({ queryKey: ["rules"], queryFn: ({ signal }) => api.get("/api/rules", { signal }) });
  const columns = useColumns();
  const cost = query.data?.cost;
  const wanted = find.trim().toLowerCase();
  const rows = (query.data?.rows ?? []).filter(
    (rule) =>
      !wanted ||
      `${rule.title} ${rule.title_en} ${rule.attack.map((each) => each.id).join(" ")} ${rule.logsource} ${rule.file}`
        .toLowerCase()
        .includes(wanted),
  );
  const broken = query.data?.broken ?? [];
  const told = rows.filter((rule) => rule.cost?.too_dear || rule.cost?.too_often);
  const on = query.data?.rows.filter((rule) => rule.enabled).length ?? 0;
  const importing = can.administer && params.get("do") === "import";
  const panel = importing ? (
    <Import onClose={() => setParams({ do: null })} />
  ) : opened ? (
    <RulePanel key={opened} id={opened} onClose={() => setParams({ rule: null })} />
  ) : null;
  return (
    <Sheet
      title={t("settings.rules")}
      query={query}
      failed={t("rule.list_failed")}
      asOf={query.data?.as_of}
      counted={t("rule.counted", { n: count(query.data?.rows.length ?? 0), on: count(on) })}
      panel={panel}
      actions={
        can.administer ? (
          <>
            <button type="button" className="btn" onClick={() => setParams({ rule: null, do: "import" })}>
              {t("import.open")}
            </button>
            <Reload />
          </>
        ) : null
      }
      below={
        <>
          <input
            className="input find"
            value={find}
            onChange={(event) => setParams({ find: event.target.value }, true)}
            aria-label={t("rule.find")}
            placeholder={t("rule.find")}
          />
          {cost && cost.counted > 0 ? (
            <span className="s13 t3">
              {t("rule.event_cost", {
                micros: cost.event_micros.toFixed(1),
                shared: percent(cost.shared),
                n: count(cost.events),
              })}
            </span>
          ) : null}
        </>
      }
    >
      {told.length > 0 ? (
        <div className="bulk broken">
          <Told what={t("rule.notices", { n: count(told.length) })}>
            {told
              .slice(0, BROKEN_SHOWN)
              .map((rule) => pick(rule.title, rule.title_en))
              .join(", ")}
          </Told>
        </div>
      ) : null}
      {broken.slice(0, allBroken ? undefined : BROKEN_SHOWN).map((each) => (
        <div className="bulk broken" key={each.file}>
          <Told what={t("rule.broken", { file: each.file })}>{each.reason}</Told>
        </div>
      ))}
      {broken.length > BROKEN_SHOWN && !allBroken ? (
        <div className="bulk broken">
          <button type="button" className="btn small" onClick={() => setAllBroken(true)}>
            {t("rule.more_broken", { n: count(broken.length - BROKEN_SHOWN) })}
          </button>
        </div>
      ) : null}
      {rows.length === 0 ? (
        <Say title={t(wanted ? "rule.none_match" : "rule.none")} />
      ) : (
        <DataTable
          twoLine
          most={ROWS_SHOWN}
          label={t("settings.rules")}
          columns={
            panel ? columns.filter((column) => ["on", "severity", "title", "cost"].includes(column.key)) : columns
          }
          rows={rows}
          id={(rule) => rule.id}
          opened={opened}
          onOpen={(rule) => setParams({ rule: rule.id, do: null })}
        />
      )}
    </Sheet>
  );
}
