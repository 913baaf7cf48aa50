// ATT&CK: which techniques are covered by rules that are on and have the logs they need here, and which log source would
// bring what is missing. A table of tactics; the word in each cell says what its colour says.
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import type { AttackCell, AttackMatrix, AttackSource } from "../api/types";
import { Link } from "../app/Link";
import { setParams, useParams } from "../app/router";
import { useKnown, useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Panel, Part } from "../ui/Panel";
import { Sheet } from "../ui/Sheet";
import { Say } from "../ui/States";
import { Time } from "../ui/Time";
import "./rule.css";

type Word = "covered" | "waiting" | "off" | "none";

function word(cell: { covered: number; waiting: number; off: number }): Word {
  if (cell.covered > 0) return "covered";
  if (cell.waiting > 0) return "waiting";
  return cell.off > 0 ? "off" : "none";
}

const TAG: Record<Word, string> = { covered: "tag ok", waiting: "tag soon", off: "tag", none: "tag prop" };

/** Techniques once each, though several tactics have them. */
function once(matrix: AttackMatrix): Map<string, AttackCell> {
  return new Map(matrix.tactics.flatMap((tactic) => tactic.techniques.map((cell) => [cell.id, cell] as const)));
}

function Matrix({ matrix, opened }: { matrix: AttackMatrix; opened: string | null }) {
  const { t, count } = useWords();
  const known = useKnown();
  const rows = Math.max(0, ...matrix.tactics.map((tactic) => tactic.techniques.length));
  return (
    <table className="attack" aria-label={t("attack.matrix")}>
      <thead>
        <tr>
          {matrix.tactics.map((tactic) => (
            <th key={tactic.name} scope="col">
              {known("tactic", tactic.name)}
              <span>
                {count(tactic.techniques.filter((cell) => cell.covered > 0).length)} / {count(tactic.techniques.length)}
              </span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {Array.from({ length: rows }, (_, i) => (
          <tr key={i}>
            {matrix.tactics.map((tactic) => {
              const cell = tactic.techniques[i];
              if (!cell) return <td key={tactic.name} />;
              const is = word(cell);
              return (
                <td key={tactic.name}>
                  <button
                    type="button"
                    className={`cell ${is}`}
                    aria-pressed={opened === cell.id}
                    onClick={() => setParams({ technique: opened === cell.id ? null : cell.id })}
                  >
                    <b>{cell.name}</b>
                    <span>
                      <span className="mono">{cell.id}</span>
                      <span>
                        {t(`attack.${is}`)} {is === "none" ? "" : count(cell[is])}
                      </span>
                    </span>
                  </button>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Technique({ cell, onClose }: { cell: AttackCell; onClose: () => void }) {
  const { t, count } = useWords();
  const is = word(cell);
  const figures: [string, number][] = [
    ["attack.n_covered", cell.covered],
    ["attack.n_waiting", cell.waiting],
    ["attack.n_off", cell.off],
  ];
  return (
    <Panel
      label={cell.name}
      onClose={onClose}
      lead={
        <>
          <span className={TAG[is]}>{t(`attack.${is}`)}</span>
          <span className="mono t3 sm">{cell.id}</span>
        </>
      }
      head={<h2>{cell.name}</h2>}
    >
      <Part title={t("attack.technique")}>
        {is === "none" ? <p className="s13 t2">{t("attack.no_rule")}</p> : null}
        <ul className="lines">
          {figures
            .filter(([, n]) => n > 0)
            .map(([key, n]) => (
              <li key={key}>{t(key, { n: count(n) })}</li>
            ))}
        </ul>
        {is === "none" ? null : (
          <p className="s13 more-link">
            <Link href={`/settings/rules?find=${encodeURIComponent(cell.id)}`}>{t("attack.see_rules")}</Link>
          </p>
        )}
      </Part>
      {cell.missing.length > 0 ? (
        <Part title={t("attack.missing")}>
          <ul className="lines">
            {cell.missing.map((each) => (
              <li key={each} className="mono">
                {each}
              </li>
            ))}
          </ul>
        </Part>
      ) : null}
      {cell.subs.length > 0 ? (
        <Part title={t("attack.subs")}>
          <ul className="lines">
            {cell.subs.map((sub) => (
              <li key={sub.id}>
                <span>
                  <span className="mono t3">{sub.id}</span> {sub.name}
                </span>
                <span className={TAG[word(sub)]}>{t(`attack.${word(sub)}`)}</span>
              </li>
            ))}
          </ul>
        </Part>
      ) : null}
    </Panel>
  );
}

function useColumns(): Column<AttackSource>[] {
  const { t, count, pick } = useWords();
  return [
    {
      key: "state",
      head: t("attack.state"),
      width: 96,
      cell: (row) => (
        <span className={row.seen ? "tag ok" : "tag soon"}>{t(row.seen ? "attack.seen" : "attack.unseen")}</span>
      ),
      sort: (row) => (row.seen ? 1 : 0),
    },
    {
      key: "source",
      head: t("attack.source"),
      width: 280,
      cell: (row) => <span className="mono">{row.logsource}</span>,
      sort: (row) => row.logsource,
    },
    { key: "bring", head: t("attack.bring"), cell: (row) => (row.seen ? null : pick(row.bring, row.bring_en)) },
    {
      key: "gains",
      head: t("attack.gains"),
      width: 150,
      num: true,
      cell: (row) => (row.gains > 0 ? count(row.gains) : null),
      sort: (row) => row.gains,
    },
    {
      key: "rules",
      head: t("attack.rules"),
      width: 130,
      num: true,
      cell: (row) => (row.rules > 0 ? count(row.rules) : null),
      sort: (row) => row.rules,
    },
    {
      key: "last",
      head: t("attack.last"),
      width: 104,
      cell: (row) => (row.last_at ? <Time at={row.last_at} /> : null),
      sort: (row) => row.last_at ?? "",
    },
  ];
}

export default function Attack() {
  const { t, count } = useWords();
  const params = useParams();
  const tab = params.get("tab") === "sources" ? "sources" : "matrix";
  const query = useQuery({ queryKey: ["attack"], queryFn: ({ signal }) => api.get("/api/attack", { signal }) });
  const columns = useColumns();
  const matrix = query.data;
  const cells = matrix ? once(matrix) : new Map<string, AttackCell>();
  const opened = params.get("technique");
  const cell = opened ? cells.get(opened) : undefined;
  const all = [...cells.values()];
  return (
    <Sheet
      title={t("settings.attack")}
      query={query}
      failed={t("attack.failed")}
      asOf={matrix?.as_of}
      tabs={
        <nav className="seg" aria-label={t("attack.show")}>
          {(["matrix", "sources"] as const).map((each) => (
            <Link
              key={each}
              href={each === "matrix" ? "/settings/attack" : "/settings/attack?tab=sources"}
              aria-current={tab === each ? "page" : undefined}
            >
              {t(`attack.${each}`)}
            </Link>
          ))}
        </nav>
      }
      below={
        matrix ? (
          <p className="s13 t2">
            {t("attack.counted", {
              of: count(all.length),
              n: count(all.filter((each) => each.covered > 0).length),
              waiting: count(all.filter((each) => word(each) === "waiting").length),
            })}
            {". "}
            {t("attack.note", { days: count(matrix.days), version: matrix.version })}
          </p>
        ) : undefined
      }
      panel={cell && tab === "matrix" ? <Technique cell={cell} onClose={() => setParams({ technique: null })} /> : null}
    >
      {tab === "matrix" && matrix ? <Matrix matrix={matrix} opened={opened} /> : null}
      {tab === "sources" && matrix?.sources.length === 0 ? <Say title={t("attack.no_sources")} /> : null}
      {tab === "sources" && matrix && matrix.sources.length > 0 ? (
        <DataTable label={t("attack.sources")} columns={columns} rows={matrix.sources} id={(row) => row.logsource} />
      ) : null}
    </Sheet>
  );
}
