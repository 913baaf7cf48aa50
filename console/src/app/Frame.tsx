// Header, rail and bands around every page. Only entries whose page works are here.
import { lazy, type ReactNode, Suspense, useRef, useState } from "react";
import { KillSwitch, StopBand } from "../block/KillSwitch";
import { clock, shortDate } from "../i18n/format";
import { useWords } from "../i18n/use";
import { Beacon, Icon, type Sign } from "../ui/Icon";
import { Time } from "../ui/Time";
import { useKeys } from "./keys";
import { Link } from "./Link";
import { reconnect, useLive } from "./live";
import { useNow } from "./now";
import { setPrefs, usePrefs } from "./prefs";
import { go, usePath } from "./router";
import { useMe } from "./session";

const AccountMenu = lazy(() => import("./AccountMenu"));
const Help = lazy(() => import("./Help"));

function Clock() {
  const { language } = useWords();
  const now = useNow();
  return (
    <div className="topmeta clock">
      <small>{shortDate(now, language)} · KST</small>
      <b>{clock(now)}</b>
    </div>
  );
}

function SearchBox() {
  const { t } = useWords();
  const box = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => box.current?.focus() });
  return (
    <search>
      <form
        className="searchbox"
        onSubmit={(event) => {
          event.preventDefault();
          const q = box.current?.value.trim() ?? "";
          if (box.current) box.current.value = "";
          go(`/search?q=${encodeURIComponent(q)}`);
        }}
      >
        <Icon sign="search" />
        <input
          ref={box}
          name="q"
          aria-label={t("frame.search")}
          placeholder={t("frame.search_hint")}
          autoComplete="off"
          spellCheck={false}
        />
        <kbd>/</kbd>
      </form>
    </search>
  );
}

function RailLink({
  href,
  sign,
  word,
  badge,
}: {
  href: string;
  sign: Sign;
  word: string;
  badge?: { count: number; label: string };
}) {
  const here = usePath().startsWith(`/${href.split("/")[1]}`);
  return (
    <Link
      href={href}
      aria-current={here ? "page" : undefined}
      className={href.startsWith("/settings") ? "end" : undefined}
    >
      <Icon sign={sign} size={20} />
      <span>{word}</span>
      {badge && badge.count > 0 ? (
        <span className="n">
          {badge.count > 99 ? "99+" : badge.count}
          <span className="vh"> {badge.label}</span>
        </span>
      ) : null}
    </Link>
  );
}

/** The account button; its menu's code comes with the first click. */
function Account() {
  const { t } = useWords();
  const me = useMe();
  const [wanted, setWanted] = useState(false);
  const button = (
    <button
      type="button"
      aria-haspopup="menu"
      aria-label={t("account.menu", { name: me?.display_name ?? "" })}
      onClick={() => setWanted(true)}
    >
      <Icon sign="person" size={20} />
      <span className="who-me">{me?.display_name}</span>
    </button>
  );
  return wanted ? (
    <Suspense fallback={button}>
      <AccountMenu />
    </Suspense>
  ) : (
    button
  );
}

function Rail() {
  const { t, language } = useWords();
  const { overview } = useLive();
  const other = language === "ko" ? "en" : "ko";
  return (
    <nav className="rail" aria-label={t("frame.menu")}>
      <RailLink
        href="/queue"
        sign="queue"
        word={t("page.queue")}
        badge={{ count: overview?.queue_open ?? 0, label: t("frame.open_alerts") }}
      />
      <RailLink href="/search" sign="search" word={t("page.search")} />
      <RailLink
        href="/blocks"
        sign="block"
        word={t("page.blocks")}
        badge={{ count: overview?.approvals_waiting ?? 0, label: t("frame.approvals") }}
      />
      <RailLink
        href="/settings/sources"
        sign="settings"
        word={t("page.settings")}
        badge={{ count: overview?.quarantined ?? 0, label: t("frame.quarantined") }}
      />
      <button type="button" className="lang" lang={other} onClick={() => setPrefs({ language: other })}>
        {t("frame.other_language")}
      </button>
      <Account />
    </nav>
  );
}

function Bands() {
  const { t, duration } = useWords();
  const { state, lastAt, overview } = useLive();
  const now = useNow();
  return (
    <div className="bands">
      {state === "lost" ? (
        <div className="band lost" role="status">
          <b>{lastAt ? t("live.lost_for", { time: duration((now - lastAt) / 1000) }) : t("live.never")}</b>
          {lastAt ? <span>{t("live.as_of", { time: clock(lastAt) })}</span> : null}
          <span className="grow" />
          <button type="button" className="btn linkish" onClick={reconnect}>
            {t("live.reconnect")}
          </button>
        </div>
      ) : null}
      <StopBand />
      {overview?.troubles.map((trouble) => (
        <div className="band trouble" role="status" key={trouble.code}>
          <b>{t("frame.trouble")}</b>
          <span>{trouble.message}</span>
          <span className="grow" />
          <span>
            <Time at={trouble.since} as="ago" />
          </span>
        </div>
      ))}
    </div>
  );
}

export function Frame({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const { overview } = useLive();
  const [help, setHelp] = useState(false);
  const { keys } = usePrefs();
  useKeys({ "?": () => setHelp((shown) => !shown) }, keys);
  return (
    <div className="app">
      <a className="btn primary skip" href="#page">
        {t("frame.skip")}
      </a>
      <header className="top">
        <div className="brand">
          <Beacon label={t("product")} />
        </div>
        <div className="org">
          <b>{overview?.organisation}</b>
          {overview?.demo ? <span className="tag hatch">{t("frame.demo_city")}</span> : null}
        </div>
        <span className="grow" />
        <SearchBox />
        <KillSwitch />
        <span className="vsep" />
        <div className="topmeta duty">
          <small>{t("frame.duty_lead")}</small>
          {overview && !overview.duty_lead ? (
            <span className="warn">{t("frame.nobody")}</span>
          ) : (
            <span>{overview?.duty_lead}</span>
          )}
        </div>
        <Clock />
      </header>
      <Rail />
      <Bands />
      <main className="page" id="page" tabIndex={-1}>
        {children}
      </main>
      {help ? (
        <Suspense>
          <Help onClose={() => setHelp(false)} />
        </Suspense>
      ) : null}
    </div>
  );
}
