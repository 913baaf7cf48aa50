// The clock ring: the arc left is the time left. Under five minutes amber; past due a solid disc with time and word;
// dashed where there is no limit.
import { useNow } from "../app/now";
import { useWords } from "../i18n/use";

const AROUND = 2 * Math.PI * 7.5;
const SOON_S = 5 * 60;

export function Due({ due, opened }: { due: string | null | undefined; opened: string }) {
  const { t, duration } = useWords();
  const now = useNow();
  if (!due) {
    return (
      <span className="sla none">
        <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
          <circle
            cx="10"
            cy="10"
            r="7.5"
            fill="none"
            stroke="var(--line-2)"
            strokeWidth="2.5"
            strokeDasharray="2 3.890"
          />
        </svg>
        <span>{t("due.none")}</span>
      </span>
    );
  }
  const left = (new Date(due).getTime() - now) / 1000;
  if (left <= 0) {
    return (
      <span className="sla late">
        <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
          <circle cx="10" cy="10" r="9" fill="var(--sev-critical)" />
          <path
            d="M10 5.500V10.300l3 1.700"
            stroke="var(--on-sev)"
            strokeWidth="1.800"
            fill="none"
            strokeLinecap="round"
          />
        </svg>
        <span>
          {duration(-left)} <small>{t("due.late")}</small>
        </span>
      </span>
    );
  }
  const whole = (new Date(due).getTime() - new Date(opened).getTime()) / 1000;
  const share = Math.min(1, Math.max(0.03, left / Math.max(1, whole)));
  const soon = left < SOON_S;
  return (
    <span className={soon ? "sla soon" : "sla"}>
      <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="7.5" fill="none" stroke="var(--ring-track)" strokeWidth="2.5" />
        <circle
          cx="10"
          cy="10"
          r="7.5"
          fill="none"
          stroke={soon ? "var(--sev-high)" : "var(--chart-1)"}
          strokeWidth="3"
          strokeDasharray={`${share * AROUND} ${AROUND}`}
          transform="rotate(-90 10 10)"
        />
      </svg>
      <span>
        <span className="vh">{t("due.left")} </span>
        {duration(left)}
      </span>
    </span>
  );
}
