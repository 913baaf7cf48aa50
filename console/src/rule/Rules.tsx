// 규칙: what is looked for, is it on, do its cases hold; and the files that could not be loaded.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Rule } from "../api/types";
import { setParams, useParams } from "../app/router";
import { useKnown, useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Severity } from "../ui/Severity";
import { Sheet } from "../ui/Sheet";
import { Say, Told } from "../ui/States";
import { Time } from "../ui/Time";
import { RulePanel } from "./RulePanel";

const LEVELS: Rule["severity"][] = ["info", "low", "medium", "high", "critical"];

function useColumns(): Column<Rule>[] {
  const { t, count, pick } = useWords();
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

export default function Rules() {
  const { t, count } = useWords();
  const params = useParams();
  const opened = params.get("rule");
  const [find, setFind] = useState("");
  const query = useQuery({ queryKey: ["rules"], queryFn: ({ signal }) => api.get("/api/rules", { signal }) });
  const columns = useColumns();
  const wanted = find.trim().toLowerCase();
  const rows = (query.data?.rows ?? []).filter(
    (rule) =>
      !wanted ||
      `${rule.title} ${rule.title_en} ${rule.attack.map((each) => each.id).join(" ")} ${rule.logsource} ${rule.file}`
        .toLowerCase()
        .includes(wanted),
  );
  const on = query.data?.rows.filter((rule) => rule.enabled).length ?? 0;
  const panel = opened ? <RulePanel key={opened} id={opened} onClose={() => setParams({ rule: null })} /> : null;
  return (
    <Sheet
      title={t("settings.rules")}
      query={query}
      failed={t("rule.list_failed")}
      asOf={query.data?.as_of}
      counted={t("rule.counted", { n: count(query.data?.rows.length ?? 0), on: count(on) })}
      panel={panel}
      below={
        <input
          className="input find"
          value={find}
          onChange={(event) => setFind(event.target.value)}
          aria-label={t("rule.find")}
          placeholder={t("rule.find")}
        />
      }
    >
      {query.data?.broken.map((broken) => (
        <div className="bulk broken" key={broken.file}>
          <Told what={t("rule.broken", { file: broken.file })}>{broken.reason}</Told>
        </div>
      ))}
      {rows.length === 0 ? (
        <Say title={t(wanted ? "rule.none_match" : "rule.none")} />
      ) : (
        <DataTable
          twoLine
          label={t("settings.rules")}
          columns={
            panel ? columns.filter((column) => ["on", "severity", "title", "detections"].includes(column.key)) : columns
          }
          rows={rows}
          id={(rule) => rule.id}
          opened={opened}
          onOpen={(rule) => setParams({ rule: rule.id })}
        />
      )}
    </Sheet>
  );
}
