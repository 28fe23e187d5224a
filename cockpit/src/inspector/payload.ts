/** Payload of one step by role and pointer, on the bare client, in the pieces the server gives. */

import { bulkQuery } from "../graphql/bulk";

/** Where a payload is: a role of a step of a run. */
export interface Place {
  readonly run: string;
  readonly sequence: string;
  readonly role: string;
}

export interface Preview {
  /** object, array, string, bytes, number, boolean or null. */
  readonly type: string;
  /** Bytes; null when it was not loaded. */
  readonly size: string | null;
  /** Entries of a container. */
  readonly count: number | null;
  readonly truncated: boolean;
  /** Of strings; both ends of a truncated one. */
  readonly text: string | null;
  /** Of other values, unless truncated. */
  readonly json: unknown;
}

export interface Items {
  readonly total: number;
  readonly keys: readonly string[] | null;
  readonly values: readonly unknown[];
}

const PREVIEW = `query Preview($run: ID!, $sequence: BigInt!, $role: String!, $pointer: String!, $most: Int!) {
  run(id: $run) { step(sequence: $sequence) { artifact(role: $role) {
    preview(pointer: $pointer, maxBytes: $most) { type size count truncated text json }
  } } }
}`;

const ITEMS = `query Items($run: ID!, $sequence: BigInt!, $role: String!, $pointer: String!, $from: Int!, $first: Int!) {
  run(id: $run) { step(sequence: $sequence) { artifact(role: $role) {
    items(pointer: $pointer, from: $from, first: $first) { total keys values }
  } } }
}`;

interface Answer<Field> {
  readonly run: { readonly step: { readonly artifact: Field | null } | null } | null;
}

export const PREVIEW_BYTES = 65_536;
export const PAGE = 200;
/** Answers that are kept; payload of a step never changes once it can be read. */
const KEPT = 256;
const kept = new Map<string, Promise<unknown>>();

async function once<T>(key: string, ask: () => Promise<T>): Promise<T> {
  const held = kept.get(key);
  // Keys name the question, so what is kept under one has its type.
  if (held) return held as Promise<T>;
  const asked = ask();
  kept.set(key, asked);
  asked.catch(() => kept.delete(key));
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
  return asked;
}

/** A look at the value: whole when it is small, both ends of a long text, else only its size. */
export function preview(place: Place, pointer: string, most = PREVIEW_BYTES): Promise<Preview> {
  const variables = { ...place, pointer, most };
  return once(`preview ${JSON.stringify(variables)}`, async () => {
    const data = await bulkQuery<Answer<{ preview: Preview }>>(PREVIEW, variables);
    return found(data).preview;
  });
}

/** Up to 200 entries of a list or an object. */
export function items(place: Place, pointer: string, from: number, first = PAGE): Promise<Items> {
  const variables = { ...place, pointer, from, first };
  return once(`items ${JSON.stringify(variables)}`, async () => {
    const data = await bulkQuery<Answer<{ items: Items }>>(ITEMS, variables);
    return found(data).items;
  });
}

function found<Field>(data: Answer<Field>): Field {
  const artifact = data.run?.step?.artifact;
  if (!artifact) throw new Error("This payload is not there.");
  return artifact;
}

/** A key as a part of a JSON pointer (RFC 6901). */
export function pointerPart(key: string | number): string {
  return `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Whether `value` only says that it was too large to be sent with its siblings. */
export function isLeftOut(value: unknown): value is { $truncated: true; size: number } {
  return typeof value === "object" && value !== null && "$truncated" in value;
}
