/** Short forms of ids and digests. The whole value stays in titles and on the clipboard. */

/** First 8 characters of a digest. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 8);
}

/** Last 4 characters of a run id, upper case: time-ordered ids share their beginnings. */
export function runTag(runId: string): string {
  return runId.replaceAll("-", "").slice(-4).toUpperCase();
}

/** `#412`. */
export function stepNumber(sequence: number | string): string {
  return `#${sequence}`;
}
