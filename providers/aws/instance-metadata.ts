const usualEndpoint = "http://169.254.169.254";
/** On an instance it answers at once; elsewhere nobody does. */
const limitMs = 1000;

/** What an instance of EC2 knows of itself; empty elsewhere. */
export interface InstanceMetadata {
  readonly region?: string;
  readonly vpcId?: string;
}

/** Asks IMDSv2 of the machine that this runs on. */
export async function instanceMetadata(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<InstanceMetadata> {
  if (environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") return {};
  const endpoint = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? usualEndpoint;
  try {
    const token = await ask(endpoint, "api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "60" }, "PUT");
    const get = (path: string): Promise<string> =>
      ask(endpoint, `meta-data/${path}`, { "x-aws-ec2-metadata-token": token }, "GET");
    const mac = await get("mac");
    return {
      region: await get("placement/region"),
      vpcId: await get(`network/interfaces/macs/${mac}/vpc-id`),
    };
  } catch {
    // A pod may not reach it, and many machines are no instances: who needs it says what to give instead.
    return {};
  }
}

async function ask(
  endpoint: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  method: string,
): Promise<string> {
  const response = await fetch(`${endpoint}/latest/${path}`, { method, headers, signal: AbortSignal.timeout(limitMs) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.text()).trim();
}
