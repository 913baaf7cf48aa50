// 차단 정책: the safety policy as dated data. Saving makes a new version; the shipped example set says that it is one.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api } from "../api/client";
import type { BlockPolicy, Severity } from "../api/types";
import { useOnline } from "../app/live";
import { useCan } from "../app/session";
import { absolute } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Example } from "../ui/Example";
import { Choice, Field, values } from "../ui/form";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/Sheet";
import { Failed } from "../ui/States";

const LEVELS: Severity[] = ["critical", "high", "medium", "low", "info"];
const LISTS = ["management", "core", "partner"];
/** Least and most of each figure; the center checks them again. */
const FIGURES = {
  minutes_max: [1, 43_200],
  budget_agency_hour: [0, 10_000],
  budget_total_hour: [0, 100_000],
  budget_service_hour: [0, 10_000],
  wide_v4: [8, 32],
  widest_v4: [8, 32],
  wide_v6: [16, 128],
  widest_v6: [16, 128],
  grace_minutes: [0, 43_200],
  automatic_minutes: [1, 1_440],
} as const;
type Figure = keyof typeof FIGURES;

const GROUPS: { title: string; figures: Figure[] }[] = [
  { title: "policy.limits", figures: ["minutes_max", "grace_minutes"] },
  { title: "policy.budgets", figures: ["budget_agency_hour", "budget_total_hour", "budget_service_hour"] },
  { title: "policy.widths", figures: ["wide_v4", "widest_v4", "wide_v6", "widest_v6"] },
];

type Nets = BlockPolicy["protected"];

function Protected({ nets, edit, onChange }: { nets: Nets; edit: boolean; onChange: (nets: Nets) => void }) {
  const { t } = useWords();
  const set = (i: number, change: Partial<Nets[number]>) =>
    onChange(nets.map((net, j) => (j === i ? { ...net, ...change } : net)));
  return (
    <fieldset className="wide" disabled={!edit}>
      <legend>{t("policy.protected")}</legend>
      <p className="sm t2">{t("policy.protected_text")}</p>
      <ul className="nets">
        {nets.map((net, i) => (
          <li key={i}>
            <input
              className="input mono"
              aria-label={t("policy.net")}
              value={net.net}
              required
              onChange={(event) => set(i, { net: event.target.value })}
            />
            <select
              className="input"
              aria-label={t("policy.list")}
              value={net.list}
              onChange={(event) => set(i, { list: event.target.value })}
            >
              {LISTS.map((list) => (
                <option key={list} value={list}>
                  {t(`policy.list_${list}`)}
                </option>
              ))}
            </select>
            <input
              className="input"
              aria-label={t("policy.note")}
              value={net.note}
              onChange={(event) => set(i, { note: event.target.value })}
            />
            {edit ? (
              <button
                type="button"
                className="btn small quiet"
                onClick={() => onChange(nets.filter((_, j) => j !== i))}
              >
                {t("policy.remove")}
              </button>
            ) : null}
          </li>
        ))}
      </ul>
      {edit ? (
        <div>
          <button
            type="button"
            className="btn small"
            onClick={() => onChange([...nets, { net: "", list: "management", note: "" }])}
          >
            <Icon sign="plus" size={14} />
            {t("policy.add")}
          </button>
        </div>
      ) : null}
    </fieldset>
  );
}

function PolicyForm({ policy }: { policy: BlockPolicy }) {
  const { t } = useWords();
  const can = useCan();
  const online = useOnline();
  const queries = useQueryClient();
  const edit = can.administer;
  const [nets, setNets] = useState<Nets>(policy.protected);
  const save = useMutation({
    mutationFn: (body: BlockPolicy) => api.put("/api/block-policy", { body }),
    onSuccess: (saved) => queries.setQueryData(["policy"], saved),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = values(event.currentTarget);
    const figures = Object.fromEntries(
      (Object.keys(FIGURES) as Figure[]).map((name) => [name, Number(form[name])]),
    ) as Record<Figure, number>;
    save.mutate({
      ...policy,
      ...figures,
      protected: nets,
      inside: (form.inside ?? "").split(/[\s,]+/).filter(Boolean),
      automatic: form.automatic === "on",
      dry_run: form.dry_run === "on",
      automatic_severity: form.automatic_severity as Severity,
    });
  };
  const figure = (name: Figure) => (
    <Field
      key={name}
      label={t(`policy.${name}`)}
      name={name}
      type="number"
      min={FIGURES[name][0]}
      max={FIGURES[name][1]}
      value={policy[name]}
      required
    />
  );
  return (
    <form className="policy" onSubmit={submit} key={policy.valid_from}>
      <p className="wide s13">
        {t("policy.valid_from", { time: absolute(policy.valid_from) })} <Example is={policy.example} />
        {policy.example ? <span className="t2"> {t("policy.example_text")}</span> : null}
      </p>
      <fieldset disabled={!edit}>
        <legend>{t("policy.automatic")}</legend>
        <label className="row">
          <input type="checkbox" name="automatic" defaultChecked={policy.automatic} /> {t("policy.automatic_on")}
        </label>
        <label className="row">
          <input type="checkbox" name="dry_run" defaultChecked={policy.dry_run} /> {t("policy.dry_run")}
        </label>
        <Choice label={t("policy.automatic_severity")} name="automatic_severity" value={policy.automatic_severity}>
          {LEVELS.map((level) => (
            <option key={level} value={level}>
              {t(`severity.${level}`)}
            </option>
          ))}
        </Choice>
        {figure("automatic_minutes")}
      </fieldset>
      {GROUPS.map((group) => (
        <fieldset key={group.title} disabled={!edit}>
          <legend>{t(group.title)}</legend>
          {group.figures.map(figure)}
        </fieldset>
      ))}
      <fieldset className="wide" disabled={!edit}>
        <legend>{t("policy.inside")}</legend>
        <div className="field">
          <label htmlFor="inside">{t("policy.inside_text")}</label>
          <textarea
            id="inside"
            name="inside"
            className="input mono"
            rows={2}
            defaultValue={policy.inside.join("\n")}
            spellCheck={false}
          />
        </div>
      </fieldset>
      <Protected nets={nets} edit={edit} onChange={setNets} />
      {edit ? (
        <div className="wide">
          {save.error ? <Failed what={t("policy.save_failed")} error={save.error} /> : null}
          <div className="row">
            <button type="submit" className="btn primary" disabled={!online || save.isPending}>
              {t("policy.save")}
            </button>
            <span className="sm t2" role="status">
              {save.isSuccess ? t("saved") : t("policy.save_text")}
            </span>
          </div>
        </div>
      ) : null}
    </form>
  );
}

export default function Policy() {
  const { t } = useWords();
  const query = useQuery({
    queryKey: ["policy"],
    queryFn: ({ signal }) => api.get("/api/block-policy", { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Sheet title={t("settings.policy")} query={query} failed={t("policy.failed")}>
      {query.data ? <PolicyForm policy={query.data} /> : null}
    </Sheet>
  );
}
