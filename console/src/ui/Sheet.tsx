// The shape of a settings page: title, tabs and actions, the table, the footer, and a panel beside.
import type { ReactNode } from "react";
import { LiveMark, ScopeMark } from "../alert/Foot";
import { clock } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Failed, Skeleton } from "./States";

interface Props {
  title: string;
  /** Beside the title. */
  tabs?: ReactNode;
  /** At the right. */
  actions?: ReactNode;
  /** Second line: filters or a sentence. */
  below?: ReactNode;
  asOf?: string;
  /** Counts beside the as-of time. */
  counted?: string;
  query: { error: unknown; data: unknown; refetch: () => unknown };
  failed: string;
  panel?: ReactNode;
  children: ReactNode;
}

export function Sheet({ title, tabs, actions, below, asOf, counted, query, failed, panel, children }: Props) {
  const { t } = useWords();
  return (
    <div className={panel ? "work open" : "work"}>
      <div className="list">
        <div>
          <div className="bar">
            <h1>{title}</h1>
            {tabs}
            <span className="grow" />
            {asOf ? (
              <span className="s13 t2 nowrap">
                {counted ? `${counted} · ` : ""}
                {t("as_of", { time: clock(asOf) })}
              </span>
            ) : null}
            {actions}
          </div>
          {below ? <div className="chips">{below}</div> : null}
        </div>
        <div />
        <section className="scroll tw" tabIndex={0} aria-label={title}>
          {query.error && !query.data ? (
            <div className="say">
              <Failed what={failed} error={query.error} again={() => void query.refetch()} />
            </div>
          ) : query.data ? (
            children
          ) : (
            <Skeleton />
          )}
        </section>
        <div className="foot">
          <LiveMark />
          <ScopeMark />
        </div>
      </div>
      {panel}
    </div>
  );
}
