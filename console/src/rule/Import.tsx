// Import of rules: an archive or a folder, what it would change, and only then the change.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api, upload } from "../api/client";
import type { ImportedRule, ImportPreview } from "../api/types";
import { useOnline } from "../app/live";
import { useKnown, useWords } from "../i18n/use";
import { Panel, Part } from "../ui/Panel";
import { Failed, Told } from "../ui/States";
import { Diff } from "./Diff";
import { tarOf } from "./tar";

/** Rules listed before "more". */
const SHOWN = 30;

function Rule({ rule }: { rule: ImportedRule }) {
  const { t } = useWords();
  const known = useKnown();
  const [open, setOpen] = useState(false);
  const tag = rule.fate === "removed" ? "tag bad" : rule.fate === "changed" ? "tag soon" : "tag ok";
  return (
    <li>
      <div className="row">
        <span className={tag}>{known("import_fate", rule.fate)}</span>
        <span className="grow">{rule.title}</span>
        {rule.before && rule.after ? (
          <button type="button" className="btn small" aria-expanded={open} onClick={() => setOpen(!open)}>
            {t(open ? "rule.diff_hide" : "rule.diff_show")}
          </button>
        ) : null}
      </div>
      {open && rule.before && rule.after ? (
        <Diff before={rule.before} after={rule.after} label={t("rule.diff_label")} />
      ) : null}
    </li>
  );
}

function Preview({ found }: { found: ImportPreview }) {
  const { t, count } = useWords();
  const [all, setAll] = useState(false);
  const shown = all ? found.rules : found.rules.slice(0, SHOWN);
  const left = [...found.broken, ...found.refused];
  return (
    <>
      <Part
        title={t("import.changes")}
        note={t("import.counts", {
          fresh: count(found.new),
          changed: count(found.changed),
          removed: count(found.removed),
        })}
      >
        {found.rules.length === 0 ? <p className="s13 t3">{t("import.nothing")}</p> : null}
        <ul className="exceptions">
          {shown.map((rule) => (
            <Rule key={rule.id} rule={rule} />
          ))}
        </ul>
        {found.rules.length > shown.length ? (
          <p className="more-link">
            <button type="button" className="btn small" onClick={() => setAll(true)}>
              {t("table.more", { n: count(found.rules.length - shown.length) })}
            </button>
          </p>
        ) : null}
      </Part>
      {left.length > 0 ? (
        <Part title={t("import.left_out", { n: count(left.length) })}>
          <div className="exceptions">
            {left.map((each) => (
              <Told key={each.file + each.reason} what={each.file}>
                {each.reason}
              </Told>
            ))}
          </div>
        </Part>
      ) : null}
    </>
  );
}

/** A file, or a whole folder, in our own words: the browser's button has none of them. */
function Choice(at: { id: string; label: string; folder?: boolean; onChosen: (files: FileList | null) => void }) {
  const { t, count } = useWords();
  const [files, setFiles] = useState<File[]>([]);
  const first = files[0];
  const name = at.folder ? first?.webkitRelativePath.split("/")[0] : first?.name;
  return (
    <div className="field">
      <span>{at.label}</span>
      <div className="row">
        <label className="btn choice">
          {t(at.folder ? "import.pick_folder" : "import.pick")}
          <input
            type="file"
            id={at.id}
            className="vh"
            aria-label={at.label}
            accept={at.folder ? undefined : ".zip,.tar,.gz,.tgz,.yml,.yaml"}
            ref={(input) => {
              if (at.folder) input?.setAttribute("webkitdirectory", "");
            }}
            multiple={at.folder}
            onChange={(event) => {
              setFiles([...(event.target.files ?? [])]);
              at.onChosen(event.target.files);
            }}
          />
        </label>
        <span className="s13 t2">
          {name ?? t("import.none")}
          {at.folder && first ? ` · ${t("import.files", { n: count(files.length) })}` : null}
        </span>
      </div>
    </div>
  );
}

export function Import({ onClose }: { onClose: () => void }) {
  const { t, count } = useWords();
  const online = useOnline();
  const queries = useQueryClient();
  const why = useRef<HTMLInputElement>(null);
  const [missing, setMissing] = useState(false);
  const look = useMutation({
    mutationFn: async (files: File[]) => {
      const first = files[0];
      const folder = files.length > 1 || (first?.webkitRelativePath ?? "") !== "";
      const body = folder ? await tarOf(files) : (first ?? new Blob());
      const name = folder ? "folder.tar" : (first?.name ?? "");
      return (await upload("/api/rules/import", { name }, body)) as ImportPreview;
    },
  });
  const apply = useMutation({
    mutationFn: ({ id, reason }: { id: number; reason: string }) =>
      api.post("/api/rules/import/{id}", { path: { id }, body: { reason } }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["rules"] }),
  });
  const found = look.data;
  const done = apply.data;
  const chosen = (list: FileList | null) => {
    apply.reset();
    if (list && list.length > 0) look.mutate([...list]);
  };
  return (
    <Panel
      label={t("import.title")}
      lead={<h2>{t("import.title")}</h2>}
      onClose={onClose}
      foot={
        found && !done ? (
          <form
            className="go"
            onSubmit={(event) => {
              event.preventDefault();
              const reason = why.current?.value.trim() ?? "";
              setMissing(!reason);
              if (reason) apply.mutate({ id: found.id, reason });
              else why.current?.focus();
            }}
          >
            <label className="vh" htmlFor="import-reason">
              {t("field.reason")}
            </label>
            <input
              id="import-reason"
              className="input grow"
              ref={why}
              placeholder={t("import.why")}
              aria-invalid={missing}
              autoComplete="off"
            />
            <button type="submit" className="btn primary" disabled={!online || apply.isPending}>
              {t("import.apply")}
            </button>
            {missing ? <p className="warn sm">{t("field.reason_missing")}</p> : null}
            {apply.error ? <Failed what={t("import.apply_failed")} error={apply.error} /> : null}
          </form>
        ) : undefined
      }
    >
      <Part title={t("import.choose")} note={t("import.whole")}>
        <div className="form">
          <Choice id="import-archive" label={t("import.archive")} onChosen={chosen} />
          <Choice id="import-folder" label={t("import.folder")} folder onChosen={chosen} />
        </div>
        {look.isPending ? (
          <p className="s13 t2 more-link" role="status">
            {t("import.looking")}
          </p>
        ) : null}
        {look.error ? <Failed what={t("import.failed")} error={look.error} /> : null}
      </Part>
      {done ? (
        <p className="s13 more-link" role="status">
          <b>{t("import.done")}</b>{" "}
          {t("import.counts", { fresh: count(done.new), changed: count(done.changed), removed: count(done.removed) })}
        </p>
      ) : found ? (
        <Preview found={found} />
      ) : null}
    </Panel>
  );
}
