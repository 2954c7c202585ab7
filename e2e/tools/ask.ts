// One or many questions to echo pods over TCP (HTTP) or UDP, from the namespace it is run in.
// `node ask.ts http|udp HOST PORT COUNT`: prints one line of JSON per answer or `{"error": CODE}`, one after the other,
// each over a new connection or socket.
import { createSocket } from "node:dgram";
import { get } from "node:http";

const [protocol = "", host = "", port = "", count = "1"] = process.argv.slice(2);
const answerWithinMs = 5000;

function http(): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get({ host, port: Number(port), path: "/", agent: false, timeout: answerWithinMs }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => chunks.push(chunk));
    answer.on("end", () => resolve(Buffer.concat(chunks).toString()));
  });
  request.on("timeout", () => request.destroy(Object.assign(new Error("no answer"), { code: "TIMEOUT" })));
  request.on("error", reject);
  return promise;
}

function udp(): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const timer = setTimeout(() => reject(Object.assign(new Error("no answer"), { code: "TIMEOUT" })), answerWithinMs);
  socket.on("message", (data) => resolve(data.toString()));
  socket.on("error", reject);
  // Connected, so that a port-unreachable comes back as an error.
  socket.connect(Number(port), host, (error?: Error) => {
    if (error === undefined) socket.send("question");
    else reject(error);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

for (let i = 0; i < Number(count); i++) {
  try {
    process.stdout.write(`${(await (protocol === "udp" ? udp() : http())).trim()}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: (error as NodeJS.ErrnoException).code ?? String(error) })}\n`);
  }
}
