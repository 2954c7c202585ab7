import { create, type Exchange, get, mergePatch, remove, update } from "../exchange.ts";

const core = "/api/v1";
const guarded = `${core}/namespaces/guarded`;
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const roles = `${rbac}/namespaces/guarded/roles`;
const bindings = `${rbac}/namespaces/guarded/rolebindings`;
const leases = "/apis/coordination.k8s.io/v1/namespaces/guarded/leases";
const authorization = "/apis/authorization.k8s.io/v1";
const reader = "system:serviceaccount:guarded:reader";

/** As the service account whose token an earlier step captured. */
const asReader = { headers: { authorization: "Bearer ${token}" } };

function as(user: string, ...groups: readonly string[]): { headers: Record<string, string> } {
  const group = groups.length === 0 ? {} : { "impersonate-group": groups.join(",") };
  return { headers: { "impersonate-user": user, ...group } };
}

function role(name: string, ...rules: readonly object[]): Exchange {
  return create(roles, { metadata: { name }, rules });
}

function binding(name: string, roleRef: object, ...subjects: readonly object[]): Exchange {
  return create(bindings, { metadata: { name }, roleRef, subjects });
}

const readerAccount = { kind: "ServiceAccount", name: "reader", namespace: "guarded" };
const service = { metadata: { name: "web" }, spec: { clusterIP: "10.96.0.100", ports: [{ port: 80 }] } };

const accountSteps: readonly Exchange[] = [
  create(`${core}/namespaces`, { metadata: { name: "guarded" } }),
  create(`${guarded}/serviceaccounts`, { metadata: { name: "reader" } }, { capture: { account: "metadata.uid" } }),
  create(`${guarded}/serviceaccounts/reader/token`, {}, { capture: { token: "status.token" } }),
  create(
    `${guarded}/serviceaccounts/reader/token`,
    { spec: { expirationSeconds: 7200, audiences: ["elsewhere"] } },
    {
      capture: { foreign: "status.token" },
    },
  ),
  create(`${guarded}/serviceaccounts/reader/token`, { spec: { expirationSeconds: 60 } }),
  create(`${guarded}/serviceaccounts/reader/token`, { metadata: { name: "other" } }),
  create(`${guarded}/serviceaccounts/reader/token`, { metadata: { uid: "other" } }),
  create(`${guarded}/serviceaccounts/absent/token`, {}),
  get(`${guarded}/serviceaccounts/reader/token`),
  get(`${core}/namespaces`, { headers: { authorization: "Bearer nonsense" } }),
  get(`${core}/namespaces`, { headers: { authorization: "Bearer ${foreign}" } }),
  get(`${core}/namespaces`, { headers: { authorization: "Bearer ${token}x" } }),
  get(`${core}/namespaces`, { headers: { authorization: "Basic YTpi" } }),
  get(`${core}/namespaces/default`, { headers: { authorization: "" } }),
  get("/healthz", { headers: { authorization: "" } }),
  get("/api", { headers: { authorization: "" } }),
  get("/healthz", { headers: { authorization: "Bearer nonsense" } }),
  create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, asReader),
  create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}),
  create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, as("jane", "dev")),
  create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, as(reader)),
  get("/apis/authentication.k8s.io/v1/selfsubjectreviews"),
];

