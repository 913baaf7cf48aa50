// Which page stands at which address. A page is loaded when it is opened; nobody sees one without a session.
import { useQueryClient } from "@tanstack/react-query";
import { type ComponentType, lazy, Suspense, useEffect } from "react";
import { useWords } from "../i18n/use";
import { Failed, Skeleton } from "../ui/States";
import { Boundary } from "./Boundary";
import { Frame } from "./Frame";
import { startLive } from "./live";
import { go, usePath } from "./router";
import { useMeQuery } from "./session";

const page = (load: () => Promise<{ default: ComponentType }>) => lazy(load);

const LogIn = page(() => import("../session/LogIn"));
const UseLink = page(() => import("../session/UseLink"));

/** Pages by address, longest first. */
const PAGES: { at: RegExp; title: string; Page: ComponentType }[] = [
  { at: /^\/queue$/, title: "page.queue", Page: page(() => import("../alert/Queue")) },
  { at: /^\/search$/, title: "page.search", Page: page(() => import("../search/Search")) },
  { at: /^\/blocks$/, title: "page.blocks", Page: page(() => import("../block/Blocks")) },
  { at: /^\/settings(\/.*)?$/, title: "page.settings", Page: page(() => import("./Settings")) },
];

/** Where the log-in lands. */
export const HOME = "/queue";

function Nowhere() {
  useEffect(() => go(HOME, { replace: true }), []);
  return null;
}

function Inside() {
  const queries = useQueryClient();
  const path = usePath();
  const { t } = useWords();
  useEffect(() => startLive(queries), [queries]);
  const found = PAGES.find((each) => each.at.test(path));
  const title = found ? t(found.title) : "";
  useEffect(() => {
    document.title = title ? `${title} · ${t("product")}` : t("product");
  }, [title, t]);
  return (
    <Frame>
      <Boundary key={path.split("/")[1]}>
        <Suspense fallback={<Skeleton />}>{found ? <found.Page /> : <Nowhere />}</Suspense>
      </Boundary>
    </Frame>
  );
}

export function App() {
  const path = usePath();
  const { t } = useWords();
  const me = useMeQuery();
  if (path === "/link") {
    return (
      <Suspense>
        <UseLink />
      </Suspense>
    );
  }
  if (me.isPending) return null;
  if (me.data === undefined) {
    return (
      <main className="gate">
        <div className="sheet">
          <Failed what={t("error.no_center")} error={me.error} again={() => void me.refetch()} />
        </div>
      </main>
    );
  }
  if (me.data === null) {
    return (
      <Suspense>
        <LogIn />
      </Suspense>
    );
  }
  return <Inside />;
}
