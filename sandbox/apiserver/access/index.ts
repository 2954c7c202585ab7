// Who may do what: users by tokens and impersonation, roles and bindings by rules, reviews. Invariant: a request is
// answered only after `Access.admit`; what no rule allows is refused, in the words of kube-apiserver. It knows the
// store and no HTTP. Beyond: certificates, OpenID Connect, webhooks, the Node authorizer, tokens bound to pods,
// impersonation of UIDs and extras, and the controller that fills aggregated roles.
export { Access, type AccessListener } from "./access.ts";
export { attributesOf, isTrue, type ResourceAttributes } from "./attributes.ts";
export { Authorizer } from "./authorizer.ts";
export { checkEscalation } from "./escalation.ts";
export { review } from "./reviews.ts";
export { requestToken, tokenRequestSchema } from "./token-request.ts";
export { readClaims, ServiceAccountTokens, signToken } from "./tokens.ts";
export type { User } from "./users.ts";
