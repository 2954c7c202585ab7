import type { z } from "zod";

/** `T` as one may write into it: what is `readonly` to others is none to zod. */
type Writable<T> = T extends readonly (infer U)[]
  ? Writable<U>[]
  : T extends object
    ? { -readonly [K in keyof T]: Writable<T[K]> }
    : T;

/** `T` with no field optional, so that a field too few is seen by whoever compares. */
type Full<T> = T extends readonly (infer U)[]
  ? Full<U>[]
  : T extends object
    ? { [K in keyof T]-?: Full<NonNullable<T[K]>> }
    : T;

type Same<A, B> = [A, B] extends [B, A] ? true : false;

/** Whether the schema takes every `T`, gives nothing but `T`, and knows the same fields. */
type Exactly<T, S extends z.ZodType> = [Writable<T>, z.output<S>, Same<Full<z.output<S>>, Full<T>>] extends [
  z.input<S>,
  T,
  true,
]
  ? unknown
  : never;

/** The schema, if the type checker agrees that it is that of the plain type `T`. */
export function exactly<T>(): <S extends z.ZodType>(schema: S & Exactly<T, S>) => z.ZodType<T> {
  return (schema) => schema as z.ZodType<T>;
}
