// One alert: why it fired with the raw lines, what to do next, who to call, what happened before. The table stays beside it.
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import type { AlertDetail, AlertRow } from "../api/types";
import { Link } from "../app/Link";
import { useLive, useOnline } from "../app/live";
import { useCan, useMe } from "../app/session";
import { hourMinute } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Bars } from "../ui/Bars";
import { Example } from "../ui/Example";
import { Panel, Part } from "../ui/Panel";
import { Severity } from "../ui/Severity";
import { Failed, Skeleton } from "../ui/States";
import { Time } from "../ui/Time";
import { Timeline } from "../ui/Timeline";
import { Value } from "../ui/Value";
import type { AlertActions } from "./actions";
import { CloseForm } from "./CloseForm";
import { NoteForm } from "./NoteForm";
import { People, Similar } from "./People";
import type { Doing } from "./Queue";
import { RawLines } from "./RawLines";
import { RuleText } from "./RuleText";

interface Props {
  id: number;
  row: AlertRow | null;
  doing: Doing;
  setDoing: (doing: Doing) => void;
  actions: AlertActions;
  onClose: () => void;
  onBlock: () => void;
  onAcknowledge: () => void;
  /** It was closed from here. */
  onClosed: () => void;
}

function Head({ row, detail }: { row: AlertRow; detail: AlertDetail | undefined }) {
  const { t, nameOf, pick } = useWords();
  return (
    <>
      <h2>{pick(row.reason, row.reason_en)}</h2>
      <p className="t2 s13">
        {nameOf(row.agency)} / {row.entity.system ? `${row.entity.system} ` : ""}
        <Value field={row.entity.kind} value={row.entity.value} mono />
        {row.owner ? ` · ${t("alert.owner", { name: nameOf(row.owner) })}` : null}
        {detail?.verdict ? ` · ${t(`verdict.${detail.verdict}`)}` : null}
      </p>
    </>
  );
}

function Acts(p: Props & { row: AlertRow; canBlock: boolean }) {
  const { t } = useWords();
  const can = useCan();
  const me = useMe();
  const online = useOnline();
  const { row } = p;
  const mine = row.owner?.id === me?.id;
  const standing =
    row.block && ["approved", "applying", "applied", "proposed"].includes(row.block.state) ? row.block : null;
  if (row.state === "closed") {
    return can.work_alerts ? (
      <div className="acts">
        <button type="button" className="btn" disabled={!online} onClick={() => void p.actions.reopen([row.id])}>
          {t("action.reopen")}
        </button>
        <span className="grow" />
      </div>
    ) : null;
  }
  const applied = standing && standing.state !== "proposed";
  const first = p.doing
    ? null
    : p.canBlock && can.request_blocks && !applied
      ? "block"
      : !mine && can.work_alerts
        ? "take"
        : null;
  return (
    <div className="acts">
      {can.request_blocks && (p.canBlock || applied) ? (
        <button
          type="button"
          className={first === "block" ? "btn primary" : "btn"}
          disabled={!online && !applied}
          onClick={p.onBlock}
        >
          {applied ? t("alert.see_block") : t("action.block")} <kbd>b</kbd>
        </button>
      ) : null}
      {can.work_alerts ? (
        <>
          {mine ? null : (
            <button
              type="button"
              className={first === "take" ? "btn primary" : "btn"}
              disabled={!online}
              onClick={p.onAcknowledge}
            >
              {t("action.take")} <kbd>a</kbd>
            </button>
          )}
          <button
            type="button"
            className="btn"
            aria-expanded={p.doing === "note"}
            onClick={() => p.setDoing(p.doing === "note" ? null : "note")}
          >
            {t("action.note")} <kbd>n</kbd>
          </button>
          <button
            type="button"
            className="btn"
            aria-expanded={p.doing === "close"}
            onClick={() => p.setDoing(p.doing === "close" ? null : "close")}
          >
            {t("action.close_alert")} <kbd>c</kbd>
          </button>
        </>
      ) : null}
    </div>
  );
}

