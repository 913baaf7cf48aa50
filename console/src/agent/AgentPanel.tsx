// One agent: is it well, what it collects, whether it enforces; its configuration, which comes from here; revocation.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { Agent, AgentInput } from "../api/types";
import { useOnline } from "../app/live";
import { useCan } from "../app/session";
import { useKnown, useWords } from "../i18n/use";
import { Panel, Part } from "../ui/Panel";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";
import { AgentState } from "./Agents";

const KINDS = ["tail", "journald", "syslog_udp", "syslog_tcp"];
const ENFORCE = ["nftables", "dry_run", "off"];
const BLANK: AgentInput = { kind: "tail", what: "", source: "", format: "auto", timezone: "Asia/Seoul" };

function Facts({ agent }: { agent: Agent }) {
  const { t, count, bytes, rate, nameOf } = useWords();
  const mono = (text: string | null | undefined) => (text ? <span className="mono">{text}</span> : null);
  const at = (time: string | null | undefined, as?: "ago") => (time ? <Time at={time} as={as} /> : null);
  const spool = agent.spool_lines ?? null;
  const dropped = agent.spool_dropped ?? null;
  const facts: Record<string, React.ReactNode> = {
    [t("field.agency")]: nameOf(agent.agency),
    [t("agent.host")]: mono(agent.hostname),
    [t("agent.address")]: mono(agent.address),
    [t("agent.version")]: agent.version,
    [t("agent.seen")]: at(agent.last_seen_at, "ago") ?? t("source.never"),
    [t("agent.certificate")]: at(agent.certificate_until),
    [t("source.rate")]: t("source.per_second", { n: rate(agent.rate) }),
    [t("agent.spool")]:
      spool === null ? t("not_known") : `${t("agent.lines", { n: count(spool) })} · ${bytes(agent.spool_bytes ?? 0)}`,
    [t("agent.dropped")]: dropped === null ? t("not_known") : t("agent.lines", { n: count(dropped) }),
    [t("agent.memory")]: agent.rss_bytes ? bytes(agent.rss_bytes) : null,
  };
  return (
    <section className="blk">
      {agent.trouble ? <p className="warn trouble-line">{agent.trouble}</p> : null}
      <dl className="pairs">
        {Object.entries(facts).map(([name, value]) =>
          value === null || value === undefined ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </section>
  );
}

function Input({
  input,
  onChange,
  onRemove,
}: {
  input: AgentInput;
  onChange: (input: AgentInput) => void;
  onRemove: () => void;
}) {
  const { t } = useWords();
  const known = useKnown();
  const set = (change: Partial<AgentInput>) => onChange({ ...input, ...change });
  return (
    <fieldset className="one-input">
      <legend className="vh">{input.source || t("agent.input")}</legend>
      <select
        className="input"
        aria-label={t("agent.kind")}
        value={input.kind}
        onChange={(event) => set({ kind: event.target.value })}
      >
        {KINDS.map((kind) => (
          <option key={kind} value={kind}>
            {known("input_kind", kind)}
          </option>
        ))}
      </select>
      <input
        className="input mono"
        aria-label={t("agent.what")}
        placeholder={t("agent.what")}
        value={input.what}
        required={input.kind !== "journald"}
        onChange={(event) => set({ what: event.target.value })}
      />
      <input
        className="input"
        aria-label={t("agent.source")}
        placeholder={t("agent.source")}
        value={input.source}
        required
        onChange={(event) => set({ source: event.target.value })}
      />
      <input
        className="input"
        aria-label={t("source.format")}
        value={input.format}
        onChange={(event) => set({ format: event.target.value })}
      />
      <button type="button" className="btn small quiet" onClick={onRemove}>
        {t("agent.remove_input")}
      </button>
    </fieldset>
  );
}

export function AgentPanel({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const { t } = useWords();
  const known = useKnown();
  const can = useCan();
  const online = useOnline();
  const queries = useQueryClient();
  const [inputs, setInputs] = useState<AgentInput[]>(agent.inputs);
  const [enforce, setEnforce] = useState(agent.enforce);
  const done = () => void queries.invalidateQueries({ queryKey: ["agents"] });
  const change = useMutation({
    mutationFn: () => api.patch("/api/agents/{id}", { path: { id: agent.id }, body: { inputs, enforce } }),
    onSuccess: done,
  });
  const revoke = useMutation({
    mutationFn: () => api.delete("/api/agents/{id}", { path: { id: agent.id } }),
    onSuccess: () => {
      done();
      onClose();
    },
  });
  const error = change.error ?? revoke.error;
  const edit = can.administer && agent.state !== "revoked";
  return (
    <Panel label={agent.name} onClose={onClose} lead={<AgentState state={agent.state} />} head={<h2>{agent.name}</h2>}>
      <Facts agent={agent} />
      {edit ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            change.mutate();
          }}
        >
          <Part title={t("agent.inputs")} note={t("agent.inputs_note")}>
            <div className="form">
              {inputs.map((input, i) => (
                <Input
                  key={i}
                  input={input}
                  onChange={(next) => setInputs(inputs.map((each, j) => (j === i ? next : each)))}
                  onRemove={() => setInputs(inputs.filter((_, j) => j !== i))}
                />
              ))}
              <div>
                <button type="button" className="btn small" onClick={() => setInputs([...inputs, BLANK])}>
                  {t("agent.add_input")}
                </button>
              </div>
            </div>
          </Part>
          <Part title={t("agent.enforce")}>
            <div className="seg" role="radiogroup" aria-label={t("agent.enforce")}>
              {ENFORCE.map((each) => (
                <label key={each}>
                  <input type="radio" name="enforce" checked={enforce === each} onChange={() => setEnforce(each)} />
                  {known("enforce", each)}
                </label>
              ))}
            </div>
            <p className="sm t2 more-link">{t(`agent.enforce_${enforce}`)}</p>
          </Part>
          {error ? <Failed what={t("agent.change_failed")} error={error} /> : null}
          <div className="row blk">
            <button type="submit" className="btn primary" disabled={!online || change.isPending}>
              {t("action.save")}
            </button>
            <span className="sm t2" role="status">
              {change.isSuccess ? t("saved") : null}
            </span>
            <span className="grow" />
            <button
              type="button"
              className="btn danger"
              disabled={!online || revoke.isPending}
              onClick={() => revoke.mutate()}
            >
              {t("agent.revoke")}
            </button>
          </div>
          <p className="sm t3">{t("agent.revoke_text")}</p>
        </form>
      ) : (
        <Part title={t("agent.inputs")}>
          <ul className="lines">
            {agent.inputs.map((input) => (
              <li key={`${input.kind}-${input.what}`}>
                <span>
                  <b>{input.source}</b> <span className="mono t2">{input.what}</span>
                </span>
                <span className="t3">{known("input_kind", input.kind)}</span>
              </li>
            ))}
          </ul>
        </Part>
      )}
    </Panel>
  );
}
