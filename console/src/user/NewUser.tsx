// A new account: answers with a single-use link to hand to the person; nobody ever types a password for another.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useAgencies } from "../agency/use";
import { Takeaway } from "../agent/NewToken";
import { api } from "../api/client";
import type { Role } from "../api/types";
import { useOnline } from "../app/live";
import { useWords } from "../i18n/use";
import { AgencyChoice, Choice, Field, values } from "../ui/form";
import { Panel, Part } from "../ui/Panel";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";

export const ROLES: Role[] = [
  "viewer",
  "analyst",
  "duty_lead",
  "agency_security_manager",
  "agency_security_deputy",
  "administrator",
];

/** The link as the person opens it. */
export function LinkOut({ link, until }: { link: string; until: string }) {
  const { t } = useWords();
  return (
    <Part title={t("user.link")} note={<Time at={until} />}>
      <Takeaway text={new URL(link, window.location.origin).href} label={t("user.link")} />
      <p className="warn s13 more-link">{t("user.link_once")}</p>
    </Part>
  );
}

export function NewUser({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const agencies = useAgencies().data?.rows ?? [];
  const make = useMutation({
    mutationFn: (form: Record<string, string>) =>
      api.post("/api/users", {
        body: {
          name: form.name ?? "",
          display_name: form.display_name ?? "",
          agency: Number(form.agency),
          role: form.role as Role,
          phone: form.phone || null,
        },
      }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["users"] });
      void queries.invalidateQueries({ queryKey: ["agencies"] });
    },
  });
  return (
    <Panel label={t("user.add")} lead={<h2>{t("user.add")}</h2>} onClose={onClose}>
      {make.data ? (
        <LinkOut link={make.data.link} until={make.data.expires_at} />
      ) : (
        <form
          className="form blk"
          onSubmit={(event: FormEvent<HTMLFormElement>) => {
            event.preventDefault();
            make.mutate(values(event.currentTarget));
          }}
        >
          <div className="pair">
            <Field label={t("user.display_name")} name="display_name" required />
            <Field
              label={t("login.name")}
              name="name"
              mono
              required
              pattern="[a-z0-9._\-]{2,64}"
              hint={t("user.name_hint")}
            />
          </div>
          <AgencyChoice
            label={t("user.agency")}
            name="agency"
            agencies={agencies}
            value={agencies[0]?.id}
            key={agencies.length}
          />
          <div className="pair">
            <Choice label={t("user.first_role")} name="role" value="analyst">
              {ROLES.map((role) => (
                <option key={role} value={role}>
                  {t(`role.${role}`)}
                </option>
              ))}
            </Choice>
            <Field label={t("user.phone")} name="phone" />
          </div>
          {make.error ? <Failed what={t("user.add_failed")} error={make.error} /> : null}
          <div className="row">
            <button type="submit" className="btn primary" disabled={!online || make.isPending}>
              {t("user.make")}
            </button>
            <button type="button" className="btn" onClick={onClose}>
              {t("action.cancel")}
            </button>
          </div>
        </form>
      )}
    </Panel>
  );
}
