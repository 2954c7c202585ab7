import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { httpProbe, runBalancer } from "../balancer/index.ts";
import { errorMessage, FailureError, systemClock, UsageError } from "../base/index.ts";
import { systemExec } from "../kernel/index.ts";
import { withPort } from "../net/index.ts";
import { createMetrics, type HttpEndpoint, type Metrics, serveEndpoints } from "../telemetry/index.ts";
import type { Process } from "./command.ts";
import { addLogFlags, type HostPort, type LogFlags, loggerFor, parseHostPort } from "./flags.ts";

interface Flags extends LogFlags {
  readonly stateDir: string;
  readonly awaitConfig: boolean;
  readonly metricsBindAddress?: HostPort;
}

export function define(command: Command, process: Process): void {
  addLogFlags(command)
    .requiredOption("--state-dir <directory>", "directory of this load balancer; holds config.json")
    .option("--await-config", "wait for config.json where there is none yet", false)
    .option(
      "--metrics-bind-address <ip:port>",
      "serve /metrics there; the load balancer's own addresses refuse it",
      parseHostPort("--metrics-bind-address"),
    )
    .action((flags: Flags) => run(flags, process));
}

async function run(flags: Flags, process: Process): Promise<void> {
  const directory = flags.stateDir;
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new UsageError(`--state-dir: ${directory} is no directory; give the one that holds config.json`);
  const metrics = createMetrics();
  await using _endpoint = await serveMetrics(flags.metricsBindAddress, metrics);
  await runBalancer({
    directory,
    awaitConfig: flags.awaitConfig,
    exec: systemExec(process.environment),
    probe: httpProbe,
    clock: systemClock,
    logger: loggerFor(flags, process),
    metrics,
    signal: process.signal,
  });
}

async function serveMetrics(bind: HostPort | undefined, metrics: Metrics): Promise<HttpEndpoint | undefined> {
  if (bind === undefined) return undefined;
  try {
    return await serveEndpoints({
      ...bind,
      routes: {
        "/metrics": async () => ({ status: 200, body: await metrics.metrics(), contentType: metrics.contentType }),
      },
    });
  } catch (error) {
    const place = withPort(bind.host, bind.port);
    throw new FailureError(
      `--metrics-bind-address: cannot listen on ${place}: ${errorMessage(error)}; give another address`,
    );
  }
}
