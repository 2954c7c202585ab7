import winston from "winston";

export const logLevels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = "json" | "text";

/** Every key that a log line of ours may carry beside time, level and message. */
export interface LogFields {
  readonly service?: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly pod?: string;
  readonly provider?: string;
  readonly kind?: string;
  readonly key?: string;
  readonly class?: string;
  readonly family?: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
  readonly reason?: string;
  readonly why?: string;
  readonly what?: string;
  /** The objects whose change led to this: `EndpointSlice web-x7k2p`. */
  readonly cause?: string;
  readonly step?: string;
  readonly plan?: string;
  readonly attempt?: number;
  readonly durationMs?: number;
  readonly retryMs?: number;
  readonly count?: number;
  readonly endpoints?: number;
  readonly endpointsBefore?: number;
  readonly table?: string;
  readonly chain?: string;
  readonly chains?: readonly string[];
  readonly rule?: string;
  readonly process?: string;
  readonly rules?: number;
  readonly resourceVersion?: string;
  readonly code?: number;
  readonly pid?: number;
  readonly url?: string;
  readonly version?: string;
  readonly err?: unknown;
}

/** Message first and constant, values in fields; a level that is off costs one comparison. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** Whether a line of this level would be written: ask before building costly fields. */
  enabled(level: LogLevel): boolean;
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where lines go; standard error by default, so that standard output stays the command's own. */
  readonly stream?: NodeJS.WritableStream;
}

export function createLogger({ level, format, stream = process.stderr }: LoggerOptions): Logger {
  const sink = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: format === "json" ? jsonFormat : textFormat,
    transports: [new winston.transports.Stream({ stream })],
  });
  return adapt(sink, logLevels.indexOf(level), {});
}

function adapt(sink: winston.Logger, max: number, bound: LogFields): Logger {
  function write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (logLevels.indexOf(level) > max) return;
    sink.log({ level, message, fields: { ...bound, ...fields } });
  }
  return {
    error: (message, fields) => write("error", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    info: (message, fields) => write("info", message, fields),
    debug: (message, fields) => write("debug", message, fields),
    enabled: (level) => logLevels.indexOf(level) <= max,
    with: (fields) => adapt(sink, max, { ...bound, ...fields }),
  };
}

/** Swallows everything; for tests and for code that was given no logger. */
export const nullLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  enabled: () => false,
  with: () => nullLogger,
};

// The values stay in `fields`, so that no key can collide with winston's own `level` and `message`.
const jsonFormat = winston.format.printf(({ level, message, fields }) =>
  JSON.stringify({ time: new Date().toISOString(), level, message, ...serialise(fields as LogFields) }),
);

const textFormat = winston.format.printf(({ level, message, fields }) => {
  const pairs = Object.entries(serialise(fields as LogFields)).map(([key, value]) => ` ${key}=${quote(value)}`);
  return `${new Date().toISOString()} ${level.padEnd(5)} ${String(message)}${pairs.join("")}`;
});

function quote(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function serialise({ err, ...rest }: LogFields): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined));
  if (err !== undefined) fields["err"] = serialiseError(err);
  return fields;
}

/** JSON.stringify prints an Error as `{}`; this keeps name, message, stack and the chain of causes. */
function serialiseError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    name: error.name,
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined ? {} : { cause: serialiseError(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map(serialiseError) } : {}),
  };
}
