// What happened, oldest last. The sign says what kind of actor: triangle rule, square action, disc approval, bubble note.
import type { TimelineEntry } from "../api/types";
import { useKnown, useWords } from "../i18n/use";
import { Icon, type Sign } from "./Icon";
import { Time } from "./Time";

function sign(entry: TimelineEntry): Sign {
  if (entry.kind === "detected") return "triangle";
  if (entry.kind === "note") return "bubble";
  if (entry.kind === "block_approved" || entry.kind === "block_refused") return "disc";
  return "square";
}

export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  const known = useKnown();
  const { actorOf } = useWords();
  const newest = [...entries].sort((a, b) => b.at.localeCompare(a.at));
  return (
    <ol className="tl">
      {newest.map((entry, i) => (
        <li key={`${entry.at}-${i}`}>
          <Icon sign={sign(entry)} size={13} />
          <span className="t3">
            <Time at={entry.at} />
          </span>
          <span>
            <b>{known("timeline", entry.kind)}</b> {entry.text}
          </span>
          <span className="t3 sm">{actorOf(entry.actor)}</span>
        </li>
      ))}
    </ol>
  );
}
