/** The text in at most so many bytes of UTF-8, without cutting a character; `…` stands for what is left out. */
export function cutText(text: string, bytes: number): string {
  const buffer = Buffer.from(text);
  if (buffer.length <= bytes) return text;
  const kept = buffer.subarray(0, bytes - Buffer.byteLength("…")).toString();
  return `${kept.replace(/\uFFFD$/, "")}…`;
}
