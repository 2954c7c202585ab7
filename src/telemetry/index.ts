// What a process tells the outside: log lines, metrics and the health endpoints. Invariant: a log message is a
// constant and its values are fields from one typed list; each process has one metric registry of its own.
export { type EndpointOptions, type HttpEndpoint, type Route, type RouteAnswer, serveEndpoints } from "./endpoint.ts";
export { watchEventLoop } from "./event-loop.ts";
export {
  createLogger,
  type LogFields,
  type LogFormat,
  type Logger,
  type LogLevel,
  logLevels,
  nullLogger,
} from "./logger.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export { cutList, jsonAnswer, pageOf } from "./pages.ts";