/** One refusal of each kind: verbs, collections, subresources, places, paths. */
const refusalSteps: readonly Exchange[] = [
  create(`${guarded}/services`, service),
  get(`${guarded}/services`, asReader),
  get(`${core}/services`, asReader),
  get(`${guarded}/services?watch=true`, asReader),
  get(`${core}/watch/namespaces/guarded/services`, asReader),
  get(`${guarded}/services/web`, asReader),
  get(`${guarded}/services/web/status`, asReader),
  create(`${guarded}/services`, service, asReader),
  update(`${guarded}/services/web`, service, asReader),
  mergePatch(`${guarded}/services/web`, {}, asReader),
  mergePatch(`${guarded}/services/web/status`, {}, asReader),
  remove(`${guarded}/services/web`, undefined, asReader),
  remove(`${guarded}/services`, undefined, asReader),
  get(leases, asReader),
  create(leases, { metadata: { name: "a" } }, asReader),
  get(`${core}/nodes/node-a`, asReader),
  get(`${core}/namespaces/guarded`, asReader),
  update(`${core}/namespaces/guarded/finalize`, {}, asReader),
  get(`${guarded}/serviceaccounts/reader/token`, asReader),
  create(`${guarded}/serviceaccounts/reader/token`, {}, asReader),
  get(`${guarded}/nothings`, asReader),
  get("/nowhere/a%3Cb", asReader),
  create("/nowhere", {}, asReader),
  get("/version", { ...asReader, brief: true }),
  get("/metrics", asReader),
];

