// Close with a verdict and a reason; Enter sends.
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Verdict } from "../api/types";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";

const VERDICTS: Verdict[] = ["true_positive", "benign", "false_positive", "duplicate"];

interface Props {
  onSubmit: (verdict: Verdict, reason: string) => Promise<void>;
  onCancel: () => void;
}

export function CloseForm({ onSubmit, onCancel }: Props) {
  const { t } = useWords();
  const online = useOnline();
  const first = useRef<HTMLInputElement>(null);
  const reason = useRef<HTMLInputElement>(null);
  const [verdict, setVerdict] = useState<Verdict>("true_positive");
  const [missing, setMissing] = useState(false);
  const [sending, setSending] = useState(false);
  useEffect(() => first.current?.focus(), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const words = reason.current?.value.trim() ?? "";
    setMissing(!words);
    if (!words) {
      reason.current?.focus();
      return;
    }
    setSending(true);
    await onSubmit(verdict, words);
    setSending(false);
  };
  return (
    <form className="form" onSubmit={submit}>
      <fieldset>
        <legend className="hd">{t("close.how")}</legend>
        <div className="verdicts">
          {VERDICTS.map((each, i) => (
            <label key={each}>
              <input
                type="radio"
                name="verdict"
                ref={i === 0 ? first : undefined}
                checked={verdict === each}
                onChange={() => setVerdict(each)}
              />
              {t(`verdict.${each}`)}
            </label>
          ))}
        </div>
      </fieldset>
      <div className="field">
        <label htmlFor="close-reason">{t("field.reason")}</label>
        <input
          id="close-reason"
          className="input"
          ref={reason}
          aria-invalid={missing}
          aria-describedby={missing ? "close-missing" : undefined}
          autoComplete="off"
        />
        {missing ? (
          <small className="warn" id="close-missing">
            {t("field.reason_missing")}
          </small>
        ) : null}
      </div>
      <div className="row">
        <button type="submit" className="btn primary" disabled={!online || sending}>
          {t("close.submit")} <kbd>Enter</kbd>
        </button>
        <button type="button" className="btn" onClick={onCancel}>
          {t("action.cancel")}
        </button>
      </div>
    </form>
  );
}
