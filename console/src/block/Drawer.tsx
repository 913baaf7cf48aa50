// The block drawer: two actions, `b` then Enter. The preview says what the block would hit and what safety finds; over
// policy the same drawer asks for approval instead. Nothing is sent before the preview has come.
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import type { Block, BlockPreview, BlockRequest } from "../api/types";
import { LEVEL, useKeys } from "../app/keys";
import { useOnline } from "../app/live";
import { clock, hourMinute } from "../i18n/format";
import { useKnown, useWords } from "../i18n/use";
import { looksLikeAddress } from "../search/query";
import { Bars } from "../ui/Bars";
import { Icon } from "../ui/Icon";
import { Panel, Part } from "../ui/Panel";
import { Failed, Skeleton } from "../ui/States";
import "./block.css";

const MINUTES_DEFAULT = 60;

interface Props {
  /** Alert it is made for. */
  alert: number | null;
  /** Target, when not the alert's own. */
  target: string | null;
  onClose: () => void;
  onMade: (block: Block) => void;
}

function Preview({ preview }: { preview: BlockPreview }) {
  const { t, count } = useWords();
  const { matches } = preview;
  return (
    <Part title={t("block.preview")} note={t("as_of", { time: clock(preview.as_of) })}>
      <div className="pv">
        <div>
          <b className="big">{count(matches.total)}</b>
          <span className="t2">{t("block.flows")}</span>
        </div>
        <div>
          <Bars
            values={matches.hours}
            width={218}
            height={44}
            label={t("block.hours_text", { total: count(matches.total), last: count(matches.hours.at(-1) ?? 0) })}
          />
          <div className="ax">
            <span>{t("block.a_day_ago")}</span>
            <span>{t("now")}</span>
          </div>
        </div>
      </div>
      <ul className="hits">
        {matches.destinations.map((destination) => (
          <li key={destination.name}>
            <span className="mono">{destination.name}</span>
            <b>{count(destination.count)}</b>
          </li>
        ))}
        <li>
          <span>{t("block.legitimate")}</span>
          <b className={matches.legitimate > 0 ? "warn" : undefined}>{count(matches.legitimate)}</b>
        </li>
      </ul>
    </Part>
  );
}

function Checks({ preview }: { preview: BlockPreview }) {
  const { t, pick } = useWords();
  const known = useKnown();
  return (
    <Part title={t("block.checks")} note={t("block.checked_thrice")}>
      <ul className="cks">
        {preview.checks.map((check, i) => (
          <li key={`${check.name}-${i}`}>
            <span className={check.ok ? "okc" : "warn"}>
              <Icon sign={check.ok ? "check" : "cross"} size={14} />
              <span className="vh">{t(check.ok ? "block.check_ok" : "block.check_bad")}</span>
            </span>
            <b>{known("safety", check.name)}</b>
            <span className={check.ok ? "t2" : "warn"}>{pick(check.text, check.text_en)}</span>
            {check.used !== null && check.used !== undefined && check.limit ? (
              <span className="bud">
                <span className="meter" aria-hidden="true">
                  <i style={{ width: `${Math.min(100, (100 * check.used) / check.limit)}%` }} />
                  <i
                    className="new"
                    style={{
                      left: `${Math.min(100, (100 * check.used) / check.limit)}%`,
                      width: `${Math.max(2, (100 * ((check.after ?? check.used) - check.used)) / check.limit)}%`,
                    }}
                  />
                </span>
                <span>
                  <b>
                    {check.used} → {check.after}
                  </b>{" "}
                  / {check.limit}
                </span>
              </span>
            ) : null}
          </li>
        ))}
      </ul>
    </Part>
  );
}

interface PointsProps {
  preview: BlockPreview;
  chosen: number[] | null;
  onChoose: (points: number[]) => void;
}

