// What a rule did here: its newest alerts, those that were none, and what it costs.
import type { RuleCost, RuleDetail } from "../api/types";
import { Link } from "../app/Link";
import { useKnown, useWords } from "../i18n/use";
import { Part } from "../ui/Panel";
import { Time } from "../ui/Time";

export function Alerts({ detail }: { detail: RuleDetail }) {
  const { t, count, pick, nameOf } = useWords();
  const known = useKnown();
  const all = `/queue?tab=all&rule=${encodeURIComponent(detail.rule.id)}`;
  return (
    <Part title={t("rule.last_alerts")} note={<Link href={all}>{t("rule.all_alerts")}</Link>}>
      {detail.alerts.length === 0 ? <p className="s13 t3">{t("rule.no_alerts")}</p> : null}
      <ul className="record">
        {detail.alerts.map((alert) => (
          <li key={alert.id}>
            <Time at={alert.last_at} />
            <span>
              <Link href={`/queue?tab=${alert.state === "closed" ? "closed" : "all"}&alert=${alert.id}`}>
                {pick(alert.reason, alert.reason_en)}
              </Link>
              <span className="who">
                {nameOf(alert.agency)} · <span className="mono">{alert.entity}</span> ·{" "}
                {t("rule.alert_count", { n: count(alert.count) })}
              </span>
            </span>
            <span className="t2 sm">{known("alert_state", alert.state)}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

export function FalsePositives({ detail }: { detail: RuleDetail }) {
  const { t, count, nameOf } = useWords();
  const total = detail.rule.false_positives;
  if (total === 0) return null;
  return (
    <Part title={t("rule.false_record")} note={t("rule.false_total", { n: count(total) })}>
      <ul className="record">
        {detail.false_positives.map((each) => (
          <li key={each.alert}>
            <Time at={each.closed_at} />
            <span>
              <Link href={`/queue?tab=closed&alert=${each.alert}`}>{each.reason}</Link>
              <span className="who">
                {nameOf(each.agency)} · <span className="mono">{each.entity}</span>
              </span>
            </span>
            <span className="t2 sm">{each.by}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** The notices of a rule, in words. */
export function Notices({ cost }: { cost: RuleCost | null | undefined }) {
  const { t } = useWords();
  return (
    <>
      {cost?.too_dear ? <span className="tag bad">{t("rule.too_dear")}</span> : null}
      {cost?.too_often ? <span className="tag bad">{t("rule.too_often")}</span> : null}
    </>
  );
}

export function Cost({ cost }: { cost: RuleCost | null | undefined }) {
  const { t, count, percent } = useWords();
  if (!cost) return null;
  const windows = cost.windows;
  const pairs: [string, string][] = [
    ["rule.cost_share", percent(cost.share)],
    ["rule.cost_core", percent(cost.core_percent / 100)],
    ["rule.cost_atoms", count(cost.atoms)],
    ["rule.cost_evaluated", count(cost.evaluated)],
    ["rule.cost_matches", count(cost.matches)],
    ["rule.cost_minute", count(cost.per_minute)],
  ];
  if (windows) {
    pairs.push(["rule.win_kept", t("rule.win_kept_n", { groups: count(windows.groups), n: count(windows.entries) })]);
    pairs.push(["rule.win_lost", count(windows.groups_evicted + windows.entries_dropped)]);
    pairs.push(["rule.win_late", count(windows.late)]);
    pairs.push(["rule.win_again", count(windows.duplicates)]);
    pairs.push(["rule.win_ungrouped", count(windows.ungrouped)]);
  }
  return (
    <Part title={t("rule.cost")} note={<Notices cost={cost} />}>
      <dl className="pairs">
        {pairs.map(([key, value]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Part>
  );
}
