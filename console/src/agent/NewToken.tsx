// An enrolment token: for one agent of one agency, for some hours, shown once with the command to run at the office.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useAgencies } from "../agency/use";
import { api } from "../api/client";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";
import { AgencyChoice, Field, values } from "../ui/form";
import { Panel, Part } from "../ui/Panel";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";

/** The center takes no longer-lived token. */
const TOKEN_HOURS_MAX = 24;

/** A text to take away, with a copy button; it says when it was copied. */
export function Takeaway({ text, label }: { text: string; label: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  return (
    <div className="form">
      <pre className="log" role="region" tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <div className="row" role="status">
        <button
          type="button"
          className="btn"
          onClick={() => {
            void navigator.clipboard?.writeText(text);
            setCopied(true);
          }}
        >
          {t("action.copy")}
        </button>
        {copied ? <span className="t2 s13">{t("action.copied")}</span> : null}
      </div>
    </div>
  );
}

export function NewToken({ uplink, onClose }: { uplink: string | null; onClose: () => void }) {
  const { t } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const agencies = useAgencies().data?.rows ?? [];
  const make = useMutation({
    mutationFn: (form: Record<string, string>) =>
      api.post("/api/agents/tokens", {
        body: { name: form.name ?? "", agency: Number(form.agency), hours: Number(form.hours) },
      }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["agents"] }),
  });
  const token = make.data;
  return (
    <Panel label={t("agent.new_token")} lead={<h2>{t("agent.new_token")}</h2>} onClose={onClose}>
      {token ? (
        <Part title={t("agent.run_this")} note={<Time at={token.expires_at} />}>
          <Takeaway text={token.command} label={t("agent.run_this")} />
          <p className="warn s13 more-link">{t("agent.shown_once")}</p>
        </Part>
      ) : (
        <form
          className="form blk"
          onSubmit={(event: FormEvent<HTMLFormElement>) => {
            event.preventDefault();
            make.mutate(values(event.currentTarget));
          }}
        >
          <Field label={t("agent.name")} name="name" required hint={t("agent.name_hint")} />
          <AgencyChoice
            label={t("field.agency")}
            name="agency"
            agencies={agencies}
            value={agencies[0]?.id}
            key={agencies.length}
          />
          <Field
            label={t("agent.hours")}
            name="hours"
            type="number"
            min={1}
            max={TOKEN_HOURS_MAX}
            value={TOKEN_HOURS_MAX}
            hint={t("agent.hours_hint")}
          />
          {uplink ? null : <p className="warn s13">{t("agent.no_uplink")}</p>}
          {make.error ? <Failed what={t("agent.token_failed")} error={make.error} /> : null}
          <div className="row">
            <button type="submit" className="btn primary" disabled={!online || make.isPending}>
              {t("agent.make_token")}
            </button>
            <button type="button" className="btn" onClick={onClose}>
              {t("action.cancel")}
            </button>
          </div>
        </form>
      )}
    </Panel>
  );
}
