// Settings: the sub-menu and its pages. An entry is shown to those who may use it.
import { type ComponentType, lazy, Suspense, useEffect, useRef } from "react";
import type { Abilities } from "../api/types";
import { useWords } from "../i18n/use";
import { Skeleton } from "../ui/States";
import { Link } from "./Link";
import { go, usePath } from "./router";
import { useCan } from "./session";

interface Entry {
  at: string;
  word: string;
  needs?: (can: Abilities) => boolean;
  Page: ComponentType;
}

const page = (load: () => Promise<{ default: ComponentType }>) => lazy(load);

const ENTRIES: Entry[] = [
  { at: "sources", word: "settings.sources", Page: page(() => import("../source/Sources")) },
  { at: "agents", word: "settings.agents", Page: page(() => import("../agent/Agents")) },
  { at: "rules", word: "settings.rules", Page: page(() => import("../rule/Rules")) },
  { at: "attack", word: "settings.attack", Page: page(() => import("../rule/Attack")) },
  { at: "agencies", word: "settings.agencies", Page: page(() => import("../agency/Agencies")) },
  {
    at: "people",
    word: "settings.people",
    needs: (can) => can.manage_people,
    Page: page(() => import("../user/Users")),
  },
  { at: "policy", word: "settings.policy", Page: page(() => import("../block/Policy")) },
  { at: "audit", word: "settings.audit", needs: (can) => can.read_audit, Page: page(() => import("../audit/Audit")) },
  { at: "sessions", word: "settings.sessions", Page: page(() => import("../session/Sessions")) },
];

export default function Settings() {
  const { t } = useWords();
  const can = useCan();
  const at = usePath().split("/")[2] ?? "";
  const entries = ENTRIES.filter((entry) => entry.needs?.(can) ?? true);
  const found = entries.find((entry) => entry.at === at);
  useEffect(() => {
    if (!found) go("/settings/sources", { replace: true });
  }, [found]);
  // On a phone the names stand in a row that scrolls: the one that is open is in sight.
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    nav.current?.querySelector(`[href$="/${at}"]`)?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }, [at]);
  return (
    <div className="settings">
      <nav className="subnav" aria-label={t("page.settings")} ref={nav}>
        <h2>{t("page.settings")}</h2>
        {entries.map((entry) => (
          <Link key={entry.at} href={`/settings/${entry.at}`} aria-current={entry.at === at ? "page" : undefined}>
            {t(entry.word)}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Skeleton />}>{found ? <found.Page /> : null}</Suspense>
    </div>
  );
}
