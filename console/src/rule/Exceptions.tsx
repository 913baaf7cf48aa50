// Exceptions from a rule: what is held back, whose, why and until when; made as a few conditions, kept as a Sigma filter.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { useAgencies } from "../agency/use";
import { api } from "../api/client";
import type { ExceptionPart, RuleDetail, RuleException } from "../api/types";
import { useOnline } from "../app/live";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { AgencyChoice, Choice, Field, values } from "../ui/form";
import { Part } from "../ui/Panel";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";

const TESTS: ExceptionPart["test"][] = ["is", "contains", "starts_with", "ends_with", "cidr"];
/** Days an exception holds when nobody says otherwise. */
const DAYS = 30;
/** Conditions of one exception at most. */
const PARTS_MAX = 8;

function One({ exception, rule }: { exception: RuleException; rule: string }) {
  const { t, count, nameOf } = useWords();
  const can = useCan();
  const online = useOnline();
  const queries = useQueryClient();
  const why = useRef<HTMLInputElement>(null);
  const [ending, setEnding] = useState(false);
  const end = useMutation({
    mutationFn: (reason: string) =>
      api.post("/api/exceptions/{id}/end", { path: { id: exception.id }, body: { reason } }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["rule", rule] }),
  });
  const over = exception.ended_at !== null && exception.ended_at !== undefined;
  return (
    <li>
      <div className="row">
        <span className={over ? "tag" : "tag ok"}>{t(over ? "exception.over" : "exception.in_force")}</span>
        <span className="grow">{exception.reason}</span>
        {!over && can.administer && !ending ? (
          <button type="button" className="btn small" disabled={!online} onClick={() => setEnding(true)}>
            {t("exception.end")}
          </button>
        ) : null}
      </div>
      <span className="who">
        {nameOf(exception.agency)} · {exception.actor.name} · {t("exception.held", { n: count(exception.held_back) })} ·{" "}
        {t(over ? "exception.ended" : "exception.until")} <Time at={exception.ended_at ?? exception.expires_at} />
      </span>
      {ending ? (
        <form
          className="row more-link"
          onSubmit={(event) => {
            event.preventDefault();
            const words = why.current?.value.trim() ?? "";
            if (words) end.mutate(words);
            else why.current?.focus();
          }}
        >
          <input
            className="input grow"
            ref={why}
            aria-label={t("exception.why_end")}
            placeholder={t("exception.why_end")}
            autoComplete="off"
          />
          <button type="submit" className="btn" disabled={!online || end.isPending}>
            {t("exception.end")}
          </button>
        </form>
      ) : null}
      {end.error ? <Failed what={t("exception.end_failed")} error={end.error} /> : null}
      <details>
        <summary className="sm t2">{t("exception.filter")}</summary>
        <pre className="log" role="region" tabIndex={0} aria-label={t("exception.filter")}>
          {exception.text}
        </pre>
      </details>
    </li>
  );
}

function NewException({ rule, onDone }: { rule: string; onDone: () => void }) {
  const { t } = useWords();
  const known = useKnown();
  const online = useOnline();
  const queries = useQueryClient();
  const agencies = useAgencies().data?.rows ?? [];
  const [parts, setParts] = useState(1);
  const [missing, setMissing] = useState<string | null>(null);
  const make = useMutation({
    mutationFn: (body: { agency: number; parts: ExceptionPart[]; days: number; reason: string }) =>
      api.post("/api/rules/{id}/exceptions", { path: { id: rule }, body }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["rule", rule] });
      onDone();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const said = values(event.currentTarget);
    const made: ExceptionPart[] = [];
    for (let i = 0; i < parts; i += 1) {
      const field = said[`field${i}`] ?? "";
      const listed = (said[`values${i}`] ?? "")
        .split(",")
        .map((value) => value.trim())
        .filter(Boolean);
      if (field && listed.length > 0)
        made.push({ field, test: (said[`test${i}`] ?? "is") as ExceptionPart["test"], values: listed });
    }
    const reason = said.reason ?? "";
    if (made.length === 0) return setMissing("field0");
    if (!reason) return setMissing("reason");
    setMissing(null);
    make.mutate({ agency: Number(said.agency), parts: made, days: Number(said.days) || DAYS, reason });
  };
  return (
    <form className="form doing" onSubmit={submit}>
      {Array.from({ length: parts }, (_, i) => (
        <div className="part" key={i}>
          <Field
            label={t("exception.field")}
            name={`field${i}`}
            mono
            list={["src_ip", "user", "host", "process", "command_line", "url"]}
            problem={missing === `field${i}` ? t("exception.part_missing") : null}
          />
          <Choice label={t("exception.test")} name={`test${i}`}>
            {TESTS.map((test) => (
              <option key={test} value={test}>
                {known("exception_test", test)}
              </option>
            ))}
          </Choice>
          <Field label={t("exception.values")} name={`values${i}`} mono hint={t("exception.values_hint")} />
        </div>
      ))}
      {parts < PARTS_MAX ? (
        <button type="button" className="btn small" onClick={() => setParts(parts + 1)}>
          {t("exception.and")}
        </button>
      ) : null}
      <div className="pair">
        <AgencyChoice label={t("exception.agency")} name="agency" agencies={agencies} />
        <Field label={t("exception.days")} name="days" type="number" value={DAYS} min={1} max={366} />
      </div>
      <Field
        label={t("field.reason")}
        name="reason"
        problem={missing === "reason" ? t("field.reason_missing") : null}
      />
      {make.error ? <Failed what={t("exception.make_failed")} error={make.error} /> : null}
      <div className="row">
        <button type="submit" className="btn" disabled={!online || make.isPending}>
          {t("exception.make")}
        </button>
        <button type="button" className="btn quiet" onClick={onDone}>
          {t("action.cancel")}
        </button>
      </div>
    </form>
  );
}

export function Exceptions({ detail }: { detail: RuleDetail }) {
  const { t } = useWords();
  const can = useCan();
  const [making, setMaking] = useState(false);
  const { exceptions } = detail;
  return (
    <Part
      title={t("exception.title")}
      note={t("exception.n_in_force", { n: exceptions.filter((each) => !each.ended_at).length })}
    >
      {exceptions.length === 0 && !making ? <p className="s13 t3">{t("exception.none")}</p> : null}
      <ul className="exceptions">
        {exceptions.map((each) => (
          <One key={each.id} exception={each} rule={detail.rule.id} />
        ))}
      </ul>
      {making ? <NewException rule={detail.rule.id} onDone={() => setMaking(false)} /> : null}
      {can.administer && !making ? (
        <p className="more-link">
          <button type="button" className="btn" onClick={() => setMaking(true)}>
            {t("exception.new")}
          </button>
        </p>
      ) : null}
    </Part>
  );
}
