/** Into how many parts the clients are divided; a target of 100 serves about ten of them. */
const slotCount = 1024;

/**
 * Which of the names owns each slot, by rendezvous hashing: when a name goes, only its own slots move, and when it
 * comes back it gets the same ones. `names` must not be empty.
 */
export function slotOwners(names: readonly string[]): readonly string[] {
  const seeds = names.map((name) => ({ name, seed: fnv1a(name) }));
  return Array.from({ length: slotCount }, (_, slot) => {
    const scored = seeds.map(({ name, seed }) => ({ name, score: mix(seed ^ Math.imul(slot + 1, 0x9e3779b1)) }));
    return scored.reduce((best, next) =>
      next.score > best.score || (next.score === best.score && next.name < best.name) ? next : best,
    ).name;
  });
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
