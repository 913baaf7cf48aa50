// A raw line as received. Marks count characters (Unicode scalar values), not UTF-16 units. Control characters are shown,
// never sent to the screen as they are.
import type { Mark } from "../api/types";

/** Characters that turn the writing direction: a log line must not be able to disguise itself. */
const TURNING = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Control and direction-changing characters become their pictures or code points. */
export function visible(text: string): string {
  let shown = "";
  for (const c of text) {
    const code = c.charCodeAt(0);
    if (c === "\n" || c === "\t") shown += c;
    else if (code < 0x20) shown += String.fromCharCode(0x2400 + code);
    else if (code === 0x7f) shown += "\u2421";
    else shown += TURNING.test(c) ? `\\u${code.toString(16)}` : c;
  }
  return shown;
}

/** The text in pieces, marked or not; marks may overlap or lie outside. */
export function pieces(text: string, marks: readonly Mark[]): { text: string; marked: boolean }[] {
  const chars = [...text];
  const flags = new Uint8Array(chars.length);
  for (const mark of marks) flags.fill(1, Math.max(0, mark.start), Math.min(chars.length, Math.max(0, mark.end)));
  const found: { text: string; marked: boolean }[] = [];
  let from = 0;
  for (let i = 1; i <= chars.length; i += 1) {
    if (i < chars.length && flags[i] === flags[from]) continue;
    found.push({ text: chars.slice(from, i).join(""), marked: flags[from] === 1 });
    from = i;
  }
  return found;
}

export function Raw({ text, marks = [] }: { text: string; marks?: readonly Mark[] }) {
  return (
    <div className="log" translate="no">
      {pieces(text, marks).map((piece, i) =>
        piece.marked ? <mark key={i}>{visible(piece.text)}</mark> : visible(piece.text),
      )}
    </div>
  );
}
