// Fields of forms: a label above, a hint or problem below, all tied for screen readers.
import { type ReactNode, useId } from "react";
import type { Agency } from "../api/types";
import { useWords } from "../i18n/use";

interface FieldProps {
  label: string;
  name: string;
  value?: string | number;
  hint?: string;
  problem?: string | null;
  type?: string;
  required?: boolean;
  mono?: boolean;
  min?: number;
  max?: number;
  pattern?: string;
  list?: readonly string[];
  readOnly?: boolean;
}

export function Field({ label, name, value, hint, problem, type = "text", mono, list, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        defaultValue={value}
        className={mono ? "input mono" : "input"}
        aria-invalid={problem ? true : undefined}
        aria-describedby={hint || problem ? `${id}-said` : undefined}
        list={list ? `${id}-list` : undefined}
        autoComplete="off"
        spellCheck={false}
        {...rest}
      />
      {problem || hint ? (
        <small id={`${id}-said`} className={problem ? "warn" : undefined}>
          {problem ?? hint}
        </small>
      ) : null}
      {list ? (
        <datalist id={`${id}-list`}>
          {list.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      ) : null}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  name: string;
  value?: string | number;
  hint?: string;
  children: ReactNode;
}

export function Choice({ label, name, value, hint, children }: ChoiceProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        name={name}
        defaultValue={value}
        className="input"
        aria-describedby={hint ? `${id}-said` : undefined}
      >
        {children}
      </select>
      {hint ? <small id={`${id}-said`}>{hint}</small> : null}
    </div>
  );
}

/** Agencies as a tree, indented by depth. */
export function AgencyChoice({
  label,
  name,
  value,
  agencies,
}: {
  label: string;
  name: string;
  value?: number;
  agencies: readonly Agency[];
}) {
  const { pick } = useWords();
  const depth = (agency: Agency): number => {
    const parent = agencies.find((each) => each.id === agency.parent);
    return parent ? depth(parent) + 1 : 0;
  };
  return (
    <Choice label={label} name={name} value={value}>
      {agencies.map((agency) => (
        <option key={agency.id} value={agency.id}>
          {`${"\u2003".repeat(depth(agency))}${pick(agency.name, agency.name_en)}`}
        </option>
      ))}
    </Choice>
  );
}

/** The values of a form as text, trimmed. */
export function values(form: HTMLFormElement): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string") found[name] = value.trim();
  return found;
}
