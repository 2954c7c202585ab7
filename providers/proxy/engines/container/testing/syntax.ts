import type { CommandSyntax } from "./arguments.ts";

/** The commands that the fake knows, with the flags of the real ones that it understands. */
export const commands: Readonly<Record<string, CommandSyntax>> = {
  create: {
    usage: "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
    flags: {
      name: "value",
      label: "list",
      restart: "value",
      network: "list",
      ip: "value",
      ip6: "value",
      "cap-add": "list",
      sysctl: "list",
      "security-opt": "list",
      mount: "list",
      pull: "value",
    },
    short: { l: "label" },
    minArguments: 1,
    endsAtFirst: true,
  },
  start: { usage: "start [OPTIONS] CONTAINER [CONTAINER...]", flags: {}, minArguments: 1 },
  stop: {
    usage: "stop [OPTIONS] CONTAINER [CONTAINER...]",
    flags: { timeout: "value", signal: "value" },
    short: { t: "timeout", s: "signal" },
    minArguments: 1,
  },
  rm: {
    usage: "rm [OPTIONS] CONTAINER [CONTAINER...]",
    flags: { force: "switch", volumes: "switch" },
    short: { f: "force", v: "volumes" },
    minArguments: 1,
  },
  ps: {
    usage: "ps [OPTIONS]",
    flags: { all: "switch", quiet: "switch", "no-trunc": "switch", filter: "list", format: "value" },
    short: { a: "all", q: "quiet", f: "filter" },
    minArguments: 0,
  },
  logs: { usage: "logs [OPTIONS] CONTAINER", flags: { tail: "value" }, short: { n: "tail" }, minArguments: 1 },
  "container inspect": {
    usage: "container inspect [OPTIONS] CONTAINER [CONTAINER...]",
    flags: { format: "value" },
    short: { f: "format" },
    minArguments: 1,
  },
  "network inspect": {
    usage: "network inspect [OPTIONS] NETWORK [NETWORK...]",
    flags: { format: "value" },
    short: { f: "format" },
    minArguments: 1,
  },
  "image inspect": {
    usage: "image inspect [OPTIONS] IMAGE [IMAGE...]",
    flags: { format: "value" },
    short: { f: "format" },
    minArguments: 1,
  },
};
