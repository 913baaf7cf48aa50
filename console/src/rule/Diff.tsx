// Two texts, line by line. A changed line carries its sign and its word for screen readers, not its colour alone.
import { useWords } from "../i18n/use";
import { diff, hunks } from "./diff";

const SIGN = { same: " ", old: "−", new: "+" };

export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const { t } = useWords();
  const lines = hunks(diff(before, after));
  return (
    <section className="log diff" tabIndex={0} aria-label={label} translate="no">
      {lines.map((line, i) =>
        line === null ? (
          <div key={i} className="t3">
            ⋯
          </div>
        ) : (
          <div key={i} className={line.kind}>
            <span aria-hidden="true">{SIGN[line.kind]} </span>
            {line.kind === "same" ? null : (
              <span className="vh">{t(line.kind === "old" ? "rule.diff_old" : "rule.diff_new")} </span>
            )}
            {line.text}
          </div>
        ),
      )}
    </section>
  );
}
