// The rule's own text, loaded when it is opened.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/client";
import { useWords } from "../i18n/use";
import { Failed } from "../ui/States";

export function RuleText({ id }: { id: string }) {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  const query = useQuery({
    queryKey: ["rule", id],
    queryFn: ({ signal }) => api.get("/api/rules/{id}", { path: { id }, signal }),
    enabled: open,
  });
  return (
    <details className="blk" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="sm t2">{t("alert.rule_text")}</summary>
      {query.data ? (
        <pre className="log" role="region" tabIndex={0} aria-label={t("alert.rule_text")}>
          {query.data.text}
        </pre>
      ) : query.error ? (
        <Failed what={t("rule.failed")} error={query.error} />
      ) : null}
    </details>
  );
}
