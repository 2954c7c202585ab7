const inBrackets = /\s*\(request[ -]?id[^()]*\)/gi;
const bare = /[\s,;]*\b(?:x-[a-z-]+-)?request[ -]?id\b["']?\s*[:=]?\s*["']?[\w-]{8,}["']?/gi;

/** An outside system's words without what differs at each try: equal failures read equal. Logs keep all of it. */
export function withoutRequestIds(text: string): string {
  return text.replace(inBrackets, "").replace(bare, "");
}
