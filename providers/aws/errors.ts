import { errorMessage } from "../../src/base/index.ts";
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
/** EC2 has one word for both. */
const expiredOrSkewed = blocked(
  "CredentialsExpired",
  "see to it that the controller's credentials are renewed, and that the clock of its node is right",
);
const badSignature: Treatment = (call, message) =>
  (/expired|not yet current/i.test(message) ? skewed : badCredentials)(call, message);
/** So EC2 says that it does not know the credentials, that they may not, or that the clock is wrong. */
const authFailure: Treatment = (call, message) =>
  (/not authorized/i.test(message) ? forbidden : unknownOrSkewed)(call, message);
const unknownOrSkewed = blocked(
  "CredentialsInvalid",
  "give the controller credentials that AWS knows, and see whether the clock of its node is right",
);
const regionOff = blocked("RegionDisabled", "turn the region on for the account, or give another one");
const noSubnet = blocked("SubnetNotUsable", "name other subnets, or give this one free addresses and the right routes");
const noGroup = blocked("SecurityGroupNotUsable", "name security groups of the load balancer's VPC");
const badInput = blocked("RefusedByAWS", "change what the Service asks for as the message says");

/** What AWS' words mean, without `Exception` at their end: each wire code once. */
const treatments: Readonly<Record<string, Treatment>> = {
  // Who asks.
  AccessDenied: forbidden,
  AuthFailure: authFailure,
  UnauthorizedOperation: forbidden,
  ExpiredToken: expired,
  RequestExpired: expiredOrSkewed,
  CredentialsProviderError: badCredentials,
  TokenProviderError: badCredentials,
  IDPRejectedClaim: badCredentials,
  IncompleteSignature: badCredentials,
  InvalidAccessKeyId: badCredentials,
  InvalidClientTokenId: badCredentials,
  InvalidIdentityToken: badCredentials,
  MissingAuthenticationToken: badCredentials,
  InvalidSignature: badSignature,
  SignatureDoesNotMatch: badSignature,
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
  "InvalidVpcID.NotFound": blocked(
    "VpcNotFound",
    "give the VPC of the nodes by --aws-nlb-vpc-id, and its region by --aws-nlb-region",
  ),
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
  IDPCommunicationError: retryable,
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
  const message = firstLine(errorMessage(error));
  const treatment = Object.hasOwn(treatments, code) ? treatments[code] : undefined;
  if (treatment === undefined && !isOfAws(error))
    return new ProviderError({ kind: "retryable" }, unanswered(error, call), { cause: error });
  const fault = (treatment ?? (isRefusal(error) ? badInput : retryable))(call, message);
  return new ProviderError(fault, `${call.action}: ${code}: ${message}`, { cause: error });
}

/** Something came, but it is not what AWS says. */
export function noAnswer(action: string, why: string): string {
  return `${action}: what came is no answer of AWS: ${why}; see what stands between the controller and AWS, a proxy or another endpoint`;
}

/** Nobody was reached, or nothing came back in time. */
export function notReached(action: string, why: string): string {
  return `${action}: AWS was not reached: ${why}; let the controller get to AWS' endpoints, or say by --aws-nlb-endpoint where AWS is`;
}

function unanswered(error: unknown, { action }: Call): string {
  const message = firstLine(errorMessage(error));
  const { code, $metadata: metadata } = (error ?? {}) as Failure;
  const status = metadata?.httpStatusCode;
  if (status !== undefined) return noAnswer(action, `${message} (status ${status})`);
  return typeof code === "string" ? notReached(action, `${code}: ${message}`) : noAnswer(action, message);
}

/** What the SDK adds is for programmers. */
function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** Whether there is a treatment for exactly this code. */
export function isKnown(code: string): boolean {
  return Object.hasOwn(treatments, code);
}

/** What the SDK may say of a failure: `Code` is a word of AWS', `code` one of the network. */
interface Failure {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly Code?: unknown;
  /** The same where answers are JSON. */
  readonly __type?: unknown;
  readonly code?: unknown;
}

function isOfAws(error: unknown): boolean {
  const { Code: code, __type: type } = (error ?? {}) as Failure;
  return typeof (code ?? type) === "string";
}

/** AWS understood the request and does not want it, in words that nobody knows here. */
function isRefusal(error: unknown): boolean {
  const { $metadata: metadata, Code: code } = (error ?? {}) as Failure;
  const status = metadata?.httpStatusCode ?? 0;
  return typeof code === "string" && status >= 400 && status < 500;
}

/** `... is not authorized to perform: ec2:CreateTags on resource ...` */
function deniedAction(message: string): string | undefined {
  return /not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)/i.exec(message)?.[1];
}
