// The raw lines behind an alert, with the parts that made the rule fire marked, and the fields that held.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { AlertEvent, MatchedField } from "../api/types";
import { Link } from "../app/Link";
import { clockMs } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Part } from "../ui/Panel";
import { Raw } from "../ui/Raw";
import { Failed, Skeleton } from "../ui/States";
import { Value } from "../ui/Value";

/** Lines shown before "more". */
const FIRST = 2;
/** "Around it" searches this far to both sides. */
const AROUND_MS = 5 * 60_000;

export function around(time: string): string {
  const at = new Date(time).getTime();
  return `from=${new Date(at - AROUND_MS).toISOString()}&to=${new Date(at + AROUND_MS).toISOString()}`;
}

function Line({ event }: { event: AlertEvent }) {
  const { t } = useWords();
  return (
    <div>
      <div className="meta">
        <span className="mono nowrap">{clockMs(event.time)}</span>
        <span>{event.source}</span>
        {event.hash_ok === false ? <span className="warn">{t("event.hash_bad")}</span> : null}
        <span className="grow" />
        <Link className="nowrap" href={`/search?q=&${around(event.time)}`}>
          {t("event.around")}
        </Link>
      </div>
      <Raw text={event.raw} marks={event.marks} />
    </div>
  );
}

export function RawLines({ id }: { id: number }) {
  const { t, count } = useWords();
  const [all, setAll] = useState(false);
  const query = useQuery({
    queryKey: ["alert", id, "events"],
    queryFn: ({ signal }) => api.get("/api/alerts/{id}/events", { path: { id }, signal }),
  });
  if (query.error)
    return <Failed what={t("alert.events_failed")} error={query.error} again={() => void query.refetch()} />;
  if (!query.data) return <Skeleton rows={2} />;
  const { events, total } = query.data;
  const shown = all ? events : events.slice(0, FIRST);
  // What held is told by selection: of the newest line that has it.
  const held = new Map<string, MatchedField[]>();
  for (const event of shown)
    for (const field of event.matched) {
      const known = held.get(field.selection) ?? [];
      if (!known.some((each) => each.field === field.field)) held.set(field.selection, [...known, field]);
    }
  const whole = events.length > 0 && events.every((event) => event.hash_ok === true);
  return (
    <Part
      title={t("alert.lines", { n: count(shown.length), of: count(total) })}
      note={whole ? t("event.hash_ok") : null}
    >
      <div className="logs">
        {shown.map((event) => (
          <Line key={event.id} event={event} />
        ))}
      </div>
      {held.size > 0 ? (
        <dl className="held">
          {[...held].map(([selection, fields]) => (
            <div key={selection}>
              <dt className="mono">{selection}</dt>
              {fields.map((field) => (
                <dd key={field.field}>
                  <span className="mono t3">{field.field}</span>
                  {field.test ? <span className="mono t2">{field.test}</span> : null}
                  <Value field={field.field} value={field.value} mono />
                </dd>
              ))}
            </div>
          ))}
        </dl>
      ) : null}
      {!all && events.length > FIRST ? (
        <p className="more">
          <button type="button" className="btn small" onClick={() => setAll(true)}>
            {t("alert.more_lines", { n: count(events.length - FIRST) })}
          </button>
        </p>
      ) : null}
    </Part>
  );
}
