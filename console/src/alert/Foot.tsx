// The footer of the queue: is it live, what is in scope, what was done last, and the keys.
import { useLive } from "../app/live";
import { useNow } from "../app/now";
import { type Language, usePrefs } from "../app/prefs";
import { useCan, useMe } from "../app/session";
import { clock, duration } from "../i18n/format";
import { useWords } from "../i18n/use";
import type { Did } from "./actions";

/** "실시간, 2초 전" or the age of the page. */
export function LiveMark() {
  const { t, duration: length } = useWords();
  const { state, lastAt } = useLive();
  const now = useNow();
  if (state === "live") {
    return (
      <span>
        <span className="live-dot" aria-hidden="true" />
        {t("live.live", { time: length((now - lastAt) / 1000) })}
      </span>
    );
  }
  return (
    <span>
      <span className="live-dot lost" aria-hidden="true" />
      {state === "lost" ? t("live.lost") : t("live.connecting")}
    </span>
  );
}

/** "보는 범위: 시 전체 31개 기관". */
export function ScopeMark() {
  const { t, count, nameOf } = useWords();
  const me = useMe();
  if (!me) return null;
  return <span>{t("frame.scope", { names: me.scope.map(nameOf).join(", "), n: count(me.scope_agencies) })}</span>;
}

const KEYS: [string[], string][] = [
  [["j", "k"], "key.move"],
  [["x"], "key.select"],
  [["a"], "key.take"],
  [["b"], "key.block"],
  [["c"], "key.close"],
  [["u"], "key.undo"],
  [["?"], "key.all"],
];

export function QueueFoot({ last, onUndo, language }: { last: Did | null; onUndo: () => void; language: Language }) {
  const { t } = useWords();
  const can = useCan();
  const { keys } = usePrefs();
  const now = useNow();
  const recent = last && now - last.at < 10 * 60_000 ? last : null;
  const what = recent
    ? `${recent.ids.length === 1 ? `A-${recent.ids[0]}` : t("queue.many", { n: recent.ids.length })} ${t(`did.${recent.kind}`)}`
    : "";
  return (
    <div className="foot">
      <LiveMark />
      <ScopeMark />
      <span role="status">
        {recent ? (
          <>
            <b>{what}</b>
            <span className="t3" title={clock(recent.at)}>
              {t("did.ago", { time: duration((now - recent.at) / 1000, language) })}
            </span>
            {["acknowledged", "closed", "blocked"].includes(recent.kind) ? (
              <button type="button" className="btn linkish" onClick={onUndo}>
                {t("action.undo")}
              </button>
            ) : null}
          </>
        ) : null}
      </span>
      <span className="grow" />
      {keys && can.work_alerts
        ? KEYS.filter(([, word]) => word !== "key.block" || can.request_blocks).map(([names, word]) => (
            <span key={word} className="hints">
              {names.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
              {t(word)}
            </span>
          ))
        : null}
    </div>
  );
}
