// Log-in by name and password.
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef } from "react";
import { api } from "../api/client";
import { useEnter } from "../app/session";
import { useWords } from "../i18n/use";
import { Failed } from "../ui/States";
import { Gate } from "./Gate";

export default function LogIn() {
  const { t } = useWords();
  const enter = useEnter();
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  useEffect(() => {
    document.title = `${t("login.title")} · ${t("product")}`;
  }, [t]);
  const logIn = useMutation({
    mutationFn: (body: { name: string; password: string }) => api.post("/api/session", { body }),
    onSuccess: enter,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    logIn.mutate({ name: String(form.get("name") ?? "").trim(), password: String(form.get("password") ?? "") });
  };
  return (
    <Gate title={t("login.title")}>
      <form className="form" onSubmit={submit}>
        <div className="field">
          <label htmlFor="name">{t("login.name")}</label>
          <input
            className="input"
            id="name"
            name="name"
            ref={first}
            required
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
          />
        </div>
        <div className="field">
          <label htmlFor="password">{t("login.password")}</label>
          <input
            className="input"
            id="password"
            name="password"
            type="password"
            required
            autoComplete="current-password"
          />
        </div>
        {logIn.error ? <Failed what={t("login.failed")} error={logIn.error} /> : null}
        <button type="submit" className="btn primary" disabled={logIn.isPending}>
          {t("login.enter")}
        </button>
      </form>
      <p className="t3 sm">{t("login.no_password")}</p>
    </Gate>
  );
}
