// The fields at the left: the chosen ones with their most frequent values, the others a click away.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Facet } from "../api/types";
import { useKnown, useWords } from "../i18n/use";
import { Failed } from "../ui/States";
import { Value } from "../ui/Value";
import { useFields } from "./Box";

const CHOSEN = ["agency", "source", "class", "src_ip", "dst_ip", "user"];
const COMMON = [
  "status",
  "outcome",
  "action",
  "dst_port",
  "user_agent",
  "src_country",
  "rule",
  "url_path",
  "process",
  "host",
];
const OPEN = ["agency", "src_ip"];
/** Values shown of an open field. */
const VALUES_MAX = 6;

function Values({ facet }: { facet: Facet }) {
  const { t, percent, count } = useWords();
  const known = useKnown();
  return (
    <ul className="tv">
      {facet.values.slice(0, VALUES_MAX).map((each) => (
        <li key={each.value}>
          <span>
            <Value field={facet.field} value={each.value}>
              {facet.field === "class" ? known("class", each.value) : each.value}
            </Value>
            <span className="t3" title={t("search.total", { n: count(each.count) })}>
              {percent(each.share)}
            </span>
          </span>
          <span className="pb2" aria-hidden="true">
            <i style={{ width: `${Math.max(1, each.share * 100)}%` }} />
          </span>
        </li>
      ))}
      {facet.values.length === 0 ? <li className="t3 sm">{t("search.no_values")}</li> : null}
    </ul>
  );
}

interface Props {
  q: string;
  from: string;
  to: string;
  run: number;
  total: number;
}

export function Fields({ q, from, to, run, total }: Props) {
  const { t, count } = useWords();
  const all = useFields();
  const names = new Set(all.map((field) => field.name));
  const [added, setAdded] = useState<string[]>([]);
  const [open, setOpen] = useState<string[]>(OPEN);
  const [wanted, setWanted] = useState("");
  const chosen = [...CHOSEN, ...added].filter((name) => names.size === 0 || names.has(name));
  const facets = useQuery({
    queryKey: ["search-facets", q, from, to, run, chosen.join(",")],
    queryFn: ({ signal }) =>
      api.get("/api/search/facets", { query: { q, from, to, fields: chosen.join(",") }, signal }),
    enabled: names.size > 0,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const found = new Map((facets.data?.facets ?? []).map((facet) => [facet.field, facet]));
  const toggle = (name: string) =>
    setOpen((was) => (was.includes(name) ? was.filter((each) => each !== name) : [...was, name]));
  const add = (name: string) => {
    setAdded((was) => [...was, name]);
    setOpen((was) => [...was, name]);
    setWanted("");
  };
  const typed = wanted.trim().toLowerCase();
  const others = typed
    ? all.map((field) => field.name).filter((name) => name.includes(typed) && !chosen.includes(name))
    : COMMON.filter((name) => names.has(name) && !chosen.includes(name));
  return (
    <aside className="fl scroll" aria-label={t("search.fields")}>
      <input
        className="input"
        value={wanted}
        onChange={(event) => setWanted(event.target.value)}
        aria-label={t("search.find_field", { n: count(all.length) })}
        placeholder={t("search.find_field", { n: count(all.length) })}
        autoComplete="off"
        spellCheck={false}
      />
      {facets.error ? <Failed what={t("search.facets_failed")} error={facets.error} /> : null}
      <h2>{t("search.chosen_fields")}</h2>
      <ul>
        {chosen.map((name) => {
          const facet = found.get(name);
          const shown = open.includes(name);
          return (
            <li key={name}>
              <button type="button" className="fld mono" aria-expanded={shown} onClick={() => toggle(name)}>
                {name}
              </button>
              <span className="t3">{facet && total > 0 ? count(facet.distinct) : null}</span>
              {shown && facet ? <Values facet={facet} /> : null}
            </li>
          );
        })}
      </ul>
      {others.length > 0 ? (
        <>
          <h2>{t(typed ? "search.matching_fields" : "search.common_fields")}</h2>
          <ul>
            {others.slice(0, 40).map((name) => (
              <li key={name}>
                <button
                  type="button"
                  className="fld mono"
                  onClick={() => add(name)}
                  title={t("search.add_field", { name })}
                >
                  {name}
                </button>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </aside>
  );
}
