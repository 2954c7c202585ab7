import { sandbox } from "../sandbox.ts";
import { keepCaches } from "./caches.ts";
import { followRestores } from "./restores.ts";
import { writeThroughFaults } from "./writers.ts";

keepCaches(sandbox);
followRestores(sandbox);
writeThroughFaults(sandbox);
