// What is read of programs and libraries (ELF of 64 bits, little-endian): what they want, and where their end is.

const segment = { load: 1, dynamic: 2 } as const;
const tag = { end: 0n, needed: 1n, stringTable: 5n } as const;
const machines: Readonly<Record<number, "amd64" | "arm64">> = { 62: "amd64", 183: "arm64" };

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

/** Whether these are the bytes of a program or library. */
export function isElf(bytes: Buffer): boolean {
  return bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes.readUInt16BE(4) === 0x0201;
}

/** For which architecture it is; undefined: for none that images are made for. */
export function architectureOf(bytes: Buffer): "amd64" | "arm64" | undefined {
  return machines[bytes.readUInt16LE(18)];
}

/** The libraries that it cannot start without, by soname. */
export function neededLibraries(bytes: Buffer): readonly string[] {
  const segments = segmentsOf(bytes);
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  if (dynamic === undefined) return [];
  const names: bigint[] = [];
  let strings = 0n;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const [key, value] = [bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8)];
    if (key === tag.end) break;
    if (key === tag.needed) names.push(value);
    if (key === tag.stringTable) strings = value;
  }
  const start = offsetOf(segments, strings);
  return names.map((name) => {
    const begin = start + Number(name);
    return bytes.toString("latin1", begin, bytes.indexOf(0, begin));
  });
}

/** Without the tables behind what is loaded: names for debuggers, a quarter of Node. */
export function stripped(bytes: Buffer): Buffer {
  const end = Math.max(...segmentsOf(bytes).map(({ offset, size }) => offset + size));
  const short = Buffer.from(bytes.subarray(0, end));
  short.writeBigUInt64LE(0n, 40);
  short.writeUInt32LE(0, 60);
  return short;
}

function segmentsOf(bytes: Buffer): readonly Segment[] {
  const start = Number(bytes.readBigUInt64LE(32));
  return Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const at = start + index * bytes.readUInt16LE(54);
    return {
      type: bytes.readUInt32LE(at),
      offset: Number(bytes.readBigUInt64LE(at + 8)),
      address: bytes.readBigUInt64LE(at + 16),
      size: Number(bytes.readBigUInt64LE(at + 32)),
    };
  });
}

function offsetOf(segments: readonly Segment[], address: bigint): number {
  const found = segments.find(
    (one) => one.type === segment.load && address >= one.address && address < one.address + BigInt(one.size),
  );
  if (found === undefined) throw new Error(`no segment holds the address 0x${address.toString(16)}`);
  return found.offset + Number(address - found.address);
}