function Points({ preview, chosen, onChoose }: PointsProps) {
  const { t, count, nameOf } = useWords();
  const known = useKnown();
  const now = chosen ?? preview.points.filter((each) => each.chosen).map((each) => each.point.id);
  return (
    <Part title={t("block.where")} note={t("block.places", { n: count(now.length) })}>
      {preview.points.length === 0 ? <p className="warn s13">{t("block.no_points")}</p> : null}
      <ul className="eps">
        {preview.points.map((each) => (
          <li key={each.point.id}>
            <label>
              <input
                type="checkbox"
                checked={now.includes(each.point.id)}
                onChange={(event) =>
                  onChoose(event.target.checked ? [...now, each.point.id] : now.filter((id) => id !== each.point.id))
                }
              />
              <b className="mono">{nameOf(each.point)}</b> <span className="t3">{known("device", each.device)}</span>
            </label>
            <span className="t2 sm">
              {each.needs_two
                ? t("block.needs_two", { agency: nameOf(each.agency) })
                : each.reachable
                  ? each.last_ms
                    ? t("block.answers", { ms: count(Math.round(each.last_ms)) })
                    : t("block.reachable")
                  : null}
              {each.reachable ? null : <b className="warn">{t("block.unreachable")}</b>}
            </span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

export function BlockDrawer({ alert, target: given, onClose, onMade }: Props) {
  const { t, minutes: inWords } = useWords();
  const known = useKnown();
  const online = useOnline();
  const detail = useQuery({
    queryKey: ["alert", alert],
    queryFn: ({ signal }) => api.get("/api/alerts/{id}", { path: { id: alert ?? 0 }, signal }),
    enabled: alert !== null,
  });
  const [typed, setTyped] = useState("");
  const [minutes, setMinutes] = useState(MINUTES_DEFAULT);
  const [points, setPoints] = useState<number[] | null>(null);
  const [reason, setReason] = useState<string | null>(null);
  const [dry, setDry] = useState(false);
  const [missing, setMissing] = useState(false);
  const reasonBox = useRef<HTMLInputElement>(null);
  const target =
    given ??
    (alert === null ? (looksLikeAddress(typed.trim()) ? typed.trim() : "") : (detail.data?.block_target ?? ""));
  const row = detail.data?.row;
  const words = reason ?? (row ? t("block.reason_from", { rule: row.rule_title, sentence: row.reason }) : "");

  const asked: BlockRequest = { target, minutes, points, alert, dry_run: dry, reason: "", ask_approval: false };
  const preview = useQuery({
    queryKey: ["block-preview", asked],
    queryFn: ({ signal }) => api.post("/api/blocks/preview", { body: asked, signal }),
    enabled: target !== "" && online,
    placeholderData: keepPreviousData,
    staleTime: 3_000,
    retry: false,
  });
  const seen = preview.isPlaceholderData ? undefined : preview.data;
  const make = useMutation({
    mutationFn: (body: BlockRequest) => api.post("/api/blocks", { body }),
    onSuccess: onMade,
  });
  const refused = seen?.decision === "refused";
  const needsApproval = seen?.decision === "needs_approval";
  const ready = seen !== undefined && !refused && online && !make.isPending;

  const send = (change: Partial<BlockRequest> = {}) => {
    if (!ready) return;
    setMissing(!words.trim());
    if (!words.trim()) {
      reasonBox.current?.focus();
      return;
    }
    make.mutate({ ...asked, reason: words.trim(), ask_approval: needsApproval, ...change });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  useKeys({ Enter: () => send() }, true, LEVEL.panel);
  useEffect(() => {
    if (preview.data && !preview.data.minutes_choices.includes(minutes)) {
      const best =
        preview.data.minutes_choices.filter((each) => each <= MINUTES_DEFAULT).at(-1) ??
        preview.data.minutes_choices[0];
      if (best) setMinutes(best);
    }
  }, [preview.data, minutes]);

  const main = needsApproval
    ? t("block.ask_approval")
    : dry
      ? t("block.try", { time: inWords(minutes) })
      : t("block.block_for", { time: inWords(minutes) });
  const foot = (
    <div className="go">
      <button
        type="submit"
        form="block-form"
        className="btn primary main"
        aria-disabled={!ready}
        aria-describedby="block-said"
      >
        {main} <kbd>Enter</kbd>
      </button>
      {needsApproval || refused ? null : (
        <button type="button" className="btn" aria-disabled={!ready} onClick={() => send({ ask_approval: true })}>
          {t("block.ask_approval")}
        </button>
      )}
      <button type="button" className="btn" aria-disabled={!ready} onClick={() => send({ dry_run: true })}>
        {t("block.dry_run")}
      </button>
      <p className="sm" id="block-said" role="status">
        {!online ? (
          <b className="warn">{t("block.offline")}</b>
        ) : refused ? (
          <b className="warn">{t("block.refused", { why: known("safety_refused", seen?.because ?? "") })}</b>
        ) : needsApproval ? (
          <b>{t("block.over_policy", { why: known("safety_refused", seen?.because ?? "") })}</b>
        ) : seen ? (
          <span className="t2">{t("block.undo_is_one")}</span>
        ) : target ? (
          <span className="t2">{t("block.looking")}</span>
        ) : null}
      </p>
    </div>
  );
  return (
    <Panel
      drawer
      label={t("block.title")}
      onClose={onClose}
      foot={foot}
      lead={
        <>
          <h2>{t("block.title")}</h2>
          {alert !== null ? <span className="t3 sm">{t("block.from_alert", { id: alert })}</span> : null}
        </>
      }
      head={
        <div className="target">
          {given === null && alert === null ? (
            <input
              className="input mono"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
              aria-label={t("block.target")}
              placeholder={t("block.target_hint")}
              autoComplete="off"
              spellCheck={false}
            />
          ) : (
            <span className="mono">{preview.data?.target ?? target}</span>
          )}
          <span className="t2">{t("block.scope_words")}</span>
        </div>
      }
    >
      <form id="block-form" onSubmit={submit}>
        {detail.error ? <Failed what={t("alert.failed")} error={detail.error} /> : null}
        {preview.error ? (
          <div className="blk">
            <Failed what={t("block.preview_failed")} error={preview.error} again={() => void preview.refetch()} />
          </div>
        ) : null}
        {preview.data ? (
          <>
            <Preview preview={preview.data} />
            <Checks preview={preview.data} />
            <Points preview={preview.data} chosen={points} onChoose={setPoints} />
            <Part title={t("block.until")} note={t("block.ends_itself")}>
              <div className="row until">
                <div className="seg" role="radiogroup" aria-label={t("block.until")}>
                  {preview.data.minutes_choices.map((each) => (
                    <label key={each}>
                      <input type="radio" name="minutes" checked={minutes === each} onChange={() => setMinutes(each)} />
                      {inWords(each)}
                    </label>
                  ))}
                </div>
                <span>{t("block.free_at", { time: hourMinute(preview.data.expires_at) })}</span>
              </div>
            </Part>
          </>
        ) : target && !preview.error ? (
          <Skeleton rows={4} />
        ) : null}
        <Part title={<label htmlFor="block-reason">{t("field.reason")}</label>}>
          <input
            id="block-reason"
            className="input"
            ref={reasonBox}
            value={words}
            onChange={(event) => setReason(event.target.value)}
            aria-invalid={missing}
            aria-describedby={missing ? "block-missing" : undefined}
            autoComplete="off"
          />
          {missing ? (
            <small className="warn" id="block-missing">
              {t("field.reason_missing")}
            </small>
          ) : null}
        </Part>
        <Part title={t("block.trial")}>
          <label className="row s13">
            <input type="checkbox" checked={dry} onChange={(event) => setDry(event.target.checked)} />
            {t("block.trial_text")}
          </label>
        </Part>
        {make.error ? <Failed what={t("block.failed")} error={make.error} /> : null}
      </form>
    </Panel>
  );
}
