// Names as the resolver of the place tells them: `node resolve.ts a|aaaa|cname NAME` prints a sorted JSON list.
import { resolve4, resolve6, resolveCname } from "node:dns/promises";

const [kind = "", name = ""] = process.argv.slice(2);
const resolve = { a: resolve4, aaaa: resolve6, cname: resolveCname }[kind];
if (resolve === undefined) throw new Error(`${kind}: give a, aaaa or cname`);
process.stdout.write(JSON.stringify((await resolve(name)).toSorted()));
