/** A long file seen from both ends: which bytes are here, which come next, and their text. Pure. */

/** Bytes that are loaded unasked from the beginning of a file. */
export const HEAD_BYTES = 65_536;
/** Bytes of the end of a long one. */
export const TAIL_BYTES = 16_384;
/** Bytes that one press loads. */
export const MORE_BYTES = 262_144;
/** Bytes of text on one page; more is for a download. */
export const MOST_BYTES = 2_097_152;

/** [0, head) and [tail, size) are here; `tail` is `size` while the end is not. */
export interface Held {
  readonly size: number;
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

/** Bytes between both ends that are not here. */
export function missing({ size, head, tail }: Held): number {
  return Math.max(0, size - head.length - tail.length);
}

/** The next range that grows the beginning; null when nothing is missing, or the page is full. */
export function nextRange(held: Held): { readonly from: number; readonly to: number } | null {
  const left = missing(held);
  if (left === 0 || held.head.length + held.tail.length >= MOST_BYTES) return null;
  const from = held.head.length;
  return { from, to: from + Math.min(left, MORE_BYTES) };
}

export function grown(held: Held, bytes: Uint8Array): Held {
  return { ...held, head: joined(held.head, bytes) };
}

export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Text of both ends; one text and an empty end once nothing is missing between them. */
export function textOf(held: Held): { readonly head: string; readonly tail: string } {
  if (missing(held) === 0) return { head: decoded(joined(held.head, held.tail)), tail: "" };
  const start = held.tail.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return {
    head: new TextDecoder().decode(held.head, { stream: true }),
    tail: decoded(held.tail.subarray(start < 0 ? held.tail.length : start)),
  };
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The JSON value of a text that looks like a container; undefined when it is none. */
export function jsonOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Lines of a hex dump, 16 bytes each, of the first `most` bytes. */
export function hexLines(bytes: Uint8Array, most = 256): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(most, bytes.length); at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, most))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·"));
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text.join("")}`);
  }
  return lines;
}