const grantSteps: readonly Exchange[] = [
  role("reader", { apiGroups: [""], resources: ["services"], verbs: ["get", "list", "watch"] }),
  role(
    "keeper",
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["mine"], verbs: ["*"] },
    { apiGroups: [""], resources: ["*/status"], verbs: ["patch"] },
  ),
  binding("reader", { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" }, readerAccount),
  binding("keeper", { kind: "Role", name: "keeper" }, { kind: "ServiceAccount", name: "reader" }),
  binding("dangling", { kind: "Role", name: "absent" }, { kind: "User", name: "jane" }),
  get(`${guarded}/services/web`, { ...asReader, until: /10\.96/ }),
  get(`${guarded}/services?fieldSelector=metadata.name%3Dweb`, asReader),
  get(`${guarded}/services?watch=true&fieldSelector=metadata.name%3Dweb`, { ...asReader, events: 1 }),
  get(`${core}/services`, asReader),
  get(`${core}/namespaces/default/services`, asReader),
  mergePatch(`${guarded}/services/web/status`, { metadata: { labels: { a: "1" } } }, { ...asReader, until: /10\.96/ }),
  mergePatch(`${guarded}/services/web`, { metadata: { labels: { a: "2" } } }, asReader),
  create(leases, { metadata: { name: "mine" } }, asReader),
  create(leases, { metadata: { name: "mine" } }),
  create(leases, { metadata: { name: "theirs" } }),
  get(`${leases}/mine`, asReader),
  get(`${leases}/theirs`, asReader),
  get(`${leases}?fieldSelector=metadata.name%3Dmine`, asReader),
  get(`${leases}?fieldSelector=metadata.name%3Dtheirs`, asReader),
  get(leases, asReader),
  get(`${leases}?watch=true&fieldSelector=metadata.name%3Dmine`, { ...asReader, events: 1 }),
  remove(`${leases}/theirs`, undefined, asReader),
  remove(`${leases}/mine`, undefined, asReader),
  get(`${guarded}/services/web`, { ...as("jane"), until: /absent/ }),
];

const reviewSteps: readonly Exchange[] = [
  create(`${authorization}/selfsubjectaccessreviews`, {
    spec: { resourceAttributes: { verb: "delete", resource: "nodes" } },
  }),
  create(
    `${authorization}/selfsubjectaccessreviews`,
    { spec: { resourceAttributes: { verb: "list", resource: "services", namespace: "guarded" } } },
    asReader,
  ),
  create(
    `${authorization}/selfsubjectaccessreviews`,
    { spec: { resourceAttributes: { verb: "list", resource: "services" } } },
    asReader,
  ),
  create(
    `${authorization}/selfsubjectaccessreviews`,
    { spec: { nonResourceAttributes: { verb: "get", path: "/apis/apps" } } },
    asReader,
  ),
  create(`${authorization}/selfsubjectaccessreviews`, { spec: {} }, asReader),
  create(
    `${authorization}/selfsubjectaccessreviews`,
    { spec: { resourceAttributes: { verb: "list", resource: "services", namespace: "guarded" } } },
    as("jane"),
  ),
  create(
    `${authorization}/subjectaccessreviews`,
    { spec: { user: "jane", resourceAttributes: { verb: "list", resource: "services" } } },
    asReader,
  ),
  create(`${authorization}/subjectaccessreviews`, {
    spec: {
      user: reader,
      resourceAttributes: {
        group: "coordination.k8s.io",
        verb: "update",
        resource: "leases",
        namespace: "guarded",
        name: "mine",
      },
    },
  }),
  create(`${authorization}/subjectaccessreviews`, {
    spec: { groups: ["system:masters"], nonResourceAttributes: { verb: "get", path: "/metrics" } },
  }),
  create(`${authorization}/subjectaccessreviews`, {
    spec: { resourceAttributes: { verb: "list", resource: "services" } },
  }),
  create(`${authorization}/selfsubjectrulesreviews`, { spec: { namespace: "" } }, asReader),
  create(`${authorization}/selfsubjectrulesreviews`, { spec: { namespace: "guarded" } }, as("jane")),
  get(`${authorization}/selfsubjectaccessreviews`),
  remove(`${authorization}/selfsubjectaccessreviews`),
];

/** Whom one may be. */
const impersonationSteps: readonly Exchange[] = [
  get(`${guarded}/services/web`, as(reader)),
  get(`${guarded}/secrets`, as(reader)),
  get(`${guarded}/services/web`, as("anna")),
  get(`${guarded}/services/web`, as("anna", "system:masters")),
  get(`${guarded}/services/web`, as("system:anonymous")),
  get(`${guarded}/services/web`, { headers: { "impersonate-group": "dev" } }),
  get(`${guarded}/services/web`, { headers: { ...asReader.headers, "impersonate-user": "anna" } }),
  get(`${guarded}/services/web`, { headers: { ...asReader.headers, "impersonate-user": reader } }),
  get(`${guarded}/services/web`, { headers: { ...asReader.headers, "impersonate-user": "system:node:node-a" } }),
  get("/version", { headers: { ...asReader.headers, "impersonate-user": "anna" } }),
  create(`${rbac}/clusterroles`, {
    metadata: { name: "understudy" },
    rules: [
      { apiGroups: [""], resources: ["users"], resourceNames: ["anna"], verbs: ["impersonate"] },
      { apiGroups: ["authentication.k8s.io"], resources: ["users"], verbs: ["impersonate:user-info"] },
      { apiGroups: [""], resources: ["services"], verbs: ["impersonate-on:user-info:list"] },
    ],
  }),
  create(`${rbac}/clusterrolebindings`, {
    metadata: { name: "understudy" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "understudy" },
    subjects: [readerAccount],
  }),
  get(`${guarded}/services/web`, {
    headers: { ...asReader.headers, "impersonate-user": "anna" },
    until: /anna/,
  }),
  get(`${guarded}/services`, { headers: { ...asReader.headers, "impersonate-user": "bert" } }),
  get(`${guarded}/services/web`, { headers: { ...asReader.headers, "impersonate-user": "bert" } }),
  get(`${guarded}/services/web`, {
    headers: { ...asReader.headers, "impersonate-user": "anna", "impersonate-group": "dev" },
  }),
];

/** Nobody gives what he does not have. */
const escalationSteps: readonly Exchange[] = [
  create(`${rbac}/clusterroles`, {
    metadata: { name: "granter" },
    rules: [
      {
        apiGroups: ["rbac.authorization.k8s.io"],
        resources: ["roles", "rolebindings", "clusterroles"],
        verbs: ["create", "update", "patch"],
      },
      { apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"], resourceNames: ["keeper"], verbs: ["bind"] },
      { apiGroups: [""], resources: ["services"], verbs: ["get", "list"] },
    ],
  }),
  create(`${rbac}/clusterrolebindings`, {
    metadata: { name: "granter" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "granter" },
    subjects: [{ kind: "User", name: "greta" }],
  }),
  ...[
    create(
      roles,
      {
        metadata: { name: "more" },
        rules: [
          { apiGroups: ["", "apps"], resources: ["secrets", "pods"], verbs: ["get", "list"] },
          { apiGroups: [""], resources: ["services"], verbs: ["get"] },
        ],
      },
      { until: /attempting/ },
    ),
    create(roles, {
      metadata: { name: "same" },
      rules: [{ apiGroups: [""], resources: ["services"], resourceNames: ["web"], verbs: ["get"] }],
    }),
    mergePatch(`${roles}/same`, { rules: [{ apiGroups: [""], resources: ["services"], verbs: ["*"] }] }),
    mergePatch(`${roles}/same`, { metadata: { finalizers: ["example.com/kept"] } }),
    mergePatch(`${roles}/same`, { metadata: { finalizers: null } }),
    create(bindings, { metadata: { name: "bad" }, roleRef: { kind: "Role", name: "reader" } }),
    create(bindings, { metadata: { name: "bound" }, roleRef: { kind: "Role", name: "keeper" } }),
    create(bindings, { metadata: { name: "none" }, roleRef: { kind: "Role", name: "absent" } }),
    create(bindings, { metadata: { name: "root" }, roleRef: { kind: "ClusterRole", name: "cluster-admin" } }),
    create(`${rbac}/clusterroles`, {
      metadata: { name: "all" },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
    }),
    create(`${rbac}/clusterroles`, {
      metadata: { name: "paths" },
      rules: [{ nonResourceURLs: ["/metrics", "/version"], verbs: ["get"] }],
    }),
  ].map((exchange) => ({ ...exchange, headers: { ...exchange.headers, ...as("greta").headers } })),
];

/** What is no role and no binding. */
const validationSteps: readonly Exchange[] = [
  role("Any:Name_1"),
  role("a%2Fb"),
  role("empty", {}),
  role("no-groups", { resources: ["pods"], verbs: ["get"] }),
  role("no-resources", { apiGroups: [""], verbs: ["get"] }),
  role("paths", { nonResourceURLs: ["/a"], verbs: ["get"] }),
  create(`${rbac}/clusterroles`, {
    metadata: { name: "both" },
    rules: [{ nonResourceURLs: ["/a"], apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
  }),
  create(`${rbac}/clusterroles`, { metadata: { name: "none" }, aggregationRule: {} }),
  binding("no-kind", { name: "reader" }),
  binding("bad-kind", { kind: "Service", name: "reader" }),
  binding("no-name", { kind: "Role", name: "" }),
  binding("bad-group", { kind: "Role", name: "reader", apiGroup: "v1" }),
  binding("robot", { kind: "Role", name: "reader" }, { kind: "Robot", name: "r" }),
  binding("nobody", { kind: "Role", name: "reader" }, { kind: "User", name: "" }),
  binding("account", { kind: "Role", name: "reader" }, { kind: "ServiceAccount", name: "A_b", apiGroup: "v1" }),
  binding("group", { kind: "Role", name: "reader" }, { kind: "Group", name: "dev", apiGroup: "v1" }),
  create(`${rbac}/clusterrolebindings`, {
    metadata: { name: "place" },
    roleRef: { kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "ServiceAccount", name: "reader" }],
  }),
  create(`${rbac}/clusterrolebindings`, { metadata: { name: "kind" }, roleRef: { kind: "Role", name: "reader" } }),
  mergePatch(`${bindings}/reader`, { roleRef: { name: "keeper" } }),
  mergePatch(`${bindings}/reader`, { subjects: null }),
  get(`${guarded}/services/web`, { ...asReader, until: /Forbidden/ }),
  get(`${rbac}/clusterroles/system:discovery`),
  get(`${rbac}/clusterrolebindings/system:public-info-viewer`),
  remove(`${guarded}/services/web`),
];

/** Who is who and who may do what: answers 401 and 403 in full, reviews, impersonation, roles and bindings. */
export const accessSteps: readonly Exchange[] = [
  ...accountSteps,
  ...refusalSteps,
  ...grantSteps,
  ...reviewSteps,
  ...impersonationSteps,
  ...escalationSteps,
  ...validationSteps,
];
