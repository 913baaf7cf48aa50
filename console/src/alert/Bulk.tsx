// Several alerts at once: exact count, progress, one reason for all.
import type { Verdict } from "../api/types";
import { useWords } from "../i18n/use";
import { Panel } from "../ui/Panel";
import type { Progress } from "./actions";
import { CloseForm } from "./CloseForm";

interface BarProps {
  count: number;
  progress: Progress | null;
  off: boolean;
  onAcknowledge: () => void;
  onClose: () => void;
  onClear: () => void;
}

export function BulkBar({ count, progress, off, onAcknowledge, onClose, onClear }: BarProps) {
  const { t } = useWords();
  return (
    <div className="bulk" role="status">
      <b>{t("bulk.selected", { n: count })}</b>
      {progress ? (
        <>
          <span className="progress" aria-hidden="true">
            <i style={{ width: `${(100 * (progress.done + progress.failed)) / progress.of}%` }} />
          </span>
          <span>{t("bulk.progress", { done: progress.done, of: progress.of })}</span>
        </>
      ) : (
        <>
          <button type="button" className="btn small" disabled={off} onClick={onAcknowledge}>
            {t("action.take")} <kbd>a</kbd>
          </button>
          <button type="button" className="btn small" disabled={off} onClick={onClose}>
            {t("action.close_alert")} <kbd>c</kbd>
          </button>
          <button type="button" className="btn small quiet" onClick={onClear}>
            {t("bulk.clear")} <kbd>Esc</kbd>
          </button>
        </>
      )}
    </div>
  );
}

export function BulkClose({
  count,
  onSubmit,
  onClose,
}: {
  count: number;
  onSubmit: (verdict: Verdict, reason: string) => Promise<void>;
  onClose: () => void;
}) {
  const { t } = useWords();
  return (
    <Panel
      drawer
      take={false}
      label={t("bulk.close", { n: count })}
      lead={<h2>{t("bulk.close", { n: count })}</h2>}
      onClose={onClose}
    >
      <div className="doing">
        <CloseForm onSubmit={onSubmit} onCancel={onClose} />
      </div>
    </Panel>
  );
}
