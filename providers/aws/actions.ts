import type { Scheme } from "../../src/api/index.ts";
import type { Issue } from "../../src/provider/index.ts";
import type { Rule, Target, Weighted } from "./observation.ts";
import type { HealthCheckSpec, IpAddressType, ListenerProtocol, Pairs, TlsSpec } from "./schema/index.ts";

/** An ID or ARN, or what an earlier step returned. */
export type Ref = string | { readonly step: string; readonly output: "arn" | "id" };

export interface SubnetMapping {
  readonly subnet: string;
  readonly allocation?: string;
  readonly privateIpv4?: string;
  readonly ipv6?: string;
}

export interface ListenerContent {
  readonly protocol: ListenerProtocol;
  readonly targetGroups: readonly Weighted<Ref>[];
  readonly tls: TlsSpec | undefined;
}

/** Everything that this provider changes at AWS, as data: one call each. */
export type Action =
  | {
      readonly kind: "createLoadBalancer";
      readonly name: string;
      readonly scheme: Scheme;
      readonly ipAddressType: IpAddressType;
      readonly sourceNat: boolean;
      readonly subnets: readonly SubnetMapping[];
      readonly groups: readonly Ref[];
      readonly tags: Pairs;
    }
  | { readonly kind: "setAttributes"; readonly of: AttributeOwner; readonly arn: Ref; readonly attributes: Pairs }
  | {
      readonly kind: "setSecurityGroups";
      readonly arn: Ref;
      readonly groups: readonly Ref[];
      readonly privateLink: boolean | undefined;
    }
  | {
      readonly kind: "setSubnets";
      readonly arn: string;
      readonly subnets: readonly SubnetMapping[];
      readonly ipAddressType: IpAddressType;
      readonly sourceNat: boolean;
    }
  | { readonly kind: "deleteLoadBalancer"; readonly arn: string }
  | {
      readonly kind: "createTargetGroup";
      readonly name: string;
      readonly protocol: ListenerProtocol;
      readonly port: number;
      readonly vpcId: string;
      readonly healthCheck: HealthCheckSpec;
      readonly tags: Pairs;
    }
  | { readonly kind: "modifyTargetGroup"; readonly arn: string; readonly healthCheck: HealthCheckSpec }
  | { readonly kind: "deleteTargetGroup"; readonly arn: string }
  | {
      readonly kind: "createListener";
      readonly loadBalancer: Ref;
      readonly port: number;
      readonly content: ListenerContent;
      readonly tags: Pairs;
    }
  /** `issue`: what is lost by it. */
  | {
      readonly kind: "modifyListener";
      readonly arn: string;
      readonly content: ListenerContent;
      readonly issue: Issue | undefined;
    }
  | { readonly kind: "addCertificates"; readonly listener: Ref; readonly certificates: readonly string[] }
  | { readonly kind: "removeCertificates"; readonly listener: string; readonly certificates: readonly string[] }
  | { readonly kind: "deleteListener"; readonly arn: string }
  | { readonly kind: "registerTargets"; readonly targetGroup: string; readonly targets: readonly Target[] }
  | { readonly kind: "deregisterTargets"; readonly targetGroup: string; readonly targets: readonly Target[] }
  | { readonly kind: "createGroup"; readonly name: string; readonly vpcId: string; readonly tags: Pairs }
  | { readonly kind: "authorize"; readonly group: Ref; readonly rules: readonly Rule[]; readonly tags: Pairs }
  | { readonly kind: "revoke"; readonly group: string; readonly rules: readonly string[] }
  | { readonly kind: "deleteGroup"; readonly id: string }
  /** `at`: which of the two APIs has the object. */
  | { readonly kind: "addTags"; readonly at: "elb" | "ec2"; readonly id: string; readonly tags: Pairs }
  | { readonly kind: "removeTags"; readonly at: "elb" | "ec2"; readonly id: string; readonly keys: readonly string[] };

export type AttributeOwner = "loadBalancer" | "targetGroup" | "listener";
