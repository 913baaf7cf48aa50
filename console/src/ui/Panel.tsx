// The panel beside a table. Esc closes it; focus goes to its heading when it opens and back to the row by its page.
import { type ReactNode, useEffect, useRef } from "react";
import { LEVEL, useKeys } from "../app/keys";
import { useWords } from "../i18n/use";
import { Icon } from "./Icon";

interface PanelProps {
  /** Name of the panel for screen readers. */
  label: string;
  /** Left of the close button, first line. */
  lead: ReactNode;
  /** Below it. */
  head?: ReactNode;
  /** Below the scrolling part. */
  foot?: ReactNode;
  children: ReactNode;
  drawer?: boolean;
  onClose: () => void;
  /** Give the panel the focus when it opens. */
  take?: boolean;
}

export function Panel({ label, lead, head, foot, children, drawer = false, onClose, take = true }: PanelProps) {
  const { t } = useWords();
  const place = useRef<HTMLElement>(null);
  useKeys({ Escape: onClose }, true, LEVEL.panel);
  useEffect(() => {
    if (take) place.current?.focus({ preventScroll: true });
  }, [take]);
  return (
    <aside className={drawer ? "panel drawer" : "panel"} aria-label={label} ref={place} tabIndex={-1}>
      <div className="ph">
        <div className="row lead">
          {lead}
          <span className="grow" />
          <button
            type="button"
            className="btn quiet close"
            onClick={onClose}
            aria-label={t("action.close_panel")}
            title={`${t("action.close_panel")} (Esc)`}
          >
            <Icon sign="close" />
          </button>
        </div>
        {head}
      </div>
      <section className="pb" tabIndex={0} aria-label={label}>
        {children}
      </section>
      {foot ?? <div />}
    </aside>
  );
}

/** A part of a panel with its small heading. */
export function Part({ title, note, children }: { title: ReactNode; note?: ReactNode; children: ReactNode }) {
  return (
    <section className="blk">
      <h3>
        {title}
        {note ? <span>{note}</span> : null}
      </h3>
      {children}
    </section>
  );
}
