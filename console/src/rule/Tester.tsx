// Lines tried against a rule: which fired, which atoms held, and of the silent ones why not.
import { useMutation } from "@tanstack/react-query";
import { useRef } from "react";
import { api } from "../api/client";
import type { TestedLine, TestedRule } from "../api/types";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";
import { Icon } from "../ui/Icon";
import { Part } from "../ui/Panel";
import { Raw } from "../ui/Raw";
import { Failed } from "../ui/States";

/** The center tries no more lines at once. */
const LINES_MAX = 200;

/** One rule: its log source, then each selection with its atoms. */
function Asked({ asked, several }: { asked: TestedRule; several: boolean }) {
  const { t, pick } = useWords();
  return (
    <div className="asked">
      {several ? <b>{pick(asked.title, asked.title_en)}</b> : null}
      {asked.logsource_fits ? null : (
        <p>
          <Icon sign="cross" size={13} /> {t("rule.wrong_logsource", { name: asked.logsource })}
        </p>
      )}
      {asked.held_back ? (
        <p>
          <Icon sign="cross" size={13} /> {t("rule.held_back")}
        </p>
      ) : null}
      <p className="t3 sm">
        {t("rule.condition")} <span className="mono">{asked.condition}</span>
      </p>
      <ul>
        {asked.selections.map((selection) => (
          <li key={selection.name}>
            <span className={selection.holds ? "tag ok" : "tag"}>
              {t(selection.holds ? "rule.sel_holds" : "rule.sel_fails")}
            </span>{" "}
            <span className="mono">{selection.name}</span>
            <ul>
              {selection.atoms.map((atom, i) => (
                <li key={i} className={atom.held === atom.negated ? "no" : undefined}>
                  <Icon sign={atom.held === atom.negated ? "cross" : "check"} size={13} />
                  <span>
                    <span className="vh">{t(atom.held === atom.negated ? "rule.atom_fails" : "rule.atom_holds")} </span>
                    {atom.negated ? <b>{t("rule.atom_not")} </b> : null}
                    <span className="mono">{atom.field || t("rule.keyword")}</span>{" "}
                    <span className="mono t2">{atom.test}</span>
                    {" · "}
                    {atom.value === null || atom.value === undefined ? (
                      <span className="t3">{t("rule.atom_absent")}</span>
                    ) : (
                      <span className="t3">
                        {t("rule.atom_value")} <span className="mono">{atom.value}</span>
                      </span>
                    )}
                  </span>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Line({ line }: { line: TestedLine }) {
  const { t } = useWords();
  return (
    <li>
      <span className="row sm">
        <span className={line.fired ? "tag bad" : line.matched ? "tag soon" : "tag"}>
          {t(line.fired ? "rule.fired" : line.matched ? "rule.matched" : "rule.silent")}
        </span>
        <span className="t3">{line.format ? t("event.format", { name: line.format }) : t("source.unrecognised")}</span>
      </span>
      <Raw text={line.line} />
      {line.asked.length > 0 ? (
        <details open={!line.matched && !line.fired}>
          <summary className="sm t2">{t(line.matched || line.fired ? "rule.why" : "rule.why_not")}</summary>
          {line.asked.map((asked) => (
            <Asked key={asked.id} asked={asked} several={line.asked.length > 1} />
          ))}
        </details>
      ) : null}
    </li>
  );
}

export function Tester({ id }: { id: string }) {
  const { t } = useWords();
  const online = useOnline();
  const text = useRef<HTMLTextAreaElement>(null);
  const test = useMutation({
    mutationFn: (lines: string[]) => api.post("/api/rules/{id}/test", { path: { id }, body: { lines } }),
  });
  const run = () => {
    const lines = (text.current?.value ?? "").split("\n").filter((line) => line.trim() !== "");
    if (lines.length > 0) test.mutate(lines.slice(0, LINES_MAX));
  };
  return (
    <Part title={<label htmlFor="try-lines">{t("rule.try")}</label>} note={t("rule.try_note", { n: LINES_MAX })}>
      <textarea
        id="try-lines"
        className="input mono"
        rows={3}
        ref={text}
        placeholder={t("rule.try_hint")}
        spellCheck={false}
      />
      <div className="row more-link">
        <button type="button" className="btn" disabled={!online || test.isPending} onClick={run}>
          {t("rule.try_run")}
        </button>
      </div>
      {test.error ? <Failed what={t("rule.try_failed")} error={test.error} /> : null}
      {test.data ? (
        <div role="status">
          <ul className="tested">
            {test.data.lines.map((line, i) => (
              <Line key={i} line={line} />
            ))}
          </ul>
        </div>
      ) : null}
    </Part>
  );
}
