// 사람: accounts, the roles they hold over which agency, and single-use links.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import type { User } from "../api/types";
import { intParam, setParams, useParams } from "../app/router";
import { useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Example } from "../ui/Example";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/Sheet";
import { Say } from "../ui/States";
import { Time } from "../ui/Time";
import { NewUser } from "./NewUser";
import { UserPanel } from "./UserPanel";

export function UserState({ user }: { user: User }) {
  const { t } = useWords();
  if (!user.enabled) return <span className="tag">{t("user.off")}</span>;
  if (!user.has_password) return <span className="tag prop">{t("user.no_password")}</span>;
  return <span className="tag ok">{t("user.on")}</span>;
}

function useColumns(): Column<User>[] {
  const { t, nameOf } = useWords();
  return [
    {
      key: "state",
      head: t("block.state"),
      width: 130,
      cell: (user) => <UserState user={user} />,
      sort: (user) => `${user.enabled}${user.has_password}`,
    },
    {
      key: "name",
      head: t("user.name"),
      cell: (user) => (
        <>
          <b>{user.display_name}</b>
          <span className="who">
            <span className="mono">{user.name}</span>
            <Example is={user.example} />
          </span>
        </>
      ),
      sort: (user) => user.display_name,
    },
    {
      key: "agency",
      head: t("user.agency"),
      width: 140,
      cell: (user) => nameOf(user.agency),
      sort: (user) => user.agency.name,
    },
    {
      key: "roles",
      head: t("user.roles"),
      width: 300,
      cell: (user) => {
        const held = user.roles.filter((role) => role.in_force);
        return held.length === 0 ? (
          <span className="t3">{t("user.no_roles")}</span>
        ) : (
          held.map((role) => (
            <span key={role.id} className="role-line">
              {t(`role.${role.role}`)} <span className="t3">{nameOf(role.agency)}</span>
              {role.away_through ? (
                <span className="tag">{t("alert.away", { date: role.away_through.slice(5, 10) })}</span>
              ) : null}
            </span>
          ))
        );
      },
    },
    { key: "phone", head: t("user.phone"), width: 116, cell: (user) => user.phone },
    {
      key: "seen",
      head: t("user.last_login"),
      width: 116,
      cell: (user) =>
        user.last_login_at ? <Time at={user.last_login_at} /> : <span className="t3">{t("user.never")}</span>,
      sort: (user) => user.last_login_at ?? "",
    },
  ];
}

export default function Users() {
  const { t, count } = useWords();
  const params = useParams();
  const opened = intParam(params, "user");
  const adding = params.get("do") === "add";
  const [find, setFind] = useState("");
  const query = useQuery({ queryKey: ["users"], queryFn: ({ signal }) => api.get("/api/users", { signal }) });
  const columns = useColumns();
  const close = () => setParams({ user: null, do: null });
  const wanted = find.trim().toLowerCase();
  const rows = (query.data?.rows ?? []).filter(
    (user) => !wanted || `${user.name} ${user.display_name} ${user.agency.name}`.toLowerCase().includes(wanted),
  );
  const found = query.data?.rows.find((user) => user.id === opened);
  const panel = adding ? (
    <NewUser onClose={close} />
  ) : found ? (
    <UserPanel key={found.id} user={found} users={query.data?.rows ?? []} onClose={close} />
  ) : null;
  return (
    <Sheet
      title={t("settings.people")}
      query={query}
      failed={t("user.failed")}
      asOf={query.data?.as_of}
      counted={t("user.counted", { n: count(query.data?.rows.length ?? 0) })}
      panel={panel}
      actions={
        <button type="button" className="btn small" onClick={() => setParams({ do: "add", user: null })}>
          <Icon sign="plus" size={14} />
          {t("user.add")}
        </button>
      }
      below={
        <input
          className="input find"
          value={find}
          onChange={(event) => setFind(event.target.value)}
          aria-label={t("user.find")}
          placeholder={t("user.find")}
        />
      }
    >
      {rows.length === 0 ? (
        <Say title={t("user.none")} />
      ) : (
        <DataTable
          twoLine
          label={t("settings.people")}
          columns={panel ? columns.filter((column) => ["state", "name", "agency"].includes(column.key)) : columns}
          rows={rows}
          id={(user) => user.id}
          opened={opened}
          onOpen={(user) => setParams({ user: user.id, do: null })}
        />
      )}
    </Sheet>
  );
}
