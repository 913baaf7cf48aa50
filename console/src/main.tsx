// Start: messages, then the page. Everything else is loaded when its page is opened.
import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { Refused } from "./api/client";
import { App } from "./app/App";
import { applyPrefs } from "./app/prefs";
import { startMessages } from "./i18n";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";

/** The session has ended: the page shows the log-in. */
function ended(error: unknown): boolean {
  return error instanceof Refused && error.status === 401;
}

const queries: QueryClient = new QueryClient({
  mutationCache: new MutationCache({
    onError: (error) => {
      // A refused log-in is a 401 too: asking who I am tells them apart.
      if (ended(error)) void queries.invalidateQueries({ queryKey: ["me"] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof Refused && error.status >= 400 && error.status < 500),
    },
  },
});
queries.getQueryCache().subscribe((event) => {
  if (event.type !== "updated" || event.action.type !== "error") return;
  if (ended(event.action.error) && event.query.queryKey[0] !== "me") queries.setQueryData(["me"], null);
});

applyPrefs();
window.matchMedia?.("(prefers-color-scheme: dark)").addEventListener("change", () => applyPrefs());
void import("./styles/fonts.css");

const root = document.getElementById("root");
if (root) {
  void startMessages().then(() =>
    createRoot(root).render(
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>,
    ),
  );
}
