import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { formatIp, parseIp } from "../net/index.ts";
import { readLocalSockets } from "./index.ts";
import { parseLocalSockets } from "./local-sockets.ts";

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const tail = "00000000:00000000 00:00000000 00000000     0        0 30654 1 000000009ed77720 100 0 0 10 0\n";
const row = (local: string, state: string, peer = "00000000:0000") => `   0: ${local} ${peer} ${state} ${tail}`;
const v6 = (address: string, number: string) => `${address}:${number}`;
const ephemeral = { first: 32768, last: 60999 };

it.each<[string, "TCP" | "UDP", string, unknown]>([
  ["a listener on loopback", "TCP", row("0100007F:1F90", "0A"), { address: "127.0.0.1", port: 8080 }],
  ["a listener everywhere", "TCP", row("00000000:0016", "0A"), { address: undefined, port: 22 }],
  ["a connection", "TCP", row("0100007F:1F90", "01", "0100007F:0001"), undefined],
  ["a bound UDP socket", "UDP", row("010200C0:0035", "07"), { address: "192.0.2.1", port: 53 }],
  ["a UDP socket with a peer", "UDP", row("010200C0:0035", "01", "0100007F:0001"), undefined],
  ["a UDP client", "UDP", row("00000000:C350", "07"), undefined],
  ["a listener on an ephemeral port", "TCP", row("00000000:C350", "0A"), { address: undefined, port: 50000 }],
  [
    "a listener everywhere, IPv6",
    "TCP",
    row(v6("00000000000000000000000000000000", "0050"), "0A", v6("00000000000000000000000000000000", "0000")),
    { address: undefined, port: 80 },
  ],
  [
    "a listener on an IPv6 address",
    "TCP",
    row(v6("0C0000FD000000000000000001000000", "0050"), "0A", v6("00000000000000000000000000000000", "0000")),
    { address: "fd00:c::1", port: 80 },
  ],
  [
    "a listener on an IPv4 address, of IPv6",
    "TCP",
    row(v6("0000000000000000FFFF0000010200C0", "0050"), "0A", v6("00000000000000000000000000000000", "0000")),
    { address: "192.0.2.1", port: 80 },
  ],
])("reads %s", (_what, protocol, line, socket) => {
  expect(parseLocalSockets(head + line, protocol, ephemeral)).toEqual(
    socket === undefined ? [] : [{ protocol, ...(socket as object) }],
  );
});

it("reads every address and port, as the kernel writes them, and no other text", () => {
  const words = (bytes: Buffer): string => Buffer.from(bytes).swap32().toString("hex").toUpperCase();
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (text, port) => {
      const ip = parseIp(text)!;
      const digits = ip.family === "IPv4" ? 8 : 32;
      const hex = words(Buffer.from(ip.value.toString(16).padStart(digits, "0"), "hex"));
      const local = `${hex}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
      const canonical = formatIp(ip).replace(/^::ffff:(?=.*\.)/, "");
      expect(parseLocalSockets(row(local, "0A"), "TCP", undefined)).toEqual([
        { protocol: "TCP", address: ip.value === 0n ? undefined : canonical, port },
      ]);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseLocalSockets(text, "TCP", undefined)).toEqual([]);
    }),
  );
});

it("reads listeners no further than they go, and files that are not there as empty", async () => {
  const proc = await mkdtemp(join(tmpdir(), "berth-proc-"));
  try {
    await mkdir(join(proc, "net"));
    const listeners = Array.from({ length: 2000 }, () => row("00000000:0016", "0A")).join("");
    const connections = Array.from({ length: 2000 }, () => row("0100007F:1F90", "01")).join("");
    // The kernel has none behind connections: that this one is not found shows where reading ends.
    await writeFile(join(proc, "net/tcp"), head + listeners + connections + row("00000000:0017", "0A"));
    await writeFile(join(proc, "net/udp"), head + row("00000000:0035", "07"));
    const sockets = await readLocalSockets(proc);
    expect(sockets.filter(({ port }) => port === 22)).toHaveLength(2000);
    expect(sockets.filter(({ port }) => port !== 22)).toEqual([{ protocol: "UDP", address: undefined, port: 53 }]);
  } finally {
    await rm(proc, { recursive: true });
  }
});

it("finds what listens on this machine", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    expect(await readLocalSockets()).toContainEqual({ protocol: "TCP", address: "127.0.0.1", port });
  } finally {
    server.close();
  }
});
