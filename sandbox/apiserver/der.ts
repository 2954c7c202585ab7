// As much of DER (X.690) as a certificate takes.

export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | digits.length]), digits, content]);
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return tlv(0x30, ...contents);
}

export function set(...contents: readonly Uint8Array[]): Buffer {
  return tlv(0x31, ...contents);
}

export function integer(value: number): Buffer {
  return tlv(0x02, Buffer.from([value]));
}

export const yes: Buffer = tlv(0x01, Buffer.from([0xff]));

export function octets(content: Uint8Array): Buffer {
  return tlv(0x04, content);
}

export function utf8(text: string): Buffer {
  return tlv(0x0c, Buffer.from(text));
}

export function bits(content: Uint8Array, unused = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), content);
}

export function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

/** UTCTime, good until 2049. */
export function utcTime(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().slice(2, 19).replace(/[-:T]/g, "");
  return tlv(0x17, Buffer.from(`${text}Z`));
}
