// 내 접속: where I am logged in, and a way to end each.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Session } from "../api/types";
import { useOnline } from "../app/live";
import { useLogOut, useMe } from "../app/session";
import { useWords } from "../i18n/use";
import { type Column, DataTable } from "../ui/DataTable";
import { Sheet } from "../ui/Sheet";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";

function End({ session }: { session: Session }) {
  const { t } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const logOut = useLogOut();
  const end = useMutation({
    mutationFn: async () => {
      if (session.current) await logOut();
      else await api.delete("/api/sessions/{id}", { path: { id: session.id } });
    },
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["sessions"] }),
  });
  return (
    <>
      <button type="button" className="btn small" disabled={!online || end.isPending} onClick={() => end.mutate()}>
        {t(session.current ? "account.log_out" : "session.end")}
      </button>
      {end.error ? <Failed what={t("session.end_failed")} error={end.error} /> : null}
    </>
  );
}

export default function Sessions() {
  const { t, count } = useWords();
  const me = useMe();
  const query = useQuery({ queryKey: ["sessions"], queryFn: ({ signal }) => api.get("/api/sessions", { signal }) });
  const columns: Column<Session>[] = [
    {
      key: "address",
      head: t("agent.address"),
      width: 170,
      cell: (session) => <b className="mono">{session.address}</b>,
      sort: (session) => session.address,
    },
    { key: "agent", head: t("session.browser"), cell: (session) => session.user_agent },
    {
      key: "since",
      head: t("session.since"),
      width: 150,
      cell: (session) => <Time at={session.created_at} />,
      sort: (session) => session.created_at,
    },
    {
      key: "seen",
      head: t("session.last"),
      width: 150,
      cell: (session) =>
        session.current ? <span className="tag ok">{t("session.this")}</span> : <Time at={session.last_seen_at} />,
      sort: (session) => session.last_seen_at,
    },
    { key: "end", head: t("session.end_head"), width: 120, cell: (session) => <End session={session} /> },
  ];
  return (
    <Sheet
      title={t("settings.sessions")}
      query={query}
      failed={t("session.failed")}
      asOf={query.data?.as_of}
      counted={t("session.counted", { n: count(query.data?.sessions.length ?? 0) })}
      below={
        me ? (
          <span className="sm t2">
            {t("session.until")} <Time at={me.expires_at} />
          </span>
        ) : undefined
      }
    >
      <DataTable
        label={t("settings.sessions")}
        columns={columns}
        rows={query.data?.sessions ?? []}
        id={(session) => session.id}
      />
    </Sheet>
  );
}
