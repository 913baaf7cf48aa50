// The sheet before the console: log-in and single-use links.
import type { ReactNode } from "react";
import { setPrefs } from "../app/prefs";
import { useWords } from "../i18n/use";
import { Beacon } from "../ui/Icon";

export function Gate({ title, children }: { title: string; children: ReactNode }) {
  const { t, language } = useWords();
  const other = language === "ko" ? "en" : "ko";
  return (
    <main className="gate">
      <div className="sheet">
        <div className="row">
          <Beacon label={t("product")} size={36} />
          <h1>{title}</h1>
        </div>
        {children}
        <div className="alt">
          <a href="/api/authority.pem" download>
            {t("login.authority")}
          </a>
          <button type="button" className="btn linkish" lang={other} onClick={() => setPrefs({ language: other })}>
            {t("frame.other_language_long")}
          </button>
        </div>
      </div>
    </main>
  );
}
