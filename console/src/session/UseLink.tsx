// A single-use link, `/link#TOKEN`: the token stays in the fragment, which no server or proxy sees, and is taken out of
// the address at once. Sets the password, or, in the demo, logs in straight away.
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { api } from "../api/client";
import { go } from "../app/router";
import { useEnter } from "../app/session";
import { useWords } from "../i18n/use";
import { Failed } from "../ui/States";
import { Time } from "../ui/Time";
import { Gate } from "./Gate";

/** Characters a password needs; the center checks it too. */
const PASSWORD_CHARS_MIN = 12;

function tokenInAddress(): string {
  return decodeURIComponent(window.location.hash.slice(1));
}

/** The token, taken out of the address once the page stands; another link opened in the same page replaces it. */
function useToken(): string {
  const [token, setToken] = useState(tokenInAddress);
  useEffect(() => {
    const take = () => {
      const found = tokenInAddress();
      if (found) setToken(found);
      window.history.replaceState(null, "", "/link");
    };
    take();
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  return token;
}

export default function UseLink() {
  const { t } = useWords();
  const token = useToken();
  const enter = useEnter();
  const [problem, setProblem] = useState<string | null>(null);
  const check = useQuery({
    queryKey: ["link", token],
    queryFn: () => api.post("/api/session/link/check", { body: { token } }),
    enabled: token !== "",
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const use = useMutation({
    mutationFn: (password: string | null) => api.post("/api/session/link", { body: { token, password } }),
    onSuccess: (me) => {
      enter(me);
      go("/queue", { replace: true });
    },
  });
  const info = check.data;
  const { mutate } = use;
  useEffect(() => {
    document.title = `${t("link.title")} · ${t("product")}`;
  }, [t]);
  useEffect(() => {
    if (info?.logs_in) mutate(null);
  }, [info?.logs_in, mutate]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const password = String(form.get("password") ?? "");
    if ([...password].length < PASSWORD_CHARS_MIN) setProblem("link.short");
    else if (password !== form.get("again")) setProblem("link.differs");
    else {
      setProblem(null);
      mutate(password);
    }
  };
  if (token === "" || check.error) {
    return (
      <Gate title={t("link.title")}>
        <p>
          <b>{t("link.spent")}</b>
        </p>
        <p className="t2 s13">{t("link.spent_text")}</p>
        <button type="button" className="btn" onClick={() => go("/queue", { replace: true })}>
          {t("link.to_login")}
        </button>
      </Gate>
    );
  }
  if (!info || info.logs_in) {
    return (
      <Gate title={t("link.title")}>
        <p role="status">{t("link.entering")}</p>
        {use.error ? <Failed what={t("link.failed")} error={use.error} /> : null}
      </Gate>
    );
  }
  return (
    <Gate title={t("link.set_password")}>
      <p className="s13">
        <b>{info.display_name}</b> <span className="t3 mono">{info.user}</span>
        <br />
        <span className="t3 sm">
          {t("link.until")} <Time at={info.expires_at} />
        </span>
      </p>
      <form className="form" onSubmit={submit}>
        <input type="text" name="username" autoComplete="username" defaultValue={info.user} hidden readOnly />
        <div className="field">
          <label htmlFor="password">{t("link.new_password")}</label>
          <input
            className="input"
            id="password"
            name="password"
            type="password"
            required
            autoComplete="new-password"
            aria-describedby="password-rule"
            aria-invalid={problem === "link.short"}
          />
          <small id="password-rule">{t("link.rule", { n: PASSWORD_CHARS_MIN })}</small>
        </div>
        <div className="field">
          <label htmlFor="again">{t("link.again")}</label>
          <input
            className="input"
            id="again"
            name="again"
            type="password"
            required
            autoComplete="new-password"
            aria-invalid={problem === "link.differs"}
          />
        </div>
        {problem ? (
          <p className="warn s13" role="alert">
            {t(problem, { n: PASSWORD_CHARS_MIN })}
          </p>
        ) : null}
        {use.error ? <Failed what={t("link.failed")} error={use.error} /> : null}
        <button type="submit" className="btn primary" disabled={use.isPending}>
          {t("link.save")}
        </button>
      </form>
    </Gate>
  );
}
