// A folder that somebody chose, as one tar: the form in which the center takes several files at once.

const BLOCK = 512;
/** Only rule files are sent. */
const RULE = /\.ya?ml$/i;

function head(name: string, size: number, kind: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put("0000644\0", 100);
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("        ", 148);
  put(kind, 156);
  put("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

const padded = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);

/** The rule files among these. */
export async function tarOf(files: readonly File[]): Promise<Blob> {
  const parts: BlobPart[] = [];
  for (const file of files) {
    const name = file.webkitRelativePath || file.name;
    if (!RULE.test(name)) continue;
    const long = new Uint8Array(new TextEncoder().encode(name));
    if (long.length > 99) parts.push(head("././@LongLink", long.length, "L"), long, padded(long.length));
    parts.push(head(long.length > 99 ? "long.yml" : name, file.size, "0"), file, padded(file.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts);
}
