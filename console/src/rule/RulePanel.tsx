// One rule: what it says, its cases, a place to try lines, its text, and the switch with a reason.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api } from "../api/client";
import type { RuleDetail } from "../api/types";
import { Link } from "../app/Link";
import { useOnline } from "../app/live";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { Panel, Part } from "../ui/Panel";
import { Raw } from "../ui/Raw";
import { Severity } from "../ui/Severity";
import { Failed, Skeleton } from "../ui/States";
import { Timeline } from "../ui/Timeline";
import { Backtest } from "./Backtest";
import { Exceptions } from "./Exceptions";
import { Alerts, Cost, FalsePositives, Notices } from "./Record";
import { Tester } from "./Tester";
import { Versions } from "./Versions";

function Cases({ detail }: { detail: RuleDetail }) {
  const { t } = useWords();
  return (
    <Part
      title={t("rule.cases")}
      note={
        detail.rule.cases_failed > 0 ? (
          <b className="warn">{t("rule.cases_failed", { n: detail.rule.cases_failed, of: detail.rule.cases })}</b>
        ) : (
          t("rule.cases_hold", { n: detail.rule.cases })
        )
      }
    >
      <ul className="cases">
        {detail.cases.map((each, i) => (
          <li key={i}>
            <span className="row">
              <span className={each.holds ? "tag ok" : "tag bad"}>{t(each.holds ? "rule.holds" : "rule.fails")}</span>
              <b>{t(each.fire ? "rule.must_fire" : "rule.must_not_fire")}</b>
              {each.lines.length > 1 ? <span className="t3">{t("rule.n_lines", { n: each.lines.length })}</span> : null}
            </span>
            {each.problem ? <span className="warn">{each.problem}</span> : null}
            <Raw text={each.lines[0] ?? ""} />
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Switch({ detail }: { detail: RuleDetail }) {
  const { t } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const reason = useRef<HTMLInputElement>(null);
  const [missing, setMissing] = useState(false);
  const { rule } = detail;
  const set = useMutation({
    mutationFn: (words: string) =>
      api.put("/api/rules/{id}/enabled", { path: { id: rule.id }, body: { enabled: !rule.enabled, reason: words } }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["rules"] });
      void queries.invalidateQueries({ queryKey: ["rule", rule.id] });
      if (reason.current) reason.current.value = "";
    },
  });
  return (
    <form
      className="go"
      onSubmit={(event) => {
        event.preventDefault();
        const words = reason.current?.value.trim() ?? "";
        setMissing(!words);
        if (words) set.mutate(words);
        else reason.current?.focus();
      }}
    >
      <label className="vh" htmlFor="rule-reason">
        {t("field.reason")}
      </label>
      <input
        id="rule-reason"
        className="input grow"
        ref={reason}
        placeholder={t(rule.enabled ? "rule.why_off" : "rule.why_on")}
        aria-invalid={missing}
        autoComplete="off"
      />
      <button type="submit" className={rule.enabled ? "btn" : "btn primary"} disabled={!online || set.isPending}>
        {t(rule.enabled ? "rule.switch_off" : "rule.switch_on")}
      </button>
      {missing ? <p className="warn sm">{t("field.reason_missing")}</p> : null}
      {set.error ? <Failed what={t("rule.switch_failed")} error={set.error} /> : null}
    </form>
  );
}

export function RulePanel({ id, onClose }: { id: string; onClose: () => void }) {
  const { t, count, pick, language } = useWords();
  const known = useKnown();
  const can = useCan();
  const query = useQuery({
    queryKey: ["rule", id],
    queryFn: ({ signal }) => api.get("/api/rules/{id}", { path: { id }, signal }),
  });
  const detail = query.data;
  if (!detail) {
    return (
      <Panel label={t("settings.rules")} lead={<h2>{t("settings.rules")}</h2>} onClose={onClose}>
        {query.error ? (
          <Failed what={t("rule.failed")} error={query.error} again={() => void query.refetch()} />
        ) : (
          <Skeleton rows={4} />
        )}
      </Panel>
    );
  }
  const { rule } = detail;
  const steps = language === "en" && detail.next_steps_en.length > 0 ? detail.next_steps_en : detail.next_steps;
  return (
    <Panel
      label={pick(rule.title, rule.title_en)}
      onClose={onClose}
      foot={can.administer ? <Switch detail={detail} /> : undefined}
      lead={
        <>
          <Severity level={rule.severity} />
          <span className={rule.enabled ? "tag ok" : "tag"}>{t(rule.enabled ? "rule.is_on" : "rule.is_off")}</span>
          <Notices cost={rule.cost} />
          <span className="sm t3 mono cut">{rule.file}</span>
        </>
      }
      head={
        <>
          <h2>{pick(rule.title, rule.title_en)}</h2>
          <p className="t2 s13">
            {known("playbook", rule.playbook)} · {rule.logsource} ·{" "}
            <Link href={`/queue?tab=all&rule=${encodeURIComponent(rule.id)}`}>
              {t("rule.see_alerts", { n: count(rule.detections) })}
            </Link>
          </p>
        </>
      }
    >
      <Part title={t("rule.says")}>
        <p className="whyt">{pick(detail.description, detail.description_en)}</p>
        {rule.attack.length > 0 ? (
          <p className="s13 t2 more-link">
            {rule.attack.map((technique) => (
              <span key={technique.id}>
                <span className="mono">{technique.id}</span> {technique.name === technique.id
                  ? ""
                  : technique.name}{" "}
              </span>
            ))}
          </p>
        ) : null}
      </Part>
      {steps.length > 0 ? (
        <Part title={t("alert.next")}>
          <ol className="steps">
            {steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </Part>
      ) : null}
      <Alerts detail={detail} />
      <FalsePositives detail={detail} />
      <Exceptions detail={detail} />
      <Cost cost={rule.cost} />
      <Cases detail={detail} />
      <Tester id={rule.id} />
      {can.work_alerts ? <Backtest id={rule.id} /> : null}
      <details className="blk">
        <summary className="sm t2">{t("alert.rule_text")}</summary>
        <pre className="log yaml" role="region" tabIndex={0} aria-label={t("alert.rule_text")}>
          {detail.text}
        </pre>
      </details>
      <Versions detail={detail} />
      {detail.history.length > 0 ? (
        <Part title={t("rule.switched")}>
          <Timeline entries={detail.history} />
        </Part>
      ) : null}
    </Panel>
  );
}
