import type { LogFields, Logger, LogLevel } from "../index.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  /** With those bound by `with`. */
  readonly fields: LogFields;
}

/** A log of every level that stays in memory. What is bound to fields by `with` writes to the same lines. */
export class MemoryLog implements Logger {
  readonly lines: LogLine[];
  readonly #bound: LogFields;

  constructor(lines: LogLine[] = [], bound: LogFields = {}) {
    this.lines = lines;
    this.#bound = bound;
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  enabled(): boolean {
    return true;
  }

  with(fields: LogFields): MemoryLog {
    return new MemoryLog(this.lines, { ...this.#bound, ...fields });
  }

  /** The messages of a level. */
  messages(level: LogLevel): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  /** The fields of the lines of a level. */
  fields(level: LogLevel): LogFields[] {
    return this.lines.filter((line) => line.level === level).map(({ fields }) => fields);
  }

  /** The fields of the lines with a message. */
  fieldsOf(message: string): LogFields[] {
    return this.lines.filter((line) => line.message === message).map(({ fields }) => fields);
  }

  clear(): void {
    this.lines.length = 0;
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    this.lines.push({ level, message, fields: { ...this.#bound, ...fields } });
  }
}
