// Start: messages, then the page. Everything else is loaded when its page is opened.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { Refused } from "./api/client";
import { App } from "./app/App";
import { applyPrefs } from "./app/prefs";
import { startMessages } from "./i18n";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";

const queries = new QueryClient({
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
  const error = event.action.error;
  if (error instanceof Refused && error.status === 401 && event.query.queryKey[0] !== "me") {
    queries.setQueryData(["me"], null);
  }
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
