// One event, whole: the raw line as received, how it came, and every field that was read.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { around } from "../alert/RawLines";
import { api } from "../api/client";
import { Link } from "../app/Link";
import { absolute } from "../i18n/format";
import { useKnown, useWords } from "../i18n/use";
import { Raw } from "../ui/Raw";
import { Failed } from "../ui/States";
import { Value } from "../ui/Value";

export function Whole({ id }: { id: string }) {
  const { t, count } = useWords();
  const known = useKnown();
  const [copied, setCopied] = useState(false);
  const query = useQuery({
    queryKey: ["event", id],
    queryFn: ({ signal }) => api.get("/api/search/events/{id}", { path: { id }, signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (query.error) return <Failed what={t("event.failed")} error={query.error} again={() => void query.refetch()} />;
  if (!query.data) return <div className="exw waiting" />;
  const event = query.data;
  const hash =
    event.hash_ok === null || event.hash_ok === undefined
      ? "event.hash_gone"
      : event.hash_ok
        ? "event.hash_ok"
        : "event.hash_bad";
  return (
    <div className="exw">
      <div>
        <div className="hd">
          {t("event.raw")} · {event.encoding} · {t("event.journal", { n: count(event.sequence) })} ·{" "}
          <b className={event.hash_ok === false ? "warn" : undefined}>{t(hash)}</b>
        </div>
        <Raw text={event.raw} />
        <div className="row exa">
          <Link className="btn small" href={`/search?q=&${around(event.row.time)}`}>
            {t("event.around")}
          </Link>
          <button
            type="button"
            className="btn small"
            onClick={() => {
              void navigator.clipboard?.writeText(event.raw);
              setCopied(true);
            }}
          >
            {t(copied ? "action.copied" : "event.copy")}
          </button>
          <span className="t3 sm">
            {t("event.format", { name: event.format })} · {event.transport}
          </span>
        </div>
        <p className="t3 sm exa">{t("event.received", { time: absolute(event.receive_time) })}</p>
        {event.unread ? <p className="warn sm">{t("event.unread", { why: event.unread })}</p> : null}
        {event.flags.length > 0 ? (
          <p className="row">
            {event.flags.map((flag) => (
              <span className="tag" key={flag}>
                {known("flag", flag)}
              </span>
            ))}
          </p>
        ) : null}
      </div>
      <dl className="pairs">
        {event.fields.map((pair) => (
          <div key={pair.name}>
            <dt className="mono">{pair.name}</dt>
            <dd>
              <Value field={pair.name} value={pair.value} />
            </dd>
          </div>
        ))}
        {event.extra.map((pair) => (
          <div key={`x-${pair.name}`}>
            <dt className="mono">{pair.name}</dt>
            <dd className="t2">{pair.value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
