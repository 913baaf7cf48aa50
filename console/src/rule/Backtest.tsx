// A rule over the events of the last days, before it is switched on: a job with progress that can be stopped.
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Backtest as Found } from "../api/types";
import { useOnline } from "../app/live";
import { clock } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Bars } from "../ui/Bars";
import { Part } from "../ui/Panel";
import { Raw } from "../ui/Raw";
import { Failed, Told } from "../ui/States";

/** Days to choose from. */
const DAYS = [1, 3, 7, 14, 31];
/** Between two looks at a job that runs, ms. */
const LOOK_MS = 700;

function Progress({ found, onStop }: { found: Found; onStop: () => void }) {
  const { t, count, big } = useWords();
  const share = found.total > 0 ? found.scanned / found.total : 0;
  return (
    <div className="doing" role="status">
      <div className="row s13">
        <span className="grow">
          {t("backtest.progress", { n: big(found.scanned), of: big(found.total), found: count(found.matches) })}
        </span>
        <button type="button" className="btn small" onClick={onStop}>
          {t("backtest.stop")}
        </button>
      </div>
      <div className="progress more-link">
        <i style={{ width: `${Math.min(100, share * 100)}%` }} />
      </div>
    </div>
  );
}

function Result({ found }: { found: Found }) {
  const { t, count } = useWords();
  const days = found.days;
  return (
    <div className="backtest">
      <p>
        <b>{t("backtest.matches", { n: count(found.matches), groups: count(found.groups) })}</b>{" "}
        <span className="t3 sm">
          {t(found.state === "stopped" ? "backtest.stopped" : "backtest.of", { n: count(found.scanned) })} ·{" "}
          {t("as_of", { time: clock(found.as_of) })}
        </span>
      </p>
      {found.crowded_seconds > 0 ? (
        <p className="warn sm">{t("backtest.crowded", { n: count(found.crowded_seconds) })}</p>
      ) : null}
      <Bars
        values={days.map((day) => day.count)}
        width={420}
        height={44}
        wide
        now={false}
        label={t("backtest.chart", { days: count(days.length), n: count(found.matches) })}
      />
      <details>
        <summary className="sm t2">{t("backtest.by_day")}</summary>
        <table className="small">
          <thead>
            <tr>
              <th scope="col">{t("backtest.day")}</th>
              <th scope="col" className="num">
                {t("backtest.count")}
              </th>
            </tr>
          </thead>
          <tbody>
            {days.map((day) => (
              <tr key={day.date}>
                <td>{day.date}</td>
                <td className="num">{count(day.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      {found.entities.length > 0 ? (
        <>
          <h4 className="sm t3">{t("backtest.entities")}</h4>
          <ul className="lines">
            {found.entities.map((each) => (
              <li key={each.value}>
                <span className="mono">{each.value}</span>
                <span>{count(each.count)}</span>
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {found.samples.length > 0 ? (
        <details>
          <summary className="sm t2">{t("backtest.samples", { n: count(found.samples.length) })}</summary>
          <div className="logs">
            {found.samples.map((each) => (
              <div key={each.id}>
                <div className="meta">
                  <span className="mono">{each.time.slice(0, 10)}</span>
                  <span className="mono">{clock(each.time)}</span>
                  <span>{each.source}</span>
                </div>
                <Raw text={each.raw} marks={each.marks} />
              </div>
            ))}
          </div>
        </details>
      ) : null}
    </div>
  );
}

export function Backtest({ id }: { id: string }) {
  const { t } = useWords();
  const online = useOnline();
  const [days, setDays] = useState(7);
  const [job, setJob] = useState<number | null>(null);
  const start = useMutation({
    mutationFn: () => api.post("/api/rules/{id}/backtest", { path: { id }, body: { days } }),
    onSuccess: (found) => setJob(found.id),
  });
  const query = useQuery({
    queryKey: ["backtest", job],
    queryFn: ({ signal }) => api.get("/api/backtests/{id}", { path: { id: job ?? 0 }, signal }),
    enabled: job !== null,
    refetchInterval: (query) => (!query.state.data || query.state.data.state === "running" ? LOOK_MS : false),
  });
  const stop = useMutation({
    mutationFn: () => api.delete("/api/backtests/{id}", { path: { id: job ?? 0 } }),
    onSettled: () => void query.refetch(),
  });
  const found = job === null ? undefined : query.data;
  const running = found?.state === "running";
  return (
    <Part title={<label htmlFor="backtest-days">{t("backtest.title")}</label>} note={t("backtest.note")}>
      <div className="row">
        <select
          id="backtest-days"
          className="input days"
          value={days}
          onChange={(event) => setDays(Number(event.target.value))}
        >
          {DAYS.map((each) => (
            <option key={each} value={each}>
              {t("backtest.days", { n: each })}
            </option>
          ))}
        </select>
        <button
          type="button"
          className="btn"
          disabled={!online || start.isPending || running}
          onClick={() => start.mutate()}
        >
          {t("backtest.start")}
        </button>
      </div>
      {start.error ? <Failed what={t("backtest.failed")} error={start.error} /> : null}
      {query.error ? <Failed what={t("backtest.failed")} error={query.error} /> : null}
      {found && running ? <Progress found={found} onStop={() => stop.mutate()} /> : null}
      {found?.state === "failed" ? <Told what={t("backtest.failed")}>{found.error}</Told> : null}
      {found && !running ? <Result found={found} /> : null}
    </Part>
  );
}
