// The kill switch in the header: its state always, the switch for those who may throw it, and the band while it is thrown.
// No "are you sure": what it will do stands beside the reason, and releasing it is as easy.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import { LEVEL, useKeys } from "../app/keys";
import { Link } from "../app/Link";
import { useLive, useOnline } from "../app/live";
import { useCan } from "../app/session";
import { useWords } from "../i18n/use";
import { Icon } from "../ui/Icon";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";

function Pop({ on, onDone }: { on: boolean; onDone: () => void }) {
  const { t, count } = useWords();
  const { overview } = useLive();
  const online = useOnline();
  const queries = useQueryClient();
  const reason = useRef<HTMLInputElement>(null);
  const [missing, setMissing] = useState(false);
  useKeys({ Escape: onDone }, true, LEVEL.above);
  useEffect(() => reason.current?.focus(), []);
  const set = useMutation({
    mutationFn: (words: string) => api.put("/api/kill-switch", { body: { on: !on, reason: words } }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["blocks"] });
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const words = reason.current?.value.trim() ?? "";
    setMissing(!words);
    if (words) set.mutate(words);
  };
  return (
    <form className="pop" onSubmit={submit} aria-label={t(on ? "kill.release" : "kill.throw")}>
      <h2>{t(on ? "kill.release_title" : "kill.throw_title")}</h2>
      <ul className="lines">
        {on ? (
          <li>{t("kill.release_does")}</li>
        ) : (
          <>
            <li>{t("kill.does_stop")}</li>
            <li>{t("kill.does_withdraw")}</li>
            <li>{t("kill.keeps_people")}</li>
            <li>
              <b>{t("kill.now_in_force", { n: count(overview?.blocks_in_force ?? 0) })}</b>
            </li>
          </>
        )}
      </ul>
      <div className="field">
        <label htmlFor="kill-reason">{t("field.reason")}</label>
        <input
          className="input"
          id="kill-reason"
          ref={reason}
          aria-invalid={missing}
          aria-describedby={missing ? "kill-missing" : undefined}
          autoComplete="off"
        />
        {missing ? (
          <small id="kill-missing" className="warn">
            {t("field.reason_missing")}
          </small>
        ) : null}
      </div>
      {set.error ? <Failed what={t("kill.failed")} error={set.error} /> : null}
      <div className="row">
        <button type="submit" className="btn primary grow" disabled={!online || set.isPending}>
          {t(on ? "kill.release" : "kill.throw_now")} <kbd>Enter</kbd>
        </button>
        <button type="button" className="btn" onClick={onDone}>
          {t("action.cancel")}
        </button>
      </div>
    </form>
  );
}

export function KillSwitch() {
  const { t, count } = useWords();
  const { overview } = useLive();
  const can = useCan();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const state = overview?.kill_switch;
  const on = state?.on ?? false;
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const word = !state ? "" : on ? t("kill.stopped") : state.automatic ? t("kill.on") : t("kill.off");
  return (
    <div className="kill">
      <span className="topmeta">
        <small>{t("kill.automatic")}</small>
        <span className="row">
          {state ? <span className={`dot ${on ? "stop" : state.automatic ? "" : "off"}`} aria-hidden="true" /> : null}
          <b>{word}</b>
          {overview ? (
            <Link href="/blocks" className="t3" title={t("kill.open_blocks")}>
              {t("kill.in_force", { n: count(overview.blocks_in_force) })}
            </Link>
          ) : null}
        </span>
      </span>
      {can.approve_blocks && state ? (
        <button
          type="button"
          className={on ? "btn" : "btn danger"}
          ref={button}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <Icon sign={on ? "undo" : "stop"} size={14} />
          {t(on ? "kill.release" : "kill.throw")}
        </button>
      ) : null}
      {open ? <Pop on={on} onDone={close} /> : null}
    </div>
  );
}

/** While it is thrown, on every page; points not reached first. */
export function StopBand() {
  const { t, count, actorOf } = useWords();
  const state = useLive().overview?.kill_switch;
  if (!state?.on) return null;
  return (
    <div className="band stop" role="status">
      <Icon sign="stop" />
      <b>{t("kill.band")}</b>
      {state.unreached.length > 0 ? (
        <b>
          {t("kill.unreached", {
            n: count(state.unreached.length),
            names: state.unreached.map((point) => point.name).join(", "),
          })}
        </b>
      ) : null}
      {state.withdrawing > 0 ? <span>{t("kill.withdrawing", { n: count(state.withdrawing) })}</span> : null}
      <span>
        {state.by ? actorOf(state.by) : null}
        {state.since ? (
          <>
            {" · "}
            <Time at={state.since} as="clock" />
          </>
        ) : null}
        {state.reason ? ` · ${state.reason}` : null}
      </span>
    </div>
  );
}
