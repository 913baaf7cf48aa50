// The texts of a rule that were in force: since when, by whom, why, and what changed.
import { useState } from "react";
import type { RuleDetail } from "../api/types";
import { useKnown, useWords } from "../i18n/use";
import { Part } from "../ui/Panel";
import { Time } from "../ui/Time";
import { Diff } from "./Diff";

export function Versions({ detail }: { detail: RuleDetail }) {
  const { t } = useWords();
  const known = useKnown();
  const [shown, setShown] = useState<number | null>(null);
  const { versions } = detail;
  if (versions.length === 0) return null;
  return (
    <Part title={t("rule.versions")} note={t("rule.n_versions", { n: versions.length })}>
      <ol className="versions">
        {versions.map((version, i) => {
          const before = versions[i + 1]?.text;
          const open = shown === i;
          return (
            <li key={`${version.at}-${version.hash}`}>
              <div className="row">
                <Time at={version.at} />
                <span className="grow">
                  {version.actor.kind === "center" ? known("actor", "center") : version.actor.name}
                  {version.reason ? <span className="t3"> · {known("rule_reason", version.reason)}</span> : null}
                </span>
                {version.text === null || version.text === undefined ? (
                  <span className="tag">{t("rule.version_gone")}</span>
                ) : before ? (
                  <button
                    type="button"
                    className="btn small"
                    aria-expanded={open}
                    onClick={() => setShown(open ? null : i)}
                  >
                    {t(open ? "rule.diff_hide" : "rule.diff_show")}
                  </button>
                ) : (
                  <span className="tag">{t("rule.version_first")}</span>
                )}
                <span className="mono t3 sm" title={version.hash}>
                  {version.hash.slice(0, 8)}
                </span>
              </div>
              {open && before && version.text ? (
                <Diff before={before} after={version.text} label={t("rule.diff_label")} />
              ) : null}
            </li>
          );
        })}
      </ol>
    </Part>
  );
}
