// Who is logged in. One query, `["me"]`; a 401 anywhere empties it and the page shows the log-in.
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, Refused, setCsrf } from "../api/client";
import type { Abilities, Me } from "../api/types";

async function ask(): Promise<Me | null> {
  try {
    const me = await api.get("/api/session");
    setCsrf(me.csrf);
    return me;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return null;
    throw error;
  }
}

export function useMeQuery() {
  return useQuery({ queryKey: ["me"], queryFn: ask, staleTime: 60_000, retry: false });
}

const NOTHING: Abilities = {
  work_alerts: false,
  request_blocks: false,
  approve_blocks: false,
  administer: false,
  manage_people: false,
  read_audit: false,
};

/** The person logged in. Used below the log-in gate only, where there is one. */
export function useMe(): Me | null {
  return useMeQuery().data ?? null;
}

export function useCan(): Abilities {
  return useMe()?.can ?? NOTHING;
}

/** Nothing of one person's session is shown to the next. */
function forget(queries: QueryClient): void {
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "me" });
}

/** Take a fresh log-in into the page. */
export function useEnter(): (me: Me) => void {
  const queries = useQueryClient();
  return (me) => {
    setCsrf(me.csrf);
    forget(queries);
    queries.setQueryData(["me"], me);
  };
}

export function useLogOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    try {
      await api.delete("/api/session");
    } finally {
      setCsrf("");
      forget(queries);
      queries.setQueryData(["me"], null);
    }
  };
}
