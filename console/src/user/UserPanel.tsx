// One account: its roles with dates and substitute, a new link, on and off.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useAgencies } from "../agency/use";
import { api } from "../api/client";
import type { Role, RoleAssignment, User } from "../api/types";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";
import { AgencyChoice, Choice, Field, values } from "../ui/form";
import { Panel, Part } from "../ui/Panel";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";
import { LinkOut, ROLES } from "./NewUser";
import { UserState } from "./Users";

function useRefresh() {
  const queries = useQueryClient();
  return () => {
    void queries.invalidateQueries({ queryKey: ["users"] });
    void queries.invalidateQueries({ queryKey: ["agencies"] });
  };
}

function Held({ role }: { role: RoleAssignment }) {
  const { t, nameOf } = useWords();
  const online = useOnline();
  const refresh = useRefresh();
  const end = useMutation({
    mutationFn: () => api.delete("/api/role-assignments/{id}", { path: { id: role.id } }),
    onSuccess: refresh,
  });
  const until = role.ends_on ? `~${role.ends_on}` : "";
  return (
    <li>
      <span>
        <b>{t(`role.${role.role}`)}</b> {nameOf(role.agency)}
        <br />
        <span className="t3 sm">
          {t("user.from", { date: role.starts_on })} {until}
          {role.away_from
            ? ` · ${t("user.away_text", { from: role.away_from, through: role.away_through ?? "", who: role.substitute ? nameOf(role.substitute) : t("none") })}`
            : null}
        </span>
      </span>
      {role.in_force ? (
        <button type="button" className="btn small" disabled={!online || end.isPending} onClick={() => end.mutate()}>
          {t("user.end_role")}
        </button>
      ) : (
        <span className="tag">{t("user.not_in_force")}</span>
      )}
    </li>
  );
}

function GiveRole({ user, users, onDone }: { user: User; users: readonly User[]; onDone: () => void }) {
  const { t } = useWords();
  const online = useOnline();
  const refresh = useRefresh();
  const agencies = useAgencies().data?.rows ?? [];
  const give = useMutation({
    mutationFn: (form: Record<string, string>) =>
      api.post("/api/users/{id}/roles", {
        path: { id: user.id },
        body: {
          role: form.role as Role,
          agency: Number(form.agency),
          starts_on: form.starts_on || null,
          ends_on: form.ends_on || null,
          substitute: form.substitute ? Number(form.substitute) : null,
          away_from: form.away_from || null,
          away_through: form.away_through || null,
        },
      }),
    onSuccess: () => {
      refresh();
      onDone();
    },
  });
  return (
    <form
      className="form doing"
      onSubmit={(event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        give.mutate(values(event.currentTarget));
      }}
    >
      <div className="pair">
        <Choice label={t("user.role")} name="role" value="analyst">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {t(`role.${role}`)}
            </option>
          ))}
        </Choice>
        <AgencyChoice
          label={t("field.agency")}
          name="agency"
          agencies={agencies}
          value={user.agency.id}
          key={agencies.length}
        />
      </div>
      <div className="pair">
        <Field label={t("user.starts_on")} name="starts_on" type="date" />
        <Field label={t("user.ends_on")} name="ends_on" type="date" hint={t("user.ends_hint")} />
      </div>
      <Choice label={t("user.substitute")} name="substitute">
        <option value="">{t("none")}</option>
        {users
          .filter((each) => each.id !== user.id && each.enabled)
          .map((each) => (
            <option key={each.id} value={each.id}>
              {each.display_name}
            </option>
          ))}
      </Choice>
      <div className="pair">
        <Field label={t("user.away_from")} name="away_from" type="date" />
        <Field label={t("user.away_through")} name="away_through" type="date" />
      </div>
      {give.error ? <Failed what={t("user.role_failed")} error={give.error} /> : null}
      <div className="row">
        <button type="submit" className="btn primary" disabled={!online || give.isPending}>
          {t("user.give")}
        </button>
        <button type="button" className="btn" onClick={onDone}>
          {t("action.cancel")}
        </button>
      </div>
    </form>
  );
}

export function UserPanel({ user, users, onClose }: { user: User; users: readonly User[]; onClose: () => void }) {
  const { t, nameOf } = useWords();
  const online = useOnline();
  const refresh = useRefresh();
  const [giving, setGiving] = useState(false);
  const change = useMutation({
    mutationFn: (body: { display_name?: string; phone?: string; enabled?: boolean }) =>
      api.patch("/api/users/{id}", { path: { id: user.id }, body }),
    onSuccess: refresh,
  });
  const link = useMutation({
    mutationFn: () => api.post("/api/users/{id}/link", { path: { id: user.id } }),
    onSuccess: refresh,
  });
  const error = change.error ?? link.error;
  return (
    <Panel
      label={user.display_name}
      onClose={onClose}
      lead={<UserState user={user} />}
      head={<h2>{user.display_name}</h2>}
    >
      <section className="blk">
        <dl className="pairs">
          <div>
            <dt>{t("login.name")}</dt>
            <dd className="mono">{user.name}</dd>
          </div>
          <div>
            <dt>{t("user.agency")}</dt>
            <dd>{nameOf(user.agency)}</dd>
          </div>
          <div>
            <dt>{t("user.last_login")}</dt>
            <dd>{user.last_login_at ? <Time at={user.last_login_at} as="ago" /> : t("user.never")}</dd>
          </div>
        </dl>
      </section>
      <Part title={t("user.roles")}>
        <ul className="lines">
          {user.roles.map((role) => (
            <Held key={role.id} role={role} />
          ))}
        </ul>
        {giving ? (
          <GiveRole user={user} users={users} onDone={() => setGiving(false)} />
        ) : (
          <p className="more-link">
            <button type="button" className="btn small" onClick={() => setGiving(true)}>
              {t("user.give_role")}
            </button>
          </p>
        )}
      </Part>
      {link.data ? <LinkOut link={link.data.link} until={link.data.expires_at} /> : null}
      <Part title={t("user.change")}>
        <form
          className="form"
          onSubmit={(event: FormEvent<HTMLFormElement>) => {
            event.preventDefault();
            const form = values(event.currentTarget);
            change.mutate({ display_name: form.display_name, phone: form.phone });
          }}
        >
          <div className="pair">
            <Field label={t("user.display_name")} name="display_name" required value={user.display_name} />
            <Field label={t("user.phone")} name="phone" value={user.phone ?? ""} />
          </div>
          {error ? <Failed what={t("user.change_failed")} error={error} /> : null}
          <div className="row">
            <button type="submit" className="btn primary" disabled={!online || change.isPending}>
              {t("action.save")}
            </button>
            <button type="button" className="btn" disabled={!online || link.isPending} onClick={() => link.mutate()}>
              {t("user.new_link")}
            </button>
            <span className="grow" />
            <button
              type="button"
              className={user.enabled ? "btn danger" : "btn"}
              disabled={!online || change.isPending}
              onClick={() => change.mutate({ enabled: !user.enabled })}
            >
              {t(user.enabled ? "user.switch_off" : "user.switch_on")}
            </button>
          </div>
          <p className="sm t3" role="status">
            {change.isSuccess ? t("saved") : t("user.off_text")}
          </p>
        </form>
      </Part>
    </Panel>
  );
}
