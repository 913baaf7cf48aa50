// Lines that differ between two texts: the longest common subsequence, bounded, so that a huge text can't hang the page.

/** Cells of the comparison beyond which everything between the common ends counts as changed. */
const CELLS_MAX = 1_000_000;

export interface DiffLine {
  kind: "same" | "old" | "new";
  text: string;
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  if (a.length * b.length > CELLS_MAX) {
    return [
      ...a.map((text): DiffLine => ({ kind: "old", text })),
      ...b.map((text): DiffLine => ({ kind: "new", text })),
    ];
  }
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const found: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ kind: "same", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      found.push({ kind: "old", text: a[i] ?? "" });
      i += 1;
    } else {
      found.push({ kind: "new", text: b[j] ?? "" });
      j += 1;
    }
  }
  return found;
}

/** Line by line: what stayed, what went, what came. */
export function diff(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail += 1;
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return [
    ...a.slice(0, head).map(same),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(same),
  ];
}

/** Only what changed, with some lines around it; `null` stands for lines left out. */
export function hunks(lines: readonly DiffLine[], around = 3): (DiffLine | null)[] {
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - around), i + around + 1).some((l) => l.kind !== "same"));
  const found: (DiffLine | null)[] = [];
  for (const [i, line] of lines.entries()) {
    if (near[i]) found.push(line);
    else if (found.length === 0 || found[found.length - 1] !== null) found.push(null);
  }
  return found;
}
