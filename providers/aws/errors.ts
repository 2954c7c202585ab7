import { type Fault, ProviderError } from "../../src/provider/index.ts";

/** One call, as IAM names it: `elasticloadbalancing:CreateListener`. */
export interface Call {
  readonly action: string;
  readonly region: string;
}

type Treatment = (call: Call, message: string) => Fault;

/** AWS says how long only seldom. */
const pauseMs = 5000;

const retryable: Treatment = () => ({ kind: "retryable" });
const notFound: Treatment = () => ({ kind: "notFound" });
const throttled: Treatment = ({ region }) => ({ kind: "throttled", scope: `account/${region}`, retryAfterMs: pauseMs });
const taken: Treatment = () => ({ kind: "conflict", owner: "somebody else, as far as can be seen" });
const forbidden: Treatment = ({ action }, message) => ({ kind: "forbidden", action: deniedAction(message) ?? action });

function quota(limit: string): Treatment {
  return () => ({ kind: "quota", limit });
}

function blocked(reason: string, remedy: string): Treatment {
  return () => ({ kind: "blocked", reason, remedy });
}

const badCredentials = blocked("CredentialsInvalid", "give the controller credentials that AWS knows");
const expired = blocked("CredentialsExpired", "see to it that the controller's credentials are renewed");
const skewed = blocked("ClockSkew", "set the clock of the controller's node right");
const regionOff = blocked("RegionDisabled", "turn the region on for the account, or give another one");
const noSubnet = blocked("SubnetNotUsable", "name other subnets, or give this one free addresses and the right routes");
const noGroup = blocked("SecurityGroupNotUsable", "name security groups of the load balancer's VPC");
const badInput = blocked("RefusedByAWS", "change what the Service asks for as the message says");

