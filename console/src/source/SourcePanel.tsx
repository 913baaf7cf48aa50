// One source: what came in the last hour, what could not be read and why, and its settings.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { api } from "../api/client";
import type { Source } from "../api/types";
import { Link } from "../app/Link";
import { useOnline } from "../app/live";
import { useCan } from "../app/session";
import { useWords } from "../i18n/use";
import { term } from "../search/query";
import { Bars } from "../ui/Bars";
import { Example } from "../ui/Example";
import { Choice, Field, values } from "../ui/form";
import { Panel, Part } from "../ui/Panel";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";
import { ZONES } from "./NewSource";
import { SourceState } from "./Sources";

function Figures({ source }: { source: Source }) {
  const { t, count, rate, percent, nameOf } = useWords();
  const found = (q: string) => `/search?q=${encodeURIComponent(q)}&last=1h`;
  const mine = term("source", source.name);
  return (
    <>
      <Part title={t("source.hour")} note={t("source.lines_hour", { n: count(source.lines) })}>
        <Bars
          wide
          values={source.sparkline}
          width={446}
          height={48}
          label={t("source.hour_text", { n: count(source.lines), last: count(source.sparkline.at(-1) ?? 0) })}
        />
      </Part>
      <section className="blk">
        <dl className="pairs">
          <div>
            <dt>{t("field.agency")}</dt>
            <dd>{nameOf(source.agency)}</dd>
          </div>
          <div>
            <dt>{t("source.from")}</dt>
            <dd className="mono">{source.from}</dd>
          </div>
          <div>
            <dt>{t("source.recognised")}</dt>
            <dd>{source.recognised ?? <span className="t3">{t("source.unrecognised")}</span>}</dd>
          </div>
          <div>
            <dt>{t("source.rate")}</dt>
            <dd>{t("source.per_second", { n: rate(source.rate) })}</dd>
          </div>
          <div>
            <dt>{t("source.seen")}</dt>
            <dd>{source.last_seen_at ? <Time at={source.last_seen_at} as="ago" /> : t("source.never")}</dd>
          </div>
          <div>
            <dt>{t("source.unparsed")}</dt>
            <dd>
              {source.unparsed_share === null || source.unparsed_share === undefined ? (
                <span className="t3">{t("source.no_lines")}</span>
              ) : (
                <Link href={found(`${mine} class:unparsed`)}>
                  {t("source.share_of", {
                    share: percent(source.unparsed_share),
                    n: count(source.unparsed),
                    of: count(source.lines),
                  })}
                </Link>
              )}
            </dd>
          </div>
          <div>
            <dt>{t("source.truncated")}</dt>
            <dd>{count(source.truncated)}</dd>
          </div>
          <div>
            <dt>{t("source.skewed")}</dt>
            <dd className={source.skewed > 0 ? "warn" : undefined}>{count(source.skewed)}</dd>
          </div>
        </dl>
        <p className="more-link">
          <Link href={found(mine)}>{t("source.find")}</Link>
        </p>
      </section>
      {source.unparsed_reasons.length > 0 ? (
        <Part title={t("source.why_unparsed")}>
          <ul className="lines">
            {source.unparsed_reasons.map((reason) => (
              <li key={reason.name}>
                <span>{reason.name}</span>
                <b>{count(reason.count)}</b>
              </li>
            ))}
          </ul>
        </Part>
      ) : null}
    </>
  );
}

export function SourcePanel({
  source,
  formats,
  onClose,
}: {
  source: Source;
  formats: readonly string[];
  onClose: () => void;
}) {
  const { t } = useWords();
  const can = useCan();
  const online = useOnline();
  const queries = useQueryClient();
  const done = () => void queries.invalidateQueries({ queryKey: ["sources"] });
  const change = useMutation({
    mutationFn: (body: {
      name?: string;
      format?: string;
      timezone?: string;
      silent_after_minutes?: number;
      enabled?: boolean;
    }) => api.patch("/api/sources/{id}", { path: { id: source.id }, body }),
    onSuccess: done,
  });
  const remove = useMutation({
    mutationFn: () => api.delete("/api/sources/{id}", { path: { id: source.id } }),
    onSuccess: () => {
      done();
      onClose();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = values(event.currentTarget);
    change.mutate({
      name: form.name,
      format: form.format,
      timezone: form.timezone,
      silent_after_minutes: Number(form.silent),
    });
  };
  const error = change.error ?? remove.error;
  return (
    <Panel
      label={source.name}
      onClose={onClose}
      lead={
        <>
          <SourceState state={source.state} />
          <Example is={source.example} />
        </>
      }
      head={<h2>{source.name}</h2>}
    >
      <Figures source={source} />
      {can.administer ? (
        <Part title={t("source.settings")}>
          <form className="form" onSubmit={submit}>
            <Field label={t("field.name")} name="name" required value={source.name} />
            <div className="pair">
              <Choice label={t("source.format")} name="format" value={source.format}>
                {[...new Set(["auto", source.format, ...formats])].map((format) => (
                  <option key={format} value={format}>
                    {format === "auto" ? t("source.auto") : format}
                  </option>
                ))}
              </Choice>
              <Field label={t("source.timezone")} name="timezone" value={source.timezone} list={ZONES} />
            </div>
            <Field
              label={t("source.silent_after")}
              name="silent"
              type="number"
              min={1}
              max={10_080}
              value={source.silent_after_minutes}
              hint={t("source.silent_hint")}
            />
            {error ? <Failed what={t("source.change_failed")} error={error} /> : null}
            <div className="row">
              <button type="submit" className="btn primary" disabled={!online || change.isPending}>
                {t("action.save")}
              </button>
              <button
                type="button"
                className="btn"
                disabled={!online || change.isPending}
                onClick={() => change.mutate({ enabled: !source.enabled })}
              >
                {t(source.enabled ? "source.disable" : "source.enable")}
              </button>
              <span className="grow" />
              <button
                type="button"
                className="btn danger"
                disabled={!online || remove.isPending}
                onClick={() => remove.mutate()}
              >
                {t("source.remove")}
              </button>
            </div>
            <p className="sm t3" role="status">
              {change.isSuccess ? t("saved") : t("source.remove_text")}
            </p>
          </form>
        </Part>
      ) : null}
    </Panel>
  );
}
