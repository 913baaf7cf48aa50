// Building query text from values that were clicked. Pure; the language itself is read by the center.

/** Characters that a value may have without quotes. */
const PLAIN = /^[\p{L}\p{N}._/@%+-]+$/u;

/** `field:value`, quoted where the value needs it. */
export function term(field: string, value: string): string {
  return `${field}:${PLAIN.test(value) ? value : quoted(value)}`;
}

function quoted(value: string): string {
  return `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}

/** The query without its `| count by …` part. */
export function withoutPipe(q: string): string {
  let inQuotes = false;
  for (let i = 0; i < q.length; i += 1) {
    const c = q[i];
    if (c === "\\") i += 1;
    else if (c === '"') inQuotes = !inQuotes;
    else if (c === "|" && !inQuotes) return q.slice(0, i).trim();
  }
  return q.trim();
}

const hasOr = (q: string) => /(^|\s)OR(\s|$)/.test(q.replace(/"(\\.|[^"])*"/g, "").replace(/\([^()]*\)/g, ""));

function joined(q: string, addition: string): string {
  const base = withoutPipe(q);
  if (!base) return addition;
  return `${hasOr(base) ? `(${base})` : base} ${addition}`;
}

/** The query and this value too. A value that was excluded is let in again. */
export function include(q: string, field: string, value: string): string {
  const wanted = term(field, value);
  const base = withoutPipe(q).replace(`NOT ${wanted}`, "").replace(/\s+/g, " ").trim();
  return base.split(" ").includes(wanted) ? base : joined(base, wanted);
}

/** The query without this value. */
export function exclude(q: string, field: string, value: string): string {
  const unwanted = term(field, value);
  const rest = withoutPipe(q)
    .split(" ")
    .filter((word) => word !== unwanted)
    .join(" ");
  return joined(rest, `NOT ${unwanted}`);
}

/** Counted by the values of a field. */
export function groupBy(q: string, field: string): string {
  const base = withoutPipe(q);
  return `${base ? `${base} ` : ""}| count by ${field}`;
}

/** An address or prefix, as far as a block would take it. */
export function looksLikeAddress(value: string): boolean {
  return (
    /^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$/.test(value) || /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*(\/\d{1,3})?$/i.test(value)
  );
}
