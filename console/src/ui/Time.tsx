// A moment: short in the line, whole and relative on hover and for screen readers.
import { useNow } from "../app/now";
import { absolute, ago, clock, when } from "../i18n/format";
import { useWords } from "../i18n/use";

interface TimeProps {
  at: string;
  /** `when`: today's hour or the date; `clock`: with seconds; `ago`: relative, then the hour. */
  as?: "when" | "clock" | "ago";
}

export function Time({ at, as = "when" }: TimeProps) {
  const now = useNow();
  const { language } = useWords();
  const relative = ago(at, now, language);
  const text = as === "clock" ? clock(at) : as === "ago" ? `${relative} · ${when(at, now)}` : when(at, now);
  return (
    <time dateTime={at} title={`${absolute(at)} · ${relative}`} className="nowrap">
      {text}
    </time>
  );
}
