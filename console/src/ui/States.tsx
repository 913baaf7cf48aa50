// What a place says when it has no rows to show: nothing to do, still loading, failed. Same shape everywhere.
import { type ReactNode, useEffect, useState } from "react";
import { Refused } from "../api/client";
import { useKnown, useWords } from "../i18n/use";
import { Icon } from "./Icon";

/** A skeleton comes only when loading is felt. */
const SKELETON_AFTER_MS = 300;

export function Say({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="say">
      <b>{title}</b>
      {children ? <p className="t2">{children}</p> : null}
      {actions ? <div className="row">{actions}</div> : null}
    </div>
  );
}

const WIDTHS = [
  [52, 66, 240, 64],
  [52, 58, 190, 58],
  [52, 66, 210, 72],
  [52, 58, 240, 52],
];

export function Skeleton({ rows = 6 }: { rows?: number }) {
  const { t } = useWords();
  const [felt, setFelt] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setFelt(true), SKELETON_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, []);
  if (!felt) return null;
  return (
    <div role="status">
      <span className="vh">{t("state.loading")}</span>
      {Array.from({ length: rows }, (_, i) => (
        <div className="skr" key={i} aria-hidden="true">
          {WIDTHS[i % WIDTHS.length]?.map((width, j) => (
            <span className="sk" key={j} style={{ width, flexGrow: j === 2 ? 1 : 0 }} />
          ))}
        </div>
      ))}
    </div>
  );
}

/** One sentence for the person; the console's own words for codes it knows. */
export function useSentence(): (error: unknown) => string {
  const { t, language } = useWords();
  const known = useKnown();
  return (error) => {
    if (!(error instanceof Refused)) return t("error.unexpected");
    const own = known("error", error.code);
    if (own === error.code) return error.message;
    return language === "en" && error.code !== "unreachable" ? error.message : own;
  };
}

/** A failure told by the center itself, in its own words. */
export function Told({ what, children }: { what: string; children?: ReactNode }) {
  return (
    <div className="err">
      <Icon sign="cross" size={18} />
      <b>{what}</b>
      {children ? <p>{children}</p> : null}
    </div>
  );
}

/** What failed, and a way on. `kept` says what did work or is still there. */
export function Failed({
  what,
  error,
  again,
  kept,
}: {
  what: string;
  error: unknown;
  again?: () => void;
  kept?: string;
}) {
  const { t } = useWords();
  const sentence = useSentence();
  const detail = error instanceof Refused && sentence(error) !== error.message ? error.message : null;
  return (
    <div className="err" role="alert">
      <Icon sign="cross" size={18} />
      <b>{what}</b>
      <p>
        {sentence(error)} {kept}
      </p>
      {detail ? (
        <p className="t3 sm" lang="en">
          {detail}
        </p>
      ) : null}
      {again ? (
        <div className="row">
          <button type="button" className="btn small" onClick={again}>
            {t("action.again")}
          </button>
        </div>
      ) : null}
    </div>
  );
}
