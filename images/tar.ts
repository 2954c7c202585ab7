// Archives that are the same bytes for the same content: sorted, owned by root, without times.
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

export type Entry =
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly bytes: () => Promise<Uint8Array> };

/** What is in a directory, parents before their children. */
export async function entriesOf(directory: string, prefix = ""): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for (const name of (await readdir(join(directory, prefix))).sort()) {
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const place = join(directory, path);
    const status = await lstat(place);
    if (status.isSymbolicLink()) found.push({ kind: "link", path, target: await readlink(place) });
    else if (status.isDirectory()) {
      // World-writable is only what has the sticky bit, as /tmp.
      found.push({ kind: "directory", path, mode: (status.mode & 0o1000) === 0 ? 0o755 : 0o1777 });
      found.push(...(await entriesOf(directory, path)));
    } else
      found.push({
        kind: "file",
        path,
        mode: (status.mode & 0o100) === 0 ? 0o644 : 0o755,
        bytes: async () => await readFile(place),
      });
  }
  return found;
}

const block = 512;

/** The archive, in pieces. */
export async function* tarOf(entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const bytes = entry.kind === "file" ? await entry.bytes() : new Uint8Array();
    yield header(entry, bytes.length);
    yield bytes;
    yield Buffer.alloc((block - (bytes.length % block)) % block);
  }
  yield Buffer.alloc(2 * block);
}

function header(entry: Entry, size: number): Buffer {
  const bytes = Buffer.alloc(block);
  const [prefix, name] = splitPath(entry.kind === "directory" ? `${entry.path}/` : entry.path);
  bytes.write(name, 0);
  writeOctal(bytes, entry.kind === "link" ? 0o777 : entry.mode, 100, 8);
  // User, group and time.
  for (const [at, length] of [
    [108, 8],
    [116, 8],
    [136, 12],
  ] as const)
    writeOctal(bytes, 0, at, length);
  writeOctal(bytes, size, 124, 12);
  bytes.write({ file: "0", link: "2", directory: "5" }[entry.kind], 156);
  if (entry.kind === "link") {
    if (Buffer.byteLength(entry.target) > 100) throw new Error(`${entry.path}: its target is too long for an archive`);
    bytes.write(entry.target, 157);
  }
  bytes.write("ustar\x0000", 257);
  bytes.write(prefix, 345);
  bytes.fill(" ", 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

function writeOctal(bytes: Buffer, value: number, at: number, length: number): void {
  bytes.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
}

/** A name has room for 100 bytes, what is before it for 155. */
function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100 && name !== "") return [prefix, name];
  }
  throw new Error(`${path} is too long for an archive`);
}
