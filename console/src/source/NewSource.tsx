// Register a source, or adopt a sender from the quarantine: the same form, filled in as far as is known.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useAgencies } from "../agency/use";
import { api } from "../api/client";
import type { Quarantined, Source } from "../api/types";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";
import { AgencyChoice, Choice, Field, values } from "../ui/form";
import { Panel, Part } from "../ui/Panel";
import { Raw } from "../ui/Raw";
import { Failed } from "../ui/States";

export const ZONES = ["Asia/Seoul", "UTC", "Asia/Tokyo", "America/New_York", "Europe/London"];
const SILENT_MINUTES_DEFAULT = 10;

interface Props {
  unknown: Quarantined | null;
  formats: readonly string[];
  onClose: () => void;
  onMade: (source: Source) => void;
}

export function NewSource({ unknown, formats, onClose, onMade }: Props) {
  const { t, count } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const agencies = useAgencies().data?.rows ?? [];
  const make = useMutation({
    mutationFn: (form: Record<string, string>) => {
      const body = {
        name: form.name ?? "",
        from: form.from ?? "",
        agency: Number(form.agency),
        format: form.format || null,
        timezone: form.timezone || null,
        silent_after_minutes: form.silent ? Number(form.silent) : null,
      };
      return unknown ? api.post("/api/quarantine/adopt", { body }) : api.post("/api/sources", { body });
    },
    onSuccess: (source) => {
      void queries.invalidateQueries({ queryKey: ["sources"] });
      void queries.invalidateQueries({ queryKey: ["quarantine"] });
      onMade(source);
    },
  });
  const title = t(unknown ? "source.adopt_title" : "source.add");
  return (
    <Panel label={title} lead={<h2>{title}</h2>} onClose={onClose}>
      <form
        className="form blk"
        onSubmit={(event: FormEvent<HTMLFormElement>) => {
          event.preventDefault();
          make.mutate(values(event.currentTarget));
        }}
      >
        <Field label={t("field.name")} name="name" required />
        <Field
          label={t("source.from")}
          name="from"
          mono
          required
          value={unknown?.address}
          hint={t("source.from_hint")}
        />
        <AgencyChoice
          label={t("field.agency")}
          name="agency"
          agencies={agencies}
          value={agencies[0]?.id}
          key={agencies.length}
        />
        <div className="pair">
          <Choice label={t("source.format")} name="format" value={unknown?.recognised ?? "auto"}>
            {[...new Set(["auto", ...formats])].map((format) => (
              <option key={format} value={format}>
                {format === "auto" ? t("source.auto") : format}
              </option>
            ))}
          </Choice>
          <Field label={t("source.timezone")} name="timezone" value="Asia/Seoul" list={ZONES} />
        </div>
        <Field
          label={t("source.silent_after")}
          name="silent"
          type="number"
          min={1}
          max={10_080}
          value={SILENT_MINUTES_DEFAULT}
          hint={t("source.silent_hint")}
        />
        {make.error ? <Failed what={t("source.add_failed")} error={make.error} /> : null}
        <div className="row">
          <button type="submit" className="btn primary" disabled={!online || make.isPending}>
            {t(unknown ? "source.adopt" : "source.register")}
          </button>
          <button type="button" className="btn" onClick={onClose}>
            {t("action.cancel")}
          </button>
        </div>
      </form>
      {unknown ? (
        <Part title={t("source.newest_line")} note={t("source.lines_kept", { n: count(unknown.lines) })}>
          <Raw text={unknown.sample} />
        </Part>
      ) : null}
    </Panel>
  );
}
