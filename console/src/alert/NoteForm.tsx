// A note on an alert; Enter sends, Shift+Enter breaks the line.
import { type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";

/** A note longer than this belongs in a document. */
const NOTE_CHARS_MAX = 4_000;

export function NoteForm({
  onSubmit,
  onCancel,
}: {
  onSubmit: (text: string) => Promise<boolean>;
  onCancel: () => void;
}) {
  const { t } = useWords();
  const online = useOnline();
  const text = useRef<HTMLTextAreaElement>(null);
  useEffect(() => text.current?.focus(), []);
  const send = async () => {
    const words = text.current?.value.trim() ?? "";
    if (words && online) await onSubmit(words);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const key = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form className="form" onSubmit={submit}>
      <div className="field">
        <label htmlFor="note">{t("note.label")}</label>
        <textarea id="note" className="input" ref={text} rows={3} maxLength={NOTE_CHARS_MAX} onKeyDown={key} />
      </div>
      <div className="row">
        <button type="submit" className="btn primary" disabled={!online}>
          {t("note.submit")} <kbd>Enter</kbd>
        </button>
        <button type="button" className="btn" onClick={onCancel}>
          {t("action.cancel")}
        </button>
      </div>
    </form>
  );
}
