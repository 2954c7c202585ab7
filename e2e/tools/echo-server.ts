// `node echo-server.ts NAME`: on port 8081 of the namespace that it runs in, greets each TCP connection with a line
// `NAME client-address` and sends back what it is sent until the client ends; answers a datagram with the same line.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const [name = ""] = process.argv.slice(2);
const port = 8081;

function greeting(client: string | undefined): string {
  return `${name} ${(client ?? "").replace("::ffff:", "")}\n`;
}

const udp = createSocket("udp6");
udp.on("message", (_, from) => udp.send(greeting(from.address), from.port, from.address));
udp.bind(port, () => {
  const tcp = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.write(greeting(socket.remoteAddress));
    socket.pipe(socket);
  });
  tcp.listen({ port, host: "::", backlog: 4096 }, () => process.stdout.write("ready\n"));
});
