// Agencies in scope: asked once, used by every form that needs one.
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";

export function useAgencies() {
  return useQuery({
    queryKey: ["agencies"],
    queryFn: ({ signal }) => api.get("/api/agencies", { signal }),
    staleTime: 60_000,
  });
}
