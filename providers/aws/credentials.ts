import type { STSClientConfig } from "@aws-sdk/client-sts";
import type { SdkOptions } from "./client.ts";

export type Credentials = NonNullable<STSClientConfig["credentials"]>;

/**
 * The credentials that AWS' SDK finds by itself: environment, profile, IRSA, Pod Identity, instance. What it asks others
 * for them it asks with these options: on its own it would follow a file of configuration to whatever endpoint that has.
 */
export async function findCredentials(options: SdkOptions): Promise<Credentials> {
  const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
  const { getDefaultRoleAssumer, getDefaultRoleAssumerWithWebIdentity } = await import("@aws-sdk/client-sts");
  const { ignoreConfiguredEndpointUrls } = options;
  return defaultProvider({
    clientConfig: { ignoreConfiguredEndpointUrls },
    roleAssumer: getDefaultRoleAssumer(options),
    roleAssumerWithWebIdentity: getDefaultRoleAssumerWithWebIdentity(options),
  });
}