/** What AWS' words mean, without `Exception` at their end: each wire code once. */
const treatments: Readonly<Record<string, Treatment>> = {
  // Who asks.
  AccessDenied: forbidden,
  AuthFailure: forbidden,
  UnauthorizedOperation: forbidden,
  ExpiredToken: expired,
  RequestExpired: expired,
  CredentialsProviderError: badCredentials,
  TokenProviderError: badCredentials,
  IncompleteSignature: badCredentials,
  InvalidAccessKeyId: badCredentials,
  InvalidClientTokenId: badCredentials,
  MissingAuthenticationToken: badCredentials,
  SignatureDoesNotMatch: ({ action, region }, message) =>
    (/expired|not yet current/i.test(message) ? skewed : badCredentials)({ action, region }, message),
  UnrecognizedClient: badCredentials,
  RequestTimeTooSkewed: skewed,
  OptInRequired: regionOff,
  RegionDisabled: regionOff,

  // How often.
  PriorRequestNotComplete: throttled,
  RequestLimitExceeded: throttled,
  SlowDown: throttled,
  Throttled: throttled,
  Throttling: throttled,
  TooManyRequests: throttled,

  // How much.
  AddressLimitExceeded: quota("elastic addresses in the region"),
  InsufficientCapacity: blocked("InsufficientCapacity", "wait, or name subnets in other zones"),
  RulesPerSecurityGroupLimitExceeded: quota("rules in a security group"),
  SecurityGroupLimitExceeded: quota("security groups in the VPC"),
  SecurityGroupsPerInterfaceLimitExceeded: quota("security groups of a network interface"),
  TagLimitExceeded: quota("tags of a resource"),
  TargetGroupAssociationLimit: quota("load balancers of a target group"),
  TooManyActions: quota("actions of a listener"),
  TooManyCertificates: quota("certificates of a load balancer"),
  TooManyListeners: quota("listeners of a load balancer"),
  TooManyLoadBalancers: quota("network load balancers in the region"),
  TooManyRegistrationsForTargetId: quota("registrations of a target"),
  TooManyTags: quota("tags of a resource"),
  TooManyTargetGroups: quota("target groups in the region"),
  TooManyTargets: quota("targets of a load balancer or target group"),
  TooManyUniqueTargetGroupsPerLoadBalancer: quota("target groups of a load balancer"),

  // What is not there. Of our own things the next observation tells; of others a person has to.
  "InvalidGroup.NotFound": notFound,
  "InvalidPermission.NotFound": notFound,
  "InvalidSecurityGroupRuleId.NotFound": notFound,
  ListenerNotFound: notFound,
  LoadBalancerNotFound: notFound,
  ResourceNotFound: notFound,
  TargetGroupNotFound: notFound,
  AllocationIdNotFound: blocked("AddressNotFound", "give elastic addresses of this account and region that are free"),
  CertificateNotFound: blocked("CertificateNotFound", "give a certificate of this account and region"),
  "InvalidAllocationID.NotFound": blocked("AddressNotFound", "give elastic addresses of this account and region"),
  "InvalidInstanceID.Malformed": badInput,
  "InvalidInstanceID.NotFound": retryable,
  InvalidSecurityGroup: noGroup,
  "InvalidGroupId.Malformed": noGroup,
  InvalidSubnet: noSubnet,
  "InvalidSubnetID.NotFound": noSubnet,
  SubnetNotFound: noSubnet,
  "InvalidVpcID.NotFound": blocked("VpcNotFound", "give the VPC of the nodes"),
  SSLPolicyNotFound: blocked("PolicyNotFound", "give a security policy that AWS has in this region"),

  // What is there already: a name that is not ours, or a race that the next observation settles.
  DuplicateLoadBalancerName: taken,
  DuplicateTargetGroupName: taken,
  "InvalidGroup.Duplicate": taken,
  DuplicateListener: retryable,
  "InvalidPermission.Duplicate": retryable,

  // What still holds on.
  DependencyViolation: retryable,
  "InvalidGroup.InUse": retryable,
  ResourceInUse: retryable,

  // What cannot be.
  ALPNPolicyNotSupported: badInput,
  AvailabilityZoneNotSupported: noSubnet,
  DuplicateTagKeys: badInput,
  IncompatibleProtocols: badInput,
  InvalidConfigurationRequest: badInput,
  InvalidLoadBalancerAction: badInput,
  InvalidParameter: badInput,
  InvalidParameterCombination: badInput,
  InvalidParameterValue: badInput,
  InvalidScheme: badInput,
  InvalidTarget: blocked("InvalidTarget", "a node is no instance that runs in the VPC of the load balancer"),
  OperationNotPermitted: blocked("OperationNotPermitted", "turn off what protects the load balancer at AWS"),
  UnsupportedProtocol: badInput,
  ValidationError: badInput,
  ConstraintViolation: badInput,

  // What is AWS' own.
  ConcurrentModification: retryable,
  HealthUnavailable: retryable,
  InternalError: retryable,
  InternalFailure: retryable,
  InternalService: retryable,
  PaginationTokenExpired: retryable,
  RequestTimeout: retryable,
  ServiceUnavailable: retryable,
  Unavailable: retryable,
};

/** AWS' word for a failure: its wire code, without the `Exception` that the SDK or a service puts at its end. */
export function awsCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { Code: code, name } = error as { readonly Code?: unknown; readonly name?: unknown };
  const word = typeof code === "string" ? code : typeof name === "string" ? name : "";
  return word.replace(/Exception$/, "");
}

/** What a failure of a call means; what never came from AWS, or came maimed, is tried again. */
export function providerError(error: unknown, call: Call): ProviderError {
  const code = awsCode(error);
  const message = error instanceof Error ? error.message : String(error);
  const treatment = Object.hasOwn(treatments, code) ? treatments[code] : undefined;
  const fault = (treatment ?? (isRefusal(error) ? badInput : retryable))(call, message);
  return new ProviderError(fault, `${call.action}: ${code}: ${message}`, { cause: error });
}

/** Whether there is a treatment for exactly this code. */
export function isKnown(code: string): boolean {
  return Object.hasOwn(treatments, code);
}

/** AWS understood the request and does not want it, in words that nobody knows here. */
function isRefusal(error: unknown): boolean {
  const { $metadata: metadata, Code: code } = (error ?? {}) as {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly Code?: unknown;
  };
  const status = metadata?.httpStatusCode ?? 0;
  return typeof code === "string" && status >= 400 && status < 500;
}

/** `... is not authorized to perform: ec2:CreateTags on resource ...` */
function deniedAction(message: string): string | undefined {
  return /not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)/.exec(message)?.[1];
}
