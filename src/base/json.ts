/**
 * A generated model type as it looks on the wire: the Kubernetes client declares time stamps as `Date`,
 * we keep the JSON that the API server sent, where they are strings.
 */
export type Json<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? Json<U>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T;
