// 기관: the tree of organisations, who answers for each, and where nobody is named.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useMemo } from "react";
import { api } from "../api/client";
import type { Agency } from "../api/types";
import { Link } from "../app/Link";
import { useOnline } from "../app/live";
import { intParam, setParams, useParams } from "../app/router";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { AgencyChoice, Choice, Field, values } from "../ui/form";
import { Icon } from "../ui/Icon";
import { Panel, Part } from "../ui/Panel";
import { Sheet } from "../ui/Sheet";
import { Failed } from "../ui/States";
import { useAgencies } from "./use";

const KINDS = ["city", "department", "gu", "gun", "affiliate"];

/** Depth of each agency below the tops of the scope. */
export function depths(rows: readonly Agency[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const agency of rows)
    found.set(
      agency.id,
      agency.parent !== null && agency.parent !== undefined && found.has(agency.parent)
        ? (found.get(agency.parent) ?? 0) + 1
        : 0,
    );
  return found;
}

function useColumns(rows: readonly Agency[]): Column<Agency>[] {
  const { t, count, pick } = useWords();
  const known = useKnown();
  const depth = useMemo(() => depths(rows), [rows]);
  const post = (agency: Agency, name: string | null | undefined, which: string) =>
    agency.vacancies.includes(which) ? <b className="warn">{t("agency.vacant")}</b> : name;
  return [
    {
      key: "name",
      head: t("field.agency"),
      cell: (agency) => (
        <span style={{ paddingLeft: (depth.get(agency.id) ?? 0) * 18 }}>
          {depth.get(agency.id) ? null : <b>{pick(agency.name, agency.name_en)}</b>}
          {depth.get(agency.id) ? pick(agency.name, agency.name_en) : null}{" "}
          <span className="t3 mono">{agency.code}</span>
        </span>
      ),
      sort: (agency) => agency.name,
    },
    {
      key: "kind",
      head: t("agency.kind"),
      width: 110,
      cell: (agency) => known("agency_kind", agency.kind),
      sort: (agency) => agency.kind,
    },
    {
      key: "manager",
      head: t("role.agency_security_manager"),
      width: 150,
      cell: (agency) => post(agency, agency.manager, "manager"),
      sort: (agency) => agency.manager ?? "",
    },
    {
      key: "deputy",
      head: t("role.agency_security_deputy"),
      width: 150,
      cell: (agency) => post(agency, agency.deputy, "deputy"),
      sort: (agency) => agency.deputy ?? "",
    },
    {
      key: "sources",
      head: t("agency.sources"),
      width: 90,
      num: true,
      cell: (agency) => (agency.sources > 0 ? count(agency.sources) : null),
      sort: (agency) => agency.sources,
    },
    {
      key: "alerts",
      head: t("agency.open_alerts"),
      width: 110,
      num: true,
      cell: (agency) =>
        agency.open_alerts > 0 ? (
          <Link href={`/queue?tab=all&agency=${agency.id}`}>{count(agency.open_alerts)}</Link>
        ) : null,
      sort: (agency) => agency.open_alerts,
    },
  ];
}

function AgencyForm({
  agency,
  agencies,
  onClose,
}: {
  agency: Agency | null;
  agencies: readonly Agency[];
  onClose: () => void;
}) {
  const { t } = useWords();
  const known = useKnown();
  const online = useOnline();
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: (form: Record<string, string>) => {
      const said = { name: form.name ?? "", name_en: form.name_en ?? "", kind: form.kind ?? "gu" };
      return agency
        ? api.patch("/api/agencies/{id}", { path: { id: agency.id }, body: said })
        : api.post("/api/agencies", { body: { ...said, code: form.code ?? "", parent: Number(form.parent) } });
    },
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ["agencies"] });
      if (!agency) setParams({ agency: made.id, do: null });
    },
  });
  return (
    <form
      className="form"
      onSubmit={(event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        save.mutate(values(event.currentTarget));
      }}
    >
      {agency ? null : (
        <AgencyChoice label={t("agency.above")} name="parent" agencies={agencies} value={agencies[0]?.id} />
      )}
      <div className="pair">
        <Field label={t("field.name")} name="name" required value={agency?.name} />
        <Field label={t("field.name_en")} name="name_en" required value={agency?.name_en} />
      </div>
      <div className="pair">
        <Choice label={t("agency.kind")} name="kind" value={agency?.kind ?? "gu"}>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {known("agency_kind", kind)}
            </option>
          ))}
        </Choice>
        {agency ? null : (
          <Field
            label={t("agency.code")}
            name="code"
            mono
            required
            pattern="[a-z0-9-]{2,32}"
            hint={t("agency.code_hint")}
          />
        )}
      </div>
      {save.error ? <Failed what={t("agency.save_failed")} error={save.error} /> : null}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!online || save.isPending}>
          {t(agency ? "action.save" : "agency.add")}
        </button>
        <button type="button" className="btn" onClick={onClose}>
          {t("action.cancel")}
        </button>
        <span className="sm t2" role="status">
          {save.isSuccess ? t("saved") : null}
        </span>
      </div>
    </form>
  );
}