function Body({ detail }: { detail: AlertDetail }) {
  const { t, count, nameOf, pick, language } = useWords();
  const { row } = detail;
  const steps = language === "en" && detail.next_steps_en.length > 0 ? detail.next_steps_en : detail.next_steps;
  const days = detail.entity_days;
  const today = days.at(-1) ?? 0;
  const before = days.slice(0, -1);
  const usual = before.length > 0 ? `${Math.min(...before)}~${Math.max(...before)}` : "0";
  return (
    <>
      <Part
        title={t("alert.why")}
        note={
          <Link href={`/settings/rules?rule=${encodeURIComponent(row.rule_id)}`}>
            {pick(row.rule_title, row.rule_title_en)}
          </Link>
        }
      >
        <p className="whyt">{pick(detail.description, detail.description_en)}</p>
      </Part>
      <RawLines id={row.id} />
      {steps.length > 0 ? (
        <Part title={t("alert.next")}>
          <ol className="steps">
            {steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </Part>
      ) : null}
      <section className="blk two">
        <div>
          <h3 className="hd">ATT&amp;CK</h3>
          <ul className="att">
            {detail.attack.length === 0 ? <li className="t3">{t("none")}</li> : null}
            {detail.attack.map((technique) => (
              <li key={technique.id}>
                <span className="mono">{technique.id}</span> {technique.name}
              </li>
            ))}
          </ul>
        </div>
        <div>
          <h3 className="hd">{t("alert.days", { n: days.length })}</h3>
          <div className="hist">
            <Bars
              values={days}
              width={140}
              height={36}
              label={t("alert.days_text", { n: days.length, today, usual })}
            />
            <span className="sm t2">
              {t("alert.today", { n: count(today) })}
              <br />
              {t("alert.usual", { range: usual })}
            </span>
          </div>
          {detail.seen_in.length > 1 ? (
            <p className="sm t2 seen">
              {t("alert.seen_in", { n: detail.seen_in.length, names: detail.seen_in.map(nameOf).join(", ") })}
            </p>
          ) : null}
        </div>
      </section>
      {detail.other_alerts.length > 0 ? (
        <Part title={t("alert.others")}>
          <ul className="sim">
            {detail.other_alerts.map((other) => (
              <li key={other.id}>
                <Link className="mono" href={`/queue?tab=all&alert=${other.id}`}>
                  A-{other.id}
                </Link>
                <span>{pick(other.reason, other.reason_en)}</span>
                <Severity level={other.severity} />
              </li>
            ))}
          </ul>
        </Part>
      ) : null}
      <People detail={detail} />
      <Similar detail={detail} />
      <Part title={t("alert.timeline")}>
        <Timeline entries={detail.timeline} />
      </Part>
      <RuleText id={row.rule_id} />
    </>
  );
}

export function AlertPanel(props: Props) {
  const { t } = useWords();
  const { lastAt } = useLive();
  const query = useQuery({
    queryKey: ["alert", props.id],
    queryFn: ({ signal }) => api.get("/api/alerts/{id}", { path: { id: props.id }, signal }),
    placeholderData: undefined,
  });
  const row = query.data?.row ?? props.row;
  if (!row) {
    return (
      <Panel label={t("alert.panel")} lead={<span className="mono t3">A-{props.id}</span>} onClose={props.onClose}>
        {query.error ? (
          <Failed what={t("alert.failed")} error={query.error} again={() => void query.refetch()} />
        ) : (
          <Skeleton rows={4} />
        )}
      </Panel>
    );
  }
  const canBlock = query.data?.block_target !== null && query.data?.block_target !== undefined;
  return (
    <Panel
      label={t("alert.panel")}
      onClose={props.onClose}
      lead={
        <>
          <Severity level={row.severity} />
          <span className="tag">{t(`alert_state.${row.state}`)}</span>
          <span className="sm t2">
            <span className="mono">A-{row.id}</span> · {hourMinute(row.first_at)} ~ <Time at={row.last_at} />
          </span>
          <Example is={row.example} />
        </>
      }
      head={
        <>
          <Head row={row} detail={query.data} />
          <Acts {...props} row={row} canBlock={canBlock} />
        </>
      }
    >
      {props.doing === "close" ? (
        <div className="doing">
          <CloseForm
            onCancel={() => props.setDoing(null)}
            onSubmit={async (verdict, reason) => {
              if (await props.actions.close([row.id], verdict, reason)) props.onClosed();
            }}
          />
        </div>
      ) : null}
      {props.doing === "note" ? (
        <div className="doing">
          <NoteForm
            onCancel={() => props.setDoing(null)}
            onSubmit={async (text) => {
              const done = await props.actions.note(row.id, text);
              if (done) props.setDoing(null);
              return done;
            }}
          />
        </div>
      ) : null}
      {query.data ? (
        <Body detail={query.data} />
      ) : query.error ? (
        <Failed
          what={t("alert.failed")}
          error={query.error}
          again={() => void query.refetch()}
          kept={lastAt ? "" : undefined}
        />
      ) : (
        <Skeleton rows={4} />
      )}
    </Panel>
  );
}
