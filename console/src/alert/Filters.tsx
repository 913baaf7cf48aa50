// The queue's filters: chips whose values live in the address.
import type { AlertRow, Severity as Level, Named } from "../api/types";
import { intParam, setParams } from "../app/router";
import { useWords } from "../i18n/use";
import { Icon } from "../ui/Icon";
import type { Filters } from "./rows";

const LEVELS: Level[] = ["critical", "high", "medium", "low", "info"];
const STATES: AlertRow["state"][] = ["open", "acknowledged"];
const HOURS = [1, 8, 24, 72, 168, 720];

/** Filters of an address; what does not fit is left out. */
export function readFilters(params: URLSearchParams): Filters {
  const tab = params.get("tab");
  const severity = params.get("severity") as Level | null;
  const state = params.get("state") as AlertRow["state"] | null;
  return {
    tab: tab === "all" || tab === "closed" ? tab : "mine",
    severity: severity && LEVELS.includes(severity) ? severity : undefined,
    state: state && STATES.includes(state) ? state : undefined,
    agency: intParam(params, "agency") ?? undefined,
    hours: intParam(params, "hours") ?? undefined,
    rule: params.get("rule") ?? undefined,
    entity: params.get("entity") ?? undefined,
    q: params.get("find") ?? undefined,
  };
}

function Choice({
  name,
  label,
  value,
  children,
}: {
  name: string;
  label: string;
  value: string | number | undefined;
  children: React.ReactNode;
}) {
  return (
    <label className="chip">
      <i>{label}</i>
      <select
        value={value ?? ""}
        onChange={(event) => setParams({ [name]: event.target.value, alert: null, do: null, block: null })}
      >
        {children}
      </select>
    </label>
  );
}

export function QueueFilters({ filters, agencies }: { filters: Filters; agencies: Named[] }) {
  const { t, minutes, nameOf } = useWords();
  const tags: [string, string][] = [];
  if (filters.rule) tags.push(["rule", t("queue.filter_rule")]);
  if (filters.entity) tags.push(["entity", filters.entity]);
  if (filters.q) tags.push(["find", filters.q]);
  return (
    <div className="chips">
      {filters.tab === "closed" ? null : (
        <Choice name="state" label={t("queue.filter_state")} value={filters.state}>
          <option value="">{t("queue.any_open")}</option>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {t(`alert_state.${state}`)}
            </option>
          ))}
        </Choice>
      )}
      <Choice name="hours" label={t("queue.filter_hours")} value={filters.hours === 24 ? "" : filters.hours}>
        {HOURS.map((hours) => (
          <option key={hours} value={hours === 24 ? "" : hours}>
            {minutes(hours * 60)}
          </option>
        ))}
      </Choice>
      <Choice name="severity" label={t("queue.severity")} value={filters.severity}>
        <option value="">{t("queue.any")}</option>
        {LEVELS.map((level) => (
          <option key={level} value={level}>
            {level === "critical" ? t("severity.critical") : t("queue.at_least", { level: t(`severity.${level}`) })}
          </option>
        ))}
      </Choice>
      <Choice name="agency" label={t("field.agency")} value={filters.agency}>
        <option value="">{t("queue.any")}</option>
        {agencies.map((agency) => (
          <option key={agency.id} value={agency.id}>
            {nameOf(agency)}
          </option>
        ))}
      </Choice>
      {tags.map(([name, text]) => (
        <button
          key={name}
          type="button"
          className="chip"
          onClick={() => setParams({ [name]: null })}
          aria-label={t("queue.remove_filter", { name: text })}
        >
          {text}
          <Icon sign="close" size={12} />
        </button>
      ))}
      <span className="grow" />
      <span className="sm t2 nowrap">{t("queue.order")}</span>
    </div>
  );
}
