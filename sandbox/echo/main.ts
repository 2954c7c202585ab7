// The process behind every container of image `berth.dev/echo`. It loads nothing but Node's own modules, so that a
// pod starts in the time that Node itself needs.
import type { EchoConfig } from "./config.ts";
import { startEcho } from "./server.ts";

const echo = await startEcho(JSON.parse(process.argv[2] ?? "{}") as EchoConfig);
process.once("SIGTERM", () => void echo.drain().then(() => process.exit(0)));
