// What the controller's HTTP servers answer: is it alive and ready, what did it count, what was it told, what does it
// believe.
import { errorMessage, FailureError } from "../../base/index.ts";
import type { Controller } from "../../controller/index.ts";
import { withPort } from "../../net/index.ts";
import { type HttpEndpoint, jsonAnswer, type Metrics, type Route, serveEndpoints } from "../../telemetry/index.ts";
import type { HostPort } from "../flags.ts";
import type { Configuration } from "./configuration.ts";

/** What the pages show of a controller. */
export type Shown = Pick<Controller, "missing" | "state">;

export interface PagesOptions {
  readonly metrics: Metrics;
  /** The configuration that holds, as `controller.berth.dev/v1alpha1` has it. */
  readonly configz: object;
  /** Tells the one that works, or why there is none yet. */
  readonly controller: () => Shown | string;
}

/** Throws FailureError that says which address is taken. */
export async function servePages({ settings, place }: Configuration, options: PagesOptions): Promise<AsyncDisposable> {
  const { metricsBindAddress: forMetrics, healthBindAddress: forHealth } = settings;
  const health = healthRoutes(options.controller);
  const looks = metricsRoutes(options);
  await using stack = new AsyncDisposableStack();
  if (sameAddress(forMetrics, forHealth))
    stack.use(await listen(place("metricsBindAddress"), forMetrics, { ...health, ...looks }));
  else {
    stack.use(await listen(place("metricsBindAddress"), forMetrics, looks));
    stack.use(await listen(place("healthBindAddress"), forHealth, health));
  }
  return stack.move();
}

type Routes = Readonly<Record<string, Route>>;

function healthRoutes(controller: PagesOptions["controller"]): Routes {
  const alive: Route = () => ({ status: 200, body: "ok\n" });
  const ready: Route = () => {
    const found = controller();
    const why = typeof found === "string" ? found : whyNotReady(found);
    return why === undefined ? { status: 200, body: "ok\n" } : { status: 503, body: `not ready: ${why}\n` };
  };
  return { "/livez": alive, "/healthz": alive, "/readyz": ready };
}

function whyNotReady({ missing }: Shown): string | undefined {
  if (missing.length === 0) return undefined;
  const kinds = `waits for ${missing.map(({ kind }) => kind).join(", ")}`;
  const answers = missing.flatMap(({ kind, why }) => (why === undefined ? [] : [`${kind}: ${why}`]));
  return [kinds, ...answers].join("\n");
}

function metricsRoutes({ metrics, configz, controller }: PagesOptions): Routes {
  return {
    "/metrics": async () => ({ status: 200, body: await metrics.metrics(), contentType: metrics.contentType }),
    "/configz": () => jsonAnswer({ "controller.berth.dev": configz }),
    "/debug/state": ({ url = "" }) => {
      const found = controller();
      const { searchParams } = new URL(url, "http://localhost");
      return jsonAnswer(typeof found === "string" ? { leading: false } : found.state(searchParams), 2);
    },
  };
}

function sameAddress(a: HostPort, b: HostPort): boolean {
  return a.host === b.host && a.port === b.port && a.port !== 0;
}

async function listen(place: string, at: HostPort, routes: Routes): Promise<HttpEndpoint> {
  try {
    return await serveEndpoints({ ...at, routes });
  } catch (error) {
    throw new FailureError(
      `${place}: cannot listen on ${withPort(at.host, at.port)}: ${errorMessage(error)}; give another address`,
    );
  }
}