function AgencyPanel({
  agency,
  agencies,
  onClose,
}: {
  agency: Agency;
  agencies: readonly Agency[];
  onClose: () => void;
}) {
  const { t, count, pick } = useWords();
  const can = useCan();
  const above = agencies.find((each) => each.id === agency.parent);
  return (
    <Panel
      label={agency.name}
      onClose={onClose}
      lead={<span className="mono t3">{agency.code}</span>}
      head={<h2>{pick(agency.name, agency.name_en)}</h2>}
    >
      <section className="blk">
        <dl className="pairs">
          {above ? (
            <div>
              <dt>{t("agency.above")}</dt>
              <dd>{pick(above.name, above.name_en)}</dd>
            </div>
          ) : null}
          {(["manager", "deputy"] as const).map((post) => (
            <div key={post}>
              <dt>{t(post === "manager" ? "role.agency_security_manager" : "role.agency_security_deputy")}</dt>
              <dd>{agency.vacancies.includes(post) ? <b className="warn">{t("agency.vacant")}</b> : agency[post]}</dd>
            </div>
          ))}
          <div>
            <dt>{t("agency.open_alerts")}</dt>
            <dd>
              <Link href={`/queue?tab=all&agency=${agency.id}`}>{count(agency.open_alerts)}</Link>
            </dd>
          </div>
          <div>
            <dt>{t("agency.sources")}</dt>
            <dd>{count(agency.sources)}</dd>
          </div>
        </dl>
        {agency.vacancies.length > 0 ? <p className="s13 t2 more-link">{t("agency.vacant_text")}</p> : null}
      </section>
      {can.manage_people ? (
        <Part title={t("agency.change")}>
          <AgencyForm agency={agency} agencies={agencies} onClose={onClose} />
        </Part>
      ) : null}
    </Panel>
  );
}

export default function Agencies() {
  const { t, count } = useWords();
  const params = useParams();
  const can = useCan();
  const query = useAgencies();
  const rows = query.data?.rows ?? [];
  const opened = intParam(params, "agency");
  const adding = params.get("do") === "add";
  const onlyVacant = params.get("vacant") === "1";
  const columns = useColumns(rows);
  const close = () => setParams({ agency: null, do: null });
  const found = rows.find((agency) => agency.id === opened);
  const vacant = rows.filter((agency) => agency.vacancies.length > 0);
  const panel = adding ? (
    <Panel label={t("agency.add")} lead={<h2>{t("agency.add")}</h2>} onClose={close}>
      <div className="blk">
        <AgencyForm agency={null} agencies={rows} onClose={close} />
      </div>
    </Panel>
  ) : found ? (
    <AgencyPanel key={found.id} agency={found} agencies={rows} onClose={close} />
  ) : null;
  return (
    <Sheet
      title={t("settings.agencies")}
      query={query}
      failed={t("agency.failed")}
      asOf={query.data?.as_of}
      counted={t("agency.counted", { n: count(rows.length) })}
      panel={panel}
      actions={
        can.manage_people ? (
          <button type="button" className="btn small" onClick={() => setParams({ do: "add", agency: null })}>
            <Icon sign="plus" size={14} />
            {t("agency.add")}
          </button>
        ) : undefined
      }
      below={
        vacant.length > 0 ? (
          <button
            type="button"
            className="chip"
            aria-pressed={onlyVacant}
            onClick={() => setParams({ vacant: onlyVacant ? null : "1" })}
          >
            {t("agency.vacancies", { n: count(vacant.length) })}
            {onlyVacant ? <Icon sign="close" size={12} /> : null}
          </button>
        ) : undefined
      }
    >
      <DataTable
        label={t("settings.agencies")}
        columns={panel ? columns.filter((column) => ["name", "manager", "deputy"].includes(column.key)) : columns}
        rows={onlyVacant ? vacant : rows}
        id={(agency) => agency.id}
        opened={opened}
        onOpen={(agency) => setParams({ agency: agency.id, do: null })}
      />
    </Sheet>
  );
}
